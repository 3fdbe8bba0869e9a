//! Client metadata documents on https, as clients publish them, below a certificate authority of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The server of the documents; it ends with the test's runtime.
pub struct ClientDocuments {
    /// `https://localhost:PORT`.
    pub origin: String,
    documents: Arc<BTreeMap<String, Value>>,
    reads: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl ClientDocuments {
    /// Serves the documents of a public client and of one that signs with a key of `jwks`, both with `redirect_uris`.
    pub async fn serve(redirect_uris: &[&str], jwks: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let document = |path: &str, name: &str| {
            json!({
                "client_id": format!("{origin}{path}"),
                "client_name": name,
                "redirect_uris": redirect_uris,
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            })
        };
        let public = document("/client.json", "Client with a document");
        let mut signing = document("/signing-client.json", "Client with a document and a key");
        signing["token_endpoint_auth_method"] = "private_key_jwt".into();
        signing["jwks"] = jwks.clone();
        let documents = Arc::new(BTreeMap::from([
            ("/client.json".to_owned(), public),
            ("/signing-client.json".to_owned(), signing),
        ]));
        let folder = tempfile::tempdir().expect("a folder for the authority");
        let (authority, tls) = certificates();
        std::fs::write(folder.path().join("ca.pem"), authority).expect("the folder can be written");
        let reads = Arc::<Mutex<Vec<String>>>::default();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), Arc::clone(&documents), Arc::clone(&reads)));
        Self { origin, documents, reads, folder }
    }

    /// The certificate of the authority, in a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The id of the client whose document is at `path`.
    pub fn client_id(&self, path: &str) -> String {
        assert!(self.documents.contains_key(path), "there is no {path}");
        format!("{}{path}", self.origin)
    }

    /// How often the document at `path` was read.
    pub fn reads(&self, path: &str) -> usize {
        self.reads.lock().expect("no panic").iter().filter(|read| *read == path).count()
    }
}

/// The certificate of a new authority as PEM, and a server's set-up with one of its certificates for `localhost`.
fn certificates() -> (String, ServerConfig) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = server.signed_by(&key, &authority).expect("a certificate");
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions of the provider")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .expect("a certificate and its key");
    (authority.pem(), tls)
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    documents: Arc<BTreeMap<String, Value>>,
    reads: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, documents, reads) = (acceptor.clone(), Arc::clone(&documents), Arc::clone(&reads));
        // Whoever does not trust the authority goes away again.
        tokio::spawn(async move {
            let _gone = answer(stream, &acceptor, &documents, &reads).await;
        });
    }
}

/// Answers the one request of a connection.
async fn answer(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    documents: &BTreeMap<String, Value>,
    reads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = match documents.get(&path) {
        Some(document) => ("200 OK", document.to_string()),
        None => ("404 Not Found", "{}".to_owned()),
    };
    reads.lock().expect("no panic").push(path);
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
