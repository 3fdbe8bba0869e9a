//! What the operator has set.

use gatehouse_configuration::{Configuration, ConfigurationError, SERVER_KEYS_SETTING, SETTING, SecretName};
use gatehouse_protocol::SecretString;
use gatehouse_sealed_storage::sealing::{KeyRing, KeyRingError};
use thiserror::Error;

use crate::host::settings;

/// A setting cannot be used. The text is for the log; it never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The host's provider failed.
    #[error("the setting `{name}` cannot be read: {reason}")]
    Unavailable {
        /// Which one.
        name: String,
        /// What the host said.
        reason: String,
    },
    /// The operator set none.
    #[error("the setting `{0}` is missing")]
    Missing(String),
    /// The configuration document is wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The server keys are wrong.
    #[error(transparent)]
    ServerKeys(#[from] KeyRingError),
}

/// The checked configuration document.
///
/// # Errors
/// Where it is missing or wrong; then nothing may be served.
pub fn configuration() -> Result<Configuration, SettingsError> {
    Ok(Configuration::parse(&get(SETTING)?)?)
}

/// The server keys.
///
/// # Errors
/// Where they are missing or wrong; then nothing may be accepted or issued.
pub fn server_keys() -> Result<KeyRing, SettingsError> {
    Ok(KeyRing::parse(&get(SERVER_KEYS_SETTING)?)?)
}

/// The secret that the configuration names, without white space around it: files that hold secrets often end with a line
/// break, which no secret means and no header can carry.
///
/// # Errors
/// Where it is not set.
pub fn secret(name: &SecretName) -> Result<SecretString, SettingsError> {
    get(name.as_str()).map(|secret| SecretString::new(secret.trim().to_owned()))
}

fn get(name: &str) -> Result<String, SettingsError> {
    match settings::get(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(SettingsError::Missing(name.to_owned())),
        Err(settings::Error::Unavailable(reason) | settings::Error::InvalidName(reason)) => {
            Err(SettingsError::Unavailable { name: name.to_owned(), reason })
        }
    }
}
