//! `may_exchange` and `accepted_actors` of a client: the tokens of other issuers that count where it exchanges one (RFC 8693).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::values::scopes;
use crate::error::problem;
use crate::{ConfigurationError, ExchangeableTokens, RouteTokens, TokenIssuer, TokenPresentation};

const MOST_EXCHANGES: usize = 8;
const EXAMPLE: &str = r#"may_exchange = [{ issuer = "entra", audiences = ["api://frontend"] }]"#;
const ID_TOKENS: &str =
    r#"may_exchange = [{ issuer = "partner", id_token_audiences = ["frontend"], granted_scopes = ["mcp"] }]"#;
const ACTORS: &str = r#"accepted_actors = [{ issuer = "partner", audiences = ["api://frontend"] }]"#;

/// Tokens of another issuer that a client may exchange for Gatehouse's ([Workloads](workloads.md#exchange)).
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
    /// For whom an access token must be (`aud`): it must name one of these, which is mostly the client itself. Without this key, the client
    /// exchanges no access tokens of the issuer. At least one of `audiences` and `id_token_audiences` is required.
    ///
    /// Example: `["api://frontend"]`
    #[serde(default)]
    audiences: Vec<String>,
    /// For which clients of the issuer an id_token must be: mostly the id that this client has there. If the id_token is for several, its
    /// `azp` must be one of these. Without this key, the client exchanges no id_tokens. An id_token has no scopes, so `granted_scopes` is required.
    ///
    /// Example: `["frontend"]`
    #[serde(default)]
    id_token_audiences: Vec<String>,
    /// The applications that may have got an access token. Without this key, any application may that the issuer knows.
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

/// Access tokens of other parties that may act for users through the client, such as agents ([Workloads](workloads.md#who-acts)). The client
/// presents one as `actor_token`.
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
/// accepted_actors = [{ issuer = "entra", audiences = ["api://frontend"] }]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActorDocument {
    /// The `name` of an entry of `token_issuers`. A client has an issuer once.
    ///
    /// Example: `"entra"`
    issuer: String,
    /// For whom the token must be (`aud`): it must name one of these. At least one is required.
    ///
    /// Example: `["api://frontend"]`
    audiences: Vec<String>,
    /// The applications that may have got the token. Without this key, any application may that the issuer knows.
    ///
    /// Example: `["04b07795-8ddb-461a-bbee-02f9e1bf7b46"]`
    #[serde(default)]
    client_application_ids: Vec<String>,
}

/// What a client may exchange. `key` makes the path of one of its keys.
pub(super) fn check(
    written: Vec<ExchangeDocument>,
    actors: Vec<ActorDocument>,
    key: impl Fn(&str) -> String,
    issuers: &[TokenIssuer],
) -> Result<ExchangeableTokens, ConfigurationError> {
    let mut checked = ExchangeableTokens::default();
    let mut seen = Issuers::new(key("may_exchange"), EXAMPLE, written.len(), issuers)?;
    for entry in written {
        let issuer = seen.next(&entry.issuer)?;
        let (key, is_signed) = (seen.key(), issuer.is_signed());
        let has = |audiences: &[String]| !audiences.is_empty() && audiences.iter().all(|audience| !audience.is_empty());
        if !has(&entry.audiences) && (entry.id_token_audiences.is_empty() || !entry.audiences.is_empty()) {
            let text = "is empty, or holds an empty text: tokens for anybody else would be exchanged";
            return Err(problem(key("audiences"), text, EXAMPLE));
        }
        if !has(&entry.id_token_audiences) && !entry.id_token_audiences.is_empty() {
            let text = "holds an empty text: id_tokens for anybody else would be exchanged";
            return Err(problem(key("id_token_audiences"), text, ID_TOKENS));
        }
        if !entry.id_token_audiences.is_empty() && !is_signed {
            let text = "must not be there for an issuer with introspection, which is asked about access tokens";
            return Err(problem(key("id_token_audiences"), text, ID_TOKENS));
        }
        let granted_scopes = scopes(key("granted_scopes"), &entry.granted_scopes)?;
        if !entry.id_token_audiences.is_empty() && granted_scopes.is_empty() {
            let text = "is empty: an id_token has no scopes, so that it could be exchanged for nothing";
            return Err(problem(key("granted_scopes"), text, ID_TOKENS));
        }
        let applications = applications(entry.client_application_ids, &key)?;
        let of = |audiences: Vec<String>, client_application_ids| RouteTokens {
            granted_scopes: granted_scopes.clone(),
            ..tokens(entry.issuer.clone(), audiences, client_application_ids)
        };
        if !entry.audiences.is_empty() {
            checked.access_tokens.push(of(entry.audiences, applications));
        }
        if !entry.id_token_audiences.is_empty() {
            checked.id_tokens.push(of(entry.id_token_audiences, Vec::new()));
        }
    }
    let mut seen = Issuers::new(key("accepted_actors"), ACTORS, actors.len(), issuers)?;
    for entry in actors {
        seen.next(&entry.issuer)?;
        let key = seen.key();
        if entry.audiences.is_empty() || entry.audiences.iter().any(String::is_empty) {
            let text = "is empty, or holds an empty text: whoever has a token of the issuer could act";
            return Err(problem(key("audiences"), text, ACTORS));
        }
        let applications = applications(entry.client_application_ids, &key)?;
        checked.actors.push(tokens(entry.issuer, entry.audiences, applications));
    }
    Ok(checked)
}

fn applications(ids: Vec<String>, key: impl Fn(&str) -> String) -> Result<Vec<String>, ConfigurationError> {
    match ids.iter().any(String::is_empty) {
        true => Err(problem(key("client_application_ids"), "holds an empty text", EXAMPLE)),
        false => Ok(ids),
    }
}

fn tokens(issuer: String, audiences: Vec<String>, client_application_ids: Vec<String>) -> RouteTokens {
    RouteTokens {
        issuer,
        audiences,
        client_application_ids,
        required_claims: Vec::new(),
        presentation: TokenPresentation::default(),
        granted_scopes: gatehouse_protocol::Scopes::default(),
    }
}

/// The issuers that the entries of a list name, one after the other.
struct Issuers<'a> {
    key: String,
    example: &'static str,
    known: &'a [TokenIssuer],
    seen: BTreeSet<String>,
    is_one_asked: bool,
}

impl<'a> Issuers<'a> {
    fn new(
        key: String,
        example: &'static str,
        entries: usize,
        known: &'a [TokenIssuer],
    ) -> Result<Self, ConfigurationError> {
        if entries > MOST_EXCHANGES {
            return Err(problem(key, format!("has more than {MOST_EXCHANGES} entries"), example));
        }
        Ok(Self { key, example, known, seen: BTreeSet::new(), is_one_asked: false })
    }

    /// Makes the path of a key in the entry whose issuer was last asked for.
    fn key(&self) -> impl Fn(&str) -> String + use<> {
        let entry = format!("{}[{}]", self.key, self.seen.len().saturating_sub(1));
        move |name| format!("{entry}.{name}")
    }

    /// That of the next entry.
    fn next(&mut self, name: &str) -> Result<&'a TokenIssuer, ConfigurationError> {
        let is_new = self.seen.insert(name.to_owned());
        let key = format!("{}[{}].issuer", self.key, self.seen.len().saturating_sub(usize::from(is_new)));
        if !is_new {
            return Err(problem(key, "is there for a second time", self.example));
        }
        let Some(issuer) = self.known.iter().find(|issuer| issuer.name == name) else {
            return Err(problem(key, "is no name of an entry of token_issuers", self.example));
        };
        if !issuer.is_signed() && std::mem::replace(&mut self.is_one_asked, true) {
            let text = "is the second one that is asked about tokens: a token would be shown to one that it is not of";
            return Err(problem(key, text, self.example));
        }
        Ok(issuer)
    }
}
