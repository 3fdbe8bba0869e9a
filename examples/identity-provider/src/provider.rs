//! The provider as a function: a request, the time, randomness and a store give a response.

use gatehouse_protocol::{Entropy, Parameters, UnixTime, is_loopback_host};
use gatehouse_storage::{Store, StoreUnavailable};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use thiserror::Error;
use url::Url;

use crate::answers;
use crate::authorization::{AuthorizationRequest, Refusal, answer_url};
use crate::grants::{CODE, CodeGrant, Grant};
use crate::people::Person;
use crate::settings::Settings;
use crate::signing::Keys;
use crate::{discovery, login_page, token, userinfo};

/// Why there is no answer. The text is for the log.
#[derive(Debug, Error)]
pub enum Failure {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    /// A page could not be rendered.
    #[error("a page could not be rendered: {0}")]
    Page(#[from] askama::Error),
}

/// Answers `request`. Its `Host` header is the authority that the client asked for.
///
/// # Errors
/// See [`Failure`]; the client gets 503.
pub fn answer(
    request: &Request<Vec<u8>>,
    settings: &Settings,
    now: UnixTime,
    entropy: &mut impl Entropy,
    store: &impl Store,
) -> Result<Response<Vec<u8>>, Failure> {
    if !asks_for_loopback(request.headers()) {
        return Ok(answers::text(
            StatusCode::MISDIRECTED_REQUEST,
            "this identity provider is for development and answers on loopback addresses only",
        ));
    }
    let method = request.method();
    match request.uri().path() {
        "/.well-known/openid-configuration" if method == Method::GET => {
            Ok(answers::public_json(&discovery::metadata(settings)))
        }
        "/jwks" if method == Method::GET => Ok(answers::public_json(&Keys::load(entropy, store)?.to_jwks())),
        "/.well-known/openid-configuration" | "/jwks" => Ok(answers::wrong_method("GET")),

        "/authorize" if method == Method::GET => {
            let query = request.uri().query().unwrap_or_default();
            authorize(&Parameters::parse(query), settings)
        }
        // OpenID Connect Core, section 3.1.2.1: both methods.
        "/authorize" if method == Method::POST => match form(request) {
            Some(form) => authorize(&form, settings),
            None => refused_page("The request is not a form."),
        },
        "/authorize" => Ok(answers::wrong_method("GET, POST")),

        "/login" if method == Method::POST => match form(request) {
            Some(form) => sign_in(&form, settings, now, entropy, store),
            None => refused_page("The request is not a form."),
        },
        "/login" => Ok(answers::wrong_method("POST")),

        "/token" if method == Method::POST => {
            // What is not a form has no parameters, so that the client's authentication fails first.
            let form = form(request).unwrap_or_default();
            Ok(token::answer(request.headers(), &form, settings, now, entropy, store)?)
        }
        "/token" => Ok(answers::wrong_method("POST")),

        "/userinfo" if method == Method::GET || method == Method::POST => {
            Ok(userinfo::answer(request.headers(), now, store)?)
        }
        "/userinfo" => Ok(answers::wrong_method("GET, POST")),

        _ => Ok(answers::text(StatusCode::NOT_FOUND, "not found")),
    }
}

/// Whether the client named this machine. A site that points its own name at 127.0.0.1 (DNS rebinding) is refused here.
fn asks_for_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    host.to_str()
        .ok()
        .and_then(|host| Url::parse(&format!("http://{host}")).ok())
        .is_some_and(|url| url.host().is_some_and(|host| is_loopback_host(&host)))
}

fn form(request: &Request<Vec<u8>>) -> Option<Parameters> {
    let content_type = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    core::str::from_utf8(request.body()).ok().map(Parameters::parse)
}

fn authorize(parameters: &Parameters, settings: &Settings) -> Result<Response<Vec<u8>>, Failure> {
    match AuthorizationRequest::parse(parameters, settings) {
        Ok(request) => login_page(&request, settings, request.login_hint.as_deref().unwrap_or_default(), None),
        Err(refusal) => refused(refusal, settings),
    }
}

/// The login form: the authorization request once more, validated once more, and a name.
fn sign_in(
    form: &Parameters,
    settings: &Settings,
    now: UnixTime,
    entropy: &mut impl Entropy,
    store: &impl Store,
) -> Result<Response<Vec<u8>>, Failure> {
    let request = match AuthorizationRequest::parse(form, settings) {
        Ok(request) => request,
        Err(refusal) => return refused(refusal, settings),
    };
    let (Ok(sample), Ok(typed)) = (form.optional("sample"), form.optional("login")) else {
        return refused_page("The form is doubled.");
    };
    // The button of a sample person counts, whatever stands in the text field beside it.
    let typed = sample.or(typed).unwrap_or_default();
    let Some(person) = Person::named(typed) else {
        return login_page(&request, settings, typed, Some("Type a name of 1 to 64 characters."));
    };
    let grant = Grant { person, scope: request.scope, auth_time: now.seconds() };
    let stands_for = CodeGrant { grant, challenge: request.challenge.to_wire(), nonce: request.nonce };
    let code = CODE.issue_single_use(&stands_for, now, entropy, store)?;
    Ok(answers::see_other(&answer_url(settings, &[("code", &code)], request.state.as_deref())))
}

fn login_page(
    request: &AuthorizationRequest,
    settings: &Settings,
    name: &str,
    problem: Option<&str>,
) -> Result<Response<Vec<u8>>, Failure> {
    let fields = request.to_fields(settings);
    let html = login_page::login(settings.client_id.as_str(), &fields, name, problem)?;
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(answers::page(status, html))
}

fn refused(refusal: Refusal, settings: &Settings) -> Result<Response<Vec<u8>>, Failure> {
    match refusal {
        Refusal::Here(reason) => refused_page(&reason),
        Refusal::AtTheClient { error, description, state } => {
            let answer = [("error", error), ("error_description", description.as_str())];
            Ok(answers::see_other(&answer_url(settings, &answer, state.as_deref())))
        }
    }
}

fn refused_page(reason: &str) -> Result<Response<Vec<u8>>, Failure> {
    Ok(answers::page(StatusCode::BAD_REQUEST, login_page::refused(reason)?))
}
