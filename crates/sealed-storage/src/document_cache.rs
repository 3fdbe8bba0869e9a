//! Other parties' documents, kept in the store for as long as HTTP lets them be kept: client metadata, key sets,
//! provider metadata.
//!
//! These documents decide who may sign in and where codes go. They are therefore sealed with the server keys: whoever
//! can write to the store can lose them, and cannot forge them.

//!
//! Where strangers say what is fetched, what failed is remembered ([`RecentFailures`]), and few fetches are under way at once
//! ([`FetchSlots`]).

mod cache;
mod freshness;
mod recent_failures;
mod slots;

pub use cache::DocumentCache;
pub use freshness::lifetime;
pub use recent_failures::{Failed, RecentFailures};
pub use slots::{FETCH_MILLISECONDS, FetchLimits, FetchSlot, FetchSlots};
