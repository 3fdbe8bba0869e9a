//! Bytes in and out of WASI streams.

use wasip2::clocks::monotonic_clock::{self, Duration, Instant, subscribe_duration, subscribe_instant};
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::system::{Milliseconds, NANOSECONDS_OF_MILLISECOND};

/// The most that is written at once, in bytes: a host that takes less says so.
const WRITE_AT_MOST: u64 = 64 * 1024;
/// Nanoseconds. Whoever takes nothing for so long has gone, whatever their connection looks like.
const READER_TIMEOUT: Duration = 30_000_000_000;
/// Bytes asked for in one read.
pub(crate) const READ_AT_MOST: u64 = 64 * 1024;

/// Reads `input` to its end, at most `limit` bytes. `expected` is how many there are said to be.
pub(crate) fn read_to_end(input: &InputStream, expected: usize, limit: usize) -> Result<Vec<u8>, ReadError> {
    // A vector that grows holds what it has read twice for a moment, and may end with twice the room that it needs.
    let mut bytes = Vec::with_capacity(expected.min(limit));
    loop {
        match input.blocking_read(READ_AT_MOST) {
            Ok(piece) if bytes.len().saturating_add(piece.len()) > limit => return Err(ReadError::TooLarge),
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(ReadError::Broken),
        }
    }
}

/// Reads `input` to its end, and forgets what it reads: at most `limit` bytes, and for so long.
pub(crate) fn read_away(input: &InputStream, limit: usize, time: Milliseconds) {
    let deadline = subscribe_duration(time.saturating_mul(NANOSECONDS_OF_MILLISECOND));
    let (ready, mut left) = (input.subscribe(), limit);
    while let Ok(piece) = input.read(READ_AT_MOST) {
        let Some(rest) = left.checked_sub(piece.len()) else { return };
        left = rest;
        if piece.is_empty() && !poll(&[&ready, &deadline]).contains(&0) {
            return;
        }
    }
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    TooLarge,
    Broken,
}

/// The reader has gone, or has taken nothing for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderGone;

impl From<StreamError> for ReaderGone {
    fn from(_: StreamError) -> Self {
        Self
    }
}

/// Writes all of `bytes`, and waits for the reader until `deadline`, but never for longer than [`READER_TIMEOUT`] for one that
/// takes nothing.
pub(crate) fn write_by(output: &OutputStream, bytes: &[u8], deadline: Option<Instant>) -> Result<(), ReaderGone> {
    let give_up = hand_over_by(output, bytes, deadline)?;
    output.flush()?;
    // The flush is over when there is room again.
    while output.check_write()? == 0 {
        wait_for_reader(output, give_up)?;
    }
    Ok(())
}

/// The same, but does not wait until the host has passed on what it has taken: for what is written last. Returns until when a reader
/// may be waited for that takes nothing from now on.
pub(crate) fn hand_over_by(
    output: &OutputStream,
    bytes: &[u8],
    deadline: Option<Instant>,
) -> Result<Instant, ReaderGone> {
    let mut rest = bytes;
    let mut give_up = give_up_at(deadline);
    while !rest.is_empty() {
        let taken = write_some(output, rest)?;
        rest = rest.get(taken..).unwrap_or_default();
        if taken == 0 {
            wait_for_reader(output, give_up)?;
        } else {
            give_up = give_up_at(deadline);
        }
    }
    Ok(give_up)
}

/// Until when a reader is waited for that takes nothing from now on.
fn give_up_at(deadline: Option<Instant>) -> Instant {
    let latest = monotonic_clock::now().saturating_add(READER_TIMEOUT);
    deadline.map_or(latest, |deadline| deadline.min(latest))
}

/// Writes as many of `bytes` as there is room for now; how many.
pub(crate) fn write_some(output: &OutputStream, bytes: &[u8]) -> Result<usize, StreamError> {
    let room = usize::try_from(output.check_write()?.min(WRITE_AT_MOST)).unwrap_or(0);
    let piece = bytes.get(..room).unwrap_or(bytes);
    if !piece.is_empty() {
        output.write(piece)?;
    }
    Ok(piece.len())
}

/// Writes as many of `bytes` as there is room for without waiting; how many.
pub(crate) fn write_without_waiting(output: &OutputStream, bytes: &[u8]) -> Result<usize, ReaderGone> {
    let mut written = 0_usize;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match write_some(output, rest)? {
            0 => break,
            taken => written = written.saturating_add(taken),
        }
    }
    if written > 0 {
        output.flush()?;
    }
    Ok(written)
}

fn wait_for_reader(output: &OutputStream, deadline: Instant) -> Result<(), ReaderGone> {
    let writable = output.subscribe();
    if monotonic_clock::now() >= deadline {
        return Err(ReaderGone);
    }
    poll(&[&writable, &subscribe_instant(deadline)]);
    Ok(())
}
