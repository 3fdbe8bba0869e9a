//! A component that is ready to be instantiated.

use std::fs;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::client_presence::ClientPresence;
use super::compile::compile;
use super::compiled_ahead::{self, compiled_ahead_file};
use super::components::Components;
use super::compute_meter::ComputeMeter;
use super::engine::{SharedEngine, permits_needed};
use super::grants::Grants;
use super::guest_output::GuestOutput;
use super::guest_state::GuestState;
use super::linker::linker;
use super::long_compute::{LONG_FOR_CLIENTS, LONG_FOR_COMPONENTS, pause};
use super::outgoing_handler::OutboundHooks;
use crate::clock::{GuestWallClock, WallClock};
use crate::error::one_line;
use crate::key_value::SWEPT_BY_HOST;
use crate::log::{Level, LogRecord, RequestId};
use crate::manifest::ComponentManifest;
use crate::options::Options;
use crate::outbound::OutboundSender;
use crate::private_files::default_cache_directory;

/// The environment variable that says the id of the request that an instance answers, for the guest's own lines and
/// answers. No client can set it.
const REQUEST_ID_VARIABLE: &str = "GATEHOUSE_REQUEST_ID";

/// A component that is ready to be instantiated, with what it was granted.
pub(crate) struct LoadedComponent {
    pub(crate) grants: Arc<Grants>,
    pub(crate) pre: ProxyPre<GuestState>,
    /// How much of the pool an instance takes.
    pub(crate) permits: u32,
    environment: Vec<(String, String)>,
    wall_clock: Arc<dyn WallClock>,
    compute_limit: Duration,
}

/// A guest was stopped, since it computed for too long.
#[derive(Debug, thiserror::Error)]
#[error("it computed for more than {} s", .0.as_secs_f64())]
pub(crate) struct OutOfCompute(Duration);

impl LoadedComponent {
    /// Compiles the component and links it.
    ///
    /// # Errors
    /// What is wrong with its file, in words.
    pub(crate) fn load(
        engine: &SharedEngine,
        declared: &ComponentManifest,
        grants: Grants,
        options: &Options,
    ) -> Result<Self, String> {
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
        let ahead = compiled_ahead_file(&declared.source);
        let ahead = compiled_ahead::load(&engine.engine, &wasm, &ahead).unwrap_or_else(|reason| {
            let message = format!("the compiled code in {} is not used: {reason}", ahead.display());
            options.log.record(&LogRecord::host(Level::Warn, None, message));
            None
        });
        let component = match ahead {
            Some(component) => component,
            None => compile(&engine.engine, &wasm, &cache, &*options.log).map_err(failed)?,
        };
        let instance = linker(&engine.engine).and_then(|linker| linker.instantiate_pre(&component)).map_err(failed)?;
        let pre = ProxyPre::new(instance).map_err(failed)?;
        Ok(Self {
            grants: Arc::new(grants),
            pre,
            permits: permits_needed(&component),
            environment: declared.environment.clone().into_iter().collect(),
            wall_clock: Arc::clone(&options.wall_clock),
            compute_limit: options.limits.compute,
        })
    }

    /// A store for one request of `client`, and the meter of its guest. The guest's own requests are sent by `sender`, or answered
    /// by `components`; those have asked for it, too, where it runs `for_component`.
    pub(crate) fn new_store(
        &self,
        engine: &wasmtime::Engine,
        sender: &OutboundSender,
        components: Arc<dyn Components>,
        request: RequestId,
        client: ClientPresence,
        for_component: bool,
    ) -> (Store<GuestState>, Arc<ComputeMeter>) {
        let wasi = WasiCtx::builder()
            .envs(&self.environment)
            .env(SWEPT_BY_HOST.0, SWEPT_BY_HOST.1)
            .env(REQUEST_ID_VARIABLE, request.to_string())
            .stdout(GuestOutput::new(&self.grants.log, &self.grants.component, request, "stdout"))
            .stderr(GuestOutput::new(&self.grants.log, &self.grants.component, request, "stderr"))
            .wall_clock(GuestWallClock(Arc::clone(&self.wall_clock)))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let (grants, sender) = (Arc::clone(&self.grants), sender.clone());
        let outbound = OutboundHooks { grants, sender, components, request, client };
        let mut store = Store::new(engine, GuestState::new(&self.grants, request, wasi, outbound));
        store.limiter(|state| &mut state.memory);

        let meter = Arc::new(ComputeMeter::new());
        let (watched, limit) = (Arc::clone(&meter), self.compute_limit);
        let long = if for_component { LONG_FOR_COMPONENTS } else { LONG_FOR_CLIENTS };
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let spent = watched.spent();
            if spent > limit {
                return Err(OutOfCompute(limit).into());
            }
            // After `yield_now`, and not after a plain yield, tokio looks at its sockets before the guest goes on.
            let pause: Pin<Box<dyn Future<Output = ()> + Send>> =
                if spent > long { Box::pin(pause()) } else { Box::pin(yield_now()) };
            Ok(UpdateDeadline::YieldCustom(1, pause))
        });
        (store, meter)
    }
}
