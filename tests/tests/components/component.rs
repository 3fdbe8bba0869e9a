//! Compiled components, and the state of one instance.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gatehouse_tests::repository;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Result, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::imports::Ours;
use crate::bindings::platform::{self as spin, Platform};
use crate::bindings::wasmcloud::Wasmcloud;
use crate::fakes::Fakes;
use crate::imports::answer_next;
use crate::outbound::Outbound;

/// More than any test makes a component say.
const LOG_BYTES: usize = 1 << 20;

/// Bytes: what the embedded host gives all components of an instance together, without 12 MiB for the others.
const MEMORY: usize = 116 << 20;

/// The host's side of one instance.
pub struct Guest {
    pub table: ResourceTable,
    pub fakes: Arc<Fakes>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    memory: StoreLimits,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// The clock of the fakes, which stands still until a test moves it.
struct FakeClock(Arc<Fakes>);

impl HostWallClock for FakeClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }
}

/// A component that is compiled once for the whole process.
pub struct Alone {
    file: &'static str,
    compiled: OnceLock<(Component, InstancePre<Guest>)>,
}

pub static ADAPTER_SPIN: Alone = Alone::new("adapter_spin.wasm");
pub static ADAPTER_WASMCLOUD: Alone = Alone::new("adapter_wasmcloud.wasm");
pub static GATEWAY: Alone = Alone::new("gateway.wasm");
pub static AUTHORIZATION_SERVER: Alone = Alone::new("authorization_server.wasm");
pub static SANDBOX: Alone = Alone::new("sandbox.wasm");

impl Alone {
    const fn new(file: &'static str) -> Self {
        Self { file, compiled: OnceLock::new() }
    }

    fn compiled(&self) -> &(Component, InstancePre<Guest>) {
        self.compiled.get_or_init(|| {
            let path = repository().join("target/components").join(self.file);
            assert!(
                path.exists(),
                "{} is missing; `cargo xtask build` or `cargo xtask sandboxes` makes it",
                path.display()
            );
            let component = Component::from_file(engine(), &path).expect("the component compiles");
            let pre = linker().instantiate_pre(&component).expect("every import of the component is faked");
            (component, pre)
        })
    }

    /// The component, ready to be instantiated.
    pub fn pre(&self) -> InstancePre<Guest> {
        self.compiled().1.clone()
    }

    /// What a host says that has Spin's interfaces but for the one with `increment`, instead of making an instance.
    pub fn refused_without_increment(&self) -> String {
        let linked = || -> Result<Linker<Guest>> {
            let mut linker = Linker::new(engine());
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            spin::wasi::keyvalue::store::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
            spin::wasi::keyvalue::batch::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
            spin::fermyon::spin::variables::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
            Ok(linker)
        };
        let refused = linked().expect("a linker").instantiate_pre(&self.compiled().0).err();
        format!("{:#}", refused.expect("it is not instantiated"))
    }

    /// The names of its imports that are not of WASI's own packages for I/O, clocks, randomness and HTTP's types.
    pub fn own_imports(&self) -> Vec<String> {
        let component_type = self.compiled().0.component_type();
        let every_program =
            ["wasi:cli/", "wasi:clocks/", "wasi:io/", "wasi:random/", "wasi:http/types", "wasi:filesystem/"];
        let mut names: Vec<_> = component_type
            .imports(engine())
            .map(|(name, _)| name.to_owned())
            .filter(|name| !every_program.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        names.sort();
        names
    }
}

/// A fresh store: what one request gets.
pub fn fresh(fakes: &Arc<Fakes>) -> Store<Guest> {
    let log = MemoryOutputPipe::new(LOG_BYTES);
    fakes.keep_log(log.clone());
    let environment = fakes.environment.lock().unwrap().clone();
    let clock = FakeClock(Arc::clone(fakes));
    let wasi = WasiCtx::builder().wall_clock(clock).envs(&environment).stderr(log).build();
    let guest = Guest {
        table: ResourceTable::new(),
        fakes: Arc::clone(fakes),
        wasi,
        http: WasiHttpCtx::new(),
        outbound: Outbound(Arc::clone(fakes)),
        memory: StoreLimitsBuilder::new().memory_size(MEMORY).build(),
    };
    let mut store = Store::new(engine(), guest);
    store.limiter(|guest| &mut guest.memory);
    store
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(Engine::default)
}

fn linker() -> Linker<Guest> {
    let add = || -> Result<Linker<Guest>> {
        let mut linker = Linker::new(engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        Ours::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        Platform::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        Wasmcloud::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
        // The next component behind the gateway. Its arguments are wasmtime's own resources, so it needs no bindings.
        linker.instance("wasi:http/incoming-handler@0.2.12")?.func_wrap(
            "handle",
            |mut store, (request, out): (Resource<HostIncomingRequest>, Resource<HostResponseOutparam>)| {
                answer_next(store.data_mut(), request, out)
            },
        )?;
        Ok(linker)
    };
    add().expect("a linker")
}
