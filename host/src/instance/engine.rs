//! The WebAssembly engine: one for the process, with one pool of instances that all applications in it share.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::StartError;

/// How often running guests are made to give way to other tasks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What one guest may use of memory, in bytes, all its linear memories together.
pub(crate) const MEMORY_LIMIT: usize = 128 << 20;

/// The most bytes of the stack that one guest's calls may take, of the 2 MiB that wasmtime has for each in its address space. With its own
/// default of a quarter, an interpreter within a guest ends where the program that it interprets calls itself 350 times. Pages are taken from
/// the machine when they are used, and given back when the guest ends.
const STACK_LIMIT: usize = 1536 << 10;

/// Linear memories in the pool. A composition has one for each component in it.
pub(crate) const POOL_MEMORIES: u32 = 4000;
/// A component made by Rust's std has two tables and three core instances for each memory; twice that leaves room for
/// others.
const TABLES_PER_MEMORY: u32 = 4;
const CORE_INSTANCES_PER_MEMORY: u32 = 8;

/// Bytes of a linear memory that stay with an unused place of the pool: more than the components of Gatehouse begin with.
const RESIDENT_MEMORY: usize = 3 << 20;
/// Bytes of a table that do.
const RESIDENT_TABLE: usize = 64 << 10;

/// The engine and the room in its pool.
pub(crate) struct SharedEngine {
    pub(crate) engine: Engine,
    /// One permit for each linear memory of the pool. A request takes as many as its component has, so that an
    /// instantiation never finds the pool full.
    pub(crate) memories: Arc<Semaphore>,
    /// Whether instances come from a pool. Not so where the address space is too small for it.
    pub(crate) pooled: bool,
}

/// The process's engine, started at first use.
pub(crate) fn shared_engine() -> Result<&'static SharedEngine, StartError> {
    static ENGINE: OnceLock<Result<SharedEngine, String>> = OnceLock::new();
    ENGINE.get_or_init(start).as_ref().map_err(|message| StartError::Engine(message.clone()))
}

fn start() -> Result<SharedEngine, String> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(POOL_MEMORIES)
        .total_tables(POOL_MEMORIES * TABLES_PER_MEMORY)
        .total_core_instances(POOL_MEMORIES * CORE_INSTANCES_PER_MEMORY)
        .total_component_instances(POOL_MEMORIES)
        .total_stacks(POOL_MEMORIES)
        .max_memory_size(MEMORY_LIMIT)
        // Every request has fresh memories. To take them from the kernel each time costs a third of a request: pages are given
        // back, fetched and zeroed, and other cores told of it. Instead, what a guest has written is set back in place.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(RESIDENT_MEMORY)
        .table_keep_resident(RESIDENT_TABLE);
    let mut config = configuration();
    config.max_wasm_stack(STACK_LIMIT);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let (engine, pooled) = match Engine::new(&config) {
        Ok(engine) => (engine, true),
        // The pool reserves terabytes of address space, which a `ulimit -v` or a small machine does not have. There, a
        // memory does not reserve the four gigabytes either that spare its code the bounds checks.
        Err(_) => {
            let mut config = configuration();
            config.max_wasm_stack(STACK_LIMIT);
            config.memory_reservation(u64::try_from(MEMORY_LIMIT).unwrap_or(u64::MAX)).memory_reservation_for_growth(0);
            (Engine::new(&config).map_err(|error| format!("{error:#}"))?, false)
        }
    };

    let weak = engine.weak();
    thread::Builder::new()
        .name("guest-clock".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map_err(|error| error.to_string())?;
    let memories = Arc::new(Semaphore::new(usize::try_from(POOL_MEMORIES).unwrap_or(usize::MAX)));
    Ok(SharedEngine { engine, memories, pooled })
}

/// What the code of every component is compiled for, whenever that is.
pub(super) fn configuration() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config
}

/// How many permits of [`SharedEngine::memories`] one instance of a component takes.
pub(crate) fn permits_needed(component: &wasmtime::component::Component) -> u32 {
    // `None`: the component is assembled from others at run time, which this engine's configuration does not produce.
    component.resources_required().map_or(POOL_MEMORIES, |required| {
        required.num_memories.max(required.num_tables.div_ceil(TABLES_PER_MEMORY)).max(1)
    })
}
