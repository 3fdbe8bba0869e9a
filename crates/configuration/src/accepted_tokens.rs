//! Which tokens of other issuers a route accepts.

use gatehouse_protocol::{Scope, Scopes};
use serde::{Deserialize, Serialize};

/// Tokens of one issuer that a route accepts, as whoever verifies them needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTokens {
    /// The name of the [`crate::TokenIssuer`].
    pub issuer: String,
    /// For whom a token may be: one of these, at least one.
    pub audiences: Vec<String>,
    /// The applications that may have got it; any where it is empty.
    pub client_application_ids: Vec<String>,
    /// What else it must say.
    pub required_claims: Vec<RequiredClaim>,
    /// How it is presented.
    pub presentation: TokenPresentation,
    /// What it allows beside its own scopes.
    pub granted_scopes: Scopes,
}

/// A claim that a token must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Its name, or a JSON Pointer that begins with `/`.
    pub name: String,
    /// What it must hold; anything where it is empty.
    pub values: Vec<String>,
    /// Whether one of the values is enough.
    pub any: bool,
    /// What parts the values of a text.
    pub separator: Option<String>,
}

/// Where a token stands in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPresentation {
    /// The name of the header, in lower case.
    pub header: String,
    /// The word in front of it; none where it is empty.
    pub scheme: String,
}

impl Default for TokenPresentation {
    /// `Authorization: Bearer …`.
    fn default() -> Self {
        Self { header: "authorization".to_owned(), scheme: "Bearer".to_owned() }
    }
}

/// A route for the tokens of other issuers, as whoever verifies them needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRoute {
    /// The route's path.
    pub path: String,
    /// What all that is configured of these tokens adds up to.
    pub fingerprint: String,
    /// One for each issuer.
    pub tokens: Vec<RouteTokens>,
}

/// Tokens of other issuers that a route accepts, as the gateway needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedTokens {
    /// Where tokens stand; at least one place.
    pub presentations: Vec<TokenPresentation>,
    /// The issuers, as clients know them; none of one that is only asked about tokens and has no name for itself.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// What clients are told to ask for, as it is asked for; the route's scopes where it is empty.
    #[serde(default)]
    pub published_scopes: Vec<String>,
    /// What every token has without asking.
    #[serde(default)]
    pub granted_scopes: Vec<String>,
    /// Whether a request without a token that counts gets 403 and not 401.
    #[serde(default)]
    pub fails_with_forbidden: bool,
    /// What it is told then.
    #[serde(default)]
    pub failed_message: Option<String>,
    /// What all that is configured of these tokens adds up to: what was verified under another one does not count.
    pub fingerprint: String,
}

impl AcceptedTokens {
    /// How a client asks the issuer for this scope: as the operator has published it (`api://APP/SCOPE` at Entra, for what tokens
    /// call `SCOPE`), not at all where every token has it, and else by its own name.
    pub fn asked_for<'a>(&'a self, scope: &'a Scope) -> Option<&'a str> {
        let scope = scope.as_str();
        let is_it =
            |published: &&String| published.rsplit_once('/').map_or(published.as_str(), |(_, last)| last) == scope;
        match self
            .published_scopes
            .iter()
            .find(|published| published.as_str() == scope)
            .or_else(|| self.published_scopes.iter().find(is_it))
        {
            Some(published) => Some(published),
            None if self.granted_scopes.iter().any(|granted| granted == scope) => None,
            None => Some(scope),
        }
    }
}
