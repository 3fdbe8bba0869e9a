//! The pages of those whose request goes no further, each with its line in the log.

use gatehouse_authorization_server::authorization::UnboundRejection;
use http::Response;

use crate::log::RequestLog;
use crate::pages;

/// Something of ours does not work. The log has the reason, the page only the request's id.
pub(crate) fn out_of_order(
    log: &RequestLog,
    action: &'static str,
    client_id: Option<&str>,
    reason: impl ToString,
) -> Response<Vec<u8>> {
    log.failed(action, client_id, reason);
    pages::out_of_order(log.request_id())
}

/// Tells the user, and nobody else: where the answer should go is not known.
pub(crate) fn unbound(log: &RequestLog, action: &'static str, rejection: &UnboundRejection) -> Response<Vec<u8>> {
    match rejection {
        UnboundRejection::Unavailable(error) => out_of_order(log, action, None, error),
        UnboundRejection::Parameter(_)
        | UnboundRejection::UnknownClient
        | UnboundRejection::ForeignRedirectUri
        | UnboundRejection::WithdrawnResource => {
            log.refused(action, None, rejection);
            let text = format!(
                "The application sent something that cannot be used: {rejection}. Go back to it and sign in again; if that \
                 does not help, tell its developers."
            );
            pages::error(log.request_id(), 400, "This sign-in link does not work", &text)
        }
    }
}
