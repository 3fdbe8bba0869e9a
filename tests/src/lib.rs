//! What the end-to-end tests share: Gatehouse on its embedded host or on a real Spin, the identity provider and
//! upstreams from npm, and the clients that drive them.

mod authorization;
mod clock;
mod gatehouse;
mod paths;
mod program;
mod raw;
mod spin;
mod store;
mod world;

pub use authorization::{Authorization, CHALLENGE, VERIFIER};
pub use clock::TestClock;
pub use gatehouse::{Gatehouse, HeldPort, HostKind, Settings, free_port_base};
pub use paths::{artefact, repository, tool};
pub use program::Program;
pub use raw::{RawAnswer, raw};
pub use spin::spin_is_installed;
pub use store::snapshot;
pub use world::{CLIENT_SECRET, World, WorldSettings};

/// An HTTP client that follows nothing and keeps nothing, so that a test sees every answer itself.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client")
}
