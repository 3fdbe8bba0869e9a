//! `[lifetimes]`.

use serde::{Deserialize, Serialize};

use crate::error::problem;
use crate::{ConfigurationError, Lifetimes};

const DEFAULT_ACCESS_TOKEN_SECONDS: u64 = 5 * 60;
const DEFAULT_CONSENT_SECONDS: u64 = 30 * 24 * 60 * 60;
const DEFAULT_SESSION_SECONDS: u64 = 24 * 60 * 60;
const LONGEST_ACCESS_TOKEN_SECONDS: u64 = 60 * 60;
/// What a user cannot see in their list any more must not count any more: entries are found for 90 days.
const LONGEST_CONSENT_SECONDS: u64 = 90 * 24 * 60 * 60;
const LONGEST_SESSION_SECONDS: u64 = 90 * 24 * 60 * 60;

/// How long things live.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LifetimesDocument {
    /// Seconds for which an access token is valid.
    ///
    /// Default: [`DEFAULT_ACCESS_TOKEN_SECONDS`]
    /// Bounds: 1 to [`LONGEST_ACCESS_TOKEN_SECONDS`]
    access_token: Option<u64>,
    /// Seconds from the sign-in to the end of the session. A refresh does not extend the session. The value must not be
    /// smaller than `access_token`. The upper bound is 90 days.
    ///
    /// Default: [`DEFAULT_SESSION_SECONDS`]
    /// Bounds: 1 to [`LONGEST_SESSION_SECONDS`]
    session: Option<u64>,
    /// Seconds for which a consent is remembered, if the user ticks the box "Do not ask again in this browser". `0`
    /// means that no consent is remembered. A remembered consent counts when the user or an application opens the link.
    /// It does not count when a web page opens it. The upper bound is 90 days.
    ///
    /// Default: [`DEFAULT_CONSENT_SECONDS`]
    /// Bounds: 0 to [`LONGEST_CONSENT_SECONDS`]
    consent: Option<u64>,
}

impl LifetimesDocument {
    pub(super) fn check(self) -> Result<Lifetimes, ConfigurationError> {
        let access_token = self.access_token.unwrap_or(DEFAULT_ACCESS_TOKEN_SECONDS);
        let session = self.session.unwrap_or(DEFAULT_SESSION_SECONDS);
        let consent = self.consent.unwrap_or(DEFAULT_CONSENT_SECONDS);
        if !(1..=LONGEST_ACCESS_TOKEN_SECONDS).contains(&access_token) {
            return Err(problem("lifetimes.access_token", "must be 1 to 3600 seconds", "access_token = 300"));
        }
        if !(access_token..=LONGEST_SESSION_SECONDS).contains(&session) {
            let text = "must be at least lifetimes.access_token and at most 7776000 seconds (90 days)";
            return Err(problem("lifetimes.session", text, "session = 86400"));
        }
        if consent > LONGEST_CONSENT_SECONDS {
            let text = "must be 0 (consent is never remembered) to 7776000 seconds (90 days)";
            return Err(problem("lifetimes.consent", text, "consent = 2592000"));
        }
        Ok(Lifetimes { access_token, session, consent })
    }
}
