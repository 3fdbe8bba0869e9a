//! Writing.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::Store;

use crate::entries::{LARGEST_MESSAGE, MESSAGE};
use crate::{Channel, Rejection};

/// How many messages may wait. One counts for one more with each 16 KiB that it has, so that all of them together are
/// no more than 16 MiB. Writers who race for the last place can be one too many each.
pub const MOST_WAITING: u64 = 1_000;

/// How often a message gets a number, where the reader had passed over the one before.
const ATTEMPTS: usize = 3;

/// Bytes that one number stands for.
const BYTES_PER_NUMBER: usize = 16 * 1024;

/// Writes `message` into the channel.
///
/// # Errors
/// [`Rejection::Closed`] where nobody will read it, [`Rejection::Full`] where nobody reads quickly enough,
/// [`Rejection::TooLarge`], and [`Rejection::Unavailable`] where the store does not answer: then it may or may not be
/// read.
pub fn post(
    store: &impl Store,
    channel: &Channel,
    message: &[u8],
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<(), Rejection> {
    if channel.has_expired(now) {
        return Err(Rejection::Closed);
    }
    if message.len() > LARGEST_MESSAGE {
        return Err(Rejection::TooLarge);
    }
    let numbers = numbers(message);
    for _ in 0..ATTEMPTS {
        // Looked at first: a number that was handed out must be used, or the reader waits for it.
        let read = channel.read(store, 0)?;
        let before = channel.state(store)?;
        if before.is_closed {
            return Err(Rejection::Closed);
        }
        if before.last.saturating_sub(read).saturating_add(numbers) > MOST_WAITING {
            return Err(Rejection::Full);
        }
        let state = channel.count(store, numbers)?;
        if state.is_closed {
            return Err(Rejection::Closed);
        }
        let number = (state.last + 1).saturating_sub(numbers);
        channel.put(store, MESSAGE, number, message, entropy)?;
        if !is_passed_over(store, channel, number)? {
            return Ok(());
        }
        store.delete(&channel.key(MESSAGE, number)?)?;
    }
    Err(Rejection::Unavailable("the reader passed over the message each time".to_owned()))
}

/// Whether the message was written so late that the reader had passed over its number, and will not read it.
fn is_passed_over(store: &impl Store, channel: &Channel, number: u64) -> Result<bool, Rejection> {
    // The reader removes what it takes before it says how far it is.
    let is_there = || store.get(&channel.key(MESSAGE, number)?).map(|message| message.is_some());
    Ok(channel.read(store, 0)? >= number && is_there()? && channel.decides(store, number)?)
}

/// How many numbers a message takes.
pub(crate) fn numbers(message: &[u8]) -> u64 {
    (message.len() / BYTES_PER_NUMBER) as u64 + 1
}
