//! What all adapters share: `gatehouse:host/{store,settings,configuration,peer,telemetry,otel}` over what one family of hosts has.
//!
//! An adapter is a component that implements [`Platform`] and exports an [`Adapter`] of it with [`export!`]. Names of entries,
//! their expiry, the parts of the configuration and the words of errors are here, so that every adapter keeps the same contract.

mod bindings;
mod configuration;
mod peer;
mod platform;
mod settings;
mod store;
mod telemetry;

pub use bindings::export;
pub use platform::{Adapter, Names, Platform, STORE, SettingError, StoreError};

#[doc(hidden)]
pub use bindings::exports;
