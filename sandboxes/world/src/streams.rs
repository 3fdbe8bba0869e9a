//! `wasi:io`: what can be read from, written to and waited for.

use sandbox_run::Stream;

use crate::World;
use crate::bindings::exports::wasi::filesystem::types::ErrorCode;
use crate::bindings::exports::wasi::io::error::Error;
use crate::bindings::exports::wasi::io::poll::{self, GuestPollable, Pollable, PollableBorrow};
use crate::bindings::exports::wasi::io::streams::{
    Guest, GuestInputStream, GuestOutputStream, InputStreamBorrow, StreamError,
};
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::error::IoError;
use crate::handle::Handle;
use crate::run;
use crate::tree::Failure;

/// The most bytes that a call reads or writes.
pub const PIECE: usize = 1 << 20;

/// What can be waited for.
#[derive(Clone, Copy)]
pub enum Moment {
    /// It has come.
    Now,
    /// It comes with this moment of the monotonic clock.
    At(u64),
}

impl GuestPollable for Moment {
    fn ready(&self) -> bool {
        match self {
            Self::Now => true,
            Self::At(moment) => monotonic_clock::now() >= *moment,
        }
    }

    fn block(&self) {
        if let Self::At(moment) = self {
            run::wait_until(*moment);
        }
    }
}

impl poll::Guest for World {
    type Pollable = Moment;

    fn poll(pollables: Vec<PollableBorrow<'_>>) -> Vec<u32> {
        run::check_time();
        let moments: Vec<Moment> = pollables.iter().map(|pollable| *pollable.get::<Moment>()).collect();
        let waits = |moment: &Moment| if let Moment::At(moment) = moment { *moment } else { 0 };
        if !moments.iter().any(GuestPollable::ready)
            && let Some(first) = moments.iter().map(waits).min()
        {
            run::wait_until(first);
        }
        (0..).zip(&moments).filter(|(_, moment)| moment.ready()).map(|(index, _)| index).collect()
    }
}

/// What can be read from.
pub enum Reader {
    /// Nothing is in it.
    Empty,
    /// A file, from a place on.
    File(Handle, std::cell::Cell<usize>),
}

/// What can be written to.
pub enum Writer {
    /// The answer.
    Output(Stream),
    /// A file, from a place on.
    File(Handle, std::cell::Cell<usize>),
    /// The end of a file.
    End(Handle),
}

impl Guest for World {
    type InputStream = Reader;
    type OutputStream = Writer;
}

fn failed(failure: Failure) -> StreamError {
    StreamError::LastOperationFailed(Error::new(IoError(ErrorCode::from(failure))))
}

/// A number of bytes that the interpreter names, cut to what one call does.
pub fn piece(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(PIECE).min(PIECE)
}

impl GuestInputStream for Reader {
    fn read(&self, len: u64) -> Result<Vec<u8>, StreamError> {
        let Self::File(handle, place) = self else { return Err(StreamError::Closed) };
        let bytes =
            run::with(|run| run.tree.read(handle.id(), place.get(), piece(len)).map(<[u8]>::to_vec)).map_err(failed)?;
        if bytes.is_empty() && len > 0 {
            return Err(StreamError::Closed);
        }
        place.set(place.get().saturating_add(bytes.len()));
        Ok(bytes)
    }

    fn blocking_read(&self, len: u64) -> Result<Vec<u8>, StreamError> {
        self.read(len)
    }

    fn skip(&self, len: u64) -> Result<u64, StreamError> {
        self.read(len).map(|bytes| bytes.len() as u64)
    }

    fn blocking_skip(&self, len: u64) -> Result<u64, StreamError> {
        self.skip(len)
    }

    fn subscribe(&self) -> Pollable {
        Pollable::new(Moment::Now)
    }
}

impl GuestOutputStream for Writer {
    fn check_write(&self) -> Result<u64, StreamError> {
        Ok(PIECE as u64)
    }

    fn write(&self, contents: Vec<u8>) -> Result<(), StreamError> {
        match self {
            Self::Output(stream) => run::write(*stream, &contents),
            Self::File(handle, place) => {
                let now = run::now();
                let end =
                    run::with(|run| run.tree.write(handle.id(), Some(place.get()), &contents, now)).map_err(failed)?;
                place.set(end);
            }
            Self::End(handle) => {
                let now = run::now();
                run::with(|run| run.tree.write(handle.id(), None, &contents, now)).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn blocking_write_and_flush(&self, contents: Vec<u8>) -> Result<(), StreamError> {
        self.write(contents)
    }

    fn flush(&self) -> Result<(), StreamError> {
        Ok(())
    }

    fn blocking_flush(&self) -> Result<(), StreamError> {
        Ok(())
    }

    fn subscribe(&self) -> Pollable {
        Pollable::new(Moment::Now)
    }

    fn write_zeroes(&self, len: u64) -> Result<(), StreamError> {
        self.write(vec![0; piece(len)])
    }

    fn blocking_write_zeroes_and_flush(&self, len: u64) -> Result<(), StreamError> {
        self.write_zeroes(len)
    }

    fn splice(&self, src: InputStreamBorrow<'_>, len: u64) -> Result<u64, StreamError> {
        let bytes = src.get::<Reader>().read(len)?;
        let moved = bytes.len() as u64;
        self.write(bytes)?;
        Ok(moved)
    }

    fn blocking_splice(&self, src: InputStreamBorrow<'_>, len: u64) -> Result<u64, StreamError> {
        self.splice(src, len)
    }
}
