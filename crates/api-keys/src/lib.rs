//! API keys: what a caller shows in a header of its own, in place of a token.
//!
//! There are two sorts. A *configured* key stands in the configuration as its SHA-256. An *issued* key is one that an
//! administrator fetches, and replaces by another one: it is derived from a server key, the route and a generation, so that it
//! can be told again and again, and is kept nowhere. Both have at least 256 bits that nobody can guess, and a form by which
//! anything else is refused before somebody looks for it.

mod issued;
mod key;

pub use issued::{IssuedKeys, KeyRejection, LONGEST_OVERLAP_SECONDS};
pub use key::{ApiKey, IssuedKey, digest, generate};

#[cfg(test)]
mod example;
