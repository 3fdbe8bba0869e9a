//! `[registration]`, `[client_documents]` and `[sign_ins]`.

use gatehouse_protocol::ClientId;
use serde::{Deserialize, Serialize};

use super::values::{SecretDocument, unique};
use crate::error::problem;
use crate::{ClientDocuments, ConfigurationError, Registration, SignIns};

const DEFAULT_REGISTRATIONS_PER_HOUR: u32 = 500;
/// More than that fills the store faster than unused clients leave it.
const MOST_REGISTRATIONS_PER_HOUR: u32 = 100_000;
const DEFAULT_DOCUMENTS_PER_HOUR: u32 = 500;
const MOST_DOCUMENTS_PER_HOUR: u32 = 100_000;
const DEFAULT_SIGN_INS_PER_MINUTE: u32 = 3_000;
/// More than that fills the store with sign-ins that nobody finishes.
const MOST_SIGN_INS_PER_MINUTE: u32 = 100_000;

/// Dynamic client registration (RFC 7591).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationDocument {
    /// Whether clients may register.
    ///
    /// Default: `true`
    enabled: Option<bool>,
    /// The variable that holds the initial access token. With it, only requests with this bearer token may register a
    /// client. Without it, everybody may.
    ///
    /// Example: `{ secret = "registration_token" }`
    initial_access_token: Option<SecretDocument>,
    /// How many clients may register in an hour, counted over all clients and all instances. Further registrations get
    /// 429 and `Retry-After`.
    ///
    /// Default: [`DEFAULT_REGISTRATIONS_PER_HOUR`]
    /// Bounds: 1 to [`MOST_REGISTRATIONS_PER_HOUR`]
    per_hour: Option<u32>,
}

/// Client ID metadata documents: the client's id is the https URL of a document that describes the client.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientDocumentsDocument {
    /// Whether such clients are accepted. A document is never read from a host that this configuration names.
    ///
    /// Default: `true`
    enabled: Option<bool>,
    /// How many documents of clients that no user has approved yet may be fetched in an hour, counted over all of them.
    /// Further ones get 503 and `Retry-After`. Clients that are known, registered or configured still work.
    ///
    /// Default: [`DEFAULT_DOCUMENTS_PER_HOUR`]
    /// Bounds: 1 to [`MOST_DOCUMENTS_PER_HOUR`]
    per_hour: Option<u32>,
    /// The clients, by the URLs of their documents, that may present identity assertions of a provider with
    /// `accepts_identity_assertions`. Such a client must authenticate with `private_key_jwt`. Its document is fetched
    /// without a user's approval.
    ///
    /// Example: `["https://agent.example.com/client.json"]`
    #[serde(default)]
    identity_assertions: Vec<String>,
}

/// Sign-ins at the identity providers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInsDocument {
    /// How many sign-ins may begin in a minute, counted over all users and all instances. Further ones get 503 and
    /// `Retry-After`.
    ///
    /// Default: [`DEFAULT_SIGN_INS_PER_MINUTE`]
    /// Bounds: 1 to [`MOST_SIGN_INS_PER_MINUTE`]
    per_minute: Option<u32>,
}

impl RegistrationDocument {
    pub(super) fn check(self) -> Result<Registration, ConfigurationError> {
        let per_hour = self.per_hour.unwrap_or(DEFAULT_REGISTRATIONS_PER_HOUR);
        if !(1..=MOST_REGISTRATIONS_PER_HOUR).contains(&per_hour) {
            let text = "must be 1 to 100000; to have none, say enabled = false";
            return Err(problem("registration.per_hour", text, "per_hour = 500"));
        }
        let key = "registration.initial_access_token";
        Ok(Registration {
            enabled: self.enabled.unwrap_or(true),
            initial_access_token: self.initial_access_token.map(|secret| secret.check(key)).transpose()?,
            per_hour,
        })
    }
}

impl ClientDocumentsDocument {
    pub(super) fn check(self) -> Result<ClientDocuments, ConfigurationError> {
        let per_hour = self.per_hour.unwrap_or(DEFAULT_DOCUMENTS_PER_HOUR);
        if !(1..=MOST_DOCUMENTS_PER_HOUR).contains(&per_hour) {
            let text = "must be 1 to 100000; to have none, say enabled = false";
            return Err(problem("client_documents.per_hour", text, "per_hour = 500"));
        }
        let enabled = self.enabled.unwrap_or(true);
        let key = |index: usize| format!("client_documents.identity_assertions[{index}]");
        const EXAMPLE: &str = r#"identity_assertions = ["https://agent.example.com/client.json"]"#;
        unique("client_documents.identity_assertions", "", self.identity_assertions.iter().map(String::as_str))?;
        let client = |(index, id): (usize, &String)| {
            // Whether its document may be fetched is judged where it is fetched.
            let is_url = id.starts_with("https://") || id.starts_with("http://");
            let parsed = ClientId::parse(id).ok().filter(|_| is_url);
            parsed.ok_or_else(|| problem(key(index), "must be the URL of a client's metadata document", EXAMPLE))
        };
        if !enabled && !self.identity_assertions.is_empty() {
            let text = "must not be given with enabled = false: no document is accepted then";
            return Err(problem("client_documents.identity_assertions", text, "enabled = true"));
        }
        let identity_assertions = self.identity_assertions.iter().enumerate().map(client).collect::<Result<_, _>>()?;
        Ok(ClientDocuments { enabled, per_hour, identity_assertions })
    }
}

impl SignInsDocument {
    pub(super) fn check(self) -> Result<SignIns, ConfigurationError> {
        let per_minute = self.per_minute.unwrap_or(DEFAULT_SIGN_INS_PER_MINUTE);
        if !(1..=MOST_SIGN_INS_PER_MINUTE).contains(&per_minute) {
            return Err(problem("sign_ins.per_minute", "must be 1 to 100000", "per_minute = 3000"));
        }
        Ok(SignIns { per_minute })
    }
}
