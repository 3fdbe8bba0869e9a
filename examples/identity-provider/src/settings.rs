//! What the operator sets, read anew for every request.

use gatehouse_protocol::{ClientId, SecretString, WebOrigin, is_loopback_host};
use thiserror::Error;
use url::Url;

/// The provider's settings, valid and complete.
#[derive(Debug)]
pub struct Settings {
    /// The provider's own origin: the `iss` of everything it signs. Always loopback.
    pub issuer: WebOrigin,
    /// The one client.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: SecretString,
    /// Its one redirect URI, as it must stand in every request.
    pub redirect_uri: Url,
}

/// A setting with which the provider does not start. The text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The host could not say what is set.
    #[error("the setting {name} cannot be read: {reason}")]
    Unreadable {
        /// The setting.
        name: &'static str,
        /// The host's text.
        reason: String,
    },
    /// A value that cannot be used.
    #[error("the setting {name} {problem}")]
    Unusable {
        /// The setting.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Settings {
    /// Reads the settings through `setting`, which gives a setting's value, `None` where it is not set.
    ///
    /// # Errors
    /// Where a setting cannot be used; above all where the issuer is not on a loopback address: whoever reaches this
    /// provider can sign in as anyone.
    pub fn read(mut setting: impl FnMut(&str) -> Result<Option<String>, String>) -> Result<Self, SettingsError> {
        let mut value = |name: &'static str| setting(name).map_err(|reason| SettingsError::Unreadable { name, reason });
        let issuer = value("issuer")?.unwrap_or_else(|| "http://127.0.0.1:3001".to_owned());
        let client_id = value("client_id")?.unwrap_or_else(|| "gatehouse".to_owned());
        let client_secret = value("client_secret")?
            .ok_or_else(|| unusable("client_secret", "is not set; give it the client's secret"))?;
        let redirect_uri = value("redirect_uri")?.unwrap_or_else(|| "http://127.0.0.1:3000/callback".to_owned());
        Ok(Self {
            issuer: loopback_issuer(&issuer)?,
            client_id: ClientId::parse(&client_id).map_err(|error| unusable("client_id", error))?,
            client_secret: SecretString::new(client_secret),
            redirect_uri: absolute_url(&redirect_uri)?,
        })
    }
}

fn unusable(name: &'static str, problem: impl ToString) -> SettingsError {
    SettingsError::Unusable { name, problem: problem.to_string() }
}

fn loopback_issuer(text: &str) -> Result<WebOrigin, SettingsError> {
    let issuer = WebOrigin::parse(text).map_err(|error| unusable("issuer", error))?;
    let on_loopback =
        Url::parse(issuer.as_str()).is_ok_and(|url| url.host().is_some_and(|host| is_loopback_host(&host)));
    if !on_loopback {
        return Err(unusable(
            "issuer",
            "is not on a loopback address; this provider is for development only, it lets anyone sign in as anyone",
        ));
    }
    Ok(issuer)
}

fn absolute_url(text: &str) -> Result<Url, SettingsError> {
    match Url::parse(text) {
        // Compared as a string later on, so only the canonical spelling is taken (RFC 6749, section 3.1.2.3).
        Ok(url) if url.as_str() == text && url.has_host() && url.fragment().is_none() => Ok(url),
        _ => Err(unusable("redirect_uri", "is not a complete URL such as http://127.0.0.1:3000/callback")),
    }
}
