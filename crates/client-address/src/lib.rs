//! From which address a request comes: what the host tells, and what proxies say that the operator trusts.
//!
//! Anybody can write a header. An address in one is believed only as far as a trusted proxy has written it: headers are read
//! from their end, where the nearest proxy has added what it saw. Whatever cannot be read there makes the address
//! unknown, and an unknown address may nowhere where ranges are named.
//!
//! Sources: RFC 7239 (`Forwarded`); what nginx, haproxy, caddy and Azure's gateways write into `X-Forwarded-For`.

mod client_address;
mod forwarded;
mod node;
mod unknown_address;
mod x_forwarded_for;

pub use client_address::{ClientAddress, PeerSource};
pub use unknown_address::UnknownAddress;
