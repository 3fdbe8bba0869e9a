//! The body of a response: what happens to a request when it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Method, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use super::connection_state::RequestInProgress;
use super::request_log::RequestLog;
use crate::instance::ClientGuard;
use crate::log::RequestId;
use crate::telemetry::{ListingReader, OpenStream};

/// A stream of events that only waits for what others do, until it is dropped.
pub(crate) struct SubscriptionStream {
    /// When it ends because the host stops.
    pub(crate) end: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// A response's body. It is dropped when it was sent, or when the client went away; the request's log line is written
/// then.
pub(crate) struct ResponseBody {
    body: Option<WasiBody>,
    failed: Arc<AtomicBool>,
    client: Option<ClientGuard>,
    subscription: Option<SubscriptionStream>,
    /// The last bytes: between two events they are an empty line.
    last: [u8; 2],
    request: RequestLog,
    status: StatusCode,
    length: Option<u64>,
    bytes: u64,
    ended: bool,
    broken: bool,
    _in_progress: Option<RequestInProgress>,
    measured: MeasuredBody,
}

/// What is measured of a body while it lasts.
#[derive(Default)]
pub(crate) struct MeasuredBody {
    /// That it is a stream of events.
    pub(crate) _stream: Option<OpenStream>,
    /// Which tools it lists.
    pub(crate) listing: Option<ListingReader>,
}

impl ResponseBody {
    /// A guest's body. `failed` says, once the guest is gone, that it did not get to the end.
    pub(crate) fn of_guest(
        body: WasiBody,
        status: StatusCode,
        headers: &HeaderMap,
        request: RequestLog,
        failed: Arc<AtomicBool>,
        client: ClientGuard,
        subscription: Option<SubscriptionStream>,
    ) -> Self {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            body: Some(body),
            failed,
            client: Some(client),
            subscription,
            last: *b"\n\n",
            request,
            status,
            length,
            bytes: 0,
            ended: false,
            broken: false,
            _in_progress: None,
            measured: MeasuredBody::default(),
        }
    }

    /// A body of the host's own.
    pub(crate) fn of_host(text: &'static str, status: StatusCode, request: RequestLog) -> Self {
        let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
        Self {
            body: Some(body),
            failed: Arc::default(),
            client: None,
            subscription: None,
            last: *b"\n\n",
            request,
            status,
            length: u64::try_from(text.len()).ok(),
            bytes: 0,
            ended: false,
            broken: false,
            _in_progress: None,
            measured: MeasuredBody::default(),
        }
    }

    /// The same, and this is measured of it.
    pub(crate) fn measured(mut self, measured: MeasuredBody) -> Self {
        self.measured = measured;
        self
    }

    /// The id of the request that it answers.
    pub(crate) fn request_id(&self) -> RequestId {
        self.request.id
    }

    /// The connection is busy until this body is dropped.
    pub(crate) fn hold_connection(&mut self, request: RequestInProgress) {
        self._in_progress = Some(request);
    }

    /// Whether all of it was handed to the connection. The connection does not ask further once it has the length that
    /// the headers promised, nor for any body where there is none.
    fn is_complete(&self) -> bool {
        let bodiless = *self.request.method() == Method::HEAD
            || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        self.ended || bodiless || self.length == Some(self.bytes) || self.is_end_stream()
    }

    fn count(&mut self, data: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if let Some(listing) = &mut self.measured.listing {
            listing.read(data);
        }
        for byte in data.iter().skip(data.len().saturating_sub(2)) {
            self.last = [self.last[1], *byte];
        }
    }

    /// Whether a silent stream ends now, between two events, because the host stops.
    fn has_to_end(&mut self, cx: &mut Context<'_>) -> bool {
        // A line may end in any of the ways that event streams have (WHATWG HTML, section 9.2.5).
        self.last.iter().all(|byte| matches!(byte, b'\n' | b'\r'))
            && self.subscription.as_mut().is_some_and(|stream| stream.end.as_mut().poll(cx).is_ready())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        match &polled {
            Poll::Pending if this.has_to_end(cx) => {
                // Its guest sees the client leave, and ends.
                (this.body, this.client, this.ended) = (None, None, true);
                return Poll::Ready(None);
            }
            Poll::Pending => {}
            // A guest that trapped in the middle lets go of its body as one that is done does. The client must not take
            // the part for the whole.
            Poll::Ready(None) if this.failed.load(Ordering::Acquire) => {
                return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
            }
            Poll::Ready(None) => this.ended = true,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.count(data.chunk());
                }
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
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let complete = self.is_complete();
        if let Some(client) = &self.client
            && complete
        {
            client.is_answered();
        }
        let failed = self.broken || self.failed.load(Ordering::Acquire);
        self.request.answered(self.status, self.bytes, complete, failed);
    }
}
