//! `POST /register`.

use gatehouse_oauth::ErrorCode;
use gatehouse_oauth::registration::{RegistrationRejection, register};
use http::{Request, Response};
use http_shell::SystemEntropy;

use crate::context::Context;
use crate::log::{self, Decision};
use crate::{requests, responses};

/// Registers a client (RFC 7591, section 3).
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if requests::media_type(request.headers()).as_deref() != Some("application/json") {
        return responses::error(400, ErrorCode::InvalidClientMetadata, "the body must be application/json");
    }
    match register(request.body(), &context.configuration, &context.store, context.now, &mut SystemEntropy) {
        Ok(registered) => {
            Decision {
                event: "register",
                outcome: "allowed",
                client_id: Some(registered.client_id()),
                ..Decision::default()
            }
            .write();
            responses::json(201, &registered)
        }
        Err(rejection) => {
            match &rejection {
                RegistrationRejection::Unavailable(error) => log::failed("register", error),
                _ => log::denied("register", None, &rejection),
            }
            let (status, code, description) = rejection.to_wire();
            responses::error(status, code, &description)
        }
    }
}
