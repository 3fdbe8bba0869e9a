//! Environments in which code of others runs: who has one, what is kept of it, and what may be.
//!
//! An environment is a tree of files and the states of two languages. It belongs to one subject, has an id that nobody
//! can guess, and is kept in the store, sealed under a key that only the server keys, the id and the subject together
//! give. Whoever asks with another subject asks for an entry that was never there.
//!
//! This crate decides and does no I/O of its own: the store, the time and the randomness are passed in.

mod blob;
mod contents;
mod ending;
mod environments;
mod error;
#[cfg(test)]
mod example;
mod id;
mod keep;
mod listing;
mod names;
mod places;
mod records;
mod secrets;
mod settings;

pub use contents::{Contents, Language, Unusable};
pub use environments::{Environment, Environments, Launch};
pub use error::EnvironmentError;
pub use id::EnvironmentId;
pub use keep::{Kept, Loaded};
pub use listing::{Handle, Listed, Listing, Position};
pub use places::{RunLease, RunPlace};
pub use settings::{RunSettings, Settings, SettingsError};
