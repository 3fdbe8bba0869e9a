//! Codes and tokens: random texts that the store knows by their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::{Claim, Key, Kind, Store, StoreUnavailable, claim, issue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::people::Person;

/// Seconds. OpenID Connect leaves it open; RFC 6749 recommends at most ten minutes.
const CODE_LIFETIME: u64 = 60;
/// Seconds; short, so that a demo shows refreshing within minutes.
pub const ACCESS_TOKEN_LIFETIME: u64 = 300;
/// Seconds: 30 days.
const REFRESH_TOKEN_LIFETIME: u64 = 30 * 24 * 3600;

/// What someone allowed the client by signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who signed in.
    pub person: Person,
    /// The granted scope, names joined by spaces.
    pub scope: String,
    /// When they signed in, seconds since the epoch.
    pub auth_time: u64,
}

/// What an authorization code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeGrant {
    /// The grant.
    pub grant: Grant,
    /// The S256 `code_challenge`.
    pub challenge: String,
    /// The `nonce`, to be repeated in the ID token.
    pub nonce: Option<String>,
}

/// The sorts of code and token, each with its name in the store.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    kind: Kind,
    uses: Kind,
    lifetime: u64,
}

/// Authorization codes; what they stand for is a [`CodeGrant`].
pub const CODE: Sort = Sort { kind: "demo-code", uses: "demo-code-use", lifetime: CODE_LIFETIME };
/// Refresh tokens; what they stand for is a [`Grant`].
pub const REFRESH_TOKEN: Sort =
    Sort { kind: "demo-refresh", uses: "demo-refresh-use", lifetime: REFRESH_TOKEN_LIFETIME };
/// Access tokens, for the userinfo endpoint alone; what they stand for is a [`Grant`].
pub const ACCESS_TOKEN: Sort = Sort { kind: "demo-access", uses: "demo-access-use", lifetime: ACCESS_TOKEN_LIFETIME };

impl Sort {
    /// Issues one that may be presented any number of times until it expires.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn issue(
        self,
        stands_for: &impl Serialize,
        now: UnixTime,
        entropy: &mut impl Entropy,
        store: &impl Store,
    ) -> Result<String, StoreUnavailable> {
        let expires_at = now.plus(self.lifetime);
        // The expiry is part of the text because it is part of the key; whoever changes it names another entry.
        let text = format!("{expires_at}.{}", URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()));
        let record = serde_json::to_vec(stands_for).map_err(|error| StoreUnavailable(error.to_string()))?;
        store.put(&key_of(self.kind, &text, expires_at)?, &record)?;
        Ok(text)
    }

    /// Issues one that [`Presented::spend`] accepts once.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn issue_single_use(
        self,
        stands_for: &impl Serialize,
        now: UnixTime,
        entropy: &mut impl Entropy,
        store: &impl Store,
    ) -> Result<String, StoreUnavailable> {
        let text = self.issue(stands_for, now, entropy, store)?;
        issue(store, &key_of(self.uses, &text, now.plus(self.lifetime))?)?;
        Ok(text)
    }

    /// What `text` stands for, `None` where it was not issued or has expired.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn present<T: DeserializeOwned>(
        self,
        text: &str,
        now: UnixTime,
        store: &impl Store,
    ) -> Result<Option<Presented<T>>, StoreUnavailable> {
        let Some(expires_at) = text.split_once('.').and_then(|(expiry, _)| expiry.parse().ok()) else {
            return Ok(None);
        };
        let expires_at = UnixTime::from_seconds(expires_at);
        if expires_at <= now {
            return Ok(None);
        }
        let Some(record) = store.get(&key_of(self.kind, text, expires_at)?)? else {
            return Ok(None);
        };
        let stands_for = serde_json::from_slice(&record).map_err(|error| StoreUnavailable(error.to_string()))?;
        Ok(Some(Presented { stands_for, uses: key_of(self.uses, text, expires_at)? }))
    }
}

/// A code or token that was issued and has not expired.
#[derive(Debug)]
pub struct Presented<T> {
    /// What it stands for.
    pub stands_for: T,
    uses: Key,
}

impl<T> Presented<T> {
    /// Uses a single-use one up. `None` where that has happened before. Call it last, when everything else about the
    /// request is right, so that a wrong request does not cost the rightful holder the code.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn spend(self, store: &impl Store) -> Result<Option<T>, StoreUnavailable> {
        Ok((claim(store, &self.uses)? == Claim::Won).then_some(self.stands_for))
    }
}

/// The entry that only the holder of `secret` can name. The store sees a hash, never the secret.
fn key_of(kind: Kind, secret: &str, expires_at: UnixTime) -> Result<Key, StoreUnavailable> {
    Key::new(kind, &URL_SAFE_NO_PAD.encode(Sha256::digest(secret)), expires_at)
        .map_err(|error| StoreUnavailable(error.to_string()))
}
