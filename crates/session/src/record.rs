//! Records in the store, each sealed under a secret that only tokens carry.

use gatehouse_protocol::{Claims, ClientId, ClientName, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sealing::HandleSecret;
use gatehouse_storage::{Key, Kind, Store};
use serde::{Deserialize, Serialize};

use crate::summary::Summary;
use crate::{Principal, Rejection, SessionName, SessionRoot};

/// One record for each session: what was granted, how far the refresh tokens are.
pub(crate) const SESSION: Kind = "session";
/// One record for each access token that may still be in use: what a request needs to know.
pub(crate) const ACCESS: Kind = "access";
/// A counter for each refresh token: who increments it first rotates.
const ROTATION: Kind = "rotation";

/// Seconds for which a refresh token that was just rotated still gets its successor. Clients refresh concurrently,
/// some of them from two machines (Claude; `docs/conformance.md`), and a lost answer must not sign the user out; a
/// thief gains no more than the lineage that the next refresh would expose.
pub(crate) const GRACE_SECONDS: u64 = 30;

/// The session record, sealed under the root.
#[derive(Debug)]
pub(crate) struct SessionRecord {
    pub(crate) principal: Principal,
    pub(crate) client_name: ClientName,
    pub(crate) opened_at: UnixTime,
    /// The number of refreshes so far; the refresh token with this number is the current one.
    pub(crate) generation: u64,
    /// When the current refresh token was issued.
    pub(crate) rotated_at: UnixTime,
}

/// What requests with one access token may do, sealed under the secret in the token.
#[derive(Debug)]
pub(crate) struct AccessRecord {
    pub(crate) principal: Principal,
    /// Opens the identity provider's tokens.
    pub(crate) provider_secret: HandleSecret,
}

#[derive(Serialize, Deserialize)]
struct PrincipalText {
    subject: String,
    client_id: String,
    resource: String,
    scopes: String,
    claims: Claims,
}

#[derive(Serialize, Deserialize)]
struct SessionText {
    principal: PrincipalText,
    client_name: String,
    opened_at: u64,
    generation: u64,
    rotated_at: u64,
}

#[derive(Serialize, Deserialize)]
struct AccessText {
    principal: PrincipalText,
    provider_secret: Vec<u8>,
}

impl SessionRecord {
    pub(crate) fn put(
        &self,
        root: &SessionRoot,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let text = SessionText {
            principal: write(&self.principal),
            client_name: self.client_name.as_str().to_owned(),
            opened_at: self.opened_at.seconds(),
            generation: self.generation,
            rotated_at: self.rotated_at.seconds(),
        };
        put(&text, &root.secret, &root.name().key(SESSION, 0)?, store, entropy)
    }

    pub(crate) fn get(root: &SessionRoot, store: &impl Store) -> Result<Option<Self>, Rejection> {
        let Some(text) = get::<SessionText>(&root.secret, &root.name().key(SESSION, 0)?, store)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            principal: read(text.principal)?,
            client_name: ClientName::parse(&text.client_name).map_err(|_| broken(SESSION))?,
            opened_at: UnixTime::from_seconds(text.opened_at),
            generation: text.generation,
            rotated_at: UnixTime::from_seconds(text.rotated_at),
        }))
    }

    /// Whether the refresh token of `generation` was rotated, and not just now.
    pub(crate) fn is_reuse(&self, generation: u64, now: UnixTime) -> bool {
        let was_last = generation.saturating_add(1) == self.generation;
        let is_in_grace = was_last && self.rotated_at.seconds_until(now) <= GRACE_SECONDS;
        generation < self.generation && !is_in_grace
    }

    /// What the session's owner sees of it.
    pub(crate) fn summary(&self, name: &SessionName) -> Summary {
        Summary {
            id: name.id(),
            client_id: self.principal.client_id.clone(),
            client_name: self.client_name.clone(),
            resource: self.principal.resource.clone(),
            scopes: self.principal.scopes.clone(),
            opened_at: self.opened_at,
            last_used_at: self.rotated_at,
            expires_at: name.expires_at,
            generation: self.generation,
        }
    }
}

impl AccessRecord {
    /// Stores it for the access token of `generation`.
    pub(crate) fn put(
        principal: &Principal,
        root: &SessionRoot,
        generation: u64,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let text =
            AccessText { principal: write(principal), provider_secret: root.provider_secret().expose().to_vec() };
        put(&text, &root.access_secret(generation), &root.name().key(ACCESS, generation)?, store, entropy)
    }

    /// That of the access token with `secret` and `generation`; `None` once the session has ended.
    pub(crate) fn get(
        name: &SessionName,
        generation: u64,
        secret: &HandleSecret,
        store: &impl Store,
    ) -> Result<Option<Self>, Rejection> {
        let Some(text) = get::<AccessText>(secret, &name.key(ACCESS, generation)?, store)? else { return Ok(None) };
        let provider_secret = HandleSecret::from_slice(&text.provider_secret).ok_or_else(|| broken(ACCESS))?;
        Ok(Some(Self { principal: read(text.principal)?, provider_secret }))
    }

    /// Removes that of the access token of `generation`.
    pub(crate) fn delete(name: &SessionName, generation: u64, store: &impl Store) -> Result<(), Rejection> {
        Ok(store.delete(&name.key(ACCESS, generation)?)?)
    }
}

/// Whether this caller is the first to rotate the refresh token of `generation`. Where a backend lets two callers be
/// first, nothing is lost: both write the same successor.
pub(crate) fn is_first_to_rotate(name: &SessionName, generation: u64, store: &impl Store) -> Result<bool, Rejection> {
    Ok(store.increment(&name.key(ROTATION, generation)?, 1)? == 1)
}

/// Stores `text` under `key`, sealed under `secret`.
pub(crate) fn put(
    text: &impl Serialize,
    secret: &HandleSecret,
    key: &Key,
    store: &impl Store,
    entropy: &mut impl Entropy,
) -> Result<(), Rejection> {
    let text = serde_json::to_vec(text).map_err(|error| Rejection::Unavailable(error.to_string()))?;
    let sealed = secret.seal_record(&key.to_string(), &text, entropy);
    let sealed = sealed.map_err(|error| Rejection::Unavailable(error.to_string()))?;
    Ok(store.put(key, &sealed)?)
}

/// What [`put`] stored.
pub(crate) fn get<T: for<'a> Deserialize<'a>>(
    secret: &HandleSecret,
    key: &Key,
    store: &impl Store,
) -> Result<Option<T>, Rejection> {
    let Some(sealed) = store.get(key)? else { return Ok(None) };
    let text = secret.open_record(&key.to_string(), &sealed).map_err(|_| broken(key.kind()))?;
    serde_json::from_slice(&text).map(Some).map_err(|_| broken(key.kind()))
}

pub(crate) fn broken(kind: &str) -> Rejection {
    Rejection::Unavailable(format!("a {kind} record cannot be read"))
}

fn write(principal: &Principal) -> PrincipalText {
    PrincipalText {
        subject: principal.subject.to_string(),
        client_id: principal.client_id.to_string(),
        resource: principal.resource.to_string(),
        scopes: principal.scopes.to_string(),
        claims: principal.claims.clone(),
    }
}

fn read(text: PrincipalText) -> Result<Principal, Rejection> {
    let broken = || Rejection::Unavailable("a record holds something that is not a principal".to_owned());
    Ok(Principal {
        subject: Subject::parse(&text.subject).map_err(|_| broken())?,
        client_id: ClientId::parse(&text.client_id).map_err(|_| broken())?,
        resource: ResourceUri::parse(&text.resource).map_err(|_| broken())?,
        scopes: Scopes::parse(&text.scopes).map_err(|_| broken())?,
        claims: text.claims,
    })
}
