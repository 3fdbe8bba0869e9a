//! The component `sandbox-shell`: one run of bash in an environment, answered over HTTP (`POST /run`).
//!
//! bash is the crate bashkit: an interpreter with some 180 commands, which has a file system in memory, starts no process and opens no
//! connection. Where egress is on, two commands of our own send HTTP requests. An instance serves one run and holds nothing after it. Its modules depend on each other in this order only:
//!
//! * `component`, which is asked by the host and answers in frames (WebAssembly alone), and `allocator`, which tells it when memory is
//!   being changed;
//! * `program`, a run from its message to its outcome;
//! * `network`, the commands that send HTTP requests;
//! * `kept`, what the shell knows from one run to the next;
//! * `tree`, the environment's files in the shell's file system, and what has become of them;
//! * `disk`, that file system, which notes when it was full;
//! * `output`, what the program prints, within its limit;
//! * `limits`, what bashkit may take, and which of our limits one of its own stands for.

#[cfg(target_family = "wasm")]
mod allocator;
#[cfg(target_family = "wasm")]
mod component;
mod disk;
mod kept;
mod limits;
mod network;
mod output;
mod program;
mod tree;

pub use network::SendRequest;
pub use output::{ReaderGone, Sink};
pub use program::{Stop, run};
