//! Consents that an administrator gave for all users of an identity provider.
//!
//! They are one list for each provider, sealed, and with a highest number of entries. An entry counts for 90 days, and only as long
//! as it is listed: what an administrator takes back counts for nobody who comes afterwards.

use core::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::{Entropy, Scopes, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing};
use gatehouse_sealed_storage::subject_index::{Entry, List, SubjectIndex};
use gatehouse_storage::{Store, StoreUnavailable};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::AuthorizationRequest;
use crate::preauthorization::may_be_approved_for_everybody;

/// Seconds for which one counts: what cannot be listed any more must not count any more.
pub const LIFETIME: u64 = 90 * 24 * 60 * 60;
/// How many there can be for the users of one provider. The list has twice the room, so that no addition ever has to end one that
/// counts: of the oldest that an addition looks at, one is always over.
pub const MOST: usize = 50;
/// Whose list it is, behind the provider's name. No user has a list of this kind.
const OWNER: &str = "administrators";

/// The consents for all users of a provider, as seen at `now`.
#[derive(Clone, Copy, Debug)]
pub struct AdministratorConsents<'a, S> {
    /// Where they are.
    pub store: &'a S,
    /// What seals them.
    pub keys: &'a KeyRing,
    /// Whose users they are for.
    pub provider: &'a IdentityProvider,
    /// The time of the request.
    pub now: UnixTime,
}

/// A consent for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdministratorConsent {
    /// Names it to [`AdministratorConsents::take_back`].
    pub id: String,
    /// The client's id.
    pub client_id: String,
    /// The client's name, as it was when the administrator saw it.
    pub client_name: String,
    /// Where the client is answered, without the port of a loopback URI.
    pub redirect_uri: String,
    /// The same for people: the host, or the scheme.
    pub redirect_host: String,
    /// For what.
    pub resource: String,
    /// What was allowed there, separated by spaces.
    pub scopes: String,
    /// Who gave it.
    pub given_by: String,
    /// What the provider calls them, if it does.
    pub given_by_name: Option<String>,
    /// When, in seconds since the Unix epoch.
    pub given_at: u64,
}

/// Why a consent for everybody was not given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotGiven {
    /// The client is one that nobody can answer for.
    #[error("a client that registered itself for a program cannot be allowed for everybody")]
    Client,
    /// There are as many as may be.
    #[error("there are as many consents for everybody as may be; take one back first")]
    Full,
    /// It cannot be kept.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl<S: Store> AdministratorConsents<'_, S> {
    /// Whether an administrator has consented to all that is asked for.
    ///
    /// # Errors
    /// Where the store does not answer: the user is to be asked.
    pub fn cover(&self, request: &AuthorizationRequest) -> Result<bool, StoreUnavailable> {
        if self.provider.administrator_roles.is_empty() || !may_be_approved_for_everybody(request) {
            return Ok(false);
        }
        Ok(self.all()?.iter().any(|consent| {
            let scopes = Scopes::parse(&consent.scopes).unwrap_or_default();
            consent.is_about(request) && scopes.contains_all(&request.scopes)
        }))
    }

    /// Gives the consent in the name of `subject`, whom the provider calls `name`, and who has been found to be an administrator. It
    /// takes the place of one about the same client, place and resource.
    ///
    /// # Errors
    /// See [`NotGiven`].
    pub fn give(
        &self,
        request: &AuthorizationRequest,
        subject: &Subject,
        name: Option<&str>,
        entropy: &mut impl Entropy,
    ) -> Result<(), NotGiven> {
        if !may_be_approved_for_everybody(request) {
            return Err(NotGiven::Client);
        }
        let redirect_uri = request.redirect_uri.redirect_uri();
        let consent = AdministratorConsent {
            id: URL_SAFE_NO_PAD.encode(HandleSecret::generate(entropy).expose()),
            client_id: request.client.client_id.to_string(),
            client_name: request.client.client_name.as_str().to_owned(),
            redirect_uri: redirect_uri.comparable().into_owned(),
            redirect_host: redirect_uri.host_and_port(),
            resource: request.resource.to_string(),
            scopes: request.scopes.to_string(),
            given_by: subject.to_string(),
            given_by_name: name.map(str::to_owned),
            given_at: self.now.seconds(),
        };
        let content = serde_json::to_vec(&consent).map_err(|error| StoreUnavailable(error.to_string()))?;
        let entries = self.entries()?;
        let (same, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(listed, _)| listed.is_about(request));
        if others.len() >= MOST {
            return Err(NotGiven::Full);
        }
        for (_, entry) in same {
            self.index().remove(&entry)?;
        }
        let alive_until = |entry: &Entry| {
            let listed = serde_json::from_slice::<AdministratorConsent>(&entry.content).ok();
            Ok::<_, StoreUnavailable>(listed.map(|listed| UnixTime::from_seconds(listed.given_at).plus(LIFETIME)))
        };
        let list = List::AdministratorConsents;
        self.index().add(list, &self.owner()?, &content, entropy, alive_until, |_| Ok(()))?;
        Ok(())
    }

    /// All that count, newest first.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn all(&self) -> Result<Vec<AdministratorConsent>, StoreUnavailable> {
        let mut all: Vec<_> = self.entries()?.into_iter().map(|(consent, _)| consent).collect();
        all.sort_by_key(|consent| Reverse(consent.given_at));
        Ok(all)
    }

    /// Takes a consent back, for everybody who signs in from now on. One that is not there is what was wanted.
    ///
    /// # Errors
    /// Where the store does not answer; the consent may then still count.
    pub fn take_back(&self, id: &str) -> Result<Option<AdministratorConsent>, StoreUnavailable> {
        let mut taken_back = None;
        for (consent, entry) in self.entries()? {
            if consent.id == id {
                self.index().remove(&entry)?;
                taken_back = Some(consent);
            }
        }
        Ok(taken_back)
    }

    fn entries(&self) -> Result<Vec<(AdministratorConsent, Entry)>, StoreUnavailable> {
        let entries = self.index().entries(List::AdministratorConsents, &self.owner()?)?.into_iter();
        let read = entries.filter_map(|entry| Some((serde_json::from_slice(&entry.content).ok()?, entry)));
        Ok(read.filter(|(consent, _)| self.counts(consent)).collect())
    }

    fn counts(&self, consent: &AdministratorConsent) -> bool {
        let given_at = UnixTime::from_seconds(consent.given_at);
        given_at <= self.now && self.now < given_at.plus(LIFETIME)
    }

    fn owner(&self) -> Result<Subject, StoreUnavailable> {
        Subject::new(&self.provider.name, OWNER).map_err(|error| StoreUnavailable(error.to_string()))
    }

    fn index(&self) -> SubjectIndex<'_, S> {
        SubjectIndex { store: self.store, keys: self.keys, now: self.now }
    }
}

impl AdministratorConsent {
    /// Whether it is about this client, answered there, at this resource.
    fn is_about(&self, request: &AuthorizationRequest) -> bool {
        self.client_id == request.client.client_id.as_str()
            && self.redirect_uri == request.redirect_uri.redirect_uri().comparable()
            && self.resource == request.resource.to_string()
    }
}

#[cfg(test)]
mod tests;
