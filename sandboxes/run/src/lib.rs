//! What the sandbox server and an interpreter say to each other: `POST /run` with a [`Run`], and an answer of [`Frame`]s.
//!
//! An interpreter is a component of its own, and one fresh instance of it serves one run. Whatever ends that instance (a trap of
//! WebAssembly, a limit of the host) cuts the answer short: an answer without [`Frame::Ended`] is a run that was stopped.
//!
//! Neither side believes the other one: sizes are limited before anything is unpacked, and the server compares every limit again.

mod frames;
mod message;
mod path;

pub use frames::{FrameError, FrameReader, frame};
pub use message::{File, Frame, Limit, Limits, Outcome, Run, RunError, Stream};
pub use path::{PathError, TreePath};

/// The path of the one request that an interpreter answers.
pub const RUN_PATH: &str = "/run";
/// The media type of a [`Run`].
pub const RUN_TYPE: &str = "application/vnd.gatehouse.sandbox-run.v1";
/// The media type of an answer: [`Frame`]s, one after the other.
pub const FRAMES_TYPE: &str = "application/vnd.gatehouse.sandbox-frames.v1";
/// Where both interpreters show the environment's files: their home and their working directory.
pub const WORK_FOLDER: &str = "/work";
