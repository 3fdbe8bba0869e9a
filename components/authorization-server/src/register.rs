//! `POST /register`.

use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::registration::{InitialAccess, Registered, RegistrationRejection, register};
use gatehouse_storage::StoreUnavailable;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::log::Details;
use crate::{requests, responses};

const ACTION: &str = "register";

/// Registers a client (RFC 7591, section 3).
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if requests::media_type(request.headers()).as_deref() != Some("application/json") {
        return responses::error(400, ErrorCode::InvalidClientMetadata, "the body must be application/json");
    }
    match registered(context, request) {
        Ok(registered) => {
            let client_id = Some(registered.client_id());
            context.log.completed(ACTION, Details { client_id, ..Details::default() });
            responses::json(201, &registered)
        }
        Err(rejection) => refused(context, &rejection),
    }
}

fn registered(context: &Context, request: &Request<Vec<u8>>) -> Result<Registered, RegistrationRejection> {
    let expected = context.configuration.registration.initial_access_token.as_ref();
    let expected = expected.map(shell_configuration::secret).transpose();
    let expected = expected.map_err(|error| StoreUnavailable(error.to_string()))?;
    let authorization = requests::single(request.headers(), &AUTHORIZATION);
    let access = InitialAccess::check(authorization, expected.as_ref(), &context.configuration)?;
    context.log.begun(ACTION, None, None);
    register(request.body(), &access, &context.configuration, &context.store, context.now, &mut SystemEntropy)
}

fn refused(context: &Context, rejection: &RegistrationRejection) -> Response<Vec<u8>> {
    match rejection {
        RegistrationRejection::Unavailable(error) => context.log.failed(ACTION, None, error),
        _ => context.log.refused(ACTION, None, rejection),
    }
    let (status, code, description) = rejection.to_wire();
    let mut response = responses::error(status, code, &description);
    if let Some(challenge) = rejection.challenge() {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = rejection.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
