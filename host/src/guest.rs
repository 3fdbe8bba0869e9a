//! What belongs to one running guest: its WASI context, its limits, and its output.

use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView, async_trait};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::application::LoadedComponent;
use crate::engine::MEMORY_LIMIT;
use crate::linker::Listing;
use crate::log::{LogEvent, LogRecord};
use crate::outbound::OutboundHooks;

/// The host's side of one guest.
pub(crate) struct GuestState {
    pub(crate) table: ResourceTable,
    pub(crate) component: Arc<LoadedComponent>,
    pub(crate) memory: MemoryLimit,
    pub(crate) listing: Listing,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHooks,
}

impl GuestState {
    pub(crate) fn new(component: &Arc<LoadedComponent>, wasi: WasiCtx, outbound: OutboundHooks) -> Self {
        Self {
            table: ResourceTable::new(),
            component: Arc::clone(component),
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

/// Counts the time that a guest computes, as opposed to waits.
#[derive(Debug)]
pub(crate) struct ComputeMeter {
    base: Instant,
    spent: AtomicU64,
    resumed: AtomicU64,
}

impl ComputeMeter {
    pub(crate) fn new() -> Self {
        Self { base: Instant::now(), spent: AtomicU64::new(0), resumed: AtomicU64::new(0) }
    }

    fn clock(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time spent so far. Called by the guest's own task, while it computes.
    pub(crate) fn spent(&self) -> Duration {
        let current = self.clock().saturating_sub(self.resumed.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(current))
    }
}

/// Runs a guest's future and meters the time in it.
pub(crate) struct Metered<F> {
    guest: Pin<Box<F>>,
    meter: Arc<ComputeMeter>,
}

impl<F> Metered<F> {
    pub(crate) fn new(guest: F, meter: Arc<ComputeMeter>) -> Self {
        Self { guest: Box::pin(guest), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let resumed = self.meter.clock();
        self.meter.resumed.store(resumed, Ordering::Relaxed);
        let polled = self.guest.as_mut().poll(cx);
        self.meter.spent.fetch_add(self.meter.clock().saturating_sub(resumed), Ordering::Relaxed);
        polled
    }
}

/// A guest's longest line. A longer one is split, so that a guest without line breaks cannot fill the host's memory.
const LONGEST_LINE: usize = 16 * 1024;

/// A guest's standard output or error: each line goes to the log.
#[derive(Clone)]
pub(crate) struct GuestOutput(Arc<Lines>);

struct Lines {
    component: Arc<LoadedComponent>,
    stream: &'static str,
    unfinished: Mutex<Vec<u8>>,
}

impl GuestOutput {
    pub(crate) fn new(component: &Arc<LoadedComponent>, stream: &'static str) -> Self {
        Self(Arc::new(Lines { component: Arc::clone(component), stream, unfinished: Mutex::default() }))
    }
}

impl Lines {
    fn write(&self, bytes: &[u8]) {
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in part.chunks(LONGEST_LINE) {
                unfinished.extend_from_slice(piece);
                if unfinished.ends_with(b"\n") || unfinished.len() >= LONGEST_LINE {
                    self.log(&mem::take(&mut *unfinished));
                }
            }
        }
    }

    fn log(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned();
        if !line.is_empty() {
            let component = self.component.id.clone();
            self.component.log.record(&LogRecord::now(LogEvent::Guest { component, stream: self.stream, line }));
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let unfinished = mem::take(self.unfinished.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.log(&unfinished);
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // Without a task of its own between, as the default has: what a guest says before it traps must not be lost.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}
