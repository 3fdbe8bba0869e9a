//! Requests that the component makes.

use http::{HeaderMap, Request, Response, StatusCode, Uri};
use thiserror::Error;
use wasip2::clocks::monotonic_clock::{self, Duration, Instant};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wasip2::io::streams::InputStream;

use crate::inbound::{fields, header_map};
use crate::streams;

/// Limits of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect, in seconds.
    pub connect_seconds: u64,
    /// From the sent request to the first byte of the answer, in seconds.
    pub first_byte_seconds: u64,
    /// Between two pieces of the answer, in seconds.
    pub between_bytes_seconds: u64,
}

impl Limits {
    /// For a short exchange with a machine that should answer at once, such as an identity provider.
    pub const SHORT: Self = Self { connect_seconds: 5, first_byte_seconds: 10, between_bytes_seconds: 10 };
}

/// For a whole short exchange.
const FETCH_NANOSECONDS: Duration = 20_000_000_000;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// The URI is not one that can be connected to.
    #[error("the address is not an http(s) URI")]
    Address,
    /// The host does not let this component connect there (`allowed_outbound_hosts`).
    #[error("the host does not allow a connection to this address; see allowed_outbound_hosts")]
    NotAllowed,
    /// A limit of [`Limits`] passed.
    #[error("the other side did not answer in time")]
    TimedOut,
    /// The connection failed or broke off; the text is the host's.
    #[error("the connection failed: {0}")]
    Failed(String),
    /// The answer is larger than allowed.
    #[error("the answer is larger than allowed")]
    TooLarge,
}

/// An answer whose body has not been read.
pub struct Answer {
    // Dropped in this order: WASI traps where a body outlives its response's parts the wrong way round.
    body: IncomingBody,
    head: Response<()>,
}

impl Answer {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    pub(crate) fn stream(&self) -> Option<InputStream> {
        self.body.stream().ok()
    }

    /// Reads the whole body, at most `limit` bytes and not beyond `deadline`.
    fn read_by(self, limit: usize, deadline: Instant) -> Result<Response<Vec<u8>>, NoAnswer> {
        let bytes = {
            let stream = self.stream().ok_or_else(|| failed("no body"))?;
            streams::read_to_end_by(&stream, limit, deadline).map_err(|error| match error {
                streams::ReadError::TooLarge => NoAnswer::TooLarge,
                streams::ReadError::TooSlow => NoAnswer::TimedOut,
                streams::ReadError::Broken => failed("the answer broke off"),
            })?
        };
        Ok(self.head.map(|()| bytes))
    }
}

/// Sends `request` and waits for the head of the answer. Redirects are not followed.
///
/// # Errors
/// See [`NoAnswer`].
pub fn send(request: &Request<Vec<u8>>, limits: Limits) -> Result<Answer, NoAnswer> {
    let outgoing = outgoing(request)?;
    let body = outgoing.body().map_err(|()| failed("no body"))?;
    let pending = outgoing_handler::handle(outgoing, Some(options(limits))).map_err(refused)?;
    if !request.body().is_empty() {
        let stream = body.write().map_err(|()| failed("no stream"))?;
        // An upstream may answer before it has read everything; what it says is then in the answer.
        let _early_answer = streams::write_all(&stream, request.body());
    }
    OutgoingBody::finish(body, None).map_err(refused)?;
    answer(wait(&pending)?)
}

/// Sends `request` and reads the answer: at most `limit` bytes, and all of it within 20 seconds.
///
/// # Errors
/// See [`NoAnswer`].
pub fn fetch(request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
    let deadline = monotonic_clock::now().saturating_add(FETCH_NANOSECONDS);
    send(request, Limits::SHORT)?.read_by(limit, deadline)
}

fn outgoing(request: &Request<Vec<u8>>) -> Result<OutgoingRequest, NoAnswer> {
    let outgoing = OutgoingRequest::new(fields(request.headers()));
    let uri = request.uri();
    let set = outgoing.set_method(&method(request.method().as_str())).is_ok()
        && outgoing.set_scheme(Some(&scheme(uri)?)).is_ok()
        && outgoing.set_authority(Some(uri.authority().ok_or(NoAnswer::Address)?.as_str())).is_ok()
        && outgoing.set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str)).is_ok();
    if set { Ok(outgoing) } else { Err(NoAnswer::Address) }
}

fn wait(pending: &FutureIncomingResponse) -> Result<IncomingResponse, NoAnswer> {
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(result)) => result.map_err(refused),
        // `get` answers once; both of these mean that the host broke its own contract.
        Some(Err(())) | None => Err(failed("no answer")),
    }
}

fn answer(incoming: IncomingResponse) -> Result<Answer, NoAnswer> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(incoming.status()).map_err(|_| failed("invalid status"))?;
    *head.headers_mut() = header_map(&incoming.headers()).map_err(|_| failed("invalid header"))?;
    let body = incoming.consume().map_err(|()| failed("no body"))?;
    Ok(Answer { body, head })
}

fn options(limits: Limits) -> RequestOptions {
    let nanoseconds = |seconds: u64| -> Option<Duration> { Some(seconds.saturating_mul(1_000_000_000)) };
    let options = RequestOptions::new();
    // A host that does not support one of these says so; its own limits hold then.
    let _unsupported = options.set_connect_timeout(nanoseconds(limits.connect_seconds));
    let _unsupported = options.set_first_byte_timeout(nanoseconds(limits.first_byte_seconds));
    let _unsupported = options.set_between_bytes_timeout(nanoseconds(limits.between_bytes_seconds));
    options
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(uri: &Uri) -> Result<Scheme, NoAnswer> {
    match uri.scheme_str() {
        Some("http") => Ok(Scheme::Http),
        Some("https") => Ok(Scheme::Https),
        _ => Err(NoAnswer::Address),
    }
}

fn failed(text: &str) -> NoAnswer {
    NoAnswer::Failed(text.to_owned())
}

fn refused(code: ErrorCode) -> NoAnswer {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => NoAnswer::NotAllowed,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => NoAnswer::TimedOut,
        other => NoAnswer::Failed(format!("{other:?}")),
    }
}
