//! `backend_token` of a route with one server, and of members.

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::identity_headers::is_one;
use super::identity_provider::name;
use super::values::header_name;
use crate::error::problem;
use crate::{BackendToken, BackendTokenSource, ConfigurationError, Connection, Route, Upstream};

const HEADER: &str = r#"header = "x-backend-token""#;
const CONNECTION: &str = r#"backend_token = { connection = "github" }"#;

/// The token with which Gatehouse calls the server. Whatever the client sent in its header is removed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackendTokenDocument {
    /// The `name` of an entry of `connections`: the server acts in the account that is linked there ([Connections](connections.md)).
    ///
    /// Example: `"github"`
    connection: String,
    /// The header in which the server gets it. In `authorization`, the value has `Bearer` in front.
    ///
    /// Default: `"authorization"`
    header: Option<String>,
}

impl BackendTokenDocument {
    pub(super) fn check(self, table: &str) -> Result<BackendToken, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        name(&self.connection).map_err(|text| problem(key("connection"), text, CONNECTION))?;
        let header = self.header.as_deref().unwrap_or("authorization");
        let header = header_name(&key("header"), header, HEADER)?;
        Ok(BackendToken { header, source: BackendTokenSource::Connection(self.connection) })
    }
}

/// The token says one thing in its header, and no other key says something there, or in the header of credentials.
pub(super) fn one_meaning(upstream: &Upstream, key: impl Fn(&str) -> String) -> Result<(), ConfigurationError> {
    let Some(token) = &upstream.backend_token else { return Ok(()) };
    let others = upstream.subject_header.iter().chain(&upstream.identity_provider_token_header);
    let others = others.chain(upstream.secret_headers.iter().map(|(name, _)| name)).cloned();
    let told = upstream.identity_headers.iter().flat_map(|headers| headers.headers());
    let others: Vec<HeaderName> = others.chain(told).collect();
    if others.iter().any(|other| is_one(other, &token.header)) {
        let text = format!("must not be {}, which another key names", token.header);
        return Err(problem(key("backend_token.header"), text, HEADER));
    }
    Ok(())
}

/// Each connection that a server's token is from is there.
pub(super) fn connections_are_there(routes: &[Route], connections: &[Connection]) -> Result<(), ConfigurationError> {
    for (index, route) in routes.iter().enumerate() {
        for token in route.upstreams().filter_map(|upstream| upstream.backend_token.as_ref()) {
            let BackendTokenSource::Connection(name) = &token.source;
            if !connections.iter().any(|connection| connection.name == *name) {
                let text = format!("names {name:?}, which is no connection: write a table [[connections]] for it");
                return Err(problem(format!("routes[{index}].backend_token.connection"), text, CONNECTION));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::tests::{MINIMAL, problem_of};
    use crate::{BackendTokenSource, Configuration};

    const CONNECTION: &str =
        "\n[[connections]]\nname = \"api\"\nclient_id = \"us\"\nissuer = \"https://api.example\"\n";

    fn document(token: &str, lines: &str) -> String {
        format!("{MINIMAL}\nbackend_token = {token}\n{lines}\n{CONNECTION}")
    }

    #[test]
    fn a_server_gets_the_token_of_a_connection_in_the_header_that_it_wants() {
        for (token, header) in [
            ("{ connection = \"api\" }", "authorization"),
            ("{ connection = \"api\", header = \"X-Api-Token\" }", "x-api-token"),
        ] {
            let configuration = Configuration::parse(&document(token, "")).unwrap();
            let upstream = configuration.routes[0].upstreams().next().unwrap();
            let token = upstream.backend_token.as_ref().unwrap();
            assert_eq!(token.header.as_str(), header);
            assert_eq!(token.source, BackendTokenSource::Connection("api".to_owned()));
        }
    }

    #[test]
    fn a_connection_that_is_not_there_and_a_header_that_says_something_else_are_refused() {
        for (token, lines, key) in [
            ("{ connection = \"other\" }", "", "routes[0].backend_token.connection"),
            ("{ connection = \"Api\" }", "", "routes[0].backend_token.connection"),
            ("{ connection = \"api\", header = \"x_functions_key\" }", "", "routes[0].backend_token.header"),
            ("{ connection = \"api\", header = \"host\" }", "", "routes[0].backend_token.header"),
            (
                "{ connection = \"api\", header = \"x-user\" }",
                "subject_header = \"x-user\"",
                "routes[0].backend_token.header",
            ),
            (
                "{ connection = \"api\" }",
                "identity_provider_token_header = \"authorization\"",
                "routes[0].backend_token.header",
            ),
        ] {
            assert_eq!(problem_of(&document(token, lines)).0, key, "{token} {lines}");
        }
    }
}
