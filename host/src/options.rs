//! How an application is loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{SystemWallClock, WallClock};
use crate::limits::Limits;
use crate::log::{LogOptions, LogSink, StandardErrorLog};
use crate::manifest::VariableSources;
use crate::server_tls::TlsFiles;
use crate::telemetry::TelemetryOptions;

/// Often enough that what expires in between is removed in a few pieces.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How an application is loaded. [`Options::new`] gives the usual values.
#[derive(Clone)]
pub struct Options {
    /// Where the key-value store lies, if the runtime configuration has none. Hosts that share it share the store.
    pub state_directory: PathBuf,
    /// A file of Spin's runtime configuration: where key-value stores are instead.
    pub runtime_config_file: Option<PathBuf>,
    /// Where compiled code is kept; `None`: where the user's caches are.
    pub cache_directory: Option<PathBuf>,
    /// Where variables' values come from.
    pub variables: VariableSources,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The files with which the host ends TLS itself, and speaks HTTP/2 as well; `None`: it speaks HTTP/1.1 without TLS.
    pub tls: Option<TlsFiles>,
    /// The wall clock that guests see.
    pub wall_clock: Arc<dyn WallClock>,
    /// Where the log goes.
    pub log: Arc<dyn LogSink>,
    /// What is measured for whom; `None`: nothing is.
    pub telemetry: Option<TelemetryOptions>,
    /// How often entries that have expired are removed from the key-value store.
    pub sweep_every: Duration,
    /// Limits.
    pub limits: Limits,
    /// The paths of probes: they are answered whatever else is full.
    pub probe_paths: Vec<String>,
    /// Looks at the variables of each component before it is loaded; `None`: any will do.
    pub check_variables: Option<CheckVariables>,
}

/// Says what is wrong with a component's variables, if something is. The text holds no value: it may be a secret.
pub type CheckVariables = fn(&BTreeMap<String, Arc<str>>) -> Result<(), String>;

impl Options {
    /// The system's clock, the log as JSON on standard error, no variables, no check of them, no TLS, the default
    /// limits, nothing measured, probes at `/healthz` and `/readyz`.
    #[must_use]
    pub fn new(state_directory: impl Into<PathBuf>) -> Self {
        Self {
            state_directory: state_directory.into(),
            runtime_config_file: None,
            cache_directory: None,
            variables: VariableSources::default(),
            ca_file: None,
            tls: None,
            wall_clock: Arc::new(SystemWallClock),
            log: Arc::new(StandardErrorLog::new(LogOptions::default())),
            telemetry: None,
            sweep_every: SWEEP_EVERY,
            limits: Limits::default(),
            probe_paths: vec!["/healthz".to_owned(), "/readyz".to_owned()],
            check_variables: None,
        }
    }
}
