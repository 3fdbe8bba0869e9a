//! The servers' client: what they are sent, and who reads their answers.

mod backend_token;
pub(crate) mod federation;
mod identity;
pub(crate) mod link;
pub(crate) mod member_sessions;
pub(crate) mod member_streams;
pub(crate) mod request;
mod rest_api;
pub(crate) mod single_server;
pub(crate) mod transfers;
