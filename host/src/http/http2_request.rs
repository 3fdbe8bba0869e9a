//! A request of HTTP/2 in the form that one of HTTP/1.1 has, so that everything behind it knows one form only.

use http::header::{self, HeaderValue};
use http::{Request, StatusCode, Uri};

use super::head_limits::HEAD_FIELDS;

/// Gives `request` the form that it would have on HTTP/1.1.
///
/// # Errors
/// The status with which it is refused.
pub(crate) fn to_http1_form<B>(request: &mut Request<B>) -> Result<(), StatusCode> {
    // The limit of its bytes is the connection's.
    if request.headers().len() > HEAD_FIELDS {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    set_host(request)?;
    join_cookies(request)?;
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(target);
    }
    Ok(())
}

/// `:authority` is what `Host` says, and where both are there, they must not differ (RFC 9113, section 8.3.1).
fn set_host<B>(request: &mut Request<B>) -> Result<(), StatusCode> {
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    let differs = |host: &HeaderValue| !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes());
    if request.headers().get_all(header::HOST).iter().any(differs) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| StatusCode::BAD_REQUEST)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(())
}

/// A client may send each cookie in a field of its own; who knows HTTP/1.1 reads one field (RFC 9113, section 8.2.3).
fn join_cookies<B>(request: &mut Request<B>) -> Result<(), StatusCode> {
    let cookies: Vec<&[u8]> = request.headers().get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() < 2 {
        return Ok(());
    }
    let joined = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).map_err(|_| StatusCode::BAD_REQUEST)?;
    request.headers_mut().insert(header::COOKIE, joined);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn the_authority_becomes_the_host_and_the_target_a_path() {
        for (uri, headers, host) in [
            ("https://a.example:8443/mcp?x=1", &[][..], "a.example:8443"),
            ("https://a.example:8443/mcp?x=1", &[("host", "A.example:8443")], "a.example:8443"),
            ("/mcp?x=1", &[("host", "b")], "b"),
        ] {
            let mut request = request(uri, headers);
            to_http1_form(&mut request).unwrap();
            assert_eq!(request.uri(), "/mcp?x=1");
            let hosts: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
            assert_eq!(hosts, [host]);
        }
    }

    #[test]
    fn a_request_for_two_hosts_or_with_too_many_fields_is_refused() {
        for headers in [&[("host", "b")][..], &[("host", "a"), ("host", "b")], &[("host", "a:443")], &[("host", "")]] {
            assert_eq!(to_http1_form(&mut request("https://a/", headers)), Err(StatusCode::BAD_REQUEST), "{headers:?}");
        }
        let many = vec![("x-a", "1"); HEAD_FIELDS];
        assert_eq!(to_http1_form(&mut request("/", &many)), Ok(()));
        let more = vec![("x-a", "1"); HEAD_FIELDS + 1];
        assert_eq!(to_http1_form(&mut request("/", &more)), Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn cookies_of_several_fields_are_one_field() {
        let mut request =
            request("https://a/", &[("cookie", "a=1"), ("cookie", "b=2; c=3"), ("x-a", "1"), ("cookie", "d=4")]);
        to_http1_form(&mut request).unwrap();
        let cookies: Vec<_> = request.headers().get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3; d=4"]);
    }
}
