//! A store in memory, for the tests of the crates that decide. It has the contract of the real ones, and can be made
//! to fail.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use gatehouse_protocol::UnixTime;

use crate::{Key, KeyPage, Store, StoreUnavailable};

/// The store. Its clock stands where the test puts it.
#[derive(Debug)]
pub struct MemoryStore {
    entries: RefCell<BTreeMap<String, Entry>>,
    now: Cell<UnixTime>,
    down: Cell<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Value(Vec<u8>),
    Counter(u64),
}

impl MemoryStore {
    /// An empty store whose clock stands at `now`.
    pub fn at(now: UnixTime) -> Self {
        Self { entries: RefCell::default(), now: Cell::new(now), down: Cell::new(false) }
    }

    /// Sets the clock.
    pub fn set_now(&self, now: UnixTime) {
        self.now.set(now);
    }

    /// From now on nothing answers.
    pub fn go_down(&self) {
        self.down.set(true);
    }

    /// Everything in the store, as text, to compare before and after.
    pub fn snapshot(&self) -> String {
        format!("{:?}", self.entries.borrow())
    }

    /// The values in the store, to search for what must not be there.
    pub fn values(&self) -> Vec<Vec<u8>> {
        let values = |entry: &Entry| match entry {
            Entry::Value(value) => Some(value.clone()),
            Entry::Counter(_) => None,
        };
        self.entries.borrow().values().filter_map(values).collect()
    }

    /// What every counter in the store says, by its name.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        let counter = |(name, entry): (&String, &Entry)| match entry {
            Entry::Counter(count) => Some((name.clone(), *count)),
            Entry::Value(_) => None,
        };
        self.entries.borrow().iter().filter_map(counter).collect()
    }

    fn up(&self) -> Result<(), StoreUnavailable> {
        if self.down.get() { Err(StoreUnavailable("down".to_owned())) } else { Ok(()) }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.up()?;
        match self.entries.borrow().get(&key.to_string()) {
            _ if key.has_expired(self.now.get()) => Ok(None),
            Some(Entry::Value(value)) => Ok(Some(value.clone())),
            Some(Entry::Counter(_)) => Err(StoreUnavailable("a counter was read as a value".to_owned())),
            None => Ok(None),
        }
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.up()?;
        let mut entries = self.entries.borrow_mut();
        if let Some(Entry::Counter(_)) = entries.get(&key.to_string()) {
            return Err(StoreUnavailable("a counter was written as a value".to_owned()));
        }
        entries.insert(key.to_string(), Entry::Value(value.to_vec()));
        Ok(())
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.up()?;
        self.entries.borrow_mut().remove(&key.to_string());
        Ok(())
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.up()?;
        let mut entries = self.entries.borrow_mut();
        match entries.entry(key.to_string()).or_insert(Entry::Counter(0)) {
            Entry::Counter(count) => {
                *count = count.saturating_add(delta);
                Ok(*count)
            }
            Entry::Value(_) => Err(StoreUnavailable("a value was incremented".to_owned())),
        }
    }

    fn list(&self, _cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.up()?;
        let keys = self.entries.borrow().keys().filter_map(|name| Key::parse(name)).collect();
        Ok(KeyPage { keys, next: None })
    }
}

/// One store that several threads share, as instances share one.
impl Store for Mutex<MemoryStore> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        whole(self)?.get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        whole(self)?.put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        whole(self)?.delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        whole(self)?.increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        whole(self)?.list(cursor)
    }
}

fn whole(store: &Mutex<MemoryStore>) -> Result<MutexGuard<'_, MemoryStore>, StoreUnavailable> {
    store.lock().map_err(|_| StoreUnavailable("somebody failed while writing".to_owned()))
}

/// A store that answers so many operations and then no more: to the caller it is down, to the others the caller has
/// vanished.
#[derive(Debug)]
pub struct FailingStore<'a> {
    store: &'a MemoryStore,
    answers: Cell<usize>,
}

impl<'a> FailingStore<'a> {
    /// What is left of `store` when it answers `answers` operations.
    pub fn after(answers: usize, store: &'a MemoryStore) -> Self {
        Self { store, answers: Cell::new(answers) }
    }

    fn answering(&self) -> Result<&'a MemoryStore, StoreUnavailable> {
        let left = self.answers.get().checked_sub(1).ok_or_else(|| StoreUnavailable("gone".to_owned()))?;
        self.answers.set(left);
        Ok(self.store)
    }
}

impl Store for FailingStore<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.answering()?.get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.answering()?.put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.answering()?.delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.answering()?.increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.answering()?.list(cursor)
    }
}
