//! Where a counter is.

use crate::store::number;

/// Begins the name of where a counter is.
const KIND: &str = "counter.";

/// Where a counter is of which this stands under its name. An earlier version kept the counter itself there.
pub(crate) fn place<E: From<&'static str>>(name: &str, value: &[u8]) -> Result<String, E> {
    match number(value) {
        Some(_) => Ok(name.to_owned()),
        None => pointed(value).ok_or_else(|| "what is under the name of a counter is none".into()),
    }
}

/// The place that this names, if it does.
pub(crate) fn pointed(value: &[u8]) -> Option<String> {
    core::str::from_utf8(value).ok().filter(|text| text.starts_with(KIND)).map(str::to_owned)
}

/// A place for the counter under `name` that no other has.
pub(crate) fn new_place(name: &str, unique: &str) -> String {
    let expiry = name.split('.').nth(1).unwrap_or_default();
    format!("{KIND}{expiry}.{unique}")
}
