//! Other parties' documents, kept in the store for as long as HTTP lets them be kept: client metadata, key sets,
//! provider metadata.
//!
//! These documents decide who may sign in and where codes go. They are therefore sealed with the server keys: whoever
//! can write to the store can lose them, and cannot forge them.

//!
//! Where strangers say what is fetched, what failed is remembered ([`FailedLately`]), and few fetches are under way at once
//! ([`FetchTurns`]).

mod cache;
mod failures;
mod freshness;
mod turns;

pub use cache::DocumentCache;
pub use failures::{Failed, FailedLately};
pub use freshness::lifetime;
pub use turns::{AtOnce, FETCH_MILLISECONDS, FetchTurns, Turn};
