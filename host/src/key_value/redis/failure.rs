//! What went wrong, in the words of the store.

use ::redis::{RedisError, ServerErrorKind};

use crate::error::one_line;
use crate::key_value::outcome::KeyValueError;

/// The store's error for one of Redis. Its text is for the log: the server's own words, or the system's. Of a command that it does not
/// know, Redis repeats the arguments; they are left out.
pub(super) fn failure(error: &RedisError) -> KeyValueError {
    let text = error.to_string();
    KeyValueError::Database(one_line(text.split(", with args").next().unwrap_or_default()))
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

/// Whether the connection that gave this can be of no further use.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

/// Whether the server is no longer, or not yet, the one to ask.
pub(super) fn is_of_wrong_server(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown, ReadOnly};
    // The kind of a transaction says only that it was given up; why is said of each command.
    let errors = error.clone().into_server_errors();
    let mut kinds = errors.iter().flat_map(|errors| errors.iter()).filter_map(|(_, error)| error.kind());
    kinds.any(|kind| matches!(kind, ReadOnly | MasterDown | BusyLoading))
}
