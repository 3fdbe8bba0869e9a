//! What answers a request, and what it has for that.

use core::cell::Cell;

use gatehouse_storage::Store;
use sandbox_environments::Environments;

use crate::configuration::Configuration;
use crate::host::Host;

/// The server, for one request.
#[derive(Debug)]
pub struct Sandbox<'a, H, S> {
    /// The host.
    pub host: &'a H,
    /// Where environments are kept.
    pub store: &'a S,
    /// What the operator has set.
    pub configuration: &'a Configuration,
    /// Whether the request has written something that ends.
    pub has_written: Cell<bool>,
}

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// The environments as they are now.
    pub fn environments(&self) -> Environments<'_, S> {
        let Configuration { keys, settings, administration_secret, .. } = self.configuration;
        let administration = administration_secret.as_ref();
        Environments { store: self.store, keys, settings, administration, now: self.host.now() }
    }
}
