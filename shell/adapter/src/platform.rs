//! What an adapter needs of its hosts.

use core::marker::PhantomData;

/// The name of the store: its label in `spin.toml`, its bucket elsewhere.
pub const STORE: &str = "default";

/// The key-value store and the settings of one family of hosts.
///
/// Entries have names that every backend can hold: letters, digits, `-`, `_` and two dots, at most 182 bytes.
pub trait Platform {
    /// Whether the host adds the address of whoever connects to each request, as the last `spin-client-addr`. Where that is not certain, it does not:
    /// anybody could send the header.
    const TELLS_PEER: bool;

    /// Whether the host reads the values of attributes as JSON, as `wasi:otel@0.2.0-rc.2` has them, and not as text.
    const OTEL_VALUES_ARE_JSON: bool;

    /// Whether the host may be given metrics by `wasi:otel` for each request, and goes on with other requests while it sends them.
    const OTEL_METRICS: bool;

    /// What the operator must look at where the component may not use the store, for the log.
    const PERMISSION: &'static str;

    /// The value under `name`, if there is one.
    ///
    /// # Errors
    /// Where the backend does not answer.
    fn get(name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The values under those of `names` under which there are some, in any order.
    ///
    /// # Errors
    /// Where the backend does not answer.
    fn get_many(names: &[String]) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Stores `value` under `name`.
    ///
    /// # Errors
    /// Where the backend does not answer.
    fn set(name: &str, value: &[u8]) -> Result<(), StoreError>;

    /// Removes what is under `name`, if anything is.
    ///
    /// # Errors
    /// Where the backend does not answer.
    fn delete(name: &str) -> Result<(), StoreError>;

    /// Adds `delta`, which is below 2^63, to the counter under `name`, in one step for all instances; the sum.
    ///
    /// # Errors
    /// Where the backend does not answer, and where the sum would be 2^63 or more.
    fn increment(name: &str, delta: u64) -> Result<u64, StoreError>;

    /// One page of all names.
    ///
    /// # Errors
    /// Where the backend does not answer.
    fn list(cursor: Option<String>) -> Result<Names, StoreError>;

    /// The value of the setting `name`; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn setting(name: &str) -> Result<Option<String>, SettingError>;
}

/// One page of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// In no particular order.
    pub names: Vec<String>,
    /// What to pass to get the next page; `None` on the last one.
    pub next: Option<String>,
}

/// Why the store did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The host has no store with this name.
    NoSuchStore,
    /// The component may not use it.
    AccessDenied,
    /// In the backend's words, which are for the log.
    Other(String),
}

/// Why a setting could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// What holds the settings does not answer.
    Unavailable(String),
    /// No setting can have this name.
    InvalidName(String),
}

/// Our own interfaces over `P`.
#[derive(Debug)]
pub struct Adapter<P>(PhantomData<P>);
