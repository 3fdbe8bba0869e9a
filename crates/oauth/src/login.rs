//! The login: the request while the identity provider asks who the user is.
//!
//! For a client it begins only after the user has approved. It ends once: its `state` is random, short-lived, good for one
//! callback, and good only in the browser in which the approval was given (MCP 2026-07-28, security best practices,
//! "Confused Deputy Problem").

use gatehouse_configuration::{Configuration, IdentityProvider};
use gatehouse_openid::LoginSecrets;
use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::{Claim, Kind, Store, StoreUnavailable, claim, issue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::{AuthorizationRequest, RequestText, UnboundRejection};
use crate::browser::Browser;
use crate::consent::Approval;
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

/// What somebody signs in for.
#[derive(Clone, Debug)]
pub enum LoginPurpose {
    /// To let a client in.
    Authorization {
        /// What it asked for.
        request: Box<AuthorizationRequest>,
        /// How that was approved.
        approval: Approval,
    },
    /// To see their own sessions.
    Account,
}

/// A login that came back, and that nobody else can finish any more.
#[derive(Debug)]
pub struct ReturnedLogin<'c> {
    /// What it was for.
    pub purpose: LoginPurpose,
    /// Where the user was sent. No other provider's answer counts (the mix-up attack, RFC 9700, section 4.4).
    pub provider: &'c IdentityProvider,
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
    /// The operator has taken the provider away meanwhile, or put another one in its place.
    #[error("the identity provider of this login is no longer configured")]
    WithdrawnProvider,
    /// The client has changed meanwhile.
    #[error(transparent)]
    Unbound(#[from] UnboundRejection),
    /// It cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

#[derive(Serialize)]
struct LoginTextRef<'a> {
    purpose: PurposeText,
    provider: &'a str,
    issuer: &'a str,
    secrets: &'a LoginSecrets,
    browser: String,
}

#[derive(Deserialize)]
struct LoginText {
    purpose: PurposeText,
    provider: String,
    issuer: String,
    secrets: LoginSecrets,
    browser: String,
}

#[derive(Serialize, Deserialize)]
enum PurposeText {
    Authorization { request: RequestText, approval: Approval },
    Account,
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
        purpose: &LoginPurpose,
        provider: &IdentityProvider,
        secrets: &LoginSecrets,
        browser: &Browser,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let text = LoginTextRef {
            purpose: purpose.to_text(),
            provider: &provider.name,
            issuer: &provider.issuer,
            secrets,
            browser: browser.digest(),
        };
        self.handle.record(LOGIN).put(&text, store, entropy)?;
        issue(store, &self.handle.key(LOGIN_USE)?)
    }
}

impl<'c> ReturnedLogin<'c> {
    /// Finds the login that `state` names and takes it, once, for `browser`.
    ///
    /// # Errors
    /// See [`LoginRejection`]. A callback in the wrong browser does not use the login up.
    pub fn take(
        state: &str,
        browser: Option<&Browser>,
        keys: &KeyRing,
        configuration: &'c Configuration,
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
        let provider = configuration.identity_provider(&text.provider);
        // The name alone would not do: the code must not reach a provider that has been given the name since.
        let provider = provider.filter(|provider| provider.issuer == text.issuer);
        let provider = provider.ok_or(LoginRejection::WithdrawnProvider)?;
        let purpose = LoginPurpose::restore(&text.purpose, configuration, keys, store, now)?;
        Ok(Self { purpose, provider, secrets: text.secrets })
    }
}

impl LoginPurpose {
    fn to_text(&self) -> PurposeText {
        match self {
            Self::Authorization { request, approval } => {
                PurposeText::Authorization { request: request.to_text(), approval: *approval }
            }
            Self::Account => PurposeText::Account,
        }
    }

    fn restore(
        text: &PurposeText,
        configuration: &Configuration,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, UnboundRejection> {
        Ok(match text {
            PurposeText::Authorization { request, approval } => Self::Authorization {
                request: Box::new(AuthorizationRequest::restore(request, configuration, keys, store, now)?),
                approval: *approval,
            },
            PurposeText::Account => Self::Account,
        })
    }
}

#[cfg(test)]
mod tests;
