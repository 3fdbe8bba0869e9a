//! Outbound HTTP: where a guest's requests may go, and how they are sent.

mod allowed_hosts;
mod component_host;
mod error_code;
mod kept_connection;
mod public_addresses;
mod repeatable_body;
mod sender;
mod time_limits;
mod timed_body;

pub use self::allowed_hosts::{AllowedHostError, AllowedOutboundHosts, HostProblem, Permission};
pub(crate) use self::component_host::{component_of, is_in_domain};
pub use self::sender::tls;
pub(crate) use self::sender::{Outbound, OutboundSender};
pub(crate) use self::time_limits::TimeLimits;
