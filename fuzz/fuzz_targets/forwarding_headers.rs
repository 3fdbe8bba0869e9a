//! What anybody writes into `X-Forwarded-For` and `Forwarded`. Each line of the input is a field; a proxy adds what it saw at the end, in the same
//! field or in one of its own.
//!
//! What must hold: whatever a client writes, its address is the one that the proxies saw, or is not known; without trusted
//! proxies, it is that of the connection; an address that a list lets in is one of the list; and every address that is found is written in its
//! only spelling.

#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use gatehouse_client_address::{ClientAddress, PeerSource};
use gatehouse_configuration::{AddressRange, ClientAddresses, ForwardingHeader, Networks, TrustedProxies};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const CLIENT: &str = "192.0.2.77";
const PROXIES: [&str; 2] = ["10.0.0.2", "10.0.0.1"];

static TRUSTED: LazyLock<Vec<AddressRange>> =
    LazyLock::new(|| vec![AddressRange::parse("10.0.0.0/8").expect("a range")]);

fn addresses(hops: Option<u8>, is_by_range: bool, header: ForwardingHeader) -> ClientAddresses {
    let ranges = if is_by_range { TRUSTED.clone() } else { Vec::new() };
    ClientAddresses { proxies: TrustedProxies { ranges, hops, header }, are_hidden: false }
}

/// What reaches us behind so many proxies, and what is found.
fn found(written: &[&str], proxies: usize, is_own_field: bool, settings: &ClientAddresses) -> Option<String> {
    let header = settings.proxies.header;
    let entry = |address: &&str| match header {
        ForwardingHeader::XForwardedFor => (*address).to_owned(),
        ForwardingHeader::Forwarded => format!("for={address};by=\"_edge\""),
    };
    let chain = [&[CLIENT], PROXIES.as_slice()].concat();
    let added = chain[..proxies].iter().map(entry).collect::<Vec<_>>().join(", ");
    let mut fields: Vec<String> = written.iter().map(|line| (*line).to_owned()).collect();
    if proxies > 0 {
        match fields.last_mut() {
            Some(last) if !is_own_field => *last = format!("{last}, {added}"),
            _ => fields.push(added),
        }
    }
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(header.as_str(), HeaderValue::from_str(&field).ok()?);
    }
    let peer = format!("{}:4000", chain[proxies]);
    headers.append("spin-client-addr", HeaderValue::from_str(&peer).ok()?);
    let client = ClientAddress::of(&headers, PeerSource::SpinClientAddr, settings);
    let text = client.logged();
    if let Some(text) = &text {
        let address: IpAddr = text.parse().expect("an address");
        assert_eq!(address.to_canonical().to_string(), *text);
        assert_eq!(client.counted(), *text, "IPv4 counts alone");
        let only = Networks { allow: vec![AddressRange::parse(text).expect("one address")], deny: Vec::new() };
        assert!(client.check(&only).is_ok());
    } else {
        let everybody = ["0.0.0.0/0", "::/0"].map(|text| AddressRange::parse(text).expect("a range"));
        assert!(client.check(&Networks { allow: everybody.to_vec(), deny: Vec::new() }).is_err());
        assert_eq!(client.counted(), "unknown");
    }
    Some(text.unwrap_or_default())
}

fuzz_target!(|input: &str| {
    // The configuration's own readers, with the same text.
    if let Ok(range) = AddressRange::parse(input) {
        assert_eq!(AddressRange::parse(&range.to_string()), Ok(range));
    }
    let written: Vec<&str> = input.lines().collect();
    if written.iter().any(|line| HeaderValue::from_str(line).is_err()) {
        return;
    }
    for header in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded] {
        for proxies in 0..3 {
            let hops = u8::try_from(proxies).ok().filter(|hops| *hops > 0);
            for is_own_field in [false, true] {
                for settings in
                    [addresses(None, true, header), addresses(hops, false, header), addresses(hops, true, header)]
                {
                    let Some(said) = found(&written, proxies, is_own_field, &settings) else { continue };
                    let is_unreadable = header == ForwardingHeader::Forwarded && said.is_empty() && proxies > 0;
                    assert!(said == CLIENT || is_unreadable, "{said} behind {proxies} proxies");
                }
            }
        }
    }
});
