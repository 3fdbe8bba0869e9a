//! The buckets of the store. That of the entries is opened once in an instance.

use std::cell::RefCell;

use gatehouse_counters::Page;
use shell_adapter::{STORE, StoreError};

use crate::bindings::wasi::keyvalue0_2_0_draft::store::{self, Error};
use crate::bindings::wasi::keyvalue0_2_0_draft::{atomics, batch};
use crate::race;

thread_local! {
    /// Opening is not free: on Redis it makes a connection of its own, on NATS it asks the server for the bucket.
    static OPENED: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

/// A bucket that was opened.
pub(crate) struct Bucket(store::Bucket);

impl Bucket {
    /// Opens the bucket with this name. NATS makes one where there is none.
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
        store::open(name).map(Self)
    }
}

/// What `act` answers of the bucket of the entries. After an error, the next operation opens the bucket again: the connection behind it
/// may be gone, and an instance can live for hours.
pub(crate) fn with<T>(act: impl FnOnce(&Bucket) -> Result<T, Error>) -> Result<T, StoreError> {
    let bucket = match OPENED.take() {
        Some(bucket) => bucket,
        None => Bucket::open(STORE).map_err(refused)?,
    };
    let answer = act(&bucket).map_err(refused)?;
    OPENED.set(Some(bucket));
    Ok(answer)
}

fn refused(error: Error) -> StoreError {
    match error {
        Error::NoSuchStore => StoreError::NoSuchStore,
        Error::AccessDenied => StoreError::AccessDenied,
        Error::Other(reason) => StoreError::Other(reason),
    }
}

impl From<&'static str> for Error {
    fn from(reason: &'static str) -> Self {
        Self::Other(reason.to_owned())
    }
}

impl gatehouse_counters::Bucket for Bucket {
    type Error = Error;

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(name)
    }

    fn get_many(&self, names: &[String]) -> Result<Vec<(String, Vec<u8>)>, Error> {
        Ok(batch::get_many(&self.0, names)?.into_iter().flatten().collect())
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.0.set(name, value)
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        self.0.delete(name)
    }

    fn increment(&self, name: &str, delta: u64) -> Result<u64, Error> {
        race::won(|| atomics::increment(&self.0, name, delta))
    }

    fn list(&self, cursor: Option<u64>) -> Result<Page, Error> {
        let page = self.0.list_keys(cursor)?;
        Ok((page.keys, page.cursor))
    }
}
