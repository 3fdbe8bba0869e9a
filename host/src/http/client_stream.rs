//! The socket of one client: what is written to it has to get on, and how its connection ends.

use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use super::connection_state::Connection;

/// The kernel takes no more than this for sending later: so that a client which takes nothing is noticed, and one that
/// takes little by little is seen to.
const UNSENT_BYTES: u32 = 64 * 1024;

/// A client that vanished without a word, as a laptop does that is shut, is noticed after two minutes of silence.
const KEEP_ALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);

/// Who was answered before its body had come gets this long to send the rest of it. Without it, the rest would meet a
/// closed socket, and the client would be told of that instead of the answer.
const LINGER: Duration = Duration::from_secs(5);

/// A client's socket, for hyper.
pub(crate) struct ClientStream {
    socket: Arc<TcpStream>,
    connection: Arc<Connection>,
    write_stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl ClientStream {
    /// `write_stall`: how long the client may take nothing of what is written.
    pub(crate) fn new(socket: &Arc<TcpStream>, connection: &Arc<Connection>, write_stall: Duration) -> Self {
        // Without it, the parts of a streamed response wait for the client's acknowledgements, 40 ms each.
        let _ = socket.set_nodelay(true);
        let _ = SockRef::from(&**socket).set_tcp_keepalive(&KEEP_ALIVE);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = SockRef::from(&**socket).set_tcp_notsent_lowat(UNSENT_BYTES);
        Self { socket: Arc::clone(socket), connection: Arc::clone(connection), write_stall, stalled: None }
    }

    /// Writes by `write` as soon as the socket takes something.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.socket.poll_write_ready(cx)?.is_pending() {
                self.connection.is_unsent();
                let limit = self.write_stall;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(stalled.as_mut().poll(cx));
                // What the kernel still has for it is thrown away when the socket is closed.
                let _ = SockRef::from(&*self.socket).set_linger(Some(Duration::ZERO));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            match write(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.stalled = None;
                    return Poll::Ready(written);
                }
            }
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    let read = read?;
                    if read > 0 {
                        self.connection.received(read);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_written(cx, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(cx, |socket| socket.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes once it has nothing left to write.
        self.connection.is_sent();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        end_writing(&self.socket);
        Poll::Ready(Ok(()))
    }
}

fn end_writing(socket: &TcpStream) {
    // It fails where the other side has closed the connection already.
    let _ = SockRef::from(socket).shutdown(Shutdown::Write);
}

/// Whether the client has closed the connection, even where bytes of it are still unread: hyper sees that only once it has
/// read them, and it reads none while a request is under way.
pub(crate) fn has_closed(socket: &TcpStream) -> bool {
    let readiness = pin!(socket.ready(Interest::READABLE)).poll(&mut Context::from_waker(Waker::noop()));
    matches!(readiness, Poll::Ready(Ok(ready)) if ready.is_read_closed())
}

/// Ends a connection on which something is still to come that nobody wants: says that there is no more, and reads on for
/// [`LINGER`] or until the client has closed it too.
pub(crate) async fn linger(socket: &TcpStream) {
    end_writing(socket);
    let mut discarded = vec![0; 16 * 1024];
    let _ = timeout(LINGER, async {
        loop {
            if socket.readable().await.is_err() {
                return;
            }
            match socket.try_read(&mut discarded) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    })
    .await;
}
