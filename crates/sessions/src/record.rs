//! Records in the store, each sealed under a secret that only tokens carry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Actors, Claims, ClientId, ClientName, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Key, Kind, Store};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Principal, Rejection, SessionBrowser, SessionBrowserText, SessionName, SessionRoot};

/// What was granted, how far the refresh tokens are: in two records, that of the even and that of the odd generations.
///
/// The one with the higher generation counts. So whoever writes late, or by what a lagging store told them, never makes
/// the session forget the refresh token that was used last, and no counter has to stay for each refresh.
const SESSION: Kind = "session";
/// How many records of that kind there are.
const SESSION_RECORDS: u64 = 2;
/// What a request with an access token needs to know: a record for each that may still be in use.
const ACCESS: Kind = "access";
/// How many places there are for records of that kind, taken in turn. Two are in use at a time, a third while a refresh is
/// under way; the fourth is for one that is late.
const ACCESS_RECORDS: u64 = 4;

/// Seconds for which a refresh token that was just rotated still gets its successor. Clients refresh concurrently,
/// some of them from two machines (Claude; `docs/conformance.md`), and a lost answer must not sign the user out; a
/// thief gains no more than the lineage that the next refresh would expose.
pub(crate) const GRACE_SECONDS: u64 = 30;

/// Seconds for which an access token is taken behind its announced end. A client counts from when it got the token, in
/// fractions of a second, and what it sent in time may arrive late; clients built on the Python SDK open the browser for each
/// token that is refused, instead of refreshing it.
pub(crate) const ACCESS_GRACE_SECONDS: u64 = 10;

/// How many refreshes of one session may come at once. Those that meet the successor of the token that they present, in the
/// grace period, do not count: nothing is rotated by them.
const REFRESHES_AT_ONCE: u64 = 60;
/// Seconds after which there may be one more.
const SECONDS_FOR_REFRESH: u64 = 1;

/// The session record, sealed under the root.
#[derive(Debug)]
pub(crate) struct SessionRecord {
    pub(crate) principal: Principal,
    pub(crate) client_name: ClientName,
    pub(crate) browser: Option<SessionBrowser>,
    pub(crate) opened_at: UnixTime,
    /// The number of refreshes so far; the refresh token with this number is the current one.
    pub(crate) generation: u64,
    /// When the current refresh token was issued.
    pub(crate) rotated_at: UnixTime,
    /// When the refreshes so far would be over, had they come evenly: who is far ahead of it has to wait.
    pub(crate) paced_until: UnixTime,
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
    #[serde(default, skip_serializing_if = "Actors::is_empty")]
    actors: Actors,
}

#[derive(Serialize, Deserialize)]
struct SessionText {
    principal: PrincipalText,
    client_name: String,
    /// Absent in what was written before it was noted.
    #[serde(default)]
    browser: Option<SessionBrowserText>,
    opened_at: u64,
    generation: u64,
    rotated_at: u64,
    /// Absent in what was written before refreshes had a pace.
    #[serde(default)]
    paced_until: u64,
}

#[derive(Serialize, Deserialize)]
struct AccessText {
    principal: PrincipalText,
    /// In base64url.
    provider_secret: String,
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
            browser: self.browser.as_ref().map(SessionBrowserText::from),
            opened_at: self.opened_at.seconds(),
            generation: self.generation,
            rotated_at: self.rotated_at.seconds(),
            paced_until: self.paced_until.seconds(),
        };
        put(&text, &root.secret, &key(&root.name(), self.generation)?, store, entropy)
    }

    /// What is known of the session last; `None` once it has ended.
    pub(crate) fn get(root: &SessionRoot, store: &impl Store) -> Result<Option<Self>, Rejection> {
        let name = root.name();
        let mut last: Option<SessionText> = None;
        for generation in 0..SESSION_RECORDS {
            let text = get::<SessionText>(&root.secret, &key(&name, generation)?, store)?;
            last = [last, text].into_iter().flatten().max_by_key(|text| text.generation);
        }
        let Some(text) = last else { return Ok(None) };
        Ok(Some(Self {
            principal: read(text.principal)?,
            client_name: ClientName::parse(&text.client_name).map_err(|_| broken(SESSION))?,
            browser: text.browser.map(SessionBrowser::from),
            opened_at: UnixTime::from_seconds(text.opened_at),
            generation: text.generation,
            rotated_at: UnixTime::from_seconds(text.rotated_at),
            paced_until: UnixTime::from_seconds(text.paced_until),
        }))
    }

    /// Whether somebody presented the successor of the refresh token of `generation`. One read: the record of that one's
    /// refresh has the place of this one's, and those of later ones of the same parity have it after.
    pub(crate) fn is_successor_used(
        root: &SessionRoot,
        generation: u64,
        store: &impl Store,
    ) -> Result<bool, Rejection> {
        let text = get::<SessionText>(&root.secret, &key(&root.name(), generation)?, store)?;
        Ok(text.is_some_and(|text| text.generation > generation))
    }

    /// Removes it.
    pub(crate) fn delete(name: &SessionName, store: &impl Store) -> Result<(), Rejection> {
        (0..SESSION_RECORDS).try_for_each(|generation| Ok(store.delete(&key(name, generation)?)?))
    }

    /// Seconds that a refresh has to wait at `now`, so that there are no more than [`REFRESHES_AT_ONCE`] at once and one in
    /// [`SECONDS_FOR_REFRESH`] from then on; `None` where it may go on.
    pub(crate) fn has_to_wait(&self, now: UnixTime) -> Option<u64> {
        let most = (REFRESHES_AT_ONCE - 1).saturating_mul(SECONDS_FOR_REFRESH);
        self.ahead(now).checked_sub(most).filter(|seconds| *seconds > 0)
    }

    /// What is written where the session is refreshed at `now`.
    pub(crate) fn refreshed(self, now: UnixTime) -> Self {
        let paced_until = now.plus(self.ahead(now).saturating_add(SECONDS_FOR_REFRESH));
        Self { generation: self.generation.saturating_add(1), rotated_at: now, paced_until, ..self }
    }

    /// Seconds by which the refreshes are ahead of their pace. Where the last one is yet to come, the clock was set back, or that of
    /// another instance is ahead; that must not keep the client waiting.
    fn ahead(&self, now: UnixTime) -> u64 {
        if now < self.rotated_at { 0 } else { now.seconds_until(self.paced_until) }
    }

    /// Whether the refresh token of `generation` was rotated, and not just now.
    pub(crate) fn is_reuse(&self, generation: u64, now: UnixTime) -> bool {
        let was_last = generation.saturating_add(1) == self.generation;
        let is_in_grace = was_last && self.rotated_at.seconds_until(now) <= GRACE_SECONDS;
        generation < self.generation && !is_in_grace
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
        let provider_secret = URL_SAFE_NO_PAD.encode(root.provider_secret().expose());
        let text = AccessText { principal: write(principal), provider_secret };
        put(&text, &root.access_secret(generation), &Self::key(&root.name(), generation)?, store, entropy)
    }

    /// What is `sealed` under `key` for the access token with `secret`; `None` where another token has taken the place.
    pub(crate) fn open(key: &Key, secret: &HandleSecret, sealed: &[u8]) -> Result<Option<Self>, Rejection> {
        let Ok(text) = secret.open_record(&key.to_string(), sealed) else { return Ok(None) };
        let text: AccessText = serde_json::from_slice(&text).map_err(|_| broken(ACCESS))?;
        let provider_secret = URL_SAFE_NO_PAD.decode(&text.provider_secret).map(Zeroizing::new);
        let provider_secret = provider_secret.map_err(|_| broken(ACCESS))?;
        let provider_secret = HandleSecret::from_slice(&provider_secret).ok_or_else(|| broken(ACCESS))?;
        Ok(Some(Self { principal: read(text.principal)?, provider_secret }))
    }

    /// Removes that of the access token of `generation`.
    pub(crate) fn delete(name: &SessionName, generation: u64, store: &impl Store) -> Result<(), Rejection> {
        Ok(store.delete(&Self::key(name, generation)?)?)
    }

    /// Removes those of all access tokens.
    pub(crate) fn delete_all(name: &SessionName, store: &impl Store) -> Result<(), Rejection> {
        (0..ACCESS_RECORDS).try_for_each(|place| Self::delete(name, place, store))
    }

    /// Where that of the access token of `generation` is. Nothing is there once the session has ended.
    pub(crate) fn key(name: &SessionName, generation: u64) -> Result<Key, Rejection> {
        name.key_until(ACCESS, generation % ACCESS_RECORDS, name.expires_at.plus(ACCESS_GRACE_SECONDS))
    }
}

fn key(name: &SessionName, generation: u64) -> Result<Key, Rejection> {
    name.key(SESSION, generation % SESSION_RECORDS)
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
        actors: principal.actors.clone(),
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
        actors: text.actors,
    })
}
