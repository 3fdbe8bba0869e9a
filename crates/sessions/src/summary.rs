//! What a session's owner sees of it.

use gatehouse_protocol::{ClientId, ClientName, Entropy, ResourceUri, Scopes, UnixTime};
use gatehouse_storage::{Kind, Store};
use serde::{Deserialize, Serialize};

use crate::record::{self, SessionRecord, broken};
use crate::{Rejection, SessionBrowser, SessionBrowserText, SessionName};

/// One record for each session, sealed under its name.
const SUMMARY: Kind = "summary";

/// An open session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What a page calls the session: 43 base64url characters that lead nowhere but, with its owner, to the session.
    pub id: String,
    /// The client that the user allowed.
    pub client_id: ClientId,
    /// What the client called itself then.
    pub client_name: ClientName,
    /// Where the user allowed it; `None` where their organisation did, and of sessions from before it was noted.
    pub browser: Option<SessionBrowser>,
    /// What the tokens are for.
    pub resource: ResourceUri,
    /// What was granted.
    pub scopes: Scopes,
    /// When the client got its first tokens.
    pub opened_at: UnixTime,
    /// When the client last refreshed them. What it did with the tokens is not recorded: requests write nothing.
    pub last_used_at: UnixTime,
    /// The end of the session, at the latest.
    pub expires_at: UnixTime,
}

#[derive(Serialize, Deserialize)]
struct SummaryText {
    client_id: String,
    client_name: String,
    /// Absent in what was written before it was noted.
    #[serde(default)]
    browser: Option<SessionBrowserText>,
    resource: String,
    scopes: String,
    opened_at: u64,
    last_used_at: u64,
}

impl Summary {
    /// What the session's owner sees of it.
    pub(crate) fn of(record: &SessionRecord, name: &SessionName) -> Self {
        Self {
            id: name.id(),
            client_id: record.principal.client_id.clone(),
            client_name: record.client_name.clone(),
            browser: record.browser.clone(),
            resource: record.principal.resource.clone(),
            scopes: record.principal.scopes.clone(),
            opened_at: record.opened_at,
            last_used_at: record.rotated_at,
            expires_at: name.expires_at,
        }
    }

    pub(crate) fn put(
        &self,
        name: &SessionName,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let text = SummaryText {
            client_id: self.client_id.to_string(),
            client_name: self.client_name.as_str().to_owned(),
            browser: self.browser.as_ref().map(SessionBrowserText::from),
            resource: self.resource.to_string(),
            scopes: self.scopes.to_string(),
            opened_at: self.opened_at.seconds(),
            last_used_at: self.last_used_at.seconds(),
        };
        record::put(&text, &name.secret, &name.key(SUMMARY, 0)?, store, entropy)
    }

    /// `None` once the session has ended.
    pub(crate) fn get(name: &SessionName, store: &impl Store) -> Result<Option<Self>, Rejection> {
        let Some(text) = record::get::<SummaryText>(&name.secret, &name.key(SUMMARY, 0)?, store)? else {
            return Ok(None);
        };
        let broken = || broken(SUMMARY);
        Ok(Some(Self {
            id: name.id(),
            client_id: ClientId::parse(&text.client_id).map_err(|_| broken())?,
            client_name: ClientName::parse(&text.client_name).map_err(|_| broken())?,
            browser: text.browser.map(SessionBrowser::from),
            resource: ResourceUri::parse(&text.resource).map_err(|_| broken())?,
            scopes: Scopes::parse(&text.scopes).map_err(|_| broken())?,
            opened_at: UnixTime::from_seconds(text.opened_at),
            last_used_at: UnixTime::from_seconds(text.last_used_at),
            expires_at: name.expires_at,
        }))
    }

    /// Whether the session has one, whatever it says: whether it has not ended.
    pub(crate) fn is_there(name: &SessionName, store: &impl Store) -> Result<bool, Rejection> {
        Ok(store.get(&name.key(SUMMARY, 0)?)?.is_some())
    }

    pub(crate) fn delete(name: &SessionName, store: &impl Store) -> Result<(), Rejection> {
        Ok(store.delete(&name.key(SUMMARY, 0)?)?)
    }
}
