//! Requests that the component answers.

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use thiserror::Error;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method as WasiMethod, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

use crate::outbound::Answer;
use crate::streams::{self, ReadError, RelayEnd};

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

/// Reads the body, at most `limit` bytes. The body of a request can be read once.
///
/// # Errors
/// [`Unreadable::TooLarge`] as soon as the limit is passed, [`Unreadable::Broken`] where the client stopped sending.
pub fn body(request: &IncomingRequest, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let body = request.consume().map_err(|()| Unreadable::Broken)?;
    let stream = body.stream().map_err(|()| Unreadable::Broken)?;
    streams::read_to_end(&stream, limit).map_err(|error| match error {
        ReadError::TooLarge => Unreadable::TooLarge,
        ReadError::TooSlow | ReadError::Broken => Unreadable::Broken,
    })
}

/// Reads the whole request, with a body of at most `limit` bytes.
///
/// # Errors
/// See [`head`] and [`body`].
pub fn read(request: &IncomingRequest, limit: usize) -> Result<Request<Vec<u8>>, Unreadable> {
    let head = head(request)?;
    let body = body(request, limit)?;
    Ok(head.map(|()| body))
}

/// Sends `response`. A client that has gone is nobody's error.
pub fn respond(out: ResponseOutparam, response: Response<Vec<u8>>) {
    let (parts, bytes) = response.into_parts();
    if let Some(body) = start(out, parts.status.as_u16(), &parts.headers) {
        if let Ok(stream) = body.write() {
            let _gone = streams::write_all(&stream, &bytes);
        }
        let _gone = OutgoingBody::finish(body, None);
    }
}

/// Sends an upstream's `answer` on, byte by byte as it arrives, with `headers` in place of its own.
///
/// Returns when the answer has ended or the client has gone; dropping the upstream's stream then closes its connection.
pub fn relay(out: ResponseOutparam, answer: Answer, headers: &HeaderMap) -> RelayEnd {
    let Some(body) = start(out, answer.status().as_u16(), headers) else {
        return RelayEnd::ReaderGone;
    };
    let end = match (body.write(), answer.stream()) {
        (Ok(output), Some(input)) => streams::relay(&input, &output),
        _ => RelayEnd::SourceBroken,
    };
    if end == RelayEnd::SourceBroken {
        // Dropping the body without finishing it tells the host to break the response off, so that the client
        // does not take half an answer for a whole one.
        drop(body);
    } else {
        let _gone = OutgoingBody::finish(body, None);
    }
    end
}

/// Sends status and headers; `None` where the host takes no response any more.
fn start(out: ResponseOutparam, status: u16, headers: &HeaderMap) -> Option<OutgoingBody> {
    let response = OutgoingResponse::new(fields(headers));
    if response.set_status_code(status).is_err() {
        ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
        return None;
    }
    let body = response.body().ok()?;
    ResponseOutparam::set(out, Ok(response));
    Some(body)
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

/// The headers as the `http` crate holds them.
pub(crate) fn header_map(fields: &Fields) -> Result<HeaderMap, Unreadable> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unreadable::Malformed)?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| Unreadable::Malformed)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The headers as WASI takes them. Those that only a host may set (connection handling) are refused by it and left out.
pub(crate) fn fields(headers: &HeaderMap) -> Fields {
    let fields = Fields::new();
    for (name, value) in headers {
        let _forbidden = fields.append(name.as_str(), value.as_bytes());
    }
    fields
}
