//! `[token_page]`.

use serde::{Deserialize, Serialize};

use crate::error::problem;
use crate::{ConfigurationError, TokenPage};

const DEFAULT_TOKEN_SECONDS: u64 = 60 * 60;
const SHORTEST_TOKEN_SECONDS: u64 = 60;
const LONGEST_TOKEN_SECONDS: u64 = 60 * 60;

/// The page `/access-token`. A person signs in there and gets an access token to paste into a program that cannot sign in by
/// itself. The token cannot be refreshed. The person sees it at `/sessions`, and can end it there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenPageDocument {
    /// Whether there is such a page. People paste tokens where others can read them: allow it only if you need it.
    ///
    /// Default: `false`
    enabled: Option<bool>,
    /// Seconds for which a token from the page is valid, but never longer than `lifetimes.session`.
    ///
    /// Default: [`DEFAULT_TOKEN_SECONDS`]
    /// Bounds: [`SHORTEST_TOKEN_SECONDS`] to [`LONGEST_TOKEN_SECONDS`]
    lifetime: Option<u64>,
}

impl TokenPageDocument {
    pub(super) fn check(self, session: u64) -> Result<TokenPage, ConfigurationError> {
        let lifetime = self.lifetime.unwrap_or(DEFAULT_TOKEN_SECONDS);
        if !(SHORTEST_TOKEN_SECONDS..=LONGEST_TOKEN_SECONDS).contains(&lifetime) {
            return Err(problem("token_page.lifetime", "must be 60 to 3600 seconds (an hour)", "lifetime = 3600"));
        }
        Ok(TokenPage { enabled: self.enabled.unwrap_or(false), lifetime: lifetime.min(session) })
    }
}
