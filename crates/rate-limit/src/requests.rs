//! Taking requests from their rates.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use gatehouse_configuration::{Counted, Pattern, Rate, Route};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable, giving_back, still_taken};

use crate::counters;
use crate::names::Name;
use crate::standing::{Item, Standing};
use crate::window::Window;

/// Requests in a window, and those of them that were refused, as given back.
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
    increments: Vec<(Key, u32)>,
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

    /// The same for good: it counts, whatever becomes of the request further on.
    #[must_use]
    pub fn for_good(self) -> Self {
        Self { increments: Vec::new(), ..self }
    }

    /// Takes the increments back: the request was refused further on.
    ///
    /// # Errors
    /// Where the store does not answer; then some of it still counts.
    pub fn give_back(self, store: &impl Store) -> Result<(), StoreUnavailable> {
        self.increments
            .iter()
            .filter(|(_, by)| *by > 0)
            .try_for_each(|(key, by)| store.increment(key, giving_back(*by)).map(drop))
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
    let mut quotas = Quotas::of(route.path.as_str(), &route.rates);
    for rate in &route.rates {
        match &rate.per {
            Counted::Subject => quotas.count(rate, "subject", &[caller.subject], None, requests),
            Counted::Client => quotas.count(rate, "client", &[caller.client_id], None, requests),
            Counted::Route => quotas.count(rate, "route", &[], None, requests),
            Counted::Address | Counted::Tool(_) => {}
        }
    }
    quotas.take(store, now)
}

/// How the rates of a route stand that count a subject's requests, or those of all where no subject is given. Counts nothing.
///
/// # Errors
/// Where the store does not answer.
pub fn standing(
    store: &impl Store,
    now: Duration,
    route: &Route,
    subject: Option<&str>,
) -> Result<Standing, StoreUnavailable> {
    let mut quotas = Quotas::of(route.path.as_str(), &route.rates);
    for rate in &route.rates {
        match (&rate.per, subject) {
            (Counted::Subject, Some(subject)) => quotas.count(rate, "subject", &[subject], None, 1),
            (Counted::Route, None) => quotas.count(rate, "route", &[], None, 1),
            _ => {}
        }
    }
    let (mut standing, now) = (Standing::default(), u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    for quota in &quotas.quotas {
        let (window, _) = quota.increment(store, now, 0)?;
        standing.add(quota.item(&window));
    }
    Ok(standing)
}

/// Counts a request of an address in those of `rates` that are per address, before it is known whose it is.
///
/// `place` is what they are the rates of: the path of a route, or nothing for the authorization server's own endpoints. `address` is what is counted
/// together.
///
/// # Errors
/// As [`take`].
pub fn take_of_address(
    store: &impl Store,
    now: Duration,
    place: &str,
    rates: &[Rate],
    address: &str,
) -> Result<Verdict, StoreUnavailable> {
    let mut quotas = Quotas::of(place, rates);
    for rate in rates.iter().filter(|rate| rate.per == Counted::Address) {
        quotas.count(rate, "address", &[address], None, 1);
    }
    quotas.take(store, now)
}

/// Counts calls of `tools` by `caller` in the rates that are per tool; a tool that stands there twice is called twice. A
/// tool that no rate names but by a pattern may be one that the server does not have ([`crate::MOST_NAMES`]).
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
    let mut quotas = Quotas::of(route.path.as_str(), &route.rates);
    let mut calls = BTreeMap::<&str, u32>::new();
    for tool in tools {
        let calls = calls.entry(tool).or_default();
        *calls = calls.saturating_add(1);
    }
    for rate in &route.rates {
        let Counted::Tool(patterns) = &rate.per else { continue };
        for (tool, calls) in &calls {
            let mut matching = patterns.iter().filter(|pattern| pattern.matches(tool)).peekable();
            if matching.peek().is_some() {
                let made_up = (!matching.any(Pattern::is_one_name)).then_some(*tool);
                quotas.count(rate, "tool", &[caller.subject, tool], made_up, *calls);
            }
        }
    }
    quotas.take(store, now)
}

/// What is to be counted, each counter once.
struct Quotas<'a> {
    /// What the rates are of.
    place: &'a str,
    rates: &'a [Rate],
    quotas: Vec<Quota>,
    /// Where each stands, by its id.
    places: HashMap<String, usize>,
}

/// A counter, how much it is to be incremented, and up to where.
struct Quota {
    policy: String,
    id: String,
    /// Where it is of a name that the client may have made up.
    name: Option<Name>,
    /// Milliseconds.
    length: u64,
    amount: u32,
    most: u32,
}

impl<'a> Quotas<'a> {
    fn of(place: &'a str, rates: &'a [Rate]) -> Self {
        Self { place, rates, quotas: Vec::new(), places: HashMap::new() }
    }

    /// `whom`: what is counted together, within the route and the kind, the subject first. `made_up`: the name in it that
    /// nobody here knows.
    fn count(&mut self, rate: &Rate, kind: &str, whom: &[&str], made_up: Option<&str>, amount: u32) {
        if amount == 0 {
            return;
        }
        let seconds = rate.seconds.to_string();
        let common = [self.place, kind, &seconds];
        let id = counters::id(&[&common, whom].concat());
        let name = made_up.map(|tool| {
            let group = [&common, whom.get(..1).unwrap_or_default()].concat();
            Name::of(&group, id.clone(), tool)
        });
        // Two rates that count the same are one: the lower. A name that one of them knows is known.
        if let Some(known) = self.places.get(&id).and_then(|place| self.quotas.get_mut(*place)) {
            known.most = known.most.min(rate.requests);
            known.name = known.name.take().and(name);
            return;
        }
        self.places.insert(id.clone(), self.quotas.len());
        let same_kind = |other: &&Rate| core::mem::discriminant(&other.per) == core::mem::discriminant(&rate.per);
        let is_only = self.rates.iter().filter(same_kind).all(|other| other.seconds == rate.seconds);
        let policy = if is_only { kind.to_owned() } else { format!("{kind}-{seconds}") };
        let length = u64::from(rate.seconds.max(1)) * 1_000;
        self.quotas.push(Quota { policy, id, name, length, amount, most: rate.requests });
    }

    fn take(&self, store: &impl Store, now: Duration) -> Result<Verdict, StoreUnavailable> {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let mut taken = Taken::default();
        let mut over = Standing::default();
        let mut wait = None;
        // One after the other: who is over the first is never counted in the second, where he could push another over.
        let mut quotas = self.quotas.iter();
        for quota in quotas.by_ref() {
            // What can never be within is not even counted.
            let counted = if quota.amount <= quota.most { quota.amount } else { 0 };
            let (window, counter) = quota.increment(store, now, counted)?;
            taken.increments.push((counter, counted));
            if counted == 0 || window.exceeds(u64::from(quota.most)) {
                let without = Window { current: window.current.saturating_sub(u64::from(counted)), ..window };
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
            let (window, _) = quota.increment(store, now, 0)?;
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
    /// Increments the counter of the window that `now`, in milliseconds, is in; which one it is.
    fn increment(&self, store: &impl Store, now: u64, amount: u32) -> Result<(Window, Key), StoreUnavailable> {
        let index = now / self.length;
        let (end, end_before) = (self.end(index), index.checked_sub(1).map(|index| self.end(index)));
        let (id, before) = match &self.name {
            None => (self.id.as_str(), Some(self.id.as_str())),
            Some(name) => {
                let counted = name.counted(store, end, end_before)?;
                (counted.id, counted.before)
            }
        };
        let counter = Key::new(REQUESTS, id, end)?;
        let current = still_taken(store.increment(&counter, u64::from(amount))?);
        let previous = match (before, end_before) {
            (Some(id), Some(end)) => still_taken(store.increment(&Key::new(REQUESTS, id, end)?, 0)?),
            (None, _) | (_, None) => 0,
        };
        let window = Window { previous, current, elapsed: now % self.length, length: self.length };
        Ok((window, counter))
    }

    /// The counter of a window exists to the end of the next one, in which it still matters.
    fn end(&self, index: u64) -> UnixTime {
        UnixTime::from_seconds(index.saturating_add(2).saturating_mul(self.length / 1_000))
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
