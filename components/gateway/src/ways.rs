//! The ways that a request can take, one for each kind of endpoint and method.

pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod legacy_events;
pub(crate) mod legacy_messages;
pub(crate) mod post;
pub(crate) mod readiness;
