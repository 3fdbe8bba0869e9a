//! Every component alone, in wasmtime, with everything that it imports faked.
//!
//! The components are the files that `cargo xtask build` leaves behind, before they are composed. As on real hosts,
//! each call or request gets a fresh instance; what lasts is in the fakes, so that a test sees all that a component
//! reads, writes and sends.

mod adapter_spin;
mod adapter_wasmcloud;
mod adapters;
mod authorization_server;
mod bindings;
mod component;
mod fakes;
mod gateway;
mod imports;
mod nats;
mod outbound;
mod sandbox;
mod serve;
mod sessions;
mod signing;
mod store_contract;
mod wasmcloud_imports;
