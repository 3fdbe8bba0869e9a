//! `tokens` of a route: tokens of other issuers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gatehouse_protocol::Scopes;
use http::HeaderName;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::claim_names::LONGEST as LONGEST_CLAIM_NAME;
use super::values::{header_name, scopes};
use crate::error::problem;
use crate::{
    AcceptedTokens, ConfigurationError, RequiredClaim, Route, RouteTokens, TokenIssuer, TokenPresentation, TokenRoute,
    TokenVerification,
};

const MOST_TOKENS: usize = 8;
const MOST_REQUIRED_CLAIMS: usize = 16;
const LONGEST_MESSAGE: usize = 200;

/// Tokens of another issuer that the route accepts ([Tokens of other issuers](external-tokens.md)).
///
/// ```toml
/// [[routes]]
/// path = "/mcp"
/// url = "https://mcp.internal.example/mcp"
/// tokens = [{ issuer = "entra", audiences = ["api://mcp"], client_application_ids = ["04b07795-8ddb-461a-bbee-02f9e1bf7b46"] }]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteTokensDocument {
    /// The `name` of an entry of `token_issuers`. A route has an issuer once.
    ///
    /// Example: `"entra"`
    issuer: String,
    /// For whom a token must be (`aud`): it must name one of these. At least one is required.
    ///
    /// Example: `["api://mcp"]`
    audiences: Vec<String>,
    /// The applications that may get tokens for their users or themselves: `azp` or `appid` of Entra's tokens, else `client_id` or
    /// `azp`. Without this key, any application may that the issuer knows.
    ///
    /// Example: `["04b07795-8ddb-461a-bbee-02f9e1bf7b46"]`
    #[serde(default)]
    client_application_ids: Vec<String>,
    /// Claims that a token must have, all of them.
    ///
    /// Most: `MOST_REQUIRED_CLAIMS`
    /// Example: `[{ name = "roles", values = ["Mcp.Admin"], match = "any" }]`
    #[serde(default)]
    required_claims: Vec<RequiredClaimDocument>,
    /// The header in which the token is.
    ///
    /// Default: `"Authorization"`
    header_name: Option<String>,
    /// The word in front of the token in the header. With an empty text, the header holds the token alone.
    ///
    /// Default: `"Bearer"`
    scheme: Option<String>,
    /// The status of the answer if the token is missing or not accepted. Only in the first entry of a route, for all of
    /// them.
    ///
    /// Default: `"401"`
    /// Values: `401`, `403`
    failed_status: Option<String>,
    /// The text of that answer. It tells every client the same. Only in the first entry of a route, for all of them.
    ///
    /// Example: `"Sign in with your work account"`
    failed_message: Option<String>,
    /// What clients are told to ask the issuer for: `scopes_supported` of the route's metadata. At Entra it is the whole name of
    /// the scope (`api://APP/SCOPE`); for what a token has as `SCOPE`. An entry may hold several with commas between them,
    /// as App Service has them in its setting.
    ///
    /// Example: `["api://mcp/user_impersonation"]`
    #[serde(default)]
    published_scopes: Vec<String>,
    /// The scopes that every accepted token of the issuer has here beside its own. The default is `["mcp"]` if the route has no
    /// `scopes`, and none if it has.
    ///
    /// Example: `["mcp"]`
    granted_scopes: Option<Vec<String>>,
}

/// A claim that a token must have.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RequiredClaimDocument {
    /// Its name. A name that begins with `/` is a JSON Pointer to a member of a claim.
    ///
    /// Example: `"roles"`
    name: String,
    /// What it must hold. Without this key it must only be there.
    ///
    /// Example: `["Mcp.Admin"]`
    #[serde(default)]
    values: Vec<String>,
    /// Whether the claim must hold all of the values, or one of them.
    ///
    /// Default: `"all"`
    /// Values: `any`, `all`
    r#match: Option<String>,
    /// What parts the values of the claim if it is one text.
    ///
    /// Example: `","`
    separator: Option<String>,
}

/// What is known of a route's tokens once its issuers are known.
pub(super) struct Resolved {
    /// For the gateway.
    pub(super) accepted: AcceptedTokens,
    /// For whoever verifies them.
    pub(super) route: TokenRouteDocument,
}

/// A route for the tokens of other issuers, as it is written for whoever verifies them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRouteDocument {
    path: String,
    fingerprint: String,
    tokens: Vec<RouteTokensDocument>,
}

impl TokenRouteDocument {
    pub(super) fn check(self) -> Result<TokenRoute, ConfigurationError> {
        let tokens = self.tokens.into_iter().map(|tokens| tokens.check("routes.tokens"));
        Ok(TokenRoute { path: self.path, fingerprint: self.fingerprint, tokens: tokens.collect::<Result<_, _>>()? })
    }
}

/// The tokens of a route with its issuers; `None` where there are none. `names_scopes` is whether the route says which scopes it
/// needs.
pub(super) fn resolve(
    table: &str,
    route: &Route,
    names_scopes: bool,
    mut written: Vec<RouteTokensDocument>,
    issuers: &[TokenIssuer],
    rule_groups: &BTreeSet<String>,
) -> Result<Option<Resolved>, ConfigurationError> {
    if written.is_empty() {
        return Ok(None);
    }
    let key = |index: usize, name: &str| format!("{table}.tokens[{index}].{name}");
    if written.len() > MOST_TOKENS {
        let text = format!("has more than {MOST_TOKENS} entries");
        return Err(problem(
            format!("{table}.tokens"),
            text,
            r#"tokens = [{ issuer = "entra", audiences = ["api://mcp"] }]"#,
        ));
    }
    let mut accepted = AcceptedTokens {
        presentations: Vec::new(),
        issuers: Vec::new(),
        published_scopes: Vec::new(),
        granted_scopes: Vec::new(),
        fails_with_forbidden: false,
        failed_message: None,
        fingerprint: String::new(),
    };
    // What was kept when clients of other issuers had no name of theirs in front is not believed.
    let mut sum = Sha256::new_with_prefix("ISSUER:CLIENT");
    let mut seen = BTreeSet::new();
    let mut introspected = None;
    let mut granted_by_all: Option<Scopes> = None;
    for (index, tokens) in written.iter_mut().enumerate() {
        if tokens.granted_scopes.is_none() && !names_scopes {
            tokens.granted_scopes = Some(route.scopes.iter().map(|scope| scope.as_str().to_owned()).collect());
        }
        let checked = tokens.clone().check(&format!("{table}.tokens[{index}]"))?;
        let Some(place) = issuers.iter().position(|issuer| issuer.name == checked.issuer) else {
            let text = "is no name of an entry of token_issuers";
            return Err(problem(key(index, "issuer"), text, r#"[[token_issuers]] name = "entra""#));
        };
        let issuer = issuers.get(place);
        if !seen.insert(checked.issuer.clone()) {
            return Err(problem(key(index, "issuer"), "is there for a second time", r#"issuer = "entra""#));
        }
        if issuer.is_some_and(|issuer| !issuer.is_signed()) && introspected.replace(index).is_some() {
            let text = "is the second one that is asked about tokens: a token would be shown to one that it is not of";
            return Err(problem(key(index, "issuer"), text, r#"issuer = "entra""#));
        }
        if index > 0 && (tokens.failed_status.is_some() || tokens.failed_message.is_some()) {
            let name = if tokens.failed_status.is_some() { "failed_status" } else { "failed_message" };
            let text = "must stand in the first entry of the route: it is for all of them";
            return Err(problem(key(index, name), text, r#"failed_status = "403""#));
        }
        if index == 0 {
            accepted.fails_with_forbidden = tokens.failed_status.as_deref() == Some("403");
            accepted.failed_message = tokens.failed_message.clone();
        }
        for scope in tokens.published_scopes.iter().flat_map(|scopes| scopes.split(',')).map(str::trim) {
            scopes(key(index, "published_scopes"), &[scope.to_owned()])?;
            if !accepted.published_scopes.iter().any(|known| known == scope) {
                accepted.published_scopes.push(scope.to_owned());
            }
        }
        granted_by_all = Some(match granted_by_all {
            None => checked.granted_scopes.clone(),
            Some(before) => before.intersection(&checked.granted_scopes),
        });
        // Where its tokens are both verified and asked about, clients are told of it once.
        accepted.issuers.extend(issuer.and_then(TokenIssuer::url).filter(|url| !accepted.issuers.contains(url)));
        if !accepted.presentations.contains(&checked.presentation) {
            accepted.presentations.push(checked.presentation.clone());
        }
        // What is meant, and not how it is written.
        sum.update(format!("{checked:?}{issuer:?}"));
        if issuer.is_some_and(|issuer| matches!(issuer.verification, TokenVerification::Entra { .. })) {
            // What is kept of a token that does not hold its groups are those that rules name.
            sum.update(format!("{rule_groups:?}"));
        }
    }
    let granted = granted_by_all.unwrap_or_default();
    accepted.granted_scopes = granted.iter().map(|scope| scope.as_str().to_owned()).collect();
    // 128 bits: nobody who could choose two documents with the same sum would need to.
    for byte in sum.finalize().into_iter().take(16) {
        // Writing into a text cannot fail.
        let _ = write!(accepted.fingerprint, "{byte:02x}");
    }
    let route =
        TokenRouteDocument { path: route.path.to_string(), fingerprint: accepted.fingerprint.clone(), tokens: written };
    Ok(Some(Resolved { accepted, route }))
}

/// What stands in a header is a key or a token: which one it is, nobody guesses.
pub(super) fn keys_and_tokens_are_apart(table: &str, route: &Route) -> Result<(), ConfigurationError> {
    let reduced = |name: &HeaderName| name.as_str().replace('_', "-");
    let Some(keys) = &route.api_keys else { return Ok(()) };
    if route.token_headers().any(|name| reduced(&name) == reduced(&keys.header)) {
        let text = "is the header of tokens of this route, too (tokens.header_name): a key would be shown to their issuers, or a token \
                    taken for a key";
        return Err(problem(format!("{table}.api_keys.header"), text, r#"header = "x-ms-apikey""#));
    }
    Ok(())
}

impl RouteTokensDocument {
    fn check(self, table: &str) -> Result<RouteTokens, ConfigurationError> {
        const AUDIENCES: &str = r#"audiences = ["api://mcp"]"#;
        const MESSAGE: &str = r#"failed_message = "Sign in with your work account""#;
        let key = |name: &str| format!("{table}.{name}");
        if self.audiences.is_empty() {
            let text = "is empty: tokens that the issuer has made for anybody else would be accepted";
            return Err(problem(key("audiences"), text, AUDIENCES));
        }
        for (name, list, example) in [
            ("audiences", &self.audiences, AUDIENCES),
            ("client_application_ids", &self.client_application_ids, r#"client_application_ids = ["my-client"]"#),
        ] {
            if let Some(index) = list.iter().position(String::is_empty) {
                return Err(problem(format!("{}[{index}]", key(name)), "is empty", example));
            }
        }
        if self.required_claims.len() > MOST_REQUIRED_CLAIMS {
            let text = format!("has more than {MOST_REQUIRED_CLAIMS} entries");
            return Err(problem(key("required_claims"), text, r#"required_claims = [{ name = "roles" }]"#));
        }
        if !matches!(self.failed_status.as_deref(), None | Some("401" | "403")) {
            return Err(problem(key("failed_status"), "must be 401 or 403", r#"failed_status = "403""#));
        }
        let is_text = |text: &String| {
            (1..=LONGEST_MESSAGE).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        if self.failed_message.as_ref().is_some_and(|message| !is_text(message)) {
            let text = format!("must be 1 to {LONGEST_MESSAGE} characters of ASCII");
            return Err(problem(key("failed_message"), text, MESSAGE));
        }
        let claims = self.required_claims.into_iter().enumerate();
        let claims = claims.map(|(index, claim)| claim.check(&format!("{table}.required_claims[{index}]")));
        Ok(RouteTokens {
            issuer: self.issuer,
            audiences: self.audiences,
            client_application_ids: self.client_application_ids,
            required_claims: claims.collect::<Result<_, _>>()?,
            presentation: presentation(self.header_name, self.scheme, table)?,
            granted_scopes: scopes(key("granted_scopes"), &self.granted_scopes.unwrap_or_default())?,
        })
    }
}

fn presentation(
    header: Option<String>,
    scheme: Option<String>,
    table: &str,
) -> Result<TokenPresentation, ConfigurationError> {
    const HEADER: &str = r#"header_name = "x-access-token""#;
    let default = TokenPresentation::default();
    let header = match header {
        None => default.header,
        Some(name) if name.eq_ignore_ascii_case("authorization") => default.header,
        Some(name) => {
            let key = format!("{table}.header_name");
            let header: HeaderName = header_name(&key, &name, HEADER)?;
            header.as_str().to_owned()
        }
    };
    let scheme = scheme.unwrap_or(default.scheme);
    // RFC 9110, section 11.1: a scheme is a token.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !scheme.bytes().all(is_token) || header == "authorization" && scheme.is_empty() {
        let text = "must be a word; only in another header than Authorization it can be empty";
        return Err(problem(format!("{table}.scheme"), text, r#"scheme = "Bearer""#));
    }
    Ok(TokenPresentation { header, scheme })
}

impl RequiredClaimDocument {
    fn check(self, table: &str) -> Result<RequiredClaim, ConfigurationError> {
        const EXAMPLE: &str = r#"{ name = "roles", values = ["Mcp.Admin"], match = "any" }"#;
        let key = |name: &str| format!("{table}.{name}");
        if self.name.trim_start_matches('/').is_empty() || self.name.len() > LONGEST_CLAIM_NAME {
            return Err(problem(key("name"), "is not the name of a claim", EXAMPLE));
        }
        let any = match self.r#match.as_deref() {
            None | Some("all") => false,
            Some("any") => true,
            Some(_) => return Err(problem(key("match"), "must be any or all", EXAMPLE)),
        };
        if self.separator.as_ref().is_some_and(String::is_empty) {
            return Err(problem(key("separator"), "is empty", r#"separator = ",""#));
        }
        Ok(RequiredClaim { name: self.name, values: self.values, any, separator: self.separator })
    }
}

#[cfg(test)]
mod tests;
