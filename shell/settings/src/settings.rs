//! What the operator has set.

use gatehouse_protocol::SecretString;
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
    /// What it says is wrong.
    #[error("{0}")]
    Wrong(String),
}

/// The secret with this name, without white space around it: files that hold secrets often end with a line break, which no
/// secret means and no header can carry.
///
/// # Errors
/// Where it is not set.
pub fn secret(name: &str) -> Result<SecretString, SettingsError> {
    get(name).map(|secret| SecretString::new(secret.trim().to_owned()))
}

/// The value of the setting.
///
/// # Errors
/// Where it is not set.
pub fn get(name: &str) -> Result<String, SettingsError> {
    match settings::get(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(SettingsError::Missing(name.to_owned())),
        Err(settings::Error::Unavailable(reason) | settings::Error::InvalidName(reason)) => {
            Err(SettingsError::Unavailable { name: name.to_owned(), reason })
        }
    }
}
