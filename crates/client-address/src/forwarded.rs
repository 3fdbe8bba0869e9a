//! `Forwarded` (RFC 7239): a list of elements, one for each proxy, the nearest at the end.

use std::net::IpAddr;

use http::HeaderMap;

use crate::UnknownAddress;
use crate::node::{is_obfuscated, node};

/// What the header says, from its end.
///
/// A client can begin a text in quotes that would swallow what a proxy adds behind it. So the whole header must be well formed; where it is not,
/// nothing of it counts.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn from_the_end(headers: &HeaderMap) -> Result<Vec<Result<IpAddr, UnknownAddress>>, UnknownAddress> {
    let mut found = Vec::new();
    for line in headers.get_all("forwarded") {
        let line = line.to_str().map_err(|_| UnknownAddress::Malformed)?;
        let mut rest = Rest(line);
        loop {
            found.push(rest.element().ok_or(UnknownAddress::Malformed)?);
            rest.skip_spaces();
            if rest.0.is_empty() {
                break;
            }
            rest = Rest(rest.0.strip_prefix(',').ok_or(UnknownAddress::Malformed)?);
        }
    }
    found.reverse();
    Ok(found)
}

/// What is still to be read of a line.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Reads one element; `None` where it is none. An element that does not say where its request came from says that nobody is
    /// to know.
    fn element(&mut self) -> Option<Result<IpAddr, UnknownAddress>> {
        let mut found = None;
        loop {
            self.skip_spaces();
            if let Some((name, value)) = self.pair()?
                && name.eq_ignore_ascii_case("for")
            {
                let said = said(&value)?;
                // Two answers are none.
                if found.replace(said).is_some() {
                    return None;
                }
            }
            self.skip_spaces();
            match self.0.strip_prefix(';') {
                Some(rest) => self.0 = rest,
                None => return Some(found.unwrap_or(Err(UnknownAddress::Hidden))),
            }
        }
    }

    /// Reads `name=value`, or nothing where an element may have nothing.
    fn pair(&mut self) -> Option<Option<(String, String)>> {
        let name = self.take(is_of_token);
        if name.is_empty() {
            return (self.0.is_empty() || self.0.starts_with([',', ';'])).then_some(None);
        }
        self.0 = self.0.strip_prefix('=')?;
        let value = match self.0.strip_prefix('"') {
            Some(quoted) => {
                self.0 = quoted;
                self.quoted()?
            }
            // Some proxies leave out the quotes around a port's colon, and around brackets.
            None => self.take(|byte| is_of_token(byte) || matches!(byte, b':' | b'[' | b']')),
        };
        (!value.is_empty()).then_some(Some((name, value)))
    }

    /// Reads to the end of a quoted string (RFC 9110, section 5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next()? {
                '"' => {
                    self.0 = characters.as_str();
                    return Some(value);
                }
                '\\' => value.push(characters.next()?),
                character => value.push(character),
            }
        }
    }

    fn take(&mut self, is_of_it: impl Fn(u8) -> bool) -> String {
        let end = self.0.bytes().position(|byte| !is_of_it(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at_checked(end).unwrap_or((self.0, ""));
        self.0 = rest;
        taken.to_owned()
    }

    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }
}

/// What `for` says; `None` where that is nothing.
fn said(value: &str) -> Option<Result<IpAddr, UnknownAddress>> {
    if let Some(address) = node(value) {
        return Some(Ok(address));
    }
    let name = value.split(':').next().unwrap_or_default();
    (name.eq_ignore_ascii_case("unknown") || is_obfuscated(name)).then_some(Err(UnknownAddress::Hidden))
}

/// RFC 9110, section 5.6.2.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(lines: &[&str]) -> Result<Vec<String>, UnknownAddress> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("forwarded", line.parse().unwrap());
        }
        let text =
            |said: Result<IpAddr, UnknownAddress>| said.map_or_else(|_| "?".to_owned(), |address| address.to_string());
        Ok(from_the_end(&headers)?.into_iter().map(text).collect())
    }

    /// The examples of RFC 7239, sections 4 and 6, among others.
    #[test]
    fn elements_are_read_as_the_rfc_writes_them() {
        for (lines, expected) in [
            (&["for=\"_gazonk\""][..], &["?"][..]),
            (&["For=\"[2001:db8:cafe::17]:4711\""], &["2001:db8:cafe::17"]),
            (&["for=192.0.2.60;proto=http;by=203.0.113.43"], &["192.0.2.60"]),
            (&["for=192.0.2.43, for=198.51.100.17"], &["198.51.100.17", "192.0.2.43"]),
            (
                &["for=192.0.2.43", "for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com"],
                &["198.51.100.17", "192.0.2.43"],
            ),
            (&["for=_hidden, for=_SEVKISEK"], &["?", "?"]),
            (&["for=unknown, for=\"192.0.2.1:_port\""], &["192.0.2.1", "?"]),
            (&["for=\"[::ffff:192.0.2.1]\""], &["192.0.2.1"]),
            (&["proto=https;host=\"a, b\\\"; c\" , for=192.0.2.1"], &["192.0.2.1", "?"]),
            (&["for=192.0.2.1; proto=https ;"], &["192.0.2.1"]),
            (&["for=192.0.2.1:443"], &["192.0.2.1"]),
            (&["for=[::1]:443"], &["::1"]),
            (&["for=\"192.0\\.2.1\""], &["192.0.2.1"]),
            (&["", "for=192.0.2.1"], &["192.0.2.1", "?"]),
            (&[], &[]),
        ] {
            assert_eq!(of(lines).unwrap(), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_not_well_formed_says_nothing_at_all() {
        for line in [
            "for=",
            "for",
            "for=192.0.2.1 for=192.0.2.2",
            "for=\"192.0.2.1",
            "for=\"192.0.2.1\"x",
            "for=\"192.0.2.1\\",
            "=192.0.2.1",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1;for=192.0.2.2",
            "for=010.0.2.1",
            "for=3221225985",
            "for=2001:db8::1%1",
            "for=\"fe80::1%eth0\"",
            "for=example.com",
            "for=192.0.2.1/24",
            "for=192.0.2.1, for=\"",
            "for=a\"b\"",
            "(for=192.0.2.1)",
        ] {
            assert_eq!(of(&[line]), Err(UnknownAddress::Malformed), "{line}");
            assert_eq!(of(&[line, "for=192.0.2.9"]), Err(UnknownAddress::Malformed), "{line}");
        }
    }

    proptest! {
        /// Whatever a client writes in front: what the proxy adds is read as its own, or nothing is.
        #[test]
        fn no_beginning_hides_or_changes_what_a_proxy_adds(
            beginning in "[ -~]{0,40}",
            added in prop::sample::select(vec![
                "for=192.0.2.9", "for=\"192.0.2.9:80\"", "for=192.0.2.9;by=\"_x\";proto=https", "proto=http;for=\"192.0.2.9\"",
            ]),
        ) {
            if let Ok(found) = of(&[&format!("{beginning}, {added}")]) {
                prop_assert_eq!(found.first().map(String::as_str), Some("192.0.2.9"));
            }
        }
    }
}
