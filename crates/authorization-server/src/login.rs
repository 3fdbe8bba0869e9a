//! The login: the request while the identity provider asks who the user is.
//!
//! For a client it begins only after the user has approved. It ends once: its `state` is random, short-lived, good for one
//! callback, and good only in the browser in which the approval was given (MCP 2026-07-28, security best practices,
//! "Confused Deputy Problem").
//!
//! What a page's form begins follows from that page's ticket, secrets and all: whoever sends the form again, by a double
//! click or a thousand times, comes to the same login, and is sent to the same address.

use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::{AccountChoice, Login, LoginSecrets};
use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose, Unopenable};
use gatehouse_storage::{Claim, Issue, Key, Kind, Store, StoreUnavailable, claim_issued_again, issue_again};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::{AuthorizationRequest, RequestText, UnboundRejection};
use crate::browser::Browser;
use crate::consent::Approval;
use crate::page::ReturnedTicket;
use crate::record::Unreadable;
use crate::return_address::ReturnAddress;
use crate::sealed_handle::SealedHandle;
use crate::token_page::{TokenPageRequest, TokenPageRequestText};

const STATE: Purpose = "login-state";
/// One record for each login that is under way.
const LOGIN: Kind = "login";
/// A counter for each: whoever claims it first may finish it.
const LOGIN_USE: Kind = "login-use";
/// A counter for each minute: the logins that began in it.
const LOGINS: Kind = "logins";
/// Seconds to sign in: time for a password, a second factor and a phone that is in another room.
const LOGIN_SECONDS: u64 = 10 * 60;
/// Seconds in which so many logins may begin as the operator allows.
const MINUTE: u64 = 60;

/// A login that is about to begin.
#[derive(Debug)]
pub struct PendingLogin {
    handle: SealedHandle,
    state: SecretString,
    /// From this second on it cannot be finished. What it leaves in the store may be there for longer: where the login is
    /// found by a ticket, its end in the store must follow from the ticket alone.
    ends_at: UnixTime,
}

/// What makes two answers to one page begin two logins: different decisions.
#[derive(Clone, Copy, Debug)]
pub struct PageDecision<'a> {
    /// Where the user signs in.
    pub provider: &'a IdentityProvider,
    /// With which account.
    pub account: AccountChoice,
    /// How they approved; `None` where there is nothing to approve.
    pub approval: Option<Approval>,
    /// Which token they want by hand, where that is what they sign in for.
    pub token: Option<&'a TokenPageRequest>,
}

/// Randomness that follows from a login's secret: whoever begins the same login again makes the same of it.
#[derive(Debug)]
pub struct LoginEntropy {
    secret: HandleSecret,
    number: u64,
}

/// Why a login does not begin; nobody may be sent away.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BeginRejection {
    /// The page was answered before, and what that began is over.
    #[error("the page was answered before, and the login that it began is over")]
    AlreadyFinished,
    /// More logins have begun than the operator allows in a minute.
    #[error("too many logins have begun in this minute")]
    TooMany {
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
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
    SessionsPage,
    /// To see and change the accounts that they have linked.
    ConnectionsPage,
    /// To get an access token by hand.
    TokenPage(TokenPageRequest),
    /// To be signed in with the browser, and to go there.
    Browser(ReturnAddress),
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
    /// When it began.
    pub begun_at: UnixTime,
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
    location: &'a str,
    ends_at: u64,
}

#[derive(Deserialize)]
struct LoginText {
    purpose: PurposeText,
    provider: String,
    issuer: String,
    secrets: LoginSecrets,
    browser: String,
    location: String,
    ends_at: u64,
}

#[derive(Serialize, Deserialize)]
enum PurposeText {
    Authorization {
        request: RequestText,
        approval: Approval,
    },
    /// Under the name that logins have that are under way.
    #[serde(rename = "Account")]
    SessionsPage,
    ConnectionsPage,
    TokenPage(TokenPageRequestText),
    Browser(String),
}

impl PendingLogin {
    /// A new login with a state of its own.
    ///
    /// # Errors
    /// Where the state cannot be sealed.
    pub fn generate(keys: &KeyRing, now: UnixTime, entropy: &mut impl Entropy) -> Result<Self, Unopenable> {
        Self::of(SealedHandle::generate(now.plus(LOGIN_SECONDS), entropy), keys, now, entropy)
    }

    /// The login that the page of `ticket` begins with this decision: the same each time.
    ///
    /// # Errors
    /// Where the state cannot be sealed.
    pub fn of_ticket(
        ticket: &ReturnedTicket,
        decision: &PageDecision<'_>,
        keys: &KeyRing,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Self, Unopenable> {
        Self::of(SealedHandle::of_ticket(ticket, decision), keys, now, entropy)
    }

    fn of(handle: SealedHandle, keys: &KeyRing, now: UnixTime, entropy: &mut impl Entropy) -> Result<Self, Unopenable> {
        let state = handle.seal(STATE, keys, entropy)?;
        Ok(Self { handle, state, ends_at: now.plus(LOGIN_SECONDS) })
    }

    /// The `state` for the identity provider.
    pub fn state(&self) -> &str {
        self.state.expose()
    }

    /// Where nonce and verifier come from.
    pub fn entropy(&self) -> LoginEntropy {
        LoginEntropy { secret: self.handle.secret.derive("login-entropy", 0), number: 0 }
    }

    /// Where the user was sent when the same login began before, and is still under way.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn under_way(&self, store: &impl Store, now: UnixTime) -> Result<Option<String>, StoreUnavailable> {
        let text = read(&self.handle, store)?;
        Ok(text.filter(|text| now.seconds() < text.ends_at).map(|text| text.location))
    }

    /// Counts a login that is about to begin, of `per_minute` in all. There is no trustworthy address to count by, and a
    /// cookie costs whoever wants another one nothing.
    ///
    /// # Errors
    /// [`BeginRejection::TooMany`] where that is one too many; it leaves nothing but the count.
    pub fn count(&self, per_minute: u32, store: &impl Store, now: UnixTime) -> Result<(), BeginRejection> {
        count_as(LOGINS, "minute", per_minute, store, now)
    }

    /// Keeps what is needed when the user comes back, who is sent to `login`. Until this has succeeded, nobody may be sent
    /// away.
    ///
    /// # Errors
    /// See [`BeginRejection`].
    pub fn keep(
        self,
        purpose: &LoginPurpose,
        provider: &IdentityProvider,
        login: &Login,
        browser: &Browser,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), BeginRejection> {
        let text = LoginTextRef {
            purpose: purpose.to_text(),
            provider: &provider.name,
            issuer: &provider.issuer,
            secrets: &login.secrets,
            browser: browser.digest(),
            location: login.authorization_url.as_str(),
            ends_at: self.ends_at.seconds(),
        };
        // The counter first: what was finished must not be kept again.
        match issue_again(store, &self.handle.key(LOGIN_USE).map_err(StoreUnavailable::from)?)? {
            Issue::Open => Ok(self.handle.record(LOGIN).put(&text, store, entropy)?),
            Issue::Claimed => Err(BeginRejection::AlreadyFinished),
        }
    }
}

/// Counts something that is about to begin and sends a user elsewhere, of `per_minute` with this counter.
pub(crate) fn count_as(
    kind: Kind,
    name: &str,
    per_minute: u32,
    store: &impl Store,
    now: UnixTime,
) -> Result<(), BeginRejection> {
    let end = UnixTime::from_seconds((now.seconds() / MINUTE).saturating_add(1).saturating_mul(MINUTE));
    let count = store.increment(&Key::new(kind, name, end).map_err(StoreUnavailable::from)?, 1)?;
    if count > u64::from(per_minute) {
        return Err(BeginRejection::TooMany { retry_after: now.seconds_until(end) });
    }
    Ok(())
}

/// Ends what the page of `ticket` has begun where the user now denies: whoever comes back from the provider is not let in.
///
/// # Errors
/// Where the store does not answer; the login may then still be under way.
pub fn cancel(
    ticket: &ReturnedTicket,
    decisions: &[PageDecision<'_>],
    store: &impl Store,
) -> Result<(), StoreUnavailable> {
    for decision in decisions {
        store.delete(&SealedHandle::of_ticket(ticket, decision).key(LOGIN)?)?;
    }
    Ok(())
}

impl SealedHandle {
    /// That of the login which the page of `ticket` begins with this decision.
    fn of_ticket(ticket: &ReturnedTicket, decision: &PageDecision<'_>) -> Self {
        let secret = ticket.secret.derive(&decision.label(), 0);
        Self { secret, expires_at: ticket.expires_at.plus(LOGIN_SECONDS) }
    }
}

impl PageDecision<'_> {
    /// Different for different decisions.
    fn label(&self) -> String {
        let account = match self.account {
            AccountChoice::ByProvider => "by-provider",
            AccountChoice::ByUser => "by-user",
        };
        let approval = match self.approval {
            None => "none",
            Some(Approval::Given { remember: false }) => "given",
            Some(Approval::Given { remember: true }) => "to-be-remembered",
            Some(Approval::Remembered) => "remembered",
            Some(Approval::ForEverybody) => "for-everybody",
            Some(Approval::ByAdministrator) => "by-administrator",
            Some(Approval::Preauthorized) => "preauthorized",
        };
        let token = self.token.map(TokenPageRequest::label).unwrap_or_default();
        format!("login/{account}/{approval}/{}{token}", self.provider.name)
    }
}

impl Entropy for LoginEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(HandleSecret::LENGTH) {
            let derived = self.secret.derive("bytes", self.number);
            self.number = self.number.saturating_add(1);
            for (byte, value) in chunk.iter_mut().zip(derived.expose()) {
                *byte = *value;
            }
        }
    }
}

/// The record of a login; `None` where it was finished, or never kept.
fn read(handle: &SealedHandle, store: &impl Store) -> Result<Option<LoginText>, StoreUnavailable> {
    handle.record(LOGIN).get(store).map_err(|error| match error {
        Unreadable::Foreign => StoreUnavailable("a login record cannot be read".to_owned()),
        Unreadable::Unavailable(error) => error,
    })
}

impl<'c> ReturnedLogin<'c> {
    /// Finds the login that `state` names and takes it, once, for the browser that has one of these values.
    ///
    /// # Errors
    /// See [`LoginRejection`]. A callback in the wrong browser does not use the login up.
    pub fn take<'b>(
        state: &str,
        browser: impl IntoIterator<Item = &'b Browser>,
        keys: &KeyRing,
        configuration: &'c Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, LoginRejection> {
        let handle = SealedHandle::open(STATE, keys, state).map_err(|_| LoginRejection::Unrecognised)?;
        if now >= handle.expires_at {
            return Err(LoginRejection::Expired);
        }
        let text = read(&handle, store)?.ok_or(LoginRejection::AlreadyFinished)?;
        if now.seconds() >= text.ends_at {
            return Err(LoginRejection::Expired);
        }
        if !browser.into_iter().any(|browser| browser.digest() == text.browser) {
            return Err(LoginRejection::OtherBrowser);
        }
        let counter = handle.key(LOGIN_USE).map_err(StoreUnavailable::from)?;
        if claim_issued_again(store, &counter)? != Claim::Won {
            return Err(LoginRejection::AlreadyFinished);
        }
        store.delete(&handle.key(LOGIN).map_err(StoreUnavailable::from)?)?;
        let provider = configuration.identity_provider(&text.provider);
        // The name alone would not do: the code must not reach a provider that has been given the name since.
        let provider = provider.filter(|provider| provider.issuer == text.issuer);
        let provider = provider.ok_or(LoginRejection::WithdrawnProvider)?;
        let purpose = LoginPurpose::restore(&text.purpose, configuration, keys, store, now)?;
        let begun_at = UnixTime::from_seconds(text.ends_at.saturating_sub(LOGIN_SECONDS));
        Ok(Self { purpose, provider, secrets: text.secrets, begun_at })
    }
}

impl LoginPurpose {
    /// How it was approved; `None` where there is nothing to approve.
    pub fn approval(&self) -> Option<Approval> {
        match self {
            Self::Authorization { approval, .. } => Some(*approval),
            Self::SessionsPage | Self::ConnectionsPage | Self::TokenPage(_) | Self::Browser(_) => None,
        }
    }

    /// Which token is wanted by hand, where that is what it is for.
    pub const fn token(&self) -> Option<&TokenPageRequest> {
        match self {
            Self::TokenPage(request) => Some(request),
            Self::Authorization { .. } | Self::SessionsPage | Self::ConnectionsPage | Self::Browser(_) => None,
        }
    }

    fn to_text(&self) -> PurposeText {
        match self {
            Self::Authorization { request, approval } => {
                PurposeText::Authorization { request: request.to_text(), approval: *approval }
            }
            Self::SessionsPage => PurposeText::SessionsPage,
            Self::ConnectionsPage => PurposeText::ConnectionsPage,
            Self::TokenPage(request) => PurposeText::TokenPage(request.to_text()),
            Self::Browser(address) => PurposeText::Browser(address.as_str().to_owned()),
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
            PurposeText::SessionsPage => Self::SessionsPage,
            PurposeText::ConnectionsPage => Self::ConnectionsPage,
            PurposeText::TokenPage(text) => Self::TokenPage(TokenPageRequest::restore(text, configuration)?),
            PurposeText::Browser(text) => {
                let address = ReturnAddress::parse(text, configuration).ok();
                let address = address.filter(|_| configuration.browser_sign_in.enabled);
                Self::Browser(address.ok_or(UnboundRejection::ForeignRedirectUri)?)
            }
        })
    }
}

#[cfg(test)]
mod tests;
