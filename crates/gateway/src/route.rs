//! Which of the gateway's own things a request is for.

use core::convert::Infallible;

use gatehouse_configuration::gateway::Configuration;
use gatehouse_configuration::{LEGACY_MESSAGE, LEGACY_SSE, Route as ConfiguredRoute};
use gatehouse_protocol::OwnPath;
use http::{Method, Uri};

use crate::endpoint::{EndpointLocation, WELL_KNOWN};
use crate::{Endpoint, EndpointKind};

/// A question about this instance, which anybody may ask. It is answered before any route is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe<'a> {
    /// `/healthz`: whether this instance could serve, the one question that must be answered without a configuration.
    Health,
    /// `/readyz`: whether this instance can serve anything now.
    Readiness,
    /// `/readyz` with a route's path behind it, which this is: whether the route can be used.
    RouteReadiness(&'a str),
}

impl<'a> Probe<'a> {
    /// The question that is at `target`, if it is one.
    pub fn of(target: &'a Uri) -> Option<Self> {
        if target.authority().is_some() {
            return None;
        }
        if target.path() == OwnPath::Health.as_str() {
            return Some(Self::Health);
        }
        match target.path().strip_prefix(OwnPath::Readiness.as_str())? {
            "" => Some(Self::Readiness),
            path => (path.starts_with('/') && path != "/").then_some(Self::RouteReadiness(path)),
        }
    }

    /// Whether this method asks it; another one is answered with 405.
    pub fn is_asked_by(method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD)
    }
}

/// What a request is for.
#[derive(Clone, Debug)]
pub enum Route {
    /// The protected resource metadata of an endpoint.
    ProtectedResource(Box<Found>),
    /// An MCP endpoint.
    Mcp(Box<Found>),
    /// Not the gateway's: the next component answers, be it only with 404.
    Elsewhere,
}

/// The route of an endpoint, and which of the route's endpoints it is.
#[derive(Clone, Debug)]
pub struct Found {
    route: ConfiguredRoute,
    kind: EndpointKind,
    location: EndpointLocation,
}

/// Where the configured routes are looked up. Each look costs something; what needs none does not look.
pub trait Routes {
    /// Why nothing can be looked up.
    type Error;

    /// The route at this path, compared byte by byte.
    ///
    /// # Errors
    /// Where the configuration cannot be read.
    fn at(&self, path: &str) -> Result<Option<ConfiguredRoute>, Self::Error>;

    /// The route, where there is exactly one.
    ///
    /// # Errors
    /// Where the configuration cannot be read.
    fn only(&self) -> Result<Option<ConfiguredRoute>, Self::Error>;
}

/// A whole document, where it is at hand.
impl Routes for gatehouse_configuration::Configuration {
    type Error = Infallible;

    fn at(&self, path: &str) -> Result<Option<ConfiguredRoute>, Infallible> {
        Ok(self.routes.iter().find(|route| route.path.as_str() == path).cloned())
    }

    fn only(&self) -> Result<Option<ConfiguredRoute>, Infallible> {
        Ok(self.routes.first().filter(|_| self.routes.len() == 1).cloned())
    }
}

impl Found {
    /// The endpoint, under `configuration`.
    pub fn endpoint<'a>(&'a self, configuration: &'a Configuration) -> Endpoint<'a> {
        Endpoint { configuration, route: &self.route, kind: self.kind, location: self.location }
    }

    fn of_route(route: ConfiguredRoute) -> Self {
        Self { kind: EndpointKind::of(&route), route, location: EndpointLocation::Route }
    }

    /// What is found at a path of the older transport, where the route offers it.
    fn legacy(route: ConfiguredRoute, kind: EndpointKind, location: EndpointLocation) -> Option<Self> {
        route.legacy_sse.then_some(Self { route, kind, location })
    }
}

/// Finds the route of `target`, the request's path and query.
///
/// Paths are compared byte by byte, and nothing is decoded or normalised first: `//mcp`, `/%6dcp`, `/a/../mcp` and `/MCP` are
/// not `/mcp`, so no other component can read a path differently from how it was checked here. Only `/mcp/` is: one slash at
/// the end of a route's path is the route.
///
/// # Errors
/// Where the configuration is needed and cannot be read.
pub fn route<R: Routes>(routes: &R, target: &Uri) -> Result<Route, R::Error> {
    if target.authority().is_some() {
        return Ok(Route::Elsewhere);
    }
    let path = target.path();
    if let Some(rest) = path.strip_prefix(WELL_KNOWN) {
        let described = described(routes, rest)?;
        return Ok(described.map_or(Route::Elsewhere, |found| Route::ProtectedResource(Box::new(found))));
    }
    Ok(found(routes, path)?.map_or(Route::Elsewhere, |found| Route::Mcp(Box::new(found))))
}

/// The endpoint at this path.
pub(crate) fn found<R: Routes>(routes: &R, path: &str) -> Result<Option<Found>, R::Error> {
    const KINDS: [(&str, EndpointKind); 2] =
        [(LEGACY_SSE, EndpointKind::LegacyEvents), (LEGACY_MESSAGE, EndpointKind::LegacyMessages)];
    if let Some((_, kind)) = KINDS.iter().find(|(own, _)| *own == path) {
        return Ok(routes.only()?.and_then(|only| Found::legacy(only, *kind, EndpointLocation::Root)));
    }
    if OwnPath::reserves(path) {
        return Ok(None);
    }
    if let Some(route) = routes.at(path)? {
        return Ok(Some(Found::of_route(route)));
    }
    for (behind, kind) in KINDS {
        if let Some(base) = path.strip_suffix(behind) {
            return Ok(routes.at(base)?.and_then(|route| Found::legacy(route, kind, EndpointLocation::BehindRoute)));
        }
    }
    // What people write behind a path, and what frameworks of servers redirect to.
    match path.strip_suffix('/') {
        Some(base) if !base.is_empty() => Ok(routes.at(base)?.map(Found::of_route)),
        Some(_) | None => Ok(None),
    }
}

/// The endpoint whose metadata is at the well-known path followed by `rest`. Without a path that is the only route; where
/// there are several, no document could name the resource that the client meant. Nobody is told to call the place where
/// messages of the older transport go, so that is no resource; nor is a route that takes no tokens: its metadata would send
/// clients to an authorization server that cannot help them.
fn described<R: Routes>(routes: &R, rest: &str) -> Result<Option<Found>, R::Error> {
    match rest {
        "" => Ok(routes.only()?.map(Found::of_route)),
        path => Ok(found(routes, path)?.filter(|found| found.kind != EndpointKind::LegacyMessages)),
    }
    .map(|found| found.filter(|found| found.route.takes_tokens()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use gatehouse_configuration::Configuration;

    use super::*;
    use crate::example;

    fn name(configuration: &Configuration, target: &str) -> String {
        let Ok(found) = route(configuration, &target.parse().unwrap());
        match found {
            Route::ProtectedResource(found) => {
                format!("metadata {}", found.endpoint(&configuration.gateway).called())
            }
            Route::Mcp(found) => format!("mcp {} {:?}", found.route.path, found.kind),
            Route::Elsewhere => "elsewhere".to_owned(),
        }
    }

    /// A configuration that nobody may look at.
    struct Unreadable;

    impl Routes for Unreadable {
        type Error = ();

        fn at(&self, _: &str) -> Result<Option<ConfiguredRoute>, ()> {
            Err(())
        }

        fn only(&self) -> Result<Option<ConfiguredRoute>, ()> {
            Err(())
        }
    }

    #[test]
    fn what_is_never_a_route_needs_no_configuration() {
        let found = |target: &str| route(&Unreadable, &target.parse().unwrap());
        for elsewhere in [
            "/healthz",
            "/authorize?a=b",
            "/token",
            "/token/x",
            "/sessions",
            "/readyz",
            "/.well-known/oauth-authorization-server",
            "/.well-known/oauth-authorization-server/mcp",
            "/.well-known/oauth-protected-resource/.well-known/x",
            "/.well-known/oauth-protected-resource/token",
            "http://elsewhere.example/mcp",
        ] {
            assert!(matches!(found(elsewhere), Ok(Route::Elsewhere)), "{elsewhere}");
        }
        for needed in ["/mcp", "/", "/sse", "/message", "/tokens", "/.well-known/oauth-protected-resource"] {
            assert!(found(needed).is_err(), "{needed}");
        }
    }

    #[test]
    fn every_path_of_the_gateway_is_found_with_any_query() {
        let configuration = example::configuration();
        for (target, expected) in [
            ("/mcp", "mcp /mcp Streamable"),
            ("/mcp?a=/team/files.v2", "mcp /mcp Streamable"),
            ("/mcp/", "mcp /mcp Streamable"),
            ("/mcp/?a", "mcp /mcp Streamable"),
            ("/.well-known/oauth-protected-resource/mcp/", "metadata https://gateway.example/mcp"),
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
    fn probes_are_at_their_own_paths() {
        let probe = |target: &str| {
            let target: Uri = target.parse().unwrap();
            Probe::of(&target).map(|probe| format!("{probe:?}"))
        };
        assert_eq!(probe("/healthz?x").unwrap(), "Health");
        assert_eq!(probe("/readyz").unwrap(), "Readiness");
        assert_eq!(probe("/readyz/mcp?x").unwrap(), r#"RouteReadiness("/mcp")"#);
        assert_eq!(probe("/readyz/a/b").unwrap(), r#"RouteReadiness("/a/b")"#);
        for target in [
            "/",
            "/healthz/",
            "//healthz",
            "/HEALTHZ",
            "/readyz/",
            "/readyzmcp",
            "/healthz/mcp",
            "http://evil.example/healthz",
            "http://evil.example/readyz/mcp",
            "/mcp",
        ] {
            assert_eq!(probe(target), None, "{target}");
        }
        assert!(Probe::is_asked_by(&Method::HEAD) && !Probe::is_asked_by(&Method::POST));
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
    fn a_route_that_takes_no_tokens_has_no_metadata() {
        let (keys, both) = (example::with_keys(false), example::with_keys(true));
        let target = "/.well-known/oauth-protected-resource/mcp";
        assert_eq!((name(&keys, target).as_str(), name(&keys, "/mcp").as_str()), ("elsewhere", "mcp /mcp Streamable"));
        assert_eq!(name(&both, target), "metadata https://gateway.example/mcp");
    }

    #[test]
    fn other_spellings_of_a_path_are_other_paths() {
        let configuration = example::one_upstream();
        for target in [
            "/",
            "//mcp",
            "//mcp/",
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
            "/mcp/message/",
            "/mcp/./",
            "/mcp/../",
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
        fn only_the_exact_path_or_one_slash_more_reaches_an_upstream(path in VARIANTS) {
            let configuration = example::one_upstream();
            let target: Uri = path.parse().unwrap();
            let exact = ["/mcp", "/mcp/", "/mcp/sse", "/mcp/message"].contains(&path.as_str());
            prop_assert_eq!(matches!(route(&configuration, &target), Ok(Route::Mcp(_))), exact);
        }

        #[test]
        fn no_path_at_all_is_taken_for_another(path in "/[!-~]{0,12}") {
            let configuration = example::one_upstream();
            let Ok(target) = path.parse::<Uri>() else { return Ok(()) };
            let spelled = path.split(['?', '#']).next().unwrap();
            let spelled = ["/mcp", "/mcp/", "/mcp/sse", "/mcp/message", "/sse", "/message"].contains(&spelled);
            prop_assert_eq!(matches!(route(&configuration, &target), Ok(Route::Mcp(_))), spelled);
        }
    }
}
