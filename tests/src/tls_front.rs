//! TLS in front of a server of the test: what a browser sees as https.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A port for https, whose certificate nobody has signed. Its number is known before there is anything behind it.
pub struct TlsFront {
    listener: TcpListener,
    /// `https://HOST:PORT`.
    pub origin: String,
    /// The certificate, as a PEM file of authorities has it.
    pub certificate: String,
    tls: TlsAcceptor,
}

impl TlsFront {
    /// Takes a free port of 127.0.0.1 for `host`.
    pub async fn take(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("https://{host}:{}", listener.local_addr().expect("an address").port());
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([host.to_owned()]).expect("a certificate");
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions of the provider")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into())
            .expect("a certificate and its key");
        Self { listener, origin, certificate: cert.pem(), tls: TlsAcceptor::from(Arc::new(tls)) }
    }

    /// Hands every connection on to the server at `origin`, which is `http://ADDRESS:PORT`, until the test's runtime ends.
    pub fn lead_to(self, origin: &str) {
        let server = Url::parse(origin).expect("an origin").socket_addrs(|| None).expect("an address")[0];
        let (listener, tls) = (self.listener, self.tls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.clone();
                tokio::spawn(async move {
                    // Browsers open connections that they do not need, and leave others.
                    if let (Ok(mut near), Ok(mut far)) = (tls.accept(stream).await, TcpStream::connect(server).await) {
                        let _ended = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
    }
}
