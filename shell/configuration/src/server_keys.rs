//! The server keys.

use std::sync::OnceLock;

use gatehouse_configuration::SERVER_KEYS_SETTING;
use gatehouse_sealed_storage::sealing::KeyRing;
use shell_settings::SettingsError;

static KEYS: OnceLock<KeyRing> = OnceLock::new();

/// The server keys, read and parsed once in an instance.
///
/// # Errors
/// Where they are missing or wrong; then nothing may be accepted or issued.
pub fn server_keys() -> Result<&'static KeyRing, SettingsError> {
    if let Some(keys) = KEYS.get() {
        return Ok(keys);
    }
    let setting = shell_settings::get(SERVER_KEYS_SETTING)?;
    let keys = KeyRing::parse(&setting).map_err(|error| SettingsError::Wrong(error.to_string()))?;
    Ok(KEYS.get_or_init(|| keys))
}
