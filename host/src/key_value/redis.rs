//! The backend in Redis, or a server that speaks like it (Valkey). Entries have the names and the bytes that Spin's Redis store
//! gives them, whatever the store's label is, so that both hosts can be used over one Redis.
//!
//! Redis removes by itself what has expired: an entry whose key carries an expiry is written together with a time to live.

mod connection;
mod failure;
mod operations;
mod server;
mod time_to_live;
mod upkeep;
mod url;

pub(super) use self::operations::Redis;
pub(super) use self::upkeep::look_after;
pub use self::url::{RedisUrl, RedisUrlError};
