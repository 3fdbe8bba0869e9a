//! The browser's cookie.

use cookie::{Cookie, SameSite};
use gatehouse_oauth::browser::Browser;
use gatehouse_protocol::WebOrigin;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response};

/// The browser that sent the request, where it has been here before.
pub(crate) fn browser(headers: &HeaderMap, public_url: &WebOrigin) -> Option<Browser> {
    let name = Browser::cookie_name(public_url);
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = values
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == name)
        .filter_map(|cookie| Browser::parse(cookie.value()));
    let first = ours.next()?;
    // Two of them: somebody tossed one in. Neither is believed.
    ours.next().is_none().then_some(first)
}

/// Gives the browser its cookie. `Lax`, because the callback is a navigation from the identity provider's site.
pub(crate) fn set_browser(response: &mut Response<Vec<u8>>, browser: &Browser, public_url: &WebOrigin) {
    let cookie = Cookie::build((Browser::cookie_name(public_url), browser.cookie_value()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(!public_url.is_plain_http());
    if let Ok(value) = HeaderValue::from_str(&cookie.build().to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}
