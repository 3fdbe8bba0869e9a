//! The key-value store and the configuration of wasmCloud, and of `wasmtime serve`, behind
//! `gatehouse:host/{store,settings,configuration}`.
//!
//! The store is the bucket `default` through `wasi:keyvalue@0.2.0-draft`, the settings are those of `wasi:config@0.2.0-rc.1`. The
//! hazards of its backends are in `docs/hosts.md`: on NATS, one of two increments that race is refused, and on files, increments are
//! not atomic at all.

mod bindings;
mod bucket;
mod export;
mod platform;
mod race;
