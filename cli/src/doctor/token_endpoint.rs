//! A token endpoint that is no identity provider's: whether it is one, and whether it knows us. Nothing is got there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_configuration::ProviderAuthentication;
use gatehouse_openid::TOKEN_ANSWER_BYTES;
use gatehouse_protocol::SecretString;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, Uri};
use serde::Deserialize;
use url::form_urlencoded;

use super::client::HttpClient;
use super::findings::Findings;
use super::secrets::Secrets;

/// Nobody has issued it.
const MADE_UP_TOKEN: &str = "gatehouse-doctor-asks-whether-the-client-is-known";

/// What Gatehouse is there.
pub(super) struct Registration<'a> {
    pub(super) client_id: &'a str,
    pub(super) authentication: &'a ProviderAuthentication,
    /// Whether a secret is sent in the body.
    pub(super) secret_in_body: bool,
}

/// The error of an answer (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Asks with a refresh token that is made up. Who is refused as a client is told so.
pub(super) async fn examine(
    client: &HttpClient,
    subject: &str,
    url: &str,
    registration: &Registration<'_>,
    secrets: &Secrets,
    findings: &mut Findings,
) {
    let secret = match registration.authentication {
        ProviderAuthentication::Secret(name) => match secrets.value(name) {
            Some(secret) => Some(secret),
            None => {
                let text =
                    format!("whether it knows client_id and secret was not asked: {} is not given", name.as_str());
                findings.note(subject, text, format!("add --variable {}=@FILE", name.as_str()));
                None
            }
        },
        ProviderAuthentication::PrivateKey { .. } | ProviderAuthentication::Assertion(_) => {
            findings.note(
                subject,
                "whether it knows our key or assertion was not asked",
                "call a route that needs it once",
            );
            None
        }
        ProviderAuthentication::None => None,
    };
    let Some(request) = request(url, registration, secret.as_ref()) else {
        return findings.wrong(subject, format!("{url} is no URL that can be asked"), "mend it in the configuration");
    };
    match client.send(request, TOKEN_ANSWER_BYTES).await {
        Err(error) => findings.wrong(subject, format!("{url} cannot be asked: {error}"), error.advice()),
        Ok(answer) => judge(subject, url, registration, secret.is_some(), &answer, findings),
    }
}

fn request(url: &str, registration: &Registration<'_>, secret: Option<&SecretString>) -> Option<Request<Vec<u8>>> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", MADE_UP_TOKEN);
    let mut request = Request::new(Vec::new());
    (*request.method_mut(), *request.uri_mut()) = (Method::POST, url.parse::<Uri>().ok()?);
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    match secret {
        Some(secret) if !registration.secret_in_body => {
            // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(registration.client_id), encoded(secret.expose()));
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?);
        }
        Some(secret) => {
            form.append_pair("client_id", registration.client_id).append_pair("client_secret", secret.expose());
        }
        None => {
            form.append_pair("client_id", registration.client_id);
        }
    }
    *request.body_mut() = form.finish().into_bytes();
    Some(request)
}

fn judge(
    subject: &str,
    url: &str,
    registration: &Registration<'_>,
    has_secret: bool,
    answer: &Response<Vec<u8>>,
    findings: &mut Findings,
) {
    let status = answer.status();
    let refused = serde_json::from_slice::<Refused>(answer.body()).ok().filter(|_| status.is_client_error());
    match refused.map(|refused| refused.error) {
        Some(error) if error == "invalid_client" && has_secret => {
            let advice = "compare client_id and the secret with the server's; a secret may have expired";
            findings.wrong(subject, format!("{url}: {error}"), advice);
        }
        Some(_) if has_secret => findings.right(subject, format!("{url} knows the client {}", registration.client_id)),
        Some(_) => findings.right(subject, format!("{url} answers as a token endpoint does")),
        None if status.is_redirection() => {
            findings.wrong(subject, format!("{url} redirects"), "redirects are not followed; write where it leads to");
        }
        None => {
            let text = format!("{url} answers with {} and without an error of OAuth", status.as_u16());
            findings.note(
                subject,
                text,
                "look whether it is the token endpoint; some answer otherwise than OAuth has it",
            );
        }
    }
}
