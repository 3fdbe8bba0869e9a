//! Which names of a configuration may stand in labels of metrics: all that the operator has written there, and nothing of clients.

use std::collections::BTreeMap;

use gatehouse_configuration::{Configuration, Route, Source};
use gatehouse_protocol::OwnPath;
use gatehouse_telemetry::{Names, Peer};
use url::Url;

use crate::check::needs::{Purpose, outbound_origins};

/// Those of a configuration document, in either form; `None` where it is none, as that of another application.
pub(crate) fn of(document: &str) -> Option<Names> {
    let configuration = Source::read(document.to_owned()).and_then(|source| Configuration::of_source(&source)).ok()?;
    let tools = configuration.routes.iter().map(|route| (route.path.to_string(), route.named_tools().collect()));
    Some(Names::new(paths(&configuration), peers(&configuration), tools))
}

/// Every path that is served, but for those that hold something of a client's.
fn paths(configuration: &Configuration) -> Vec<String> {
    let own = OwnPath::ALL.iter().map(|path| path.as_str().to_owned());
    own.chain(configuration.routes.iter().flat_map(Route::served_paths)).collect()
}

/// Whom Gatehouse asks, by host and port. Who is several things is the first of them.
fn peers(configuration: &Configuration) -> BTreeMap<(String, u16), Peer> {
    let mut peers = BTreeMap::new();
    for (origin, purposes) in outbound_origins(configuration) {
        let place =
            Url::parse(&origin).ok().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
        if let (Some(place), Some(peer)) = (place, purposes.iter().map(peer).min()) {
            peers.insert(place, peer);
        }
    }
    peers
}

fn peer(purpose: &Purpose) -> Peer {
    match purpose {
        Purpose::Route(_) => Peer::Server,
        Purpose::Provider(_) | Purpose::Groups(_) | Purpose::Assertions(_) => Peer::IdentityProvider,
        Purpose::ClientKeys(_)
        | Purpose::Environments(_)
        | Purpose::Tokens(_)
        | Purpose::OpenApiDocument(_)
        | Purpose::TokenService(_)
        | Purpose::Connection(..) => Peer::Other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use super::*;

    const DOCUMENT: &str = "public_url = \"https://gateway.example\"\n[identity_provider]\nname = \"main\"\nissuer = \
                            \"https://login.example\"\nclient_id = \"gatehouse\"\n[[routes]]\npath = \"/mcp\"\nurl = \
                            \"http://10.0.0.7/mcp\"\n[[routes.policy]]\nname = \"readers\"\ntools = [\"echo\", \"read_*\"]\n";

    #[test]
    fn a_configuration_tells_its_paths_its_parties_and_its_tools_in_either_form() {
        let configuration = Configuration::of_source(&Source::read(DOCUMENT.to_owned()).unwrap()).unwrap();
        let paths = paths(&configuration);
        for path in ["/mcp", "/mcp/sse", "/token", "/readyz", "/.well-known/oauth-protected-resource/mcp"] {
            assert!(paths.iter().any(|known| known == path), "{path}: {paths:?}");
        }
        let peers = peers(&configuration);
        let expected = [("10.0.0.7", 80, Peer::Server), ("login.example", 443, Peer::IdentityProvider)];
        assert_eq!(peers, expected.map(|(host, port, peer)| ((host.to_owned(), port), peer)).into());
        for form in [DOCUMENT.to_owned(), gatehouse_configuration::compile(DOCUMENT).unwrap()] {
            let names = format!("{:?}", of(&form).unwrap());
            assert!(names.contains("\"echo\"") && !names.contains("read_"), "{names}");
        }
        assert!(of("of another application").is_none());
    }
}
