//! Consents that a user does not want to be asked about again: for the same client, redirect URI, resource, scopes and
//! identity provider, in the same browser, for as long as the operator allows.
//!
//! A record is found and opened with the browser's cookie alone, so that nobody else's `/authorize` meets it. It says
//! who consented, and every one of them is listed in the directory of that subject, where they can take it back: a
//! record that is not listed does not count, however it came to be there.

use core::cmp::Reverse;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing};
use gatehouse_sealed_storage::subject_index::{Entry, List, SubjectIndex};
use gatehouse_storage::{InvalidKey, Key, Kind, Periods, Store, StoreUnavailable};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arrival::Arrival;
use crate::authorization::AuthorizationRequest;
use crate::browser::Browser;
use crate::consent::Approval;

/// One record for each.
const CONSENT: Kind = "consent";

/// Whether a remembered consent may stand for asking: not where the client wants the user asked, and only where the user
/// has opened the request themselves.
pub fn may_be_remembered(request: &AuthorizationRequest, arrival: &Arrival<'_>) -> bool {
    !request.prompts_consent && arrival.is_the_users_act(&request.client.client_id)
}

/// All remembered consents, as seen at `now`.
#[derive(Clone, Copy, Debug)]
pub struct RememberedConsents<'a, S> {
    /// Where they are.
    pub store: &'a S,
    /// What the subjects' directories are found with.
    pub keys: &'a KeyRing,
    /// Seconds for which one counts. 0: none ever does, and none is made.
    pub lifetime: u64,
    /// The time of the request.
    pub now: UnixTime,
}

/// A consent as the user who gave it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedConsent {
    /// Names it to [`RememberedConsents::forget`]: 43 base64url characters with which nothing can be opened.
    pub id: String,
    /// The client's id.
    pub client_id: String,
    /// The client's name, as it was when the user saw it.
    pub client_name: String,
    /// Where the client is answered: the host, or the scheme.
    pub redirect_host: String,
    /// For what.
    pub resource: String,
    /// What was allowed there, separated by spaces.
    pub scopes: String,
    /// When, in seconds since the Unix epoch.
    pub given_at: u64,
}

/// What the record holds, sealed under the browser's secret.
#[derive(Serialize, Deserialize)]
struct ConsentText {
    subject: String,
    given_at: u64,
}

/// What the directory holds: enough to show the consent and to delete its record, and not to open it.
#[derive(Serialize, Deserialize)]
struct EntryText {
    consent: ListedConsent,
    record_ends: u64,
}

impl<S: Store> RememberedConsents<'_, S> {
    /// Whether somebody has consented to this request before, in this browser. Who, is for
    /// [`is_approved_by`](Self::is_approved_by) to find out when somebody has signed in.
    ///
    /// # Errors
    /// Where the store does not answer: the user is to be asked.
    pub fn cover(
        &self,
        browser: &Browser,
        request: &AuthorizationRequest,
        provider: &IdentityProvider,
    ) -> Result<bool, StoreUnavailable> {
        Ok(self.find(&secret(browser, request, provider))?.is_some())
    }

    /// Whether the one who signed in is the one who approved. What others approved is not theirs. A remembered approval is looked up again: it may have
    /// been taken back meanwhile, or be another person's of the same browser.
    ///
    /// # Errors
    /// Where the store does not answer: nothing may be granted.
    pub fn is_approved_by(
        &self,
        subject: &Subject,
        approval: Approval,
        browser: &Browser,
        request: &AuthorizationRequest,
        provider: &IdentityProvider,
    ) -> Result<bool, StoreUnavailable> {
        match approval {
            Approval::Given { .. } => Ok(true),
            Approval::ForEverybody | Approval::ByAdministrator | Approval::Preauthorized => Ok(false),
            Approval::Remembered => {
                let secret = secret(browser, request, provider);
                let is_theirs = self.find(&secret)?.is_some_and(|text| text.subject == subject.as_str());
                let id = secret.record_id();
                Ok(is_theirs && self.entries(subject)?.iter().any(|(entry, _)| entry.consent.id == id))
            }
        }
    }

    /// Remembers that `subject` has consented, unless the lifetime is 0.
    ///
    /// # Errors
    /// Where the store does not answer; then the user will be asked again.
    pub fn remember(
        &self,
        subject: &Subject,
        browser: &Browser,
        request: &AuthorizationRequest,
        provider: &IdentityProvider,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if self.lifetime == 0 {
            return Ok(());
        }
        let secret = secret(browser, request, provider);
        let key = key(&secret.record_id(), self.periods().end_of_new(self.now))?;
        let given_at = self.now.seconds();
        let consent = ListedConsent {
            id: secret.record_id(),
            client_id: request.client.client_id.to_string(),
            client_name: request.client.client_name.as_str().to_owned(),
            redirect_host: request.redirect_uri.redirect_uri().host_and_port(),
            resource: request.resource.to_string(),
            scopes: request.scopes.to_string(),
            given_at,
        };
        let entry = to_json(&EntryText { consent, record_ends: key.expires_at().seconds() })?;
        self.list(subject, &secret.record_id(), &entry, entropy)?;
        let text = to_json(&ConsentText { subject: subject.to_string(), given_at })?;
        let sealed = secret.seal_record(&key.to_string(), &text, entropy);
        self.store.put(&key, &sealed.map_err(|error| StoreUnavailable(error.to_string()))?)
    }

    /// What `subject` need not be asked about, newest first.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn of(&self, subject: &Subject) -> Result<Vec<ListedConsent>, StoreUnavailable> {
        let mut seen = BTreeSet::new();
        let mut listed = Vec::new();
        let mut entries = self.entries(subject)?;
        // One that was passed over when others had to make room has the place of a newer one.
        entries.sort_by_key(|(entry, _)| Reverse(entry.consent.given_at));
        for (entry, _) in entries {
            let given_at = UnixTime::from_seconds(entry.consent.given_at);
            // One that was given again stands there again.
            let is_news = seen.insert(entry.consent.id.clone());
            if is_news && self.counts(given_at) && self.store.get(&entry.key()?)?.is_some() {
                listed.push(entry.consent);
            }
        }
        Ok(listed)
    }

    /// Deletes a consent of `subject`, whoever holds the browser's cookie. Forgetting what is not theirs, or not there,
    /// does nothing.
    ///
    /// # Errors
    /// Where the store does not answer; the consent may then still count.
    pub fn forget(&self, subject: &Subject, id: &str) -> Result<(), StoreUnavailable> {
        for (entry, listing) in self.entries(subject)? {
            if entry.consent.id == id {
                self.store.delete(&entry.key()?)?;
                self.subject_index().remove(&listing)?;
            }
        }
        Ok(())
    }

    /// Lists a consent, and no more the same one from before. Where the list is full of consents that count, the oldest is
    /// forgotten.
    fn list(
        &self,
        subject: &Subject,
        id: &str,
        entry: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let mut listed = self.entries(subject)?.into_iter().filter(|(listed, _)| listed.consent.id == id);
        // In its place: whoever gives the same consent again and again pushes no other one out. The record is written anew;
        // until then the old one does not count.
        let in_place = match listed.next() {
            Some((before, listing)) => {
                self.store.delete(&before.key()?)?;
                let replaced = self.subject_index().replace(List::Consents, subject, &listing, entry, entropy)?;
                if !replaced {
                    self.subject_index().remove(&listing)?;
                }
                replaced
            }
            None => false,
        };
        for (before, listing) in listed {
            self.store.delete(&before.key()?)?;
            self.subject_index().remove(&listing)?;
        }
        if in_place {
            return Ok(());
        }
        let text = |entry: &Entry| serde_json::from_slice::<EntryText>(&entry.content).ok();
        let alive_until = |entry: &Entry| match text(entry) {
            Some(text) => {
                let given_at = UnixTime::from_seconds(text.consent.given_at);
                let is_alive = self.counts(given_at) && self.store.get(&text.key()?)?.is_some();
                Ok(is_alive.then(|| given_at.plus(self.lifetime)))
            }
            None => Ok(None),
        };
        self.subject_index().add(List::Consents, subject, entry, entropy, alive_until, |entry| {
            text(entry).map_or(Ok(()), |text| self.store.delete(&text.key()?))
        })
    }

    fn find(&self, secret: &HandleSecret) -> Result<Option<ConsentText>, StoreUnavailable> {
        if self.lifetime == 0 {
            return Ok(None);
        }
        for end in self.periods().possible_ends(self.now) {
            let key = key(&secret.record_id(), end)?;
            let Some(sealed) = self.store.get(&key)? else { continue };
            // A record that cannot be read is none: the user is asked.
            let text = secret.open_record(&key.to_string(), &sealed).ok();
            let text = text.and_then(|text| serde_json::from_slice::<ConsentText>(&text).ok());
            return Ok(text.filter(|text| self.counts(UnixTime::from_seconds(text.given_at))));
        }
        Ok(None)
    }

    /// Whether what was given at that time has not ended. The operator may have changed the lifetime since.
    fn counts(&self, given_at: UnixTime) -> bool {
        given_at <= self.now && self.now < given_at.plus(self.lifetime)
    }

    fn entries(&self, subject: &Subject) -> Result<Vec<(EntryText, Entry)>, StoreUnavailable> {
        let entries = self.subject_index().entries(List::Consents, subject)?.into_iter();
        Ok(entries.filter_map(|entry| Some((serde_json::from_slice(&entry.content).ok()?, entry))).collect())
    }

    fn subject_index(&self) -> SubjectIndex<'_, S> {
        SubjectIndex { store: self.store, keys: self.keys, now: self.now }
    }

    const fn periods(&self) -> Periods {
        Periods::of_seconds(self.lifetime)
    }
}

impl EntryText {
    fn key(&self) -> Result<Key, InvalidKey> {
        key(&self.consent.id, UnixTime::from_seconds(self.record_ends))
    }
}

/// What finds and opens the record: it follows from the browser and from everything that must be the same.
fn secret(browser: &Browser, request: &AuthorizationRequest, provider: &IdentityProvider) -> HandleSecret {
    let mut scopes: Vec<&str> = request.scopes.iter().map(gatehouse_protocol::Scope::as_str).collect();
    scopes.sort_unstable();
    let redirect_uri = request.redirect_uri.redirect_uri().comparable();
    let mut parts =
        vec![request.client.client_id.as_str(), redirect_uri.as_ref(), request.resource.as_str(), &provider.name];
    parts.extend(scopes);
    let mut fingerprint = Sha256::new();
    for part in parts {
        // With its length in front, so that no two lists of parts make the same bytes.
        fingerprint.update((part.len() as u64).to_be_bytes());
        fingerprint.update(part);
    }
    browser.derive(&format!("consent/{}", URL_SAFE_NO_PAD.encode(fingerprint.finalize())))
}

fn key(id: &str, expires_at: UnixTime) -> Result<Key, InvalidKey> {
    Key::new(CONSENT, id, expires_at)
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, StoreUnavailable> {
    serde_json::to_vec(value).map_err(|error| StoreUnavailable(error.to_string()))
}

#[cfg(test)]
mod tests;
