//! Permits for requests that last: open streams, and calls whose server takes its time.
//!
//! A permit is one of those that a subject has at a route, of those that it has at all routes, of those that the route has,
//! and of those that there are in all. An instance can end at any moment without giving anything back, so a permit counts only for as long as somebody
//! says that it is taken: it is counted in the minute that it is in and in the next one, and every minute in one more.
//! What nobody speaks for any more is forgotten before two minutes are over.
//!
//! Nothing is counted downwards, because some hosts' stores can only add: who leaves is counted in a second counter.

use core::cmp::Ordering;

use gatehouse_configuration::Route;
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

use crate::counters;

/// Who came, in a minute.
const PLACES: Kind = "places";
/// Who of them has left.
const LEFT: Kind = "places-left";
/// Says that a subject's calls have taken all their permits.
const CALLS_FULL: Kind = "calls-full";
/// Seconds.
const MINUTE: u64 = 60;
/// Seconds for which [`CALLS_FULL`] counts at the least, and half of those for which it counts at most.
const FULL_FOR: u64 = 5;

/// What lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongRequestKind {
    /// A stream that listens, from its beginning.
    Stream,
    /// Any other request, once it has waited for a while.
    Call,
}

impl LongRequestKind {
    fn name(self) -> &'static str {
        match self {
            Self::Stream => "streams",
            Self::Call => "calls",
        }
    }
}

/// Who asks for a permit, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct PermitRequest<'a> {
    /// Where, and how many there are for a subject and for the route.
    pub route: &'a Route,
    /// The user or machine.
    pub subject: &'a str,
    /// For what.
    pub kind: LongRequestKind,
    /// How many there are for a subject at all routes, for streams and calls together.
    pub of_subject: u32,
    /// How many there are for all subjects at all routes.
    pub in_all: u32,
}

/// What comes of request.
#[derive(Debug)]
pub enum Acquisition {
    /// The permit. Whoever ends what has it [`release`]s it.
    Granted(Permit),
    /// All are taken.
    Exhausted(ExhaustedLimit),
}

/// Whose permits are all taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExhaustedLimit {
    /// The subject's, at the route.
    Subject,
    /// The subject's, at all routes.
    AllOfSubject,
    /// The route's.
    Route,
    /// Everybody's.
    All,
}

/// A permit.
#[derive(Debug)]
pub struct Permit {
    counters: [Counter; 4],
    /// The counters, by number, and the minutes in which it counts: two, or three for the moment when it goes on.
    counted: Vec<(usize, u64)>,
    /// Whether it was the last of the subject's.
    is_last: bool,
}

/// Whether a permit may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It may.
    Held,
    /// Nobody had spoken for it for too long, and all of these are taken now: what had it must end, and no longer counts.
    Lost(ExhaustedLimit),
}

/// Takes a permit.
///
/// # Errors
/// Where the store does not answer: the caller must deny, and a permit may count until the end of the next minute.
pub fn acquire(
    store: &impl Store,
    now: UnixTime,
    request: &PermitRequest<'_>,
) -> Result<Acquisition, StoreUnavailable> {
    let mut permit = Permit { counters: request.counters(), counted: Vec::new(), is_last: false };
    let minute = now.seconds() / MINUTE;
    // Both minutes decide. Two instances whose clocks do not quite agree on the minute meet in one of them.
    for minute in [minute, minute.saturating_add(1)] {
        if let Some(full) = permit.enter(store, minute)? {
            permit.leave(store)?;
            if full == ExhaustedLimit::Subject {
                permit.tell(store, now)?;
            }
            return Ok(Acquisition::Exhausted(full));
        }
    }
    if permit.is_last {
        permit.tell(store, now)?;
    }
    Ok(Acquisition::Granted(permit))
}

/// Says that a permit is taken. Call it a few times in each minute; only one of the calls asks the store.
///
/// # Errors
/// Where the store does not answer: the next call tries again, and the caller may go on meanwhile.
pub fn renew(store: &impl Store, now: UnixTime, permit: &mut Permit) -> Result<Renewal, StoreUnavailable> {
    let minute = now.seconds() / MINUTE;
    let next = minute.saturating_add(1);
    if permit.counts_in(next) {
        return Ok(Renewal::Held);
    }
    permit.counted.retain(|(_, counted)| *counted >= minute);
    // Who comes in time is among those who were let in before; who comes late must find a permit as anybody else.
    if permit.counts_in(minute) {
        permit.stay(store, next)?;
        return Ok(Renewal::Held);
    }
    for minute in [minute, next] {
        if let Some(full) = permit.enter(store, minute)? {
            permit.leave(store)?;
            return Ok(Renewal::Lost(full));
        }
    }
    Ok(Renewal::Held)
}

/// Gives a permit back. Where this is not called, it counts until the end of the next minute.
///
/// # Errors
/// Where the store does not answer; it is then as if this had not been called.
pub fn release(store: &impl Store, now: UnixTime, mut permit: Permit) -> Result<(), StoreUnavailable> {
    // Minutes that are over count nobody any more.
    let minute = now.seconds() / MINUTE;
    permit.counted.retain(|(_, counted)| *counted >= minute);
    permit.leave(store)?;
    permit.full(now)?.iter().try_for_each(|note| store.delete(note))
}

/// How many permits are taken at the moment: at a route for one kind of requests, or at all routes; of all subjects, or of one.
///
/// # Errors
/// Where the store does not answer.
pub fn held(
    store: &impl Store,
    now: UnixTime,
    at: Option<(&str, LongRequestKind)>,
    subject: Option<&str>,
) -> Result<u64, StoreUnavailable> {
    let at = at.map(|(path, kind)| [path, kind.name()]);
    let parts: Vec<&str> = at.into_iter().flatten().chain(subject).collect();
    let counter = Counter { whose: ExhaustedLimit::All, id: counters::id(&parts), most: 0, tells: false };
    let minute = now.seconds() / MINUTE;
    let who_left = store.increment(&counter.left(minute)?, 0)?;
    Ok(store.increment(&counter.came(minute)?, 0)?.saturating_sub(who_left))
}

/// The key of a note that is there where a call of `subject` at the route `path` would find no permit, as far as that is known
/// before it is made: with one look, and without counting it. Who took the last permit, or found none, has left the note; it
/// counts for 5 to 10 seconds and is removed when a permit becomes free.
///
/// # Errors
/// Where no key can be made.
pub fn calls_full_note(now: UnixTime, path: &str, subject: &str) -> Result<Key, StoreUnavailable> {
    let [note, _] = full(now, &counters::id(&[path, LongRequestKind::Call.name(), subject]))?;
    Ok(note)
}

/// Whether there is such a note: one read, for whom nobody has looked with another question.
///
/// # Errors
/// Where the store does not answer.
pub fn calls_are_full(store: &impl Store, now: UnixTime, path: &str, subject: &str) -> Result<bool, StoreUnavailable> {
    Ok(store.get(&calls_full_note(now, path, subject)?)?.is_some())
}

impl PermitRequest<'_> {
    /// That of the subject at the route, of which a call asks for a note alone ([`calls_full_note`]).
    fn counter_of_subject(&self) -> Counter {
        let limits = &self.route.limits;
        let most = match self.kind {
            LongRequestKind::Stream => limits.streams_per_subject,
            LongRequestKind::Call => limits.calls_per_subject,
        };
        let id = counters::id(&[self.route.path.as_str(), self.kind.name(), self.subject]);
        Counter { whose: ExhaustedLimit::Subject, id, most, tells: self.kind == LongRequestKind::Call }
    }

    /// The subject first: who has taken all of his is never counted among the others, where he could push somebody out.
    fn counters(&self) -> [Counter; 4] {
        let limits = &self.route.limits;
        let per_route = match self.kind {
            LongRequestKind::Stream => limits.streams_per_route,
            LongRequestKind::Call => limits.calls_per_route,
        };
        let (path, what) = (self.route.path.as_str(), self.kind.name());
        let counter = |whose, parts: &[&str], most| Counter { whose, id: counters::id(parts), most, tells: false };
        [
            self.counter_of_subject(),
            counter(ExhaustedLimit::AllOfSubject, &[self.subject], self.of_subject),
            counter(ExhaustedLimit::Route, &[path, what], per_route),
            counter(ExhaustedLimit::All, &[], self.in_all),
        ]
    }
}

impl Permit {
    /// Counts it in a minute; whose permits are all taken, if some are.
    fn enter(&mut self, store: &impl Store, minute: u64) -> Result<Option<ExhaustedLimit>, StoreUnavailable> {
        for (number, counter) in self.counters.iter().enumerate() {
            if self.counted.contains(&(number, minute)) {
                continue;
            }
            match counter.enter(store, minute, &mut self.counted, number)? {
                Entered::Within => {}
                Entered::Last => self.is_last |= counter.whose == ExhaustedLimit::Subject,
                Entered::Beyond => return Ok(Some(counter.whose)),
            }
        }
        Ok(None)
    }

    /// Leaves a note that the subject's permits are all taken, where others look for one.
    fn tell(&self, store: &impl Store, now: UnixTime) -> Result<(), StoreUnavailable> {
        self.full(now)?.iter().try_for_each(|note| store.put(note, b"full"))
    }

    /// The notes that say so, where there are any.
    fn full(&self, now: UnixTime) -> Result<Vec<Key>, StoreUnavailable> {
        let telling = self.counters.iter().filter(|counter| counter.tells);
        let notes = telling.map(|counter| full(now, &counter.id)).collect::<Result<Vec<_>, _>>()?;
        Ok(notes.into_iter().flatten().collect())
    }

    /// Counts it in a minute, however many permits are taken.
    fn stay(&mut self, store: &impl Store, minute: u64) -> Result<(), StoreUnavailable> {
        for (number, counter) in self.counters.iter().enumerate() {
            if !self.counted.contains(&(number, minute)) {
                store.increment(&counter.came(minute)?, 1)?;
                self.counted.push((number, minute));
            }
        }
        Ok(())
    }

    /// Counts it in no minute any more.
    fn leave(&mut self, store: &impl Store) -> Result<(), StoreUnavailable> {
        while let Some((number, minute)) = self.counted.pop() {
            if let Some(counter) = self.counters.get(number) {
                store.increment(&counter.left(minute)?, 1)?;
            }
        }
        Ok(())
    }

    fn counts_in(&self, minute: u64) -> bool {
        (0..self.counters.len()).all(|number| self.counted.contains(&(number, minute)))
    }
}

/// Permits that are counted together.
#[derive(Debug)]
struct Counter {
    whose: ExhaustedLimit,
    id: String,
    most: u32,
    /// Whether others are told that all are taken.
    tells: bool,
}

/// Where one more stands among those who are counted.
enum Entered {
    /// There are more permits.
    Within,
    /// It has the last one.
    Last,
    /// It has none.
    Beyond,
}

impl Counter {
    /// Counts one more in a minute. Whether or not there was a permit, it has to leave, as `counted` says.
    fn enter(
        &self,
        store: &impl Store,
        minute: u64,
        counted: &mut Vec<(usize, u64)>,
        number: usize,
    ) -> Result<Entered, StoreUnavailable> {
        // Who left is read before who comes is counted. Whoever leaves in between seems to be there, and nobody who is there
        // seems to have left, so never are more let in than there are permits. Nor are fewer, of those who come at once: the
        // first of them to be counted are as many as there are free permits, and who is one too many comes after them.
        let who_left = store.increment(&self.left(minute)?, 0)?;
        let who_came = store.increment(&self.came(minute)?, 1)?;
        counted.push((number, minute));
        Ok(match who_came.saturating_sub(who_left).cmp(&u64::from(self.most)) {
            Ordering::Less => Entered::Within,
            Ordering::Equal => Entered::Last,
            Ordering::Greater => Entered::Beyond,
        })
    }

    fn came(&self, minute: u64) -> Result<Key, StoreUnavailable> {
        self.key(PLACES, minute)
    }

    fn left(&self, minute: u64) -> Result<Key, StoreUnavailable> {
        self.key(LEFT, minute)
    }

    /// A minute's counter exists for a minute more, for an instance whose clock is behind.
    fn key(&self, kind: Kind, minute: u64) -> Result<Key, StoreUnavailable> {
        let end = minute.saturating_add(2).saturating_mul(MINUTE);
        Ok(Key::new(kind, &self.id, UnixTime::from_seconds(end))?)
    }
}

/// The notes that all permits of this counter are taken. Each ends with a period, this one or the next, so that who looks for
/// one knows its name.
fn full(now: UnixTime, id: &str) -> Result<[Key; 2], StoreUnavailable> {
    let end = |periods| (now.seconds() / FULL_FOR).saturating_add(periods).saturating_mul(FULL_FOR);
    let note = |periods| Key::new(CALLS_FULL, id, UnixTime::from_seconds(end(periods)));
    Ok([note(1)?, note(2)?])
}

#[cfg(test)]
mod tests;
