//! The token endpoint (OpenID Connect Core, sections 3.1.3 and 12).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_protocol::{CodeChallenge, CodeVerifier, Entropy, ParameterError, Parameters, SecretString, UnixTime};
use gatehouse_storage::{Store, StoreUnavailable};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::answers;
use crate::grants::{ACCESS_TOKEN, ACCESS_TOKEN_LIFETIME, CODE, CodeGrant, Grant, REFRESH_TOKEN};
use crate::settings::Settings;
use crate::signing::Keys;

/// Seconds. An ID token is read once, on arrival.
const ID_TOKEN_LIFETIME: u64 = 300;

/// Why a token request is refused (RFC 6749, section 5.2).
#[derive(Debug)]
enum Refusal {
    InvalidRequest(String),
    InvalidClient,
    InvalidGrant(&'static str),
    InvalidScope,
    UnsupportedGrantType,
    Store(StoreUnavailable),
}

impl From<ParameterError> for Refusal {
    fn from(error: ParameterError) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

impl From<StoreUnavailable> for Refusal {
    fn from(error: StoreUnavailable) -> Self {
        Self::Store(error)
    }
}

/// Answers a token request.
///
/// # Errors
/// Where the store fails.
pub fn answer(
    headers: &HeaderMap,
    form: &Parameters,
    settings: &Settings,
    now: UnixTime,
    entropy: &mut impl Entropy,
    store: &impl Store,
) -> Result<Response<Vec<u8>>, StoreUnavailable> {
    let (status, error, description) = match tokens(headers, form, settings, now, entropy, store) {
        Ok(tokens) => return Ok(answers::private_json(StatusCode::OK, &tokens)),
        Err(Refusal::Store(error)) => return Err(error),
        Err(Refusal::InvalidClient) => {
            (StatusCode::UNAUTHORIZED, "invalid_client", "the client is not known or its secret is wrong".to_owned())
        }
        Err(Refusal::InvalidRequest(description)) => (StatusCode::BAD_REQUEST, "invalid_request", description),
        Err(Refusal::InvalidGrant(description)) => (StatusCode::BAD_REQUEST, "invalid_grant", description.to_owned()),
        Err(Refusal::InvalidScope) => {
            (StatusCode::BAD_REQUEST, "invalid_scope", "the scope is more than what was granted".to_owned())
        }
        Err(Refusal::UnsupportedGrantType) => (
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "the grant types are authorization_code and refresh_token".to_owned(),
        ),
    };
    let response = answers::private_json(status, &json!({ "error": error, "error_description": description }));
    if status == StatusCode::UNAUTHORIZED {
        return Ok(answers::with_header(response, WWW_AUTHENTICATE, "Basic realm=\"token\""));
    }
    Ok(response)
}

fn tokens(
    headers: &HeaderMap,
    form: &Parameters,
    settings: &Settings,
    now: UnixTime,
    entropy: &mut impl Entropy,
    store: &impl Store,
) -> Result<Value, Refusal> {
    authenticate(headers, form, settings)?;
    match form.required("grant_type")? {
        "authorization_code" => {
            let redeemed = redeem_code(form, settings, now, store)?;
            issue(&redeemed.grant, redeemed.nonce.as_deref(), settings, now, entropy, store)
        }
        "refresh_token" => {
            let grant = redeem_refresh_token(form, now, store)?;
            issue(&grant, None, settings, now, entropy, store)
        }
        _ => Err(Refusal::UnsupportedGrantType),
    }
}

/// `client_secret_basic` or `client_secret_post` (OpenID Connect Core, section 9).
fn authenticate(headers: &HeaderMap, form: &Parameters, settings: &Settings) -> Result<(), Refusal> {
    let (client_id, secret) = match headers.get(AUTHORIZATION) {
        Some(header) => {
            if form.optional("client_secret")?.is_some() {
                return Err(Refusal::InvalidRequest("the client uses two ways to authenticate at once".to_owned()));
            }
            let credentials = header.to_str().ok().and_then(basic_credentials).ok_or(Refusal::InvalidClient)?;
            if form.optional("client_id")?.is_some_and(|id| id != credentials.0) {
                return Err(Refusal::InvalidClient);
            }
            credentials
        }
        None => {
            let secret = form.optional("client_secret")?.ok_or(Refusal::InvalidClient)?;
            (form.required("client_id")?.to_owned(), secret.to_owned())
        }
    };
    // The secret is compared even for a wrong client_id, so that the time taken says nothing about either.
    let secret_is_right = SecretString::new(secret) == settings.client_secret;
    if !secret_is_right || client_id != settings.client_id.as_str() {
        return Err(Refusal::InvalidClient);
    }
    Ok(())
}

/// Client id and secret, each form-encoded before the Basic encoding (RFC 6749, section 2.3.1).
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    // As the name of a form's only field. Characters that would end it are taken as themselves: some clients skip the
    // encoding.
    let field = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(field.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn redeem_code(
    form: &Parameters,
    settings: &Settings,
    now: UnixTime,
    store: &impl Store,
) -> Result<CodeGrant, Refusal> {
    let code = form.required("code")?;
    if form.required("redirect_uri")? != settings.redirect_uri.as_str() {
        return Err(Refusal::InvalidGrant("the redirect_uri is not the one of the authorization request"));
    }
    let verifier = CodeVerifier::parse(form.required("code_verifier")?)
        .map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
    let presented = CODE
        .present::<CodeGrant>(code, now, store)?
        .ok_or(Refusal::InvalidGrant("the code was not issued here or has expired"))?;
    let challenge =
        CodeChallenge::parse(&presented.stands_for.challenge).map_err(|error| StoreUnavailable(error.to_string()))?;
    if !challenge.is_met_by(&verifier) {
        return Err(Refusal::InvalidGrant("the code_verifier does not match the code_challenge"));
    }
    presented.spend(store)?.ok_or(Refusal::InvalidGrant("the code has been used before"))
}

fn redeem_refresh_token(form: &Parameters, now: UnixTime, store: &impl Store) -> Result<Grant, Refusal> {
    let presented = REFRESH_TOKEN
        .present::<Grant>(form.required("refresh_token")?, now, store)?
        .ok_or(Refusal::InvalidGrant("the refresh token was not issued here or has expired"))?;
    let granted = &presented.stands_for.scope;
    let beyond = |scope: &str| !granted.split(' ').any(|granted| granted == scope);
    if form.optional("scope")?.is_some_and(|scope| scope.split(' ').any(beyond)) {
        return Err(Refusal::InvalidScope);
    }
    presented.spend(store)?.ok_or(Refusal::InvalidGrant("the refresh token has been used before"))
}

fn issue(
    grant: &Grant,
    nonce: Option<&str>,
    settings: &Settings,
    now: UnixTime,
    entropy: &mut impl Entropy,
    store: &impl Store,
) -> Result<Value, Refusal> {
    let mut tokens = Map::new();
    tokens.insert("access_token".to_owned(), json!(ACCESS_TOKEN.issue(grant, now, entropy, store)?));
    tokens.insert("token_type".to_owned(), json!("Bearer"));
    tokens.insert("expires_in".to_owned(), json!(ACCESS_TOKEN_LIFETIME));
    tokens.insert("scope".to_owned(), json!(grant.scope));
    // OpenID Connect Core, section 11.
    if grant.scope.split(' ').any(|scope| scope == "offline_access") {
        let refresh_token = REFRESH_TOKEN.issue_single_use(grant, now, entropy, store)?;
        tokens.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    let id_token = Keys::load(entropy, store)?.sign(&id_token_claims(grant, nonce, settings, now));
    tokens.insert("id_token".to_owned(), json!(id_token));
    Ok(Value::Object(tokens))
}

/// OpenID Connect Core, section 2; what a refresh repeats and what not: section 12.2.
fn id_token_claims(grant: &Grant, nonce: Option<&str>, settings: &Settings, now: UnixTime) -> Map<String, Value> {
    let mut claims = grant.person.claims(&grant.scope);
    claims.insert("iss".to_owned(), json!(settings.issuer.as_str()));
    claims.insert("aud".to_owned(), json!(settings.client_id.as_str()));
    claims.insert("iat".to_owned(), json!(now.seconds()));
    claims.insert("exp".to_owned(), json!(now.plus(ID_TOKEN_LIFETIME).seconds()));
    claims.insert("auth_time".to_owned(), json!(grant.auth_time));
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    claims
}
