//! The store as the deciding crates see it: keys that carry their expiry, and a port with five operations.
//!
//! `wit/host/store.wit` is the same port at the boundary between components; an adapter component gives it a backend.

mod given_back;
mod key;
pub mod memory;
mod once;
mod periods;
mod port;
mod sweep;

pub use given_back::{giving_back, still_taken};
pub use key::{InvalidKey, Key, Kind};
pub use once::{Claim, Issue, claim, claim_issued_again, issue, issue_again};
pub use periods::Periods;
pub use port::{KeyPage, Store, StoreUnavailable};
pub use sweep::sweep_in_turn;
