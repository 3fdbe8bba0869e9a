//! What a request did, as spans and counts for `wasi:otel@0.2.0-rc.2`.
//!
//! It stands between the components and the adapter: each call of the store, each line of the log and each request to another party passes it,
//! and goes on as it came. It keeps what it has seen until the request has ended, and makes the spans and counts of it then, when the client has its
//! answer. What they are is decided by `gatehouse-telemetry`, as on the embedded host. Its modules depend on each other in this order only:
//!
//! * `component`, and what it exports, `boundary`;
//! * `export`, what goes to the host;
//! * `names`, of the configuration;
//! * `request`, what has been seen of the one that is under way.

mod bindings;
mod boundary;
mod component;
mod export;
mod names;
mod request;
