//! A link that was found.

use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Key, Store, StoreUnavailable};
use serde::{Deserialize, Serialize};

/// A link that is there.
#[derive(Clone, Debug)]
pub struct Link {
    pub(crate) key: Key,
    pub(crate) place: HandleSecret,
    pub(crate) secret: HandleSecret,
    /// What may be shown of it.
    pub facts: LinkFacts,
}

/// What may be shown of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// When it was made.
    pub linked_at: UnixTime,
    /// When it ends at the latest.
    pub ends_at: UnixTime,
    /// Of a link for everybody, who made it.
    pub linked_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct LinkText {
    pub(crate) secret: Vec<u8>,
    pub(crate) linked_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) linked_by: Option<String>,
}

impl Link {
    /// Whether this is still the owner's link.
    pub(crate) fn is_current(&self, store: &impl Store) -> Result<bool, StoreUnavailable> {
        let Some(sealed) = store.get(&self.key)? else { return Ok(false) };
        let text = self.place.open_record(&self.key.to_string(), &sealed).map_err(|_| unreadable(&self.key))?;
        let text: LinkText = serde_json::from_slice(&text).map_err(|_| unreadable(&self.key))?;
        Ok(text.secret == self.secret.expose())
    }
}

pub(crate) fn unreadable(key: &Key) -> StoreUnavailable {
    StoreUnavailable(format!("a {} record cannot be read or written", key.kind()))
}
