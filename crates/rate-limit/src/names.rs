//! Names of tools that a client may make up: they must not fill the store.
//!
//! Where a rate says which tools it is about by a pattern, nobody here knows which of the names that it matches the server
//! has. So a subject's first [`MOST_NAMES`] names in a window are counted each by itself, and noted; what else it names in
//! that window is counted in one of [`SLOTS`] counters, by its hash. Of a server's own tools nobody uses as many; who makes
//! up names shares their counters with himself alone. First calls of one name that come at the same time take a place each;
//! some of them may be counted by themselves and some in a shared counter, where the last place is taken between them.
//! Nothing is counted downwards here: some hosts' stores can only add.

use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

use crate::counters;

/// How many names of tools are counted each by itself, for one subject in one window of a rate.
pub const MOST_NAMES: u32 = 128;
/// How many counters all further names share.
pub const SLOTS: u8 = 128;

/// Says that a name is counted by itself in one window, and where it was counted in the one before.
const NAME: Kind = "tool-name";
/// Names that are counted by themselves in one window.
const NAMES: Kind = "tool-names";

/// A name that a client may have made up, as one rate counts it.
#[derive(Debug)]
pub(crate) struct Name {
    /// Of its own counter.
    own: String,
    /// Of the counter that it shares.
    shared: String,
    /// Of how many names there are.
    names: String,
}

/// Where calls of a name were counted in the window before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Nowhere,
    Own,
    Shared,
}

/// Where calls of a name are counted in a window.
#[derive(Debug)]
pub(crate) struct Counted<'n> {
    /// The id of the counter.
    pub(crate) id: &'n str,
    /// Where they were counted before, and by which id.
    pub(crate) before: Option<&'n str>,
}

impl Name {
    /// `group` is the route, the rate's window and the subject; `own` the id of the name's own counter.
    pub(crate) fn of(group: &[&str], own: String, tool: &str) -> Self {
        let slot = Sha256::digest(tool).first().map_or(0, |byte| byte % SLOTS).to_string();
        let shared = counters::id(&[group, &["shared", &slot]].concat());
        Self { own, shared, names: counters::id(&[group, &["names"]].concat()) }
    }

    /// Where calls of it are counted in the window that `end` gives the end of the counters of; `previous` the same of the
    /// window before, where there is one.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn counted(
        &self,
        store: &impl Store,
        end: UnixTime,
        previous: Option<UnixTime>,
    ) -> Result<Counted<'_>, StoreUnavailable> {
        let note = Key::new(NAME, &self.own, end)?;
        if let Some(noted) = store.get(&note)? {
            return Ok(self.by_itself(Before::read(&noted)));
        }
        let before = self.before(store, previous)?;
        let names = Key::new(NAMES, &self.names, end)?;
        if store.increment(&names, 1)? <= u64::from(MOST_NAMES) {
            store.put(&note, before.text().as_bytes())?;
            return Ok(self.by_itself(before));
        }
        // Another call of this name may have been first.
        match store.get(&note)? {
            Some(noted) => Ok(self.by_itself(Before::read(&noted))),
            None => Ok(Counted { id: &self.shared, before: self.id_before(before) }),
        }
    }

    fn by_itself(&self, before: Before) -> Counted<'_> {
        Counted { id: &self.own, before: self.id_before(before) }
    }

    fn id_before(&self, before: Before) -> Option<&str> {
        match before {
            Before::Nowhere => None,
            Before::Own => Some(&self.own),
            Before::Shared => Some(&self.shared),
        }
    }

    /// Counters are shared in a window only once all places for names are taken.
    fn before(&self, store: &impl Store, end: Option<UnixTime>) -> Result<Before, StoreUnavailable> {
        let Some(end) = end else { return Ok(Before::Nowhere) };
        if store.get(&Key::new(NAME, &self.own, end)?)?.is_some() {
            return Ok(Before::Own);
        }
        let names = store.increment(&Key::new(NAMES, &self.names, end)?, 0)?;
        Ok(if names < u64::from(MOST_NAMES) { Before::Nowhere } else { Before::Shared })
    }
}

impl Before {
    fn text(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }

    /// What nobody here wrote is read as what counts most.
    fn read(text: &[u8]) -> Self {
        match text {
            b"nowhere" => Self::Nowhere,
            b"shared" => Self::Shared,
            _ => Self::Own,
        }
    }
}
