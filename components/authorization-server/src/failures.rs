//! The pages of those whose request goes no further, each with its line in the log.

use gatehouse_authorization_server::authorization::UnboundRejection;
use http::Response;

use crate::context::Context;
use crate::pages::{self, Problem, Unbound};

/// Something of ours does not work. The log has the reason, the page only the request's id.
pub(crate) fn out_of_order(
    context: &Context,
    action: &'static str,
    client_id: Option<&str>,
    reason: impl ToString,
) -> Response<Vec<u8>> {
    context.log.failed(action, client_id, reason);
    pages::error(context.layout(), Problem::OutOfOrder)
}

/// Tells the user, and nobody else: where the answer should go is not known. The log has it in the words of the protocol.
pub(crate) fn unbound(context: &Context, action: &'static str, rejection: &UnboundRejection) -> Response<Vec<u8>> {
    match Unbound::of(rejection) {
        Some(problem) => {
            context.log.refused(action, None, rejection);
            pages::error(context.layout(), Problem::Unbound(problem))
        }
        None => out_of_order(context, action, None, rejection),
    }
}
