//! One address in a header.

use std::net::{IpAddr, Ipv6Addr};

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`. An
/// IPv4-mapped address is the IPv4 address. Other spellings (octal, decimal, with a zone) could be read as another address.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    with_port(text, is_port)
}

/// The same with the ports that RFC 7239 has, which may be made up.
pub(crate) fn node(text: &str) -> Option<IpAddr> {
    with_port(text, |port| is_port(port) || is_obfuscated(port))
}

/// A name that a proxy has made up (RFC 7239, section 6.3).
pub(crate) fn is_obfuscated(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_of_name))
}

fn with_port(text: &str, is_port: impl Fn(&str) -> bool) -> Option<IpAddr> {
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']')?;
            let is_right = behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port);
            IpAddr::V6(address.parse::<Ipv6Addr>().ok().filter(|_| is_right)?)
        }
        None => match text.split_once(':') {
            Some((address, port)) if is_port(port) && !port.contains(':') && address.contains('.') => {
                address.parse().ok()?
            }
            _ => text.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_spellings_that_proxies_write() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:443", "192.0.2.1"),
            ("192.0.2.1:65535", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:8080", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
            ("::1", "::1"),
        ] {
            assert_eq!(address(text), Some(expected.parse().unwrap()), "{text}");
            assert_eq!(node(text), address(text), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_as_another_address_is_none() {
        for text in [
            "",
            " ",
            "unknown",
            "_hidden",
            "localhost",
            "192.0.2",
            "192.0.2.1.1",
            "192.0.2.01",
            "0300.0.2.1",
            "0xc0.0.2.1",
            "3221225985",
            "192.0.2.256",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+1",
            "192.0.2.1:0000001",
            "192.0.2.1/24",
            " 192.0.2.1",
            "192.0.2.1 ",
            "192.0.2.1,",
            "fe80::1%eth0",
            "[fe80::1%25eth0]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]8080",
            "[2001:db8::1]:",
            "[192.0.2.1]",
            "[192.0.2.1]:80",
            "2001:db8:::1",
            ":::",
            ":443",
            "[]",
            "[]:1",
            "http://192.0.2.1",
            "192.0.2.1:80:80",
            "192.0.2.1:a",
            "\"192.0.2.1\"",
            "\u{0661}92.0.2.1",
        ] {
            assert_eq!(address(text), None, "{text:?}");
            assert_eq!(node(text), None, "{text:?}");
        }
        assert_eq!((node("192.0.2.1:_x"), address("192.0.2.1:_x")), (address("192.0.2.1"), None));
        assert_eq!(node("[::1]:_a.b-c_"), address("::1"));
        assert!(is_obfuscated("_a") && !is_obfuscated("_") && !is_obfuscated("a") && !is_obfuscated("_a b"));
    }
}
