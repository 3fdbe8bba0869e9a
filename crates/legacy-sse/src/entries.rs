//! What the store holds of a channel.

use gatehouse_storage::Kind;

/// A message on its way.
pub(crate) const MESSAGE: Kind = "mailbox";

/// The upstream's session.
pub(crate) const UPSTREAM_SESSION: Kind = "mailbox-upstream";

/// Bytes in a message at most.
pub const LARGEST_MESSAGE: usize = 8 * 1024 * 1024;
