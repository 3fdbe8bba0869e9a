//! What the host answers itself, without a guest.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::host::Host;
use crate::log::{Level, LogRecord};
use crate::request_body::Refusal;
use crate::response_body::{RequestLog, ResponseBody};
use crate::turns::NoTurn;

/// What the host answers where the body is refused.
pub(crate) fn refuse(host: &Host, refusal: Refusal, log: RequestLog) -> Response<ResponseBody> {
    warn(host, &log, refusal.reason());
    let mut response = answer(refusal.status(), "", log);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    if refusal == Refusal::NoRoom {
        retry_soon(&mut response);
    }
    response
}

/// What the host answers where there is no turn.
pub(crate) fn no_turn(host: &Host, reason: NoTurn, log: RequestLog) -> Response<ResponseBody> {
    let (status, message) = match reason {
        NoTurn::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many are running"),
        NoTurn::StreamShare => (StatusCode::SERVICE_UNAVAILABLE, "too many streams are open"),
        NoTurn::CredentialShare => (StatusCode::TOO_MANY_REQUESTS, "too many are running with its credential"),
    };
    warn(host, &log, message);
    let mut response = answer(status, "", log);
    retry_soon(&mut response);
    response
}

fn warn(host: &Host, log: &RequestLog, message: &str) {
    let message = format!("a request was refused: {message}");
    host.application.log.record(&LogRecord::host(Level::Warn, log.component.as_deref(), message));
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
