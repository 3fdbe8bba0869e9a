//! Outbound HTTP: where a guest's requests may go, and how they are sent.

mod allowed_hosts;
mod error_code;
mod public_addresses;
mod sender;
mod timed_body;

pub use self::allowed_hosts::{AllowedHostError, AllowedOutboundHosts, HostProblem, Permission};
pub(crate) use self::sender::OutboundSender;
pub use self::sender::tls;
