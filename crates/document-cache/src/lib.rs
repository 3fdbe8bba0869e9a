//! Other parties' documents, kept in the store for as long as HTTP lets them be kept: client metadata, key sets,
//! provider metadata.
//!
//! These documents decide who may sign in and where codes go. They are therefore sealed with the server keys: whoever
//! can write to the store can lose them, and cannot forge them.

mod cache;
mod freshness;

pub use cache::DocumentCache;
pub use freshness::lifetime;
