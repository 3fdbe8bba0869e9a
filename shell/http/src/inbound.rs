//! Requests that the component answers.

mod writer;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use thiserror::Error;
use wasip2::http::types::{IncomingRequest, Method as WasiMethod, ResponseOutparam};

pub use self::writer::{ReaderGone, Writer};
use crate::headers::{MalformedHeader, header_map};
use crate::streams::{self, ReadError};
use crate::system::Milliseconds;

/// A request that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// The body is larger than allowed; answer 413 (RFC 9110, section 15.5.14).
    #[error("the request body is larger than allowed")]
    TooLarge,
    /// The body broke off.
    #[error("the request body broke off")]
    Broken,
    /// The method, the target or a header is not HTTP.
    #[error("the request is malformed")]
    Malformed,
}

impl Unreadable {
    /// The status to answer with.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken | Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<MalformedHeader> for Unreadable {
    fn from(_: MalformedHeader) -> Self {
        Self::Malformed
    }
}

/// The request's method, target and headers, without touching its body. Where `Host` is missing, it is filled in with
/// the authority that the client asked for: hosts keep that header from components and give its value apart.
///
/// # Errors
/// Where a part is not HTTP.
pub fn head(request: &IncomingRequest) -> Result<Request<()>, Unreadable> {
    let target = request.path_with_query().unwrap_or_else(|| "/".to_owned());
    let uri: Uri = target.parse().map_err(|_| Unreadable::Malformed)?;
    let mut head = Request::new(());
    *head.method_mut() = method(&request.method())?;
    *head.uri_mut() = uri;
    *head.headers_mut() = header_map(&request.headers())?;
    if !head.headers().contains_key(HOST)
        && let Some(authority) = request.authority()
    {
        let authority = HeaderValue::try_from(authority).map_err(|_| Unreadable::Malformed)?;
        head.headers_mut().insert(HOST, authority);
    }
    Ok(head)
}

/// Reads the body of a request that has these headers, at most `limit` bytes. A body can be read once.
///
/// # Errors
/// [`Unreadable::TooLarge`] as soon as the limit is passed, and before anything is read where `Content-Length` says that it
/// will be; [`Unreadable::Broken`] where the client stopped sending.
pub fn body(request: &IncomingRequest, headers: &HeaderMap, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let declared = headers.get_all(CONTENT_LENGTH).iter();
    let declared = declared.filter_map(|value| value.to_str().ok()?.trim().parse::<u64>().ok()).max();
    if declared.is_some_and(|declared| declared > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Err(Unreadable::TooLarge);
    }
    let body = request.consume().map_err(|()| Unreadable::Broken)?;
    let stream = body.stream().map_err(|()| Unreadable::Broken)?;
    let expected = declared.and_then(|declared| usize::try_from(declared).ok()).unwrap_or(0);
    streams::read_to_end(&stream, expected, limit).map_err(|error| match error {
        ReadError::TooLarge => Unreadable::TooLarge,
        ReadError::Broken => Unreadable::Broken,
    })
}

/// Bytes of a body that is not wanted, and milliseconds for it.
const DRAINED: usize = 64 * 1024;
const DRAIN: Milliseconds = 1_000;

/// Reads a small body that nobody wants, before the answer: a host that answers first closes the connection, and a simple client
/// that is still writing sees a broken pipe in place of the answer. What is large, or slow, is left unread.
pub fn drain(request: &IncomingRequest) {
    if let Ok(body) = request.consume()
        && let Ok(stream) = body.stream()
    {
        streams::read_away(&stream, DRAINED, DRAIN);
    }
}

/// Reads the whole request, with a body of at most `limit` bytes.
///
/// # Errors
/// See [`head`] and [`body`].
pub fn read(request: &IncomingRequest, limit: usize) -> Result<Request<Vec<u8>>, Unreadable> {
    let head = head(request)?;
    let body = body(request, head.headers(), limit)?;
    Ok(head.map(|()| body))
}

/// Answers a whole request, with a body of at most `limit` bytes, by what `answer` makes of it: for components that
/// neither stream nor decide by the head alone.
pub fn serve(
    request: &IncomingRequest,
    out: ResponseOutparam,
    limit: usize,
    answer: impl FnOnce(Result<Request<Vec<u8>>, Unreadable>) -> Response<Vec<u8>>,
) {
    respond(out, answer(read(request, limit)));
}

/// Sends `response`. A client that has gone is nobody's error.
pub fn respond(out: ResponseOutparam, response: Response<Vec<u8>>) {
    let (parts, bytes) = response.into_parts();
    if let Some(writer) = Writer::open(out, parts.status, &parts.headers) {
        writer.finish_with(&bytes);
    }
}

fn method(method: &WasiMethod) -> Result<Method, Unreadable> {
    Ok(match method {
        WasiMethod::Get => Method::GET,
        WasiMethod::Head => Method::HEAD,
        WasiMethod::Post => Method::POST,
        WasiMethod::Put => Method::PUT,
        WasiMethod::Delete => Method::DELETE,
        WasiMethod::Connect => Method::CONNECT,
        WasiMethod::Options => Method::OPTIONS,
        WasiMethod::Trace => Method::TRACE,
        WasiMethod::Patch => Method::PATCH,
        WasiMethod::Other(name) => Method::from_bytes(name.as_bytes()).map_err(|_| Unreadable::Malformed)?,
    })
}
