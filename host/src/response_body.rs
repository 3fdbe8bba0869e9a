//! The body of a response, with the log line that is written when it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Method, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::request_log::RequestLog;

/// A response's body. It is dropped when it was sent, or when the client went away; the request's log line is written
/// then.
pub(crate) struct ResponseBody {
    body: WasiBody,
    failed: Arc<AtomicBool>,
    request: RequestLog,
    status: StatusCode,
    length: Option<u64>,
    bytes: u64,
    ended: bool,
    broken: bool,
}

impl ResponseBody {
    /// A guest's body. `failed` says, once the guest is gone, that it did not get to the end.
    pub(crate) fn of_guest(
        body: WasiBody,
        status: StatusCode,
        headers: &HeaderMap,
        request: RequestLog,
        failed: Arc<AtomicBool>,
    ) -> Self {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { body, failed, request, status, length, bytes: 0, ended: false, broken: false }
    }

    /// A body of the host's own.
    pub(crate) fn of_host(text: &'static str, status: StatusCode, request: RequestLog) -> Self {
        let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
        let length = u64::try_from(text.len()).ok();
        Self { body, failed: Arc::default(), request, status, length, bytes: 0, ended: false, broken: false }
    }

    /// Whether all of it was handed to the connection. The connection does not ask further once it has the length that
    /// the headers promised, nor for any body where there is none.
    fn is_complete(&self) -> bool {
        let bodiless = *self.request.method() == Method::HEAD
            || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        self.ended || bodiless || self.length == Some(self.bytes) || self.body.is_end_stream()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            // A guest that trapped in the middle lets go of its body as one that is done does. The client must not take
            // the part for the whole.
            Poll::Ready(None) if this.failed.load(Ordering::Acquire) => {
                return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
            }
            Poll::Ready(None) => this.ended = true,
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.remaining());
                this.bytes = this.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                this.ended = frame.is_trailers();
            }
            Poll::Ready(Some(Err(error))) => {
                this.broken = true;
                this.request.warn(format!("the answer broke off: {error}"));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let failed = self.broken || self.failed.load(Ordering::Acquire);
        self.request.answered(self.status, self.bytes, self.is_complete(), failed);
    }
}
