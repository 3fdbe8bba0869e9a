//! `[trusted_proxies]`, `[networks]` and `routes[].networks`.

use serde::{Deserialize, Serialize};

use crate::error::problem;
use crate::{AddressRange, ConfigurationError, ForwardingHeader, Networks, TrustedProxies};

/// More than any operator writes by hand; each request is held against all of them.
const MOST_RANGES: usize = 1_000;
const MOST_HOPS: u8 = 16;
const RANGE: &str = r#"allow = ["192.0.2.0/24", "2001:db8::/32"]"#;

/// The proxies in front of Gatehouse. Without this table, a client's address is that of its connection, and no header changes
/// it ([networks.md](networks.md#behind-a-proxy)).
///
/// ```toml
/// [trusted_proxies]
/// ranges = ["10.0.0.0/8"]
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustedProxiesDocument {
    /// The addresses of the proxies, as ranges. If a connection comes from one of them, the client's address is the last one in
    /// the header that is not a proxy's. From everybody else, the header is ignored.
    ///
    /// Most: `MOST_RANGES`
    /// Example: `["10.0.0.0/8"]`
    #[serde(default)]
    ranges: Vec<String>,
    /// How many proxies every request comes through. The client's address is then this entry of the header, counted from its
    /// end. Only where nobody can reach Gatehouse past the proxies. With `ranges`, the connection must come from one of them as well.
    ///
    /// Default: not counted
    /// Bounds: 1 to [`MOST_HOPS`]
    hops: Option<u8>,
    /// The header in which the proxies say where a request comes from. The other one is ignored. The proxy must write it, and
    /// not only pass it on.
    ///
    /// Default: `"x-forwarded-for"`
    /// Values: `x-forwarded-for`, `forwarded`
    header: Option<String>,
}

/// From where Gatehouse's own pages, endpoints and probes may be reached. Routes have `networks` of their own.
///
/// ```toml
/// [networks]
/// pages = { allow = ["192.0.2.0/24"] }
/// probes = { allow = ["10.0.0.0/8"] }
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworksDocument {
    /// What people see in a browser: `/authorize` and what follows it, `/sessions`, `/access-token`.
    ///
    /// Example: `{ allow = ["192.0.2.0/24"] }`
    #[serde(default)]
    pub(super) pages: RangesDocument,
    /// What programs call: `/register`, `/token`, `/revoke`, `/introspect` and the authorization server's metadata.
    ///
    /// Example: `{ deny = ["203.0.113.0/24"] }`
    #[serde(default)]
    pub(super) endpoints: RangesDocument,
    /// `/healthz` and `/readyz`.
    ///
    /// Example: `{ allow = ["10.0.0.0/8"] }`
    #[serde(default)]
    pub(super) probes: RangesDocument,
}

/// Ranges of addresses, IPv4 and IPv6, as `ADDRESS/LENGTH` or one address. If any range is named, a client whose address is not known is
/// refused.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangesDocument {
    /// If there are any: only these.
    ///
    /// Most: `MOST_RANGES`
    /// Example: `["192.0.2.0/24", "2001:db8::/32"]`
    #[serde(default)]
    allow: Vec<String>,
    /// These in no case, even if a range of `allow` has them.
    ///
    /// Most: `MOST_RANGES`
    /// Example: `["203.0.113.0/24"]`
    #[serde(default)]
    deny: Vec<String>,
}

impl TrustedProxiesDocument {
    pub(super) fn check(self) -> Result<TrustedProxies, ConfigurationError> {
        let header = match self.header.as_deref() {
            None | Some("x-forwarded-for") => ForwardingHeader::XForwardedFor,
            Some("forwarded") => ForwardingHeader::Forwarded,
            Some(_) => {
                let text = "must be x-forwarded-for or forwarded";
                return Err(problem("trusted_proxies.header", text, r#"header = "forwarded""#));
            }
        };
        if self.hops.is_some_and(|hops| !(1..=MOST_HOPS).contains(&hops)) {
            return Err(problem("trusted_proxies.hops", "must be 1 to 16", "hops = 1"));
        }
        if self.header.is_some() && self.hops.is_none() && self.ranges.is_empty() {
            let text = "is given without ranges or hops: nobody is believed";
            return Err(problem("trusted_proxies.header", text, r#"ranges = ["10.0.0.0/8"]"#));
        }
        Ok(TrustedProxies { ranges: ranges("trusted_proxies", "ranges", &self.ranges)?, hops: self.hops, header })
    }
}

impl RangesDocument {
    /// `table` is where the keys stand.
    pub(super) fn check(self, table: &str) -> Result<Networks, ConfigurationError> {
        Ok(Networks { allow: ranges(table, "allow", &self.allow)?, deny: ranges(table, "deny", &self.deny)? })
    }
}

fn ranges(table: &str, name: &str, texts: &[String]) -> Result<Vec<AddressRange>, ConfigurationError> {
    if texts.len() > MOST_RANGES {
        return Err(problem(format!("{table}.{name}"), "has more than 1000 ranges", RANGE));
    }
    let range = |(index, text): (usize, &String)| {
        AddressRange::parse(text).map_err(|said| problem(format!("{table}.{name}[{index}]"), said, RANGE))
    };
    texts.iter().enumerate().map(range).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Configuration, ForwardingHeader};

    fn document(top: &str, route: &str) -> String {
        format!(
            r#"
            public_url = "https://gateway.example"
            {top}
            [identity_provider]
            name = "demo"
            issuer = "https://login.example"
            client_id = "gatehouse"
            [[routes]]
            path = "/mcp"
            url = "http://10.0.0.7:8080/mcp"
            {route}
            "#
        )
    }

    fn refused(top: &str, route: &str) -> String {
        Configuration::parse(&document(top, route)).unwrap_err().to_string()
    }

    #[test]
    fn every_key_has_its_place_and_the_compiled_form_means_the_same() {
        let text = document(
            r#"
            log_addresses = false
            rates = [{ per = "address", requests = 60, seconds = 60 }]
            [trusted_proxies]
            ranges = ["10.0.0.0/8"]
            hops = 2
            header = "forwarded"
            [networks]
            pages = { allow = ["192.0.2.0/24"] }
            endpoints = { deny = ["203.0.113.0/24"] }
            probes = { allow = ["127.0.0.1"] }
            "#,
            r#"networks = { allow = ["2001:db8::/32"], deny = ["2001:db8:1::/48"] }
            rates = [{ per = "address", requests = 10, seconds = 1 }]"#,
        );
        let configuration = Configuration::parse(&text).unwrap();
        let (gateway, server) = (&configuration.gateway, &configuration.authorization_server);
        assert_eq!(gateway.client_addresses, server.client_addresses);
        assert!(gateway.client_addresses.are_hidden);
        assert_eq!(
            (gateway.client_addresses.proxies.hops, gateway.client_addresses.proxies.header),
            (Some(2), ForwardingHeader::Forwarded)
        );
        assert_eq!(gateway.client_addresses.proxies.ranges[0].to_string(), "10.0.0.0/8");
        assert_eq!(gateway.probes.allow[0].to_string(), "127.0.0.1/32");
        assert_eq!(server.pages.allow[0].to_string(), "192.0.2.0/24");
        assert_eq!(server.endpoints.deny[0].to_string(), "203.0.113.0/24");
        assert_eq!((server.rates.len(), configuration.routes[0].rates.len()), (1, 1));
        assert_eq!(configuration.routes[0].networks.deny[0].to_string(), "2001:db8:1::/48");
        let compiled = crate::compile(&text).unwrap();
        let read = Configuration::of_source(&crate::Source::read(compiled).unwrap()).unwrap();
        assert_eq!(read, configuration);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        for (top, route, said) in [
            (
                "",
                r#"networks = { allow = ["10.0.0.1/8"] }"#,
                "`routes[0].networks.allow[0]` has bits behind its length: write 10.0.0.0/8",
            ),
            ("[networks]\nprobes = { deny = [\"x\"] }", "", "`networks.probes.deny[0]` is not a range of addresses"),
            ("[networks]\npages = { allow = [\"x\"] }", "", "`networks.pages.allow[0]` is not a range"),
            ("[networks]\nendpoints = { allow = [\"x\"] }", "", "`networks.endpoints.allow[0]` is not a range"),
            ("[trusted_proxies]\nhops = 0", "", "`trusted_proxies.hops` must be 1 to 16"),
            (
                "[trusted_proxies]\nranges = [\"::1\"]\nheader = \"x-real-ip\"",
                "",
                "`trusted_proxies.header` must be x-forwarded-for or",
            ),
            (
                "[trusted_proxies]\nheader = \"forwarded\"",
                "",
                "`trusted_proxies.header` is given without ranges or hops",
            ),
            ("rates = [{ per = \"subject\", requests = 1, seconds = 1 }]", "", "`rates[0].per` must be address here"),
        ] {
            assert!(refused(top, route).contains(said), "{}", refused(top, route));
        }
        let many = format!("networks = {{ allow = [{}] }}", "\"::1\",".repeat(1_001));
        assert!(refused("", &many).contains("`routes[0].networks.allow` has more than 1000 ranges"));
    }
}
