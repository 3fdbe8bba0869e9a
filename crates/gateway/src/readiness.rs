//! Whether the servers behind the routes can be reached, as all instances together know it.
//!
//! A server that is down takes out what is behind it alone: its route where nothing else is there, and the instance where no
//! route is left.
//!
//! Anybody may ask, as often as they like, and every answer comes of a look at the servers that was over: one's own, or
//! that of somebody else, which is in the store. So while every look succeeds, nobody is told "not ready". A look is good
//! for [`FRESH`] seconds, in which nobody looks again. After that, the first to ask looks, and the others go on with the
//! last outcome for as long as it is [`USABLE`]. Where there is none, they wait for a moment, and then look themselves:
//! who looks can end at any moment.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use gatehouse_configuration::RoutePath;
use gatehouse_configuration::gateway::Server;
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};
use http::Uri;

use crate::answer::{Arrival, Transfers};
use crate::{Clock, Milliseconds, Refusal, UpstreamTimeouts};

/// What came of the last look, and when it began.
const OUTCOME: Kind = "readiness";
/// A counter for each period: who increments it to 1 looks.
const LOOK: Kind = "readiness-look";
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

/// How much of something can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// All of it.
    Ready,
    /// A part of it.
    Partly,
    /// Nothing of it.
    NotReady,
}

impl Readiness {
    /// That of a whole with these parts. A whole without parts is not ready.
    fn of(parts: impl IntoIterator<Item = Self>) -> Self {
        let (mut is_any_ready, mut is_any_not) = (false, false);
        for part in parts {
            is_any_ready |= part != Self::NotReady;
            is_any_not |= part != Self::Ready;
        }
        match (is_any_ready, is_any_not) {
            (true, false) => Self::Ready,
            (true, true) => Self::Partly,
            (false, _) => Self::NotReady,
        }
    }
}

/// That of every route, from that of its servers.
pub fn of_routes(servers: &[Server], is_usable: impl Fn(&Server) -> bool) -> BTreeMap<&str, Readiness> {
    let mut parts: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for server in servers {
        let readiness = if is_usable(server) { Readiness::Ready } else { Readiness::NotReady };
        parts.entry(RoutePath::as_str(&server.route)).or_default().push(readiness);
    }
    parts.into_iter().map(|(route, parts)| (route, Readiness::of(parts))).collect()
}

/// That of the instance, from that of its routes.
pub fn of_all(routes: &BTreeMap<&str, Readiness>) -> Readiness {
    Readiness::of(routes.values().copied())
}

/// The addresses that a look asks: each once, however many routes it is behind.
#[derive(Debug)]
pub struct Addresses<'a> {
    urls: Vec<&'a Uri>,
    /// What the outcome of a look is stored under: instances with another configuration ask other servers.
    id: String,
}

impl<'a> Addresses<'a> {
    /// Those of the servers.
    pub fn of(servers: &'a [Server]) -> Self {
        let (mut urls, mut hasher) = (Vec::new(), DefaultHasher::new());
        for Server { url, .. } in servers {
            if !urls.contains(&url) {
                url.hash(&mut hasher);
                urls.push(url);
            }
        }
        Self { urls, id: format!("{:016x}", hasher.finish()) }
    }

    /// In the order of [`Answered`].
    pub fn urls(&self) -> impl Iterator<Item = &'a Uri> {
        self.urls.iter().copied()
    }

    /// Whether the server gave some answer.
    pub fn has_answered(&self, server: &Server, answered: &Answered) -> bool {
        self.urls.iter().zip(answered).any(|(url, answered)| **url == server.url && *answered)
    }
}

/// Which of the [`Addresses`] gave some answer.
pub type Answered = Vec<bool>;

/// What somebody who asks does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Answers this.
    Answer(Answered),
    /// Looks, [`note`]s what came of it, and answers that.
    Look,
    /// Waits for a part of [`LONGEST_WAIT`], and asks again.
    Wait,
}

/// What somebody does who has asked `waited` milliseconds ago for the first time.
///
/// # Errors
/// Where the store does not answer; then nothing is ready.
pub fn ask(
    store: &impl Store,
    addresses: &Addresses<'_>,
    now: UnixTime,
    waited: u64,
) -> Result<Next, StoreUnavailable> {
    let known = Outcome::last(store, addresses, now)?;
    match known {
        Some(outcome) if outcome.age(now) < FRESH => return Ok(Next::Answer(outcome.answered)),
        // Whoever has waited has asked for the look before, in vain.
        None if waited >= LONGEST_WAIT => return Ok(Next::Look),
        None if waited > 0 => return Ok(Next::Wait),
        Some(_) | None => {}
    }
    let end = (now.seconds() / FRESH).saturating_add(1).saturating_mul(FRESH);
    let is_first = store.increment(&Key::new(LOOK, &addresses.id, UnixTime::from_seconds(end))?, 1)? == 1;
    Ok(match known {
        _ if is_first => Next::Look,
        Some(outcome) => Next::Answer(outcome.answered),
        None => Next::Wait,
    })
}

/// Which of the addresses gave some answer when somebody looked last; `None` where nobody has looked in the last [`USABLE`] seconds.
///
/// # Errors
/// Where the store does not answer.
pub fn last(
    store: &impl Store,
    addresses: &Addresses<'_>,
    now: UnixTime,
) -> Result<Option<Answered>, StoreUnavailable> {
    Ok(Outcome::last(store, addresses, now)?.map(|outcome| outcome.answered))
}

/// Notes what came of a look that began at `began`, for everybody.
///
/// # Errors
/// Where the store does not answer; then nothing is ready.
pub fn note(
    store: &impl Store,
    addresses: &Addresses<'_>,
    began: UnixTime,
    answered: &Answered,
) -> Result<(), StoreUnavailable> {
    let key = Key::new(OUTCOME, &addresses.id, OUTCOMES.end_of_new(began))?;
    store.put(&key, Outcome { began, answered: answered.clone() }.to_text().as_bytes())
}

/// Which of the servers gave some answer, as of at most [`USABLE`] seconds ago. `look` asks all of them.
///
/// # Errors
/// Where the store does not answer; then nothing is ready.
pub fn known(
    store: &impl Store,
    clock: &impl Clock,
    addresses: &Addresses<'_>,
    look: impl FnOnce() -> Answered,
) -> Result<Answered, StoreUnavailable> {
    let (started, mut waited) = (clock.elapsed(), 0);
    loop {
        match ask(store, addresses, clock.now(), waited)? {
            Next::Answer(answered) => return Ok(answered),
            Next::Look => {
                let began = clock.now();
                let answered = look();
                note(store, addresses, began, &answered)?;
                return Ok(answered);
            }
            Next::Wait => {
                clock.wait(ASK_EVERY);
                waited = clock.elapsed().saturating_sub(started).max(1);
            }
        }
    }
}

/// Waits until every server has given some answer, and says which did: without credentials a refusal will do. `not_ready` is
/// told of those that gave none, by their number, and why.
pub fn who_answers(
    clock: &impl Clock,
    transfers: &mut impl Transfers,
    servers: usize,
    mut not_ready: impl FnMut(usize, Refusal),
) -> Answered {
    let (deadline, mut answered) = (clock.elapsed().saturating_add(LOOK_TIME), vec![false; servers]);
    while !transfers.are_over() && clock.elapsed() < deadline {
        match transfers.next(deadline.saturating_sub(clock.elapsed())) {
            Arrival::Head(number, _) => {
                transfers.abandon(number);
                answered.get_mut(number).into_iter().for_each(|answered| *answered = true);
            }
            Arrival::NoAnswer(number, reason) => not_ready(number, reason.into()),
            Arrival::Piece(..) | Arrival::End(_) | Arrival::Broken(_) | Arrival::Nothing => {}
        }
    }
    answered
}

/// What came of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    began: UnixTime,
    answered: Answered,
}

impl Outcome {
    /// The last one that still counts.
    fn last(store: &impl Store, addresses: &Addresses<'_>, now: UnixTime) -> Result<Option<Self>, StoreUnavailable> {
        for end in OUTCOMES.possible_ends(now) {
            let value = store.get(&Key::new(OUTCOME, &addresses.id, end)?)?;
            let outcome = value.and_then(|value| Self::parse(&value, addresses.urls.len()));
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

    /// A digit for each server, and when it began.
    fn to_text(&self) -> String {
        let digits: String = self.answered.iter().map(|answered| if *answered { '1' } else { '0' }).collect();
        format!("{digits} {}", self.began)
    }

    fn parse(value: &[u8], servers: usize) -> Option<Self> {
        let (digits, began) = core::str::from_utf8(value).ok()?.split_once(' ')?;
        let digit = |digit: u8| match digit {
            b'1' => Some(true),
            b'0' => Some(false),
            _ => None,
        };
        let answered = digits.bytes().map(digit).collect::<Option<Answered>>()?;
        let began = UnixTime::from_seconds(began.parse().ok()?);
        (answered.len() == servers).then_some(Self { began, answered })
    }
}

#[cfg(test)]
mod tests;
