//! What stands in an environment's entries.
//!
//! The *root* is one small entry: it says when the environment was used, and where the *index* is. The index says which files there
//! are, and where their contents and the languages' states are. Everything that is not small is in *chunks*, which are named by what
//! is in them: what did not change need not be written again.

use core::num::NonZeroU32;

use gatehouse_protocol::UnixTime;
use sandbox_run::TreePath;
use serde::{Deserialize, Serialize};

use crate::places::RUN_PERIOD;
use crate::secrets::Hash;

/// Raised when the format changes: what another version has written is then damaged, and not something else.
const FORMAT: u8 = 2;

/// The root of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Root {
    format: u8,
    /// Grows by one with each run.
    pub(crate) generation: u64,
    /// Seconds since the epoch.
    launched_at: u64,
    /// The same.
    used_at: u64,
    /// Whether it was written by a run that began, and has not ended.
    is_running: bool,
    /// The last period in which the environment is counted.
    pub(crate) counted: u64,
    /// The [`Index`].
    pub(crate) index: Blob,
}

/// What is in the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// The files in the order of their paths, and how long each is.
    pub(crate) files: Vec<(TreePath, u32)>,
    /// The contents of all files, in the same order.
    pub(crate) tree: Blob,
    /// The state of the shell.
    pub(crate) shell: Blob,
    /// The state of Python.
    pub(crate) python: Blob,
}

/// Bytes, here or in chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Blob {
    Here(Vec<u8>),
    Chunks(Vec<ChunkName>),
}

/// A chunk: the digest of what is in it, and how long that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ChunkName {
    pub(crate) hash: Hash,
    pub(crate) length: NonZeroU32,
}

impl Root {
    /// That of a new environment.
    pub(crate) fn launched(now: UnixTime, counted: u64, index: Blob) -> Self {
        let seconds = now.seconds();
        let (launched_at, used_at) = (seconds, seconds);
        Self { format: FORMAT, generation: 0, launched_at, used_at, is_running: false, counted, index }
    }

    /// The same environment with this in it, as a run writes it: with the generation that it found where it begins, and with the next one
    /// where it ends.
    pub(crate) fn replaced(&self, used_at: UnixTime, generation: u64, counted: u64, index: Blob) -> Self {
        let is_running = generation == self.generation;
        Self { generation, used_at: used_at.seconds(), is_running, counted, index, ..*self }
    }

    /// `None` for what is not a root of this format.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        read(bytes).filter(|root: &Self| root.format == FORMAT)
    }

    /// The same environment, in which a run begins.
    pub(crate) fn begun(self, used_at: UnixTime) -> Self {
        Self { used_at: used_at.seconds(), is_running: true, ..self }
    }

    /// The same environment, after a run that came to nothing.
    pub(crate) fn given_up(self) -> Self {
        Self { generation: self.generation.saturating_add(1), is_running: false, ..self }
    }

    /// When it was launched.
    pub(crate) const fn launched_at(&self) -> UnixTime {
        UnixTime::from_seconds(self.launched_at)
    }

    /// When it was used last.
    pub(crate) const fn used_at(&self) -> UnixTime {
        UnixTime::from_seconds(self.used_at)
    }

    /// Whether a run is under way. One whose instance was killed counts for as long as it has the environment to itself.
    pub(crate) const fn is_running(&self, now: UnixTime) -> bool {
        self.is_running && now.seconds() < self.used_at.saturating_add(2 * RUN_PERIOD)
    }

    /// From this second on the environment is unknown.
    pub(crate) fn ends_at(&self, cool_down_seconds: u64) -> UnixTime {
        self.used_at().plus(cool_down_seconds)
    }
}

impl Index {
    /// The chunks that it names.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &ChunkName> {
        [&self.tree, &self.shell, &self.python].into_iter().flat_map(Blob::chunks)
    }
}

impl Blob {
    /// The chunks that it is in.
    pub(crate) fn chunks(&self) -> &[ChunkName] {
        match self {
            Self::Here(_) => &[],
            Self::Chunks(chunks) => chunks,
        }
    }
}

impl Default for Blob {
    fn default() -> Self {
        Self::Here(Vec::new())
    }
}

/// The record in `bytes`, with nothing behind it.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((record, [])) => Some(record),
        _ => None,
    }
}

/// The record as bytes; `None` never, for records of ours.
pub(crate) fn written<T: Serialize>(record: &T) -> Option<Vec<u8>> {
    postcard::to_allocvec(record).ok()
}
