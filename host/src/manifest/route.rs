//! Routes of HTTP triggers.

use std::fmt;

/// A route of a `[[trigger.http]]`: an exact path or a prefix.
///
/// Paths are compared byte by byte as they stand in the request line: nothing is decoded or normalised, so that the
/// host and the guest cannot disagree about what a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/a`: this path only.
    Exact(String),
    /// `/a/...`: `/a`, and everything below it. Holds the prefix without the trailing `/...`.
    Wildcard(String),
}

/// Why a text is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// It is not absolute.
    #[error("route {0:?} must start with `/`")]
    NoSlash(String),
    /// It has a segment that Spin reads as a parameter.
    #[error("route {0:?} uses a `:parameter` segment, which this host does not offer; use a wildcard like \"/a/...\"")]
    Parameter(String),
    /// It has a wildcard elsewhere than at its end.
    #[error("route {0:?} may have a wildcard only as the last segment, written `/...`")]
    Wildcard(String),
    /// It has a query, a fragment, white space or control characters.
    #[error("route {0:?} must be a plain path")]
    NotAPath(String),
}

impl Route {
    /// Parses a manifest's `route`.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn parse(route: &str) -> Result<Self, RouteError> {
        if !route.starts_with('/') {
            return Err(RouteError::NoSlash(route.to_owned()));
        }
        let (path, wildcard) = match route.strip_suffix("/...") {
            Some(prefix) => (prefix, true),
            None => (route, false),
        };
        if path.split('/').any(|segment| segment.starts_with(':')) {
            return Err(RouteError::Parameter(route.to_owned()));
        }
        if path.contains("...") || path.contains('*') {
            return Err(RouteError::Wildcard(route.to_owned()));
        }
        if path.contains(['?', '#']) || path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(RouteError::NotAPath(route.to_owned()));
        }
        let path = path.to_owned();
        Ok(if wildcard { Self::Wildcard(path) } else { Self::Exact(path) })
    }

    /// Whether `path` belongs to this route.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Wildcard(prefix) => {
                path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// What a wildcard stands for in `path`: Spin's `spin-path-info`. Empty for an exact route.
    pub(crate) fn path_info<'p>(&self, path: &'p str) -> &'p str {
        match self {
            Self::Exact(_) => "",
            Self::Wildcard(prefix) => path.strip_prefix(prefix.as_str()).unwrap_or_default(),
        }
    }

    /// The route without its wildcard: Spin's `spin-component-route`.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Exact(path) | Self::Wildcard(path) => path,
        }
    }

    /// Orders routes by precedence: an exact route before every wildcard, a longer wildcard before a shorter one.
    fn specificity(&self) -> (bool, usize) {
        match self {
            Self::Exact(path) => (true, path.len()),
            Self::Wildcard(prefix) => (false, prefix.len()),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Wildcard(prefix) => write!(f, "{prefix}/..."),
        }
    }
}

/// The most specific of `routes` that `path` belongs to, with what it leads to.
pub(crate) fn most_specific<'r, T>(
    routes: impl IntoIterator<Item = &'r (Route, T)>,
    path: &str,
) -> Option<&'r (Route, T)> {
    routes.into_iter().filter(|(route, _)| route.matches(path)).max_by_key(|(route, _)| route.specificity())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_route_wins_whatever_the_order() {
        let table = ["/...", "/a/...", "/a/b", "/a/b/...", "/"];
        let cases = [
            ("/", Some("/")),
            ("/x", Some("/...")),
            ("/a", Some("/a/...")),
            ("/a/", Some("/a/...")),
            ("/ab", Some("/...")),
            ("/a/b", Some("/a/b")),
            ("/a/b/", Some("/a/b/...")),
            ("/a/b/c", Some("/a/b/...")),
            ("/A/b", Some("/...")),
            ("/a%2Fb", Some("/...")),
            ("*", None),
            ("", Some("/...")),
        ];
        for reversed in [false, true] {
            let mut routes: Vec<(Route, ())> = table.iter().map(|r| (Route::parse(r).unwrap(), ())).collect();
            if reversed {
                routes.reverse();
            }
            for (path, expected) in cases {
                let found = most_specific(&routes, path).map(|(route, ())| route.to_string());
                assert_eq!(found.as_deref(), expected, "{path}");
            }
        }
    }

    #[test]
    fn an_exact_route_matches_nothing_else() {
        let routes = [(Route::parse("/a").unwrap(), ())];
        assert!(most_specific(&routes, "/a").is_some());
        for path in ["/", "/a/", "/a/b", "/ab", "//a", "/A"] {
            assert!(most_specific(&routes, path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_route_that_this_host_cannot_serve_is_refused_in_words() {
        for (route, part) in [
            ("a", "must start with `/`"),
            ("", "must start with `/`"),
            ("/users/:id", "`:parameter` segment"),
            ("/a/.../b", "only as the last segment"),
            ("/a*", "only as the last segment"),
            ("/a?b", "plain path"),
            ("/a b", "plain path"),
        ] {
            let message = Route::parse(route).unwrap_err().to_string();
            assert!(message.contains(part), "{route}: {message}");
        }
    }
}
