//! Tokens as the client holds them: sealed, and opaque to it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Claims, ClientId, Entropy, Scopes, SecretString, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Principal, Rejection, SessionName, SessionRoot};

const ACCESS: Purpose = "access-token";
const REFRESH: Purpose = "refresh-token";

/// What the client receives.
#[derive(Debug)]
pub struct Tokens {
    /// The sealed session key.
    pub access_token: SecretString,
    /// Absent where the client may not refresh.
    pub refresh_token: Option<SecretString>,
    /// Seconds for which the access token is valid.
    pub expires_in: u64,
    /// What the access token allows.
    pub scopes: Scopes,
}

/// How access tokens are issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessTokenTerms {
    /// Seconds.
    pub lifetime: u64,
    /// Whether the token tells by itself what its record says, for routes that ask no record. One whose user has more claims
    /// than a header has room for never does.
    pub self_contained: bool,
}

/// What an access token carries: what names and opens its record, and its own limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessToken {
    pub(crate) secret: HandleSecret,
    pub(crate) session: SessionName,
    pub(crate) generation: u64,
    pub(crate) expires_at: UnixTime,
    /// Narrower than the grant where the refresh asked for less (RFC 6749, section 6).
    pub(crate) scopes: Scopes,
    /// The signed-in user.
    pub(crate) subject: Subject,
    /// What else the record says, where the token alone can be asked.
    pub(crate) contained: Option<Contained>,
}

/// What an access token has to say where it is validated without its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contained {
    pub(crate) client_id: ClientId,
    pub(crate) claims: Claims,
}

/// What a refresh token carries: the root of the session, and how many refreshes there were before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) root: SessionRoot,
    pub(crate) generation: u64,
}

/// The sealed texts: the secrets in base64url, times in seconds. What they hold is part of `FORMAT` of the sealing crate:
/// change it with them, unless an old text does not parse as a new one.
#[derive(Serialize, Deserialize)]
struct AccessText(String, String, u64, u64, u64, String, String, Option<ContainedText>);
/// The client, the claims.
#[derive(Serialize, Deserialize)]
struct ContainedText(String, Claims);
#[derive(Serialize, Deserialize)]
struct RefreshText(String, u64, u64);

/// Bytes of the client's id, the scopes and the claims (as JSON) in a token that tells them: some twenty groups. Proxies and servers
/// take headers of 8 KiB, some of 4 KiB, and other headers want room in them.
const MOST_CONTAINED: usize = 1024;

impl Contained {
    /// What a token says of `principal` without its record; `None` where that is more than a header has room for, and where others act.
    pub(crate) fn of(principal: &Principal) -> Option<Self> {
        let Principal { client_id, claims, scopes, actors, .. } = principal;
        if !actors.is_empty() {
            return None;
        }
        let others = client_id.as_str().len().saturating_add(scopes.to_string().len());
        let bytes = serde_json::to_vec(claims).ok()?.len().saturating_add(others);
        (bytes <= MOST_CONTAINED).then(|| Self { client_id: client_id.clone(), claims: claims.clone() })
    }
}

impl AccessToken {
    /// The sealed form, bound to `resource`: at another one it does not open.
    pub(crate) fn seal(
        &self,
        resource: &str,
        keys: &KeyRing,
        entropy: &mut impl Entropy,
    ) -> Result<SecretString, Rejection> {
        let text = AccessText(
            write(&self.secret),
            write(&self.session.secret),
            self.session.expires_at.seconds(),
            self.generation,
            self.expires_at.seconds(),
            self.scopes.to_string(),
            self.subject.to_string(),
            self.contained
                .as_ref()
                .map(|contained| ContainedText(contained.client_id.to_string(), contained.claims.clone())),
        );
        seal(ACCESS, &[resource], &text, keys, entropy)
    }

    pub(crate) fn open(token: &str, resource: &str, keys: &KeyRing) -> Result<Self, Rejection> {
        let AccessText(secret, name, session_expires_at, generation, expires_at, scopes, subject, contained) =
            open(ACCESS, &[resource], token, keys)?;
        let contained = contained.map(|ContainedText(client_id, claims)| {
            let client_id = ClientId::parse(&client_id).map_err(|_| Rejection::Unrecognised)?;
            Ok::<_, Rejection>(Contained { client_id, claims })
        });
        let session = SessionName { secret: read(&name)?, expires_at: UnixTime::from_seconds(session_expires_at) };
        Ok(Self {
            secret: read(&secret)?,
            session,
            generation,
            expires_at: UnixTime::from_seconds(expires_at),
            scopes: Scopes::parse(&scopes).map_err(|_| Rejection::Unrecognised)?,
            subject: Subject::parse(&subject).map_err(|_| Rejection::Unrecognised)?,
            contained: contained.transpose()?,
        })
    }
}

impl RefreshToken {
    pub(crate) fn seal(&self, keys: &KeyRing, entropy: &mut impl Entropy) -> Result<SecretString, Rejection> {
        let text = RefreshText(write(&self.root.secret), self.root.expires_at.seconds(), self.generation);
        seal(REFRESH, &[], &text, keys, entropy)
    }

    pub(crate) fn open(token: &str, keys: &KeyRing) -> Result<Self, Rejection> {
        let RefreshText(secret, expires_at, generation) = open(REFRESH, &[], token, keys)?;
        Ok(Self {
            root: SessionRoot { secret: read(&secret)?, expires_at: UnixTime::from_seconds(expires_at) },
            generation,
        })
    }
}

fn write(secret: &HandleSecret) -> String {
    URL_SAFE_NO_PAD.encode(secret.expose())
}

fn read(text: &str) -> Result<HandleSecret, Rejection> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| Rejection::Unrecognised)?);
    HandleSecret::from_slice(&bytes).ok_or(Rejection::Unrecognised)
}

fn seal(
    purpose: Purpose,
    context: &[&str],
    text: &impl Serialize,
    keys: &KeyRing,
    entropy: &mut impl Entropy,
) -> Result<SecretString, Rejection> {
    let text = serde_json::to_vec(text).map_err(|error| Rejection::Unavailable(error.to_string()))?;
    let sealed = keys.seal(purpose, context, &text, entropy);
    sealed.map(SecretString::new).map_err(|error| Rejection::Unavailable(error.to_string()))
}

fn open<T: for<'a> Deserialize<'a>>(
    purpose: Purpose,
    context: &[&str],
    token: &str,
    keys: &KeyRing,
) -> Result<T, Rejection> {
    let text = keys.open(purpose, context, token).map_err(|_| Rejection::Unrecognised)?;
    serde_json::from_slice(&text).map_err(|_| Rejection::Unrecognised)
}
