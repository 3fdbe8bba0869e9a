//! How often, and how many at once: requests in sliding windows, and open streams, counted in the store.
//!
//! Everything is counted within one route, with the store's `increment` alone, so that instances that share a store
//! count together. Whoever is over a limit takes his own increment back: what was refused does not count. Where nothing
//! is limited, the store is not asked.

mod counters;
mod names;
mod requests;
mod standing;
pub mod streams;
mod window;

pub use names::{MOST_NAMES, SLOTS};
pub use requests::{Caller, Taken, Verdict, take, take_tools};
pub use standing::Standing;

#[cfg(test)]
mod example;
