//! The steps of a way, before a server is asked.

pub(crate) mod judge;
pub(crate) mod plan;
pub(crate) mod rates;
pub(crate) mod read;
pub(crate) mod schema;
