//! How often, and how many at once: requests in sliding windows, and requests that last, counted in the store.
//!
//! Everything is counted with the store's `increment` alone, so that instances that share a store count together. Whoever
//! is over a limit gives his own increment back: what was refused does not count. Counters only grow
//! ([`gatehouse_storage::giving_back`]). Where nothing is limited and nothing
//! lasts, the store is not asked.

mod counters;
pub mod failures;
pub mod long_requests;
mod names;
mod requests;
mod standing;
mod window;

pub use names::{MOST_NAMES, SLOTS};
pub use requests::{Caller, Taken, Verdict, standing, take, take_of_address, take_tools};
pub use standing::Standing;

#[cfg(test)]
mod example;
