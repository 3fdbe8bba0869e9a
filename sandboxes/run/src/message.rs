//! The messages.

use serde::{Deserialize, Serialize};

use crate::path::TreePath;

/// One run of code in an environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The program, in the interpreter's language.
    pub code: String,
    /// What the interpreter itself gave back as [`Outcome::state`] of the run before; empty for the first one.
    pub state: Vec<u8>,
    /// Every file of the environment.
    pub files: Vec<File>,
    /// What the run may take.
    pub limits: Limits,
}

/// A file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is.
    pub path: TreePath,
    /// What it holds.
    pub contents: Vec<u8>,
}

/// What a run may take. The numbers are the most that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds by the clock on the wall.
    pub seconds: u32,
    /// Bytes on standard output and standard error together.
    pub output_bytes: u32,
    /// Bytes of all files together, after the run.
    pub file_bytes: u32,
    /// Files, after the run.
    pub files: u32,
    /// Bytes of [`Outcome::state`].
    pub state_bytes: u32,
}

/// A piece of the answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// What the program has written.
    Output {
        /// Where to.
        stream: Stream,
        /// What; a character may go on in the next frame.
        bytes: Vec<u8>,
    },
    /// The run is over. Nothing follows.
    Ended(Outcome),
}

/// Where a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a run ended, and what is kept of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// As a shell has it: 0 is success.
    pub exit_code: i32,
    /// The interpreter's own variables and functions. Only the interpreter can read it.
    pub state: Vec<u8>,
    /// Files that are new or have other contents.
    pub changed: Vec<File>,
    /// Files that are no longer there.
    pub removed: Vec<TreePath>,
    /// The limit that ended the run, or cut its output or its files.
    pub limit: Option<Limit>,
    /// What could not be kept, in sentences for the caller.
    pub notes: Vec<String>,
}

/// A limit that a run has hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// [`Limits::seconds`].
    Time,
    /// Steps of the processor, commands of a shell.
    Compute,
    /// Memory of the interpreter.
    Memory,
    /// [`Limits::output_bytes`].
    Output,
    /// [`Limits::file_bytes`] or [`Limits::files`].
    Files,
    /// [`Limits::state_bytes`].
    State,
}

/// A body that is no [`Run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a run of this version")]
pub struct RunError;

impl Run {
    /// As it goes over the wire.
    ///
    /// # Errors
    /// None that is known: what can be held can be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RunError> {
        postcard::to_allocvec(self).map_err(|_error| RunError)
    }

    /// Reads a body, of which nothing may be left over. It takes no more memory than the body has bytes, times a small number.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RunError> {
        match postcard::take_from_bytes(bytes) {
            Ok((run, [])) => Ok(run),
            _ => Err(RunError),
        }
    }
}

// What programs and files hold is nobody's business in a log.
impl std::fmt::Debug for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Run({} bytes of code, {} files)", self.code.len(), self.files.len())
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "File({} bytes)", self.contents.len())
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output { stream, bytes } => write!(formatter, "Output({stream:?}, {} bytes)", bytes.len()),
            Self::Ended(outcome) => write!(formatter, "Ended({outcome:?})"),
        }
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Outcome(exit code {}, {} bytes of state, {} files changed, {} removed, limit {:?})",
            self.exit_code,
            self.state.len(),
            self.changed.len(),
            self.removed.len(),
            self.limit
        )
    }
}
