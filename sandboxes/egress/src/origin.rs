//! A scheme, a host and a port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most characters of a host name, and of one label in it (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;
/// The domain by which components of one application reach each other. The interpreters themselves are there.
const COMPONENTS: &str = "spin.internal";
/// The name of the machine itself, and the domain of its other names (RFC 6761, section 6.3).
const LOCALHOST: &str = "localhost";

/// How a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// A scheme, a host and a port, in the one spelling that each has here: two are equal where they lead to one place by name. Nothing is
/// resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// Why a text is no origin. The texts go to operators and to programs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Another scheme.
    #[error("only http and https are spoken here")]
    Scheme,
    /// Something follows the host and the port.
    #[error("an origin has no path: write it as https://HOST, https://HOST:PORT or HOST")]
    Path,
    /// There is a user before the host.
    #[error("a URL must not have a user in it")]
    User,
    /// The port is no number from 1 to 65535.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// The host has letters outside of ASCII.
    #[error("the host has other letters than those of ASCII: write its name as it is in the DNS (xn--...)")]
    NotAscii,
    /// A pattern.
    #[error("a host is named exactly, without `*`")]
    Pattern,
    /// A component of the application itself.
    #[error("components of the application (*.spin.internal) are not reached by egress")]
    Component,
    /// Neither a name nor an address.
    #[error("the host is neither a name nor an address")]
    Host,
}

impl Scheme {
    /// The port of a URL without one.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn parse(text: &str) -> Result<Self, OriginError> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(OriginError::Scheme),
        }
    }
}

impl Origin {
    /// Reads what an operator writes: `https://HOST:PORT`, where the scheme and the port may be left out.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").unwrap_or(("https", text));
        let scheme = Scheme::parse(scheme)?;
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::Path);
        }
        Self::of(scheme, authority)
    }

    /// An origin of a URL's parts.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub(crate) fn of_url(scheme: &str, authority: &str) -> Result<Self, OriginError> {
        Self::of(Scheme::parse(scheme)?, authority)
    }

    /// How a connection is made.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host and, where it is not the scheme's own, the port, as in a URL.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Whether the two lead to one place, as far as they say so themselves: their hosts are spelled alike, or both are this machine's own. No
    /// name is resolved, so one place can have other names that nobody sees here.
    pub fn is_where(&self, other: &Self) -> bool {
        self.port == other.port && (self.host == other.host || self.is_this_machine() && other.is_this_machine())
    }

    /// Whether the host is the machine that connects. An address that is unspecified leads there as well.
    fn is_this_machine(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address.map(|address| address.to_canonical()) {
            Ok(address) => address.is_loopback() || address.is_unspecified(),
            Err(_) => {
                self.host == LOCALHOST || self.host.strip_suffix(LOCALHOST).is_some_and(|name| name.ends_with('.'))
            }
        }
    }

    fn of(scheme: Scheme, authority: &str) -> Result<Self, OriginError> {
        if authority.contains('@') {
            return Err(OriginError::User);
        }
        // A colon inside of brackets belongs to an address.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, parse_port(port)?),
            _ => (authority, scheme.port()),
        };
        Ok(Self { scheme, host: parse_host(host)?, port })
    }
}

fn parse_port(text: &str) -> Result<u16, OriginError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0).ok_or(OriginError::Port)
}

fn parse_host(text: &str) -> Result<String, OriginError> {
    if !text.is_ascii() {
        return Err(OriginError::NotAscii);
    }
    if let Some(address) = text.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
        return address.map(|address| format!("[{address}]")).ok_or(OriginError::Host);
    }
    if text.contains('*') {
        return Err(OriginError::Pattern);
    }
    let host = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // So a name with a dot at its end is none: it would be a second spelling.
    if host.len() > LONGEST_NAME || !host.split('.').all(is_label) {
        return Err(OriginError::Host);
    }
    // What ends with a number is an address for those who resolve names, in some spelling: only the usual one is taken.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(OriginError::Host);
    }
    if host.strip_suffix(COMPONENTS).is_some_and(|before| before.is_empty() || before.ends_with('.')) {
        return Err(OriginError::Component);
    }
    Ok(host)
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(format_args!("{text:?} is no origin: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, said) in [
            ("api.example.com", "https://api.example.com"),
            ("API.Example.COM", "https://api.example.com"),
            ("https://api.example.com", "https://api.example.com"),
            ("HTTPS://api.example.com:443", "https://api.example.com"),
            ("http://api.example.com:80", "http://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("pkg.example.com:8443", "https://pkg.example.com:8443"),
            ("pkg.example.com:08443", "https://pkg.example.com:8443"),
            ("localhost", "https://localhost"),
            ("a_b-c.example", "https://a_b-c.example"),
            ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]", "http://[::1]"),
            ("[2001:DB8:0:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("spin.internal.example.com", "https://spin.internal.example.com"),
            ("aspin.internal", "https://aspin.internal"),
        ] {
            let origin = Origin::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(origin.to_string(), said, "{text}");
            assert_eq!(Origin::parse(said), Ok(origin), "{text}");
        }
    }

    #[test]
    fn two_names_of_the_machine_itself_are_one_place_and_other_names_are_not() {
        let origin = |text: &str| Origin::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let here = origin("http://127.0.0.1:8081");
        for same in [
            "http://127.0.0.1:8081",
            "https://127.0.0.1:8081",
            "http://localhost:8081",
            "http://LOCALHOST:8081",
            "http://a.localhost:8081",
            "http://127.8.9.10:8081",
            "http://0.0.0.0:8081",
            "http://[::1]:8081",
            "http://[::]:8081",
            "http://[::ffff:127.0.0.2]:8081",
            "http://[::ffff:7f00:1]:8081",
        ] {
            assert!(here.is_where(&origin(same)) && origin(same).is_where(&here), "{same}");
        }
        for other in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://128.0.0.1:8081",
            "http://[::2]:8081",
            "http://[::ffff:10.0.0.1]:8081",
            "http://localhost.example:8081",
            "http://alocalhost:8081",
        ] {
            assert!(!here.is_where(&origin(other)) && !origin(other).is_where(&here), "{other}");
        }
        assert!(origin("http://a.example:8081").is_where(&origin("https://A.example:8081")));
        assert!(!origin("http://10.0.0.1:8081").is_where(&origin("http://10.0.0.2:8081")));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_its_reason() {
        use OriginError::{Component, Host, NotAscii, Path, Pattern, Port, Scheme, User};
        for (text, reason) in [
            ("", Host),
            (".", Host),
            ("api.example.com.", Host),
            (".example.com", Host),
            ("a..b", Host),
            ("api example.com", Host),
            ("api.example.com%2eevil", Host),
            ("api%00.example", Host),
            ("a,b.example", Host),
            ("1", Host),
            ("2130706433", Host),
            ("127.1", Host),
            ("0x7f.0x1", Host),
            ("0177.0.0.1", Host),
            ("127.0.0.01", Host),
            ("example.0x7f", Host),
            ("1.2.3.4.5", Host),
            ("[::1", Host),
            ("[]", Host),
            ("[fe80::1%25eth0]", Host),
            ("[127.0.0.1]", Host),
            ("::1", Host),
            ("https://", Host),
            ("ftp://example.com", Scheme),
            ("file://example.com", Scheme),
            ("://example.com", Scheme),
            ("https://example.com/", Path),
            ("https://example.com/path", Path),
            ("example.com?a", Path),
            ("example.com#a", Path),
            ("https://example.com\\@evil.example", Path),
            ("user@example.com", User),
            ("https://user:password@example.com", User),
            ("example.com:", Port),
            ("example.com:0", Port),
            ("example.com:65536", Port),
            ("example.com:+80", Port),
            ("example.com:80a", Port),
            ("bücher.example", NotAscii),
            ("exa\u{ff4d}ple.com", NotAscii),
            ("*", Pattern),
            ("*.example.com", Pattern),
            ("spin.internal", Component),
            ("http://shell.spin.internal", Component),
            ("http://Python.Spin.Internal", Component),
            ("https://a.b.spin.internal:8080", Component),
        ] {
            assert_eq!(Origin::parse(text), Err(reason), "{text}");
        }
        assert_eq!(Origin::parse(&"a".repeat(64)), Err(Host));
        assert_eq!(Origin::parse(&["a"; 128].join(".")), Err(Host));
    }
}
