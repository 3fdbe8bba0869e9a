//! The HTTP side: a [`Run`] in, frames out.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use sandbox_run::{FRAMES_TYPE, Frame, Limit, RUN_PATH, RUN_TYPE, Run, Stream, frame};
use shell_http::Milliseconds;
use shell_http::inbound::{self, Writer};
use wasip2::cli::exit::exit;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::allocator;
use crate::output::{ReaderGone, Sink};
use crate::program::Stop;

struct Shell;

/// The macro's code needs unsafe.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Shell;

    wasip2::http::proxy::export!(Shell);
}

impl Guest for Shell {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let run = match read(&request) {
            Ok(run) => run,
            Err(response) => return inbound::respond(out, response),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FRAMES_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let Some(writer) = Writer::open(out, StatusCode::OK, &headers) else { return };
        allocator::on_lack(memory_is_used_up);
        let started = |stop| *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        // An answer without an end is a run that was stopped: the caller keeps what it had.
        if let (outcome, Some(Answer(writer))) =
            crate::run(run, Answer(writer), Arc::new(sandbox_egress_http::send), started)
            && let Ok(bytes) = frame(&Frame::Ended(outcome))
        {
            writer.finish_with(&bytes);
        }
    }
}

/// The run of this instance.
static RUNNING: Mutex<Option<Stop<Answer>>> = Mutex::new(None);
/// At so few slices a run is ended. It is not 0, as it cannot be ended at every moment.
const LAST_SLICES: i32 = 3;

/// How long an instance stays for its answer to be sent.
const LEAVE: Milliseconds = 100;

/// What the build adds to the module calls this when another part of the run's fuel is used up (`xtask/src/build/fuel.rs`): how many parts are
/// left. It is called from anywhere, and looks whether the run must end here.
#[allow(unsafe_code, reason = "the module exports it by this name")]
#[unsafe(no_mangle)]
extern "C" fn sandbox_slice(left: i32) {
    if allocator::is_at_work() {
        return;
    }
    let Ok(mut running) = RUNNING.try_lock() else { return };
    let Some(stop) = running.as_mut() else { return };
    match left {
        ..=LAST_SLICES => end(stop, Limit::Compute),
        _ if stop.is_late() => end(stop, Limit::Time),
        _ => {}
    }
}

fn memory_is_used_up() {
    let Ok(mut running) = RUNNING.try_lock() else { return };
    if let Some(stop) = running.as_mut() {
        end(stop, Limit::Memory);
    }
}

/// Ends the run and the instance with an answer; returns where that cannot be now.
fn end(stop: &mut Stop<Answer>, limit: Limit) {
    let Some((outcome, Answer(writer))) = stop.stop(limit) else { return };
    if let Ok(bytes) = frame(&Frame::Ended(outcome))
        && writer.write(&bytes).is_ok()
    {
        writer.finish();
        // Hosts break off what they have not sent of the answer when an instance exits.
        shell_http::wait(LEAVE);
    }
    exit(Err(()));
}

fn read(request: &IncomingRequest) -> Result<Run, Response<Vec<u8>>> {
    let unreadable = |error: inbound::Unreadable| status(error.status());
    let head: Request<()> = inbound::head(request).map_err(unreadable)?;
    if head.uri().path() != RUN_PATH {
        return Err(status(StatusCode::NOT_FOUND));
    }
    if head.method() != Method::POST {
        let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Err(response);
    }
    if head.headers().get(CONTENT_TYPE).is_none_or(|given| given != RUN_TYPE) {
        return Err(status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let body = inbound::body(request, head.headers(), Run::MOST_BYTES).map_err(unreadable)?;
    Run::from_bytes(&body).map_err(|_error| status(StatusCode::BAD_REQUEST))
}

fn status(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// The answer, as the place where output goes.
struct Answer(Writer);

impl Sink for Answer {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), ReaderGone> {
        let output = Frame::Output { stream, bytes: bytes.to_vec() };
        let bytes = frame(&output).map_err(|_error| ReaderGone)?;
        self.0.write(&bytes).map_err(|_gone| ReaderGone)
    }
}
