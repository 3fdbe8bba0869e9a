//! The bucket, opened once in an instance.

use std::cell::RefCell;

use shell_adapter::{STORE, StoreError};

use crate::bindings::wasi::keyvalue0_2_0_draft::store::{self, Bucket};

thread_local! {
    /// Opening is not free: on Redis it makes a connection of its own, on NATS it asks the server for the bucket.
    static OPENED: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

/// What `act` answers of the bucket. After an error, the next operation opens the bucket again: the connection behind it may be gone,
/// and an instance can live for hours.
pub(crate) fn with<T>(act: impl FnOnce(&Bucket) -> Result<T, store::Error>) -> Result<T, StoreError> {
    let bucket = match OPENED.take() {
        Some(bucket) => bucket,
        None => store::open(STORE).map_err(refused)?,
    };
    let answer = act(&bucket).map_err(refused)?;
    OPENED.set(Some(bucket));
    Ok(answer)
}

fn refused(error: store::Error) -> StoreError {
    match error {
        store::Error::NoSuchStore => StoreError::NoSuchStore,
        store::Error::AccessDenied => StoreError::AccessDenied,
        store::Error::Other(reason) => StoreError::Other(reason),
    }
}
