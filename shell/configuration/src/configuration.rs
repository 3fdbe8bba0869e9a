//! The parts of the configuration document.

use gatehouse_configuration::gateway::Needs;
use gatehouse_configuration::{ConfigurationError, Route, SETTING, SecretName, authorization_server, gateway};
use gatehouse_protocol::SecretString;
use shell_settings::SettingsError;

use crate::host::configuration::{self, Error, Part};

/// What the gateway needs at every route.
///
/// # Errors
/// Where the configuration is missing or wrong; then nothing may be served. The same holds of the other parts.
pub fn gateway() -> Result<gateway::Configuration, SettingsError> {
    needed(&Part::Gateway, gateway::Configuration::from_part)
}

/// The route at this path, compared byte by byte; `None` where there is none.
///
/// # Errors
/// As [`gateway`].
pub fn route(path: &str) -> Result<Option<Route>, SettingsError> {
    read(&Part::Route(path.to_owned()), Route::from_part)
}

/// The route, where there is exactly one.
///
/// # Errors
/// As [`gateway`].
pub fn only_route() -> Result<Option<Route>, SettingsError> {
    read(&Part::OnlyRoute, Route::from_part)
}

/// What has to be there for Gatehouse to be ready.
///
/// # Errors
/// As [`gateway`].
pub fn needs() -> Result<Needs, SettingsError> {
    needed(&Part::Servers, Needs::from_part)
}

/// What the authorization server needs.
///
/// # Errors
/// As [`gateway`].
pub fn authorization_server() -> Result<authorization_server::Configuration, SettingsError> {
    needed(&Part::AuthorizationServer, authorization_server::Configuration::from_part)
}

/// The piece of a compiled OpenAPI document with this name; `None` where there is none.
///
/// # Errors
/// As [`gateway`].
pub fn piece(name: &str) -> Result<Option<String>, SettingsError> {
    read(&Part::Piece(name.to_owned()), |text| Ok(text.to_owned()))
}

/// The secret that the configuration names.
///
/// # Errors
/// Where it is not set.
pub fn secret(name: &SecretName) -> Result<SecretString, SettingsError> {
    shell_settings::secret(name.as_str())
}

fn needed<T>(part: &Part, parse: fn(&str) -> Result<T, ConfigurationError>) -> Result<T, SettingsError> {
    read(part, parse)?.ok_or_else(|| SettingsError::Wrong("the configuration lacks a part".to_owned()))
}

fn read<T>(part: &Part, parse: fn(&str) -> Result<T, ConfigurationError>) -> Result<Option<T>, SettingsError> {
    let text = configuration::get(part).map_err(|error| match error {
        Error::Missing => SettingsError::Missing(SETTING.to_owned()),
        Error::Unavailable(reason) => SettingsError::Unavailable { name: SETTING.to_owned(), reason },
        Error::Invalid(reason) => SettingsError::Wrong(reason),
    })?;
    text.map(|text| parse(&text)).transpose().map_err(|error| SettingsError::Wrong(error.to_string()))
}
