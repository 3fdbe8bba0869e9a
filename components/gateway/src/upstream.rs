//! The servers' client: what they are sent, and how their answers are read.

pub(crate) mod answers;
pub(crate) mod conversation;
pub(crate) mod member_sessions;
pub(crate) mod member_streams;
pub(crate) mod members;
pub(crate) mod request;
pub(crate) mod single_server;
