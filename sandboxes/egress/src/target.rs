//! A URL, read once.

use std::fmt::{self, Write as _};

use crate::origin::{Origin, OriginError};

/// The most bytes of a URL.
const LONGEST: usize = 8192;

/// Where a request goes: an origin, and a path with its query. The fragment is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    origin: Origin,
    path_and_query: String,
}

/// Why a text is no URL that a request can go to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It does not say how to connect.
    #[error("the URL does not begin with https:// or http://")]
    NotAbsolute,
    /// A space, a line break, or another character that no URL has.
    #[error("the URL has a space, a control character or a backslash")]
    Character,
    /// It is too long.
    #[error("the URL has more than {LONGEST} bytes")]
    TooLong,
    /// Its scheme, host or port.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        if url.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        // Some readers take a backslash for a slash, and some drop line breaks: no URL may depend on who reads it.
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'\\') {
            return Err(TargetError::Character);
        }
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::NotAbsolute)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path_and_query) =
            rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or((rest, ""));
        let origin = Origin::of_url(scheme, authority)?;
        let slash = if path_and_query.starts_with('/') { "" } else { "/" };
        Ok(Self { origin, path_and_query: format!("{slash}{}", encoded(path_and_query)) })
    }

    /// Reads a URL that may be relative to this one (RFC 3986, section 5.2).
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn join(&self, reference: &str) -> Result<Self, TargetError> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = reference.split_once(':').map_or("", |(scheme, _)| scheme);
        let is_absolute = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if is_absolute {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.origin.scheme().as_str()));
        }
        let path = self.path_and_query.split('?').next().unwrap_or("/");
        let path_and_query = match reference.chars().next() {
            None => self.path_and_query.clone(),
            Some('/') => reference.to_owned(),
            Some('?') => format!("{path}{reference}"),
            Some(_) => {
                let (own, query) = reference
                    .split_at_checked(reference.find('?').unwrap_or(reference.len()))
                    .unwrap_or((reference, ""));
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{}{query}", without_dots(&format!("{folder}/{own}")))
            }
        };
        Self::parse(&format!("{}{path_and_query}", self.origin))
    }

    /// The origin.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path and the query. It begins with `/`.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The last name of the path, which may be empty.
    pub fn file_name(&self) -> &str {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.origin, self.path_and_query)
    }
}

/// The path without `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/').skip(1) {
        match name {
            "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    // What ends with one of them is a folder.
    if path.ends_with("/.") || path.ends_with("/..") {
        names.push("");
    }
    format!("/{}", names.join("/"))
}

/// The same, with what may not stand in a request line (RFC 3986, section 2) as `%XX`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && !br#""<>^`{|}"#.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_origin_a_path_and_a_query() {
        for (url, said) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("HTTPS://API.example.com:443/A/b?C=d#e", "https://api.example.com/A/b?C=d"),
            ("https://api.example.com?q=1", "https://api.example.com/?q=1"),
            ("https://api.example.com#@evil.example/", "https://api.example.com/"),
            ("https://api.example.com/@evil.example", "https://api.example.com/@evil.example"),
            ("https://api.example.com/?u=https://evil.example", "https://api.example.com/?u=https://evil.example"),
            ("https://api.example.com/%2e%2e/%40", "https://api.example.com/%2e%2e/%40"),
            ("https://api.example.com/ü?q={\"a\":1}|", "https://api.example.com/%C3%BC?q=%7B%22a%22:1%7D%7C"),
            ("http://[::1]:8080/a:b", "http://[::1]:8080/a:b"),
        ] {
            assert_eq!(Target::parse(url).map(|target| target.to_string()).as_deref(), Ok(said), "{url}");
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        use TargetError::{Character, NotAbsolute, TooLong};
        for (url, reason) in [
            ("api.example.com/a", NotAbsolute),
            ("/a", NotAbsolute),
            ("https:/api.example.com", NotAbsolute),
            ("https:api.example.com", NotAbsolute),
            ("https://api.example.com/a b", Character),
            ("https://api.example.com/a\r\nHost: evil.example", Character),
            ("https://api.example.com\t/", Character),
            (" https://api.example.com", Character),
            ("https://api.example.com\\@evil.example/", Character),
            ("https://api.example.com\u{7f}", Character),
            ("https://evil.example@api.example.com/", OriginError::User.into()),
            ("https://api.example.com:443@evil.example/", OriginError::User.into()),
            ("https://api.example.com%40evil.example/", OriginError::Host.into()),
            ("https://api.example.com%2eevil.example/", OriginError::Host.into()),
            ("https://api.example.com./", OriginError::Host.into()),
            ("https:///path", OriginError::Host.into()),
            ("https://?q", OriginError::Host.into()),
            ("https://api.example.com:/", OriginError::Port.into()),
            ("ftp://api.example.com/", OriginError::Scheme.into()),
            ("javascript://api.example.com/", OriginError::Scheme.into()),
            ("http://shell.spin.internal/run", OriginError::Component.into()),
        ] {
            assert_eq!(Target::parse(url), Err(reason), "{url}");
        }
        assert_eq!(Target::parse(&format!("https://a.example/{}", "a".repeat(LONGEST))), Err(TooLong));
    }

    #[test]
    fn a_reference_is_read_from_where_it_stands() {
        let base = Target::parse("https://a.example:8443/b/c/d?q").unwrap();
        for (reference, said) in [
            ("https://other.example/x", "https://other.example/x"),
            ("http://a.example:8443/x", "http://a.example:8443/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y", "https://a.example:8443/x?y"),
            ("x", "https://a.example:8443/b/c/x"),
            ("x:y", "error"),
            ("./x:y", "https://a.example:8443/b/c/x:y"),
            ("../x", "https://a.example:8443/b/x"),
            ("../../../../x?../z", "https://a.example:8443/x?../z"),
            ("..", "https://a.example:8443/b/"),
            (".", "https://a.example:8443/b/c/"),
            ("?y", "https://a.example:8443/b/c/d?y"),
            ("", "https://a.example:8443/b/c/d?q"),
            ("#f", "https://a.example:8443/b/c/d?q"),
            ("@evil.example", "https://a.example:8443/b/c/@evil.example"),
            (".evil.example/", "https://a.example:8443/b/c/.evil.example/"),
            (":80@evil.example/", "https://a.example:8443/b/c/:80@evil.example/"),
            ("\\\\evil.example/", "error"),
            ("http:\\\\evil.example", "error"),
            ("javascript:alert(1)", "error"),
        ] {
            let joined = base.join(reference).map_or("error".to_owned(), |target| target.to_string());
            assert_eq!(joined, said, "{reference}");
        }
    }
}
