//! Which hosts of two URLs are one, however they are written.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::Host;

/// Names that systems give this machine besides `localhost` and whatever ends in `.localhost` (RFC 6761, section 6.3).
const OTHER_NAMES: [&str; 5] =
    ["localhost.localdomain", "localhost6", "localhost6.localdomain6", "ip6-localhost", "ip6-loopback"];

/// Whether a connection to one host may be one to the other: the same name in any case, with or without the dot at its
/// end; the same address, an IPv4 one inside an IPv6 one, too; and whatever two names this machine has.
///
/// What a name resolves to is not known here: another name of the same server is another host.
pub(crate) fn is_same_host<One: AsRef<str>, Other: AsRef<str>>(one: &Host<One>, other: &Host<Other>) -> bool {
    match (is_this_machine(one), is_this_machine(other)) {
        (true, true) => true,
        (false, false) => canonical(one) == canonical(other),
        (true, false) | (false, true) => false,
    }
}

/// Whether a connection to `host` stays on this machine: more than is taken for loopback where plain http is allowed
/// ([`is_loopback_host`](crate::is_loopback_host)), such as 0.0.0.0, which systems connect to themselves.
fn is_this_machine(host: &Host<impl AsRef<str>>) -> bool {
    match canonical(host) {
        Host::Domain(name) => {
            name == "localhost" || name.ends_with(".localhost") || OTHER_NAMES.contains(&name.as_str())
        }
        Host::Ipv4(address) => is_own(address),
        Host::Ipv6(address) => {
            address.is_loopback() || address.is_unspecified() || address.to_ipv4().is_some_and(is_own)
        }
    }
}

fn is_own(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

fn canonical(host: &Host<impl AsRef<str>>) -> Host<String> {
    match host {
        Host::Domain(name) => Host::Domain(name.as_ref().trim_end_matches('.').to_ascii_lowercase()),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Ipv6Addr::to_ipv4_mapped(address).map_or(Host::Ipv6(*address), Host::Ipv4),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn is_same(one: &str, other: &str) -> bool {
        let host = |host: &str| Url::parse(&format!("https://{host}/")).unwrap().host().unwrap().to_owned();
        let (one, other) = (host(one), host(other));
        assert_eq!(is_same_host(&one, &other), is_same_host(&other, &one));
        is_same_host(&one, &other)
    }

    #[test]
    fn a_host_is_the_same_in_every_spelling() {
        for (one, other) in [
            ("gateway.example", "GATEWAY.example"),
            ("gateway.example", "gateway.example."),
            ("gateway.example", "g%61teway.example"),
            ("gateway.example", "\u{ff47}ateway\u{3002}example"),
            ("gateway.example", "gate\u{ad}way.example"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("192.0.2.1", "3221225985"),
            ("192.0.2.1", "0xc0.0.513"),
            ("192.0.2.1", "0300.0.2.1"),
            ("192.0.2.1", "[::ffff:192.0.2.1]"),
            ("192.0.2.1", "[::ffff:c000:201]"),
            ("[2001:db8::1]", "[2001:DB8:0:0:0:0:0:1]"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("gateway.example", "www.gateway.example"),
            ("gateway.example", "example"),
            ("gateway.example", "gateway.example.evil.example"),
            ("gateway.example", "evilgateway.example"),
            ("gateway.example", "127.0.0.1"),
            ("192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "[2001:db8::1]"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn all_names_of_this_machine_are_one_host() {
        let own = [
            "localhost",
            "LOCALHOST.",
            "x.localhost",
            "a.b.localhost.",
            "localhost.localdomain",
            "ip6-localhost",
            "127.0.0.1",
            "127.255.255.254",
            "127.1",
            "0x7f000001",
            "017700000001",
            "2130706433",
            "0",
            "0.0.0.0",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:2]",
            "[::ffff:0.0.0.0]",
            "[::127.0.0.1]",
        ];
        for one in own {
            for other in own {
                assert!(is_same(one, other), "{one} {other}");
            }
            for elsewhere in ["notlocalhost", "localhost.example", "128.0.0.1", "[2001:db8::1]", "126.0.0.1"] {
                assert!(!is_same(one, elsewhere), "{one} {elsewhere}");
            }
        }
    }
}
