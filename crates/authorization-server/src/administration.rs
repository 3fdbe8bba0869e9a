//! The administrator's page: whose forms count, and what can be told of clients without opening anything that is another's.
//!
//! What is in the store is sealed under secrets that others hold, and the list of a user's sessions is found by the user alone. So the
//! page counts what the names of entries tell, and finds a user, or a client that registered, by the name that the administrator types.

pub mod environments;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_connections::is_link;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::{Kind, Store, StoreUnavailable};

use crate::browser::Browser;
use crate::client::Client;
use crate::client_document::KNOWN;
use crate::first_use::is_first_use;
use crate::page::{self, PageRejection, ReturnedTicket};
use crate::registered_client::{CLIENT, PERIODS};
use crate::sessions_page::SignedInUser;

const TICKET: Purpose = "administration-ticket";
/// Counter: a form that changes something was sent.
const FORM: Kind = "administration-form";
/// How many pages of the store's names are counted.
const MOST_PAGES: u32 = 20;

/// The ticket of the forms on the page that `operator` is shown.
///
/// # Errors
/// Where it cannot be sealed.
pub fn ticket(
    operator: &SignedInUser,
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    page::seal(TICKET, &[&browser.digest(), operator.subject.as_str()], &(), keys, now, entropy)
}

/// Makes sure that a form comes from a page that was shown to `operator`, in this browser.
///
/// # Errors
/// See [`PageRejection`].
pub fn check(
    operator: &SignedInUser,
    ticket: &str,
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
) -> Result<ReturnedTicket, PageRejection> {
    page::open(TICKET, &[&browser.digest(), operator.subject.as_str()], ticket, keys, now)
        .map(|((), returned)| returned)
}

/// Whether this form of the page is the first that changes something: of the forms of one page, one does.
///
/// # Errors
/// Where the store does not answer: then nothing may be changed.
pub fn is_first_change(ticket: &ReturnedTicket, store: &impl Store) -> Result<bool, StoreUnavailable> {
    is_first_use(FORM, "", &URL_SAFE_NO_PAD.encode(ticket.secret.expose()), ticket.expires_at, store)
}

/// How many clients there are that the configuration does not name, and how many linked accounts, as far as the names of their entries
/// tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// Registered, and used in this period of 45 days.
    pub used: u64,
    /// Registered, and used in the period before. A client that was used in both is counted in both.
    pub used_before: u64,
    /// Registered within the last day, and not used.
    pub unused: u64,
    /// With a document, and used within the last 180 days.
    pub with_document: u64,
    /// Accounts of other services that are linked, at all connections together.
    pub linked_accounts: u64,
    /// Whether the store has more entries than were counted.
    pub is_cut: bool,
}

impl EntryCounts {
    /// Counts them.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn of(store: &impl Store, now: UnixTime) -> Result<Self, StoreUnavailable> {
        let (mut counts, mut cursor) = (Self::default(), None);
        let [this, before] = PERIODS.possible_ends(now);
        for _ in 0..MOST_PAGES {
            let page = store.list(cursor.as_deref())?;
            for key in page.keys.iter().filter(|key| !key.has_expired(now)) {
                let end = key.expires_at();
                let count = match key.kind() {
                    CLIENT if end == this => &mut counts.used,
                    CLIENT if end == before => &mut counts.used_before,
                    CLIENT => &mut counts.unused,
                    KNOWN => &mut counts.with_document,
                    _ if is_link(key) => &mut counts.linked_accounts,
                    _ => continue,
                };
                *count = count.saturating_add(1);
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(counts);
            }
        }
        Ok(Self { is_cut: true, ..counts })
    }
}

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOrigin {
    /// The configuration names it.
    Configured,
    /// It has registered.
    Registered {
        /// Between when and when it was used last; `None` where it never was.
        last_used: Option<[UnixTime; 2]>,
    },
    /// It has a document, which is kept.
    Document,
}

impl Client {
    /// Where it comes from.
    pub fn origin(&self) -> ClientOrigin {
        match &self.registration {
            Some(registration) => ClientOrigin::Registered { last_used: registration.last_used() },
            None if self.is_configured => ClientOrigin::Configured,
            None => ClientOrigin::Document,
        }
    }

    /// Removes the registration of a client that registered. Tells whether there was one: the others are the configuration's, or
    /// their own site's.
    ///
    /// # Errors
    /// Where the store does not answer; it may then still be there.
    pub fn remove(&self, store: &impl Store, now: UnixTime) -> Result<bool, StoreUnavailable> {
        let Some(registration) = &self.registration else { return Ok(false) };
        registration.remove(store, now).map(|()| true)
    }
}

#[cfg(test)]
mod tests;
