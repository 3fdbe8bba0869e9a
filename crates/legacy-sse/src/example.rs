//! A channel, its writers and its reader.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::Store;
use gatehouse_storage::memory::MemoryStore;

use crate::{Channel, Cursor, Rejection, open, post, take_next};

pub(crate) const START: UnixTime = UnixTime::from_seconds(1_800_000_000);
const LIFETIME: u64 = 8 * 3_600;

/// Repeatable, and different for every call.
pub(crate) struct Counting(pub(crate) u64);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        for (byte, value) in bytes.iter_mut().zip(self.0.to_be_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

pub(crate) fn channel(number: u8) -> Channel {
    Channel { secret: HandleSecret::from_slice(&[number; 32]).unwrap(), expires_at: START.plus(LIFETIME) }
}

/// A store with an open channel.
pub(crate) fn opened() -> (MemoryStore, Channel) {
    let (store, channel) = (MemoryStore::at(START), channel(1));
    open(&store, &channel).unwrap();
    (store, channel)
}

pub(crate) fn write(store: &impl Store, channel: &Channel, message: &str) -> Result<(), Rejection> {
    post(store, channel, message.as_bytes(), START, &mut Counting(message.len() as u64))
}

pub(crate) fn write_all(store: &impl Store, channel: &Channel, messages: &[&str]) {
    messages.iter().for_each(|message| write(store, channel, message).unwrap());
}

/// A writer that dies between its number and its message.
pub(crate) fn die(store: &impl Store, channel: &Channel) {
    channel.count(store, 1).unwrap();
}

/// What is read so many seconds after the start.
pub(crate) fn read(store: &impl Store, channel: &Channel, cursor: &mut Cursor, seconds: u64) -> Vec<String> {
    let messages = take_next(store, channel, cursor, START.plus(seconds)).unwrap();
    messages.into_iter().map(|message| String::from_utf8(message).unwrap()).collect()
}
