//! Outbound HTTP: where a guest's requests may go, and how they are sent.

mod allowed_hosts;
mod error_code;
mod kept_connection;
mod public_addresses;
mod repeatable_body;
mod sender;
mod timed_body;

pub use self::allowed_hosts::{AllowedHostError, AllowedOutboundHosts, HostProblem, Permission};
pub use self::sender::tls;
pub(crate) use self::sender::{Outbound, OutboundSender};
