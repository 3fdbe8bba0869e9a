//! URLs that strangers name and that we fetch.
//!
//! Such a fetch is a request in our name (server-side request forgery): only https, and only named public hosts.
//! Addresses are refused altogether, in every spelling, so that there is no list of ranges to forget one in. What a
//! name resolves to is the host's to judge; a component cannot see it (`docs/security.md`).

use gatehouse_protocol::WebOrigin;
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
pub(crate) struct FetchedUrl(String);

impl FetchedUrl {
    /// The URL, where it may be fetched: https, with a path, of a named public host, and written as it is read, so that
    /// no two parsers can read it differently.
    ///
    /// Where we are ourselves reached by plain http on this machine (`public_url`), the documents of the clients under
    /// test are, too: `127.0.0.1:PORT` and `localhost:PORT` are then allowed, by http and by https. The specifications
    /// want https, and the MCP SDKs insist on it; nothing else than a loopback `public_url` opens this.
    pub(crate) fn parse(text: &str, public_url: &WebOrigin) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let written_plainly = url.as_str() == text && url.path() != "/" && !text.contains('\\');
        let bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        let is_under_test = public_url.is_plain_http()
            && url.port().is_some()
            && matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
        let allowed = match url.scheme() {
            "https" => is_under_test || matches!(url.host(), Some(Host::Domain(name)) if is_public_name(name)),
            "http" => is_under_test,
            _ => false,
        };
        // A request is made of it by another parser, which knows fewer characters in a host.
        let read_alike = text.parse::<Uri>().is_ok_and(|uri| uri.host() == url.host_str());
        (allowed && written_plainly && bare && read_alike).then(|| Self(text.to_owned()))
    }

    /// The URL as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
    use proptest::prelude::*;

    use super::*;

    fn public() -> WebOrigin {
        WebOrigin::parse("https://gateway.example").unwrap()
    }

    fn development() -> WebOrigin {
        WebOrigin::parse("http://127.0.0.1:3000").unwrap()
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
                assert_eq!(FetchedUrl::parse(local, &WebOrigin::parse(elsewhere).unwrap()), None, "{elsewhere}");
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
