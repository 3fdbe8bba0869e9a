//! Dynamic client registration (RFC 7591).

use gatehouse_configuration::Configuration;
use gatehouse_protocol::{ClientName, Entropy, InvalidRedirectUri, RedirectRules, RedirectUri, UnixTime};
use gatehouse_storage::{Store, StoreUnavailable};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ErrorCode;
use crate::client::store_registered;

/// Seconds (90 days). A client that is still in use registers again when its id has expired: it is told
/// `invalid_client`.
const REGISTRATION_SECONDS: u64 = 90 * 24 * 60 * 60;
/// No client in the field registers more than a handful.
const MOST_REDIRECT_URIS: usize = 16;

/// What a client says of itself. Members that we do not know are ignored (RFC 7591, section 2).
#[derive(Debug, Deserialize)]
struct ClientMetadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
}

/// A registration that was accepted: the body of the 201.
///
/// Members that the client left out are left out here: an empty string where a URI is expected breaks Claude Code.
#[derive(Debug, Serialize)]
pub struct Registered {
    client_id: String,
    /// Seconds since the Unix epoch.
    client_id_issued_at: u64,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    /// Always `none`, whatever was asked for: every client is public, PKCE protects its codes, and a secret in a
    /// desktop client is none.
    token_endpoint_auth_method: &'static str,
}

impl Registered {
    /// The new client's id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

/// Why a registration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegistrationRejection {
    /// The operator does not let clients register.
    #[error("registration is disabled; ask the operator for a client_id")]
    Disabled,
    /// Not a JSON object with members of the right types.
    #[error("the body is not client metadata: {0}")]
    NotMetadata(String),
    /// There is no redirect URI, or too many.
    #[error("redirect_uris must hold 1 to {MOST_REDIRECT_URIS} URIs")]
    RedirectUriCount,
    /// A redirect URI cannot be used.
    #[error("redirect_uris[{index}] {reason}")]
    RedirectUri {
        /// Which one, from 0.
        index: usize,
        /// Why.
        reason: InvalidRedirectUri,
    },
    /// The name cannot be shown.
    #[error("client_name is refused: 1 to 128 characters without control or text-direction characters")]
    ClientName,
    /// The client wants to use nothing that there is.
    #[error("{0} must hold {1}")]
    Unusable(&'static str, &'static str),
    /// It cannot be stored.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl RegistrationRejection {
    /// The code and status on the wire (RFC 7591, section 3.2.2).
    pub fn to_wire(&self) -> (u16, ErrorCode, String) {
        match self {
            Self::Disabled => (403, ErrorCode::InvalidRequest, self.to_string()),
            Self::NotMetadata(_) | Self::ClientName | Self::Unusable(..) => {
                (400, ErrorCode::InvalidClientMetadata, self.to_string())
            }
            Self::RedirectUriCount | Self::RedirectUri { .. } => (400, ErrorCode::InvalidRedirectUri, self.to_string()),
            Self::Unavailable(_) => (503, ErrorCode::TemporarilyUnavailable, "try again later".to_owned()),
        }
    }
}

/// Registers the client that `body` describes.
///
/// # Errors
/// See [`RegistrationRejection`]; then nothing was stored.
pub fn register(
    body: &[u8],
    configuration: &Configuration,
    store: &impl Store,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Registered, RegistrationRejection> {
    if !configuration.registration.enabled {
        return Err(RegistrationRejection::Disabled);
    }
    // Our struct would take an array of its members' values, too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(RegistrationRejection::NotMetadata("it is not a JSON object".to_owned()));
    }
    let metadata: ClientMetadata = serde_json::from_slice(body)
        .map_err(|error| RegistrationRejection::NotMetadata(shortened(&error.to_string())))?;
    let redirect_uris = redirect_uris(&metadata.redirect_uris, &configuration.redirect_rules())?;
    let client_name = client_name(metadata.client_name.as_deref(), &redirect_uris)?;
    let asks_for =
        |list: &Option<Vec<String>>, entry: &str| list.as_ref().is_none_or(|list| list.iter().any(|it| it == entry));
    if !asks_for(&metadata.grant_types, "authorization_code") {
        return Err(RegistrationRejection::Unusable("grant_types", "authorization_code"));
    }
    if !asks_for(&metadata.response_types, "code") {
        return Err(RegistrationRejection::Unusable("response_types", "code"));
    }
    // A client that does not say gets refresh tokens: many omit `grant_types` and then wonder why their users are
    // asked again.
    let refreshable = asks_for(&metadata.grant_types, "refresh_token");
    let expires_at = now.plus(REGISTRATION_SECONDS);
    let client_id = store_registered(&client_name, &redirect_uris, refreshable, expires_at, store, entropy)?;
    Ok(Registered {
        client_id: client_id.to_string(),
        client_id_issued_at: now.seconds(),
        client_name: client_name.as_str().to_owned(),
        redirect_uris: metadata.redirect_uris,
        grant_types: if refreshable { vec!["authorization_code", "refresh_token"] } else { vec!["authorization_code"] },
        response_types: ["code"],
        token_endpoint_auth_method: "none",
    })
}

fn redirect_uris(texts: &[String], rules: &RedirectRules) -> Result<Vec<RedirectUri>, RegistrationRejection> {
    if !(1..=MOST_REDIRECT_URIS).contains(&texts.len()) {
        return Err(RegistrationRejection::RedirectUriCount);
    }
    let parse = |(index, text): (usize, &String)| {
        RedirectUri::parse(text, rules).map_err(|reason| RegistrationRejection::RedirectUri { index, reason })
    };
    texts.iter().enumerate().map(parse).collect()
}

/// The name, or where there is none, the host that its codes go to: the one thing that is known of it.
fn client_name(name: Option<&str>, redirect_uris: &[RedirectUri]) -> Result<ClientName, RegistrationRejection> {
    let host = redirect_uris.first().map(RedirectUri::host_and_port).unwrap_or_default();
    let host = shortened(&host);
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or(&host);
    ClientName::parse(name).map_err(|_| RegistrationRejection::ClientName)
}

/// At most 120 characters: what a client sends, and an error quotes, can be as long as the body.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
