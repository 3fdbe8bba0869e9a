//! The conversation with the identity provider: a refresh token becomes new tokens (OpenID Connect Core 1.0, section 12).

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_configuration::{IdentityProvider, ProviderAuthentication};
use gatehouse_openid::{
    ClientAuthentication, LogText, METADATA_BYTES, ProviderMetadata, TOKEN_ANSWER_BYTES, discovery_request,
};
use gatehouse_protocol::{SecretString, Subject};
use gatehouse_session::RefreshedTokens;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_shell::now;
use http_shell::outbound::{self, NoAnswer};
use serde::Deserialize;
use url::form_urlencoded;

/// Why there are no new tokens. The texts are for the log.
pub(crate) enum Failure {
    /// The provider takes the refresh token no more.
    SignInAgain(String),
    /// The provider did not answer, or cannot be asked.
    Unavailable(String),
}

/// Asks the provider of `subject` for new tokens, with the scopes of the sign-in.
pub(crate) fn refresh(subject: &Subject, refresh_token: &SecretString) -> Result<RefreshedTokens, Failure> {
    let configuration = host_imports::configuration().map_err(unavailable)?;
    let provider = configuration.identity_providers.iter().find(|provider| provider.name == subject.provider());
    let provider = provider.ok_or_else(|| unavailable("the session's identity provider is no longer configured"))?;
    let metadata = discovery_request(&provider.issuer).map_err(unavailable)?;
    let metadata = outbound::fetch(&metadata, METADATA_BYTES).map_err(no_answer)?;
    let metadata = ProviderMetadata::parse(&metadata, &provider.issuer).map_err(unavailable)?;
    let request = request(provider, &metadata, refresh_token)?;
    parse(&outbound::fetch(&request, TOKEN_ANSWER_BYTES).map_err(no_answer)?)
}

fn request(
    provider: &IdentityProvider,
    metadata: &ProviderMetadata,
    refresh_token: &SecretString,
) -> Result<Request<Vec<u8>>, Failure> {
    let secret = match &provider.authentication {
        ProviderAuthentication::Secret(name) => Some(host_imports::secret(name).map_err(unavailable)?),
        ProviderAuthentication::None => None,
        ProviderAuthentication::PrivateKey { .. } | ProviderAuthentication::Assertion(_) => {
            return Err(unavailable("the client authentication at the identity provider is not one for a refresh"));
        }
    };
    let authentication = ClientAuthentication::choose(secret, metadata).map_err(unavailable)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
        ("scope", &provider.scopes.to_string()),
    ]);
    let mut request = Request::new(Vec::new());
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    match &authentication {
        ClientAuthentication::None => {
            form.append_pair("client_id", &provider.client_id);
        }
        ClientAuthentication::SecretBasic(secret) => {
            headers.insert(AUTHORIZATION, basic(&provider.client_id, secret)?);
        }
        ClientAuthentication::SecretPost(secret) => {
            form.append_pair("client_id", &provider.client_id).append_pair("client_secret", secret.expose());
        }
    }
    *request.method_mut() = Method::POST;
    *request.uri_mut() = metadata.token_endpoint().to_string().parse().map_err(unavailable)?;
    *request.body_mut() = form.finish().into_bytes();
    Ok(request)
}

/// RFC 6749, section 2.3.1.
fn basic(client_id: &str, secret: &SecretString) -> Result<HeaderValue, Failure> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = SecretString::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let text = SecretString::new(format!("Basic {}", STANDARD.encode(credentials.expose())));
    let mut value = HeaderValue::from_str(text.expose()).map_err(unavailable)?;
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

#[derive(Deserialize)]
struct Answer {
    token_type: String,
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
}

fn parse(response: &Response<Vec<u8>>) -> Result<RefreshedTokens, Failure> {
    if let Ok(answer) = serde_json::from_slice::<ErrorAnswer>(response.body()) {
        let error = LogText::new(&answer.error);
        return Err(match answer.error.as_str() {
            // The other three are what Entra says where only the user can help.
            "invalid_grant" | "interaction_required" | "login_required" | "consent_required" => {
                Failure::SignInAgain(format!("the identity provider refused with {error}"))
            }
            _ => unavailable(format_args!("the identity provider's token endpoint refused with {error}")),
        });
    }
    if response.status() != StatusCode::OK {
        let status = response.status();
        return Err(unavailable(format_args!("the identity provider's token endpoint answered with status {status}")));
    }
    let malformed = || unavailable("the identity provider's token endpoint answered with something else than tokens");
    let answer: Answer = serde_json::from_slice(response.body()).map_err(|_| malformed())?;
    if !answer.token_type.eq_ignore_ascii_case("Bearer") || answer.access_token.is_empty() {
        return Err(malformed());
    }
    Ok(RefreshedTokens {
        access_token: SecretString::new(answer.access_token),
        refresh_token: answer.refresh_token.filter(|token| !token.is_empty()).map(SecretString::new),
        expires_at: answer.expires_in.map(|seconds| now().plus(seconds)),
    })
}

fn no_answer(reason: NoAnswer) -> Failure {
    unavailable(format_args!("the identity provider does not answer: {reason}"))
}

fn unavailable(reason: impl fmt::Display) -> Failure {
    Failure::Unavailable(reason.to_string())
}
