//! The sessions component: `gatehouse:auth/{sessions,handles}` over the session crate.
//!
//! It alone turns tokens into principals. It holds nothing between two calls, and reads only the server keys from the
//! settings: how long things live is the caller's to say.

mod bindings;
mod handles;
mod sessions;
mod translate;

struct SessionKeeper;
