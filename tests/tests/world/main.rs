//! Gatehouse among programs of others, installed from their registries: what they really do, in the versions that are
//! pinned, and not what our own doubles of them do.
//!
//! Each kind of program has a table of rows ([`choice`] says which of them run) and a page that shows what was measured
//! ([`table`]). `cargo xtask world` runs all rows, `cargo xtask test` a third of them.

mod choice;
mod clients;
mod connections;
mod installed;
mod providers;
mod rest_apis;
mod servers;
mod token_services;
