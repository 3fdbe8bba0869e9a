//! Which of the gateway's own things a request is for.

use gatehouse_configuration::{self as configuration, Configuration};
use http::Uri;

use crate::Endpoint;
use crate::endpoint::WELL_KNOWN;

const HEALTH: &str = "/healthz";

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
        target.authority().is_none() && target.path() == HEALTH
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
    if let Some(route) = at(configuration, path) {
        return Route::Mcp(Endpoint { configuration, route });
    }
    match path.strip_prefix(WELL_KNOWN).and_then(|rest| described(configuration, rest)) {
        Some(route) => Route::ProtectedResource(Endpoint { configuration, route }),
        None => Route::Elsewhere,
    }
}

/// The upstream whose metadata is at the well-known path followed by `rest`. Without a path that is the only upstream;
/// where there are several, no document could name the resource that the client meant.
fn described<'a>(configuration: &'a Configuration, rest: &str) -> Option<&'a configuration::Route> {
    match (rest, configuration.routes.as_slice()) {
        ("", [only]) => Some(only),
        _ => at(configuration, rest),
    }
}

fn at<'a>(configuration: &'a Configuration, path: &str) -> Option<&'a configuration::Route> {
    configuration.routes.iter().find(|route| route.path.as_str() == path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    fn name(configuration: &Configuration, target: &str) -> String {
        match route(configuration, &target.parse().unwrap()) {
            Route::Health => "health".to_owned(),
            Route::ProtectedResource(endpoint) => format!("metadata {}", endpoint.path()),
            Route::Mcp(endpoint) => format!("mcp {}", endpoint.path()),
            Route::Elsewhere => "elsewhere".to_owned(),
        }
    }

    #[test]
    fn every_path_of_the_gateway_is_found_with_any_query() {
        let configuration = example::configuration();
        for (target, expected) in [
            ("/healthz", "health"),
            ("/healthz?x", "health"),
            ("/mcp", "mcp /mcp"),
            ("/mcp?a=/team/files.v2", "mcp /mcp"),
            ("/team/files.v2", "mcp /team/files.v2"),
            ("/.well-known/oauth-protected-resource/mcp", "metadata /mcp"),
            ("/.well-known/oauth-protected-resource/team/files.v2?x", "metadata /team/files.v2"),
        ] {
            assert_eq!(name(&configuration, target), expected, "{target}");
        }
    }

    #[test]
    fn the_metadata_at_the_root_exists_where_there_is_exactly_one_upstream() {
        let root = "/.well-known/oauth-protected-resource";
        assert_eq!(name(&example::one_upstream(), root), "metadata /mcp");
        assert_eq!(name(&example::configuration(), root), "elsewhere");
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
                            (/|//|%2f|%2F|/\\.|;|;v=1|\\.|%20|%00)?";

    proptest! {
        #[test]
        fn only_the_exact_path_reaches_an_upstream(path in VARIANTS) {
            let configuration = example::one_upstream();
            let target: Uri = path.parse().unwrap();
            prop_assert_eq!(matches!(route(&configuration, &target), Route::Mcp(_)), path == "/mcp");
        }

        #[test]
        fn no_path_at_all_is_taken_for_another(path in "/[!-~]{0,12}") {
            let configuration = example::one_upstream();
            let Ok(target) = path.parse::<Uri>() else { return Ok(()) };
            let spelled = path.split(['?', '#']).next() == Some("/mcp");
            prop_assert_eq!(matches!(route(&configuration, &target), Route::Mcp(_)), spelled);
        }
    }
}
