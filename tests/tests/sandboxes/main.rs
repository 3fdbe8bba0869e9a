//! The sandboxes behind Gatehouse: real interpreters, real clients, programs that make trouble. `cargo xtask sandboxes` builds them.

mod administration;
mod clients;
mod egress;
mod isolation;
mod languages;
mod operators;
mod scene;
mod trouble;
