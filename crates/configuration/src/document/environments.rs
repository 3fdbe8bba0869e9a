//! `routes[].environments`.

use http::Uri;
use serde::{Deserialize, Serialize};

use super::values::secret_name;
use crate::error::problem;
use crate::{ConfigurationError, Route, RoutePath, SandboxEnvironments};

const URL: &str = r#"url = "http://127.0.0.1:3010/environments""#;

/// The environments of a sandbox behind the route ([sandboxes.md](sandboxes.md#administrators)). Operators see them on
/// [the administrator's page](admin.md), and end them there.
///
/// ```toml
/// [routes.environments]
/// url = "http://127.0.0.1:3010/environments"
/// secret = "sandbox_administration"
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentsDocument {
    /// Where the sandbox tells its environments. `allowed_outbound_hosts` in `spin.toml` must allow it.
    ///
    /// Example: `"http://127.0.0.1:3010/environments"`
    url: String,
    /// The name of the variable that holds what the sandbox has as its `administration_secret`.
    ///
    /// Example: `"sandbox_administration"`
    secret: String,
}

impl EnvironmentsDocument {
    /// `table` is where the keys stand.
    pub(super) fn check(self, table: &str) -> Result<SandboxEnvironments, ConfigurationError> {
        let is_whole = |url: &Uri| {
            let authority = url.authority().map_or("", |authority| authority.as_str());
            let has_one_host = !authority.is_empty() && !authority.contains(['@', '*']);
            let is_plain = url.query().is_none() && !url.path().ends_with('/') && !self.url.contains('#');
            matches!(url.scheme_str(), Some("http" | "https")) && has_one_host && is_plain
        };
        let url = self.url.parse().ok().filter(is_whole).ok_or_else(|| {
            let text = "is not an http(s) URL with one host and a path, without a user, a query and a slash at its end";
            problem(format!("{table}.url"), text, URL)
        })?;
        Ok(SandboxEnvironments { url, secret: secret_name(table, &self.secret)? })
    }
}

/// The environments of a route, as the authorization server reads them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteEnvironmentsDocument {
    route: String,
    url: String,
    secret: String,
}

impl RouteEnvironmentsDocument {
    /// Those of a route, if it has some.
    pub(super) fn of(route: &Route) -> Option<Self> {
        let SandboxEnvironments { url, secret } = route.environments.as_deref()?;
        Some(Self { route: route.path.to_string(), url: url.to_string(), secret: secret.as_str().to_owned() })
    }

    pub(super) fn check(self) -> Result<(RoutePath, SandboxEnvironments), ConfigurationError> {
        let path = RoutePath::parse(&self.route).map_err(|text| problem("routes.path", text, r#"path = "/mcp""#))?;
        let environments = EnvironmentsDocument { url: self.url, secret: self.secret };
        Ok((path, environments.check("routes.environments")?))
    }
}

#[cfg(test)]
mod tests {
    use crate::Configuration;
    use crate::tests::{MINIMAL, problem_of};

    fn with(keys: &str) -> String {
        format!("{MINIMAL}\n[routes.environments]\n{keys}")
    }

    const SECRET: &str = "secret = \"sandbox_administration\"";

    #[test]
    fn a_route_says_where_its_environments_are_and_nobody_else_makes_us_talk_to_that_place() {
        let url = "http://127.0.0.1:3010/environments";
        let configuration = Configuration::parse(&with(&format!("url = \"{url}\"\n{SECRET}"))).unwrap();
        let environments = configuration.routes[0].environments.as_deref().unwrap();
        assert_eq!(
            (environments.url.to_string().as_str(), environments.secret.as_str()),
            (url, "sandbox_administration")
        );
        let server = &configuration.authorization_server;
        assert_eq!(server.environments, [(configuration.routes[0].path.clone(), environments.clone())]);
        assert!(server.configured_urls().iter().any(|configured| configured == url));
        assert!(Configuration::parse(MINIMAL).unwrap().authorization_server.environments.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for url in [
            "",
            "127.0.0.1:3010/environments",
            "ftp://a.example/environments",
            "http://user@a.example/environments",
            "http://*.example/environments",
            "http://a.example",
            "http://a.example/environments/",
            "http://a.example/environments?a",
            "http://a.example/environments#a",
        ] {
            let (refused, _) = problem_of(&with(&format!("url = \"{url}\"\n{SECRET}")));
            assert_eq!(refused, "routes[0].environments.url", "{url}");
        }
        let (refused, _) = problem_of(&with("url = \"http://a.example/e\"\nsecret = \"A-B\""));
        assert_eq!(refused, "routes[0].environments.secret");
        let (refused, _) = problem_of(&with("url = \"http://a.example/e\""));
        assert!(refused.starts_with("routes[0].environments"), "{refused}");
    }
}
