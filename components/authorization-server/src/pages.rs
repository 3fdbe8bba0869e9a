//! What a person sees. No page runs a script; every one can be used with the keyboard alone.

mod asking;
mod policy;
mod sessions_page;
mod time;

use askama::Template;
use gatehouse_audit_log::RequestId;
use gatehouse_authorization_server::authorization::RejectedRequest;
use gatehouse_authorization_server::fetches::NotNow;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

pub(crate) use asking::{choose, consent, not_let_in, not_let_in_to_sessions_page};
pub(crate) use sessions_page::{sessions, sign_in, signed_out};

use crate::responses;
use policy::Forms;

const STYLE: &str = include_str!("../templates/style.css");

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
    request_id: &'a RequestId,
}

#[derive(Template)]
#[template(path = "rejected.html")]
struct RejectedPage<'a> {
    style: &'static str,
    client_name: &'a str,
    redirect_host: String,
    reason: String,
    location: &'a str,
    request_id: &'a RequestId,
}

/// A provider that can be picked.
struct Pick<'a> {
    name: &'a str,
    display_name: &'a str,
}

impl<'a> Pick<'a> {
    fn of(provider: &'a gatehouse_configuration::IdentityProvider) -> Self {
        Self { name: &provider.name, display_name: &provider.display_name }
    }
}

/// Tells the user what went wrong, and what to do.
pub(crate) fn error(request_id: &RequestId, status: u16, title: &str, text: &str) -> Response<Vec<u8>> {
    html(status, &ErrorPage { style: STYLE, title, text, request_id }, &Forms::none())
}

/// Tells the user that the client asked wrongly, and lets them decide whether to go back: nobody vouches for the place
/// that `location` is at.
pub(crate) fn rejected(request_id: &RequestId, rejected: &RejectedRequest, location: &str) -> Response<Vec<u8>> {
    let page = RejectedPage {
        style: STYLE,
        client_name: rejected.client.client_name.as_str(),
        redirect_host: rejected.redirect_uri.redirect_uri().host_and_port(),
        reason: rejected.rejection.to_string(),
        location,
        request_id,
    };
    html(400, &page, &Forms::none())
}

/// Something of ours does not work; which thing is in the log.
pub(crate) fn out_of_order(request_id: &RequestId) -> Response<Vec<u8>> {
    error(
        request_id,
        503,
        "Signing in does not work at the moment",
        "Try again in a few minutes. If it stays like this, tell the people who run this server.",
    )
}

/// The application is one that nobody here has used, and too much is being asked about such ones, or its host does not
/// answer.
pub(crate) fn try_again(request_id: &RequestId, reason: NotNow) -> Response<Vec<u8>> {
    const MANY: &str = "too many new ones are asking at the same time";
    let (why, when) = match reason {
        NotNow::RecentFailures | NotNow::HostFailedLately => {
            ("the place where it describes itself did not answer a moment ago", "Try again in a few minutes.")
        }
        NotNow::Busy => (MANY, "Wait a few seconds and load this page again."),
        NotNow::TooMany { .. } => (MANY, "Come back in an hour, or tell the people who run this server."),
    };
    let text = format!("Your application is new here, and {why}. {when}");
    let mut response = error(request_id, 503, "Signing in has to wait a moment", &text);
    if let Some(seconds) = reason.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// More people sign in at once than the operator allows. `retry_after` is in seconds.
pub(crate) fn too_many(request_id: &RequestId, retry_after: u64) -> Response<Vec<u8>> {
    let mut response = error(
        request_id,
        503,
        "Too many people are signing in at the moment",
        "Wait for a minute, then load this page again, or go back to your application and sign in again.",
    );
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

/// The user wants to sign in, or has signed in, where they no longer can.
pub(crate) fn withdrawn_provider(request_id: &RequestId) -> Response<Vec<u8>> {
    error(
        request_id,
        400,
        "You can no longer sign in this way",
        "The people who run this server have changed where users sign in. Go back to your application and sign in again.",
    )
}

fn html(status: u16, page: &impl Template, forms: &Forms) -> Response<Vec<u8>> {
    let Ok(text) = page.render() else {
        return responses::status_only(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // `same-origin` and not `no-referrer`, under which browsers send `Origin: null` with our own form.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // A page without its policy is not shown.
    let Ok(policy) = HeaderValue::from_str(&policy::text(STYLE, forms)) else {
        return responses::status_only(StatusCode::INTERNAL_SERVER_ERROR);
    };
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests;
