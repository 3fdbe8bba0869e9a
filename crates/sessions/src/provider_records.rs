//! The records of the identity provider's tokens.

use gatehouse_protocol::{Claims, SecretString, UnixTime};
use gatehouse_storage::{Kind, Store};
use serde::{Deserialize, Serialize};

use crate::{Rejection, SessionName};

/// One record for each session whose provider gave tokens.
pub(crate) const TOKENS: Kind = "provider-tokens";
/// One record for each session: which attempt to refresh them is under way.
pub(crate) const LEASE: Kind = "provider-lease";

/// A generation of tokens.
pub(crate) struct TokensRecord {
    pub(crate) access_token: SecretString,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) received_at: UnixTime,
    pub(crate) expires_at: Option<UnixTime>,
    /// The number of refreshes at the provider so far.
    pub(crate) generation: u64,
    /// Here and not in the session's record: whoever refreshes with an access token cannot open that one.
    pub(crate) renewed_claims: Option<Claims>,
}

/// The record as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokensText {
    access_token: String,
    refresh_token: Option<String>,
    received_at: u64,
    expires_at: Option<u64>,
    generation: u64,
    renewed_claims: Option<Claims>,
}

impl From<&TokensRecord> for TokensText {
    fn from(record: &TokensRecord) -> Self {
        Self {
            access_token: record.access_token.expose().to_owned(),
            refresh_token: record.refresh_token.as_ref().map(|token| token.expose().to_owned()),
            received_at: record.received_at.seconds(),
            expires_at: record.expires_at.map(UnixTime::seconds),
            generation: record.generation,
            renewed_claims: record.renewed_claims.clone(),
        }
    }
}

impl From<TokensText> for TokensRecord {
    fn from(text: TokensText) -> Self {
        Self {
            access_token: SecretString::new(text.access_token),
            refresh_token: text.refresh_token.map(SecretString::new),
            received_at: UnixTime::from_seconds(text.received_at),
            expires_at: text.expires_at.map(UnixTime::from_seconds),
            generation: text.generation,
            renewed_claims: text.renewed_claims,
        }
    }
}

/// Removes what the session of `name` has here; the few counters expire with it.
pub(crate) fn delete(name: &SessionName, store: &impl Store) -> Result<(), Rejection> {
    store.delete(&name.key(TOKENS, 0)?)?;
    Ok(store.delete(&name.key(LEASE, 0)?)?)
}
