//! How many streams a subject has open at a route.
//!
//! An instance can end at any moment without closing anything, so a stream counts only for as long as it says that it is
//! there: it is counted in the minute that it is in and in the next one, and every minute in one more. What no longer
//! says so is forgotten before two minutes are over.

use gatehouse_configuration::Route;
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

use crate::counters;

/// Streams in a minute.
const STREAMS: Kind = "streams";
/// Seconds.
const MINUTE: u64 = 60;

/// A stream that counts. Whoever ends the stream [`close`]s it.
#[derive(Debug)]
pub struct OpenStream {
    id: String,
    most: u32,
    /// The numbers of the minutes that it counts in: two, or three for the moment when it goes on.
    minutes: Vec<u64>,
}

/// Whether a stream may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It may.
    Open,
    /// It had not said for too long that it is there, and its place was taken: it must end, and no longer counts.
    Lost,
}

/// Counts a stream of `subject`; `None` where as many as the route allows are open.
///
/// # Errors
/// Where the store does not answer: the caller must deny, and the stream may count until the end of the next minute.
pub fn open(
    store: &impl Store,
    now: UnixTime,
    route: &Route,
    subject: &str,
) -> Result<Option<OpenStream>, StoreUnavailable> {
    let id = counters::id(&[route.path.as_str(), "streams", subject]);
    let minute = now.seconds() / MINUTE;
    let mut stream = OpenStream { id, most: route.limits.streams_per_subject, minutes: Vec::new() };
    // Both minutes decide. Two instances whose clocks do not quite agree on the minute meet in one of them.
    if stream.enter(store, minute)? && stream.enter(store, minute.saturating_add(1))? {
        return Ok(Some(stream));
    }
    stream.leave(store)?;
    Ok(None)
}

/// Says that a stream is there. Call it a few times in each minute; only one of the calls asks the store.
///
/// # Errors
/// Where the store does not answer: the next call tries again, and the caller may go on meanwhile.
pub fn keep(store: &impl Store, now: UnixTime, stream: &mut OpenStream) -> Result<Kept, StoreUnavailable> {
    let minute = now.seconds() / MINUTE;
    let next = minute.saturating_add(1);
    if stream.minutes.contains(&next) {
        return Ok(Kept::Open);
    }
    stream.minutes.retain(|counted| *counted >= minute);
    // Who comes in time is among those who were let in before; who comes late must find a place as anybody else.
    let is_late = stream.minutes.is_empty();
    let has_place = !is_late || stream.enter(store, minute)?;
    if has_place && (stream.enter(store, next)? || !is_late) {
        return Ok(Kept::Open);
    }
    stream.leave(store)?;
    Ok(Kept::Lost)
}

/// The stream has ended. Where this is not called, it counts until the end of the next minute.
///
/// # Errors
/// Where the store does not answer; it is then as if this had not been called.
pub fn close(store: &impl Store, now: UnixTime, mut stream: OpenStream) -> Result<(), StoreUnavailable> {
    // Minutes that are over count nobody any more.
    let minute = now.seconds() / MINUTE;
    stream.minutes.retain(|counted| *counted >= minute);
    stream.leave(store)
}

impl OpenStream {
    /// Counts the stream in a minute, and says whether it has a place there.
    fn enter(&mut self, store: &impl Store, minute: u64) -> Result<bool, StoreUnavailable> {
        let count = store.increment(&self.key(minute)?, 1)?;
        self.minutes.push(minute);
        Ok(count <= i64::from(self.most))
    }

    /// Counts it in no minute any more.
    fn leave(&mut self, store: &impl Store) -> Result<(), StoreUnavailable> {
        while let Some(minute) = self.minutes.pop() {
            store.increment(&self.key(minute)?, -1)?;
        }
        Ok(())
    }

    /// A minute's counter exists for a minute more, for an instance whose clock is behind.
    fn key(&self, minute: u64) -> Result<Key, StoreUnavailable> {
        let end = minute.saturating_add(2).saturating_mul(MINUTE);
        Ok(Key::new(STREAMS, &self.id, UnixTime::from_seconds(end))?)
    }
}

#[cfg(test)]
mod tests;
