//! The embedded host of Gatehouse: runs a Spin application manifest (`spin.toml`, version 2) on wasmtime where no
//! Spin is installed, for laptops, continuous integration and single-node use.
//!
//! It offers what the manifest of Gatehouse needs and refuses what it does not know: HTTP triggers, variables, a
//! durable key-value store in SQLite or Redis, and outbound HTTP limited to the allowed hosts. Each request gets a fresh
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
mod clock;
mod connection_headers;
mod error;
mod http;
mod instance;
mod key_value;
mod key_value_stores;
mod limits;
mod loaded_application;
mod log;
mod manifest;
mod options;
mod outbound;
mod position;
mod private_files;
mod runtime_config;
mod server_tls;
mod telemetry;
mod whole_file;

pub use application::Application;
pub use clock::{SystemWallClock, WallClock};
pub use error::StartError;
pub use http::Running;
pub use instance::{compile_ahead, compiled_ahead_file};
pub use key_value::{KeyPage, KeyValueError, KeyValueStore, RedisUrl, RedisUrlError, StoreLimits, Swap};
pub use limits::{LimitError, Limits};
pub use log::{
    CapturedLog, Level, LogEvent, LogFormat, LogOptions, LogQueueSize, LogRecord, LogSink, LogState, RequestId,
    StandardErrorLog, WhenLogIsFull,
};
pub use manifest::{
    ComponentManifest, Manifest, NotAName, Prepare, Route, RouteError, Template, TemplateError, UnknownVariable,
    VariableDeclaration, VariableSources,
};
pub use options::{CheckVariables, Options};
pub use outbound::{AllowedHostError, AllowedOutboundHosts, HostProblem, Permission, tls};
pub use private_files::create_private_directory;
pub use server_tls::TlsFiles;
pub use telemetry::{NamesOf, OtlpOptions, TelemetryOptions};
pub use whole_file::write_whole;
