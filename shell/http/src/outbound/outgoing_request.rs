//! A request as WASI takes it, and its limits.

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Request, Uri};
use wasip2::clocks::monotonic_clock::Duration;
use wasip2::http::types::{Method, OutgoingRequest, RequestOptions, Scheme};

use super::no_answer::NoAnswer;
use crate::headers::fields;

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

/// The request as WASI takes it, without its body.
pub(super) fn outgoing(request: &Request<Vec<u8>>) -> Result<OutgoingRequest, NoAnswer> {
    let outgoing = OutgoingRequest::new(fields(&complete(request)));
    let uri = request.uri();
    let set = outgoing.set_method(&method(request.method().as_str())).is_ok()
        && outgoing.set_scheme(Some(&scheme(uri)?)).is_ok()
        && outgoing.set_authority(Some(uri.authority().ok_or(NoAnswer::Address)?.as_str())).is_ok()
        && outgoing.set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str)).is_ok();
    if set { Ok(outgoing) } else { Err(NoAnswer::Address) }
}

/// The headers, with those that every request needs. Without a length, a host sends a body in chunks, which some servers take for
/// an empty one or refuse (411). Without a word on encodings, a server may compress what it answers (RFC 9110, section 12.5.3).
fn complete(request: &Request<Vec<u8>>) -> HeaderMap {
    let mut headers = request.headers().clone();
    let length = request.body().len();
    if length > 0 || matches!(*request.method(), http::Method::POST | http::Method::PUT | http::Method::PATCH) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    headers
}

/// The limits as WASI takes them.
pub(super) fn options(limits: Limits) -> RequestOptions {
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
