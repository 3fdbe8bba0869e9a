//! Whether the servers behind the routes can be reached, as all instances together know it.
//!
//! Anybody may ask, as often as they like, and every answer comes of a look at the servers that was over: one's own, or
//! that of somebody else, which is in the store. So while every look succeeds, nobody is told "not ready". A look is good
//! for [`FRESH`] seconds, in which nobody looks again. After that, the first to ask looks, and the others go on with the
//! last outcome for as long as it is [`USABLE`]. Where there is none, they wait for a moment, and then look themselves:
//! who looks can end at any moment.

use std::collections::BTreeSet;

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};

use crate::answer::{Arrival, Transfers};
use crate::{Clock, Milliseconds, Refusal, UpstreamTimeouts};

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
pub const LONGEST_WAIT: u64 = 300;

/// How often somebody who waits for the first look asks whether it is over.
const ASK_EVERY: Milliseconds = LONGEST_WAIT / 6;
/// For all servers together.
const LOOK_TIME: Milliseconds = 6_000;
/// To connect to a server, and for its answer.
pub const TIMEOUTS: UpstreamTimeouts = UpstreamTimeouts { connect: 5, first_byte: 5, between_bytes: 5 };

const OUTCOMES: Periods = Periods::of_seconds(USABLE);

/// What somebody who asks does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Answers this.
    Answer(bool),
    /// Looks, [`note`]s what came of it, and answers that.
    Look,
    /// Waits for a part of [`LONGEST_WAIT`], and asks again.
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
        None if waited >= LONGEST_WAIT => return Ok(Next::Look),
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

/// Whether every server gave some answer, as of at most [`USABLE`] seconds ago. `look` asks all of them.
///
/// # Errors
/// Where the store does not answer; then nothing is ready.
pub fn known(store: &impl Store, clock: &impl Clock, look: impl FnOnce() -> bool) -> Result<bool, StoreUnavailable> {
    let (started, mut waited) = (clock.elapsed(), 0);
    loop {
        match ask(store, clock.now(), waited)? {
            Next::Answer(is_ready) => return Ok(is_ready),
            Next::Look => {
                let began = clock.now();
                let is_ready = look();
                note(store, began, is_ready)?;
                return Ok(is_ready);
            }
            Next::Wait => {
                clock.wait(ASK_EVERY);
                waited = clock.elapsed().saturating_sub(started).max(1);
            }
        }
    }
}

/// Waits until every server has given some answer: without credentials a refusal will do. `not_ready` is told of those that
/// gave none, by their number, and why.
pub fn all_answer(
    clock: &impl Clock,
    transfers: &mut impl Transfers,
    servers: usize,
    mut not_ready: impl FnMut(usize, Refusal),
) -> bool {
    let (deadline, mut answered) = (clock.elapsed().saturating_add(LOOK_TIME), BTreeSet::new());
    while !transfers.are_over() && clock.elapsed() < deadline {
        match transfers.next(deadline.saturating_sub(clock.elapsed())) {
            Arrival::Head(number, _) => {
                transfers.abandon(number);
                answered.insert(number);
            }
            Arrival::NoAnswer(number, reason) => not_ready(number, reason.into()),
            Arrival::Piece(..) | Arrival::End(_) | Arrival::Broken(_) | Arrival::Nothing => {}
        }
    }
    answered.len() == servers
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
