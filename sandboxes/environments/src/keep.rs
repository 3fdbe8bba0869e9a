//! Reading and keeping what is in an environment.
//!
//! What is kept is written in this order: the chunks that are new, then the root, then what is named no more is removed. The root is one
//! entry, so at every moment there is one whole state: the former one until the root is written, and the new one from then on. A run that
//! dies leaves entries behind that nobody names; they end with their period.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_storage::{Key, Store, StoreUnavailable};
use sandbox_run::TreePath;

use crate::blob::{self, Chunks};
use crate::contents::Contents;
use crate::environments::{Environment, Environments};
use crate::places::RunLease;
use crate::records::{Blob, ChunkName, Index, read, written};
use crate::{EnvironmentError, EnvironmentId};

/// Chunks that the store is asked for at once: 4 MiB.
const AT_ONCE: usize = 64;
/// Bytes of an index that stand in the root: with them it is one entry.
const INDEX_HERE: usize = 32 << 10;

/// How often something is read anew that runs have replaced meanwhile.
const READS: usize = 5;

/// An environment with what is in it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Which one.
    pub environment: Environment,
    /// What is in it.
    pub contents: Contents,
    index: Index,
}

/// What was kept.
#[derive(Debug)]
pub struct Kept {
    /// Whether what is named no more could be removed. Where it could not, it ends with its period.
    pub swept: Result<(), StoreUnavailable>,
}

/// An environment as it was written.
struct Written {
    environment: Environment,
    index: Index,
    swept: Result<(), StoreUnavailable>,
}

impl<S: Store> Environments<'_, S> {
    /// Everything in an environment.
    ///
    /// # Errors
    /// Where the store does not answer, or something is gone or was altered.
    pub fn load(&self, environment: Environment) -> Result<Loaded, EnvironmentError> {
        let index = self.index(&environment)?;
        let tree = self.bytes(&environment, &index.tree)?;
        let (mut rest, mut files) = (tree.as_slice(), BTreeMap::new());
        for (path, length) in &index.files {
            let parts = rest.split_at_checked(usize::try_from(*length).unwrap_or(usize::MAX));
            let (contents, after) =
                parts.ok_or(EnvironmentError::Damaged("its files are shorter than its index says"))?;
            files.insert(path.clone(), contents.to_vec());
            rest = after;
        }
        drop(tree);
        let shell = self.bytes(&environment, &index.shell)?;
        let python = self.bytes(&environment, &index.python)?;
        Ok(Loaded { environment, contents: Contents { files, shell, python }, index })
    }

    /// The paths of an environment's files, and how long each is.
    ///
    /// # Errors
    /// As [`Environments::load`].
    pub fn files(&self, environment: &Environment) -> Result<Vec<(TreePath, u32)>, EnvironmentError> {
        Ok(self.index(environment)?.files)
    }

    /// One file; `None` where there is none of that path. Reads no other chunks than those that it is in.
    ///
    /// # Errors
    /// As [`Environments::load`].
    pub fn file(&self, environment: &Environment, path: &TreePath) -> Result<Option<Vec<u8>>, EnvironmentError> {
        let index = self.index(environment)?;
        let mut start = 0_usize;
        for (name, length) in &index.files {
            let end = start.saturating_add(usize::try_from(*length).unwrap_or(usize::MAX));
            if name == path {
                return self.part(environment, &index.tree, start..end).map(Some);
            }
            start = end;
        }
        Ok(None)
    }

    /// What `read` reads of an environment; `None` where there is no such environment. A run removes what it has replaced: where something is
    /// missing and the environment stands elsewhere by now, it is read there.
    ///
    /// # Errors
    /// As [`Environments::find`], and those of `read`.
    pub fn read<T>(
        &self,
        subject: &Subject,
        id: &EnvironmentId,
        read: impl Fn(&Environment) -> Result<T, EnvironmentError>,
    ) -> Result<Option<T>, EnvironmentError> {
        let mut found = self.find(subject, id)?;
        for _ in 0..READS {
            let Some(environment) = found else { return Ok(None) };
            match read(&environment) {
                Err(error @ EnvironmentError::Damaged(_)) => {
                    found = self.find(subject, id)?;
                    if found.as_ref().is_some_and(|again| again.stands_as(&environment)) {
                        return Err(error);
                    }
                }
                read => return read.map(Some),
            }
        }
        Err(StoreUnavailable("an environment was replaced each time it was read".to_owned()).into())
    }

    /// Everything in an environment, for a run that begins now and has the lease. The beginning counts as a use, so that the environment
    /// does not end while it is in use; where a new period has begun, its entries move there.
    ///
    /// # Errors
    /// As [`Environments::load`] and [`Environments::keep`]. What was in the environment is whole then, if it was before.
    pub fn load_for_run(
        &self,
        owner: (&Subject, &EnvironmentId),
        environment: Environment,
        lease: &RunLease,
        clock: &impl Fn() -> UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Loaded, EnvironmentError> {
        let loaded = match self.load(environment) {
            // Whoever ends it removes what it is read from.
            Err(EnvironmentError::Damaged(_)) if self.find(owner.0, owner.1)?.is_none() => Err(EnvironmentError::Gone),
            loaded => loaded,
        };
        let Loaded { environment: before, contents, index } = loaded?;
        if before.key.expires_at() == self.periods().end_of_new(self.now) {
            let environment = Environment { root: before.root.clone().begun(self.now), ..before.clone() };
            self.replace(owner, &before, &environment, lease, clock, entropy)?;
            return Ok(Loaded { environment, contents, index });
        }
        let loaded = Loaded { environment: before, contents, index };
        let generation = loaded.environment.generation();
        let written = self.write(owner, &loaded, (generation, &loaded.contents), lease, clock, entropy)?;
        // What could not be swept ends with its period.
        let Written { environment, index, swept: _ } = written;
        Ok(Loaded { environment, contents: loaded.contents, index })
    }

    /// Keeps `contents` as what is in the environment after a run, and counts the run as its last use. `lease` is the run's.
    ///
    /// # Errors
    /// Where the store does not answer before the root is written; or the run has lost its lease. The former state is whole then.
    pub fn keep(
        &self,
        owner: (&Subject, &EnvironmentId),
        loaded: &Loaded,
        contents: &Contents,
        lease: &RunLease,
        clock: &impl Fn() -> UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Kept, EnvironmentError> {
        let generation = loaded.environment.generation().saturating_add(1);
        let Written { swept, .. } = self.write(owner, loaded, (generation, contents), lease, clock, entropy)?;
        Ok(Kept { swept })
    }

    /// Writes everything that is not there, then the root, and removes what is named no more.
    fn write(
        &self,
        owner: (&Subject, &EnvironmentId),
        loaded: &Loaded,
        (generation, contents): (u64, &Contents),
        lease: &RunLease,
        clock: &impl Fn() -> UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Written, EnvironmentError> {
        let before = &loaded.environment;
        // Asked again before the root is written; here it saves writing what cannot be kept.
        self.check(owner, before, lease, self.now)?;
        let end = self.periods().end_of_new(self.now);
        let mut chunks = Chunks::new();
        let lengths = contents.files.iter().map(|(path, bytes)| Some((path.clone(), u32::try_from(bytes.len()).ok()?)));
        let index = Index {
            files: lengths.collect::<Option<_>>().ok_or(EnvironmentError::Damaged("a file is too large"))?,
            tree: blob::tree(&contents.files, &mut chunks),
            shell: blob::state(&contents.shell, &mut chunks),
            python: blob::state(&contents.python, &mut chunks),
        };
        let record = written(&index).ok_or(EnvironmentError::Damaged("its index cannot be written"))?;
        let blob = blob::blob(&record, INDEX_HERE, &mut chunks);
        let named = loaded.named();
        // What was written in an earlier period ends before the new root does.
        let is_there = |name: &ChunkName| before.key.expires_at() == end && named.contains(name);
        for (name, bytes) in chunks.iter().filter(|(name, _)| !is_there(name)) {
            self.put_chunk(before, name, end, bytes, entropy)?;
        }
        let counted = self.count_on(owner, before.root.counted, entropy)?;
        let root = before.root.replaced(self.now, generation, counted, blob);
        let after = Environment { secret: before.secret.clone(), root, key: before.secret.root(end)? };
        if let Err(error) = self.replace(owner, before, &after, lease, clock, entropy) {
            if self.is_ended(before)? {
                self.remove(&after, chunks.keys())?;
                self.remove(before, named.iter())?;
            }
            return Err(error);
        }
        let swept = self.sweep(before, &after, &named, &chunks);
        Ok(Written { environment: after, index, swept })
    }

    /// Writes a root in the place of one that nobody else has replaced. Everything before it has taken its time: whoever has waited for a
    /// slow store may have lost the environment meanwhile.
    fn replace(
        &self,
        owner: (&Subject, &EnvironmentId),
        before: &Environment,
        after: &Environment,
        lease: &RunLease,
        clock: &impl Fn() -> UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        let now = clock();
        self.check(owner, before, lease, now)?;
        Environments { now, ..*self }.put_root_unless_ended(after, entropy)
    }

    pub(crate) fn index(&self, environment: &Environment) -> Result<Index, EnvironmentError> {
        let bytes = self.bytes(environment, &environment.root.index)?;
        read(&bytes).ok_or(EnvironmentError::Damaged("its index cannot be read"))
    }

    /// Whether the run may write: it has the lease, and nobody has written a root since. The lease alone says so, as long as clocks agree to
    /// a minute.
    fn check(
        &self,
        (subject, id): (&Subject, &EnvironmentId),
        before: &Environment,
        lease: &RunLease,
        now: UnixTime,
    ) -> Result<(), EnvironmentError> {
        let found = Environments { now, ..*self }.find(subject, id)?.ok_or(EnvironmentError::Gone)?;
        if lease.holds(now) && found.stands_as(before) { Ok(()) } else { Err(EnvironmentError::TooLate) }
    }

    /// Counts the environment in this period and the next; the last one in which it is.
    fn count_on(
        &self,
        (subject, id): (&Subject, &EnvironmentId),
        counted: u64,
        entropy: &mut impl Entropy,
    ) -> Result<u64, EnvironmentError> {
        let (of_subject, in_all) = self.places(subject);
        let tickets = in_all.stay(self.store, self.now, counted)?;
        self.enlist(subject, id, &tickets, entropy)?;
        let tickets = of_subject.stay(self.store, self.now, counted)?;
        self.note(subject, id, &tickets, entropy)?;
        Ok(tickets.last().map_or(counted, |ticket| ticket.period))
    }

    fn sweep(
        &self,
        before: &Environment,
        after: &Environment,
        named: &BTreeSet<ChunkName>,
        kept: &Chunks,
    ) -> Result<(), StoreUnavailable> {
        let has_moved = before.key != after.key;
        if has_moved {
            self.store.delete(&before.key)?;
        }
        for name in named.iter().filter(|name| has_moved || !kept.contains_key(name)) {
            self.store.delete(&before.secret.chunk(&name.hash, before.key.expires_at())?)?;
        }
        Ok(())
    }

    fn put_chunk(
        &self,
        environment: &Environment,
        name: &ChunkName,
        end: UnixTime,
        bytes: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<(), EnvironmentError> {
        let key = environment.secret.chunk(&name.hash, end)?;
        let sealed = environment.secret.handle.seal_record(&key.to_string(), bytes, entropy);
        let sealed = sealed.map_err(|_| EnvironmentError::Damaged("a chunk cannot be sealed"))?;
        Ok(self.store.put(&key, &sealed)?)
    }

    fn bytes(&self, environment: &Environment, blob: &Blob) -> Result<Vec<u8>, EnvironmentError> {
        match blob {
            Blob::Here(bytes) => Ok(bytes.clone()),
            Blob::Chunks(names) => self.chunks(environment, names),
        }
    }

    /// A part of a blob.
    fn part(&self, environment: &Environment, blob: &Blob, range: Range<usize>) -> Result<Vec<u8>, EnvironmentError> {
        let (bytes, begins) = match blob {
            Blob::Here(bytes) => (bytes.clone(), 0),
            Blob::Chunks(names) => {
                let (mut at, mut begins, mut wanted) = (0_usize, None, Vec::new());
                for name in names {
                    let end = at.saturating_add(length(name));
                    if at < range.end && range.start < end {
                        begins.get_or_insert(at);
                        wanted.push(*name);
                    }
                    at = end;
                }
                (self.chunks(environment, &wanted)?, begins.unwrap_or(range.start))
            }
        };
        let part = bytes.get(range.start.saturating_sub(begins)..range.end.saturating_sub(begins));
        part.map(<[u8]>::to_vec).ok_or(EnvironmentError::Damaged("its files are shorter than its index says"))
    }

    fn chunks(&self, environment: &Environment, names: &[ChunkName]) -> Result<Vec<u8>, EnvironmentError> {
        let mut bytes = Vec::with_capacity(names.iter().map(length).sum());
        for names in names.chunks(AT_ONCE) {
            let key = |name: &ChunkName| environment.secret.chunk(&name.hash, environment.key.expires_at());
            let keys = names.iter().map(key).collect::<Result<Vec<Key>, _>>()?;
            let values = self.store.get_many(&keys.iter().collect::<Vec<_>>())?;
            for ((name, key), value) in names.iter().zip(&keys).zip(values) {
                let sealed = value.ok_or(EnvironmentError::Damaged("a chunk is gone"))?;
                let opened = environment.secret.handle.open_record(&key.to_string(), &sealed);
                let opened = opened.map_err(|_| EnvironmentError::Damaged("a chunk does not open"))?;
                if opened.len() != length(name) {
                    return Err(EnvironmentError::Damaged("a chunk has another length"));
                }
                bytes.extend_from_slice(&opened);
            }
        }
        Ok(bytes)
    }
}

impl Loaded {
    /// The chunks that its root names, those of its index among them.
    fn named(&self) -> BTreeSet<ChunkName> {
        self.index.chunks().chain(self.environment.root.index.chunks()).copied().collect()
    }
}

fn length(name: &ChunkName) -> usize {
    usize::try_from(name.length.get()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
