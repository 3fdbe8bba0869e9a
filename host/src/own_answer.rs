//! What the host answers itself, without a guest.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::request_body::Refusal;
use crate::request_log::RequestLog;
use crate::response_body::ResponseBody;
use crate::turns::NoTurn;

/// What the host answers where the body is refused.
pub(crate) fn refuse(refusal: Refusal, log: RequestLog) -> Response<ResponseBody> {
    warn(&log, refusal.reason());
    let mut response = answer(refusal.status(), "", log);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    if matches!(refusal, Refusal::NoRoom | Refusal::CredentialShare) {
        retry_soon(&mut response);
    }
    response
}

/// What the host answers where there is no turn.
pub(crate) fn no_turn(reason: NoTurn, log: RequestLog) -> Response<ResponseBody> {
    let (status, message) = match reason {
        NoTurn::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many are running"),
        NoTurn::StreamShare => (StatusCode::SERVICE_UNAVAILABLE, "too many streams are open"),
        NoTurn::CredentialShare => (StatusCode::TOO_MANY_REQUESTS, "too many are running with its credential"),
    };
    warn(&log, message);
    let mut response = answer(status, "", log);
    retry_soon(&mut response);
    response
}

/// What the host answers while it takes no requests.
pub(crate) fn unavailable(text: &'static str, log: RequestLog) -> Response<ResponseBody> {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, text, log);
    retry_soon(&mut response);
    response
}

fn warn(log: &RequestLog, message: &str) {
    log.warn(format!("the request was refused: {message}"));
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
