//! The four kinds of cookies: which browser this is, who looks at their sessions in it, who is signed in with it, and for whom we have just sent it away.

use std::borrow::Cow;

use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use gatehouse_authorization_server::arrival::Departure;
use gatehouse_authorization_server::browser::{Browser, BrowserCookies};
use gatehouse_authorization_server::browser_sign_in::SignedInBrowser;
use gatehouse_authorization_server::sessions_page::SignedInUser;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{ClientId, SecretString, WebOrigin, browser_session_cookie};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Response};

use crate::context::Context;
use crate::requests;

/// The browser that sent the request, where it has been here before.
pub(crate) fn browser(headers: &HeaderMap, public_url: &WebOrigin) -> Option<BrowserCookies> {
    let cookies: Vec<_> = cookies(headers).collect();
    BrowserCookies::parse(cookies.iter().map(|cookie| (cookie.name(), cookie.value())), public_url)
}

/// What the log calls the sign-in to the account pages.
const SIGN_IN: &str = "sign-in";

/// Who is signed in to the account pages in `browser`: nobody who has signed out everywhere since, in whatever browser, and nobody
/// while that cannot be known.
pub(crate) fn signed_in_user(headers: &HeaderMap, browser: &BrowserCookies, context: &Context) -> Option<SignedInUser> {
    let name = SignedInUser::cookie_name(&context.configuration.public_url);
    let opened =
        |value: &str| browser.iter().find_map(|browser| SignedInUser::open(value, browser, &context.keys, context.now));
    let account = single(headers, name, opened)?;
    account.provider(&context.configuration)?;
    match account.has_signed_out(&context.keys, &context.store) {
        Ok(has_signed_out) => (!has_signed_out).then_some(account),
        Err(error) => {
            context.log.failed(SIGN_IN, None, error);
            None
        }
    }
}

/// Gives the browser its cookie. Where consents are remembered, the cookie is, too: it is what finds them.
pub(crate) fn set_browser(response: &mut Response<Vec<u8>>, browser: &Browser, configuration: &Configuration) {
    let name = browser.cookie_name(&configuration.public_url);
    let lifetime = configuration.lifetimes.consent;
    let max_age = (lifetime > 0).then_some(lifetime);
    set(response, name, browser.cookie_value(), max_age, &configuration.public_url);
}

/// Signs `account` in to the account pages; `value` is its cookie's.
pub(crate) fn set_signed_in_user(
    response: &mut Response<Vec<u8>>,
    account: &SignedInUser,
    value: &SecretString,
    context: &Context,
) {
    let public_url = &context.configuration.public_url;
    let max_age = Some(account.seconds_left(context.now));
    set(response, SignedInUser::cookie_name(public_url), value.expose().to_owned(), max_age, public_url);
}

/// Signs out of the account pages.
pub(crate) fn remove_signed_in_user(response: &mut Response<Vec<u8>>, public_url: &WebOrigin) {
    set(response, SignedInUser::cookie_name(public_url), String::new(), Some(0), public_url);
}

/// The access token with which `browser` is signed in, and what is sealed beside it.
pub(crate) fn signed_in_browser(
    headers: &HeaderMap,
    browser: &BrowserCookies,
    context: &Context,
) -> Option<(SecretString, SignedInBrowser)> {
    let public_url = &context.configuration.public_url;
    let opened = |value: &str| browser.iter().find_map(|browser| SignedInBrowser::open(value, browser, &context.keys));
    let beside = single(headers, SignedInBrowser::cookie_name(public_url), opened)?;
    let token = |value: &str| (!value.is_empty()).then(|| SecretString::new(value.to_owned()));
    Some((single(headers, browser_session_cookie(public_url), token)?, beside))
}

/// Signs the browser in, for as long as its session can last.
pub(crate) fn set_signed_in_browser(
    response: &mut Response<Vec<u8>>,
    access_token: &SecretString,
    beside: &SecretString,
    context: &Context,
) {
    let Configuration { public_url, lifetimes, .. } = &context.configuration;
    for (name, value) in
        [(browser_session_cookie(public_url), access_token), (SignedInBrowser::cookie_name(public_url), beside)]
    {
        set(response, name, value.expose().to_owned(), Some(lifetimes.session), public_url);
    }
}

/// Signs the browser out.
pub(crate) fn remove_signed_in_browser(response: &mut Response<Vec<u8>>, public_url: &WebOrigin) {
    for name in [browser_session_cookie(public_url), SignedInBrowser::cookie_name(public_url)] {
        set(response, name, String::new(), Some(0), public_url);
    }
}

/// Notes in the browser that it is sent elsewhere on behalf of the client, too.
pub(crate) fn set_departure(response: &mut Response<Vec<u8>>, client_id: &ClientId, context: &Context) {
    let public_url = &context.configuration.public_url;
    let value = Departure::after(&context.departures, client_id).cookie_value().to_owned();
    set(response, Departure::cookie_name(public_url), value, Some(Departure::SECONDS), public_url);
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    requests::cookie_pairs(headers).filter_map(|pair| Cookie::parse(pair).ok())
}

/// What `parse` makes of the one cookie of this name.
fn single<T>(headers: &HeaderMap, name: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let ours = cookies(headers).filter(|cookie| cookie.name() == name).filter_map(|cookie| parse(cookie.value()));
    // Of two, somebody tossed one in. Neither is believed.
    gatehouse_protocol::single(ours)
}

/// `Lax`, because the callback is a navigation from the identity provider's site. `max_age` is in seconds; without it
/// the cookie ends with the browser.
fn set(
    response: &mut Response<Vec<u8>>,
    name: impl Into<Cow<'static, str>>,
    value: String,
    max_age: Option<u64>,
    public_url: &WebOrigin,
) {
    let mut cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(!public_url.is_plain_http());
    if let Some(seconds) = max_age.and_then(|seconds| i64::try_from(seconds).ok()) {
        cookie = cookie.max_age(Duration::seconds(seconds));
    }
    if let Ok(value) = HeaderValue::from_str(&cookie.build().to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}
