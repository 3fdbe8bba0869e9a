//! Redirect URIs: the one place where a code may go.

use core::fmt;

use thiserror::Error;
use url::{Url, form_urlencoded};

use crate::is_loopback_host;

/// A redirect URI as registered or requested, kept letter by letter: it is compared as a string
/// (OAuth 2.1, section 2.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri {
    text: String,
    url: Url,
}

/// What the operator decides about redirect URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectRules {
    /// The URL to which identity providers redirect.
    pub own_callback: String,
    /// The private-use schemes that are allowed beside https and loopback http.
    pub private_use_schemes: Vec<PrivateUseScheme>,
}

/// A private-use URI scheme (RFC 8252, section 7.1), such as `cursor` or `com.example.app`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrivateUseScheme(String);

/// The scheme cannot be a private-use one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a private-use scheme: letters, digits and + - . in lower case, none that browsers know themselves")]
pub struct InvalidPrivateUseScheme;

impl PrivateUseScheme {
    /// Schemes that browsers act on themselves: a code must never become a script, a file or a web page.
    const OF_BROWSERS: [&'static str; 16] = [
        "about",
        "blob",
        "chrome",
        "data",
        "file",
        "filesystem",
        "ftp",
        "http",
        "https",
        "javascript",
        "mailto",
        "ms-msdt",
        "vbscript",
        "view-source",
        "ws",
        "wss",
    ];

    /// Parses the scheme without its colon.
    ///
    /// # Errors
    /// Where it is not a scheme (RFC 3986, section 3.1) in lower case, or one that browsers act on themselves.
    pub fn parse(text: &str) -> Result<Self, InvalidPrivateUseScheme> {
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.');
        if !starts || text.len() > 64 || !text.bytes().all(plain) || Self::OF_BROWSERS.contains(&text) {
            return Err(InvalidPrivateUseScheme);
        }
        Ok(Self(text.to_owned()))
    }

    /// The scheme without its colon.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a redirect URI is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidRedirectUri {
    /// Not an absolute URI of at most 2,048 visible ASCII characters, or with a backslash: browsers read those as
    /// slashes.
    #[error("is not an absolute URI of at most 2048 visible ASCII characters")]
    Malformed,
    /// Neither https nor http on a loopback host (MCP 2026-07-28, authorization security).
    #[error("must use https, or http with the host 127.0.0.1, [::1] or localhost")]
    Scheme,
    /// A fragment would swallow the response (RFC 6749, section 3.1.2).
    #[error("must not have a fragment")]
    Fragment,
    /// `https://known.example@evil.example` reads as what it is not.
    #[error("must not have a user or a password")]
    UserInfo,
    /// Our own callback would hand a code for one client to the login of another.
    #[error("must not be the authorization server's own callback")]
    OwnCallback,
}

impl RedirectUri {
    const LONGEST: usize = 2048;

    /// Parses a redirect URI by the operator's `rules`.
    ///
    /// # Errors
    /// See [`InvalidRedirectUri`].
    pub fn parse(text: &str, rules: &RedirectRules) -> Result<Self, InvalidRedirectUri> {
        let visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\');
        if text.len() > Self::LONGEST || !visible {
            return Err(InvalidRedirectUri::Malformed);
        }
        let url = Url::parse(text).map_err(|_| InvalidRedirectUri::Malformed)?;
        // `https:host` and `https:/host` parse as `https://host` (WHATWG), and other parsers disagree: refuse them.
        if !text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://")) {
            return Err(InvalidRedirectUri::Malformed);
        }
        let loopback = url.host().is_some_and(|host| is_loopback_host(&host));
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(InvalidRedirectUri::Scheme),
        }
        if url.fragment().is_some() {
            return Err(InvalidRedirectUri::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err(InvalidRedirectUri::UserInfo);
        }
        if is_same_place(&url, &rules.own_callback) {
            return Err(InvalidRedirectUri::OwnCallback);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// The URI as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host that will receive the code, with its port where it is not the scheme's: what a person is shown.
    pub fn host_and_port(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether the code stays on the user's machine (RFC 8252, section 7.3).
    pub fn is_loopback(&self) -> bool {
        self.url.host().is_some_and(|host| is_loopback_host(&host))
    }

    /// Binds this URI, requested by a client, to one of the client's `registered` ones.
    ///
    /// Equal means equal as strings; only the port of a loopback URI may vary (RFC 8252, section 7.3), for
    /// `localhost` too, because VS Code and Claude Code register it and listen on a random port.
    pub fn bind(self, registered: &[Self]) -> Option<BoundRedirectUri> {
        registered.iter().any(|known| self.matches(known)).then_some(BoundRedirectUri(self))
    }

    fn matches(&self, registered: &Self) -> bool {
        if self.text == registered.text {
            return true;
        }
        self.is_loopback() && registered.is_loopback() && without_port(&self.text) == without_port(&registered.text)
    }
}

/// A redirect URI that is known to belong to the client of the request: the only thing that a redirect can be built
/// from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundRedirectUri(RedirectUri);

impl BoundRedirectUri {
    /// The URI as the client wrote it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The redirect URI behind the bond.
    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.0
    }

    /// The location of an authorization response: `parameters` added to the URI's own query.
    pub fn location(&self, parameters: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let joint = match self.0.text.find('?') {
            None => "?",
            Some(_) if self.0.text.ends_with(['?', '&']) => "",
            Some(_) => "&",
        };
        format!("{}{joint}{query}", self.0.text)
    }
}

impl fmt::Display for BoundRedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text between `://` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// The text without the port of its authority; the port is what follows the last colon, unless that is inside an IPv6
/// address. The parsed URL would not do: it hides a port that is the scheme's own.
fn without_port(text: &str) -> String {
    let authority = authority(text);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    text.replacen(authority, host, 1)
}

/// Whether `url` is the place that `own` names, whatever its query says.
fn is_same_place(url: &Url, own: &str) -> bool {
    Url::parse(own).is_ok_and(|own| url.origin() == own.origin() && url.path() == own.path())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = "https://gateway.example/callback";

    fn rules() -> RedirectRules {
        RedirectRules { own_callback: OWN.to_owned(), private_use_schemes: Vec::new() }
    }

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text, &rules()).unwrap()
    }

    #[test]
    fn redirect_uris_are_https_or_loopback_http() {
        for good in [
            "https://client.example/cb",
            "https://client.example/cb?a=b",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:33418/",
            "http://[::1]:80/cb",
            "http://localhost/callback",
        ] {
            assert_eq!(uri(good).as_str(), good);
        }
        for (bad, reason) in [
            ("", InvalidRedirectUri::Malformed),
            ("/cb", InvalidRedirectUri::Malformed),
            ("https:client.example/cb", InvalidRedirectUri::Malformed),
            ("https:/client.example/cb", InvalidRedirectUri::Malformed),
            ("https:evil", InvalidRedirectUri::Malformed),
            ("https://client.example\\@evil.example/", InvalidRedirectUri::Malformed),
            ("https://client.example/\tcb", InvalidRedirectUri::Malformed),
            ("https://client.example/c b", InvalidRedirectUri::Malformed),
            ("https://clïent.example/", InvalidRedirectUri::Malformed),
            ("http://client.example/cb", InvalidRedirectUri::Scheme),
            ("http://127.0.0.1.evil.example/", InvalidRedirectUri::Scheme),
            ("JaVaScRiPt://x/%0aalert(1)", InvalidRedirectUri::Scheme),
            ("data://text/html,x", InvalidRedirectUri::Scheme),
            ("file:///etc/passwd", InvalidRedirectUri::Scheme),
            ("https://client.example/#x", InvalidRedirectUri::Fragment),
            ("https://client.example@evil.example/", InvalidRedirectUri::UserInfo),
            ("https://@evil.example/", InvalidRedirectUri::UserInfo),
            (OWN, InvalidRedirectUri::OwnCallback),
            ("https://gateway.example:443/callback?x=y", InvalidRedirectUri::OwnCallback),
        ] {
            assert_eq!(RedirectUri::parse(bad, &rules()).unwrap_err(), reason, "{bad}");
        }
    }

    #[test]
    fn a_redirect_uri_binds_to_an_equal_one_and_to_any_port_of_a_loopback_one() {
        for (requested, registered) in [
            ("https://a.example/cb", "https://a.example/cb"),
            ("http://127.0.0.1:5000/cb", "http://127.0.0.1:33418/cb"),
            ("http://localhost:5000/callback", "http://localhost/callback"),
            ("http://[::1]/cb", "http://[::1]:7/cb"),
            ("http://127.0.0.1:80/cb", "http://127.0.0.1:5000/cb"),
        ] {
            assert!(uri(requested).bind(&[uri(registered)]).is_some(), "{requested} {registered}");
        }
        for (requested, registered) in [
            ("https://a.example/cb/", "https://a.example/cb"),
            ("https://a.example/CB", "https://a.example/cb"),
            ("https://A.example/cb", "https://a.example/cb"),
            ("https://a.example/cb?x", "https://a.example/cb"),
            ("https://a.example/./cb", "https://a.example/cb"),
            ("https://a.example/%63b", "https://a.example/cb"),
            ("https://a.example:444/cb", "https://a.example/cb"),
            ("http://localhost:5000/cb", "http://127.0.0.1:5000/cb"),
            ("http://127.0.0.1:5000/other", "http://127.0.0.1:5000/cb"),
            ("http://127.0.0.1:5000/cb?:80", "http://127.0.0.1/cb"),
        ] {
            assert!(uri(requested).bind(&[uri(registered)]).is_none(), "{requested} {registered}");
        }
        assert!(uri("https://a.example/cb").bind(&[]).is_none());
    }

    #[test]
    fn a_response_is_added_to_the_query_and_cannot_leave_it() {
        let bound = |text| uri(text).bind(&[uri(text)]).unwrap();
        let state = "a&b=c#d\r\nSet-Cookie: x";
        assert_eq!(
            bound("https://a.example/cb").location(&[("state", state)]),
            "https://a.example/cb?state=a%26b%3Dc%23d%0D%0ASet-Cookie%3A+x"
        );
        assert_eq!(bound("https://a.example/cb?x=y").location(&[("code", "1")]), "https://a.example/cb?x=y&code=1");
        assert_eq!(bound("https://a.example/cb?").location(&[("code", "1")]), "https://a.example/cb?code=1");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_and_what_is_parsed_binds_to_itself(text in ".{0,80}") {
            if let Ok(uri) = RedirectUri::parse(&text, &rules()) {
                prop_assert_eq!(uri.as_str(), text.as_str());
                prop_assert!(uri.clone().bind(&[uri]).is_some());
            }
        }
    }
}
