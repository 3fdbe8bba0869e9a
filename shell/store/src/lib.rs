//! `gatehouse:host/store` as the deciding crates want it: a [`Store`].

mod bindings;
mod store;

pub use store::HostStore;

#[doc(hidden)]
pub use bindings::gatehouse::host;

#[cfg(doc)]
use gatehouse_storage::Store;
