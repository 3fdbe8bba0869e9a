//! `[[workloads]]`.

use std::collections::BTreeMap;

use gatehouse_protocol::{Scopes, WebOrigin};
use serde::{Deserialize, Serialize};

use super::claim_names::LONGEST as LONGEST_CLAIM_NAME;
use super::identity_provider::name;
use super::values::{scopes, unique};
use crate::authorization_server::Route;
use crate::error::problem;
use crate::{ClaimRule, ConfigurationError, Pattern, RoutePath, TokenIssuer, Workload};

/// Seconds. A token of a Kubernetes pod lives an hour, one of GitHub Actions some minutes.
const DEFAULT_LONGEST_LIFETIME: u64 = 86_400;
const SHORTEST_LONGEST_LIFETIME: u64 = 60;
const MOST_LONGEST_LIFETIME: u64 = 86_400;
const MOST_WORKLOADS: usize = 256;
const MOST_CLAIM_RULES: usize = 16;
/// They are checked for every token, and say nothing of which machine it is.
const CHECKED_ANYWAY: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

const CLAIMS: &str = r#"claims = { sub = "system:serviceaccount:agents:reporter" }"#;
const ISSUER: &str = r#"issuer = "github""#;
const ROUTES: &str = r#"routes = ["/mcp"]"#;
const SCOPES: &str = r#"scopes = ["mcp"]"#;

/// A machine that comes in with a token of its own platform, and has no secret for Gatehouse
/// ([Workloads](workloads.md)). It presents the token at `/token` with the grant
/// `urn:ietf:params:oauth:grant-type:jwt-bearer` and without client authentication.
///
/// ```toml
/// [[workloads]]
/// name = "reporter"
/// issuer = "cluster"
/// claims = { sub = "system:serviceaccount:agents:reporter" }
/// routes = ["/mcp"]
/// scopes = ["mcp"]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkloadDocument {
    /// A short id: 1 to 32 lower-case letters, digits and `-`. Policies and the log know the machine as `workload:NAME`, as its
    /// subject and as its client.
    ///
    /// Example: `"reporter"`
    name: String,
    /// The `name` of an entry of `token_issuers` whose tokens are signed.
    ///
    /// Example: `"github"`
    issuer: String,
    /// For whom a token must be, and for nobody else (`aud`). The default is `public_url`.
    ///
    /// Example: `"https://gateway.example.com"`
    audience: Option<String>,
    /// What the token must say: claims by name, each with its text; all of them must fit, case and all. `*` stands for any
    /// characters and `?` for one. A name that begins with `/` is a JSON Pointer to a member of a claim. At least one claim must have
    /// something else than `*`: every machine of the issuer would come in otherwise.
    ///
    /// Most: `MOST_CLAIM_RULES`
    /// Example: `{ repository_id = "123456789", ref = "refs/heads/main" }`
    #[serde(default)]
    claims: BTreeMap<String, String>,
    /// The paths of the routes that the machine may have tokens for. At least one is required.
    ///
    /// Example: `["/mcp"]`
    #[serde(default)]
    routes: Vec<String>,
    /// The scopes that it may have. At least one is required.
    ///
    /// Example: `["mcp"]`
    #[serde(default)]
    scopes: Vec<String>,
    /// Seconds that its tokens may live at most. Those that live longer are refused.
    ///
    /// Default: [`DEFAULT_LONGEST_LIFETIME`]
    /// Bounds: [`SHORTEST_LONGEST_LIFETIME`] to [`MOST_LONGEST_LIFETIME`]
    longest_lifetime: Option<u64>,
}

pub(super) fn check(
    workloads: Vec<WorkloadDocument>,
    public_url: &WebOrigin,
    issuers: &[TokenIssuer],
    routes: &[Route],
) -> Result<Vec<Workload>, ConfigurationError> {
    if workloads.len() > MOST_WORKLOADS {
        let text = format!("has more than {MOST_WORKLOADS} entries");
        return Err(problem("workloads", text, r#"[[workloads]] name = "reporter""#));
    }
    let each = workloads.into_iter().enumerate();
    let each =
        each.map(|(index, workload)| workload.check(&format!("workloads[{index}]"), public_url, issuers, routes));
    let checked = each.collect::<Result<Vec<_>, _>>()?;
    unique("workloads", ".name", checked.iter().map(|workload| workload.name.as_str()))?;
    Ok(checked)
}

impl WorkloadDocument {
    fn check(
        self,
        table: &str,
        public_url: &WebOrigin,
        issuers: &[TokenIssuer],
        of_routes: &[Route],
    ) -> Result<Workload, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        name(&self.name).map_err(|text| problem(key("name"), text, r#"name = "reporter""#))?;
        match issuers.iter().find(|issuer| issuer.name == self.issuer) {
            None => return Err(problem(key("issuer"), "is no name of an entry of token_issuers", ISSUER)),
            Some(issuer) if !issuer.is_signed() => {
                let text = "is an issuer that is asked about tokens: those of machines must be signed";
                return Err(problem(key("issuer"), text, ISSUER));
            }
            Some(_) => {}
        }
        let audience = self.audience.unwrap_or_else(|| public_url.to_string());
        if audience.is_empty() {
            return Err(problem(key("audience"), "is empty", r#"audience = "https://gateway.example.com""#));
        }
        let longest_lifetime = self.longest_lifetime.unwrap_or(DEFAULT_LONGEST_LIFETIME);
        if !(SHORTEST_LONGEST_LIFETIME..=MOST_LONGEST_LIFETIME).contains(&longest_lifetime) {
            let text = format!("must be {SHORTEST_LONGEST_LIFETIME} to {MOST_LONGEST_LIFETIME} seconds");
            return Err(problem(key("longest_lifetime"), text, "longest_lifetime = 3600"));
        }
        let claims = rules(self.claims, &key("claims"))?;
        if self.routes.is_empty() {
            return Err(problem(key("routes"), "is empty: its tokens would be for nothing", ROUTES));
        }
        let mut routes = Vec::new();
        let mut offered = Vec::new();
        for (index, path) in self.routes.iter().enumerate() {
            let Some(route) = of_routes.iter().find(|route| route.path.as_str() == path) else {
                let text = "is no path of a route that accepts tokens of Gatehouse (own_tokens)";
                return Err(problem(format!("{}[{index}]", key("routes")), text, ROUTES));
            };
            routes.push(RoutePath::clone(&route.path));
            offered.extend(route.offered_scopes().cloned());
        }
        let scopes = scopes(key("scopes"), &self.scopes)?;
        if scopes.is_empty() {
            return Err(problem(key("scopes"), "is empty: its tokens would allow nothing", SCOPES));
        }
        let offered: Scopes = offered.into_iter().collect();
        if let Some(unknown) = scopes.iter().find(|scope| !offered.iter().any(|known| known == *scope)) {
            let text = format!("has {:?}, which none of its routes offers", unknown.as_str());
            return Err(problem(key("scopes"), text, SCOPES));
        }
        Ok(Workload { name: self.name, issuer: self.issuer, audience, claims, scopes, routes, longest_lifetime })
    }
}

fn rules(claims: BTreeMap<String, String>, key: &str) -> Result<Vec<ClaimRule>, ConfigurationError> {
    if claims.len() > MOST_CLAIM_RULES {
        return Err(problem(key, format!("has more than {MOST_CLAIM_RULES} entries"), CLAIMS));
    }
    let mut rules = Vec::new();
    for (name, text) in claims {
        let key = format!("{key}.{name}");
        let first = name.strip_prefix('/').map_or(name.as_str(), |rest| rest.split('/').next().unwrap_or_default());
        if first.is_empty() || name.len() > LONGEST_CLAIM_NAME || name.chars().any(char::is_control) {
            let text = "must be the name of a claim, or `/`, its name, and behind further `/` those of members";
            return Err(problem(key, text, CLAIMS));
        }
        if CHECKED_ANYWAY.contains(&first) {
            let text = "is checked for every token, and does not say which machine it is of";
            return Err(problem(key, text, CLAIMS));
        }
        let pattern = Pattern::parse(&text).map_err(|text| problem(key, text, CLAIMS))?;
        rules.push(ClaimRule { name, pattern });
    }
    // A rule that anything fits is no rule.
    if rules.iter().all(|rule| rule.pattern.as_str().bytes().all(|byte| matches!(byte, b'*' | b'?'))) {
        let text = "has no rule, or none but `*`: every machine of the issuer would come in";
        return Err(problem(key, text, CLAIMS));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
