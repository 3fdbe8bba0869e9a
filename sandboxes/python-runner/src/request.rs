//! The request.

use sandbox_run::{RUN_PATH, Run};
use wasip2::http::types::{IncomingBody, IncomingRequest, Method};
use wasip2::io::streams::StreamError;

/// The most bytes of a body: fewer than [`Run::MOST_BYTES`], as an interpreter has not more memory than this a few times.
const MOST_BYTES: usize = 24 << 20;
const _: () = assert!(MOST_BYTES <= Run::MOST_BYTES, "no more is read than a run may have");
/// How many bytes are read at once.
const PIECE: u64 = 64 << 10;

/// Why a request is not run.
pub enum Refusal {
    /// Another path.
    Path,
    /// Another method.
    Method,
    /// The body is larger than any that can be run.
    TooLarge,
    /// The body is none, or could not be read.
    Body,
    /// The files are more than its own limits allow, or two have one path.
    Files,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Path => 404,
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::Body => 400,
            Self::Files => 422,
        }
    }
}

/// Reads a request.
pub fn read(request: &IncomingRequest) -> Result<Run, Refusal> {
    if request.path_with_query().as_deref() != Some(RUN_PATH) {
        return Err(Refusal::Path);
    }
    if !matches!(request.method(), Method::Post) {
        return Err(Refusal::Method);
    }
    let body = request.consume().map_err(|()| Refusal::Body)?;
    let bytes = bytes(&body)?;
    Run::from_bytes(&bytes).map_err(|_error| Refusal::Body)
}

fn bytes(body: &IncomingBody) -> Result<Vec<u8>, Refusal> {
    let stream = body.stream().map_err(|()| Refusal::Body)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(PIECE) {
            Ok(piece) if bytes.len() + piece.len() > MOST_BYTES => return Err(Refusal::TooLarge),
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(Refusal::Body),
        }
    }
}
