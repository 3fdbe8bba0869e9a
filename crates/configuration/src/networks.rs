//! Which addresses may reach what, and how a client's address is found out behind proxies.

use core::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A range of IP addresses (CIDR, RFC 4632 and RFC 4291). An IPv4-mapped IPv6 address is the IPv4 address, in ranges as in
/// what is held against them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Parses `ADDRESS/LENGTH`, or one address alone.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        const NONE: &str = "is not a range of addresses, ADDRESS/LENGTH";
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NONE)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |text: &str| text == "0" || !text.starts_with(['0', '+']);
        let length: u8 = match length {
            Some(text) => text.parse().ok().filter(|length| is_number(text) && *length <= longest).ok_or(NONE)?,
            None => longest,
        };
        let (address, length) = match (address.to_canonical(), length.checked_sub(96)) {
            (IpAddr::V4(mapped), Some(length)) if address.is_ipv6() => (IpAddr::V4(mapped), length),
            _ => (address, length),
        };
        let range = IpNet::new(address, length).map_err(|_| NONE)?;
        if range.addr() != range.trunc().addr() {
            return Err(format!("has bits behind its length: write {}", range.trunc()));
        }
        Ok(Self(range))
    }

    /// Whether the address is one of the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether every address of the other range is one of this.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether it is every address of its family.
    pub fn is_everything(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// From where something may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// Where there are some: only from these.
    pub allow: Vec<AddressRange>,
    /// From these in no case.
    pub deny: Vec<AddressRange>,
}

/// Why an address may not reach something. Its text is for the log: the wire says nothing of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkRefusal {
    /// It is in a range that is denied.
    Denied(AddressRange),
    /// It is in none of those that are allowed.
    NotAllowed,
    /// Nobody knows the address, so nothing can be said of it.
    Unknown,
}

impl Networks {
    /// Whether everybody may, also who has no address.
    pub fn is_unrestricted(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether a client at this address may. A range that is denied wins over one that is allowed.
    ///
    /// # Errors
    /// Where it may not. `None`, an address that is not known, may nowhere where any range is named: it could be one of those
    /// that are denied.
    pub fn judge(&self, client: Option<IpAddr>) -> Result<(), NetworkRefusal> {
        if self.is_unrestricted() {
            return Ok(());
        }
        let client = client.ok_or(NetworkRefusal::Unknown)?;
        if let Some(range) = self.deny.iter().find(|range| range.contains(client)) {
            return Err(NetworkRefusal::Denied(*range));
        }
        let is_allowed = self.allow.is_empty() || self.allow.iter().any(|range| range.contains(client));
        if is_allowed { Ok(()) } else { Err(NetworkRefusal::NotAllowed) }
    }
}

impl fmt::Display for NetworkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(range) => write!(f, "the client's address is in {range}, which networks deny"),
            Self::NotAllowed => f.write_str("the client's address is in none of the ranges that networks allow"),
            Self::Unknown => f.write_str("networks are set, and the client's address is not known"),
        }
    }
}

/// Whom clients are known by, and what the log says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAddresses {
    /// Who may say what a client's address is, besides the host.
    pub proxies: TrustedProxies,
    /// Whether the log has no addresses.
    pub are_hidden: bool,
}

/// The proxies in front, and how they say where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// The addresses of the proxies. What anybody else says of addresses is not believed.
    pub ranges: Vec<AddressRange>,
    /// How many proxies every request comes through.
    pub hops: Option<u8>,
    /// The header in which they say it. Another one is not read.
    pub header: ForwardingHeader,
}

impl TrustedProxies {
    /// Whether this address is a proxy's.
    pub fn have(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.hops.is_none()
    }
}

/// A header in which proxies say where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardingHeader {
    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> AddressRange {
        AddressRange::parse(text).unwrap()
    }

    #[test]
    fn a_range_has_the_addresses_of_its_prefix_in_whatever_spelling() {
        for (text, address, contains) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:a01:203", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.1.2.3", false),
            ("::/0", "::ffff:10.1.2.3", false),
            ("2001:DB8::/32", "2001:0db8:0:0::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1/128", "2001:db8::1", true),
            ("2001:db8::1/128", "2001:db8::2", false),
        ] {
            assert_eq!(range(text).contains(address.parse().unwrap()), contains, "{text} {address}");
        }
        assert_eq!(range("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn what_is_no_range_is_refused_with_a_right_one_where_it_can_be_told() {
        let none = [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/",
            "010.0.0.0/8",
            "10.0.0/8",
            "0x0a.0.0.0/8",
            "2130706433",
            "::/129",
            "fe80::1%eth0",
            "[::1]",
            "localhost",
            " 10.0.0.0/8",
            "10.0.0.0/8 ",
            "10.0.0.0/8/8",
            "10.0.0.0-10.0.0.9",
            "*",
        ];
        for text in none {
            assert_eq!(
                AddressRange::parse(text),
                Err("is not a range of addresses, ADDRESS/LENGTH".to_owned()),
                "{text}"
            );
        }
        assert_eq!(AddressRange::parse("10.1.0.0/8"), Err("has bits behind its length: write 10.0.0.0/8".to_owned()));
        assert!(AddressRange::parse("2001:db8::1/32").unwrap_err().ends_with("write 2001:db8::/32"));
    }

    #[test]
    fn what_is_denied_wins_and_an_unknown_address_may_nowhere_where_a_range_is_named() {
        let networks = |allow: &[&str], deny: &[&str]| Networks {
            allow: allow.iter().map(|text| range(text)).collect(),
            deny: deny.iter().map(|text| range(text)).collect(),
        };
        let judge = |networks: &Networks, address: &str| networks.judge(Some(address.parse().unwrap()));
        let both = networks(&["10.0.0.0/8"], &["10.1.0.0/16"]);
        assert_eq!(judge(&both, "10.2.0.1"), Ok(()));
        assert_eq!(judge(&both, "10.1.0.1"), Err(NetworkRefusal::Denied(range("10.1.0.0/16"))));
        assert_eq!(judge(&both, "192.0.2.1"), Err(NetworkRefusal::NotAllowed));
        assert_eq!(
            judge(&networks(&["10.1.0.0/16"], &["10.0.0.0/8"]), "10.1.0.1").unwrap_err().to_string(),
            "the client's address is in 10.0.0.0/8, which networks deny"
        );
        let denied = networks(&[], &["10.1.0.0/16"]);
        assert_eq!(judge(&denied, "192.0.2.1"), Ok(()));
        assert_eq!(judge(&denied, "::ffff:10.1.0.1"), Err(NetworkRefusal::Denied(range("10.1.0.0/16"))));
        for named in [both, denied, networks(&["0.0.0.0/0", "::/0"], &[])] {
            assert_eq!(named.judge(None), Err(NetworkRefusal::Unknown));
        }
        assert_eq!(Networks::default().judge(None), Ok(()));
    }

    proptest! {
        #[test]
        fn a_range_is_its_own_spelling_and_has_its_own_addresses_alone(address: u32, other: u32, length in 0_u8..=32) {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let text = format!("{}/{length}", std::net::Ipv4Addr::from(address & mask));
            let parsed = range(&text);
            prop_assert_eq!(parsed.to_string(), text);
            let contained = parsed.contains(std::net::Ipv4Addr::from(other).into());
            prop_assert_eq!(contained, other & mask == address & mask);
        }
    }
}
