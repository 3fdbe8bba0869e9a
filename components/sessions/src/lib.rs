//! The sessions component: `gatehouse:auth/{sessions,handles}` over the session crate.
//!
//! It alone turns tokens into principals. It holds nothing between two calls, and reads only the server keys from the
//! settings: how long things live is the caller's to say. The configuration is read where the identity provider must be
//! asked for new tokens, and nowhere else.

mod bindings;
mod handles;
mod log;
mod provider;
mod provider_tokens;
mod sessions;
mod translate;

struct SessionsComponent;
