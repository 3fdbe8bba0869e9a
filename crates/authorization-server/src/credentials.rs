//! Who asks at the token endpoint, and at those that authenticate clients in the same way (RFC 6749, section 2.3; RFC
//! 7009, section 2.1; RFC 7662, section 2.1).
//!
//! What a request presents ([`PresentedCredentials`]) is held against the client that it names ([`UnauthenticatedClient`]), which
//! says what is needed to judge it, and becomes an [`AuthenticatedClient`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{ClientKeys, SecretName};
use gatehouse_jose::{KeySet, SignedToken};
use gatehouse_protocol::{ClientId, ParameterError, Parameters, SecretString, UnixTime};
use gatehouse_storage::Store;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::ErrorCode;
use crate::client::{Client, ClientUnknown};
use crate::client_assertion::{self, ClientAssertionRejection};
use crate::client_authentication::{AuthenticationMethod, ClientAuthentication, ClientSecret, SecretDigest};
use crate::client_keys::KeysUrl;

/// RFC 7523, section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request says of its client. Nothing is believed yet.
#[derive(Debug)]
pub struct PresentedCredentials {
    client_id: ClientId,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    None,
    SecretBasic(BasicSecret),
    SecretPost(SecretString),
    Assertion(SignedToken),
}

/// A secret in the header. It should be form-encoded there (RFC 6749, section 2.3.1); the TypeScript SDKs, mcp-remote and
/// Inspector write it as it is.
#[derive(Debug)]
struct BasicSecret {
    decoded: Option<SecretString>,
    as_written: SecretString,
}

/// Credentials that fit the method of their client, and have not been judged.
#[derive(Debug)]
pub struct UnauthenticatedClient {
    client: Client,
    proof: Proof,
}

/// A client that is known to be the one that asks; one without a method of its own is taken at its word.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Client);

/// What must be had before credentials can be judged.
#[derive(Debug)]
pub enum RequiredMaterial<'a> {
    /// Nothing.
    Nothing,
    /// The secret in this setting.
    Secret(&'a SecretName),
    /// The keys at this URL.
    Keys(KeysUrl<'a>),
}

/// What was needed.
#[derive(Debug)]
pub enum CredentialMaterial {
    /// Nothing was.
    Nothing,
    /// The value of the setting.
    Secret(SecretString),
    /// The keys.
    Keys(KeySet),
}

/// Why a client is not taken for the one that it names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientRejection {
    /// A parameter is missing or doubled.
    #[error("{0}")]
    Parameter(#[from] ParameterError),
    /// "The client MUST NOT use more than one authentication method in each request."
    #[error("the client authenticates in several ways at once")]
    SeveralMethods,
    /// The header is there and says nothing that can be read.
    #[error("the Authorization header must be Basic, with the form-encoded client_id and secret")]
    Header,
    /// Header, body and assertion name several clients.
    #[error("the request names several clients")]
    SeveralClients,
    /// An assertion of another kind.
    #[error("client_assertion_type must be {ASSERTION_TYPE}")]
    AssertionType,
    /// No such client.
    #[error("the client is not registered here, or its registration has expired")]
    UnknownClient,
    /// A client that could prove who it is must do so, in its own way: otherwise the weakest way would count.
    #[error("the client must authenticate with {0}, its token_endpoint_auth_method")]
    OtherMethod(AuthenticationMethod),
    /// Another secret.
    #[error("the client's secret is not the right one")]
    WrongSecret,
    /// The assertion proves nothing.
    #[error(transparent)]
    Assertion(#[from] ClientAssertionRejection),
    /// The client's keys cannot be used.
    #[error("the client's keys cannot be used: {0}")]
    Keys(String),
    /// What is needed to judge the client cannot be had at this moment: its document, or its keys. Where it is may fail, or
    /// too much is being fetched already; the client is told neither.
    #[error("what the client publishes cannot be had now: {reason}")]
    NotNow {
        /// Why, for the log.
        reason: String,
        /// Seconds.
        retry_after: u64,
    },
    /// Something that must answer did not.
    #[error("{0}")]
    Unavailable(String),
}

impl PresentedCredentials {
    /// Reads the credentials of a request with these headers and this form.
    ///
    /// # Errors
    /// Where they cannot be read, or there are several.
    pub fn parse(headers: &HeaderMap, form: &Parameters) -> Result<Self, ClientRejection> {
        let in_header = basic(headers)?;
        let in_body = form.optional("client_secret")?;
        let assertion = assertion(form)?;
        if usize::from(in_header.is_some()) + usize::from(in_body.is_some()) + usize::from(assertion.is_some()) > 1 {
            return Err(ClientRejection::SeveralMethods);
        }
        let named = form.optional("client_id")?;
        let (proven_id, proof) = match (in_header, in_body, assertion) {
            (Some((id, secret)), _, _) => (Some(id), Proof::SecretBasic(secret)),
            (None, Some(secret), _) => (None, Proof::SecretPost(SecretString::new(secret.to_owned()))),
            (None, None, Some(assertion)) => {
                let id = client_assertion::claimed_client(&assertion).map_err(ClientAssertionRejection::from)?;
                (Some(id), Proof::Assertion(assertion))
            }
            (None, None, None) => (None, Proof::None),
        };
        let id = match (proven_id, named) {
            (Some(id), Some(named)) if id != named => return Err(ClientRejection::SeveralClients),
            (Some(id), _) => id,
            (None, Some(named)) => named.to_owned(),
            (None, None) => return Err(ParameterError::Missing("client_id").into()),
        };
        let client_id = ClientId::parse(&id).map_err(|_| ClientRejection::UnknownClient)?;
        Ok(Self { client_id, proof })
    }

    /// Whether a request says nothing at all of a client.
    pub fn are_absent(headers: &HeaderMap, form: &Parameters) -> bool {
        let names = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
        !headers.contains_key(AUTHORIZATION) && names.iter().all(|name| form.all(name).next().is_none())
    }

    /// The client that the request names.
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Holds the credentials against `client`, which must be the one that they name.
    ///
    /// # Errors
    /// Where the client authenticates in another way.
    pub fn of(self, client: Client) -> Result<UnauthenticatedClient, ClientRejection> {
        if client.client_id != self.client_id {
            return Err(ClientRejection::SeveralClients);
        }
        let presented = match self.proof {
            Proof::None => AuthenticationMethod::None,
            Proof::SecretBasic(_) => AuthenticationMethod::ClientSecretBasic,
            Proof::SecretPost(_) => AuthenticationMethod::ClientSecretPost,
            Proof::Assertion(_) => AuthenticationMethod::PrivateKeyJwt,
        };
        let method = client.authentication.method();
        if presented != method {
            return Err(ClientRejection::OtherMethod(method));
        }
        Ok(UnauthenticatedClient { client, proof: self.proof })
    }
}

impl UnauthenticatedClient {
    /// What must be had to judge the credentials.
    pub fn needs(&self) -> RequiredMaterial<'_> {
        match &self.client.authentication {
            ClientAuthentication::SecretBasic(ClientSecret::Setting(name))
            | ClientAuthentication::SecretPost(ClientSecret::Setting(name)) => RequiredMaterial::Secret(name),
            ClientAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) => {
                RequiredMaterial::Keys(KeysUrl { url: uri, is_configured: self.client.is_configured })
            }
            ClientAuthentication::None
            | ClientAuthentication::SecretBasic(ClientSecret::Digest(_))
            | ClientAuthentication::SecretPost(ClientSecret::Digest(_))
            | ClientAuthentication::PrivateKeyJwt(ClientKeys::Inline(_)) => RequiredMaterial::Nothing,
        }
    }

    /// Judges the credentials with what was needed.
    ///
    /// # Errors
    /// Where they are not the client's. See [`ClientRejection::fresh_keys_may_help`].
    pub fn prove(
        &self,
        material: &CredentialMaterial,
        configuration: &Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<AuthenticatedClient, ClientRejection> {
        match (&self.client.authentication, &self.proof) {
            (ClientAuthentication::None, Proof::None) => {}
            (ClientAuthentication::SecretBasic(known), Proof::SecretBasic(presented)) => {
                let decoded = presented.decoded.as_ref().unwrap_or(&presented.as_written);
                check_secret(known, decoded, material)
                    .or_else(|_| check_secret(known, &presented.as_written, material))?;
            }
            (ClientAuthentication::SecretPost(known), Proof::SecretPost(presented)) => {
                check_secret(known, presented, material)?;
            }
            (ClientAuthentication::PrivateKeyJwt(known), Proof::Assertion(assertion)) => {
                let inline;
                let keys = match (known, material) {
                    (ClientKeys::At(_), CredentialMaterial::Keys(keys)) => keys,
                    (ClientKeys::Inline(text), _) => {
                        inline = KeySet::from_json(text.as_bytes())
                            .map_err(|error| ClientRejection::Keys(error.to_string()))?;
                        &inline
                    }
                    (ClientKeys::At(_), CredentialMaterial::Nothing | CredentialMaterial::Secret(_)) => {
                        return Err(not_at_hand());
                    }
                };
                client_assertion::verify(assertion, &self.client.client_id, keys, configuration, store, now)?;
            }
            (
                ClientAuthentication::None
                | ClientAuthentication::SecretBasic(_)
                | ClientAuthentication::SecretPost(_)
                | ClientAuthentication::PrivateKeyJwt(_),
                Proof::None | Proof::SecretBasic(_) | Proof::SecretPost(_) | Proof::Assertion(_),
            ) => return Err(ClientRejection::OtherMethod(self.client.authentication.method())),
        }
        Ok(AuthenticatedClient(self.client.clone()))
    }
}

impl AuthenticatedClient {
    /// The client.
    pub const fn client(&self) -> &Client {
        &self.0
    }

    /// Whether it has proved who it is: a public client has not.
    pub const fn is_confidential(&self) -> bool {
        !matches!(self.0.authentication, ClientAuthentication::None)
    }
}

impl From<ClientUnknown> for ClientRejection {
    fn from(error: ClientUnknown) -> Self {
        match error {
            ClientUnknown::NotRegistered => Self::UnknownClient,
            ClientUnknown::Unavailable(error) => Self::Unavailable(error.to_string()),
        }
    }
}

impl ClientRejection {
    /// Whether the client may have changed its keys since they were read: reading them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Assertion(ClientAssertionRejection::Token(rejection)) if rejection.fresh_keys_may_help())
    }

    /// Status, code and description on the wire (RFC 6749, section 5.2). Whatever is wrong with a proof reads the same.
    pub(crate) fn to_wire(&self) -> (u16, ErrorCode, String) {
        match self {
            Self::Parameter(_) | Self::SeveralMethods => (400, ErrorCode::InvalidRequest, self.to_string()),
            Self::Header | Self::SeveralClients | Self::AssertionType | Self::UnknownClient | Self::OtherMethod(_) => {
                (401, ErrorCode::InvalidClient, self.to_string())
            }
            Self::WrongSecret | Self::Keys(_) => unauthenticated(),
            Self::Assertion(rejection) => match rejection {
                ClientAssertionRejection::Token(_)
                | ClientAssertionRejection::OtherClient
                | ClientAssertionRejection::Audience
                | ClientAssertionRejection::Time(_)
                | ClientAssertionRejection::Unnamed
                | ClientAssertionRejection::Replayed => unauthenticated(),
                ClientAssertionRejection::Unavailable(_) => unavailable(),
            },
            Self::NotNow { .. } | Self::Unavailable(_) => unavailable(),
        }
    }

    /// `Retry-After`, in seconds, where it is known.
    pub(crate) const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::NotNow { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

fn unauthenticated() -> (u16, ErrorCode, String) {
    (401, ErrorCode::InvalidClient, "the client's credentials are not valid here and now".to_owned())
}

pub(crate) fn unavailable() -> (u16, ErrorCode, String) {
    (503, ErrorCode::TemporarilyUnavailable, "try again later".to_owned())
}

fn not_at_hand() -> ClientRejection {
    ClientRejection::Unavailable("what the client's credentials are judged by was not looked up".to_owned())
}

fn check_secret(
    known: &ClientSecret,
    presented: &SecretString,
    material: &CredentialMaterial,
) -> Result<(), ClientRejection> {
    let presented = SecretDigest::of(presented);
    let is_right = match (known, material) {
        (ClientSecret::Digest(digest), _) => *digest == presented,
        // Digests have one length: not even that of the secret can be measured. An empty setting is no secret.
        (ClientSecret::Setting(_), CredentialMaterial::Secret(secret)) => {
            !secret.expose().is_empty() && SecretDigest::of(secret) == presented
        }
        (ClientSecret::Setting(_), CredentialMaterial::Nothing | CredentialMaterial::Keys(_)) => {
            return Err(not_at_hand());
        }
    };
    if is_right { Ok(()) } else { Err(ClientRejection::WrongSecret) }
}

/// Id and secret in the header: both form-encoded, joined by a colon, in base64 (RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, BasicSecret)>, ClientRejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let read = || -> Option<(String, BasicSecret)> {
        let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(credentials.trim_matches(' ')).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let decoded = form_decoded(secret).map(SecretString::new);
        Some((form_decoded(id)?, BasicSecret { decoded, as_written: SecretString::new(secret.to_owned()) }))
    };
    match values.next() {
        None => read().map(Some).ok_or(ClientRejection::Header),
        Some(_) => Err(ClientRejection::Header),
    }
}

fn form_decoded(text: &str) -> Option<String> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn assertion(form: &Parameters) -> Result<Option<SignedToken>, ClientRejection> {
    match (form.optional("client_assertion_type")?, form.optional("client_assertion")?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ParameterError::Missing("client_assertion_type").into()),
        (Some(_), None) => Err(ParameterError::Missing("client_assertion").into()),
        (Some(ASSERTION_TYPE), Some(assertion)) => {
            Ok(Some(SignedToken::parse(assertion).map_err(ClientAssertionRejection::from)?))
        }
        (Some(_), Some(_)) => Err(ClientRejection::AssertionType),
    }
}

#[cfg(test)]
mod tests;
