//! Requests that the component makes.

mod exchanges;
mod no_answer;
mod outgoing_request;
mod sending;

use http::{Request, Response};

pub use self::exchanges::{Arrival, Exchanges};
pub use self::no_answer::NoAnswer;
use self::no_answer::failed;
pub use self::outgoing_request::Limits;
use crate::system::{Milliseconds, elapsed};

/// For a whole short exchange.
const FETCH: Milliseconds = 20_000;

/// Sends `request` and reads the answer: at most `limit` bytes, and all of it within 20 seconds. Redirects are not
/// followed.
///
/// # Errors
/// See [`NoAnswer`].
pub fn fetch(request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
    fetch_within(request, limit, Limits::SHORT, FETCH)
}

/// The same within other limits, and all of it within `time`.
///
/// # Errors
/// See [`NoAnswer`].
pub fn fetch_within(
    request: &Request<Vec<u8>>,
    limit: usize,
    limits: Limits,
    time: Milliseconds,
) -> Result<Response<Vec<u8>>, NoAnswer> {
    let deadline = elapsed().saturating_add(time);
    let mut exchange = Exchanges::default();
    exchange.start(request.clone(), limits);
    let (mut answer, mut bytes) = (None, Vec::new());
    loop {
        match exchange.next(deadline.saturating_sub(elapsed())) {
            Arrival::Head(_, head) => answer = Some(head),
            Arrival::Piece(_, piece) if bytes.len().saturating_add(piece.len()) > limit => {
                return Err(NoAnswer::TooLarge);
            }
            // Who sends a byte now and then would hold us for ever otherwise.
            Arrival::Piece(..) | Arrival::Tick if elapsed() >= deadline => return Err(NoAnswer::TimedOut),
            Arrival::Piece(_, piece) => bytes.extend_from_slice(&piece),
            Arrival::Tick => {}
            Arrival::End(_) => return answer.map(|head| head.map(|()| bytes)).ok_or_else(|| failed("no answer")),
            Arrival::Broken(_) => return Err(failed("the answer broke off")),
            Arrival::NoAnswer(_, reason) => return Err(reason),
        }
    }
}
