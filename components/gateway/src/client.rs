//! The answer on its way to the client.

pub(crate) mod clock;
pub(crate) mod relay;
pub(crate) mod response;
pub(crate) mod rewriting;
pub(crate) mod sink;
