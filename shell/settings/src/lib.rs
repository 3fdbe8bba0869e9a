//! `gatehouse:host/settings`: what the operator has set, already parsed.

mod bindings;
mod settings;

pub use settings::{SettingsError, configuration, secret, server_keys};

#[doc(hidden)]
pub use bindings::gatehouse::host;
