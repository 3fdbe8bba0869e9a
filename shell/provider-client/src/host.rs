//! What conversations need of their surroundings.

use gatehouse_configuration::SecretName;
use gatehouse_protocol::{Entropy, SecretString};
use gatehouse_storage::Store;
use http::{Request, Response};
use shell_configuration::SettingsError;
use shell_http::SystemEntropy;
use shell_http::outbound::{self, NoAnswer};
use shell_store::HostStore;

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
        shell_configuration::secret(name)
    }

    fn store(&self) -> &impl Store {
        &HostStore
    }

    fn entropy(&self) -> impl Entropy {
        SystemEntropy
    }
}
