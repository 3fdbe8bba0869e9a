//! The messages.

use sandbox_egress::Egress;
use serde::{Deserialize, Serialize};

use crate::path::{MOST_BYTES as MOST_BYTES_OF_A_PATH, TreePath};

/// Bytes of an [`Egress`] with as many hosts as there can be, of names that are as long as they can be.
const MOST_BYTES_OF_EGRESS: usize = 16 << 10;

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
    /// What it may send, and where to. An interpreter has no settings of its own.
    pub egress: Egress,
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

impl Limits {
    /// The most that a run may be allowed. An interpreter does not take the word of whoever asks it for more.
    pub const MOST: Self =
        Self { seconds: 45, output_bytes: 1 << 20, file_bytes: 16 << 20, files: 10_000, state_bytes: 4 << 20 };

    /// The same, where a number is not more than that of [`Limits::MOST`], and that where it is.
    pub fn within_most(self) -> Self {
        let most = Self::MOST;
        Self {
            seconds: self.seconds.min(most.seconds),
            output_bytes: self.output_bytes.min(most.output_bytes),
            file_bytes: self.file_bytes.min(most.file_bytes),
            files: self.files.min(most.files),
            state_bytes: self.state_bytes.min(most.state_bytes),
        }
    }
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

    /// The most bytes of a body: the files and the state that [`Limits::MOST`] allows, a long path for each file, 1 MiB for the code, and
    /// what it may send, and where to.
    pub const MOST_BYTES: usize = {
        let most = Limits::MOST;
        // Before a path and before contents, there are at most 5 bytes of length.
        let names = most.files as usize * (MOST_BYTES_OF_A_PATH + 10);
        most.file_bytes as usize + names + most.state_bytes as usize + (1 << 20) + MOST_BYTES_OF_EGRESS
    };

    /// Reads a body, of which nothing may be left over, and limits it to [`Limits::MOST`] and to the most of [`Egress`]. It takes no more memory than the body has bytes, times a small number.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RunError> {
        match postcard::take_from_bytes::<Self>(bytes) {
            Ok((run, [])) => {
                let (limits, egress) = (run.limits.within_most(), run.egress.within_most());
                Ok(Self { limits, egress, ..run })
            }
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

#[cfg(test)]
mod tests {
    use sandbox_egress::{MOST_HOSTS, Origin};

    use super::*;

    const MAX: Limits = Limits {
        seconds: u32::MAX,
        output_bytes: u32::MAX,
        file_bytes: u32::MAX,
        files: u32::MAX,
        state_bytes: u32::MAX,
    };

    /// As much as can be said.
    fn egress() -> Egress {
        let host = Origin::parse(&format!("http://{}a:8443", "a".repeat(62) + &".a".repeat(95))).unwrap();
        let hosts = vec![host; MOST_HOSTS];
        Egress { hosts, requests: u32::MAX, request_bytes: u32::MAX, answer_bytes: u32::MAX }
    }

    #[test]
    fn what_a_run_may_send_is_read_as_it_was_written_and_within_the_most() {
        let run = Run { code: String::new(), state: Vec::new(), files: Vec::new(), limits: MAX, egress: egress() };
        let read = Run::from_bytes(&run.to_bytes().unwrap()).unwrap().egress;
        assert!(read == egress().within_most() && read.hosts.len() == MOST_HOSTS && read != egress());
        assert_eq!(
            postcard::from_bytes::<Origin>(&postcard::to_allocvec("http://shell.spin.internal").unwrap()).ok(),
            None
        );
    }

    #[test]
    fn a_limit_is_what_was_asked_for_or_the_most() {
        let small = Limits { seconds: 1, output_bytes: 2, file_bytes: 3, files: 4, state_bytes: 5 };
        let most = Limits::MOST;
        let none = Limits { seconds: 0, output_bytes: 0, file_bytes: 0, files: 0, state_bytes: 0 };
        for (asked, given) in [
            (none, none),
            (small, small),
            (most, most),
            (MAX, most),
            (Limits { seconds: 46, ..small }, Limits { seconds: 45, ..small }),
            (Limits { output_bytes: (1 << 20) + 1, ..small }, Limits { output_bytes: 1 << 20, ..small }),
            (Limits { file_bytes: (16 << 20) + 1, ..small }, Limits { file_bytes: 16 << 20, ..small }),
            (Limits { files: 10_001, ..small }, Limits { files: 10_000, ..small }),
            (Limits { state_bytes: (4 << 20) + 1, ..small }, Limits { state_bytes: 4 << 20, ..small }),
        ] {
            assert_eq!(asked.within_most(), given, "{asked:?}");
            let run =
                Run { code: String::new(), state: Vec::new(), files: Vec::new(), limits: asked, egress: Egress::off() };
            assert_eq!(Run::from_bytes(&run.to_bytes().unwrap()).unwrap().limits, given, "{asked:?}");
        }
    }

    #[test]
    fn the_largest_run_that_is_allowed_fits_into_a_body() {
        let most = Limits::MOST;
        let (files, bytes) = (most.files as usize, most.file_bytes as usize);
        let file = |number: usize| {
            let name = format!("{number:05}");
            let path = [name.as_str(), &"/n".repeat(509), "n"].concat();
            let contents = vec![0; if number == 0 { bytes } else { 0 }];
            File { path: TreePath::parse(&path).unwrap(), contents }
        };
        let run = Run {
            code: " ".repeat(1 << 20),
            state: vec![0; most.state_bytes as usize],
            files: (0..files).map(file).collect(),
            limits: MAX,
            egress: egress(),
        };
        let length = run.to_bytes().unwrap().len();
        assert!(length > Run::MOST_BYTES - 200_000 && length <= Run::MOST_BYTES, "{length} {}", Run::MOST_BYTES);
    }
}
