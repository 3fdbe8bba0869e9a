//! Dynamic client registration (RFC 7591).

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{
    ClientName, Entropy, InvalidRedirectUri, RedirectRules, RedirectUri, Scopes, SecretString, UnixTime,
};
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

use crate::ErrorCode;
use crate::client_authentication::{AuthenticationMethod, AuthenticationText, KeysText, SecretDigest, generate_secret};
use crate::client_document::inline_keys;
use crate::error::may_be_described;
use crate::hourly::{self, TooMany};
use crate::registered_client::{RegisteredText, grant_types, store_registered};

/// A counter for each hour: how many have registered in it.
const REGISTRATIONS: Kind = "registrations";
/// No client in the field registers more than a handful.
const MOST_REDIRECT_URIS: usize = 16;
/// Bytes. A handful of keys, without certificates.
const LONGEST_KEYS: usize = 16 * 1024;

/// What a client says of itself. Members that we do not know are ignored (RFC 7591, section 2).
#[derive(Debug, Deserialize)]
struct ClientMetadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    application_type: Option<ApplicationType>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<Value>,
}

/// `application_type` (OpenID Connect Dynamic Client Registration, section 2). It is repeated and decides nothing:
/// clients leave it out, and those that send `web` listen on loopback all the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ApplicationType {
    Native,
    Web,
}

/// A registration that was accepted: the body of the 201.
///
/// Members that the client left out are left out here: an empty string where a URI is expected breaks Claude Code.
#[derive(Debug, Serialize)]
pub struct Registered {
    client_id: String,
    /// Only where the client asked for a method that needs one: given one unasked, Claude Code takes to Basic.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    client_secret: Option<SecretString>,
    /// 0: the secret lasts as long as the registration, which is dropped only where nobody uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    /// Seconds since the Unix epoch.
    client_id_issued_at: u64,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<ApplicationType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
}

/// The one place where a client's secret leaves our hands.
fn exposed<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(SecretString::expose).serialize(serializer)
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
    /// The operator lets only those register who have the initial access token, and none was sent.
    #[error("registration needs an initial access token; ask the operator for it")]
    InitialAccessMissing,
    /// It is another token.
    #[error("the initial access token is not the right one")]
    InitialAccess,
    /// More clients have registered than the operator allows in an hour.
    #[error("too many clients have registered in this hour")]
    TooMany {
        /// Seconds until the next hour.
        retry_after: u64,
    },
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
    /// A method that there is not.
    #[error(
        "token_endpoint_auth_method must be none, client_secret_basic, client_secret_post or private_key_jwt; without \
         it, it is none"
    )]
    AuthenticationMethod,
    /// `private_key_jwt` without keys that we have.
    #[error("private_key_jwt needs jwks with a key that can verify a signature, in at most {LONGEST_KEYS} bytes")]
    Keys,
    /// Registration would become a way to make us send requests to anywhere.
    #[error("jwks_uri is not read for clients that register; send the keys in jwks")]
    KeysElsewhere,
    /// `scope` is malformed.
    #[error("scope must hold scopes, separated by spaces")]
    Scope,
    /// It cannot be stored.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl RegistrationRejection {
    /// The code and status on the wire (RFC 7591, section 3.2.2).
    pub fn to_wire(&self) -> (u16, ErrorCode, String) {
        match self {
            Self::Disabled => (403, ErrorCode::InvalidRequest, self.to_string()),
            Self::InitialAccessMissing | Self::InitialAccess => (401, ErrorCode::InvalidToken, self.to_string()),
            Self::TooMany { .. } => (429, ErrorCode::TemporarilyUnavailable, self.to_string()),
            Self::NotMetadata(_)
            | Self::ClientName
            | Self::Unusable(..)
            | Self::AuthenticationMethod
            | Self::Keys
            | Self::KeysElsewhere
            | Self::Scope => (400, ErrorCode::InvalidClientMetadata, self.to_string()),
            Self::RedirectUriCount | Self::RedirectUri { .. } => (400, ErrorCode::InvalidRedirectUri, self.to_string()),
            Self::Unavailable(_) => (503, ErrorCode::TemporarilyUnavailable, "try again later".to_owned()),
        }
    }

    /// `Retry-After`, in seconds, where it is known (RFC 6585, section 4).
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// `WWW-Authenticate`, where the endpoint is protected (RFC 6750, section 3).
    pub const fn challenge(&self) -> Option<&'static str> {
        match self {
            // Who sent no token is not told of an error in it.
            Self::InitialAccessMissing => Some(r#"Bearer realm="registration""#),
            Self::InitialAccess => Some(r#"Bearer realm="registration", error="invalid_token""#),
            _ => None,
        }
    }
}

/// The right to register: what [`register`] asks to see.
#[derive(Debug)]
pub struct InitialAccess(());

impl InitialAccess {
    /// Checks the request's `authorization` header against the `expected` initial access token (RFC 7591, section 3),
    /// where the operator has set one.
    ///
    /// # Errors
    /// Where registration is disabled, or the token is missing or another one.
    pub fn check(
        authorization: Option<&str>,
        expected: Option<&SecretString>,
        configuration: &Configuration,
    ) -> Result<Self, RegistrationRejection> {
        if !configuration.registration.enabled {
            return Err(RegistrationRejection::Disabled);
        }
        if configuration.registration.initial_access_token.is_none() {
            return Ok(Self(()));
        }
        let (scheme, token) = authorization
            .and_then(|header| header.split_once(' '))
            .ok_or(RegistrationRejection::InitialAccessMissing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(RegistrationRejection::InitialAccessMissing);
        }
        let presented = SecretString::new(token.trim_start_matches(' ').to_owned());
        // Digests have one length, so that not even the token's length can be measured. An empty setting is no token.
        let is_right = expected.is_some_and(|expected| {
            !expected.expose().is_empty() && SecretDigest::of(expected) == SecretDigest::of(&presented)
        });
        if is_right { Ok(Self(())) } else { Err(RegistrationRejection::InitialAccess) }
    }
}

/// Registers the client that `body` describes.
///
/// # Errors
/// See [`RegistrationRejection`]; then no client was stored.
pub fn register(
    body: &[u8],
    _access: &InitialAccess,
    configuration: &Configuration,
    store: &impl Store,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Registered, RegistrationRejection> {
    // Our struct would take an array of its members' values, too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(RegistrationRejection::NotMetadata("it is not a JSON object".to_owned()));
    }
    let metadata: ClientMetadata = serde_json::from_slice(body)
        .map_err(|error| RegistrationRejection::NotMetadata(describable(&error.to_string())))?;
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
    // Several clients send scopes of OpenID, or none that we have; what a client may have is decided with each grant, so
    // the list is read and not kept.
    Scopes::parse(metadata.scope.as_deref().unwrap_or_default()).map_err(|_| RegistrationRejection::Scope)?;
    // A client that does not say gets refresh tokens: many omit `grant_types` and then wonder why their users are
    // asked again.
    let refreshable = asks_for(&metadata.grant_types, "refresh_token");
    let (method, authentication, client_secret) = authentication(&metadata, entropy)?;
    hourly::count(REGISTRATIONS, configuration.registration.per_hour, store, now)?
        .map_err(|TooMany { retry_after }| RegistrationRejection::TooMany { retry_after })?;
    let text = RegisteredText {
        client_name: client_name.as_str().to_owned(),
        redirect_uris: redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        refreshable,
        authentication,
    };
    let client_id = store_registered(&text, store, now, entropy)?;
    Ok(Registered {
        client_id: client_id.to_string(),
        client_secret_expires_at: client_secret.is_some().then_some(0),
        client_secret,
        client_id_issued_at: now.seconds(),
        client_name: client_name.as_str().to_owned(),
        redirect_uris: metadata.redirect_uris,
        grant_types: grant_types(refreshable).into_iter().map(|grant_type| grant_type.as_str()).collect(),
        response_types: ["code"],
        token_endpoint_auth_method: method.as_str(),
        application_type: metadata.application_type,
        jwks: metadata.jwks.filter(|_| method == AuthenticationMethod::PrivateKeyJwt),
    })
}

/// How the client will authenticate, what is kept for it, and its secret, where it asked for one.
fn authentication(
    metadata: &ClientMetadata,
    entropy: &mut impl Entropy,
) -> Result<(AuthenticationMethod, AuthenticationText, Option<SecretString>), RegistrationRejection> {
    // RFC 7591 would have a missing method mean `client_secret_basic`. Most clients of MCP leave it out and mean none.
    let method = match metadata.token_endpoint_auth_method.as_deref() {
        None => AuthenticationMethod::None,
        Some(name) => AuthenticationMethod::parse(name).ok_or(RegistrationRejection::AuthenticationMethod)?,
    };
    match method {
        AuthenticationMethod::None => Ok((method, AuthenticationText::None, None)),
        AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost => {
            let secret = generate_secret(entropy);
            let in_header = method == AuthenticationMethod::ClientSecretBasic;
            Ok((method, AuthenticationText::of_secret(in_header, &secret), Some(secret)))
        }
        AuthenticationMethod::PrivateKeyJwt => {
            if metadata.jwks_uri.is_some() {
                return Err(RegistrationRejection::KeysElsewhere);
            }
            let keys = metadata.jwks.as_ref().and_then(inline_keys).filter(|keys| keys.len() <= LONGEST_KEYS);
            let keys = keys.ok_or(RegistrationRejection::Keys)?;
            Ok((method, AuthenticationText::PrivateKeyJwt(KeysText::Jwks(keys)), None))
        }
    }
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

/// An error that quotes the client, in the characters that `error_description` may have.
fn describable(text: &str) -> String {
    text.chars().take(120).map(|character| if may_be_described(character) { character } else { '\'' }).collect()
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
