//! Taking requests from their rates.

use core::time::Duration;

use gatehouse_configuration::{Counted, Rate, Route};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

use crate::counters;
use crate::standing::{Item, Standing};
use crate::window::Window;

/// Requests in a window.
const REQUESTS: Kind = "requests";

/// Whose requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The user or machine.
    pub subject: &'a str,
    /// The OAuth client.
    pub client_id: &'a str,
}

/// Whether a request is within all rates.
#[derive(Debug)]
pub enum Verdict {
    /// It is, and counts.
    Within(Taken),
    /// It is over at least one, and does not count.
    Exceeded {
        /// The rates that it is over.
        standing: Standing,
        /// Seconds after which it would be within all rates, if nothing else came: the value of `Retry-After`.
        retry_after: u64,
    },
}

/// What was counted.
#[derive(Debug, Default)]
pub struct Taken {
    standing: Standing,
    increments: Vec<(Key, i64)>,
}

impl Taken {
    /// What to tell the caller.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// This and what was counted further on.
    #[must_use]
    pub fn and(mut self, further: Self) -> Self {
        self.increments.extend(further.increments);
        Self { standing: self.standing.and(further.standing), ..self }
    }

    /// Takes the increments back: the request was refused further on.
    ///
    /// # Errors
    /// Where the store does not answer; then some of it still counts.
    pub fn give_back(self, store: &impl Store) -> Result<(), StoreUnavailable> {
        self.increments.iter().try_for_each(|(key, by)| store.increment(key, -by).map(drop))
    }
}

/// Counts `requests` of `caller`, at once, in the rates that are per subject, client and route.
///
/// `now` is the time since the Unix epoch, in fractions of a second as fine as the clock has them. Several requests are
/// the messages of a batch: all or none are within.
///
/// # Errors
/// Where the store does not answer: the caller must deny, and some of it may count.
pub fn take(
    store: &impl Store,
    now: Duration,
    route: &Route,
    caller: &Caller<'_>,
    requests: u32,
) -> Result<Verdict, StoreUnavailable> {
    let mut quotas = Quotas::of(route);
    for rate in &route.rates {
        match &rate.per {
            Counted::Subject => quotas.count(rate, "subject", &[caller.subject], requests),
            Counted::Client => quotas.count(rate, "client", &[caller.client_id], requests),
            Counted::Route => quotas.count(rate, "route", &[], requests),
            Counted::Tool(_) => {}
        }
    }
    quotas.take(store, now)
}

/// Counts calls of `tools` by `caller` in the rates that are per tool; a tool that stands there twice is called twice.
///
/// # Errors
/// As [`take`].
pub fn take_tools(
    store: &impl Store,
    now: Duration,
    route: &Route,
    caller: &Caller<'_>,
    tools: &[&str],
) -> Result<Verdict, StoreUnavailable> {
    let mut quotas = Quotas::of(route);
    let (mut distinct, mut all) = (tools.to_vec(), tools.to_vec());
    all.sort_unstable();
    distinct.sort_unstable();
    distinct.dedup();
    for rate in &route.rates {
        let Counted::Tool(patterns) = &rate.per else { continue };
        for tool in distinct.iter().filter(|tool| patterns.iter().any(|pattern| pattern.matches(tool))) {
            let calls = all.iter().filter(|called| *called == tool).count();
            quotas.count(rate, "tool", &[caller.subject, tool], u32::try_from(calls).unwrap_or(u32::MAX));
        }
    }
    quotas.take(store, now)
}

/// What is to be counted, each counter once.
struct Quotas<'a> {
    route: &'a Route,
    quotas: Vec<Quota>,
}

/// A counter, how much it is to be incremented, and up to where.
struct Quota {
    policy: String,
    id: String,
    /// Milliseconds.
    length: u64,
    amount: u32,
    most: u32,
}

impl<'a> Quotas<'a> {
    fn of(route: &'a Route) -> Self {
        Self { route, quotas: Vec::new() }
    }

    /// `whom`: what is counted together, within the route and the kind.
    fn count(&mut self, rate: &Rate, kind: &str, whom: &[&str], amount: u32) {
        if amount == 0 {
            return;
        }
        let seconds = rate.seconds.to_string();
        let id = counters::id(&[&[self.route.path.as_str(), kind, &seconds], whom].concat());
        // Two rates that count the same are one: the lower.
        if let Some(known) = self.quotas.iter_mut().find(|known| known.id == id) {
            known.most = known.most.min(rate.requests);
            return;
        }
        let same_kind = |other: &&Rate| core::mem::discriminant(&other.per) == core::mem::discriminant(&rate.per);
        let is_only = self.route.rates.iter().filter(same_kind).all(|other| other.seconds == rate.seconds);
        let policy = if is_only { kind.to_owned() } else { format!("{kind}-{seconds}") };
        let length = u64::from(rate.seconds.max(1)) * 1_000;
        self.quotas.push(Quota { policy, id, length, amount, most: rate.requests });
    }

    fn take(&self, store: &impl Store, now: Duration) -> Result<Verdict, StoreUnavailable> {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let mut taken = Taken::default();
        let mut over = Standing::default();
        let mut wait = None;
        // One after the other: who is over the first is never counted in the second, where he could push another over.
        let mut quotas = self.quotas.iter();
        for quota in quotas.by_ref() {
            let amount = i64::from(quota.amount);
            let window = quota.increment(store, now, amount)?;
            taken.increments.push((quota.key(now / quota.length)?, amount));
            if window.exceeds(u64::from(quota.most)) {
                let without = Window { current: window.current.saturating_sub(u64::from(quota.amount)), ..window };
                wait = Some(quota.wait(&without));
                over.add(quota.item(&without));
                break;
            }
            taken.standing.add(quota.item(&window));
        }
        let Some(mut wait) = wait else { return Ok(Verdict::Within(taken)) };
        taken.give_back(store)?;
        // The others only say whether they would refuse for longer.
        for quota in quotas {
            let window = quota.increment(store, now, 0)?;
            let with = Window { current: window.current.saturating_add(u64::from(quota.amount)), ..window };
            if with.exceeds(u64::from(quota.most)) {
                wait = wait.max(quota.wait(&window));
                over.add(quota.item(&window));
            }
        }
        Ok(Verdict::Exceeded { standing: over, retry_after: seconds(wait).max(1) })
    }
}

impl Quota {
    /// Increments the counter of the window that `now`, in milliseconds, is in.
    fn increment(&self, store: &impl Store, now: u64, amount: i64) -> Result<Window, StoreUnavailable> {
        let index = now / self.length;
        let count = |sum: i64| u64::try_from(sum).unwrap_or(0);
        let current = count(store.increment(&self.key(index)?, amount)?);
        let previous = match index.checked_sub(1) {
            Some(previous) => count(store.increment(&self.key(previous)?, 0)?),
            None => 0,
        };
        Ok(Window { previous, current, elapsed: now % self.length, length: self.length })
    }

    /// The counter of a window exists to the end of the next one, in which it still matters.
    fn key(&self, index: u64) -> Result<Key, StoreUnavailable> {
        let end = index.saturating_add(2).saturating_mul(self.length / 1_000);
        Ok(Key::new(REQUESTS, &self.id, UnixTime::from_seconds(end))?)
    }

    fn item(&self, window: &Window) -> Item {
        let quota = u64::from(self.most);
        let remaining = window.remaining(quota);
        let one_more = quota.saturating_sub(remaining.saturating_add(1));
        Item {
            policy: self.policy.clone(),
            quota,
            window: self.length / 1_000,
            remaining,
            reset: seconds(window.milliseconds_until(one_more)),
        }
    }

    /// Milliseconds until what is to be counted would be within.
    fn wait(&self, window: &Window) -> u64 {
        window.milliseconds_until(u64::from(self.most.saturating_sub(self.amount)))
    }
}

/// Whole seconds that are enough.
const fn seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1_000)
}

#[cfg(test)]
mod tests;
