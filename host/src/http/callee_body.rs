//! The answer of a component to another one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::{StatusCode, header, response};
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::instance::ClientGuard;

/// The body of such an answer. Dropping it before its end says that nobody waits for the rest.
pub(crate) struct CalleeBody {
    /// `None` where there is none, whatever the guest writes.
    body: Option<WasiBody>,
    failed: Arc<AtomicBool>,
    client: ClientGuard,
    /// Bytes that are still to come, where the headers say how many there are.
    left: Option<u64>,
}

impl CalleeBody {
    /// `failed` says, once the guest is gone, that it did not get to the end.
    pub(crate) fn new(
        body: WasiBody,
        head: &response::Parts,
        is_head: bool,
        failed: Arc<AtomicBool>,
        client: ClientGuard,
    ) -> Self {
        let is_empty = is_head || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let left = if is_empty { Some(0) } else { length };
        if left == Some(0) || body.is_end_stream() {
            client.is_answered();
        }
        Self { body: (!is_empty).then_some(body), failed, client, left }
    }
}

impl Body for CalleeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        match &polled {
            // A guest that trapped in the middle lets go of its body as one that is done does. The caller must not take the
            // part for the whole.
            Poll::Ready(None) if this.failed.load(Ordering::Acquire) => {
                return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
            }
            Poll::Ready(None) => this.client.is_answered(),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| u64::try_from(data.remaining()).unwrap_or(u64::MAX));
                this.left = this.left.map(|left| left.saturating_sub(bytes));
                // Who has all that was announced may ask no further.
                if this.left == Some(0) || frame.is_trailers() {
                    this.client.is_answered();
                }
            }
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
