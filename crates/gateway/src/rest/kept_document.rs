//! What is kept of an OpenAPI document: an index, and pieces of which a request reads one.
//!
//! Whoever needs the document while nothing of it is kept fetches it; the others wait for that. What is stale is used until
//! somebody has fetched it anew: one caller in half a minute tries. Where that fails, what is stale is used for as long as it is
//! there. The entries are sealed: whoever can write to the store cannot have calls made that the document does not have.

use gatehouse_openapi::{CompiledDocument, Index, call_piece, list_piece};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

use crate::{Clock, Milliseconds};

/// The index, and the pieces.
const KEPT: Kind = "rest-api";
/// A counter: those who began to fetch in this half minute, and 2^32 for each who failed.
const FETCHES: Kind = "rest-api-fetch";
/// A day. It is also the longest that a document is fresh.
const LONGEST_SECONDS: u64 = 24 * 60 * 60;
/// Seconds. A document that is never to be kept would be fetched and compiled for each call.
const SHORTEST_SECONDS: u64 = 5 * 60;
const PERIODS: Periods = Periods::of_seconds(LONGEST_SECONDS);
const FETCH_SECONDS: u64 = 30;
/// Those who try in half a minute, where all before them have failed.
const MOST_FAILURES: u64 = 3;
const FAILED: u64 = 1 << 32;
/// How long somebody waits for what another one fetches, and how often they look.
const LONGEST_WAIT: Milliseconds = 25_000;
const LOOK_EVERY: Milliseconds = 200;

/// Seals what is kept for everybody at a route.
pub trait SealTexts {
    /// Seals a text.
    ///
    /// # Errors
    /// Why it cannot be sealed.
    fn seal(&self, text: &str) -> Result<String, String>;

    /// Opens what was sealed here; `None` for anything else.
    ///
    /// # Errors
    /// Why nothing can be opened.
    fn open(&self, sealed: &str) -> Result<Option<String>, String>;
}

/// The place of one document.
#[derive(Debug)]
pub struct KeptDocument<'a, S, K> {
    /// Where it is kept.
    pub store: &'a S,
    /// What seals it.
    pub seal: &'a K,
    /// What it is kept under: the route, and what the tools are made of.
    pub id: &'a str,
}

/// An index that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIndex {
    /// The index.
    pub index: Index,
    /// From this second on the document is to be fetched anew.
    stale_from: UnixTime,
    /// When the pieces go.
    end: UnixTime,
}

impl<S: Store, K: SealTexts> KeptDocument<'_, S, K> {
    /// The index of the document, which `fetch` fetches and compiles where it must be: with the seconds for which it is fresh.
    /// `failed` is told why it could not be had, where what is stale is used instead.
    ///
    /// # Errors
    /// Why there is none.
    pub fn current(
        &self,
        clock: &impl Clock,
        fetch: impl FnOnce() -> Result<(CompiledDocument, u64), String>,
        failed: impl FnOnce(&str),
    ) -> Result<KeptIndex, String> {
        let kept = self.kept(clock.now()).map_err(told)?;
        if let Some(kept) = kept.as_ref().filter(|kept| clock.now() < kept.stale_from) {
            return Ok(kept.clone());
        }
        let turn = self.count(clock.now(), 1).map_err(told)?;
        if let Some(stale) = kept {
            if turn % FAILED != 1 {
                return Ok(stale);
            }
            return self.fetched(clock, fetch).or_else(|reason| {
                failed(&reason);
                Ok(stale)
            });
        }
        let (own, started) = (turn % FAILED, clock.elapsed());
        let mut failures = turn / FAILED;
        while failures.saturating_add(1) < own {
            if failures >= MOST_FAILURES || clock.elapsed().saturating_sub(started) > LONGEST_WAIT {
                return Err("the OpenAPI document could not be had a moment ago".to_owned());
            }
            clock.wait(LOOK_EVERY);
            if let Some(kept) = self.kept(clock.now()).map_err(told)? {
                return Ok(kept);
            }
            failures = self.count(clock.now(), 0).map_err(told)? / FAILED;
        }
        if failures >= MOST_FAILURES {
            return Err("the OpenAPI document could not be had a moment ago".to_owned());
        }
        self.fetched(clock, fetch)
    }

    /// The piece with this name; `None` where it is no longer there.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn piece(&self, kept: &KeptIndex, name: &str) -> Result<Option<String>, StoreUnavailable> {
        let key = self.piece_key(&kept.index.version, name, kept.end)?;
        let Some(sealed) = self.store.get(&key)? else { return Ok(None) };
        Ok(self
            .opened(&sealed)?
            .and_then(|text| text.strip_prefix(&self.piece_head(&kept.index.version, name)).map(str::to_owned)))
    }

    fn fetched(
        &self,
        clock: &impl Clock,
        fetch: impl FnOnce() -> Result<(CompiledDocument, u64), String>,
    ) -> Result<KeptIndex, String> {
        let kept = fetch().and_then(|(document, seconds)| self.keep(&document, seconds, clock.now()).map_err(told));
        if kept.is_err() {
            self.count(clock.now(), FAILED).map_err(told)?;
        }
        kept
    }

    /// Keeps a document that is fresh for `seconds`: the pieces first, so that an index has all that it names. What it replaces goes
    /// last: a document that changes with every fetch does not fill the store.
    fn keep(&self, document: &CompiledDocument, seconds: u64, now: UnixTime) -> Result<KeptIndex, StoreUnavailable> {
        let end = PERIODS.end_of_new(now);
        let replaced = self.kept(now)?;
        let stale_from = now.plus(seconds.clamp(SHORTEST_SECONDS, LONGEST_SECONDS));
        for (name, piece) in &document.pieces {
            let text = format!("{}{piece}", self.piece_head(&document.index.version, name));
            self.store.put(&self.piece_key(&document.index.version, name, end)?, &self.sealed(&text)?)?;
        }
        let index = serde_json::to_string(&document.index).map_err(|error| StoreUnavailable(error.to_string()))?;
        let text = format!("{}{stale_from} {end} {index}", self.index_head());
        self.store.put(&self.index_key(end)?, &self.sealed(&text)?)?;
        if let Some(replaced) = replaced.filter(|old| (&old.index.version, old.end) != (&document.index.version, end)) {
            // What stays of it ends by itself.
            self.forget(&replaced, end).ok();
        }
        Ok(KeptIndex { index: document.index.clone(), stale_from, end })
    }

    /// Deletes what an index named, and the index itself unless the one that ends at `current_end` stands in its place.
    fn forget(&self, old: &KeptIndex, current_end: UnixTime) -> Result<(), StoreUnavailable> {
        if old.end != current_end {
            self.store.delete(&self.index_key(old.end)?)?;
        }
        let mut names = (0..old.index.lists).map(list_piece).chain((0..old.index.calls).map(call_piece));
        names.try_for_each(|name| self.store.delete(&self.piece_key(&old.index.version, &name, old.end)?))
    }

    fn kept(&self, now: UnixTime) -> Result<Option<KeptIndex>, StoreUnavailable> {
        let [new, old] = PERIODS.possible_ends(now);
        let (new, old) = (self.index_key(new)?, self.index_key(old)?);
        // Only the latest counts.
        let Some(sealed) = self.store.get_many(&[&new, &old])?.into_iter().flatten().next() else { return Ok(None) };
        Ok(self.opened(&sealed)?.and_then(|text| self.read_index(&text)))
    }

    fn read_index(&self, text: &str) -> Option<KeptIndex> {
        let mut parts = text.strip_prefix(&self.index_head())?.splitn(3, ' ');
        let mut time = || Some(UnixTime::from_seconds(parts.next()?.parse().ok()?));
        let (stale_from, end) = (time()?, time()?);
        Some(KeptIndex { index: serde_json::from_str(parts.next()?).ok()?, stale_from, end })
    }

    fn count(&self, now: UnixTime, more: u64) -> Result<u64, StoreUnavailable> {
        let end = (now.seconds() / FETCH_SECONDS).saturating_add(1).saturating_mul(FETCH_SECONDS);
        self.store.increment(&Key::new(FETCHES, &hash(&[self.id]), UnixTime::from_seconds(end))?, more)
    }

    fn sealed(&self, text: &str) -> Result<Vec<u8>, StoreUnavailable> {
        self.seal.seal(text).map(String::into_bytes).map_err(StoreUnavailable)
    }

    fn opened(&self, sealed: &[u8]) -> Result<Option<String>, StoreUnavailable> {
        match core::str::from_utf8(sealed) {
            Ok(sealed) => self.seal.open(sealed).map_err(StoreUnavailable),
            Err(_) => Ok(None),
        }
    }

    fn index_key(&self, end: UnixTime) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(KEPT, &hash(&[self.id, "index"]), end)?)
    }

    fn piece_key(&self, version: &str, name: &str, end: UnixTime) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(KEPT, &hash(&[self.id, version, name]), end)?)
    }

    /// What is sealed begins with what it is: whoever can write to the store cannot move it.
    fn index_head(&self) -> String {
        format!("rest-api {} index ", self.id)
    }

    fn piece_head(&self, version: &str, name: &str) -> String {
        format!("rest-api {} {version} {name} ", self.id)
    }
}

fn told(error: StoreUnavailable) -> String {
    error.to_string()
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length in front, no part can be continued by the next one.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
