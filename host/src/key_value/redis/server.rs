//! Connecting to a Redis: the socket, TLS, and the login.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, RedisResult};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::url::{Place, RedisUrl};

/// How soon a connection over which nothing is said is looked after, so that no firewall forgets it.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Operations that are handed to a connection before the next one waits.
const HANDED_OVER: usize = 1024;

/// A Redis, and how to protect the way there.
pub(super) struct Server {
    pub(super) url: RedisUrl,
    tls: TlsConnector,
}

/// What reads and writes a connection, until it ends.
pub(super) type Conversation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What carries a conversation with Redis.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Server {
    pub(super) fn new(url: RedisUrl, tls: ClientConfig) -> Self {
        Self { url, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// A connection that is logged in, and what reads and writes it, until it ends.
    pub(super) async fn connect(&self) -> RedisResult<(MultiplexedConnection, Conversation)> {
        // Each operation has its own deadline.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(HANDED_OVER);
        let stream = self.open().await?;
        let (connection, conversation) =
            MultiplexedConnection::new_with_config(&self.url.login, stream, config).await?;
        Ok((connection, Box::pin(conversation)))
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match &self.url.place {
            Place::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Place::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
                if !tls {
                    return Ok(Box::new(stream));
                }
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                Ok(Box::new(self.tls.connect(name, stream).await?))
            }
        }
    }
}
