//! Spin's key-value store and variables behind `gatehouse:host/{store,settings,configuration,peer}`.
//!
//! The store is the label `default` through `wasi:keyvalue@0.2.0-draft2`, the only one of Spin's key-value interfaces
//! that has an atomic `increment`. Two of its hazards are avoided by construction (`docs/storage.md`): a counter is
//! never written with `set` (Spin's SQLite store would stop working), and no key is both.

mod bindings;
mod export;
mod platform;
