//! An upstream's answer, as far as the guest's own client has to do with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::client::{ClientPresence, UnderWay};

/// The body of an answer. A short request's is under way until its end; any other fails when the client has gone.
pub(crate) struct TrackedBody {
    body: Option<WasiBody>,
    lasting: Lasting,
}

enum Lasting {
    Short { _until_the_end: UnderWay },
    UntilGone(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl TrackedBody {
    pub(crate) fn new(body: WasiBody, mut client: ClientPresence, under_way: Option<UnderWay>) -> Self {
        let lasting = match under_way {
            Some(under_way) => Lasting::Short { _until_the_end: under_way },
            None => Lasting::UntilGone(Box::pin(async move { client.gone().await })),
        };
        Self { body: Some(body), lasting }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let broken = || Poll::Ready(Some(Err(Error::ConnectionTerminated)));
        let Some(body) = &mut this.body else { return broken() };
        if let Lasting::UntilGone(gone) = &mut this.lasting
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
