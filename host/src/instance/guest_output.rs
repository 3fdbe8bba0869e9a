//! A guest's standard output and error: each line goes to the log.

use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::log::RequestId;
use crate::log::{LogEvent, LogRecord, LogSink};

/// A guest's longest line. A longer one is split, so that a guest without line breaks cannot fill the host's memory.
const LONGEST_LINE: usize = 16 * 1024;

/// What a guest may write before it is asked to wait, where the log has no room.
const WRITE: usize = 4096;

/// One of the two outputs of the guest that answers one request.
#[derive(Clone)]
pub(crate) struct GuestOutput(Arc<Lines>);

struct Lines {
    log: Arc<dyn LogSink>,
    component: String,
    request: RequestId,
    stream: &'static str,
    unfinished: Mutex<Vec<u8>>,
    /// There was room when the guest last waited for it.
    may_write: AtomicBool,
}

impl GuestOutput {
    pub(crate) fn new(log: &Arc<dyn LogSink>, component: &str, request: RequestId, stream: &'static str) -> Self {
        let (log, component) = (Arc::clone(log), component.to_owned());
        let may_write = AtomicBool::new(true);
        Self(Arc::new(Lines { log, component, request, stream, unfinished: Mutex::default(), may_write }))
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
            let (request_id, guest) = (self.request, self.component.clone());
            self.log.record(&LogRecord::now(LogEvent::Guest { request_id, guest, stream: self.stream, line }));
        }
    }
}

impl Drop for Lines {
    /// A guest that was killed in the middle of a line has written the part before.
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
        self.0.may_write.store(self.0.log.has_room(), Ordering::Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.0.may_write.load(Ordering::Relaxed) { WRITE } else { 0 })
    }
}

#[async_trait]
impl Pollable for GuestOutput {
    /// Waits as long as the operator wants no line to be lost and the log has no room. Who has waited may write, although
    /// others may have taken the room meanwhile: each guest adds one such piece at most.
    async fn ready(&mut self) {
        if !self.0.may_write.load(Ordering::Relaxed) {
            self.0.log.room().await;
            self.0.may_write.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use proptest::prelude::*;
    use serde_json::Value;
    use tokio::sync::watch;

    use super::*;
    use crate::log::CapturedLog;

    fn output(log: &Arc<CapturedLog>) -> GuestOutput {
        let log: Arc<dyn LogSink> = log.clone();
        GuestOutput::new(&log, "c", RequestId::example(), "stderr")
    }

    fn messages(log: &CapturedLog) -> Vec<String> {
        let lines: Vec<Value> = log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let id = RequestId::example().to_string();
        assert!(lines.iter().all(|line| line["stream"] == "stderr" && line["request_id"] == *id), "{lines:?}");
        let is_text = |line: &&Value| line["event"] == "output";
        assert!(lines.iter().filter(|line| !is_text(line)).all(|line| line["kind"] == "host"), "{lines:?}");
        lines.iter().map(|line| line["message"].as_str().unwrap_or("kindhost").to_owned()).collect()
    }

    #[test]
    fn what_a_guest_wrote_before_it_was_ended_is_in_the_log() {
        let log = Arc::new(CapturedLog::new());
        let mut guest = output(&log);
        guest.write(Bytes::from_static(b"whole\nhalf")).unwrap();
        assert_eq!(messages(&log), ["whole"]);
        drop(guest);
        assert_eq!(messages(&log), ["whole", "half"]);
    }

    /// A log that has room when it is told so.
    struct LogWithoutRoom(watch::Sender<bool>);

    impl LogSink for LogWithoutRoom {
        fn record(&self, _: &LogRecord) {}

        fn has_room(&self) -> bool {
            *self.0.borrow()
        }

        fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            let mut room = self.0.subscribe();
            Box::pin(async move {
                room.wait_for(|room| *room).await.unwrap();
            })
        }
    }

    #[tokio::test]
    async fn a_guest_writes_one_piece_more_when_the_log_has_no_room_and_then_waits_without_a_thread() {
        let crowded = Arc::new(LogWithoutRoom(watch::Sender::new(false)));
        let log: Arc<dyn LogSink> = crowded.clone();
        let mut guest = GuestOutput::new(&log, "c", RequestId::example(), "stderr");
        guest.ready().await;
        assert_eq!(guest.check_write().unwrap(), WRITE);
        guest.write(Bytes::from_static(b"a line\n")).unwrap();
        assert_eq!(guest.check_write().unwrap(), 0);
        let mut other = guest.clone();
        let mut waiting = other.ready();
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        crowded.0.send_replace(true);
        waiting.await;
        assert_eq!(guest.check_write().unwrap(), WRITE);
        guest.write(Bytes::from_static(b"a line\n")).unwrap();
        assert_eq!(guest.check_write().unwrap(), WRITE);
    }

    proptest! {
        #[test]
        fn whatever_a_guest_writes_in_whatever_pieces_is_said_in_its_name_and_no_line_is_too_long(
            pieces in prop::collection::vec(
                prop_oneof![
                    any::<Vec<u8>>(), Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"{\"kind\":\"host\"}\n".to_vec()),
                    (1_usize..40_000).prop_map(|length| vec![b'a'; length]),
                ],
                0..10,
            ),
        ) {
            let log = Arc::new(CapturedLog::new());
            let mut guest = output(&log);
            for piece in &pieces {
                guest.write(Bytes::copy_from_slice(piece)).unwrap();
            }
            drop(guest);
            let messages = messages(&log);
            // Each broken byte becomes a character of three.
            prop_assert!(messages.iter().all(|line| line.len() <= 3 * LONGEST_LINE));
            let written = pieces.concat().iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
            let logged: usize = messages.iter().map(|line| line.bytes().filter(u8::is_ascii_alphanumeric).count()).sum();
            prop_assert_eq!(logged, written);
        }
    }
}
