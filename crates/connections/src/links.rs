//! Links: whose account acts at an API, kept sealed.
//!
//! A link is two records. One is found by its owner and the connection alone, and leads to the other, which has the tokens. So who
//! links again, or removes a link, takes the way to the tokens away at once: what was under way with the former ones finds nobody.
//! Nobody who lacks the server keys comes from an owner to a record, and no record tells whose it is.

use gatehouse_configuration::Connection;
use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};

use crate::LinkedTokens;
use crate::link::{Link, LinkFacts, LinkText, unreadable};
use crate::renewal::TokensRecord;

/// One record for each link: where its tokens are.
const LINK: Kind = "connection";
const PURPOSE: Purpose = "connection";
/// Days for which a link lasts at least. It ends with the period after the one in which it was made, so in twice as many at most.
pub const LINK_DAYS: u64 = 180;
const PERIODS: Periods = Periods::of_seconds(LINK_DAYS * 24 * 60 * 60);

/// Whose account is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// This user's own.
    User(&'a Subject),
    /// One for everybody.
    Everybody,
}

/// The links in `store`, seen at `now`.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a, S> {
    /// Where they are.
    pub store: &'a S,
    /// What they are found with, and sealed.
    pub keys: &'a KeyRing,
    /// The time of the request.
    pub now: UnixTime,
}

/// Whether an entry is a link. Its name tells neither whose it is, nor at which connection.
pub fn is_link(entry: &Key) -> bool {
    entry.kind() == LINK
}

impl<'a> Owner<'a> {
    /// The owner of the link that is used for `subject`; `None` for somebody who has none of their own.
    pub fn of(connection: &Connection, subject: Option<&'a Subject>) -> Option<Self> {
        if connection.is_shared() { Some(Self::Everybody) } else { subject.map(Self::User) }
    }

    fn parts(&self) -> [&'a str; 2] {
        match self {
            Self::User(subject) => ["user", subject.as_str()],
            Self::Everybody => ["everybody", ""],
        }
    }
}

impl<S: Store> Links<'_, S> {
    /// The owner's link; `None` where there is none.
    ///
    /// # Errors
    /// Where the store does not answer, or what it answers cannot be read.
    pub fn find(&self, owner: Owner<'_>, connection: &Connection) -> Result<Option<Link>, StoreUnavailable> {
        let places = self.places(owner, connection)?;
        let keys: Vec<_> = places.iter().map(|(_, key)| key).collect();
        let values = self.store.get_many(&keys)?;
        for ((place, key), value) in places.into_iter().zip(values) {
            let Some(sealed) = value else { continue };
            let text = place.open_record(&key.to_string(), &sealed).map_err(|_| unreadable(&key))?;
            let text: LinkText = serde_json::from_slice(&text).map_err(|_| unreadable(&key))?;
            let secret = HandleSecret::from_slice(&text.secret).ok_or_else(|| unreadable(&key))?;
            let facts = LinkFacts {
                linked_at: UnixTime::from_seconds(text.linked_at),
                ends_at: key.expires_at(),
                linked_by: text.linked_by,
            };
            return Ok(Some(Link { key, place, secret, facts }));
        }
        Ok(None)
    }

    /// Keeps the tokens of a link that was just made; it takes the place of the one before.
    ///
    /// # Errors
    /// Where the store does not answer; then the link before may be gone, and the new one is not there.
    pub fn put(
        &self,
        owner: Owner<'_>,
        connection: &Connection,
        tokens: LinkedTokens,
        linked_by: Option<&Subject>,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        self.forget(owner, connection)?;
        let places = self.places(owner, connection)?;
        let (place, key) = places.into_iter().next().ok_or_else(no_keys)?;
        let secret = HandleSecret::generate(entropy);
        let text = LinkText {
            secret: secret.expose().to_vec(),
            linked_at: self.now.seconds(),
            linked_by: linked_by.map(Subject::to_string),
        };
        let facts = LinkFacts { linked_at: self.now, ends_at: key.expires_at(), linked_by: text.linked_by.clone() };
        let link = Link { key, place, secret, facts };
        // The tokens first: whoever finds the way finds them.
        link.put(&TokensRecord::first(tokens, self.now), self.store, entropy)?;
        let text = serde_json::to_vec(&text).map_err(|_| unreadable(&link.key))?;
        let sealed =
            link.place.seal_record(&link.key.to_string(), &text, entropy).map_err(|_| unreadable(&link.key))?;
        self.store.put(&link.key, &sealed)
    }

    /// Ends the owner's link. What it had, so that it can be revoked; `None` where there was none.
    ///
    /// # Errors
    /// Where the store does not answer; the link may then still be there.
    pub fn remove(&self, owner: Owner<'_>, connection: &Connection) -> Result<Option<LinkedTokens>, StoreUnavailable> {
        let found = self.find(owner, connection)?;
        let tokens = found.map(|link| link.tokens(self.store)).transpose()?.flatten();
        self.forget(owner, connection)?;
        Ok(tokens.map(TokensRecord::into_tokens))
    }

    /// Removes the way to the tokens first, wherever it can be, and then the tokens.
    fn forget(&self, owner: Owner<'_>, connection: &Connection) -> Result<(), StoreUnavailable> {
        let found = self.find(owner, connection)?;
        for (_, key) in self.places(owner, connection)? {
            self.store.delete(&key)?;
        }
        found.map_or(Ok(()), |link| link.delete_tokens(self.store))
    }

    /// Where the link can be: under each server key, that of the newest first, and in each of two periods.
    fn places(&self, owner: Owner<'_>, connection: &Connection) -> Result<Vec<(HandleSecret, Key)>, StoreUnavailable> {
        let context = [owner.parts().as_slice(), &connection.identity()].concat();
        let mut places = Vec::new();
        for id in self.keys.ids() {
            let place = HandleSecret::from(self.keys.derived(id, PURPOSE, &context).ok_or_else(no_keys)?);
            for end in PERIODS.possible_ends(self.now) {
                places.push((place.clone(), Key::new(LINK, &place.record_id(), end)?));
            }
        }
        Ok(places)
    }
}

fn no_keys() -> StoreUnavailable {
    StoreUnavailable("there are no server keys".to_owned())
}

/// Tokens for the tests.
#[cfg(test)]
pub(crate) fn tokens(access: &str, refresh: Option<&str>, expires_in: Option<u64>) -> LinkedTokens {
    use gatehouse_protocol::SecretString;
    LinkedTokens {
        access_token: SecretString::new(access.to_owned()),
        refresh_token: refresh.map(|text| SecretString::new(text.to_owned())),
        expires_in,
    }
}

#[cfg(test)]
mod tests;
