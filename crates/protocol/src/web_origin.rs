//! Origins of the web (RFC 6454).

use core::fmt;

use thiserror::Error;
use url::{Host, Url};

use crate::same_host::is_same_host;

/// `scheme://host[:port]`, in its canonical form: lower case, no default port, no path, no slash at the end.
///
/// Our own is the issuer, too: clients compare issuers as strings, and a slash too many has broken several of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebOrigin(String);

/// The text is not an origin that Gatehouse can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidWebOrigin {
    /// Not a URL, or one without a host.
    #[error("is not a URL of the form https://host[:port]")]
    NotAUrl,
    /// It names more than an origin.
    #[error("has a path, a query, a fragment or a user; only https://host[:port] is possible")]
    MoreThanAnOrigin,
    /// Its host has a `*`, which stands for nothing in an origin (RFC 6454).
    #[error("has a * in its host, which stands for no other host; write each origin out")]
    Wildcard,
    /// `http` is for loopback only (OAuth 2.1, section 1.5; MCP 2026-07-28, authorization security).
    #[error("uses http on a host that is not loopback; use https")]
    Insecure,
}

impl WebOrigin {
    /// Parses an origin with which secrets may be exchanged: `https`, or `http` on a loopback host.
    ///
    /// # Errors
    /// See [`InvalidWebOrigin`].
    pub fn parse(text: &str) -> Result<Self, InvalidWebOrigin> {
        let url = Url::parse(text).map_err(|_| InvalidWebOrigin::NotAUrl)?;
        let host = url.host().ok_or(InvalidWebOrigin::NotAUrl)?;
        let only_an_origin = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(InvalidWebOrigin::Wildcard);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback_host(&host) => {}
            "http" => return Err(InvalidWebOrigin::Insecure),
            _ => return Err(InvalidWebOrigin::NotAUrl),
        }
        if !only_an_origin {
            return Err(InvalidWebOrigin::MoreThanAnOrigin);
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    /// The origin without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is plain http, which only loopback may be.
    pub fn is_plain_http(&self) -> bool {
        self.0.starts_with("http:")
    }

    /// Whether what follows `url` may arrive at the server of this origin, however the URL is written: at the same host
    /// in every spelling (on this machine: under every name that it has for itself) and the same port, by http or https.
    /// The default ports of both count as one: servers at the one send on to the other.
    ///
    /// Another port of the host is another server's. So is another name, as far as can be known here.
    pub fn is_reached_by(&self, url: &Url) -> bool {
        let Ok(own) = Url::parse(&self.0) else { return true };
        let is_same_host = own.host().zip(url.host()).is_some_and(|(own, other)| is_same_host(&own, &other));
        matches!(url.scheme(), "http" | "https") && is_same_host && web_port(&own) == web_port(url)
    }

    /// The URL of `path`, which starts with a slash, at this origin.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The port, with one number for the default ports of http and https.
fn web_port(url: &Url) -> Option<u16> {
    url.port_or_known_default().map(|port| if port == 80 { 443 } else { port })
}

/// Whether `host` is this machine by its literal name: `localhost`, 127.0.0.0/8 or `[::1]` (RFC 8252, section 7.3).
pub fn is_loopback_host<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, canonical) in [
            ("https://Gateway.Example", "https://gateway.example"),
            ("https://gateway.example:443/", "https://gateway.example"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
        ] {
            assert_eq!(WebOrigin::parse(text).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn what_is_not_a_safe_origin_is_refused_with_its_reason() {
        for (text, reason) in [
            ("gateway.example", InvalidWebOrigin::NotAUrl),
            ("ftp://gateway.example", InvalidWebOrigin::NotAUrl),
            ("http://gateway.example", InvalidWebOrigin::Insecure),
            ("https://*.gateway.example", InvalidWebOrigin::Wildcard),
            ("https://gateway*.example:8443", InvalidWebOrigin::Wildcard),
            ("http://127.0.0.1.nip.io", InvalidWebOrigin::Insecure),
            ("https://gateway.example/path", InvalidWebOrigin::MoreThanAnOrigin),
            ("https://user@gateway.example", InvalidWebOrigin::MoreThanAnOrigin),
            ("https://gateway.example/?a", InvalidWebOrigin::MoreThanAnOrigin),
            ("https://gateway.example/#a", InvalidWebOrigin::MoreThanAnOrigin),
        ] {
            assert_eq!(WebOrigin::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn an_origin_is_reached_by_every_spelling_of_its_urls_and_by_no_other_url() {
        for (own, url, is_reached) in [
            ("https://gateway.example", "https://gateway.example/authorize?a=b", true),
            ("https://gateway.example", "HTTPS://Gateway.Example.:0443/", true),
            ("https://gateway.example", "http://gateway.example/", true),
            ("https://gateway.example", "https://gateway.example:80/", true),
            ("https://gateway.example", "https://user@gateway.example/", true),
            ("https://gateway.example:8443", "http://gateway.example:8443/", true),
            ("https://gateway.example:8443", "https://gateway.example/", false),
            ("https://gateway.example", "https://gateway.example:8443/", false),
            ("https://gateway.example", "https://gateway.example.evil.example/", false),
            ("https://gateway.example", "https://gateway.example@evil.example/", false),
            ("https://gateway.example", "cursor://gateway.example/", false),
            ("https://gateway.example", "cursor:/gateway.example", false),
            ("https://192.0.2.1", "https://[::ffff:192.0.2.1]/", true),
            ("http://127.0.0.1:3000", "http://LOCALHOST:3000/", true),
            ("http://127.0.0.1:3000", "https://x.localhost:3000/", true),
            ("http://127.0.0.1:3000", "http://127.1.2.3:3000/", true),
            ("http://127.0.0.1:3000", "http://[::1]:3000/", true),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3001/", false),
            ("http://127.0.0.1:3000", "http://127.0.0.1/", false),
            ("http://localhost", "http://127.0.0.1/", true),
        ] {
            let origin = WebOrigin::parse(own).unwrap();
            assert_eq!(origin.is_reached_by(&Url::parse(url).unwrap()), is_reached, "{own} {url}");
        }
    }

    proptest! {
        #[test]
        fn an_origin_is_its_own_canonical_form_and_no_more_than_an_origin(text in "https?://[a-z0-9.:@/?#\\[\\]]{0,30}") {
            if let Ok(origin) = WebOrigin::parse(&text) {
                prop_assert_eq!(WebOrigin::parse(origin.as_str()), Ok(origin.clone()));
                let rest = origin.as_str().split_once("://").map_or("", |(_, rest)| rest);
                prop_assert!(!rest.is_empty() && !rest.contains(['/', '?', '#', '@']));
            }
        }
    }
}
