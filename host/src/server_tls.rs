//! TLS towards clients, where the host ends it itself: certificate and key from files, read again when these change.

mod files;
mod reload;
mod validity;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use self::reload::Seen;
pub(crate) use self::reload::keep_reloaded;
use crate::error::StartError;
use crate::log::LogSink;

/// Often enough for whoever replaces a certificate by hand and looks; two small files cost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// As what HTTP/2 is named in a handshake (RFC 9113, section 3.2), and HTTP/1.1.
const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// The files that a host needs which ends TLS itself.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate and its chain, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM: PKCS#8, PKCS#1 or SEC1, without a passphrase.
    pub key: PathBuf,
    /// How often it is looked whether they have changed: each 5 s. A good pair is used for new connections from then on.
    pub look_every: Duration,
}

impl TlsFiles {
    /// These files, with the usual time between two looks.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), look_every: LOOK_EVERY }
    }
}

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

#[cfg(test)]
mod tests;
