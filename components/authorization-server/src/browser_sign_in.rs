//! `/.auth/login`, `/.auth/me`, `/.auth/refresh` and `/.auth/logout`: people who sign in with a browser, as with App Service.

use gatehouse_audit_log::TokenEvent;
use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::browser::BrowserCookies;
use gatehouse_authorization_server::browser_sign_in::{
    SignedInBrowser, check_sign_out, named_provider, opening, shown_name, sign_out_ticket,
};
use gatehouse_authorization_server::login::{LoginPurpose, ReturnedLogin};
use gatehouse_authorization_server::return_address::ReturnAddress;
use gatehouse_openid::AccountChoice;
use gatehouse_protocol::{
    BROWSER_CLIENT_ID, ClientId, OwnPath, Parameters, SecretString, UnixTime, parsed_browser_resource,
};
use gatehouse_sessions::{Device, Principal, RefreshRequest, Rejection, SessionBrowser, Tokens, ValidationRequest};
use http::header::REFRESH;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use provider_client::{Failure, SignedIn};
use serde::Serialize;
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::forms::{self, Form};
use crate::log::Details;
use crate::login::NotBegun;
use crate::pages::{Problem, Unbound};
use crate::{
    authorize, cookies, failures, login, pages, requests, responses, session_opening, sessions, sessions_page,
};

const ACTION: &str = "browser-sign-in";
const SIGN_OUT: &str = "browser-sign-out";
const POST_LOGIN: &str = "post_login_redirect_uri";
const POST_LOGOUT: &str = "post_logout_redirect_uri";
const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const NAME_IDENTIFIER: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
const TENANT: &str = "http://schemas.microsoft.com/identity/claims/tenantid";

/// `GET /.auth/login/PROVIDER`: sends the browser to the identity provider. Whoever leads it here gains nothing: it signs in with the
/// user's own account, and the way back is good in this browser alone.
pub(crate) fn sign_in(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if !context.configuration.browser_sign_in.enabled {
        return not_here(context, request);
    }
    if !authorize::arrival(request.headers(), context).is_a_page() {
        return refused(context, ACTION, "the sign-in was not opened as a page", Problem::Form { status: 403 });
    }
    let address = match address(context, request, POST_LOGIN) {
        Ok(address) => address.unwrap_or_else(ReturnAddress::sessions),
        Err(response) => return *response,
    };
    let known = cookies::browser(request.headers(), &context.configuration.public_url);
    let browser = known.unwrap_or_else(|| BrowserCookies::generate(&mut SystemEntropy));
    let behind = request.uri().path().strip_prefix(OwnPath::BrowserSignIn.as_str()).unwrap_or_default();
    let provider = match (behind, context.configuration.identity_providers.as_slice()) {
        ("" | "/", [only]) => Some(only),
        ("" | "/", _) => {
            return pages::choose_sign_in(context.layout(), &context.configuration, &address);
        }
        (name, _) => named_provider(name.trim_start_matches('/'), &context.configuration),
    };
    let Some(provider) = provider else { return not_here(context, request) };
    let purpose = LoginPurpose::Browser(address);
    match login::begin(context, &purpose, provider, browser.first(), AccountChoice::ByProvider, None) {
        Ok(mut redirect) => {
            cookies::set_browser(&mut redirect, browser.first(), &context.configuration);
            redirect
        }
        Err(NotBegun::Refused(rejection)) => login::refused(context, ACTION, None, &rejection),
        Err(NotBegun::Failed { reason, .. }) => failures::out_of_order(context, ACTION, None, &reason),
    }
}

/// The browser comes back from the identity provider.
pub(crate) fn signed_in(
    context: &Context,
    address: &ReturnAddress,
    login: &ReturnedLogin<'_>,
    browser: &BrowserCookies,
    device: Device,
    outcome: Result<SignedIn, Failure>,
) -> Response<Vec<u8>> {
    let signed_in = match outcome {
        Ok(signed_in) => signed_in,
        Err(failure) => return sessions_page::nobody_signed_in(context, login.provider, browser, &failure, ACTION),
    };
    let seen = SessionBrowser { digest: browser.first().digest(), device };
    let name = signed_in.identity.display_name().map(str::to_owned);
    let tokens = match open(context, login.begun_at, seen, signed_in) {
        Ok(Some(tokens)) => tokens,
        Ok(None) => {
            let reason = "the user has signed out everywhere since the login began";
            return refused(context, ACTION, reason, Problem::NotCompleted { status: 400 });
        }
        Err(reason) => return failures::out_of_order(context, ACTION, None, &reason),
    };
    let mut response = match address {
        // What the provider's redirect leads to counts as another site's. Our own page leads there, so that the cookie counts.
        ReturnAddress::Own(_) => {
            let mut page = pages::signed_in_browser(context.layout(), &address.location(&context.configuration));
            let refresh = format!("0; url={}", address.location(&context.configuration));
            if let Ok(value) = HeaderValue::from_str(&refresh) {
                page.headers_mut().insert(REFRESH, value);
            }
            page
        }
        ReturnAddress::Elsewhere(_) => responses::redirect_to(address, &context.configuration),
    };
    match keep(context, &mut response, browser, &login.provider.name, name, &tokens) {
        Ok(()) => response,
        Err(reason) => failures::out_of_order(context, ACTION, None, &reason),
    }
}

fn open(
    context: &Context,
    begun_at: UnixTime,
    browser: SessionBrowser,
    signed_in: SignedIn,
) -> Result<Option<Tokens>, String> {
    session_opening::open(context, ACTION, begun_at, signed_in, |subject, claims, provider_tokens| {
        let (configuration, now) = (&context.configuration, context.now);
        let opening = opening(configuration, subject, claims, browser, provider_tokens, now, &mut SystemEntropy);
        opening.ok_or("the browser session has no name")
    })
}

/// Sets the cookies.
fn keep(
    context: &Context,
    response: &mut Response<Vec<u8>>,
    browser: &BrowserCookies,
    provider: &str,
    name: Option<String>,
    tokens: &Tokens,
) -> Result<(), String> {
    let refresh_token = tokens.refresh_token.clone().ok_or("the browser session has no refresh token")?;
    let ends_at = context.now.plus(tokens.expires_in);
    let beside = SignedInBrowser { refresh_token, provider: provider.to_owned(), name, ends_at };
    let beside = beside.cookie_value(browser.first(), &context.keys, &mut SystemEntropy);
    let beside = beside.map_err(|error| error.to_string())?;
    cookies::set_signed_in_browser(response, &tokens.access_token, &beside, context);
    Ok(())
}

/// One of the users in App Service's answer: there is one.
#[derive(Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    expires_on: String,
    provider_name: &'a str,
    user_claims: Vec<UserClaim<'a>>,
    user_id: &'a str,
}

#[derive(Serialize)]
struct UserClaim<'a> {
    typ: &'static str,
    val: &'a str,
}

/// `GET /.auth/me`: who is signed in, for scripts of pages at our own origin.
pub(crate) fn user(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let (browser, signed_in) = match of_our_own_page(context, request, "user") {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let (token, beside) = signed_in;
    let principal = match principal(context, &token) {
        Ok(principal) => principal,
        Err(rejection) => return not_signed_in(context, &browser, &rejection),
    };
    let Some(provider) = context.configuration.identity_provider(&beside.provider) else {
        return not_signed_in(context, &browser, &Rejection::Revoked);
    };
    let access_token = match context.configuration.browser_sign_in.tells_token {
        true => {
            match sessions::identity_provider_token(&token, &principal.resource, &context.configuration, &context.log) {
                Ok(sessions::ProviderToken::Usable(token)) => Some(token.expose().to_owned()),
                Ok(sessions::ProviderToken::Ended | sessions::ProviderToken::NeverGiven) => None,
                Err(rejection) => return not_signed_in(context, &browser, &rejection),
            }
        }
        false => None,
    };
    let name = beside.name.as_deref();
    let one = |typ, val| UserClaim { typ, val };
    let mut user_claims = vec![one(NAME_IDENTIFIER, principal.subject.sub())];
    user_claims.extend(name.map(|name| one(NAME, name)));
    user_claims.extend(principal.claims.tenant.as_deref().map(|tenant| one(TENANT, tenant)));
    user_claims.extend(principal.claims.groups.iter().map(|group| one("groups", group)));
    user_claims.extend(principal.claims.roles.iter().map(|role| one("roles", role)));
    let user = User {
        access_token,
        expires_on: pages::machine_time(beside.ends_at),
        provider_name: shown_name(provider),
        user_claims,
        user_id: name.unwrap_or_else(|| principal.subject.sub()),
    };
    responses::json(200, &[user])
}

/// `GET /.auth/refresh`: a new access token for the browser, and the provider's tokens looked after.
pub(crate) fn refresh(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let (browser, (_, beside)) = match of_our_own_page(context, request, "refresh") {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let Ok(client_id) = ClientId::parse(BROWSER_CLIENT_ID) else { return responses::not_found() };
    let refresh_token = beside.refresh_token.expose();
    let asked = RefreshRequest { refresh_token, client_id: &client_id, resource: None, scopes: None };
    let refreshed = sessions::refresh(&asked, &context.configuration, &context.keys, &context.log);
    let mut response = responses::status_only(StatusCode::OK);
    let kept = refreshed.map(|tokens| keep(context, &mut response, &browser, &beside.provider, beside.name, &tokens));
    match kept {
        Ok(Ok(())) => {
            let (client_id, token) = (Some(BROWSER_CLIENT_ID), Some(TokenEvent::Refreshed));
            context.log.completed("browser-refresh", Details { client_id, token, ..Details::default() });
            response
        }
        Ok(Err(reason)) => {
            context.log.failed(ACTION, Some(BROWSER_CLIENT_ID), reason);
            responses::error(503, ErrorCode::TemporarilyUnavailable, "try again later")
        }
        Err(rejection) => not_signed_in(context, &browser, &rejection),
    }
}

type Found = (BrowserCookies, (SecretString, SignedInBrowser));

/// The sign-in of the browser, if one of our own pages asks: what another site's page has the browser ask is not answered.
fn of_our_own_page(context: &Context, request: &Request<Vec<u8>>, what: &str) -> Result<Found, Box<Response<Vec<u8>>>> {
    if !context.configuration.browser_sign_in.enabled {
        return Err(Box::new(responses::not_found()));
    }
    if !is_of_our_own_site(request.headers()) {
        context.log.refused(ACTION, None, format!("another site's page asks for {what}"));
        return Err(Box::new(responses::error(403, ErrorCode::AccessDenied, "this is for pages of this origin")));
    }
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let found = browser.and_then(|browser| {
        let signed_in = cookies::signed_in_browser(request.headers(), &browser, context)?;
        Some((browser, signed_in))
    });
    found.ok_or_else(|| Box::new(nobody()))
}

fn is_of_our_own_site(headers: &HeaderMap) -> bool {
    let site = requests::single(headers, &HeaderName::from_static("sec-fetch-site"));
    matches!(site, Some("same-origin" | "none"))
}

fn principal(context: &Context, token: &SecretString) -> Result<Principal, Rejection> {
    let resource = parsed_browser_resource(&context.configuration.public_url).ok_or(Rejection::Unrecognised)?;
    let request = ValidationRequest { access_token: token.expose(), resource: &resource, without_record: false };
    context.sessions().validate(&request, |_| Ok(None)).map(|validated| validated.principal)
}

fn nobody() -> Response<Vec<u8>> {
    responses::error(401, ErrorCode::AccessDenied, "nobody is signed in with this browser")
}

/// The session has ended, or cannot be looked up.
fn not_signed_in(context: &Context, _: &BrowserCookies, rejection: &Rejection) -> Response<Vec<u8>> {
    match rejection {
        Rejection::Unavailable(reason) => {
            context.log.failed(ACTION, Some(BROWSER_CLIENT_ID), reason);
            responses::error(503, ErrorCode::TemporarilyUnavailable, "try again later")
        }
        _ => {
            let token = matches!(rejection, Rejection::Reused).then_some(TokenEvent::Reused);
            context.log.refused_token(ACTION, Some(BROWSER_CLIENT_ID), rejection, token);
            nobody()
        }
    }
}

/// `GET /.auth/logout`: signs the browser out where our own page, or the user, opens it. Where another site does, the user is asked.
pub(crate) fn sign_out(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if !context.configuration.browser_sign_in.enabled {
        return not_here(context, request);
    }
    let address = match address(context, request, POST_LOGOUT) {
        Ok(address) => address,
        Err(response) => return *response,
    };
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let arrival = authorize::arrival(request.headers(), context);
    if is_of_our_own_site(request.headers()) && arrival.is_a_page() {
        return end(context, request.headers(), browser.as_ref(), address.as_ref());
    }
    let browser = browser.unwrap_or_else(|| BrowserCookies::generate(&mut SystemEntropy));
    match sign_out_ticket(browser.first(), &context.keys, context.now, &mut SystemEntropy) {
        Ok(ticket) => {
            let address = address.as_ref().map(ReturnAddress::as_str);
            let mut page = pages::confirm_browser_sign_out(context.layout(), address, &ticket);
            cookies::set_browser(&mut page, browser.first(), &context.configuration);
            page
        }
        Err(error) => failures::out_of_order(context, SIGN_OUT, None, error),
    }
}

/// `POST /.auth/logout`: the user has been asked.
pub(crate) fn sign_out_confirmed(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if !context.configuration.browser_sign_in.enabled {
        return not_here(context, request);
    }
    let confirmed = Form::read(context, request).and_then(|form| {
        let ticket = form.required("ticket")?;
        form.browser.open(|browser| check_sign_out(ticket, browser, &context.keys, context.now))?;
        let address = form.optional(POST_LOGOUT)?.map(|text| ReturnAddress::parse(text, &context.configuration));
        Ok((form.browser, address.transpose()))
    });
    match confirmed {
        Ok((browser, Ok(address))) => end(context, request.headers(), Some(&browser), address.as_ref()),
        Ok((_, Err(foreign))) => foreign_address(context, SIGN_OUT, foreign),
        Err(rejection) => forms::refused(context, SIGN_OUT, &rejection),
    }
}

/// Ends the browser's session, and its stay on the account pages.
fn end(
    context: &Context,
    headers: &HeaderMap,
    browser: Option<&BrowserCookies>,
    address: Option<&ReturnAddress>,
) -> Response<Vec<u8>> {
    let public_url = &context.configuration.public_url;
    if let Some((_, beside)) = browser.and_then(|browser| cookies::signed_in_browser(headers, browser, context)) {
        let resource = parsed_browser_resource(public_url);
        let (Ok(client_id), Some(resource)) = (ClientId::parse(BROWSER_CLIENT_ID), resource) else {
            return responses::not_found();
        };
        let ended = context.sessions().revoke(beside.refresh_token.expose(), &client_id, &[resource]);
        if let Err(error) = ended {
            return failures::out_of_order(context, SIGN_OUT, Some(BROWSER_CLIENT_ID), error);
        }
        let (client_id, token) = (Some(BROWSER_CLIENT_ID), Some(TokenEvent::Revoked));
        context.log.completed(SIGN_OUT, Details { client_id, token, ..Details::default() });
    }
    let mut response = match address {
        Some(address) => responses::redirect_to(address, &context.configuration),
        None => pages::signed_out(context.layout()),
    };
    cookies::remove_signed_in_browser(&mut response, public_url);
    cookies::remove_signed_in_user(&mut response, public_url);
    response
}

/// The address in the query, where there is one.
fn address(
    context: &Context,
    request: &Request<Vec<u8>>,
    name: &'static str,
) -> Result<Option<ReturnAddress>, Box<Response<Vec<u8>>>> {
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default());
    let text = parameters.optional(name);
    let text =
        text.map_err(|error| Box::new(refused(context, ACTION, error, Problem::Unbound(Unbound::Incomplete))))?;
    let address = text.map(|text| ReturnAddress::parse(text, &context.configuration)).transpose();
    address.map_err(|foreign| Box::new(foreign_address(context, ACTION, foreign)))
}

fn foreign_address(context: &Context, action: &'static str, reason: impl ToString) -> Response<Vec<u8>> {
    refused(context, action, reason, Problem::Unbound(Unbound::RedirectUri))
}

fn refused(context: &Context, action: &'static str, reason: impl ToString, problem: Problem) -> Response<Vec<u8>> {
    context.log.refused(action, None, reason.to_string());
    pages::error(context.layout(), problem)
}

fn not_here(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if requests::accepts_a_page(request.headers()) {
        pages::error(context.layout(), Problem::NotFound)
    } else {
        responses::not_found()
    }
}
