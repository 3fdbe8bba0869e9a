//! Addresses at the provider.

use core::fmt;

use gatehouse_protocol::is_loopback_host;
use http::Uri;
use thiserror::Error;
use url::Url;

/// The URL of an endpoint: `https`, or `http` on a loopback host; without a fragment and without a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    // The same, as requests need it; kept so that making a request cannot fail.
    uri: Uri,
}

/// The text is not the URL of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidEndpoint {
    /// Not an absolute http(s) URL.
    #[error("is not an http(s) URL")]
    NotAUrl,
    /// Credentials would cross the network in clear (RFC 6749, sections 3.1 and 3.2).
    #[error("uses http on a host that is not loopback")]
    Insecure,
    /// RFC 6749, sections 3.1 and 3.2: "The endpoint URI MUST NOT include a fragment component."
    #[error("has a fragment or a user")]
    MoreThanAUrl,
    /// A browser that is sent there would ask us in our own name, and a request there would be one to ourselves.
    #[error("leads to Gatehouse itself")]
    OwnOrigin,
}

impl Endpoint {
    /// Parses the URL of an endpoint.
    ///
    /// # Errors
    /// See [`InvalidEndpoint`].
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let url = Url::parse(text).map_err(|_| InvalidEndpoint::NotAUrl)?;
        let host = url.host().ok_or(InvalidEndpoint::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback_host(&host) => {}
            "http" => return Err(InvalidEndpoint::Insecure),
            _ => return Err(InvalidEndpoint::NotAUrl),
        }
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidEndpoint::MoreThanAUrl);
        }
        let uri = url.as_str().parse().map_err(|_| InvalidEndpoint::NotAUrl)?;
        Ok(Self { url, uri })
    }

    /// The URL.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether it is plain http, which only loopback may be.
    pub fn is_plain_http(&self) -> bool {
        self.url.scheme() == "http"
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_endpoint_is_https_or_loopback_and_keeps_its_query() {
        for text in [
            "https://op.example/token",
            "https://op.example/authorize?p=b2c_1_sign_in",
            "http://127.0.0.1:3001/token",
            "http://localhost:3001/token",
            "http://[::1]:3001/token",
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.to_string(), endpoint.uri().to_string()), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn what_is_not_a_safe_endpoint_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", InvalidEndpoint::NotAUrl),
            ("/token", InvalidEndpoint::NotAUrl),
            ("ftp://op.example/token", InvalidEndpoint::NotAUrl),
            ("file:///etc/passwd", InvalidEndpoint::NotAUrl),
            ("javascript:alert(1)", InvalidEndpoint::NotAUrl),
            ("http://op.example/token", InvalidEndpoint::Insecure),
            ("http://127.0.0.1.nip.io/token", InvalidEndpoint::Insecure),
            ("http://localhost.op.example/token", InvalidEndpoint::Insecure),
            ("https://op.example/token#", InvalidEndpoint::MoreThanAUrl),
            ("https://op.example/token#a", InvalidEndpoint::MoreThanAUrl),
            ("https://user@op.example/token", InvalidEndpoint::MoreThanAUrl),
            ("https://:password@op.example/token", InvalidEndpoint::MoreThanAUrl),
        ] {
            assert_eq!(Endpoint::parse(text), Err(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_endpoint_that_is_safe_to_call_or_none(text in "https?:/{0,3}[a-z0-9.:@/?#\\[\\]]{0,30}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                let url = endpoint.url();
                let is_loopback = url.host().is_some_and(|host| is_loopback_host(&host));
                prop_assert!(url.scheme() == "https" || is_loopback);
                prop_assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
                prop_assert_eq!(Endpoint::parse(url.as_str()), Ok(endpoint.clone()));
            }
        }
    }
}
