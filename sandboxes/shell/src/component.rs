//! The HTTP side: a [`Run`] in, frames out.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use sandbox_run::{FRAMES_TYPE, Frame, RUN_PATH, RUN_TYPE, Run, Stream, frame};
use shell_http::inbound::{self, Writer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::output::{ReaderGone, Sink};

/// The most bytes of a request: the code, the state and all files of an environment.
const MOST_BYTES: usize = 64 * 1024 * 1024;

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
        let (outcome, Some(Answer(writer))) = crate::run(run, Answer(writer)) else { return };
        // An answer without an end is a run that was stopped: the caller keeps what it had.
        if let Ok(bytes) = frame(&Frame::Ended(outcome)) {
            writer.finish_with(&bytes);
        }
    }
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
    let body = inbound::body(request, head.headers(), MOST_BYTES).map_err(unreadable)?;
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
