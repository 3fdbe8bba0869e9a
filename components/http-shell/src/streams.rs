//! Bytes in and out of WASI streams.

use wasip2::clocks::monotonic_clock::{Duration, Instant, subscribe_duration, subscribe_instant};
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// The most that one `blocking-write-and-flush` takes (wasi:io, `output-stream`), in bytes.
const WRITE_AT_MOST: usize = 4096;
/// Bytes asked for in one read.
const READ_AT_MOST: u64 = 64 * 1024;
/// How often a silent stream is asked whether its reader is still there. Without it, a client that leaves during
/// silence would hold the upstream's connection until the next event.
const CHECK_EVERY: Duration = 1_000_000_000;

/// Reads `input` to its end, at most `limit` bytes.
pub(crate) fn read_to_end(input: &InputStream, limit: usize) -> Result<Vec<u8>, ReadError> {
    collect(limit, || piece(input.blocking_read(READ_AT_MOST)))
}

/// The same, and not beyond `deadline`: who sends a byte now and then would hold us for ever otherwise.
pub(crate) fn read_to_end_by(input: &InputStream, limit: usize, deadline: Instant) -> Result<Vec<u8>, ReadError> {
    let (readable, over) = (input.subscribe(), subscribe_instant(deadline));
    collect(limit, || {
        if poll(&[&readable, &over]).contains(&1) {
            return Err(ReadError::TooSlow);
        }
        piece(input.read(READ_AT_MOST))
    })
}

/// All that `next` gives until it has no more, at most `limit` bytes.
fn collect(limit: usize, mut next: impl FnMut() -> Result<Option<Vec<u8>>, ReadError>) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    while let Some(piece) = next()? {
        if bytes.len().saturating_add(piece.len()) > limit {
            return Err(ReadError::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What one read gave; `None` at the end.
fn piece(read: Result<Vec<u8>, StreamError>) -> Result<Option<Vec<u8>>, ReadError> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StreamError::Closed) => Ok(None),
        Err(StreamError::LastOperationFailed(_)) => Err(ReadError::Broken),
    }
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    TooLarge,
    TooSlow,
    Broken,
}

/// Writes all of `bytes` and flushes.
pub(crate) fn write_all(output: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes.chunks(WRITE_AT_MOST).try_for_each(|chunk| output.blocking_write_and_flush(chunk))
}

/// How a relay came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEnd {
    /// The source ended.
    Complete,
    /// The source broke off.
    SourceBroken,
    /// The reader went away.
    ReaderGone,
}

/// Passes every byte on as soon as it arrives, until either side ends.
pub(crate) fn relay(input: &InputStream, output: &OutputStream) -> RelayEnd {
    let readable = input.subscribe();
    loop {
        let check = subscribe_duration(CHECK_EVERY);
        let ready = poll(&[&readable, &check]);
        if !ready.contains(&0) {
            if output.check_write().is_err() {
                return RelayEnd::ReaderGone;
            }
            continue;
        }
        match input.read(READ_AT_MOST) {
            Ok(chunk) => {
                if write_all(output, &chunk).is_err() {
                    return RelayEnd::ReaderGone;
                }
            }
            Err(StreamError::Closed) => return RelayEnd::Complete,
            Err(StreamError::LastOperationFailed(_)) => return RelayEnd::SourceBroken,
        }
    }
}
