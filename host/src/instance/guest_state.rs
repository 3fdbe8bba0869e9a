//! What belongs to one running guest: its WASI context, its limits, and which request it answers.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::engine::MEMORY_LIMIT;
use super::grants::Grants;
use super::listing::Listing;
use super::outgoing_handler::OutboundHooks;
use crate::log::RequestId;

/// The host's side of one guest.
pub(crate) struct GuestState {
    pub(crate) table: ResourceTable,
    pub(crate) grants: Arc<Grants>,
    pub(crate) request: RequestId,
    pub(crate) memory: MemoryLimit,
    pub(crate) listing: Listing,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHooks,
}

impl GuestState {
    pub(crate) fn new(grants: &Arc<Grants>, request: RequestId, wasi: WasiCtx, outbound: OutboundHooks) -> Self {
        Self {
            table: ResourceTable::new(),
            grants: Arc::clone(grants),
            request,
            memory: MemoryLimit::default(),
            listing: Listing::default(),
            wasi,
            http: WasiHttpCtx::new(),
            outbound,
        }
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Limits the sum of a guest's linear memories: a composition has several.
#[derive(Debug, Default)]
pub(crate) struct MemoryLimit {
    used: usize,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        let allowed = used <= MEMORY_LIMIT;
        if allowed {
            self.used = used;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // A Rust component's table holds its function pointers, some hundreds.
        Ok(desired <= 100_000)
    }
}
