//! Records in the store, each sealed under a secret that only tokens carry.

use gatehouse_protocol::{ClientId, Entropy, ResourceUri, Scopes, SecretString, Subject, UnixTime};
use gatehouse_sealing::HandleSecret;
use gatehouse_storage::{Key, Kind, Store};
use serde::{Deserialize, Serialize};

use crate::{Principal, Rejection, SessionRoot, UpstreamTokens};

/// One record for each session: what was granted, the identity provider's tokens, how far the refresh tokens are.
const SESSION: Kind = "session";
/// One record for each access token that may still be in use: what a request needs to know.
const ACCESS: Kind = "access";
/// A counter for each refresh token: who increments it first rotates.
const ROTATION: Kind = "rotation";
/// Says that a session was ended, for a refresh that was under way.
const ENDED: Kind = "ended";

/// The session record.
#[derive(Debug)]
pub(crate) struct SessionRecord {
    pub(crate) principal: Principal,
    pub(crate) upstream: UpstreamTokens,
    /// The number of refreshes so far; the refresh token with this number is the current one.
    pub(crate) generation: u64,
    /// When the current refresh token was issued.
    pub(crate) rotated_at: UnixTime,
}

#[derive(Serialize, Deserialize)]
struct PrincipalText {
    subject: String,
    client_id: String,
    resource: String,
    scopes: String,
}

#[derive(Serialize, Deserialize)]
struct SessionText {
    principal: PrincipalText,
    upstream_access_token: Option<String>,
    upstream_refresh_token: Option<String>,
    upstream_expires_at: Option<u64>,
    generation: u64,
    rotated_at: u64,
}

impl SessionRecord {
    pub(crate) fn put(
        &self,
        root: &SessionRoot,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let expose = |token: &Option<SecretString>| token.as_ref().map(|token| token.expose().to_owned());
        let text = SessionText {
            principal: write(&self.principal),
            upstream_access_token: expose(&self.upstream.access_token),
            upstream_refresh_token: expose(&self.upstream.refresh_token),
            upstream_expires_at: self.upstream.expires_at.map(UnixTime::seconds),
            generation: self.generation,
            rotated_at: self.rotated_at.seconds(),
        };
        put(&text, &root.secret, &session_key(root)?, store, entropy)
    }

    pub(crate) fn get(root: &SessionRoot, store: &impl Store) -> Result<Option<Self>, Rejection> {
        let Some(text) = get::<SessionText>(&root.secret, &session_key(root)?, store)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            principal: read(&text.principal)?,
            upstream: UpstreamTokens {
                access_token: text.upstream_access_token.map(SecretString::new),
                refresh_token: text.upstream_refresh_token.map(SecretString::new),
                expires_at: text.upstream_expires_at.map(UnixTime::from_seconds),
            },
            generation: text.generation,
            rotated_at: UnixTime::from_seconds(text.rotated_at),
        }))
    }
}

/// Stores what requests with the access token of `secret` may do.
pub(crate) fn put_access(
    principal: &Principal,
    secret: &HandleSecret,
    session_expires_at: UnixTime,
    store: &impl Store,
    entropy: &mut impl Entropy,
) -> Result<(), Rejection> {
    put(&write(principal), secret, &access_key(secret, session_expires_at)?, store, entropy)
}

/// What requests with the access token of `secret` may do; `None` once the session has ended.
pub(crate) fn get_access(
    secret: &HandleSecret,
    session_expires_at: UnixTime,
    store: &impl Store,
) -> Result<Option<Principal>, Rejection> {
    let text = get::<PrincipalText>(secret, &access_key(secret, session_expires_at)?, store)?;
    text.map(|text| read(&text)).transpose()
}

/// Removes what requests with the access token of `secret` may do.
pub(crate) fn delete_access(
    secret: &HandleSecret,
    session_expires_at: UnixTime,
    store: &impl Store,
) -> Result<(), Rejection> {
    Ok(store.delete(&access_key(secret, session_expires_at)?)?)
}

/// Removes the session record.
pub(crate) fn delete_session(root: &SessionRoot, store: &impl Store) -> Result<(), Rejection> {
    Ok(store.delete(&session_key(root)?)?)
}

/// Notes that the session was ended.
pub(crate) fn put_ended(root: &SessionRoot, store: &impl Store) -> Result<(), Rejection> {
    Ok(store.put(&key(ENDED, &root.secret, root.expires_at)?, &[])?)
}

/// Whether the session was ended.
pub(crate) fn has_ended(root: &SessionRoot, store: &impl Store) -> Result<bool, Rejection> {
    Ok(store.get(&key(ENDED, &root.secret, root.expires_at)?)?.is_some())
}

/// Whether this caller is the first to rotate the refresh token of `generation`. Where a backend lets two callers be
/// first, nothing is lost: both write the same successor.
pub(crate) fn is_first_to_rotate(root: &SessionRoot, generation: u64, store: &impl Store) -> Result<bool, Rejection> {
    let counter = key(ROTATION, &root.secret.derive("rotation", generation), root.expires_at)?;
    Ok(store.increment(&counter, 1)? == 1)
}

fn session_key(root: &SessionRoot) -> Result<Key, Rejection> {
    key(SESSION, &root.secret, root.expires_at)
}

/// Access records live as long as their session could: the name must follow from the secret and the session alone, so
/// that the session's end can find them. A refresh removes those that are two refreshes old.
fn access_key(secret: &HandleSecret, session_expires_at: UnixTime) -> Result<Key, Rejection> {
    key(ACCESS, secret, session_expires_at)
}

fn key(kind: Kind, secret: &HandleSecret, expires_at: UnixTime) -> Result<Key, Rejection> {
    Key::new(kind, &secret.record_id(), expires_at).map_err(|error| Rejection::Unavailable(error.to_string()))
}

fn put(
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

fn get<T: for<'a> Deserialize<'a>>(
    secret: &HandleSecret,
    key: &Key,
    store: &impl Store,
) -> Result<Option<T>, Rejection> {
    let Some(sealed) = store.get(key)? else { return Ok(None) };
    let broken = || Rejection::Unavailable(format!("a {} record does not open", key.kind()));
    let text = secret.open_record(&key.to_string(), &sealed).map_err(|_| broken())?;
    serde_json::from_slice(&text).map(Some).map_err(|_| broken())
}

fn write(principal: &Principal) -> PrincipalText {
    PrincipalText {
        subject: principal.subject.to_string(),
        client_id: principal.client_id.to_string(),
        resource: principal.resource.to_string(),
        scopes: principal.scopes.to_string(),
    }
}

fn read(text: &PrincipalText) -> Result<Principal, Rejection> {
    let broken = || Rejection::Unavailable("a record holds something that is not a principal".to_owned());
    Ok(Principal {
        subject: Subject::parse(&text.subject).map_err(|_| broken())?,
        client_id: ClientId::parse(&text.client_id).map_err(|_| broken())?,
        resource: ResourceUri::parse(&text.resource).map_err(|_| broken())?,
        scopes: Scopes::parse(&text.scopes).map_err(|_| broken())?,
    })
}
