//! An application that is ready to serve: its manifest checked, its variables known, its components compiled.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::error::{StartError, one_line};
use crate::http::{Running, serve, serve_on};
use crate::loaded_application::LoadedApplication;
use crate::manifest::Route;
use crate::options::Options;
use crate::server_tls::keep_reloaded;
use crate::telemetry::{Exporter, MeasuredLog, Measuring, TelemetryOptions, listen};

/// An application, compiled and ready to serve.
#[derive(Clone)]
pub struct Application {
    loaded: Arc<LoadedApplication>,
    reporting: Option<Arc<Reporting>>,
}

/// What hands out what is measured, until it is dropped.
struct Reporting {
    metrics: Option<SocketAddr>,
    exporter: Option<Arc<Exporter>>,
    _tasks: JoinSet<()>,
}

impl Reporting {
    async fn start(
        measuring: &Measuring,
        options: TelemetryOptions,
        loaded: &LoadedApplication,
    ) -> Result<Self, StartError> {
        let mut tasks = JoinSet::new();
        let mut metrics = None;
        if let Some(address) = options.metrics {
            let listener = listen(address, measuring.clone()).await?;
            metrics = listener.address();
            tasks.spawn(listener.serve());
        }
        let exporter = options.otlp.map(|otlp| {
            let sender = loaded.outbound.sender();
            Arc::new(Exporter::new(measuring.clone(), otlp, sender, Arc::clone(&loaded.log)))
        });
        if let Some(exporter) = &exporter {
            tasks.spawn(Arc::clone(exporter).keep_exporting());
        }
        Ok(Self { metrics, exporter, _tasks: tasks })
    }
}

impl Application {
    /// Loads the application of the manifest at `manifest`: the file, or the directory that holds a `spin.toml`.
    ///
    /// # Errors
    /// The manifest, a variable, a component, the state directory or a file for TLS cannot be used.
    pub async fn load(manifest: impl Into<PathBuf>, options: Options) -> Result<Self, StartError> {
        let manifest = manifest.into();
        let mut options = options;
        let measuring = options.telemetry.as_ref().map(Measuring::new);
        if let Some(measuring) = &measuring {
            options.log = Arc::new(MeasuredLog { log: options.log, measuring: measuring.clone() });
        }
        let telemetry = options.telemetry.clone();
        let (clock, every, log) = (Arc::clone(&options.wall_clock), options.sweep_every, Arc::clone(&options.log));
        // Compiling takes seconds, and the disk may be slow.
        let loading = tokio::task::spawn_blocking(move || LoadedApplication::load(&manifest, &options, measuring));
        let loaded = loading.await.map_err(|error| StartError::Engine(one_line(&error.to_string())))??;
        for store in loaded.key_value.all() {
            store.start_upkeep(Arc::clone(&clock), every, Arc::clone(&log));
        }
        if let Some(tls) = &loaded.tls {
            tokio::spawn(keep_reloaded(Arc::downgrade(tls), log));
        }
        let reporting = match (&loaded.measuring, telemetry) {
            (Some(measuring), Some(options)) => Some(Reporting::start(measuring, options, &loaded).await?),
            _ => None,
        };
        Ok(Self { loaded: Arc::new(loaded), reporting: reporting.map(Arc::new) })
    }

    /// Where Prometheus fetches the metrics, if it does.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.reporting.as_ref()?.metrics
    }

    /// Sends what is measured and was not sent yet, for a host that is about to end.
    pub async fn export_telemetry(&self) {
        if let Some(exporter) = self.reporting.as_ref().and_then(|reporting| reporting.exporter.as_ref()) {
            exporter.export().await;
        }
    }

    /// Serves the application on `listen`, where port 0 picks a free one, until it is shut down. May be called again,
    /// for several hosts that share everything but their address.
    ///
    /// # Errors
    /// The address cannot be listened on, or the manifest allows loopback addresses only and this is none.
    pub async fn serve(&self, listen: SocketAddr) -> Result<Running, StartError> {
        serve(Arc::clone(&self.loaded), listen).await
    }

    /// Serves the application on a socket that listens already, such as one that a supervisor has opened. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// The socket cannot be used, or the manifest allows loopback addresses only and it is not on one.
    pub fn serve_on(&self, listener: TcpListener) -> Result<Running, StartError> {
        serve_on(Arc::clone(&self.loaded), listener)
    }

    /// The application's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.loaded.name
    }

    /// The scheme of the URLs by which clients reach its hosts: `https` where they end TLS.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.loaded.scheme()
    }

    /// The routes, each with its component's id, in the manifest's order.
    pub fn routes(&self) -> impl Iterator<Item = (&Route, &str)> {
        self.loaded.routes.iter().map(|(route, component)| (route, component.grants.component.as_str()))
    }

    /// The value of a component's variable, of the first component that has it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        let mut components = self.loaded.routes.iter().map(|(_, component)| component);
        components.find_map(|component| component.grants.variables.get(name)).map(AsRef::as_ref)
    }

    /// Whether instances come from a pool, or, where the address space is too small for one, are made one by one.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.loaded.engine.pooled
    }
}
