//! Server-sent events, parsed piece by piece and written.
