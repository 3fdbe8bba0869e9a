//! For how long an answer may be kept (RFC 9111).

use std::time::{Duration, SystemTime};

use gatehouse_protocol::UnixTime;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, VARY};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};

/// Seconds for which `response` to `request`, received at `now`, may be kept: what it says itself, `default` where it
/// says nothing, `most` at most. 0 means that it must not be kept: it says so, it is stale already, or it is anything
/// but a 200.
pub fn lifetime<A, B>(request: &Request<A>, response: &Response<B>, now: UnixTime, default: u64, most: u64) -> u64 {
    if response.status() != StatusCode::OK {
        return 0;
    }
    let Some(headers) = on_caching(response.headers()) else { return 0 };
    let mut bare = Response::new(());
    *bare.headers_mut() = headers;
    let Some(now) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now.seconds())) else { return 0 };
    let options = CacheOptions {
        // One document serves every user.
        shared: true,
        // `default` stands in the place of a guess from `Last-Modified`.
        immutable_min_time_to_live: Duration::from_secs(default),
        ..CacheOptions::default()
    };
    let policy = CachePolicy::new_options(request, &bare, now, options);
    if policy.is_storable() { policy.time_to_live(now).as_secs().min(most) } else { 0 }
}

/// The headers that count, in the spelling that the crate for the rules reads; `None` where one is not text.
fn on_caching(headers: &HeaderMap) -> Option<HeaderMap> {
    let mut known = HeaderMap::new();
    for name in [AGE, DATE, EXPIRES, VARY] {
        if let Some(value) = headers.get(&name) {
            known.insert(name, value.clone());
        }
    }
    let mut directives = Vec::new();
    for value in headers.get_all(CACHE_CONTROL) {
        // "Cache directives are identified by a token, to be compared case-insensitively" (section 5.2); the crate
        // compares them as they are.
        directives.push(value.to_str().ok()?.to_ascii_lowercase());
    }
    if !headers.contains_key(EXPIRES) {
        // With this directive the crate takes our default where nothing else says how long.
        directives.push("immutable".to_owned());
    }
    known.insert(CACHE_CONTROL, HeaderValue::from_str(&directives.join(", ")).ok()?);
    Some(known)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: UnixTime = UnixTime::from_seconds(784_111_777);
    const DEFAULT: u64 = 3600;
    const MOST: u64 = 86_400;

    fn of(status: u16, headers: &[(&str, &str)]) -> u64 {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            response.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mut request = Request::new(());
        *request.uri_mut() = "https://client.example.com/document".parse().unwrap();
        lifetime(&request, &response, NOW, DEFAULT, MOST)
    }

    #[test]
    fn an_answer_is_kept_for_as_long_as_it_says() {
        for (headers, expected) in [
            (&[][..], DEFAULT),
            (&[("last-modified", "Sun, 06 Nov 1983 08:49:37 GMT")], DEFAULT),
            (&[("set-cookie", "a=b")], DEFAULT),
            (&[("cache-control", "public")], DEFAULT),
            (&[("cache-control", "max-age=60")], 60),
            (&[("cache-control", "Max-Age=60")], 60),
            (&[("cache-control", "max-age=86400")], 86_400),
            (&[("cache-control", "max-age=86401")], MOST),
            (&[("cache-control", "max-age=99999999999999999999")], 0),
            (&[("cache-control", "max-age=0")], 0),
            (&[("cache-control", "max-age=-1")], 0),
            (&[("cache-control", "max-age=60, s-maxage=30")], 30),
            (&[("cache-control", "s-maxage=0"), ("cache-control", "max-age=60")], 0),
            (&[("cache-control", "no-store")], 0),
            (&[("cache-control", "No-Store, max-age=60")], 0),
            (&[("cache-control", "no-cache")], 0),
            (&[("cache-control", "private, max-age=60")], 0),
            (&[("cache-control", "immutable, max-age=60")], 60),
            (&[("cache-control", "max-age=60"), ("age", "20")], 40),
            (&[("cache-control", "max-age=60"), ("age", "60")], 0),
            (&[("cache-control", "max-age=60"), ("age", "18446744073709551615")], 0),
            (&[("age", "600")], DEFAULT - 600),
            (&[("expires", "Sun, 06 Nov 1994 08:59:37 GMT")], 600),
            (&[("expires", "Sun, 06 Nov 1994 08:59:37 GMT"), ("date", "Sun, 06 Nov 1994 08:54:37 GMT")], 300),
            (&[("expires", "Sun, 06 Nov 1994 08:59:37 GMT"), ("cache-control", "max-age=60")], 60),
            (&[("expires", "Sun, 06 Nov 1994 08:49:37 GMT")], 0),
            (&[("expires", "0")], 0),
            (&[("vary", "*")], 0),
            (&[("vary", "accept")], DEFAULT),
            (&[("cache-control", "max-age=60\u{e9}")], 0),
        ] {
            assert_eq!(of(200, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn nothing_but_a_200_is_kept_whatever_it_says() {
        for status in [203, 204, 206, 301, 302, 304, 308, 400, 404, 410, 429, 500, 503] {
            assert_eq!(of(status, &[("cache-control", "public, max-age=60")]), 0, "{status}");
        }
    }

    proptest! {
        #[test]
        fn no_headers_make_an_answer_last_longer_than_the_most(
            control in "[ -~]{0,40}", age in "[ -~]{0,20}", expires in "[ -~]{0,30}", date in "[ -~]{0,30}",
        ) {
            let headers: [(&str, &str); 4] =
                [("cache-control", &control), ("age", &age), ("expires", &expires), ("date", &date)];
            prop_assert!(of(200, &headers) <= MOST);
            prop_assert_eq!(of(200, &[("cache-control", &format!("{control}, no-store"))]), 0);
        }
    }
}
