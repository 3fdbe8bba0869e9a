//! Requests that the component makes.

use http::{Request, Response, Uri};
use thiserror::Error;
use wasip2::clocks::monotonic_clock::Duration;
use wasip2::http::types::{ErrorCode, Method, OutgoingRequest, RequestOptions, Scheme};

use crate::elapsed;
use crate::inbound::fields;
use crate::system::Milliseconds;

mod exchanges;
mod sending;

pub use exchanges::{Arrival, Exchanges};

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
const FETCH: Milliseconds = 20_000;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// The URI is not one that can be connected to.
    #[error("the address is not an http(s) URI")]
    Address,
    /// The host does not let this component connect there (`allowed_outbound_hosts`).
    #[error("the host does not allow a connection to this address; see allowed_outbound_hosts")]
    NotAllowed,
    /// What the name resolves to is not an address that the host connects to for this component.
    #[error("the host does not allow a connection to the address that this name resolves to")]
    Prohibited,
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

/// Sends `request` and reads the answer: at most `limit` bytes, and all of it within 20 seconds. Redirects are not
/// followed.
///
/// # Errors
/// See [`NoAnswer`].
pub fn fetch(request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
    fetch_within(request, limit, Limits::SHORT, FETCH)
}

/// The same within other limits, and all of it within `time`.
///
/// # Errors
/// See [`NoAnswer`].
pub fn fetch_within(
    request: &Request<Vec<u8>>,
    limit: usize,
    limits: Limits,
    time: Milliseconds,
) -> Result<Response<Vec<u8>>, NoAnswer> {
    let deadline = elapsed().saturating_add(time);
    let mut exchange = Exchanges::default();
    exchange.start(request, limits);
    let (mut answer, mut bytes) = (None, Vec::new());
    loop {
        match exchange.next(deadline.saturating_sub(elapsed())) {
            Arrival::Head(_, head) => answer = Some(head),
            Arrival::Piece(_, piece) if bytes.len().saturating_add(piece.len()) > limit => {
                return Err(NoAnswer::TooLarge);
            }
            // Who sends a byte now and then would hold us for ever otherwise.
            Arrival::Piece(..) | Arrival::Tick if elapsed() >= deadline => return Err(NoAnswer::TimedOut),
            Arrival::Piece(_, piece) => bytes.extend_from_slice(&piece),
            Arrival::Tick => {}
            Arrival::End(_) => return answer.map(|head| head.map(|()| bytes)).ok_or_else(|| failed("no answer")),
            Arrival::Broken(_) => return Err(failed("the answer broke off")),
            Arrival::NoAnswer(_, reason) => return Err(reason),
        }
    }
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
        ErrorCode::HttpRequestDenied => NoAnswer::NotAllowed,
        ErrorCode::DestinationIpProhibited => NoAnswer::Prohibited,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => NoAnswer::TimedOut,
        other => NoAnswer::Failed(format!("{other:?}")),
    }
}
