//! Spellings of our own origin, made at random, against parsers that know nothing of ours: `url` follows the WHATWG, as
//! every browser does, `http` (which clients in Rust send requests with) and `fluent-uri` follow RFC 3986, and `iri-string`
//! RFC 3987.

use std::net::IpAddr;

use super::*;

/// Where we may be.
const OWN: [&str; 10] = [
    "https://gateway.example",
    "https://gateway.example:8443",
    "https://xn--bcher-kva.example",
    "https://192.0.2.1",
    "https://[2001:db8::1]:8443",
    "http://127.0.0.1:3000",
    "http://localhost:3000",
    "http://[::1]:3000",
    "http://127.0.0.1",
    "https://localhost",
];

/// What a parser has read.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Place {
    fn new(scheme: &str, host: &str, port: Option<u16>) -> Self {
        let scheme = scheme.trim_end_matches(':').to_ascii_lowercase();
        let default = match scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        Self { host: host.to_ascii_lowercase(), port: port.or(default), scheme }
    }
}

/// What each parser that takes the text reads there.
fn readings(text: &str) -> Vec<(&'static str, Place)> {
    let mut readings = Vec::new();
    if let Ok(url) = Url::parse(text)
        && let Some(host) = url.host_str()
    {
        readings.push(("url", Place::new(url.scheme(), host, url.port())));
    }
    if let Ok(iri) = iri_string::types::IriStr::new(text)
        && let Some(authority) = iri.authority_components()
    {
        let port = authority.port().and_then(|port| port.parse().ok());
        readings.push(("iri-string", Place::new(iri.scheme_str(), authority.host(), port)));
    }
    if let Ok(uri) = text.parse::<http::Uri>()
        && let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host())
    {
        readings.push(("http", Place::new(scheme, host, uri.port_u16())));
    }
    if let Ok(uri) = fluent_uri::Uri::parse(text)
        && let Some(authority) = uri.authority()
    {
        let port = authority.port().and_then(|port| port.as_str().parse().ok());
        readings.push(("fluent-uri", Place::new(uri.scheme().as_str(), authority.host(), port)));
    }
    readings
}

/// Whether a browser that goes to `place` may arrive at `own`. Written another way than what is tested.
fn is_own(place: &Place, own: &str) -> bool {
    let own = Url::parse(own).unwrap();
    let ports = match own.port_or_known_default().unwrap() {
        80 | 443 => vec![80, 443],
        port => vec![port],
    };
    let is_web = ["http", "https"].contains(&place.scheme.as_str());
    is_web
        && place.port.is_some_and(|port| ports.contains(&port))
        && meaning(&place.host) == meaning(own.host_str().unwrap())
}

/// One text for all spellings of a host.
fn meaning(host: &str) -> String {
    let url = Url::parse(&format!("http://{}/", host.trim_end_matches('.')));
    let host = url.ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| host.to_owned());
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().map(|address| match address {
        IpAddr::V6(address) if address.segments()[..5] == [0; 5] && address.segments()[5] == 0xffff => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::from([a, b, c, d])
        }
        address => address,
    });
    match address {
        Ok(address) if address.is_loopback() || address.is_unspecified() => "this machine".to_owned(),
        Ok(address) => address.to_string(),
        Err(_) if host == "localhost" || host.ends_with(".localhost") => "this machine".to_owned(),
        Err(_) => host,
    }
}

/// Hosts that are written as ours are, or nearly.
fn host() -> impl Strategy<Value = String> {
    let names = prop_oneof![
        Just("gateway.example"),
        Just("gateway.example."),
        Just("\u{ff47}ateway.example"),
        Just("gateway\u{3002}example"),
        Just("b\u{fc}cher.example"),
        Just("b%C3%BCcher.example"),
        Just("xn--bcher-kva.example"),
        Just("xn--gateway-.example"),
        Just("localhost"),
        Just("localhost."),
        Just("a.localhost"),
        Just("\u{2139}ocalhost"),
        Just("192.0.2.1"),
        Just("[::ffff:192.0.2.1]"),
        Just("[2001:db8::1]"),
        Just("[2001:DB8:0:0:0:0:0:1]"),
        Just("[::1]"),
        Just("[::]"),
        Just("[0:0:0:0:0:0:0:1]"),
        Just("[::ffff:127.0.0.1]"),
        Just("[::ffff:7f00:1]"),
        Just("[::1%25lo]"),
        Just("evil.example"),
    ];
    let address =
        prop_oneof![Just([127_u8, 0, 0, 1]), Just([127, 255, 0, 3]), Just([192, 0, 2, 1]), Just([0, 0, 0, 0])];
    prop_oneof![
        (names, any::<u64>()).prop_map(|(name, dice)| disguised(name, dice)),
        (address, 1..=4_usize, any::<u64>()).prop_map(|(address, parts, dice)| numbered(address, parts, dice)),
    ]
}

/// The name as it is, or with some of its letters in another case, or percent-encoded.
fn disguised(name: &str, dice: u64) -> String {
    if dice.is_multiple_of(2) {
        return name.to_owned();
    }
    let letters = name.chars().zip(0_u32..).map(|(letter, place)| match dice.rotate_left(place * 3) % 16 {
        0 | 1 => letter.to_ascii_uppercase().to_string(),
        2 if letter.is_ascii() => format!("%{:02X}", u32::from(letter)),
        3 if dice % 8 == 1 => format!("{letter}\u{ad}"),
        _ => letter.to_string(),
    });
    letters.collect()
}

/// The address in one to four numbers, each of them decimal, octal or hexadecimal (`inet_aton`).
fn numbered(address: [u8; 4], parts: usize, dice: u64) -> String {
    let mut numbers: Vec<u32> = address[..parts - 1].iter().map(|byte| u32::from(*byte)).collect();
    numbers.push(address[parts - 1..].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
    let written = numbers.iter().zip(0_u32..).map(|(number, place)| match dice.rotate_left(place * 5) % 6 {
        0 => format!("0{number:o}"),
        1 => format!("0x{number:x}"),
        2 => format!("0X{number:X}"),
        3 => format!("000{number:o}"),
        _ => number.to_string(),
    });
    let dot = if dice.is_multiple_of(11) { "." } else { "" };
    format!("{}{dot}", written.collect::<Vec<_>>().join("."))
}

fn spelling() -> impl Strategy<Value = String> {
    let scheme = "(https|http|HTTPS|hTTp|https|http|cursor|\\thttps)";
    let separator = "(://|://|://|://|://|:/|:|:///|:\\\\\\\\|:/\\\\)";
    let user = "(||||||evil\\.example@|a:b@|@|%40|evil\\.example\\\\@)";
    let port = "(|:|:80|:443|:0443|:3000|:03000|:8443|:8443|:65536|:3000@)";
    let path = "(|/|/authorize\\?client_id=victim|\\?x|\\?@gateway\\.example/|/\\.\\./|\\\\|#|;|/@evil\\.example|\\t|\\n|/\\\\@localhost)";
    (scheme, separator, user, host(), port, path)
        .prop_map(|(scheme, separator, user, host, port, path)| format!("{scheme}{separator}{user}{host}{port}{path}"))
}

/// The rules of a server at `own` that allows a private-use scheme.
fn rules_with_scheme(own: &str) -> RedirectRules {
    RedirectRules { private_use_schemes: with_schemes().private_use_schemes, ..rules_at(own) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    /// Issue 9, row S1.
    #[test]
    fn no_redirect_uri_is_bound_that_any_parser_takes_for_our_origin(
        own in prop::sample::select(&OWN[..]),
        text in spelling(),
    ) {
        let Ok(uri) = RedirectUri::parse(&text, &rules_with_scheme(own)) else { return Ok(()) };
        let bound = uri.clone().bind(&[uri]).unwrap();
        for text in [text, bound.location(&[("code", "1"), ("state", "@gateway.example/\\\\")])] {
            for (parser, place) in readings(&text) {
                prop_assert!(!is_own(&place, own), "{parser} takes {text} for {own}: {place:?}");
            }
        }
    }

    /// Where all read the same, nobody can be shown one place and sent to another.
    #[test]
    fn every_parser_reads_the_same_place_in_a_redirect_uri(text in spelling()) {
        let Ok(uri) = RedirectUri::parse(&text, &rules_at("https://elsewhere.example")) else { return Ok(()) };
        let readings = readings(&text);
        let (_, first) = &readings[0];
        // `http` takes no port 65536 and the like, which no parser here takes.
        prop_assert_eq!(readings.len(), 4, "{}: {:?}", text, &readings);
        for (parser, place) in &readings {
            prop_assert_eq!(place, first, "{} reads {} otherwise", parser, &text);
        }
        prop_assert!(uri.host_and_port().starts_with(&first.host));
    }
}

/// So that the property above is not one of nothing: many of the texts are ours, and many are taken.
#[test]
fn the_spellings_hold_many_of_our_own_and_many_good_ones() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let (mut runner, rules) = (TestRunner::deterministic(), rules_with_scheme("http://127.0.0.1:3000"));
    let (mut ours, mut taken) = (0, 0);
    for _ in 0..4_096 {
        let text = spelling().new_tree(&mut runner).unwrap().current();
        ours += usize::from(readings(&text).iter().any(|(_, place)| is_own(place, "http://127.0.0.1:3000")));
        taken += usize::from(RedirectUri::parse(&text, &rules).is_ok());
    }
    assert!(ours > 100 && taken > 50, "{ours} are ours, {taken} are taken");
}
