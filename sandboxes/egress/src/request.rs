//! Which requests go out.

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::failure::Failure;
use crate::policy::Egress;
use crate::target::Target;

/// The methods. `CONNECT` makes a tunnel, and `TRACE` gives back what was added on the way.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
/// Headers that belong to the connection (RFC 9110, section 7.6.1), and those with which a proxy in front of a server is told something.
const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// The most bytes of all headers of a request.
const MOST_HEADER_BYTES: usize = 32 << 10;

/// What a program wants to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who answered: the URL of the last request.
    pub url: Target,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// How many redirects were followed.
    pub redirects: u32,
}

impl Request {
    /// A request without headers and without a body.
    pub fn new(method: &str, url: &str) -> Self {
        Self { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// The request as it goes out, and where to.
    ///
    /// # Errors
    /// Where it may not go out.
    pub(crate) fn judged(&self, egress: &Egress) -> Result<(Target, http::Request<Vec<u8>>), Failure> {
        if egress.is_off() {
            return Err(Failure::Off);
        }
        let target = Target::parse(&self.url)?;
        egress.check(target.origin())?;
        let method = METHODS.into_iter().find(|method| method.as_str() == self.method).ok_or(Failure::Method)?;
        let headers = self.checked_headers(&target)?;
        if !u32::try_from(self.body.len()).is_ok_and(|bytes| bytes <= egress.request_bytes) {
            return Err(Failure::RequestTooLarge(egress.request_bytes));
        }
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = method;
        *request.uri_mut() = Uri::builder()
            .scheme(target.origin().scheme().as_str())
            .authority(target.origin().authority())
            .path_and_query(target.path_and_query())
            .build()
            .map_err(|_error| Failure::Url(crate::target::TargetError::Character))?;
        *request.headers_mut() = headers;
        Ok((target, request))
    }

    /// The headers. The host's name and the length of the body are taken from elsewhere; where they are said here, they must be right.
    fn checked_headers(&self, target: &Target) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        let mut bytes = 0_usize;
        for (name, value) in &self.headers {
            let refused = || Failure::Header(name.chars().filter(|one| !one.is_control()).take(100).collect());
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_error| refused())?;
            let value = HeaderValue::from_bytes(value).map_err(|_error| refused())?;
            bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            if bytes > MOST_HEADER_BYTES {
                return Err(Failure::HeadersTooLarge(MOST_HEADER_BYTES));
            }
            let is_said_elsewhere = match header {
                HOST => value.as_bytes().eq_ignore_ascii_case(target.origin().authority().as_bytes()),
                CONTENT_LENGTH => value.as_bytes() == self.body.len().to_string().as_bytes(),
                _ => false,
            };
            if is_said_elsewhere {
                continue;
            }
            if header == HOST || header == CONTENT_LENGTH || OF_THE_CONNECTION.contains(&header.as_str()) {
                return Err(refused());
            }
            headers.append(header, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::origin::Origin;

    fn egress() -> Egress {
        let hosts = ["https://api.example.com", "http://127.0.0.1:8080"];
        let hosts = hosts.iter().map(|host| Origin::parse(host).unwrap()).collect();
        Egress { hosts, requests: 3, request_bytes: 4, answer_bytes: 10 }
    }

    fn with_header(name: &str, value: &[u8]) -> Result<http::Request<Vec<u8>>, Failure> {
        let headers = vec![(name.to_owned(), value.to_vec())];
        let request =
            Request { headers, body: b"abc".to_vec(), ..Request::new("POST", "https://api.example.com/p?q#f") };
        request.judged(&egress()).map(|(_, request)| request)
    }

    #[test]
    fn what_goes_out_is_built_of_what_was_judged() {
        let request = with_header("X-Key", b"k\xc3\xbc").unwrap();
        assert_eq!(request.uri(), "https://api.example.com/p?q");
        assert_eq!((request.method().as_str(), request.body().as_slice()), ("POST", &b"abc"[..]));
        assert_eq!(request.headers()["x-key"].as_bytes(), b"k\xc3\xbc");
        for (name, value) in [("Host", "API.example.com"), ("Content-Length", "3")] {
            assert!(with_header(name, value.as_bytes()).unwrap().headers().is_empty(), "{name}");
        }
    }

    #[test]
    fn headers_of_the_connection_and_of_another_host_are_refused_by_name() {
        for (name, value) in [
            ("Host", "internal.example"),
            ("host", "api.example.com:8443"),
            ("Content-Length", "4"),
            ("Content-Length", "+3"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "keep-alive"),
            ("Keep-Alive", "1"),
            ("Proxy-Authorization", "Basic YQ=="),
            ("Proxy-Connection", "close"),
            ("TE", "trailers"),
            ("Trailer", "X"),
            ("Upgrade", "websocket"),
            ("Expect", "100-continue"),
            ("X\r\nHost", "a"),
            ("", "a"),
            ("X Y", "a"),
            (":authority", "a"),
            ("X", "a\r\nHost: internal.example"),
            ("X", "a\0"),
        ] {
            let refused = with_header(name, value.as_bytes());
            assert!(matches!(refused, Err(Failure::Header(_))), "{name}: {refused:?}");
            assert!(!refused.unwrap_err().to_string().contains(['\r', '\n']), "{name}");
        }
        let refused = with_header("X", &[b'a'; MOST_HEADER_BYTES]).err();
        assert_eq!(refused, Some(Failure::HeadersTooLarge(MOST_HEADER_BYTES)));
    }

    #[test]
    fn methods_and_sizes_have_their_limits() {
        let url = "https://api.example.com/";
        for (method, goes_out) in [
            ("GET", true),
            ("HEAD", true),
            ("DELETE", true),
            ("CONNECT", false),
            ("TRACE", false),
            ("get", false),
            ("", false),
            ("GET /other HTTP/1.1\r\n", false),
        ] {
            assert_eq!(Request::new(method, url).judged(&egress()).is_ok(), goes_out, "{method}");
        }
        for (bytes, goes_out) in [(4, true), (5, false)] {
            let request = Request { body: vec![0; bytes], ..Request::new("POST", url) };
            assert_eq!(request.judged(&egress()).is_ok(), goes_out, "{bytes}");
        }
    }

    /// Whatever a program writes, what goes out goes to an origin that is named, by every reading of the URL that is sent.
    fn goes_where_it_may(url: &str) {
        if let Ok((_, request)) = Request::new("GET", url).judged(&egress()) {
            let uri = request.uri();
            let authority = uri.authority().unwrap();
            assert!(!authority.as_str().contains('@'), "{uri}");
            let place = (uri.scheme_str().unwrap(), authority.host(), authority.port_u16());
            assert!([("https", "api.example.com", None), ("http", "127.0.0.1", Some(8080))].contains(&place), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_url_leads_elsewhere(
            before in "(https|http|HTTP|ftp)://([a-z]{1,3}(:[a-z]{1,2})?@)?",
            host in "(api\\.example\\.com|API\\.Example\\.com|127\\.0\\.0\\.1|evil\\.example)",
            behind in "(\\.|%2e|@evil\\.example|\\\\|\\.evil\\.example|:443|:8080|:[0-9]{1,5})?([/?#@][/?#@a-z.%:]{0,8})?",
        ) {
            goes_where_it_may(&format!("{before}{host}{behind}"));
        }

        #[test]
        fn nor_does_any_text(url in any::<String>()) {
            goes_where_it_may(&url);
            goes_where_it_may(&format!("https://api.example.com{url}"));
        }
    }
}
