//! Faults of what Gatehouse stands on: its store, identity providers, MCP servers, clocks, disks, and its own process. Each test
//! shows what the client sees, what is left in the store, and how it goes on: `docs/reliability.md` has the table.
//!
//! What was acknowledged is there; what was not granted is not.

mod acts;
mod clock;
mod disk;
mod kill;
mod provider;
mod redis;
mod server;
mod store;
