//! An application that is ready to serve: its manifest checked, its variables known, its components compiled.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::client::ClientPresence;
use crate::clock::{GuestWallClock, SystemWallClock, WallClock};
use crate::compile::compile;
use crate::compute_meter::ComputeMeter;
use crate::engine::{SharedEngine, TICK, permits_needed, shared_engine};
use crate::error::{StartError, one_line};
use crate::guest::GuestState;
use crate::guest_output::GuestOutput;
use crate::key_value::{KeyValueStore, SWEPT_BY_HOST, keep_swept};
use crate::limits::Limits;
use crate::linker::linker;
use crate::log::{Level, LogRecord, LogSink};
use crate::manifest::{ComponentManifest, Manifest};
use crate::outbound::{OutboundHooks, OutboundSender};
use crate::outbound_hosts::AllowedOutboundHosts;
use crate::request_id::RequestId;
use crate::route::{Route, most_specific};
use crate::serve::{Running, serve, serve_on};
use crate::standard_error_log::{LogOptions, StandardErrorLog};
use crate::state_directory::default_cache_directory;
use crate::variables::VariableSources;

/// A guest that has computed for longer makes room for others.
const LONG_COMPUTE: Duration = Duration::from_secs(1);
/// Often enough that what expires in between is removed in a few pieces.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How an application is loaded. [`Options::new`] gives the usual values.
#[derive(Clone)]
pub struct Options {
    /// Where the key-value store lies. Hosts that share it share the store.
    pub state_directory: PathBuf,
    /// Where compiled code is kept; `None`: where the user's caches are.
    pub cache_directory: Option<PathBuf>,
    /// Where variables' values come from.
    pub variables: VariableSources,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The wall clock that guests see.
    pub wall_clock: Arc<dyn WallClock>,
    /// Where the log goes.
    pub log: Arc<dyn LogSink>,
    /// How often entries that have expired are removed from the key-value store.
    pub sweep_every: Duration,
    /// Limits.
    pub limits: Limits,
    /// The paths of probes: they are answered whatever else is full.
    pub probe_paths: Vec<String>,
}

impl Options {
    /// The system's clock, the log as JSON on standard error, no variables, the default limits, probes at `/healthz` and
    /// `/readyz`.
    #[must_use]
    pub fn new(state_directory: impl Into<PathBuf>) -> Self {
        Self {
            state_directory: state_directory.into(),
            cache_directory: None,
            variables: VariableSources::default(),
            ca_file: None,
            wall_clock: Arc::new(SystemWallClock),
            log: Arc::new(StandardErrorLog::new(LogOptions::default())),
            sweep_every: SWEEP_EVERY,
            limits: Limits::default(),
            probe_paths: vec!["/healthz".to_owned(), "/readyz".to_owned()],
        }
    }
}

/// An application, compiled and ready to serve.
#[derive(Clone)]
pub struct Application {
    pub(crate) loaded: Arc<Loaded>,
}

pub(crate) struct Loaded {
    pub(crate) engine: &'static SharedEngine,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) limits: Limits,
    pub(crate) probe_paths: Vec<String>,
    pub(crate) loopback_only: bool,
    manifest_path: PathBuf,
    name: String,
    routes: Vec<(Route, Arc<LoadedComponent>)>,
    key_value: Option<Arc<KeyValueStore>>,
}

/// A component that is ready to be instantiated, with what it was granted.
pub(crate) struct LoadedComponent {
    pub(crate) id: String,
    pub(crate) pre: ProxyPre<GuestState>,
    /// How much of the pool an instance takes.
    pub(crate) permits: u32,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) key_value: Option<Arc<KeyValueStore>>,
    pub(crate) key_value_stores: Vec<String>,
    pub(crate) allowed_outbound_hosts: AllowedOutboundHosts,
    pub(crate) sender: OutboundSender,
    pub(crate) log: Arc<dyn LogSink>,
    environment: Vec<(String, String)>,
    wall_clock: Arc<dyn WallClock>,
    compute_limit: Duration,
}

impl Application {
    /// Loads the application of the manifest at `manifest`: the file, or the directory that holds a `spin.toml`.
    ///
    /// # Errors
    /// The manifest, a variable, a component or the state directory cannot be used.
    pub async fn load(manifest: impl Into<PathBuf>, options: Options) -> Result<Self, StartError> {
        let manifest = manifest.into();
        let (clock, every, log) = (Arc::clone(&options.wall_clock), options.sweep_every, Arc::clone(&options.log));
        // Compiling takes seconds, and the disk may be slow.
        let loading = tokio::task::spawn_blocking(move || load(&manifest, &options));
        let loaded = loading.await.map_err(|error| StartError::Engine(one_line(&error.to_string())))??;
        if let Some(key_value) = &loaded.key_value {
            tokio::spawn(keep_swept(Arc::downgrade(key_value), clock, every, log));
        }
        Ok(Self { loaded: Arc::new(loaded) })
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

    /// The routes, each with its component's id, in the manifest's order.
    pub fn routes(&self) -> impl Iterator<Item = (&Route, &str)> {
        self.loaded.routes.iter().map(|(route, component)| (route, component.id.as_str()))
    }

    /// Whether instances come from a pool, or, where the address space is too small for one, are made one by one.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.loaded.engine.pooled
    }
}

impl Loaded {
    pub(crate) fn manifest_path(&self) -> &Path {
        &self.manifest_path
    }

    pub(crate) fn route(&self, path: &str) -> Option<&(Route, Arc<LoadedComponent>)> {
        most_specific(&self.routes, path)
    }

    /// How much of the pool the largest component's instance takes.
    pub(crate) fn largest_guest(&self) -> u32 {
        self.routes.iter().map(|(_, component)| component.permits).max().unwrap_or(1)
    }
}

fn load(manifest: &Path, options: &Options) -> Result<Loaded, StartError> {
    let manifest = Manifest::read(manifest)?;
    let values = options.variables.resolve(&manifest.variables, &manifest.path)?;
    let engine = shared_engine()?;
    let sender = OutboundSender::new(options.ca_file.as_deref(), &*options.log)?;
    let key_value = if manifest.components.values().any(|component| !component.key_value_stores.is_empty()) {
        Some(Arc::new(KeyValueStore::open_with(&options.state_directory, options.limits.store)?))
    } else {
        None
    };

    let mut components: HashMap<&str, Arc<LoadedComponent>> = HashMap::new();
    let mut routes = Vec::new();
    for (route, id) in &manifest.routes {
        let component = match components.get(id.as_str()) {
            Some(component) => Arc::clone(component),
            None => {
                let failed = |message| StartError::Component { component: id.clone(), message };
                let Some(declared) = manifest.components.get(id) else {
                    return Err(failed("it is not in the manifest".to_owned()));
                };
                let (pre, permits) = instantiable(engine, declared, options).map_err(failed)?;
                let component = Arc::new(LoadedComponent {
                    id: id.clone(),
                    pre,
                    permits,
                    variables: resolve_all(&declared.variables, &values).map_err(failed)?,
                    key_value: key_value.clone(),
                    key_value_stores: declared.key_value_stores.clone(),
                    allowed_outbound_hosts: allowed_outbound_hosts(declared, &manifest, &values).map_err(failed)?,
                    sender: sender.clone(),
                    log: Arc::clone(&options.log),
                    environment: declared.environment.clone().into_iter().collect(),
                    wall_clock: Arc::clone(&options.wall_clock),
                    compute_limit: options.limits.compute,
                });
                components.insert(id, Arc::clone(&component));
                component
            }
        };
        routes.push((route.clone(), component));
    }
    if !engine.pooled {
        let message = "too little address space for a pool of instances; each is made on its own, which is slower";
        options.log.record(&LogRecord::host(Level::Warn, None, message));
    }
    Ok(Loaded {
        engine,
        log: Arc::clone(&options.log),
        limits: options.limits,
        probe_paths: options.probe_paths.clone(),
        loopback_only: manifest.loopback_only,
        manifest_path: manifest.path,
        name: manifest.name,
        routes,
        key_value,
    })
}

/// Compiles a component and links it, with the number of permits that an instance takes.
fn instantiable(
    engine: &SharedEngine,
    declared: &ComponentManifest,
    options: &Options,
) -> Result<(ProxyPre<GuestState>, u32), String> {
    let source = declared.source.display();
    let wasm = fs::read(&declared.source).map_err(|error| match (&declared.build_command, error.kind()) {
        (Some(command), std::io::ErrorKind::NotFound) => {
            format!("there is no file {source}; build it with `{command}`")
        }
        (None, std::io::ErrorKind::NotFound) => format!("there is no file {source}; build the component first"),
        _ => format!("cannot read {source}: {error}"),
    })?;
    let cache = match &options.cache_directory {
        Some(cache) => cache.clone(),
        None => default_cache_directory(&options.state_directory),
    };
    let failed = |error: wasmtime::Error| format!("{source}: {}", one_line(&format!("{error:#}")));
    // The layer of the binary format: 1 is a component, 0 a core module.
    if !wasm.starts_with(b"\0asm") || wasm.get(6..8) != Some(&[1, 0]) {
        return Err(format!("{source} is not a WebAssembly component (build it for wasm32-wasip2)"));
    }
    let component = compile(&engine.engine, &wasm, &cache, &*options.log).map_err(failed)?;
    let instance = linker(&engine.engine).and_then(|linker| linker.instantiate_pre(&component)).map_err(failed)?;
    let pre = ProxyPre::new(instance).map_err(failed)?;
    Ok((pre, permits_needed(&component)))
}

fn resolve_all(
    templates: &BTreeMap<String, crate::template::Template>,
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut resolved = BTreeMap::new();
    for (name, template) in templates {
        let value = template.resolve(values).map_err(|unknown| format!("variable `{unknown}` has no value"))?;
        resolved.insert(name.clone(), value);
    }
    Ok(resolved)
}

fn allowed_outbound_hosts(
    declared: &ComponentManifest,
    manifest: &Manifest,
    values: &BTreeMap<String, String>,
) -> Result<AllowedOutboundHosts, String> {
    let mut resolved = Vec::new();
    for (text, template) in &declared.allowed_outbound_hosts {
        let entry = template.resolve(values).map_err(|unknown| format!("variable `{unknown}` has no value"))?;
        AllowedOutboundHosts::parse([&entry]).map_err(|problem| {
            let secret = template.variables().any(|name| manifest.variables.get(name).is_none_or(|v| v.secret));
            let problem = if secret { "its value is not an allowed outbound host".to_owned() } else { problem };
            format!("allowed_outbound_hosts entry \"{text}\": {problem}")
        })?;
        resolved.push(entry);
    }
    AllowedOutboundHosts::parse(resolved)
}

/// A guest was stopped, since it computed for too long.
#[derive(Debug, thiserror::Error)]
#[error("it computed for more than {} s", .0.as_secs_f64())]
pub(crate) struct OutOfCompute(Duration);

impl LoadedComponent {
    /// A store for one request of `client`, and the meter of its guest.
    pub(crate) fn new_store(
        self: &Arc<Self>,
        engine: &wasmtime::Engine,
        request: RequestId,
        client: ClientPresence,
    ) -> (Store<GuestState>, Arc<ComputeMeter>) {
        let wasi = WasiCtx::builder()
            .envs(&self.environment)
            .env(SWEPT_BY_HOST.0, SWEPT_BY_HOST.1)
            .stdout(GuestOutput::new(&self.log, &self.id, request, "stdout"))
            .stderr(GuestOutput::new(&self.log, &self.id, request, "stderr"))
            .wall_clock(GuestWallClock(Arc::clone(&self.wall_clock)))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let outbound = OutboundHooks { component: Arc::clone(self), request, client };
        let mut store = Store::new(engine, GuestState::new(self, request, wasi, outbound));
        store.limiter(|state| &mut state.memory);

        let meter = Arc::new(ComputeMeter::new());
        let (watched, limit) = (Arc::clone(&meter), self.compute_limit);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if watched.spent() > limit {
                return Err(OutOfCompute(limit).into());
            }
            // After `yield_now`, and not after a plain yield, tokio looks at its sockets before the guest goes on. A
            // guest that computes for long gets half of a thread.
            let pause: Pin<Box<dyn Future<Output = ()> + Send>> =
                if watched.spent() > LONG_COMPUTE { Box::pin(sleep(TICK)) } else { Box::pin(yield_now()) };
            Ok(UpdateDeadline::YieldCustom(1, pause))
        });
        (store, meter)
    }
}
