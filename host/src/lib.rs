//! The embedded host of Gatehouse: runs a Spin application manifest (`spin.toml`, version 2) on wasmtime where no
//! Spin is installed, for laptops, continuous integration and single-node use.
//!
//! It offers what the manifest of Gatehouse needs and refuses what it does not know: HTTP triggers, variables, a
//! durable key-value store in SQLite, and outbound HTTP limited to the allowed hosts. Each request gets a fresh
//! instance.
//!
//! ```no_run
//! # async fn example() -> Result<(), gatehouse_host::StartError> {
//! use gatehouse_host::{Application, Options};
//!
//! let application = Application::load("spin.toml", Options::new(".gatehouse")).await?;
//! let running = application.serve("127.0.0.1:0".parse().expect("an address")).await?;
//! println!("Serving http://{}", running.address());
//! running.shutdown(std::time::Duration::from_secs(25)).await;
//! # Ok(()) }
//! ```

mod application;
mod captured_log;
mod client;
mod client_stream;
mod clock;
mod compile;
mod compute_meter;
mod connection;
mod connection_headers;
mod connections;
mod descriptors;
mod engine;
mod error;
mod guest;
mod guest_output;
mod host;
mod key_value;
mod limits;
mod linker;
mod log;
mod log_queue;
mod manifest;
mod outbound;
mod outbound_hosts;
mod own_answer;
mod public_addresses;
mod request;
mod request_body;
mod request_id;
mod request_log;
mod response_body;
mod route;
mod run_guest;
mod serve;
mod standard_error_log;
mod state_directory;
mod template;
mod timed_body;
mod tracked_body;
mod turns;
mod variables;

pub use application::{Application, Options};
pub use captured_log::CapturedLog;
pub use clock::{SystemWallClock, WallClock};
pub use error::StartError;
pub use key_value::{KeyPage, KeyValueError, KeyValueStore, StoreLimits, Swap, Swept};
pub use limits::Limits;
pub use log::{Level, LogEvent, LogFormat, LogRecord, LogSink, LogState};
pub use log_queue::{LogQueueSize, WhenLogIsFull};
pub use manifest::{ComponentManifest, Manifest};
pub use outbound_hosts::AllowedOutboundHosts;
pub use request_id::RequestId;
pub use route::Route;
pub use serve::Running;
pub use standard_error_log::{LogOptions, StandardErrorLog};
pub use template::Template;
pub use variables::{Prepare, VariableDeclaration, VariableSources};
