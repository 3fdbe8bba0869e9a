//! The key-value store and the configuration of wasmCloud, and of `wasmtime serve`, behind
//! `gatehouse:host/{store,settings,configuration,peer}`.
//!
//! The store is the bucket `default` through `wasi:keyvalue@0.2.0-draft`, the settings are those of `wasi:config@0.2.0-rc.1`. The
//! hazards of its backends are in `docs/hosts.md`: on NATS, an increment is exact only where the counter is there already, and one of two
//! that race is refused; on files, increments are not atomic at all.

mod backend;
mod bindings;
mod bucket;
mod export;
mod platform;
mod race;
