//! What the endpoints ask of a request's head.

use gatehouse_protocol::essence;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, Method, Request};

/// The media type of the body; `None` where there is none, or more than one: which of them is meant is anybody's guess.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    single(headers, &CONTENT_TYPE).map(essence)
}

/// Whether a person wants to see what is at this address: browsers ask for HTML when somebody opens it.
pub(crate) fn is_for_a_page(head: &Request<()>) -> bool {
    matches!(*head.method(), Method::GET | Method::HEAD) && accepts_a_page(head.headers())
}

/// Whether the answer may be HTML (RFC 9110, section 12.5.1). Programs that take anything (`*/*`) do not ask for a page.
pub(crate) fn accepts_a_page(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    ranges.map(essence).any(|range| range == "text/html")
}

/// The cookies, as `name=value`. One that another application of the domain has set with other characters than ASCII is left
/// out, alone: it must not hide ours.
pub(crate) fn cookie_pairs(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter(|pair| pair.is_ascii()).filter_map(|pair| core::str::from_utf8(pair).ok())
}

/// The value of a header that is there once, as text.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    gatehouse_protocol::single(headers.get_all(name))?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_for_whoever_asks_for_html_by_name() {
        for (accept, is_page) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("application/json, Text/HTML;q=0.1", true),
            ("*/*", false),
            ("application/json, text/event-stream", false),
            ("image/avif,image/webp,*/*;q=0.8", false),
            ("text/htmlx", false),
            ("", false),
        ] {
            for (method, shows) in [(Method::GET, true), (Method::HEAD, true), (Method::POST, false)] {
                let head = Request::builder().method(method).header(ACCEPT, accept).body(()).unwrap();
                assert_eq!(is_for_a_page(&head), is_page && shows, "{accept} {}", head.method());
            }
        }
        assert!(!is_for_a_page(&Request::new(())), "says nothing");
    }

    #[test]
    fn a_cookie_that_is_not_ascii_hides_no_other() {
        let mut headers = HeaderMap::new();
        for value in [&b"a=1; x=\xc3\xa9; b=2"[..], b"\xff=1;c=3", b"\xe2\x80\x80d=4"] {
            headers.append(COOKIE, http::HeaderValue::from_bytes(value).unwrap());
        }
        let pairs: Vec<_> = cookie_pairs(&headers).map(str::trim).collect();
        assert_eq!(pairs, ["a=1", "b=2", "c=3"]);
    }
}
