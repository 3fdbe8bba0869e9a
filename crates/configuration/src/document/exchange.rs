//! `may_exchange` of a client: the tokens of other issuers that it may exchange (RFC 8693).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::values::scopes;
use crate::error::problem;
use crate::{ConfigurationError, RouteTokens, TokenIssuer, TokenPresentation};

const MOST_EXCHANGES: usize = 8;
const EXAMPLE: &str = r#"may_exchange = [{ issuer = "entra", audiences = ["api://frontend"] }]"#;

/// Access tokens of another issuer that a client may exchange for Gatehouse's ([Workloads](workloads.md#exchange)).
///
/// ```toml
/// [[clients]]
/// client_id = "frontend"
/// client_name = "Frontend"
/// token_endpoint_auth_method = "client_secret_basic"
/// client_secret = { secret = "client_secret" }
/// grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
/// scopes = ["mcp"]
/// may_exchange = [{ issuer = "entra", audiences = ["api://frontend"], granted_scopes = ["mcp"] }]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeDocument {
    /// The `name` of an entry of `token_issuers`. A client has an issuer once.
    ///
    /// Example: `"entra"`
    issuer: String,
    /// For whom a token must be (`aud`): it must name one of these, which is mostly the client itself. At least one is required.
    ///
    /// Example: `["api://frontend"]`
    audiences: Vec<String>,
    /// The applications that may have got the token. Without this key, any application may that the issuer knows.
    ///
    /// Example: `["04b07795-8ddb-461a-bbee-02f9e1bf7b46"]`
    #[serde(default)]
    client_application_ids: Vec<String>,
    /// What such a token is worth here beside the scopes that it has itself. The client's `scopes` bound it.
    ///
    /// Example: `["mcp"]`
    #[serde(default)]
    granted_scopes: Vec<String>,
}

pub(super) fn check(
    written: Vec<ExchangeDocument>,
    key: &str,
    issuers: &[TokenIssuer],
) -> Result<Vec<RouteTokens>, ConfigurationError> {
    if written.len() > MOST_EXCHANGES {
        return Err(problem(key, format!("has more than {MOST_EXCHANGES} entries"), EXAMPLE));
    }
    let mut seen = BTreeSet::new();
    let mut is_one_asked = false;
    let mut checked = Vec::new();
    for (index, entry) in written.into_iter().enumerate() {
        let key = |name: &str| format!("{key}[{index}].{name}");
        let Some(issuer) = issuers.iter().find(|issuer| issuer.name == entry.issuer) else {
            return Err(problem(key("issuer"), "is no name of an entry of token_issuers", EXAMPLE));
        };
        if !seen.insert(entry.issuer.clone()) {
            return Err(problem(key("issuer"), "is there for a second time", EXAMPLE));
        }
        if !issuer.is_signed() && std::mem::replace(&mut is_one_asked, true) {
            let text = "is the second one that is asked about tokens: a token would be shown to one that it is not of";
            return Err(problem(key("issuer"), text, EXAMPLE));
        }
        if entry.audiences.is_empty() || entry.audiences.iter().any(String::is_empty) {
            let text = "is empty, or holds an empty text: tokens for anybody else would be exchanged";
            return Err(problem(key("audiences"), text, EXAMPLE));
        }
        if entry.client_application_ids.iter().any(String::is_empty) {
            return Err(problem(key("client_application_ids"), "holds an empty text", EXAMPLE));
        }
        checked.push(RouteTokens {
            issuer: entry.issuer,
            audiences: entry.audiences,
            client_application_ids: entry.client_application_ids,
            required_claims: Vec::new(),
            presentation: TokenPresentation::default(),
            granted_scopes: scopes(key("granted_scopes"), &entry.granted_scopes)?,
        });
    }
    Ok(checked)
}
