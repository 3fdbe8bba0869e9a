//! What conversations need of their surroundings.

use gatehouse_configuration::SecretName;
use gatehouse_protocol::{Entropy, SecretString};
use gatehouse_storage::Store;
use host_imports::{HostStore, SettingsError};
use http::{Request, Response};
use http_shell::SystemEntropy;
use http_shell::outbound::{self, NoAnswer};

/// The surroundings of a conversation; a trait, so that tests can script the provider.
pub trait Host {
    /// Sends `request`, without following redirects, and reads the answer, at most `limit` bytes.
    ///
    /// # Errors
    /// Where there is none.
    fn fetch(&self, request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer>;

    /// The secret that the configuration names.
    ///
    /// # Errors
    /// Where it is not set.
    fn secret(&self, name: &SecretName) -> Result<SecretString, SettingsError>;

    /// Where documents are kept.
    fn store(&self) -> &impl Store;

    /// Randomness.
    fn entropy(&self) -> impl Entropy;
}

/// The host of the component.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComponentHost;

impl Host for ComponentHost {
    fn fetch(&self, request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
        outbound::fetch(request, limit)
    }

    fn secret(&self, name: &SecretName) -> Result<SecretString, SettingsError> {
        host_imports::secret(name)
    }

    fn store(&self) -> &impl Store {
        &HostStore
    }

    fn entropy(&self) -> impl Entropy {
        SystemEntropy
    }
}
