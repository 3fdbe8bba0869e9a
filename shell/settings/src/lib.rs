//! `gatehouse:host/settings`: what the operator has set, by name.

mod bindings;
mod settings;

pub use settings::{SettingsError, get, secret};

#[doc(hidden)]
pub use bindings::gatehouse::host;
