//! The code becomes tokens (OpenID Connect Core 1.0, section 3.1.3).

use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::{SecretString, UnixTime};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use url::form_urlencoded;

use crate::answer::{json, may_pass, successful};
use crate::client_authentication::basic;
use crate::{
    AnswerRejection, AuthorizationCode, ClientAuthentication, ClientError, Endpoint, LogText, LoginSecrets,
    ProviderMetadata,
};

/// The largest token answer worth reading, in bytes. Entra's tokens with many groups have some 10 KB each.
pub const TOKEN_ANSWER_BYTES: usize = 256 * 1024;

/// The request that redeems `code`. `callback_url` is the one with which the login began.
///
/// The body and the headers hold secrets.
pub fn token_request(
    provider: &IdentityProvider,
    metadata: &ProviderMetadata,
    authentication: &ClientAuthentication,
    callback_url: &str,
    code: &AuthorizationCode,
    secrets: &LoginSecrets,
) -> Request<Vec<u8>> {
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", callback_url),
        ("code_verifier", secrets.code_verifier().expose()),
    ];
    authenticated(metadata.token_endpoint(), &provider.client_id, authentication, &grant)
}

/// A request to the token endpoint with the parameters of one grant.
pub(crate) fn authenticated(
    endpoint: &Endpoint,
    client_id: &str,
    authentication: &ClientAuthentication,
    grant: &[(&str, &str)],
) -> Request<Vec<u8>> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(grant);
    let mut request = Request::new(Vec::new());
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    match authentication {
        ClientAuthentication::None => {
            form.append_pair("client_id", client_id);
        }
        ClientAuthentication::SecretBasic(secret) => {
            headers.insert(AUTHORIZATION, basic(client_id, secret));
        }
        ClientAuthentication::SecretPost(secret) => {
            form.append_pair("client_id", client_id).append_pair("client_secret", secret.expose());
        }
        // RFC 7521, section 4.2. The client_id is optional there and required by Entra.
        ClientAuthentication::Assertion(assertion) => {
            form.append_pair("client_id", client_id)
                .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                .append_pair("client_assertion", assertion.expose());
        }
    }
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri().clone();
    *request.body_mut() = form.finish().into_bytes();
    request
}

/// A request to an endpoint at which clients authenticate as at a token endpoint, with these parameters: that of another server than an
/// identity provider's.
///
/// The body and the headers hold secrets.
pub fn token_endpoint_request(
    endpoint: &Endpoint,
    client_id: &str,
    authentication: &ClientAuthentication,
    parameters: &[(&str, &str)],
) -> Request<Vec<u8>> {
    authenticated(endpoint, client_id, authentication, parameters)
}

/// What the provider gave for a code. None of it ever reaches the client, the log or an error.
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// Who signed in, not yet verified.
    pub id_token: SecretString,
    /// For the provider's own interfaces.
    pub access_token: SecretString,
    /// For new tokens, where the provider gives one.
    pub refresh_token: Option<SecretString>,
    /// How long the access token works, in seconds from the answer, where the provider says.
    pub expires_in: Option<u64>,
}

/// The provider gave no tokens, or not the ones of this flow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenRejection {
    /// Not a token answer at all.
    #[error("the token endpoint {0}")]
    Answer(#[from] AnswerRejection),
    /// An OAuth error (RFC 6749, section 5.2), such as `invalid_client` for a wrong secret.
    #[error("the token endpoint refused with {error} (status {status})")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The error code; its description is free text and not kept.
        error: LogText,
    },
    /// Not `Bearer`: we could not use the access token.
    #[error("the token endpoint gave tokens of the type {0}")]
    TokenType(LogText),
    /// A required member is absent or empty. Without `id_token`: is the scope `openid` granted?
    #[error("the token endpoint's answer lacks {0}")]
    Missing(&'static str),
}

#[derive(Deserialize)]
struct Answer {
    token_type: Option<String>,
    id_token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
}

/// Only for its `error`: every other member may have any type.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// A token answer, whatever the grant.
pub(crate) struct TokenAnswer {
    pub(crate) id_token: Option<SecretString>,
    pub(crate) access_token: SecretString,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) expires_in: Option<u64>,
}

impl TokenAnswer {
    pub(crate) fn parse(response: &Response<Vec<u8>>) -> Result<Self, TokenRejection> {
        // First, and whatever the status: some providers answer errors with 200.
        if let Ok(answer) = json::<ErrorAnswer>(response.body()) {
            return Err(TokenRejection::Refused { status: response.status(), error: LogText::new(&answer.error) });
        }
        let answer: Answer = json(successful(response)?)?;
        let token_type = answer.token_type.ok_or(TokenRejection::Missing("token_type"))?;
        // "Its value is case insensitive" (RFC 6749, section 5.1).
        if !token_type.eq_ignore_ascii_case("Bearer") {
            return Err(TokenRejection::TokenType(LogText::new(&token_type)));
        }
        Ok(Self {
            id_token: secret(answer.id_token),
            access_token: secret(answer.access_token).ok_or(TokenRejection::Missing("access_token"))?,
            refresh_token: secret(answer.refresh_token),
            expires_in: answer.expires_in.as_ref().and_then(seconds),
        })
    }
}

impl TokenResponse {
    /// Reads the answer to [`token_request`].
    ///
    /// # Errors
    /// See [`TokenRejection`].
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Self, TokenRejection> {
        let answer = TokenAnswer::parse(response)?;
        Ok(Self {
            id_token: answer.id_token.ok_or(TokenRejection::Missing("id_token"))?,
            access_token: answer.access_token,
            refresh_token: answer.refresh_token,
            expires_in: answer.expires_in,
        })
    }

    /// When the access token ends, where the provider says. `now` is when the answer came.
    pub fn expires_at(&self, now: UnixTime) -> Option<UnixTime> {
        self.expires_in.map(|seconds| now.plus(seconds))
    }
}

/// RFC 6749 makes it a number; Azure AD's first version and its descendants send a text, others a fraction, of which the whole
/// seconds count. Whatever else it is counts as if the provider had not said: it is a hint, and optional.
pub(crate) fn seconds(expires_in: &Value) -> Option<u64> {
    let text = match expires_in {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    text.split('.').next()?.parse().ok()
}

impl TokenRejection {
    /// What the client is told.
    pub(crate) fn to_wire(&self) -> ClientError {
        match self {
            Self::Answer(answer) => answer.to_wire(),
            Self::Refused { status, .. } if may_pass(*status) => ClientError::TemporarilyUnavailable,
            Self::Refused { .. } | Self::TokenType(_) | Self::Missing(_) => ClientError::ServerError,
        }
    }
}

pub(crate) fn secret(text: Option<String>) -> Option<SecretString> {
    text.filter(|text| !text.is_empty()).map(SecretString::new)
}

#[cfg(test)]
mod tests;
