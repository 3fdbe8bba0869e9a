//! `[[routes]]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{LimitsDocument, RateDocument};
use super::policy::{RuleDocument, rules};
use super::upstream::{MemberDocument, TimeoutsDocument, UpstreamKeys, members};
use super::values::{SecretDocument, scopes};
use crate::error::problem;
use crate::{ConfigurationError, Policy, Route, RoutePath, Servers, Transport};

/// One table for both kinds of route: with `url` there is one server, with `members` there are several.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteDocument {
    path: String,
    name: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    pub(super) scope_descriptions: BTreeMap<String, String>,
    url: Option<String>,
    transport: Option<String>,
    subject_header: Option<String>,
    #[serde(default)]
    secret_headers: BTreeMap<String, SecretDocument>,
    identity_provider_token_header: Option<String>,
    timeouts: Option<TimeoutsDocument>,
    #[serde(default)]
    members: Vec<MemberDocument>,
    #[serde(default)]
    policy: Vec<RuleDocument>,
    #[serde(default)]
    limits: LimitsDocument,
    #[serde(default)]
    rates: Vec<RateDocument>,
    legacy_sse: Option<bool>,
    validate_arguments: Option<bool>,
    log_arguments: Option<bool>,
}

impl RouteDocument {
    /// As it is written.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `route` is where the keys stand.
    pub(crate) fn check(self, route: &str) -> Result<Route, ConfigurationError> {
        let key = |name: &str| format!("{route}.{name}");
        let path = RoutePath::parse(&self.path).map_err(|text| problem(key("path"), text, r#"path = "/mcp""#))?;
        let requested = self.scopes.unwrap_or_else(|| vec!["mcp".to_owned()]);
        let scopes = scopes(&key("scopes"), &requested)?;
        if scopes.is_empty() {
            return Err(problem(key("scopes"), "is empty: a token must need something", r#"scopes = ["mcp"]"#));
        }
        let one = UpstreamKeys {
            url: self.url,
            transport: self.transport,
            subject_header: self.subject_header,
            secret_headers: self.secret_headers,
            identity_provider_token_header: self.identity_provider_token_header,
            timeouts: self.timeouts,
        };
        let servers = servers(route, one, self.members)?;
        let is_sse = matches!(&servers, Servers::One(upstream) if upstream.transport == Transport::Sse);
        if is_sse && self.legacy_sse == Some(false) {
            let text = "is false, where the server speaks nothing else";
            return Err(problem(key("legacy_sse"), text, "legacy_sse = true"));
        }
        if is_sse && self.validate_arguments == Some(true) {
            let text = "is true, where the server would say what its tools take on the client's own stream";
            return Err(problem(key("validate_arguments"), text, "validate_arguments = false"));
        }
        Ok(Route {
            name: self.name.unwrap_or_else(|| path.as_str().to_owned()),
            policy: Policy { rules: rules(&key("policy"), self.policy)? },
            limits: self.limits.check(&key("limits"))?,
            rates: super::limits::rates(&key("rates"), self.rates)?,
            legacy_sse: self.legacy_sse.unwrap_or(true),
            validate_arguments: self.validate_arguments.unwrap_or(false),
            log_arguments: self.log_arguments.unwrap_or(false),
            path,
            scopes,
            servers,
        })
    }
}

fn servers(route: &str, one: UpstreamKeys, several: Vec<MemberDocument>) -> Result<Servers, ConfigurationError> {
    const EXAMPLE: &str = r#"url = "https://mcp.internal.example/mcp""#;
    if several.is_empty() {
        return Ok(Servers::One(one.check(route)?));
    }
    if let Some(name) = one.given() {
        let text = "stands beside members: there, each has its own";
        return Err(problem(format!("{route}.{name}"), text, EXAMPLE));
    }
    Ok(Servers::Federated(members(route, several)?))
}

#[cfg(test)]
mod tests;
