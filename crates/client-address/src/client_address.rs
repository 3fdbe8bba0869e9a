//! The address of a client, known or not.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use gatehouse_configuration::{ClientAddresses, ForwardingHeader, Networks, TrustedProxies};
use http::HeaderMap;

use crate::{UnknownAddress, forwarded, x_forwarded_for};

/// How the host tells who has connected to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerSource {
    /// Not at all.
    Nothing,
    /// In `spin-client-addr`, which it adds to each request, behind whatever the client has sent under that name.
    SpinClientAddr,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    found: Result<IpAddr, UnknownAddress>,
    is_hidden: bool,
}

impl ClientAddress {
    /// Of a request with these headers.
    pub fn of(headers: &HeaderMap, source: PeerSource, addresses: &ClientAddresses) -> Self {
        let found = found(headers, peer(headers, source), &addresses.proxies);
        Self { found, is_hidden: addresses.are_hidden }
    }

    /// Whether it may reach what these networks are for.
    ///
    /// # Errors
    /// Why not, for the log.
    pub fn check(&self, networks: &Networks) -> Result<(), String> {
        networks.judge(self.found.ok()).map_err(|refusal| match self.found {
            Ok(_) => refusal.to_string(),
            Err(unknown) => format!("{refusal}: {unknown}"),
        })
    }

    /// What the log says of it; `None` where it is not known, or the operator wants no addresses there.
    pub fn logged(&self) -> Option<String> {
        self.found.ok().filter(|_| !self.is_hidden).map(|address| address.to_string())
    }

    /// Whose requests are counted together with this one: of IPv6 those with the same first 64 bits, of which somebody has as many addresses
    /// as he likes; all whose address is not known.
    pub fn counted(&self) -> String {
        self.counted_if_known().unwrap_or_else(|| "unknown".to_owned())
    }

    /// The same; `None` where the address is not known.
    pub fn counted_if_known(&self) -> Option<String> {
        const NETWORK: u128 = u128::MAX << 64;
        match self.found {
            Ok(IpAddr::V4(address)) => Some(address.to_string()),
            Ok(IpAddr::V6(address)) => Some(Ipv6Addr::from(u128::from(address) & NETWORK).to_string()),
            Err(_) => None,
        }
    }
}

/// Who has connected to the host.
fn peer(headers: &HeaderMap, source: PeerSource) -> Option<IpAddr> {
    match source {
        PeerSource::Nothing => None,
        PeerSource::SpinClientAddr => {
            // Only the last one is the host's.
            let value = headers.get_all("spin-client-addr").iter().next_back()?;
            Some(value.to_str().ok()?.parse::<SocketAddr>().ok()?.ip().to_canonical())
        }
    }
}

fn found(headers: &HeaderMap, peer: Option<IpAddr>, proxies: &TrustedProxies) -> Result<IpAddr, UnknownAddress> {
    if proxies.is_empty() {
        return peer.ok_or(UnknownAddress::Host);
    }
    if !proxies.ranges.is_empty() {
        let peer = peer.ok_or(UnknownAddress::Host)?;
        if !proxies.have(peer) {
            return Ok(peer);
        }
    }
    match proxies.header {
        ForwardingHeader::XForwardedFor => chosen(x_forwarded_for::from_the_end(headers), proxies),
        ForwardingHeader::Forwarded => chosen(forwarded::from_the_end(headers)?.into_iter(), proxies),
    }
}

/// Which of the entries is the client's.
fn chosen(
    mut entries: impl Iterator<Item = Result<IpAddr, UnknownAddress>>,
    proxies: &TrustedProxies,
) -> Result<IpAddr, UnknownAddress> {
    if let Some(hops) = proxies.hops {
        return entries.nth(usize::from(hops.saturating_sub(1))).unwrap_or(Err(UnknownAddress::TooFewHops));
    }
    // Each entry was written by the proxy whose own address stands behind it, so the first that is no proxy's is the last
    // that is true. Where all are proxies', the first proxy itself has asked.
    let mut last = Err(UnknownAddress::NotSaid);
    for entry in entries {
        last = entry;
        if !entry.is_ok_and(|address| proxies.have(address)) {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use gatehouse_configuration::AddressRange;
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1:4000";

    fn proxies(ranges: &[&str], hops: Option<u8>, header: ForwardingHeader) -> TrustedProxies {
        let ranges = ranges.iter().map(|text| AddressRange::parse(text).unwrap()).collect();
        TrustedProxies { ranges, hops, header }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn address_of(pairs: &[(&'static str, &str)], proxies: &TrustedProxies) -> Result<String, UnknownAddress> {
        let addresses = ClientAddresses { proxies: proxies.clone(), are_hidden: false };
        ClientAddress::of(&headers(pairs), PeerSource::SpinClientAddr, &addresses).found.map(|it| it.to_string())
    }

    /// From `peer`, with this header.
    fn from(peer: &str, header: &str, proxies: &TrustedProxies) -> Result<String, UnknownAddress> {
        address_of(&[("x-forwarded-for", header), ("spin-client-addr", peer)], proxies)
    }

    #[test]
    fn without_proxies_it_is_the_peers_and_no_header_changes_it() {
        let none = TrustedProxies::default();
        for header in ["192.0.2.1", "10.0.0.1, 192.0.2.1", ",", "unknown", "\"", ""] {
            assert_eq!(from("198.51.100.1:9", header, &none).as_deref(), Ok("198.51.100.1"), "{header}");
        }
        for (peer, address) in
            [("[2001:db8::1]:80", "2001:db8::1"), ("[::ffff:192.0.2.1]:80", "192.0.2.1"), ("[fe80::1%2]:80", "fe80::1")]
        {
            assert_eq!(from(peer, "", &none).as_deref(), Ok(address));
        }
    }

    #[test]
    fn the_hosts_own_word_is_the_last_and_where_it_gives_none_nobody_else_does() {
        let none = TrustedProxies::default();
        let spoofed = [("spin-client-addr", "10.0.0.1:1"), ("spin-client-addr", "198.51.100.1:9")];
        assert_eq!(address_of(&spoofed, &none).as_deref(), Ok("198.51.100.1"));
        for word in ["", "unknown", "198.51.100.1", "198.51.100.1:", "198.51.100.1:99999", "\u{e9}"] {
            let pairs = [("spin-client-addr", "10.0.0.1:1"), ("spin-client-addr", word)];
            assert_eq!(address_of(&pairs, &none), Err(UnknownAddress::Host), "{word}");
        }
        assert_eq!(address_of(&[("spin_client_addr", "10.0.0.1:1")], &none), Err(UnknownAddress::Host));
        let addresses = ClientAddresses::default();
        let said = ClientAddress::of(&headers(&spoofed), PeerSource::Nothing, &addresses);
        assert_eq!(said.found, Err(UnknownAddress::Host));
        assert_eq!((said.logged(), said.counted().as_str()), (None, "unknown"));
    }

    #[test]
    fn behind_trusted_proxies_it_is_the_nearest_address_that_is_no_proxys() {
        let trusted = proxies(&["10.0.0.0/8", "fd00::/8"], None, ForwardingHeader::XForwardedFor);
        for (header, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:5000", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1", "192.0.2.1"),
            ("10.9.9.9, 192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("1.1.1.1,192.0.2.1 ,\t10.0.0.2:80,10.0.0.3", "192.0.2.1"),
            ("\", %%%, 192.0.2.1, [fd00::1]:443", "192.0.2.1"),
            ("1.1.1.1, ::ffff:192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1"),
            ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
            ("2001:DB8::1, fd00::1", "2001:db8::1"),
        ] {
            assert_eq!(from(PROXY, header, &trusted).as_deref(), Ok(address), "{header}");
            // Who is no proxy is not asked what he knows.
            assert_eq!(from("198.51.100.1:9", header, &trusted).as_deref(), Ok("198.51.100.1"), "{header}");
        }
        for (header, why) in [
            ("", UnknownAddress::Malformed),
            ("192.0.2.1,", UnknownAddress::Malformed),
            ("192.0.2.1, unknown", UnknownAddress::Malformed),
            ("192.0.2.1, 010.0.0.2", UnknownAddress::Malformed),
            ("192.0.2.1, 167772162", UnknownAddress::Malformed),
            ("192.0.2.1, fd00::1%eth0", UnknownAddress::Malformed),
            ("192.0.2.1, , 10.0.0.2", UnknownAddress::Malformed),
        ] {
            assert_eq!(from(PROXY, header, &trusted), Err(why), "{header}");
        }
        assert_eq!(address_of(&[("spin-client-addr", PROXY)], &trusted), Err(UnknownAddress::NotSaid));
        assert_eq!(address_of(&[("x-forwarded-for", "192.0.2.1")], &trusted), Err(UnknownAddress::Host));
    }

    #[test]
    fn several_fields_are_one_list_whose_end_is_the_last_field() {
        let trusted = proxies(&["10.0.0.0/8"], None, ForwardingHeader::XForwardedFor);
        let pairs =
            |first, second| [("x-forwarded-for", first), ("x-forwarded-for", second), ("spin-client-addr", PROXY)];
        assert_eq!(address_of(&pairs("1.1.1.1", "192.0.2.1"), &trusted).as_deref(), Ok("192.0.2.1"));
        assert_eq!(address_of(&pairs("1.1.1.1, 192.0.2.1", "10.0.0.2"), &trusted).as_deref(), Ok("192.0.2.1"));
        assert_eq!(address_of(&pairs("192.0.2.1", ""), &trusted), Err(UnknownAddress::Malformed));
        let many = format!("{}192.0.2.1", "10.0.0.7, ".repeat(500));
        assert_eq!(from(PROXY, &many, &trusted).as_deref(), Ok("192.0.2.1"));
        let many = format!("192.0.2.1{}", ", 10.0.0.7".repeat(500));
        assert_eq!(from(PROXY, &many, &trusted).as_deref(), Ok("192.0.2.1"));
    }

    #[test]
    fn behind_a_number_of_proxies_it_is_the_entry_of_that_number_from_the_end() {
        for (hops, expected) in
            [(1, Ok("192.0.2.3")), (2, Ok("192.0.2.2")), (3, Ok("192.0.2.1")), (4, Err(UnknownAddress::TooFewHops))]
        {
            let counted = proxies(&[], Some(hops), ForwardingHeader::XForwardedFor);
            let said = from(PROXY, "192.0.2.1, 192.0.2.2, 192.0.2.3", &counted);
            assert_eq!(said.as_deref().map_err(|why| *why), expected, "{hops}");
            // The host need not tell who connects.
            let told = address_of(&[("x-forwarded-for", "192.0.2.1, 192.0.2.2, 192.0.2.3")], &counted);
            assert_eq!(told, said);
        }
        let both = proxies(&["10.0.0.0/8"], Some(2), ForwardingHeader::XForwardedFor);
        assert_eq!(from(PROXY, "1.1.1.1, 192.0.2.1, 203.0.113.7", &both).as_deref(), Ok("192.0.2.1"));
        assert_eq!(from("198.51.100.1:9", "1.1.1.1, 192.0.2.1", &both).as_deref(), Ok("198.51.100.1"));
        assert_eq!(from(PROXY, "192.0.2.1", &both), Err(UnknownAddress::TooFewHops));
        assert_eq!(from(PROXY, "bad, 192.0.2.1", &both), Err(UnknownAddress::Malformed));
        assert_eq!(address_of(&[("x-forwarded-for", "1.1.1.1, 192.0.2.1")], &both), Err(UnknownAddress::Host));
    }

    #[test]
    fn only_the_configured_header_is_read() {
        let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2"), ("spin-client-addr", PROXY)];
        let of = |header| address_of(&both, &proxies(&["10.0.0.0/8"], None, header));
        assert_eq!(of(ForwardingHeader::XForwardedFor).as_deref(), Ok("192.0.2.1"));
        assert_eq!(of(ForwardingHeader::Forwarded).as_deref(), Ok("192.0.2.2"));
        let forwarded = proxies(&["10.0.0.0/8"], None, ForwardingHeader::Forwarded);
        let said = |value| address_of(&[("forwarded", value), ("spin-client-addr", PROXY)], &forwarded);
        assert_eq!(said("for=192.0.2.1, for=10.0.0.2;by=10.0.0.1").as_deref(), Ok("192.0.2.1"));
        for (value, why) in [
            ("for=192.0.2.1, for=unknown", UnknownAddress::Hidden),
            ("for=192.0.2.1, for=_x", UnknownAddress::Hidden),
            ("for=192.0.2.1, proto=https", UnknownAddress::Hidden),
            ("for=\", for=192.0.2.1", UnknownAddress::Malformed),
        ] {
            assert_eq!(said(value), Err(why), "{value}");
        }
    }

    #[test]
    fn of_ipv6_the_first_64_bits_are_counted_together() {
        let counted = |peer: &str| {
            let told = headers(&[("spin-client-addr", peer)]);
            ClientAddress::of(&told, PeerSource::SpinClientAddr, &ClientAddresses::default()).counted()
        };
        assert_eq!(counted("[2001:db8:1:2:3:4:5:6]:1"), "2001:db8:1:2::");
        assert_eq!(counted("[2001:db8:1:2::]:1"), counted("[2001:db8:1:2:ffff:ffff:ffff:ffff]:1"));
        assert_ne!(counted("[2001:db8:1:2::1]:1"), counted("[2001:db8:1:3::1]:1"));
        assert_eq!(counted("[::ffff:192.0.2.1]:1"), "192.0.2.1");
        assert_ne!(counted("192.0.2.1:1"), counted("192.0.2.2:1"));
    }

    proptest! {
        /// Whatever a client writes, the proxy's word stands: at each number of proxies.
        #[test]
        fn no_header_of_a_client_changes_what_the_proxies_say(written in "[ -~]{0,60}", hops in 0_usize..3) {
            let trusted = proxies(&["10.0.0.0/8"], None, ForwardingHeader::XForwardedFor);
            let counted = proxies(&[], u8::try_from(hops).ok().filter(|hops| *hops > 0), ForwardingHeader::XForwardedFor);
            let client = "192.0.2.77";
            let chain = [client, "10.0.0.2", "10.0.0.1"];
            let header = [&[written.as_str()], &chain[..hops]].concat().join(", ");
            let peer = format!("{}:4000", chain[hops]);
            for proxies in [trusted, counted] {
                let said = from(&peer, &header, &proxies);
                prop_assert_eq!(said.as_deref(), Ok(client), "{} from {}", header, peer);
            }
        }
    }
}
