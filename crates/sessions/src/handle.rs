//! Upstreams' handles, bound to the session's owner.

use gatehouse_protocol::{Entropy, SecretString};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose, Unopenable};
use thiserror::Error;

use crate::Principal;

const BOUND_HANDLE: Purpose = "bound-handle";

/// The text is not a handle that was bound for this owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the handle is not one that was given to this subject for this resource")]
pub struct InvalidHandle;

/// Seals `handle`, given out by the upstream behind the owner's resource, so that it opens for the same subject there
/// and for nobody else (MCP 2025-11-25, security best practices, "Session Hijacking"). Nothing is stored.
///
/// # Errors
/// Where the cipher refuses.
pub fn bind_handle(
    owner: &Principal,
    handle: &str,
    keys: &KeyRing,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    keys.seal(BOUND_HANDLE, &owner_of(owner), handle.as_bytes(), entropy)
}

/// Opens what [`bind_handle`] made.
///
/// # Errors
/// Where it is not one of ours, or another subject's.
pub fn open_handle(owner: &Principal, bound: &str, keys: &KeyRing) -> Result<SecretString, InvalidHandle> {
    let handle = keys.open(BOUND_HANDLE, &owner_of(owner), bound).map_err(|_| InvalidHandle)?;
    String::from_utf8(handle.to_vec()).map(SecretString::new).map_err(|_| InvalidHandle)
}

/// The client is not part of it: a user who signs in again, with a client that registered anew, may go on with the
/// session.
fn owner_of(principal: &Principal) -> [&str; 2] {
    [principal.subject.as_str(), principal.resource.as_str()]
}
