//! An upstream's answer, as far as the guest's own client has to do with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use super::client_presence::{ClientPresence, ShortRequest};

/// The body of an answer. A short request's is under way until its end; any other fails when the client has gone.
pub(crate) struct UpstreamBody {
    body: Option<WasiBody>,
    lifetime: Lifetime,
}

enum Lifetime {
    Short { _until_the_end: ShortRequest },
    UntilDisconnected(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl UpstreamBody {
    pub(crate) fn new(body: WasiBody, mut client: ClientPresence, under_way: Option<ShortRequest>) -> Self {
        let lifetime = match under_way {
            Some(under_way) => Lifetime::Short { _until_the_end: under_way },
            None => Lifetime::UntilDisconnected(Box::pin(async move { client.disconnected().await })),
        };
        Self { body: Some(body), lifetime }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let broken = || Poll::Ready(Some(Err(Error::ConnectionTerminated)));
        let Some(body) = &mut this.body else { return broken() };
        if let Lifetime::UntilDisconnected(gone) = &mut this.lifetime
            && gone.as_mut().poll(cx).is_ready()
        {
            // The upstream's connection is closed now, not when the guest gets to it.
            this.body = None;
            return broken();
        }
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
