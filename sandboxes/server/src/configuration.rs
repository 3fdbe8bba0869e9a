//! What the operator sets.

use gatehouse_protocol::SecretString;
use gatehouse_sealed_storage::sealing::{KeyRing, KeyRingError};
use http::Uri;
use sandbox_egress::Origin;
use sandbox_environments::{Language, Settings, SettingsError};
use sandbox_run::RUN_PATH;
use thiserror::Error;

/// Bytes of the shortest secret: what is shorter can be guessed.
const SHORTEST_SECRET: usize = 16;

/// The server's configuration.
#[derive(Debug)]
pub struct Configuration {
    /// What environments are sealed under.
    pub keys: KeyRing,
    /// What the gateway proves itself with.
    pub gateway_secret: SecretString,
    /// What administrators prove themselves with; `None` where there are none.
    pub administration_secret: Option<SecretString>,
    /// The limits.
    pub settings: Settings,
    shell: Uri,
    python: Uri,
}

/// Why nothing can be served. The texts are for the log; none holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigurationError {
    /// The host cannot say what is set.
    #[error("the setting `{0}` cannot be read: {1}")]
    Unavailable(&'static str, String),
    /// Something that must be set is not.
    #[error("the setting `{0}` is missing")]
    Missing(&'static str),
    /// The secret is too short.
    #[error("the setting `{0}` has fewer than {SHORTEST_SECRET} bytes")]
    ShortSecret(&'static str),
    /// One secret would open what is for two.
    #[error("the setting `administration_secret` is the same as `gateway_secret`")]
    SameSecret,
    /// The server keys cannot be used.
    #[error("the setting `server_keys`: {0}")]
    Keys(#[from] KeyRingError),
    /// The document of limits cannot be used.
    #[error("the setting `settings`: {0}")]
    Settings(#[from] SettingsError),
    /// An interpreter's address cannot be used.
    #[error("the setting `{0}` is no http or https URL without a query")]
    Address(&'static str),
    /// An interpreter could reach an interpreter.
    #[error("the setting `settings`: egress.hosts names the address of an interpreter")]
    EgressToInterpreter,
}

impl Configuration {
    /// Reads it through `setting`, which gives a setting's value, `None` where it is not set.
    ///
    /// # Errors
    /// See [`ConfigurationError`].
    pub fn read(setting: impl Fn(&str) -> Result<Option<String>, String>) -> Result<Self, ConfigurationError> {
        let optional =
            |name| setting(name).map_err(|reason| ConfigurationError::Unavailable(name, reason)).map(trimmed);
        let required = |name| optional(name)?.ok_or(ConfigurationError::Missing(name));
        let address = |name| run_address(&required(name)?).ok_or(ConfigurationError::Address(name));
        let secret = |name, text: String| match text.len() {
            ..SHORTEST_SECRET => Err(ConfigurationError::ShortSecret(name)),
            _ => Ok(SecretString::new(text)),
        };
        let gateway_secret = secret("gateway_secret", required("gateway_secret")?)?;
        let administration_secret = optional("administration_secret")?;
        let administration_secret =
            administration_secret.map(|text| secret("administration_secret", text)).transpose()?;
        if administration_secret.as_ref() == Some(&gateway_secret) {
            return Err(ConfigurationError::SameSecret);
        }
        let configuration = Self {
            keys: KeyRing::parse(&required("server_keys")?)?,
            gateway_secret,
            administration_secret,
            settings: Settings::parse(&optional("settings")?.unwrap_or_default())?,
            shell: address("shell_url")?,
            python: address("python_url")?,
        };
        let interpreters = [&configuration.shell, &configuration.python].map(origin);
        let hosts = &configuration.settings.egress.hosts;
        if interpreters.iter().flatten().any(|interpreter| hosts.iter().any(|host| host.is_where(interpreter))) {
            return Err(ConfigurationError::EgressToInterpreter);
        }
        Ok(configuration)
    }

    /// Where code of a language is run.
    pub const fn interpreter(&self, language: Language) -> &Uri {
        match language {
            Language::Shell => &self.shell,
            Language::Python => &self.python,
        }
    }
}

/// The origin of an address, where egress could lead to it.
fn origin(address: &Uri) -> Option<Origin> {
    Origin::parse(&format!("{}://{}", address.scheme_str()?, address.authority()?)).ok()
}

/// Files that hold settings often end with a line break.
fn trimmed(value: Option<String>) -> Option<String> {
    value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The address of an interpreter's `/run`.
fn run_address(base: &str) -> Option<Uri> {
    let is_whole = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some() && uri.query().is_none()
    };
    let base = base.trim_end_matches('/');
    format!("{base}{RUN_PATH}").parse().ok().filter(|uri| is_whole(uri) && !base.contains('#'))
}
