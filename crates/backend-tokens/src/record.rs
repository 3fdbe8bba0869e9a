//! What is kept at a place.

use core::fmt;

use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_storage::{Store, StoreUnavailable};
use serde::{Deserialize, Serialize};

use crate::TokenPlace;

/// A token that somebody gave.
#[derive(Clone)]
pub struct GivenToken {
    /// The access token.
    pub access_token: SecretString,
    /// With which it is got anew, where there is one.
    pub refresh_token: Option<SecretString>,
    /// When it ends, where that was said.
    pub expires_at: Option<UnixTime>,
}

/// That somebody refused to give a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Whom it is about.
    pub of: RefusedBy,
    /// Why, for the log.
    pub reason: String,
}

/// Whom a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedBy {
    /// The user may not have one.
    User,
    /// The user has to do something first: sign in anew, or consent.
    UserAction,
    /// The gateway: its credentials or its settings are wrong there.
    Gateway,
}

/// A record.
pub(crate) struct Record {
    /// How often something was written here.
    pub(crate) generation: u64,
    pub(crate) received_at: UnixTime,
    pub(crate) kept: Kept,
}

pub(crate) enum Kept {
    Token(GivenToken),
    Refused(Refused),
    /// Something that was got under other settings.
    OfOthers,
}

#[derive(Serialize, Deserialize)]
struct Text {
    fingerprint: String,
    generation: u64,
    received_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

impl TokenPlace {
    pub(crate) fn record(&self, store: &impl Store) -> Result<Option<Record>, StoreUnavailable> {
        let key = self.key()?;
        let Some(sealed) = store.get(&key)? else { return Ok(None) };
        let broken = || StoreUnavailable(format!("a {} record cannot be read", key.kind()));
        let text = self.secret().open_record(&key.to_string(), &sealed).map_err(|_| broken())?;
        let text: Text = serde_json::from_slice(&text).map_err(|_| broken())?;
        let kept = match (text.access_token, text.refused) {
            _ if text.fingerprint != self.fingerprint => Kept::OfOthers,
            (Some(access_token), None) => Kept::Token(GivenToken {
                access_token: SecretString::new(access_token),
                refresh_token: text.refresh_token.map(SecretString::new),
                expires_at: text.expires_at.map(UnixTime::from_seconds),
            }),
            (None, Some(refused)) => Kept::Refused(refused),
            _ => return Err(broken()),
        };
        let received_at = UnixTime::from_seconds(text.received_at);
        Ok(Some(Record { generation: text.generation, received_at, kept }))
    }

    pub(crate) fn put(
        &self,
        generation: u64,
        kept: Result<&GivenToken, Refused>,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let (token, refused) = match kept {
            Ok(token) => (Some(token), None),
            Err(refused) => (None, Some(refused)),
        };
        let exposed = |secret: &SecretString| secret.expose().to_owned();
        let text = Text {
            fingerprint: self.fingerprint.clone(),
            generation,
            received_at: now.seconds(),
            access_token: token.map(|token| exposed(&token.access_token)),
            refresh_token: token.and_then(|token| token.refresh_token.as_ref().map(exposed)),
            expires_at: token.and_then(|token| token.expires_at.map(UnixTime::seconds)),
            refused,
        };
        let key = self.key()?;
        let broken = || StoreUnavailable(format!("a {} record cannot be written", key.kind()));
        let text = zeroize::Zeroizing::new(serde_json::to_vec(&text).map_err(|_| broken())?);
        let sealed = self.secret().seal_record(&key.to_string(), &text, entropy).map_err(|_| broken())?;
        store.put(&key, &sealed)
    }
}

impl fmt::Debug for GivenToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GivenToken([redacted])")
    }
}
