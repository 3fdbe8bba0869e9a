//! Sealing: XAES-256-GCM under keys that are derived for one purpose each.
//!
//! Two kinds of keys meet here. *Server keys* ([`KeyRing`]) are the operator's; they seal what leaves our hands:
//! tokens, codes, states. *Handle secrets* ([`HandleSecret`]) are random, travel inside what the server keys sealed,
//! and seal the records in the store. A leaked store therefore opens nothing, and a leaked server key opens nothing
//! without a token (architecture, decision 7).

mod aead;
mod handle;
mod handle_keys;
mod key_ring;

pub use handle::HandleSecret;
pub use handle_keys::HandleKeys;
pub use key_ring::{KeyRing, KeyRingError, Purpose};

use thiserror::Error;

/// The bytes do not open: altered, sealed for something else, or under a key that we do not have. There is one answer
/// for all of it, so that nobody learns which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the sealed value does not open")]
pub struct Unopenable;
