//! Which of the gateway's own things a request is for.

use gatehouse_configuration::Configuration;
use gatehouse_protocol::OwnPath;
use http::Uri;

use crate::endpoint::WELL_KNOWN;
use crate::{Endpoint, EndpointKind};

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub enum Route<'a> {
    /// `/healthz`.
    Health,
    /// The protected resource metadata of an endpoint.
    ProtectedResource(Endpoint<'a>),
    /// An MCP endpoint.
    Mcp(Endpoint<'a>),
    /// Not the gateway's: the next component answers, be it only with 404.
    Elsewhere,
}

impl Route<'_> {
    /// Whether this is the health check, the one route that must answer without a configuration.
    pub fn is_health(target: &Uri) -> bool {
        target.authority().is_none() && target.path() == OwnPath::Health.as_str()
    }
}

/// Finds the route of `target`, the request's path and query.
///
/// Paths are compared byte by byte, and nothing is decoded or normalised first: `//mcp`, `/%6dcp`, `/a/../mcp`, `/MCP`
/// and `/mcp/` are not `/mcp`, so no other component can read a path differently from how it was checked here.
pub fn route<'a>(configuration: &'a Configuration, target: &Uri) -> Route<'a> {
    if target.authority().is_some() {
        return Route::Elsewhere;
    }
    if Route::is_health(target) {
        return Route::Health;
    }
    let path = target.path();
    if let Some(endpoint) = Endpoint::at(configuration, path) {
        return Route::Mcp(endpoint);
    }
    match path.strip_prefix(WELL_KNOWN).and_then(|rest| described(configuration, rest)) {
        Some(endpoint) => Route::ProtectedResource(endpoint),
        None => Route::Elsewhere,
    }
}

/// The endpoint whose metadata is at the well-known path followed by `rest`. Without a path that is the only route; where
/// there are several, no document could name the resource that the client meant. Nobody is told to call the place where
/// messages of the older transport go, so that is no resource.
fn described<'a>(configuration: &'a Configuration, rest: &str) -> Option<Endpoint<'a>> {
    match (rest, configuration.routes.as_slice()) {
        ("", [only]) => Some(Endpoint::of_route(configuration, only)),
        _ => Endpoint::at(configuration, rest).filter(|endpoint| endpoint.kind != EndpointKind::LegacyMessages),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    fn name(configuration: &Configuration, target: &str) -> String {
        match route(configuration, &target.parse().unwrap()) {
            Route::Health => "health".to_owned(),
            Route::ProtectedResource(endpoint) => format!("metadata {}", endpoint.called()),
            Route::Mcp(endpoint) => format!("mcp {} {:?}", endpoint.path(), endpoint.kind),
            Route::Elsewhere => "elsewhere".to_owned(),
        }
    }

    #[test]
    fn every_path_of_the_gateway_is_found_with_any_query() {
        let configuration = example::configuration();
        for (target, expected) in [
            ("/healthz", "health"),
            ("/healthz?x", "health"),
            ("/mcp", "mcp /mcp Streamable"),
            ("/mcp?a=/team/files.v2", "mcp /mcp Streamable"),
            ("/mcp/sse", "mcp /mcp LegacyEvents"),
            ("/mcp/message?session=x", "mcp /mcp LegacyMessages"),
            ("/team/files.v2", "mcp /team/files.v2 Streamable"),
            ("/.well-known/oauth-protected-resource/mcp", "metadata https://gateway.example/mcp"),
            ("/.well-known/oauth-protected-resource/mcp/sse", "metadata https://gateway.example/mcp/sse"),
            ("/.well-known/oauth-protected-resource/team/files.v2?x", "metadata https://gateway.example/team/files.v2"),
        ] {
            assert_eq!(name(&configuration, target), expected, "{target}");
        }
    }

    #[test]
    fn what_is_at_the_root_exists_where_there_is_exactly_one_route() {
        for (target, expected) in [
            ("/.well-known/oauth-protected-resource", "metadata https://gateway.example/mcp"),
            ("/.well-known/oauth-protected-resource/sse", "metadata https://gateway.example/sse"),
            ("/sse", "mcp /mcp LegacyEvents"),
            ("/message", "mcp /mcp LegacyMessages"),
        ] {
            assert_eq!(name(&example::one_upstream(), target), expected);
            assert_eq!(name(&example::configuration(), target), "elsewhere");
        }
    }

    #[test]
    fn the_older_transport_can_be_switched_off() {
        let off = format!("{}legacy_sse = false\n", example::ONE_UPSTREAM);
        let off = Configuration::parse(&off).unwrap();
        for target in ["/sse", "/message", "/mcp/sse", "/mcp/message"] {
            assert_eq!(name(&off, target), "elsewhere");
            assert_eq!(name(&off, &format!("/.well-known/oauth-protected-resource{target}")), "elsewhere");
        }
        assert_eq!(name(&off, "/mcp"), "mcp /mcp Streamable");
    }

    #[test]
    fn other_spellings_of_a_path_are_other_paths() {
        let configuration = example::one_upstream();
        for target in [
            "/",
            "/mcp/",
            "//mcp",
            "/mcp//",
            "/MCP",
            "/Mcp",
            "/%6dcp",
            "/mcp%2f",
            "/mcp%2F",
            "/./mcp",
            "/a/../mcp",
            "/mcp/..",
            "/mcp;a",
            "/mcp%3f",
            "/mcp%23",
            "/mcp%00",
            "/mcp.",
            "/mcp/more",
            "/mcp/sse/",
            "/mcp//sse",
            "/mcp/SSE",
            "/mcp/sse;a",
            "/mcp/sse/message",
            "/mcp/%73se",
            "/mcpsse",
            "/sse/",
            "//sse",
            "/mcp/messages",
            "/.well-known/oauth-protected-resource/message",
            "/.well-known/oauth-protected-resource/mcp/message",
            "/healthz/",
            "//healthz",
            "/HEALTHZ",
            "*",
            "http://gateway.example/mcp",
            "http://evil.example/healthz",
            "gateway.example:443",
            "/.well-known/oauth-protected-resource/",
            "/.well-known/oauth-protected-resource/other",
            "/.well-known/oauth-protected-resource//mcp",
            "/.well-known/oauth-protected-resourcemcp",
            "/.well-known/oauth-authorization-server",
            "/authorize",
            "/token",
        ] {
            assert_eq!(name(&configuration, target), "elsewhere", "{target}");
        }
    }

    const VARIANTS: &str = "(/|//|/\\./|/x/\\.\\./)([mM%]|%6d|%6D|%4d)([cC]|%63)([pP]|%70)\
                            (/sse|/message|/SSE|//sse|/|//|%2f|%2F|/\\.|;|;v=1|\\.|%20|%00)?";

    proptest! {
        #[test]
        fn only_the_exact_path_reaches_an_upstream(path in VARIANTS) {
            let configuration = example::one_upstream();
            let target: Uri = path.parse().unwrap();
            let exact = ["/mcp", "/mcp/sse", "/mcp/message"].contains(&path.as_str());
            prop_assert_eq!(matches!(route(&configuration, &target), Route::Mcp(_)), exact);
        }

        #[test]
        fn no_path_at_all_is_taken_for_another(path in "/[!-~]{0,12}") {
            let configuration = example::one_upstream();
            let Ok(target) = path.parse::<Uri>() else { return Ok(()) };
            let spelled = path.split(['?', '#']).next().unwrap();
            let spelled = ["/mcp", "/mcp/sse", "/mcp/message", "/sse", "/message"].contains(&spelled);
            prop_assert_eq!(matches!(route(&configuration, &target), Route::Mcp(_)), spelled);
        }
    }
}
