//! A link that is about to be made: what is kept while the OAuth server of a connection asks the user.
//!
//! It is bound to the user who began it, and to their browser. Whoever is led to its address, and allows it there, links nothing: the
//! answer counts only in the same browser, with the same user still signed in (MCP 2025-11-25, elicitation, "Phishing"), who has not
//! signed out everywhere meanwhile. It counts once, and only at the redirect URI of the same connection (RFC 9700, section 4.4.2).

use gatehouse_configuration::Connection;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{CodeVerifier, Entropy, SecretString, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::{Claim, Kind, Store, StoreUnavailable, claim, issue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::browser::Browser;
use crate::login::{self, BeginRejection};
use crate::record::Unreadable;
use crate::sealed_handle::SealedHandle;
use crate::signed_out::has_signed_out_since;

const STATE: Purpose = "connection-state";
/// One record for each link that is about to be made.
const LOGIN: Kind = "connection-login";
/// A counter for each: whoever claims it first may finish it.
const LOGIN_USE: Kind = "connection-login-use";
/// A counter for each user: the links that they began in this minute.
const LOGINS: Kind = "connection-logins";
const LOGINS_SECRET: Purpose = "connection-logins";
/// How many links one user may begin in a minute. They are known, so nobody else's sign-ins are counted with them.
const LINKS_PER_MINUTE: u32 = 20;
/// Seconds to sign in at the server, and to decide there.
const LOGIN_SECONDS: u64 = 10 * 60;

/// A link that is about to be made.
#[derive(Debug)]
pub struct PendingLink {
    handle: SealedHandle,
    state: SecretString,
    verifier: CodeVerifier,
}

/// A link whose user came back, and that nobody else can finish any more.
#[derive(Debug)]
pub struct ReturnedLink<'c> {
    /// At which connection.
    pub connection: &'c Connection,
    /// What proves that the code is for us.
    pub verifier: CodeVerifier,
}

/// Why an answer does not count. Nothing of it may be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkRejection {
    /// The state is forged or altered.
    #[error("the state is not one of ours")]
    Unrecognised,
    /// The user took too long.
    #[error("the link has expired")]
    Expired,
    /// It came to the redirect URI of another connection: the answer of another server (the mix-up attack).
    #[error("the answer came to the redirect URI of another connection")]
    OtherConnection,
    /// It was begun in another browser.
    #[error("the link was begun in another browser")]
    OtherBrowser,
    /// It was begun by another user, or nobody is signed in any more.
    #[error("the link was begun by another user, or nobody is signed in any more")]
    OtherUser,
    /// The user has signed out everywhere since.
    #[error("the user has signed out everywhere since the link was begun")]
    SignedOut,
    /// It was finished before.
    #[error("the link was finished before")]
    AlreadyFinished,
    /// The operator has taken the connection away meanwhile, or changed it.
    #[error("the connection is no longer configured as it was")]
    Withdrawn,
    /// It cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

#[derive(Serialize, Deserialize)]
struct LinkText {
    connection: Vec<String>,
    subject: String,
    browser: String,
    verifier: String,
}

impl PendingLink {
    /// A new one, counted among those that `subject` began in this minute.
    ///
    /// # Errors
    /// Where these are more than 20, or the store does not answer.
    pub fn begin(
        subject: &Subject,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Self, BeginRejection> {
        let secret = keys.subject_secrets(LOGINS_SECRET, subject).next();
        let secret = secret.ok_or_else(|| StoreUnavailable("there is no server key".to_owned()))?;
        login::count_as(LOGINS, &secret.record_id(), LINKS_PER_MINUTE, store, now)?;
        let handle = SealedHandle::generate(now.plus(LOGIN_SECONDS), entropy);
        let state =
            handle.seal(STATE, keys, entropy).map_err(|error: Unopenable| StoreUnavailable(error.to_string()))?;
        Ok(Self { handle, state, verifier: CodeVerifier::generate(entropy) })
    }

    /// The `state` for the server.
    pub fn state(&self) -> &str {
        self.state.expose()
    }

    /// What the code challenge is made of.
    pub const fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    /// Keeps what is needed when the user comes back. Until this has succeeded, nobody may be sent away.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn keep(
        self,
        connection: &Connection,
        subject: &Subject,
        browser: &Browser,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let text = LinkText {
            connection: connection.identity().map(str::to_owned).to_vec(),
            subject: subject.to_string(),
            browser: browser.digest(),
            verifier: self.verifier.expose().to_owned(),
        };
        issue(store, &self.handle.key(LOGIN_USE)?)?;
        self.handle.record(LOGIN).put(&text, store, entropy)
    }
}

impl<'c> ReturnedLink<'c> {
    /// Finds the link that `state` names, whose answer came to the redirect URI of the connection `name`, and takes it, once, for the
    /// browser that has one of these values and in which `subject` is signed in.
    ///
    /// # Errors
    /// See [`LinkRejection`]. An answer in the wrong browser, for the wrong user or at the wrong place does not use the link up.
    #[expect(clippy::too_many_arguments, reason = "each is something that the answer must fit")]
    pub fn take<'b>(
        state: &str,
        name: &str,
        browser: impl IntoIterator<Item = &'b Browser>,
        subject: Option<&Subject>,
        keys: &KeyRing,
        configuration: &'c Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, LinkRejection> {
        let handle = SealedHandle::open(STATE, keys, state).map_err(|_| LinkRejection::Unrecognised)?;
        if now >= handle.expires_at {
            return Err(LinkRejection::Expired);
        }
        let text: Option<LinkText> = handle.record(LOGIN).get(store).map_err(|error| match error {
            Unreadable::Foreign => StoreUnavailable("a connection-login record cannot be read".to_owned()),
            Unreadable::Unavailable(error) => error,
        })?;
        let text = text.ok_or(LinkRejection::AlreadyFinished)?;
        if !browser.into_iter().any(|browser| browser.digest() == text.browser) {
            return Err(LinkRejection::OtherBrowser);
        }
        let subject = subject.filter(|subject| subject.as_str() == text.subject).ok_or(LinkRejection::OtherUser)?;
        if text.connection.first().is_none_or(|begun_at| begun_at != name) {
            return Err(LinkRejection::OtherConnection);
        }
        let begun_at = UnixTime::from_seconds(handle.expires_at.seconds().saturating_sub(LOGIN_SECONDS));
        if has_signed_out_since(begun_at, subject, keys, store)? {
            return Err(LinkRejection::SignedOut);
        }
        if claim(store, &handle.key(LOGIN_USE).map_err(StoreUnavailable::from)?)? != Claim::Won {
            return Err(LinkRejection::AlreadyFinished);
        }
        store.delete(&handle.key(LOGIN).map_err(StoreUnavailable::from)?)?;
        // The name alone would not do: the code must not reach a server that has been given the name since.
        let connection = configuration.connection(name);
        let connection = connection.filter(|connection| connection.identity().as_slice() == text.connection);
        let connection = connection.ok_or(LinkRejection::Withdrawn)?;
        let verifier = CodeVerifier::parse(&text.verifier);
        let verifier = verifier.map_err(|_| StoreUnavailable("a stored code_verifier is none".to_owned()))?;
        Ok(Self { connection, verifier })
    }
}

#[cfg(test)]
mod tests;
