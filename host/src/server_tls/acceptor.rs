//! What ends TLS on the connections of clients, with the pair of files that was last good.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::files::{self, TlsFiles};
use super::seen::Seen;
use crate::error::StartError;
use crate::log::LogSink;

/// As what HTTP/2 is named in a handshake (RFC 9113, section 3.2), and HTTP/1.1.
const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// How clients' connections are protected.
pub(crate) struct ServerTls {
    files: TlsFiles,
    /// Replaced as a whole: so a client cannot resume under the new certificate what it began under an old one.
    config: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Seen>,
}

impl ServerTls {
    /// Reads the files. A certificate that is out of date is used, and the log says so: whether it will do is for clients to say.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn load(files: TlsFiles, log: &dyn LogSink) -> Result<Self, StartError> {
        let (pair, digest) = files::read(&files);
        let pair = pair.map_err(StartError::Tls)?;
        let seen = Seen::first(digest, &pair.certificate, &files, log);
        Ok(Self { config: RwLock::new(server_config(pair)?), seen: Mutex::new(seen), files })
    }

    /// Begins TLS on the connection of a client.
    pub(crate) fn accept<S>(&self, stream: S) -> Accept<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream)
    }

    /// Looks once whether the files have changed.
    fn look(&self, log: &dyn LogSink) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = seen.look(&self.files, log)
            && let Ok(config) = server_config(pair)
        {
            *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        }
    }
}

/// Whether client and host agreed on HTTP/2.
pub(crate) fn speaks_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

fn server_config(pair: files::Pair) -> Result<Arc<ServerConfig>, StartError> {
    let mut config = ServerConfig::builder_with_provider(pair.provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls(format!("cannot set up TLS: {error}")))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair.key)));
    config.alpn_protocols = [HTTP_2, HTTP_1_1].map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}

/// Looks at the files for as long as somebody uses what is made of them.
pub(crate) async fn keep_reloaded(tls: Weak<ServerTls>, log: Arc<dyn LogSink>) {
    loop {
        let Some(every) = tls.upgrade().map(|tls| tls.files.look_every) else { return };
        sleep(every).await;
        let (tls, log) = (Weak::clone(&tls), Arc::clone(&log));
        // The disk may be slow.
        let looking = tokio::task::spawn_blocking(move || {
            if let Some(tls) = tls.upgrade() {
                tls.look(&*log);
            }
        });
        if looking.await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
