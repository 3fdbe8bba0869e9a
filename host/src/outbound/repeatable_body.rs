//! A request's body that can be sent again, where nothing of the request was written.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes of a body that are kept for a second time. The connection buffers some before it writes the first.
const MOST_KEPT: usize = 256 * 1024;

/// A body of which the beginning is kept while a connection takes it.
#[derive(Clone)]
pub(super) struct RepeatableBody(Arc<Mutex<State>>);

struct State {
    body: WasiBody,
    /// What the body gave, from its beginning; `None` where that is no longer known.
    given: Option<Vec<Bytes>>,
    /// How many of those have been passed on to the present connection.
    passed_on: usize,
}

impl RepeatableBody {
    pub(super) fn new(body: WasiBody) -> Self {
        Self(Arc::new(Mutex::new(State { body, given: Some(Vec::new()), passed_on: 0 })))
    }

    /// Begins the body anew, for another connection; `false` where its beginning is no longer known.
    pub(super) fn begins_again(&self) -> bool {
        let mut state = self.state();
        state.passed_on = 0;
        state.given.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Those pieces that the present connection has not got.
    fn left(&self) -> &[Bytes] {
        self.given.as_deref().and_then(|given| given.get(self.passed_on..)).unwrap_or_default()
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        let Some(given) = &mut self.given else { return };
        match frame.data_ref() {
            Some(data) if given.iter().map(Bytes::len).sum::<usize>() + data.len() <= MOST_KEPT => {
                given.push(data.clone());
                self.passed_on = given.len();
            }
            // Too much, or trailers.
            Some(_) | None => self.given = None,
        }
    }
}

impl Body for RepeatableBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut state = self.state();
        if let Some(data) = state.left().first().cloned() {
            state.passed_on += 1;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let frame = Pin::new(&mut state.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            state.keep(frame);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let state = self.state();
        state.left().is_empty() && state.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.state();
        let left = state.left().iter().map(|data| u64::try_from(data.len()).unwrap_or(u64::MAX)).sum::<u64>();
        let hint = state.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(left));
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(left));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::{BodyExt as _, Full};

    use super::*;

    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
        }
    }

    fn of(lengths: &[usize]) -> RepeatableBody {
        let pieces = lengths.iter().map(|length| Bytes::from(vec![b'x'; *length])).collect();
        RepeatableBody::new(Pieces(pieces).boxed_unsync())
    }

    async fn length(body: &RepeatableBody) -> usize {
        body.clone().collect().await.unwrap().to_bytes().len()
    }

    #[tokio::test]
    async fn a_body_that_was_taken_in_part_or_whole_is_the_same_again() {
        let body = of(&[3, MOST_KEPT - 7, 4]);
        let mut part = body.clone();
        assert_eq!(part.frame().await.unwrap().unwrap().into_data().unwrap().len(), 3);
        for _ in 0..2 {
            assert!(body.begins_again());
            assert_eq!(length(&body).await, MOST_KEPT);
        }
    }

    #[tokio::test]
    async fn a_body_of_which_too_much_was_taken_is_not_sent_again() {
        let body = of(&[3, MOST_KEPT - 2]);
        assert_eq!(length(&body).await, MOST_KEPT + 1);
        assert!(!body.begins_again());
    }

    #[test]
    fn the_length_is_that_of_all_that_is_left() {
        let whole = Full::new(Bytes::from_static(b"whole")).map_err(|never| match never {}).boxed_unsync();
        let body = RepeatableBody::new(whole);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream());
    }
}
