//! What the host answers itself, without a guest.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::body_refusal::Refusal;
use super::concurrency::ConcurrencyRefusal;
use super::request_log::RequestLog;
use super::response_body::ResponseBody;

/// What the host answers where the body is refused.
pub(crate) fn refuse(refusal: Refusal, log: RequestLog) -> Response<ResponseBody> {
    log.refused(refusal.limit(), refusal.reason());
    let mut response = answer(refusal.status(), "", log);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    if matches!(refusal, Refusal::NoRoom | Refusal::CredentialShare) {
        retry_soon(&mut response);
    }
    response
}

/// What the host answers where too many requests run.
pub(crate) fn at_capacity(reason: ConcurrencyRefusal, log: RequestLog) -> Response<ResponseBody> {
    let (status, limit, message) = match reason {
        ConcurrencyRefusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "concurrent-requests", "too many are running"),
        ConcurrencyRefusal::StreamShare => {
            (StatusCode::SERVICE_UNAVAILABLE, "stream-share", "too many streams are open")
        }
        ConcurrencyRefusal::CredentialShare => {
            (StatusCode::TOO_MANY_REQUESTS, "credential-share", "too many are running with its credential")
        }
    };
    log.refused(Some(limit), message);
    let mut response = answer(status, "", log);
    retry_soon(&mut response);
    response
}

/// What the host answers where connections of HTTP/2 have too many requests, together.
pub(crate) fn no_room_on_connection(log: RequestLog) -> Response<ResponseBody> {
    log.refused(Some("connections"), "too many are under way on connections that have others");
    unavailable("", log)
}

/// What the host answers while it takes no requests.
pub(crate) fn unavailable(text: &'static str, log: RequestLog) -> Response<ResponseBody> {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, text, log);
    retry_soon(&mut response);
    response
}

fn retry_soon(response: &mut Response<ResponseBody>) {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
}

/// A status, with a text or nothing.
pub(crate) fn answer(status: StatusCode, text: &'static str, log: RequestLog) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::of_host(text, status, log));
    *response.status_mut() = status;
    response
}
