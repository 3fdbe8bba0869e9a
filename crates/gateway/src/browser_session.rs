//! The sign-in of a browser, at a route that takes browsers.
//!
//! A cookie goes along with whatever a browser is made to send. So it counts only where the browser says that a page of our own origin, or
//! the user, sent the request (Fetch Metadata, which no script can write), and where no other origin is named.

use gatehouse_configuration::Unauthenticated;
use gatehouse_protocol::{OwnPath, SecretString, browser_session_cookie, single};
use http::header::{ACCEPT, COOKIE, ORIGIN};
use http::{HeaderMap, Method, Request};

use crate::Endpoint;

/// The access token in the cookie of a request that may use it at the endpoint.
pub(crate) fn token(head: &Request<()>, endpoint: &Endpoint<'_>) -> Option<SecretString> {
    if endpoint.route.unauthenticated != Unauthenticated::SignIn || !is_of_our_own_site(head, endpoint) {
        return None;
    }
    let name = browser_session_cookie(&endpoint.configuration.public_url);
    let pairs = head.headers().get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = pairs.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    // Of two, somebody tossed one in. Neither is believed.
    let value = single(pairs.filter(|(own, value)| *own == name && !value.is_empty()).map(|(_, value)| value))?;
    Some(SecretString::new(value.to_owned()))
}

/// Whether our own page sent the request, or, of one that changes nothing, the user did.
fn is_of_our_own_site(head: &Request<()>, endpoint: &Endpoint<'_>) -> bool {
    let is_of_our_own_origin = |value: &http::HeaderValue| value == endpoint.configuration.public_url.as_str();
    let site = said(head.headers(), "sec-fetch-site");
    let is_ours = site == Some("same-origin") || (site == Some("none") && head.method() == Method::GET);
    is_ours && head.headers().get_all(ORIGIN).iter().all(is_of_our_own_origin)
}

/// Whether a browser opens the endpoint as a page: one that is not signed in can be sent to sign in.
pub(crate) fn is_navigation(head: &Request<()>) -> bool {
    let is_a_page = match said(head.headers(), "sec-fetch-mode") {
        Some(mode) => mode == "navigate" && said(head.headers(), "sec-fetch-dest") == Some("document"),
        None => {
            let ranges = head.headers().get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
            ranges.flat_map(|line| line.split(',')).any(|range| range.split(';').next().is_some_and(is_html))
        }
    };
    head.method() == Method::GET && is_a_page
}

fn is_html(range: &str) -> bool {
    range.trim().eq_ignore_ascii_case("text/html")
}

/// Where a browser signs in, to come back to the endpoint.
pub(crate) fn sign_in_location(endpoint: &Endpoint<'_>) -> String {
    let sign_in = endpoint.configuration.public_url.join(OwnPath::BrowserSignIn.as_str());
    // A route's path needs no escape in a query but for what it cannot have.
    format!("{sign_in}?post_login_redirect_uri={}", endpoint.path())
}

fn said<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    single(headers.get_all(name))?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    const COOKIE_OF_OURS: (&str, &str) = ("cookie", "a=b; __Host-gatehouse-session=the-token; c=d");
    const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

    fn of(method: &Method, pairs: &[(&str, &str)], unauthenticated: Unauthenticated) -> Option<String> {
        let mut configuration = example::configuration();
        configuration.routes[0].unauthenticated = unauthenticated;
        let head = example::request(method.clone(), "/mcp", pairs);
        token(&head, &example::endpoint(&configuration)).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_cookie_counts_at_a_route_that_takes_browsers_and_for_our_own_pages_alone() {
        let taken = Unauthenticated::SignIn;
        for (method, pairs) in [
            (Method::POST, &[COOKIE_OF_OURS, OWN][..]),
            (Method::POST, &[COOKIE_OF_OURS, OWN, ("origin", "https://gateway.example")]),
            (Method::DELETE, &[COOKIE_OF_OURS, OWN]),
            (Method::GET, &[COOKIE_OF_OURS, OWN]),
            (Method::GET, &[COOKIE_OF_OURS, ("sec-fetch-site", "none")]),
        ] {
            assert_eq!(of(&method, pairs, taken).as_deref(), Some("the-token"), "{method} {pairs:?}");
            for other in [Unauthenticated::Challenge, Unauthenticated::Refuse, Unauthenticated::Allow] {
                assert_eq!(of(&method, pairs, other), None, "{other:?}");
            }
        }
    }

    #[test]
    fn nothing_that_another_site_has_a_browser_send_brings_a_token() {
        for (method, pairs) in [
            (Method::POST, &[COOKIE_OF_OURS][..]),
            (Method::POST, &[COOKIE_OF_OURS, ("sec-fetch-site", "none")]),
            (Method::POST, &[COOKIE_OF_OURS, ("sec-fetch-site", "cross-site")]),
            (Method::POST, &[COOKIE_OF_OURS, ("sec-fetch-site", "same-site")]),
            (Method::GET, &[COOKIE_OF_OURS, ("sec-fetch-site", "cross-site")]),
            (Method::GET, &[COOKIE_OF_OURS]),
            (Method::POST, &[COOKIE_OF_OURS, OWN, ("sec-fetch-site", "cross-site")]),
            (Method::POST, &[COOKIE_OF_OURS, OWN, ("origin", "https://evil.example")]),
            (Method::POST, &[COOKIE_OF_OURS, OWN, ("origin", "null")]),
            (Method::POST, &[COOKIE_OF_OURS, OWN, ("origin", "http://localhost:6274")]),
            (Method::POST, &[COOKIE_OF_OURS, COOKIE_OF_OURS, OWN]),
            (Method::POST, &[("cookie", "gatehouse-session=the-token"), OWN]),
            (Method::POST, &[("cookie", "__Host-gatehouse-session="), OWN]),
            (Method::POST, &[("cookie", "__host-gatehouse-session=the-token"), OWN]),
            (Method::POST, &[OWN]),
        ] {
            assert_eq!(of(&method, pairs, Unauthenticated::SignIn), None, "{method} {pairs:?}");
        }
    }

    #[test]
    fn a_browser_that_opens_a_page_is_told_from_a_program_and_from_a_script() {
        let is = |method: Method, pairs: &[(&str, &str)]| is_navigation(&example::request(method, "/mcp", pairs));
        let html = ("accept", "application/xhtml+xml, Text/HTML;q=0.9");
        let (navigate, document) = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"));
        assert!(is(Method::GET, &[navigate, document]) && is(Method::GET, &[html]));
        for pairs in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json, text/event-stream")],
            &[html, ("sec-fetch-mode", "cors")],
            &[navigate, ("sec-fetch-dest", "iframe")],
            &[navigate],
        ] {
            assert!(!is(Method::GET, pairs), "{pairs:?}");
        }
        assert!(!is(Method::POST, &[navigate, document, html]));
    }
}
