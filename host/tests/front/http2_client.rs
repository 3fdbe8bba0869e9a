//! Certificates for a host, and clients of TLS: of HTTP/2 with hyper, and with frames written by hand.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gatehouse_host::{Limits, TlsFiles};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{DEADLINE, World};

/// The files of a host, in a folder as Kubernetes makes it: a link leads to the folder that has them.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    /// Every certificate that was made, the newest last.
    pub(crate) made: Vec<CertificateDer<'static>>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let mut files = Self { folder: tempfile::tempdir().unwrap(), made: Vec::new() };
        files.replace();
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("current").join(name)
    }

    /// They are looked at often.
    pub(crate) fn options(&self) -> TlsFiles {
        TlsFiles { look_every: Duration::from_millis(20), ..TlsFiles::new(self.path("tls.crt"), self.path("tls.key")) }
    }

    /// Puts a new pair into the place of the old one.
    pub(crate) fn replace(&mut self) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let name = self.made.len().to_string();
        let folder = self.folder.path().join(&name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
        fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
        let link = self.folder.path().join("new");
        std::os::unix::fs::symlink(name, &link).unwrap();
        fs::rename(link, self.folder.path().join("current")).unwrap();
        self.made.push(cert.der().clone());
    }

    /// A host with them.
    pub(crate) async fn host(&self, limits: Limits) -> World {
        World::start_with_tls(limits, None, self.options()).await
    }

    /// A connection to `address` of one of these versions, for one of these protocols.
    pub(crate) async fn connect_with(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.made {
            roots.add(certificate.clone()).unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connecting = async {
            let stream = TcpStream::connect(address).await.unwrap();
            TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
        };
        tokio::time::timeout(DEADLINE, connecting).await.unwrap().unwrap()
    }

    pub(crate) async fn connect(&self, world: &World, protocols: &[&str]) -> TlsStream<TcpStream> {
        self.connect_with(world.address, rustls::DEFAULT_VERSIONS, protocols).await
    }

    /// A client of HTTP/2.
    pub(crate) async fn client(&self, world: &World) -> Client {
        self.client_with_window(world, 1 << 20).await
    }

    /// One that lets so many bytes of an answer come before it has read them.
    pub(crate) async fn client_with_window(&self, world: &World, window: u32) -> Client {
        let stream = TokioIo::new(self.connect(world, &["h2"]).await);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake::<_, Full<Bytes>>(stream)
            .await
            .unwrap();
        Client { sender, connection: tokio::spawn(async move { connection.await.is_ok() }) }
    }

    /// A client that writes frames by hand. It has said hello.
    pub(crate) async fn frames(&self, world: &World) -> Frames {
        let mut frames = Frames(self.connect(world, &["h2"]).await);
        frames.write(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[])].concat()).await;
        frames
    }
}

/// A connection of HTTP/2.
pub(crate) struct Client {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    /// Ends with the connection; whether it ended in order.
    pub(crate) connection: tokio::task::JoinHandle<bool>,
}

impl Client {
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let mut sender = self.sender.clone();
        let answered = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        tokio::time::timeout(DEADLINE, answered).await.unwrap()
    }

    /// The answer to a request without a body, from who has this credential.
    pub(crate) async fn ask(&self, method: &str, path: &str, credential: &str) -> Response<Incoming> {
        let request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        let request = request.header("authorization", credential).body(Full::default()).unwrap();
        self.send(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> u16 {
        let response = self.ask("GET", path, "Bearer of-get").await;
        let status = response.status().as_u16();
        tokio::time::timeout(DEADLINE, response.into_body().collect()).await.unwrap().unwrap();
        status
    }

    /// Waits for the end of the connection. Whether it ended in order.
    pub(crate) async fn ended(self) -> bool {
        // Held: a connection that nobody asks for anything any more ends by itself.
        let _sender = self.sender;
        tokio::time::timeout(DEADLINE, self.connection).await.unwrap().unwrap()
    }
}

/// The first event of a stream.
pub(crate) async fn first_event(response: &mut Response<Incoming>) {
    assert_eq!(response.status(), 200, "{:?}", response.headers());
    let frame = tokio::time::timeout(DEADLINE, response.body_mut().frame()).await.unwrap().unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "data: a\n\n");
}

/// What only a connection of HTTP/1.1 may say.
pub(crate) fn names_no_connection(headers: &HeaderMap) -> bool {
    ["connection", "keep-alive", "transfer-encoding"].iter().all(|name| !headers.contains_key(*name))
}

/// A frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a `GET` of `path`, which has no body.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    let length = [u8::try_from(path.len()).unwrap()];
    // `:method: GET`, `:scheme: https`, `:authority: a`, `:path` (RFC 7541, appendix A).
    let head = [&[0x82, 0x87, 0x01, 1, b'a', 0x04], &length[..], path.as_bytes()].concat();
    frame(1, 0x5, stream, &head)
}

/// A client that writes frames by hand.
pub(crate) struct Frames(pub(crate) TlsStream<TcpStream>);

impl Frames {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next frame's kind and payload; `None` where there is none any more.
    pub(crate) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let reading = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
            self.0.read_exact(&mut payload).await.ok()?;
            Some((head[3], payload))
        };
        tokio::time::timeout(DEADLINE, reading).await.unwrap()
    }
}
