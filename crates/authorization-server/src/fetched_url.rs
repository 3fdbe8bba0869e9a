//! URLs that strangers name and that we fetch.
//!
//! Such a fetch is a request in our name (server-side request forgery): only https, and only named public hosts.
//! Addresses are refused altogether, in every spelling, so that there is no list of ranges to forget one in. So is every
//! host that the operator has named: we are allowed to connect there for other reasons, wherever that is. What a name
//! resolves to is the host's to judge; a component cannot see it (`docs/security.md`).

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::is_loopback_host;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Uri};
use url::{Host, Url};

/// Last parts of names that are no public hosts: the special-use names (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC
/// 9476), those that ICANN has set aside, and those in use on private networks and in clusters.
const PRIVATE_SUFFIXES: [&str; 19] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "svc",
    "test",
    "workgroup",
    "wpad",
];

/// A URL that may be fetched although a stranger named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedUrl {
    text: String,
    url: Url,
}

impl FetchedUrl {
    /// The URL, where it may be fetched: https, with a path, of a named public host that the configuration does not name,
    /// and written as it is read, so that no two parsers can read it differently.
    ///
    /// Where we are ourselves reached by plain http on this machine (`public_url`), the documents of the clients under
    /// test are, too: `127.0.0.1:PORT` and `localhost:PORT` are then allowed, by http and by https. The specifications
    /// want https, and the MCP SDKs insist on it; nothing else than a loopback `public_url` opens this.
    pub fn parse(text: &str, configuration: &Configuration) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let written_plainly = url.as_str() == text && url.path() != "/" && !text.contains('\\');
        let bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        let is_under_test = configuration.public_url.is_plain_http()
            && url.port().is_some()
            && matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
        let allowed = match url.scheme() {
            "https" => is_under_test || matches!(url.host(), Some(Host::Domain(name)) if is_public_name(name)),
            "http" => is_under_test,
            _ => false,
        };
        // A request is made of it by another parser, which knows fewer characters in a host.
        let read_alike = text.parse::<Uri>().is_ok_and(|uri| uri.host() == url.host_str());
        let fetched =
            (allowed && written_plainly && bare && read_alike).then(|| Self { text: text.to_owned(), url })?;
        let is_ours = configuration.configured_urls().iter().any(|own| fetched.shares_host_with(own));
        (!is_ours).then_some(fetched)
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a request to `other` goes to the same host, in whatever spelling and to whatever port. On loopback, where
    /// all of a development set-up is on one host, the port decides, and every name of this machine is the same.
    pub fn shares_host_with(&self, other: &str) -> bool {
        let Ok(other) = Url::parse(other) else { return false };
        if is_this_machine(&self.url) {
            return is_this_machine(&other) && self.url.port_or_known_default() == other.port_or_known_default();
        }
        // A name with a dot at the end is the same host in another spelling. Of this URL there is none.
        let name = other.host_str().map(|name| name.trim_end_matches('.'));
        name.is_some() && name == self.url.host_str()
    }
}

/// The host and port by which fetches from `url` are counted: what fails at one port says nothing of the server at
/// another, and whoever names a URL chooses the port.
pub(crate) fn counted_host(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Loopback, by address or by name, or the address that stands for it (`0.0.0.0`).
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_unspecified() || is_loopback_host(&Host::<&str>::Ipv4(address)),
        Some(Host::Ipv6(address)) => {
            let mapped = address.to_ipv4_mapped().is_some_and(|address| address.is_loopback());
            mapped || address.is_unspecified() || is_loopback_host(&Host::<&str>::Ipv6(address))
        }
        None => false,
    }
}

/// The request for JSON at `url`. Redirects must not be followed.
pub(crate) fn json_request(url: &str) -> Request<Vec<u8>> {
    let mut request = Request::new(Vec::new());
    if let Ok(uri) = url.parse() {
        *request.uri_mut() = uri;
    }
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// Whether a name is that of a public host: it has several labels, and the last one is not kept for private use.
fn is_public_name(name: &str) -> bool {
    // A name with a dot at the end is the same host in another spelling.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.contains('.') && !last.is_empty() && !PRIVATE_SUFFIXES.contains(&last)
}

#[cfg(test)]
mod tests {
    use gatehouse_protocol::WebOrigin;
    use proptest::prelude::*;

    use super::*;
    use crate::example::{configuration, configuration_with};

    fn at(public_url: &str) -> Configuration {
        Configuration { public_url: WebOrigin::parse(public_url).unwrap(), ..configuration() }
    }

    fn public() -> Configuration {
        at("https://gateway.example.net")
    }

    fn development() -> Configuration {
        at("http://127.0.0.1:3000")
    }

    #[test]
    fn plain_https_urls_of_public_hosts_may_be_fetched() {
        for good in [
            "https://client.example.com/oauth/metadata.json",
            "https://client.example.com:8443/a",
            "https://xn--bcher-kva.example.com/a?b=c",
            "https://local.example.com/a",
        ] {
            assert_eq!(FetchedUrl::parse(good, &public()).unwrap().as_str(), good);
            assert_eq!(json_request(good).uri(), good);
        }
    }

    #[test]
    fn no_address_and_no_private_name_is_fetched_in_any_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "2130706433",
            "127.0.0.1.",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.168.0.1",
            "8.8.8.8",
            "[::]",
            "[::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2606:4700::1111]",
            "\u{2460}\u{2461}\u{2466}.0.0.1",
            "localhost",
            "localhost.",
            "x.localhost",
            "LOCALHOST",
            "metadata",
            "metadata.google.internal",
            "printer.local",
            "router.home.arpa",
            "10.in-addr.arpa",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "client.example.com.",
            "client..",
            ".",
            "",
        ] {
            for port in ["", ":443", ":8443"] {
                let url = format!("https://{host}{port}/a");
                assert_eq!(FetchedUrl::parse(&url, &public()), None, "{url}");
                let is_under_test = ["https://127.0.0.1:8443/a", "https://localhost:8443/a"].contains(&url.as_str());
                assert_eq!(FetchedUrl::parse(&url, &development()).is_some(), is_under_test, "{url}");
            }
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_not_fetched() {
        for bad in [
            "https://client.example.com",
            "https://client.example.com/",
            "http://client.example.com/a",
            "https://client.example.com/a#b",
            "https://client.example.com/a#",
            "https://u@client.example.com/a",
            "https://u:p@client.example.com/a",
            "https://@client.example.com/a",
            "https://client.example.com/a/../b",
            "https://client.example.com/a/%2e%2e/b",
            "https://client.example.com/./a",
            "https://CLIENT.example.com/a",
            "https://client.example.com:443/a",
            "https://client.example.com\\a/b",
            "https:client.example.com/a",
            "https://client}.example.com/a",
            "https://client~{x}.example.com/a",
            "https:/client.example.com/a",
            "https:///client.example.com/a",
            " https://client.example.com/a",
            "https://client.example.com/a\t",
            "HTTPS://client.example.com/a",
            "ftp://client.example.com/a",
            "file:///etc/passwd",
        ] {
            assert_eq!(FetchedUrl::parse(bad, &public()), None, "{bad}");
            assert_eq!(FetchedUrl::parse(bad, &development()), None, "{bad}");
        }
    }

    #[test]
    fn only_a_server_on_loopback_itself_fetches_from_loopback() {
        for local in [
            "http://127.0.0.1:4000/client.json",
            "http://localhost:4000/client.json",
            "https://127.0.0.1:4000/client.json",
            "https://localhost:4000/client.json",
        ] {
            assert!(FetchedUrl::parse(local, &development()).is_some(), "{local}");
            for elsewhere in ["https://gateway.example", "https://localhost", "https://127.0.0.1:3000"] {
                assert_eq!(FetchedUrl::parse(local, &at(elsewhere)), None, "{elsewhere}");
            }
        }
        for bad in [
            "http://127.0.0.1/client.json",
            "http://127.0.0.1:80/client.json",
            "http://127.0.0.2:4000/client.json",
            "http://127.1:4000/client.json",
            "http://[::1]:4000/client.json",
            "http://x.localhost:4000/client.json",
            "http://10.0.0.1:4000/client.json",
            "http://localhost:4000/",
            "http://u@localhost:4000/a",
            "https://localhost/client.json",
            "https://localhost:443/client.json",
            "https://127.0.0.2:4000/client.json",
            "https://[::1]:4000/client.json",
            "https://x.localhost:4000/client.json",
            "https://localhost:4000/",
            "https://u@localhost:4000/a",
            "ftp://localhost:4000/a",
        ] {
            assert_eq!(FetchedUrl::parse(bad, &development()), None, "{bad}");
        }
    }

    /// A stranger names a URL; we may connect to what the operator names, wherever it is.
    #[test]
    fn no_host_that_the_operator_names_is_fetched_from_at_any_port() {
        let mut configuration = public();
        let upstream = |url: &str| configuration_with("http://10.0.0.7:8080/mcp", url);
        for own in [
            "https://inside.example.com/mcp",
            "http://inside.example.com:8080/mcp",
            "https://INSIDE.Example.COM/mcp",
            "https://inside.example.com./mcp",
        ] {
            for url in ["https://inside.example.com/a", "https://inside.example.com:8443/a?b=c"] {
                assert_eq!(FetchedUrl::parse(url, &upstream(own)), None, "{own} {url}");
            }
            for url in ["https://x.inside.example.com/a", "https://example.com/a", "https://inside.example.com.org/a"] {
                assert!(FetchedUrl::parse(url, &upstream(own)).is_some(), "{own} {url}");
            }
        }
        assert_eq!(FetchedUrl::parse("https://gateway.example.net/healthz", &configuration), None, "ourselves");
        configuration.identity_providers[0].issuer = "https://b\u{fc}cher.example.com/realm".to_owned();
        assert_eq!(FetchedUrl::parse("https://xn--bcher-kva.example.com/a", &configuration), None, "a unicode name");
    }

    #[test]
    fn on_loopback_the_port_decides_and_every_name_of_this_machine_is_the_same() {
        for own in [
            "http://127.0.0.1:7402/mcp",
            "http://localhost:7402/mcp",
            "http://[::1]:7402/mcp",
            "http://127.0.0.2:7402/mcp",
            "http://0.0.0.0:7402/mcp",
            "http://x.localhost:7402/mcp",
        ] {
            let document = configuration_with("http://10.0.0.7:8080/mcp", own);
            let configuration = Configuration { public_url: development().public_url, ..document };
            for url in ["http://127.0.0.1:7402/admin", "https://localhost:7402/admin", "http://localhost:3000/healthz"]
            {
                assert_eq!(FetchedUrl::parse(url, &configuration), None, "{own} {url}");
            }
            assert!(FetchedUrl::parse("http://127.0.0.1:7500/client.json", &configuration).is_some(), "{own}");
        }
    }

    #[test]
    fn fetches_are_counted_by_host_and_port() {
        for (url, host) in [
            ("https://client.example.com:8443/a", "client.example.com:8443"),
            ("https://client.example.com/b", "client.example.com:443"),
            ("https://client.example.com:443/b", "client.example.com:443"),
            ("http://127.0.0.1:4000/a", "127.0.0.1:4000"),
            ("http://localhost/a", "localhost:80"),
        ] {
            assert_eq!(counted_host(url), host);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_fetched_is_https_at_a_name_with_several_labels(text in "(https?://)?[ -~]{0,40}") {
            if let Some(url) = FetchedUrl::parse(&text, &public()) {
                let parsed = Url::parse(url.as_str()).unwrap();
                prop_assert_eq!(parsed.as_str(), text.as_str());
                prop_assert_eq!(parsed.scheme(), "https");
                prop_assert!(parsed.domain().unwrap().contains('.'));
            }
        }
    }
}
