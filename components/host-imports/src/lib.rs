//! `gatehouse:host/{store,settings}` as the deciding crates want them: a [`Store`], and values that are already parsed.

mod bindings;
mod settings;
mod store;

pub use settings::{SettingsError, configuration, secret, server_keys};
pub use store::HostStore;

#[doc(hidden)]
pub use bindings::gatehouse::host;
#[cfg(doc)]
use gatehouse_storage::Store;
