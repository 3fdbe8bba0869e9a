//! How much a body may hold.

/// The most messages that a client may send in one batch. Each is judged, counted and logged; clients that have batches at
/// all send a handful.
pub const MOST_MESSAGES: usize = 50;
