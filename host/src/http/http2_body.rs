//! The body of a response on a connection of HTTP/2.
//!
//! There, a client can stop one answer while it takes others, so the socket does not tell who takes nothing. hyper asks a body for
//! more only when its client has room for what it has. So a task takes the body's pieces and waits until hyper wants the next one,
//! but not for longer than a client may take nothing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wasmtime_wasi_http::Error;

use super::connection_state::Unanswered;
use super::response_body::ResponseBody;

/// The largest piece: what may still be on its way when an answer counts as taken.
const PIECE: usize = 16 * 1024;

/// The body of a response, for hyper.
pub(crate) struct Http2Body(Option<mpsc::Receiver<Piece>>);

enum Piece {
    Frame(Frame<Bytes>),
    Failed(Error),
    End,
}

impl Body for Http2Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(pieces) = &mut self.get_mut().0 else { return Poll::Ready(None) };
        Poll::Ready(match ready!(pieces.poll_recv(cx)) {
            Some(Piece::Frame(frame)) => Some(Ok(frame)),
            Some(Piece::Failed(error)) => Some(Err(error)),
            Some(Piece::End) => None,
            // The client must not take the part for the whole.
            None => Some(Err(Error::HttpResponseIncomplete)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// The same response for hyper. `write_stall`: how long its client may take nothing of it.
pub(crate) fn for_http2(
    response: Response<ResponseBody>,
    method: &Method,
    write_stall: Duration,
    mut unanswered: Unanswered,
) -> Response<Http2Body> {
    let (parts, body) = response.into_parts();
    // On HTTP/1.1, hyper leaves it out itself.
    let bodiless = *method == Method::HEAD || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless || body.is_end_stream() {
        unanswered.is_answered();
        return Response::from_parts(parts, Http2Body(None));
    }
    let (sender, pieces) = mpsc::channel(1);
    tokio::spawn(hand_on(body, sender, write_stall, unanswered));
    Response::from_parts(parts, Http2Body(Some(pieces)))
}

/// Hands the pieces of `body` to hyper. It holds the body until hyper has all of it, or the client has left or takes nothing.
async fn hand_on(
    mut body: ResponseBody,
    pieces: mpsc::Sender<Piece>,
    write_stall: Duration,
    mut unanswered: Unanswered,
) {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = pieces.closed() => return,
        };
        let (mut piece, mut rest) = match frame {
            None => (Piece::End, Bytes::new()),
            Some(Err(error)) => (Piece::Failed(error), Bytes::new()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(mut data) => (Piece::Frame(Frame::data(data.split_to(data.len().min(PIECE)))), data),
                Err(frame) => (Piece::Frame(frame), Bytes::new()),
            },
        };
        let is_last = !matches!(piece, Piece::Frame(_));
        loop {
            match timeout(write_stall, pieces.send(piece)).await {
                Ok(Ok(())) => {}
                // The client has left.
                Ok(Err(_)) => return,
                // Its turn and its guest are for others; what hyper has of it stays until the connection ends.
                Err(_) => return unanswered.is_answered(),
            }
            if rest.is_empty() {
                break;
            }
            piece = Piece::Frame(Frame::data(rest.split_to(rest.len().min(PIECE))));
        }
        if is_last {
            unanswered.is_answered();
            let _ = timeout(write_stall, pieces.closed()).await;
            return;
        }
    }
}
