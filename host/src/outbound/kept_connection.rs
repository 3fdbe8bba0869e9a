//! Connections that are kept, and that the server may have closed meanwhile.
//!
//! A server may close a connection right after its answer. Until the runtime has told the connection's task, the pool takes it
//! for open, and the request that is written to it is lost. Whether the server has read it can then not be known, so it cannot
//! be sent again. Here the kernel is asked before the first byte of a request: where the connection is over, nothing is
//! written, and the error says so.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustix::net::{RecvFlags, recv};
use thiserror::Error;
use tokio::net::TcpStream;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// The connection was over before anything of the request was written: it may be sent again.
#[derive(Clone, Copy, Debug, Error)]
#[error("the server closed the kept connection before the request")]
pub(super) struct ClosedBefore;

/// How many requests of HTTP/1.1 have begun on a connection: its [`Connected`] carries it to whoever is told of a failure.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestsBegun(Arc<AtomicUsize>);

impl RequestsBegun {
    /// Whether more than one request has begun on this connection.
    pub(super) fn is_reused(connected: &Connected) -> bool {
        let mut extras = http::Extensions::new();
        connected.get_extras(&mut extras);
        extras.get::<Self>().is_some_and(|begun| begun.0.load(Ordering::Acquire) > 1)
    }
}

/// A connection that looks whether it is still there before each request of HTTP/1.1.
pub(super) struct KeptConnection {
    stream: Stream,
    /// Whether the next byte that is written may be the first of a request: nothing was written yet, or something was read since the
    /// last write.
    may_begin: bool,
    begun: RequestsBegun,
}

/// How requests begin (RFC 9112, section 3): no other write is taken for the beginning of one.
const METHODS: [&[u8]; 7] = [b"POST ", b"GET ", b"DELETE ", b"OPTIONS ", b"PUT ", b"PATCH ", b"HEAD "];

impl KeptConnection {
    pub(super) fn new(stream: Stream) -> Self {
        // The pool keeps connections, too, that were opened for a request which then went over another one.
        Self { stream, may_begin: true, begun: RequestsBegun::default() }
    }

    /// Makes sure that a request which begins with these bytes has somebody to go to.
    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        let begins = self.may_begin && METHODS.iter().any(|method| bytes.starts_with(method));
        if begins && self.is_over() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, ClosedBefore));
        }
        if begins {
            self.begun.0.fetch_add(1, Ordering::AcqRel);
        }
        self.may_begin = false;
        Ok(())
    }

    /// Whether the server has closed the connection, or has said something that nobody asked for, which only closes can explain
    /// (RFC 9112, section 9.5). Behind TLS, what was said cannot be told from a session ticket.
    fn is_over(&self) -> bool {
        let (socket, is_plain) = match &self.stream {
            MaybeHttpsStream::Http(plain) => (plain.inner(), true),
            MaybeHttpsStream::Https(tls) => (tls.inner().get_ref().0.inner().inner(), false),
        };
        let mut byte = [0];
        match recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, 0)) => true,
            Ok(_) => is_plain,
            Err(error) => error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR,
        }
    }
}

impl Connection for KeptConnection {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.begun.clone())
    }
}

impl Read for KeptConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.may_begin |= matches!(read, Poll::Ready(Ok(())));
        read
    }
}

impl Write for KeptConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.look(bytes)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.look(slices.first().map_or(&[], |first| &**first))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
