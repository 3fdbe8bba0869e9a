//! One instance of a component for each request: compiled, linked to what it was granted, limited, and metered.

mod client_presence;
mod compile;
mod compiled_ahead;
mod component;
mod components;
mod compute_meter;
mod engine;
mod exchange;
mod grants;
mod guest_output;
mod guest_state;
mod linker;
mod listing;
mod long_compute;
mod outgoing_handler;
mod store_call;
mod upstream_body;

pub(crate) use self::client_presence::{ClientGuard, ClientPresence, client_presence};
pub use self::compiled_ahead::{compile_ahead, compiled_ahead_file};
pub(crate) use self::component::{LoadedComponent, OutOfCompute};
pub(crate) use self::components::{Answering, Components};
pub(crate) use self::compute_meter::Metered;
pub(crate) use self::engine::{POOL_MEMORIES, SharedEngine, shared_engine};
pub(crate) use self::grants::Grants;
