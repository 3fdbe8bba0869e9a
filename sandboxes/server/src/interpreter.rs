//! What an interpreter answers, read frame by frame. Nothing of it is believed.

use gatehouse_protocol::essence;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use sandbox_run::{FRAMES_TYPE, Frame, FrameError, FrameReader, Limit, Limits, Outcome, RUN_TYPE, Run, Stream};
use shell_http::Milliseconds;
use shell_http::outbound::{self, Arrival, NoAnswer};

use crate::host::{Arrivals, Host};
use crate::output::Output;

/// Milliseconds beyond the limit of a run after which the server stops it: an interpreter that keeps to the limit says so itself
/// before.
const GRACE: Milliseconds = 2_000;
/// Seconds by which the host may wait longer.
const HOST_SECONDS: u64 = 5;
/// Milliseconds after which it is looked whether the client is still there.
const LOOK: Milliseconds = 1_000;
/// Bytes that a file or a note may add beside its contents.
const BESIDE_A_FILE: usize = 1_100;
/// Bytes of whatever else an outcome says.
const BESIDE_ALL: usize = 64 << 10;
/// Bytes that a frame with one byte of output has.
const SMALLEST_OUTPUT: usize = 8;

/// How a run ended that did not end by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// By a limit that the server has compared itself.
    Limit(Limit),
    /// The answer broke off: the instance was ended, by its own trap or by its host.
    BrokenOff,
    /// The answer is none that an interpreter gives. The text is for the log.
    Unusable(&'static str),
    /// There is no interpreter. The text is for the log.
    Unreachable(String),
    /// Whoever waited for the output has gone.
    ClientGone,
}

/// Who gets what a run writes while it runs.
pub trait Listener {
    /// So much was written. `false` where nobody listens any more.
    fn written(&mut self, stream: Stream, bytes: &[u8]) -> bool;

    /// Whether somebody still listens.
    fn is_there(&self) -> bool;
}

/// The request for a run.
pub fn request(address: &Uri, run: &Run) -> Option<Request<Vec<u8>>> {
    let mut request = Request::new(run.to_bytes().ok()?);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = address.clone();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(RUN_TYPE));
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(FRAMES_TYPE));
    Some(request)
}

/// Sends a run to an interpreter, and passes on what it writes.
///
/// # Errors
/// See [`Stopped`]; what was written until then is in `output`.
pub fn run<H: Host>(
    host: &H,
    request: Request<Vec<u8>>,
    limits: &Limits,
    output: &mut Output,
    listener: &mut impl Listener,
) -> Result<Outcome, Stopped> {
    let time = Milliseconds::from(limits.seconds).saturating_mul(1_000).saturating_add(GRACE);
    let deadline = host.elapsed().saturating_add(time);
    // The host's own limits are for a host whose clock stands still for us: ours are shorter.
    let seconds = time.div_ceil(1_000).saturating_add(HOST_SECONDS);
    let within = outbound::Limits { connect_seconds: 5, first_byte_seconds: seconds, between_bytes_seconds: seconds };
    let mut arrivals = host.start(request, within);
    let (largest, most) = largest(limits);
    let (mut reader, mut arrived) = (FrameReader::new(largest), 0_usize);
    loop {
        let left = deadline.saturating_sub(host.elapsed());
        if left == 0 {
            return Err(Stopped::Limit(Limit::Time));
        }
        match arrivals.next(left.min(LOOK)) {
            Arrival::Head(_, head) => check_head(&head)?,
            Arrival::Piece(_, piece) => {
                arrived = arrived.saturating_add(piece.len());
                if arrived > most {
                    return Err(Stopped::Unusable("its answer is larger than its limits allow"));
                }
                let frames = reader.push(&piece).map_err(|error| match error {
                    FrameError::TooLarge => Stopped::Unusable("a frame is larger than its limits allow"),
                    FrameError::Malformed => Stopped::Unusable("a frame cannot be read"),
                })?;
                if let Some(outcome) = take(frames, reader.is_in_a_frame(), output, listener)? {
                    return Ok(outcome);
                }
            }
            Arrival::End(_) | Arrival::Broken(_) => return Err(Stopped::BrokenOff),
            Arrival::NoAnswer(_, NoAnswer::TimedOut) => return Err(Stopped::Limit(Limit::Time)),
            Arrival::NoAnswer(_, reason) => return Err(no_answer(&reason)),
            Arrival::Tick if !listener.is_there() => return Err(Stopped::ClientGone),
            Arrival::Tick => {}
        }
    }
}

/// The outcome, where it is among the frames.
fn take(
    frames: Vec<Frame>,
    something_follows: bool,
    output: &mut Output,
    listener: &mut impl Listener,
) -> Result<Option<Outcome>, Stopped> {
    let mut frames = frames.into_iter();
    while let Some(frame) = frames.next() {
        match frame {
            Frame::Output { stream, bytes } => {
                let (taken, all) = output.push(stream, &bytes);
                if !listener.written(stream, taken) {
                    return Err(Stopped::ClientGone);
                }
                all.map_err(|_| Stopped::Limit(Limit::Output))?;
            }
            Frame::Ended(_) if something_follows || frames.next().is_some() => {
                return Err(Stopped::Unusable("something follows the end"));
            }
            Frame::Ended(outcome) => return Ok(Some(outcome)),
        }
    }
    Ok(None)
}

/// A host whose guest has ended without an answer says 500, or 502 and more where there is something in between.
fn check_head(head: &Response<()>) -> Result<(), Stopped> {
    let status = head.status();
    if status.is_server_error() {
        return Err(Stopped::BrokenOff);
    }
    if status != StatusCode::OK {
        return Err(Stopped::Unreachable(format!("its address answers with the status {}", status.as_u16())));
    }
    let is_frames = head
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| essence(value) == FRAMES_TYPE);
    if is_frames { Ok(()) } else { Err(Stopped::Unusable("its answer is of another media type")) }
}

/// A connection that breaks before an answer has begun is most likely an instance that was ended; everything else is a fault of the
/// deployment.
fn no_answer(reason: &NoAnswer) -> Stopped {
    match reason {
        NoAnswer::TooLarge => Stopped::Unusable("its answer is larger than its limits allow"),
        other => Stopped::Unreachable(other.to_string()),
    }
}

/// Bytes of the largest frame, and of a whole answer.
fn largest(limits: &Limits) -> (usize, usize) {
    let size = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    let files = size(limits.files).saturating_mul(2 * BESIDE_A_FILE);
    let outcome = [size(limits.file_bytes), size(limits.state_bytes), files, BESIDE_ALL];
    let outcome = outcome.into_iter().fold(0, usize::saturating_add);
    // A frame of output is never larger than the output may be, and so never larger than this.
    let frame = outcome.max(size(limits.output_bytes).saturating_add(SMALLEST_OUTPUT));
    (frame, outcome.saturating_add(size(limits.output_bytes).saturating_mul(SMALLEST_OUTPUT)))
}
