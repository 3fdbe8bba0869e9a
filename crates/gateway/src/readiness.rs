//! Whether the servers behind the routes can be reached, as all instances together know it.
//!
//! Anybody may ask, as often as they like, and every answer comes of a look at the servers that was over: one's own, or
//! that of somebody else, which is in the store. So while every look succeeds, nobody is told "not ready". A look is good
//! for [`FRESH`] seconds, in which nobody looks again. After that, the first to ask looks, and the others go on with the
//! last outcome for as long as it is [`USABLE`]. Where there is none, they wait for a moment, and then look themselves:
//! who looks can end at any moment.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};

/// What came of the last look, and when it began.
const OUTCOME: Kind = "readiness";
/// A counter for each period: who increments it to 1 looks.
const LOOK: Kind = "readiness-look";
/// There is one of each kind.
const ALL: &str = "all";

/// Seconds for which a look is good.
pub const FRESH: u64 = 10;
/// Seconds after which what a look saw is not said any more.
pub const USABLE: u64 = 20;
/// Milliseconds for which others wait for the first look.
pub const PATIENCE: u64 = 300;

const OUTCOMES: Periods = Periods::of_seconds(USABLE);

/// What somebody who asks does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Answers this.
    Answer(bool),
    /// Looks, [`note`]s what came of it, and answers that.
    Look,
    /// Waits for a part of [`PATIENCE`], and asks again.
    Wait,
}

/// What somebody does who has asked `waited` milliseconds ago for the first time.
///
/// # Errors
/// Where the store does not answer; then nothing is ready.
pub fn ask(store: &impl Store, now: UnixTime, waited: u64) -> Result<Next, StoreUnavailable> {
    let known = Outcome::last(store, now)?;
    match known {
        Some(outcome) if outcome.age(now) < FRESH => return Ok(Next::Answer(outcome.is_ready)),
        // Whoever has waited has asked for the look before, in vain.
        None if waited >= PATIENCE => return Ok(Next::Look),
        None if waited > 0 => return Ok(Next::Wait),
        Some(_) | None => {}
    }
    let end = (now.seconds() / FRESH).saturating_add(1).saturating_mul(FRESH);
    let is_first = store.increment(&Key::new(LOOK, ALL, UnixTime::from_seconds(end))?, 1)? == 1;
    Ok(match known {
        _ if is_first => Next::Look,
        Some(outcome) => Next::Answer(outcome.is_ready),
        None => Next::Wait,
    })
}

/// Notes what came of a look that began at `began`, for everybody.
///
/// # Errors
/// Where the store does not answer; then nothing is ready.
pub fn note(store: &impl Store, began: UnixTime, is_ready: bool) -> Result<(), StoreUnavailable> {
    let key = Key::new(OUTCOME, ALL, OUTCOMES.end_of_new(began))?;
    store.put(&key, Outcome { began, is_ready }.to_text().as_bytes())
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    began: UnixTime,
    is_ready: bool,
}

impl Outcome {
    /// The last one that still counts.
    fn last(store: &impl Store, now: UnixTime) -> Result<Option<Self>, StoreUnavailable> {
        for end in OUTCOMES.possible_ends(now) {
            let value = store.get(&Key::new(OUTCOME, ALL, end)?)?;
            let outcome = value.and_then(|value| Self::parse(&value));
            if let Some(outcome) = outcome.filter(|outcome| outcome.counts(now)) {
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }

    /// Clocks of two instances may differ a little; an outcome of the far future counts for nothing.
    fn counts(&self, now: UnixTime) -> bool {
        self.age(now) < USABLE && now.seconds_until(self.began) < USABLE
    }

    /// In seconds.
    fn age(&self, now: UnixTime) -> u64 {
        self.began.seconds_until(now)
    }

    fn to_text(self) -> String {
        format!("{} {}", if self.is_ready { "ready" } else { "not-ready" }, self.began)
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (outcome, began) = core::str::from_utf8(value).ok()?.split_once(' ')?;
        let is_ready = match outcome {
            "ready" => true,
            "not-ready" => false,
            _ => return None,
        };
        Some(Self { began: UnixTime::from_seconds(began.parse().ok()?), is_ready })
    }
}

#[cfg(test)]
mod tests;
