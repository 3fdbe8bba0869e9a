//! What becomes of a request that is told to go elsewhere.

use crate::failure::Failure;
use crate::request::{Answer, Request};

/// Headers that prove who asks: they are for the origin that the program has named.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];
/// Headers of a body that is no longer sent.
const OF_A_BODY: [&str; 5] =
    ["content-type", "content-length", "content-encoding", "content-language", "content-location"];

/// The request that follows an answer; none where the answer is no redirect.
///
/// # Errors
/// Where it leads to no URL.
pub fn next(request: &Request, answer: &Answer) -> Result<Option<Request>, Failure> {
    let location = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    let Some((_, location)) = location.filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308)) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location);
    let target = answer.url.join(location.trim()).map_err(Failure::Redirect)?;
    let mut next = Request { url: target.to_string(), ..request.clone() };
    // As browsers and curl do (RFC 9110, section 15.4).
    let becomes_get = match answer.status {
        301 | 302 => request.method == "POST",
        303 => request.method != "HEAD",
        _ => false,
    };
    if becomes_get {
        "GET".clone_into(&mut next.method);
        next.body = Vec::new();
        next.headers.retain(|(name, _)| !is_one_of(name, &OF_A_BODY));
    }
    if target.origin() != answer.url.origin() {
        next.headers.retain(|(name, _)| !is_one_of(name, &CREDENTIALS));
    }
    // Its own host is said by the URL.
    next.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
    Ok(Some(next))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    const URL: &str = "https://a.example/x/y?q";

    fn follow(method: &str, status: u16, location: Option<&str>) -> Result<Option<Request>, Failure> {
        let headers = ["Authorization", "cookie", "Content-Type", "Host", "X-Key"];
        let headers = headers.map(|name| (name.to_owned(), b"v".to_vec())).to_vec();
        let request = Request { headers, body: b"body".to_vec(), ..Request::new(method, URL) };
        let headers = location.map(|text| ("Location".to_owned(), text.as_bytes().to_vec())).into_iter().collect();
        let url = Target::parse(URL).unwrap();
        next(&request, &Answer { url, status, headers, body: Vec::new(), redirects: 0 })
    }

    #[test]
    fn the_method_and_the_body_stay_or_go_with_the_status() {
        for (method, status, then) in [
            ("GET", 301, "GET"),
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("PUT", 302, "PUT"),
            ("PUT", 303, "GET"),
            ("HEAD", 303, "HEAD"),
            ("POST", 307, "POST"),
            ("DELETE", 308, "DELETE"),
        ] {
            let next = follow(method, status, Some("z")).unwrap().unwrap();
            assert_eq!((next.method.as_str(), next.url.as_str()), (then, "https://a.example/x/z"), "{method} {status}");
            assert_eq!(next.body.is_empty(), method != then, "{method} {status}");
            let has_type = next.headers.iter().any(|(name, _)| name == "Content-Type");
            assert_eq!(has_type, method == then, "{method} {status}");
        }
        for (status, location) in
            [(200, Some("/z")), (304, Some("/z")), (300, Some("/z")), (404, Some("/z")), (302, None)]
        {
            assert!(follow("GET", status, location).unwrap().is_none(), "{status}");
        }
        for location in
            ["ftp://a.example/", "http://a.example@evil.example/", "http://shell.spin.internal/", "/a b", "\\\\b"]
        {
            assert!(matches!(follow("GET", 302, Some(location)), Err(Failure::Redirect(_))), "{location}");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        for (location, are_sent) in [
            ("/z", true),
            ("https://A.example:443/z", true),
            ("http://a.example/z", false),
            ("https://a.example:8443/z", false),
            ("//b.example/z", false),
        ] {
            let next = follow("GET", 302, Some(location)).unwrap().unwrap();
            let names: Vec<&str> = next.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                names.contains(&"Authorization") && names.contains(&"cookie"),
                are_sent,
                "{location}: {names:?}"
            );
            assert_eq!(
                names.contains(&"Authorization") || names.contains(&"cookie"),
                are_sent,
                "{location}: {names:?}"
            );
            assert!(names.contains(&"X-Key") && !names.contains(&"Host"), "{location}: {names:?}");
        }
    }
}
