//! Tokens for what is behind the gateway: client credentials (RFC 6749, section 4.4), token exchange (RFC 8693), Entra's
//! on-behalf-of flow, and Azure's managed identities.

use std::collections::BTreeMap;

use gatehouse_configuration::{BackendFlow, BackendGrant, ManagedIdentity};
use gatehouse_protocol::{LogText, SecretString, UnixTime};
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use url::{Url, form_urlencoded};

use crate::answer::{json, may_pass, successful};
use crate::token_exchange::{TokenAnswer, authenticated, seconds, secret};
use crate::{AnswerRejection, ClientAuthentication, Endpoint, TokenRejection};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What App Service and Container Apps want to see, so that nobody else on the machine gets tokens.
const IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
/// What the metadata service of virtual machines wants to see, so that nobody is made to ask it by a URL alone.
const METADATA: HeaderName = HeaderName::from_static("metadata");
/// How many of Entra's error codes are logged.
const MOST_CODES: usize = 4;

/// A request for a token.
#[derive(Debug)]
pub struct BackendRequest<'a> {
    /// For what.
    pub grant: &'a BackendGrant,
    /// Of a user, their access token of the identity provider.
    pub subject_token: Option<&'a SecretString>,
    /// Further parameters.
    pub parameters: &'a BTreeMap<String, String>,
}

/// A token that was given. It never reaches the client, the log or an error.
#[derive(Clone, Debug)]
pub struct BackendAnswer {
    /// The token.
    pub access_token: SecretString,
    /// For how long it works, in seconds from the answer, where that is said.
    pub expires_in: Option<u64>,
}

/// There is no token. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BackendRejection {
    /// It was refused.
    #[error("the token service refused with {reason}")]
    Refused {
        /// Whom.
        of: TokenRefusal,
        /// The error code, with what else says why and is nobody's data.
        reason: String,
    },
    /// The token service is overloaded or broken; the same request may work later.
    #[error("the token service does not answer for now: {0}")]
    Temporary(TokenRejection),
}

/// Whom a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The user may not have it.
    User,
    /// The user has to sign in anew, or to consent.
    UserAction,
    /// Us: credentials, scopes or audience are wrong there.
    Gateway,
}

/// What of an error is nobody's data.
#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    suberror: Option<String>,
    /// Of Entra: numbers, such as 65001 for AADSTS65001.
    #[serde(default)]
    error_codes: Vec<u64>,
    /// A claims challenge: what the next sign-in must prove.
    #[serde(default)]
    claims: Option<Value>,
}

impl BackendRequest<'_> {
    /// The request to the token endpoint. Its body and headers hold secrets.
    pub fn to(&self, endpoint: &Endpoint, client_id: &str, authentication: &ClientAuthentication) -> Request<Vec<u8>> {
        let subject_token = self.subject_token.map_or("", SecretString::expose);
        let mut form: Vec<(&str, &str)> = match self.grant.flow {
            BackendFlow::OnBehalfOf => {
                vec![("grant_type", JWT_BEARER), ("assertion", subject_token), ("requested_token_use", "on_behalf_of")]
            }
            BackendFlow::TokenExchange => vec![
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", subject_token),
                ("subject_token_type", ACCESS_TOKEN),
            ],
            // A workload's token is got elsewhere.
            BackendFlow::ClientCredentials | BackendFlow::WorkloadIdentity => {
                vec![("grant_type", "client_credentials")]
            }
        };
        let scope = self.grant.scopes.to_string();
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        form.extend(self.grant.audience.as_deref().map(|audience| ("audience", audience)));
        form.extend(self.grant.resource.as_deref().map(|resource| ("resource", resource)));
        form.extend(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        authenticated(endpoint, client_id, authentication, &form)
    }

    /// Reads the answer to it.
    ///
    /// # Errors
    /// See [`BackendRejection`].
    pub fn read(&self, response: &Response<Vec<u8>>) -> Result<BackendAnswer, BackendRejection> {
        let answer = TokenAnswer::parse(response).map_err(|rejection| self.rejection(rejection, response.body()))?;
        Ok(BackendAnswer { access_token: answer.access_token, expires_in: answer.expires_in })
    }

    fn rejection(&self, rejection: TokenRejection, body: &[u8]) -> BackendRejection {
        let (status, error) = match &rejection {
            TokenRejection::Refused { status, error } => (*status, error.as_str()),
            TokenRejection::Answer(AnswerRejection::Status(status)) if may_pass(*status) => {
                return BackendRejection::Temporary(rejection);
            }
            TokenRejection::Answer(_) | TokenRejection::TokenType(_) | TokenRejection::Missing(_) => {
                return BackendRejection::Refused { of: TokenRefusal::Gateway, reason: rejection.to_string() };
            }
        };
        let details: Details = serde_json::from_slice(body).unwrap_or_default();
        let is_of_user = self.grant.flow.is_of_user();
        let of = match error {
            "temporarily_unavailable" | "server_error" | "slow_down" => return BackendRejection::Temporary(rejection),
            _ if may_pass(status) => return BackendRejection::Temporary(rejection),
            _ if !is_of_user => TokenRefusal::Gateway,
            // The first is Entra's, the others are of OpenID Connect Core 1.0, section 3.1.2.6, and of RFC 9470.
            "interaction_required" | "login_required" | "consent_required" | "insufficient_user_authentication" => {
                TokenRefusal::UserAction
            }
            "invalid_grant" if details.is_for_the_user() => TokenRefusal::UserAction,
            "invalid_grant" | "access_denied" => TokenRefusal::User,
            // RFC 8693, section 2.2.2: so it is said of a token that does not count.
            "invalid_request" if self.grant.flow == BackendFlow::TokenExchange => TokenRefusal::User,
            _ => TokenRefusal::Gateway,
        };
        BackendRejection::Refused { of, reason: details.reason(error, status) }
    }
}

impl Details {
    /// Whether the user can do something about it: "Microsoft identity platform", "Handle errors".
    fn is_for_the_user(&self) -> bool {
        let suberror = self.suberror.as_deref();
        let is_known = |text: &str| {
            matches!(text, "consent_required" | "basic_action" | "additional_action" | "user_password_expired")
        };
        self.claims.is_some() || suberror.is_some_and(is_known)
    }

    fn reason(&self, error: &str, status: StatusCode) -> String {
        let mut reason = LogText::new(error).to_string();
        if let Some(suberror) = &self.suberror {
            reason = format!("{reason}, {}", LogText::new(suberror));
        }
        for code in self.error_codes.iter().take(MOST_CODES) {
            reason = format!("{reason}, AADSTS{code}");
        }
        if self.claims.is_some() {
            reason.push_str(", with a claims challenge");
        }
        format!("{reason} (status {})", status.as_u16())
    }
}

/// The request to Azure's service for managed identities, for a token for `resource`. `identity_header` is a secret.
///
/// # Errors
/// Where it cannot be sent: a predicate for the log.
pub fn managed_identity_request(
    identity: &ManagedIdentity,
    resource: &str,
    identity_header: Option<&SecretString>,
) -> Result<Request<Vec<u8>>, &'static str> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", identity.api_version).append_pair("resource", resource);
    if let Some(client_id) = &identity.client_id {
        query.append_pair("client_id", client_id);
    }
    let url = format!("{}?{}", identity.url, query.finish());
    let uri: Uri = Url::parse(&url).map_err(|_| "has no URL")?.as_str().parse().map_err(|_| "has no URL")?;
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    match identity_header {
        Some(secret) => {
            let value = HeaderValue::from_str(secret.expose().trim());
            let mut value = value.map_err(|_| "cannot be sent its identity header")?;
            value.set_sensitive(true);
            request.headers_mut().insert(IDENTITY_HEADER, value);
        }
        None => drop(request.headers_mut().insert(METADATA, HeaderValue::from_static("true"))),
    }
    Ok(request)
}

/// Reads the answer to it, at `now`. The times are texts in all its versions; that of App Service says when the token ends, and not in
/// how many seconds.
///
/// # Errors
/// See [`BackendRejection`].
pub fn parse_managed_identity(response: &Response<Vec<u8>>, now: UnixTime) -> Result<BackendAnswer, BackendRejection> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: Option<String>,
        expires_in: Option<Value>,
        expires_on: Option<Value>,
    }
    let refused = |rejection: TokenRejection| match &rejection {
        // 410: it is being updated ("How to use managed identities", error handling); 404 while it starts.
        TokenRejection::Answer(AnswerRejection::Status(status))
            if may_pass(*status) || matches!(*status, StatusCode::GONE | StatusCode::NOT_FOUND) =>
        {
            BackendRejection::Temporary(rejection)
        }
        _ => BackendRejection::Refused { of: TokenRefusal::Gateway, reason: rejection.to_string() },
    };
    let answer = successful(response).and_then(json::<Answer>).map_err(|rejection| refused(rejection.into()))?;
    let access_token = secret(answer.access_token).ok_or_else(|| refused(TokenRejection::Missing("access_token")))?;
    let on = || answer.expires_on.as_ref().and_then(seconds).map(|end| now.seconds_until(UnixTime::from_seconds(end)));
    Ok(BackendAnswer { access_token, expires_in: answer.expires_in.as_ref().and_then(seconds).or_else(on) })
}

#[cfg(test)]
mod tests;
