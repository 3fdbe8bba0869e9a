//! A channel, its writers and its reader, and a store that instances share.

use std::sync::Mutex;

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealing::HandleSecret;
use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, KeyPage, Store, StoreUnavailable};

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

/// A store that several threads share, as instances share one.
pub(crate) struct SharedStore(pub(crate) Mutex<MemoryStore>);

impl Store for SharedStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.0.lock().unwrap().get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.0.lock().unwrap().put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.0.lock().unwrap().delete(key)
    }

    fn increment(&self, key: &Key, delta: i64) -> Result<i64, StoreUnavailable> {
        self.0.lock().unwrap().increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.0.lock().unwrap().list(cursor)
    }
}

/// A store that goes down after so many operations.
pub(crate) struct Failing<'a> {
    store: &'a MemoryStore,
    left: core::cell::Cell<usize>,
}

impl<'a> Failing<'a> {
    pub(crate) fn after(operations: usize, store: &'a MemoryStore) -> Self {
        Self { store, left: operations.into() }
    }

    fn tick(&self) -> Result<(), StoreUnavailable> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| StoreUnavailable("down".to_owned()))?;
        self.left.set(left);
        Ok(())
    }
}

impl Store for Failing<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.tick().and_then(|()| self.store.get(key))
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.tick().and_then(|()| self.store.put(key, value))
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.tick().and_then(|()| self.store.delete(key))
    }

    fn increment(&self, key: &Key, delta: i64) -> Result<i64, StoreUnavailable> {
        self.tick().and_then(|()| self.store.increment(key, delta))
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.tick().and_then(|()| self.store.list(cursor))
    }
}
