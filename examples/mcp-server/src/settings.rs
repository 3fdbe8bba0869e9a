//! What the operator sets.

use gatehouse_protocol::SecretString;

/// The server's settings.
#[derive(Debug, Default)]
pub struct Settings {
    /// What `x-functions-key` must hold. Without it, everyone who reaches the server can call in anyone's name.
    pub api_key: Option<SecretString>,
}

impl Settings {
    /// Reads the settings through `setting`, which gives a setting's value, `None` where it is not set.
    ///
    /// # Errors
    /// Where the host cannot say what is set; the text is for the log.
    pub fn read(mut setting: impl FnMut(&str) -> Result<Option<String>, String>) -> Result<Self, String> {
        let api_key = setting("api_key").map_err(|reason| format!("the setting api_key cannot be read: {reason}"))?;
        Ok(Self { api_key: api_key.map(SecretString::new) })
    }
}
