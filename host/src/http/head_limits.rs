//! How large a request's head may be.

/// A request's head may have this many bytes, and this many fields: room for a large cookie or token, and for as many
/// fields as a route of Gatehouse may allow (`routes[].limits.headers`).
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
pub(crate) const HEAD_FIELDS: usize = 1024;
