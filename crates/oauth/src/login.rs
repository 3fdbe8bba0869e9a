//! The login: the request while the identity provider asks who the user is.
//!
//! It begins only after the user has approved, and ends once: its `state` is random, short-lived, good for one
//! callback, and good only in the browser in which the approval was given (MCP 2026-07-28, security best practices,
//! "Confused Deputy Problem").

use gatehouse_configuration::Configuration;
use gatehouse_openid::LoginSecrets;
use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::{Claim, Kind, Store, StoreUnavailable, claim, issue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::{AuthorizationRequest, RequestText, UnboundRejection};
use crate::browser::Browser;
use crate::sealed_handle::SealedHandle;

const STATE: Purpose = "login-state";
/// One record for each login that is under way.
const LOGIN: Kind = "login";
/// A counter for each: who increments it to 2 may finish it.
const LOGIN_USE: Kind = "login-use";
/// Seconds to sign in: time for a password, a second factor and a phone that is in another room.
const LOGIN_SECONDS: u64 = 10 * 60;

/// A login that is about to begin.
#[derive(Debug)]
pub struct PendingLogin {
    handle: SealedHandle,
    state: SecretString,
}

/// A login that came back, and that nobody else can finish any more.
#[derive(Debug)]
pub struct ReturnedLogin {
    /// What was asked for.
    pub request: AuthorizationRequest,
    /// What the provider's answer must match.
    pub secrets: LoginSecrets,
}

/// Why a callback does not count. All of it is shown to the user, nothing is redirected: it is not known where to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoginRejection {
    /// The state is forged or altered.
    #[error("the state is not one of ours")]
    Unrecognised,
    /// The user took too long.
    #[error("the login has expired")]
    Expired,
    /// The login was begun in another browser (GHSA-rww4-4w9c-7733).
    #[error("the login was begun in another browser")]
    OtherBrowser,
    /// The callback was called before.
    #[error("the login was finished before")]
    AlreadyFinished,
    /// The client has changed meanwhile.
    #[error(transparent)]
    Unbound(#[from] UnboundRejection),
    /// It cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

#[derive(Serialize)]
struct LoginTextRef<'a> {
    request: RequestText,
    secrets: &'a LoginSecrets,
    browser: String,
}

#[derive(Deserialize)]
struct LoginText {
    request: RequestText,
    secrets: LoginSecrets,
    browser: String,
}

impl PendingLogin {
    /// A new login with a state of its own.
    ///
    /// # Errors
    /// Where the state cannot be sealed.
    pub fn generate(keys: &KeyRing, now: UnixTime, entropy: &mut impl Entropy) -> Result<Self, Unopenable> {
        let handle = SealedHandle::generate(now.plus(LOGIN_SECONDS), entropy);
        let state = handle.seal(STATE, keys, entropy)?;
        Ok(Self { handle, state })
    }

    /// The `state` for the identity provider.
    pub fn state(&self) -> &str {
        self.state.expose()
    }

    /// Keeps what is needed when the user comes back. Until this has succeeded, nobody may be sent away.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn keep(
        self,
        request: &AuthorizationRequest,
        secrets: &LoginSecrets,
        browser: &Browser,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let text = LoginTextRef { request: request.to_text(), secrets, browser: browser.digest() };
        let text = serde_json::to_vec(&text).map_err(|error| StoreUnavailable(error.to_string()))?;
        let key = self.handle.key(LOGIN)?;
        let sealed = self.handle.secret.seal_record(&key.to_string(), &text, entropy);
        store.put(&key, &sealed.map_err(|error| StoreUnavailable(error.to_string()))?)?;
        issue(store, &self.handle.key(LOGIN_USE)?)
    }
}

impl ReturnedLogin {
    /// Finds the login that `state` names and takes it, once, for `browser`.
    ///
    /// # Errors
    /// See [`LoginRejection`]. A callback in the wrong browser does not use the login up.
    pub fn take(
        state: &str,
        browser: Option<&Browser>,
        keys: &KeyRing,
        configuration: &Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, LoginRejection> {
        let handle = SealedHandle::open(STATE, keys, state).map_err(|_| LoginRejection::Unrecognised)?;
        if now >= handle.expires_at {
            return Err(LoginRejection::Expired);
        }
        let key = handle.key(LOGIN).map_err(StoreUnavailable::from)?;
        let sealed = store.get(&key)?.ok_or(LoginRejection::AlreadyFinished)?;
        let broken = || StoreUnavailable("a login record cannot be read".to_owned());
        let text = handle.secret.open_record(&key.to_string(), &sealed).map_err(|_| broken())?;
        let text: LoginText = serde_json::from_slice(&text).map_err(|_| broken())?;
        if browser.is_none_or(|browser| browser.digest() != text.browser) {
            return Err(LoginRejection::OtherBrowser);
        }
        if claim(store, &handle.key(LOGIN_USE).map_err(StoreUnavailable::from)?)? != Claim::Won {
            return Err(LoginRejection::AlreadyFinished);
        }
        store.delete(&key)?;
        let request = AuthorizationRequest::restore(&text.request, configuration, keys, store, now)?;
        Ok(Self { request, secrets: text.secrets })
    }
}

#[cfg(test)]
mod tests;
