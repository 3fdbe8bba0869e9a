//! Sending requests: pooled connections, TLS with the system's roots, and time limits.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::allowed_hosts::Permission;
use super::error_code::{ended_without_an_answer, error_code, was_closed_before};
use super::kept_connection::KeptConnection;
use super::public_addresses::PublicResolver;
use super::repeatable_body::RepeatableBody;
use super::time_limits::{CONNECT_TIMEOUT, TimeLimits};
use crate::error::StartError;
use crate::log::{Level, LogRecord, LogSink};

/// Node's HTTP server, which most MCP servers run on, closes idle connections after 5 s. We close first, or a request
/// meets the server's close on its way and fails.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Idle connections that are kept to one server.
const MOST_IDLE: usize = 64;

tokio::task_local! {
    /// The connect timeout of the request that is being sent. The pool opens connections on behalf of a request within
    /// that request's own future, and has no other way to hand it on.
    static REQUEST_CONNECT_TIMEOUT: Duration;
}

/// How the application's requests are protected, whoever sends them.
pub(crate) struct Outbound {
    tls: ClientConfig,
}

impl Outbound {
    /// Uses the system's root certificates and those of `ca_file` (PEM).
    pub(crate) fn new(ca_file: Option<&Path>, log: &dyn LogSink) -> Result<Self, StartError> {
        tls(ca_file, log).map(|tls| Self { tls })
    }

    /// How other connections of the host are protected.
    pub(crate) fn tls(&self) -> &ClientConfig {
        &self.tls
    }

    /// A sender with connections of its own.
    pub(crate) fn sender(&self) -> OutboundSender {
        OutboundSender {
            anywhere: client(GaiResolver::new(), self.tls.clone()),
            public_only: client(PublicResolver::new(), self.tls.clone()),
        }
    }
}

/// Sends requests, over connections that all components of the application share.
#[derive(Clone)]
pub(crate) struct OutboundSender {
    anywhere: Client<TimedConnector<GaiResolver>, RepeatableBody>,
    /// Connections of its own, so that none that was opened by somebody else's permission is reused.
    public_only: Client<TimedConnector<PublicResolver>, RepeatableBody>,
}

impl OutboundSender {
    /// Sends `request` as far as `permission` goes.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
        permission: Permission,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let limits = TimeLimits::of(&options);
        let (head, body) = request.into_parts();
        let body = RepeatableBody::new(body);
        let responding = async {
            let (mut may_repeat, mut closed) = (head.method.is_safe(), 0);
            loop {
                let request = Request::from_parts(head.clone(), body.clone());
                let responding = match permission {
                    // A component is not reached over a connection.
                    Permission::Denied | Permission::Component => return Err(Error::HttpRequestDenied),
                    Permission::PublicOnly => self.public_only.request(request),
                    Permission::Anywhere => self.anywhere.request(request),
                };
                match responding.await {
                    // Each time, a connection leaves the pool. A server that closes each new one before it was asked anything would keep us here.
                    Err(error) if was_closed_before(&error) && closed <= MOST_IDLE && body.begins_again() => {
                        closed += 1
                    }
                    // A server that closes a kept connection while a request is on its way (RFC 9110, section 9.2.2): once, and only
                    // what changes nothing if the server has read it.
                    Err(error) if may_repeat && ended_without_an_answer(&error) && body.begins_again() => {
                        may_repeat = false
                    }
                    Err(error) => return Err(error_code(&error)),
                    Ok(response) => return Ok(response),
                }
            }
        };
        let sending = REQUEST_CONNECT_TIMEOUT.scope(limits.connect, responding);
        // The time to connect is not the upstream's time to answer.
        limits.keep(limits.connect.saturating_add(limits.first_byte), sending).await
    }
}

/// How guests' requests are protected: with the system's root certificates and those of `ca_file` (PEM).
///
/// # Errors
/// Where the file cannot be used.
pub fn tls(ca_file: Option<&Path>, log: &dyn LogSink) -> Result<ClientConfig, StartError> {
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls(format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots(ca_file, log)?)
        .with_no_client_auth())
}

fn client<R>(resolver: R, tls: ClientConfig) -> Client<TimedConnector<R>, RepeatableBody>
where
    TimedConnector<R>: Connect + Clone,
    R: Clone,
{
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp.enforce_http(false);
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .build(TimedConnector { https })
}

fn roots(ca_file: Option<&Path>, log: &dyn LogSink) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        let failed = |problem: String| StartError::Tls(format!("CA file {}: {problem}", path.display()));
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| failed(error.to_string()))?;
        if certificates.is_empty() {
            return Err(failed("there is no PEM certificate in it".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        let message =
            "this machine has no root certificates (install ca-certificates or use --ca-file): https will fail";
        log.record(&LogRecord::host(Level::Warn, None, message));
    }
    Ok(roots)
}

/// Opens connections, TLS included, within the request's connect timeout.
#[derive(Clone)]
struct TimedConnector<R> {
    https: HttpsConnector<HttpConnector<R>>,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl<R> Service<Uri> for TimedConnector<R>
where
    HttpsConnector<HttpConnector<R>>:
        Service<Uri, Response = MaybeHttpsStream<TokioIo<TcpStream>>, Error = BoxError, Future: Send + 'static>,
{
    type Response = KeptConnection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = REQUEST_CONNECT_TIMEOUT.try_with(|limit| *limit).unwrap_or(CONNECT_TIMEOUT);
        let connecting = self.https.call(uri);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map(KeptConnection::new),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Empty};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::log::CapturedLog;

    async fn ask(uri: &str, permission: Permission) -> Result<u16, Error> {
        let sender = Outbound::new(None, &CapturedLog::new()).unwrap().sender();
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = Request::get(uri).body(body).unwrap();
        sender.send(request, permission, RequestOptions::default()).await.map(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn a_name_that_only_a_wildcard_allows_never_leads_to_this_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["localhost", "127.1", "2130706433", "0x7f.1"] {
            let refused = ask(&format!("http://{host}:{port}/"), Permission::PublicOnly).await;
            assert!(matches!(refused, Err(Error::DestinationIpProhibited)), "{host}: {refused:?}");
        }
        let nobody = tokio::select! { biased; _ = listener.accept() => false, () = std::future::ready(()) => true };
        assert!(nobody, "a connection was opened");

        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            stream
        };
        let uri = format!("http://localhost:{port}/");
        let (answer, _stream) = tokio::join!(ask(&uri, Permission::Anywhere), serving);
        assert!(matches!(answer, Ok(204)), "{answer:?}");
    }

    /// Servers that close a kept connection right after their answer: the runtime does not know of it yet when the next request
    /// is written. Here it cannot, because nothing lets it look before that.
    #[test]
    fn a_request_for_which_the_kept_connection_is_over_is_sent_once_over_another_one() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (closed, is_closed) = std::sync::mpsc::channel();
        let (answered, is_answered) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            let mut bodies = Vec::new();
            for _ in 0..20 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut piece = [0; 1024];
                while !request.ends_with(b"end") {
                    let read = std::io::Read::read(&mut stream, &mut piece).unwrap();
                    assert!(read > 0, "the request broke off");
                    request.extend_from_slice(&piece[..read]);
                }
                std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                is_answered.recv().unwrap();
                drop(stream);
                closed.send(()).unwrap();
                let text = String::from_utf8(request).unwrap();
                bodies.push(text.split_once("\r\n\r\n").unwrap().1.to_owned());
            }
            bodies
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sender = Outbound::new(None, &CapturedLog::new()).unwrap().sender();
            for number in 0..20 {
                let body = http_body_util::Full::new(bytes::Bytes::from(format!("{number} end")));
                let body = body.map_err(|never| match never {}).boxed_unsync();
                let request = Request::post(format!("http://127.0.0.1:{port}/")).body(body).unwrap();
                let response = sender.send(request, Permission::Anywhere, RequestOptions::default()).await.unwrap();
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok", "{number}");
                // Until the connection's task has put the connection back.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                answered.send(()).unwrap();
                // Blocks the only thread: nobody can look at the socket before the next request is written.
                is_closed.recv().unwrap();
            }
        });
        let expected: Vec<_> = (0..20).map(|number| format!("{number} end")).collect();
        assert_eq!(server.join().unwrap(), expected, "each once, in its order");
    }

    /// A server that answers the first request of each connection, reads the beginning of the next one, and closes. Gives the number of requests that
    /// it has read something of.
    async fn closes_at_the_second_request(listener: TcpListener, connections: usize) -> usize {
        let mut requests = 0;
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            requests += 1;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            let mut piece = [0; 4096];
            requests += usize::from(stream.read(&mut piece).await.unwrap() > 0);
        }
        requests
    }

    #[tokio::test]
    async fn only_what_changes_nothing_is_sent_again_where_the_connection_ends_without_an_answer() {
        for (method, again) in [(http::Method::GET, true), (http::Method::POST, false), (http::Method::DELETE, false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("http://{}/", listener.local_addr().unwrap());
            let server = tokio::spawn(closes_at_the_second_request(listener, if again { 2 } else { 1 }));
            let sender = Outbound::new(None, &CapturedLog::new()).unwrap().sender();
            let send = async || {
                let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
                let request = Request::builder().method(&method).uri(&uri).body(body).unwrap();
                let sent = sender.send(request, Permission::Anywhere, RequestOptions::default()).await;
                sent.map(|response| response.status().as_u16())
            };
            assert!(matches!(send().await, Ok(204)), "{method}");
            let second = send().await;
            assert_eq!(second.is_ok(), again, "{method}: {second:?}");
            drop(sender);
            assert_eq!(server.await.unwrap(), if again { 3 } else { 2 }, "{method}");
        }
    }

    #[tokio::test]
    async fn what_a_new_connection_does_not_answer_is_sent_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut piece = [0; 4096];
            stream.read(&mut piece).await.unwrap()
        };
        let (failed, read) = tokio::join!(ask(&uri, Permission::Anywhere), serving);
        assert!(matches!(failed, Err(Error::ConnectionTerminated)), "{failed:?}");
        assert!(read > 0);
        let more =
            tokio::select! { biased; more = listener.accept() => more.is_ok(), () = std::future::ready(()) => false };
        assert!(!more, "a second connection");
    }

    #[tokio::test]
    async fn a_server_that_closes_every_connection_at_once_ends_the_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            loop {
                drop(listener.accept().await);
            }
        });
        let failed = ask(&uri, Permission::Anywhere).await;
        server.abort();
        assert!(failed.is_err(), "{failed:?}");
    }
}
