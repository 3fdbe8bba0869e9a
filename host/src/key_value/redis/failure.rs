//! What went wrong, in the words of the store.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::one_line;
use crate::key_value::outcome::KeyValueError;

/// The store's error for one of Redis. Its text is for the log: the server's own words, or the system's.
pub(super) fn failure(error: &RedisError) -> KeyValueError {
    KeyValueError::Database(one_line(&error.to_string()))
}

/// The same of an increment. Redis says in words alone that the key holds no counter.
pub(super) fn failure_of_increment(error: &RedisError) -> KeyValueError {
    let text = error.to_string();
    if text.contains("would overflow") {
        KeyValueError::CounterOverflow
    } else if text.contains("is not an integer") || text.contains("WRONGTYPE") {
        KeyValueError::NotACounter
    } else {
        failure(error)
    }
}

/// Whether another connection can do better than the one that gave this: it broke, or leads to a server that is no longer (or not
/// yet) the one to ask.
pub(super) fn asks_for_another_connection(error: &RedisError) -> bool {
    let elsewhere = matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading)
    );
    elsewhere || error.is_io_error() || error.is_unrecoverable_error()
}
