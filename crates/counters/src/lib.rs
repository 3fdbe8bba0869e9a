//! Exact counters over a store that counts exactly only where a counter is there already.
//!
//! wasmCloud's NATS store adds to a counter in two steps: it reads the counter, and writes the sum under the revision that it has read.
//! Where another write came between, the server refuses. But where it has read that there is no counter, it writes without a condition,
//! however late, over whatever was counted meanwhile. Every other write of the store is without a condition, too.
//!
//! So no counter may be begun under a name that two could begin. Here a counter has a name that nobody else has ever had, it is there
//! before anybody else can know the name, and all agree which of several counters is the one. They agree over one counter that is
//! always there, and so is exact: [`begin`] says how, and [`roots`] how that counter comes to be there. Where a counter is kept stands under
//! the counter's own name ([`Counters`]).
//!
//! Nothing here depends on a time: a write that is delayed, for however long, and an instance that ends at any point make no count wrong.

mod begin;
mod begun;
mod counters;
mod place;
pub mod roots;
mod store;

#[cfg(test)]
mod example;
#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use store::{Around, Bucket, Page};
