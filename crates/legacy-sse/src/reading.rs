//! Reading.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::Store;

use crate::entries::MESSAGE;
use crate::message;
use crate::{Channel, Rejection};

/// Seconds for which the reader waits for the message of a number that was handed out. Its writer needs one more call of
/// the store for it; one that died in between must not hold up the others for ever. Whoever comes later still sees that, and writes
/// the message under another number.
const PATIENCE: u64 = 5;

/// How far a reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The next number.
    next: u64,
    /// Up to where the store knows of it.
    noted: u64,
    /// For what it waits.
    wait: Option<Wait>,
}

/// The message of a number is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait {
    since: UnixTime,
    /// The last number that had been handed out by then.
    up_to: u64,
}

impl Cursor {
    /// At the beginning of a channel that was just opened.
    pub const fn new() -> Self {
        Self::at(0)
    }

    /// Where an earlier reader of the channel had come to. Of the messages that it took, none comes again.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn resume(store: &impl Store, channel: &Channel) -> Result<Self, Rejection> {
        Ok(Self::at(channel.read(store, 0)?))
    }

    const fn at(read: u64) -> Self {
        Self { next: read.saturating_add(1), noted: read, wait: None }
    }

    /// Goes on behind so many numbers.
    fn pass(&mut self, numbers: u64) {
        self.next = self.next.saturating_add(numbers);
    }

    /// Whether what does not come has been waited for long enough. `last` is the last number that was handed out.
    fn gives_up(&mut self, last: u64, now: UnixTime) -> bool {
        // What was handed out when the wait began has been waited for as long, whichever number was first.
        let wait = match self.wait {
            // Were the clock set back, the wait would have no end.
            Some(wait) if self.next <= wait.up_to && wait.since <= now => wait,
            _ => Wait { since: now, up_to: last },
        };
        self.wait = Some(wait);
        wait.since.seconds_until(now) > PATIENCE
    }

    /// Lets the writers know how far the reader is.
    fn note(&mut self, store: &impl Store, channel: &Channel) -> Result<(), Rejection> {
        self.note_up_to(self.next.saturating_sub(1), store, channel)
    }

    /// Lets the writers know that no number up to `read` is waited for.
    fn note_up_to(&mut self, read: u64, store: &impl Store, channel: &Channel) -> Result<(), Rejection> {
        let more = read.saturating_sub(self.noted);
        if more > 0 {
            channel.read(store, more)?;
            self.noted = read;
        }
        Ok(())
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes the messages that have come, in the order of their numbers; none where nothing has. Whoever takes them must
/// deliver them: they are not there any more.
///
/// # Errors
/// [`Rejection::Closed`] where none will come any more, [`Rejection::Unavailable`] where the store does not answer; a
/// later call goes on where this one stopped.
pub fn take_next(
    store: &impl Store,
    channel: &Channel,
    cursor: &mut Cursor,
    now: UnixTime,
) -> Result<Vec<Vec<u8>>, Rejection> {
    let state = channel.state(store)?;
    if state.is_closed || channel.has_expired(now) {
        return Err(Rejection::Closed);
    }
    let mut messages = Vec::new();
    let taken = take_up_to(state.last, &mut messages, store, channel, cursor, now);
    let noted = taken.and_then(|()| cursor.note(store, channel));
    match noted {
        // What was taken is delivered, whatever comes next; where the store is down, the next call says so.
        Err(error) if messages.is_empty() => Err(error),
        Ok(()) | Err(_) => Ok(messages),
    }
}

fn take_up_to(
    last: u64,
    messages: &mut Vec<Vec<u8>>,
    store: &impl Store,
    channel: &Channel,
    cursor: &mut Cursor,
    now: UnixTime,
) -> Result<(), Rejection> {
    while cursor.next <= last {
        let number = cursor.next;
        // Whose writers were told so: a writer that comes now sees that it is late, and one that came before is seen here.
        let is_passed_over = number <= cursor.noted;
        match channel.get(store, MESSAGE, number)? {
            Some(_) if is_passed_over && !channel.decides(store, number)? => cursor.pass(1),
            Some(Ok(message)) => {
                cursor.pass(message::numbers(&message));
                messages.push(message.to_vec());
                store.delete(&channel.key(MESSAGE, number)?)?;
            }
            // Altered in the store: nobody can read it.
            Some(Err(_)) => {
                cursor.pass(1);
                store.delete(&channel.key(MESSAGE, number)?)?;
            }
            None if is_passed_over => cursor.pass(1),
            None if cursor.gives_up(last, now) => cursor.note_up_to(number, store, channel)?,
            None => return Ok(()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod late;
#[cfg(test)]
mod tests;
