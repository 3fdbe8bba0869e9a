//! `POST /revoke`: a client gives a token back (RFC 7009).

use gatehouse_audit_log::TokenEvent;
use gatehouse_authorization_server::presented_token::PresentedToken;
use gatehouse_authorization_server::token::TokenRejection;
use gatehouse_sessions::Revocation;
use http::{Request, Response, StatusCode};

use crate::context::Context;
use crate::log::Details;
use crate::{clients, introspect, requests, responses};

const ACTION: &str = "revoke";

/// Ends the session of the token, where it is the client's own. The answer is the same where it is not, or is no token
/// (section 2.2): the client cannot do anything about it, and learns nothing of other clients' tokens.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let media_type = requests::media_type(request.headers());
    let parsed = PresentedToken::parse(media_type.as_deref(), request.headers(), request.body());
    let client_id = parsed.as_ref().ok().map(|request| request.credentials.client_id().to_string());
    match parsed.and_then(|request| revoke(context, request)) {
        Ok(revocation) => {
            let client_id = client_id.as_deref();
            let details = Details { client_id, ..Details::default() };
            match revocation {
                Revocation::Ended => {
                    context.log.completed(ACTION, Details { token: Some(TokenEvent::Revoked), ..details });
                }
                Revocation::Unknown => {
                    let reason = Some("there is no session of this token");
                    context.log.completed(ACTION, Details { reason, ..details });
                }
                Revocation::Foreign => context.log.refused(ACTION, client_id, "the token is another client's"),
            }
            responses::status_only(StatusCode::OK)
        }
        Err(rejection) => clients::refused(&context.log, ACTION, client_id.as_deref(), &rejection),
    }
}

fn revoke(context: &Context, request: PresentedToken) -> Result<Revocation, TokenRejection> {
    let client = clients::authenticated(context, request.credentials)?;
    let client_id = &client.client().client_id;
    let resources = introspect::resources(&context.configuration);
    context.log.begun(ACTION, Some(client_id.as_str()), None);
    Ok(context.sessions().revoke(request.token.expose(), client_id, &resources)?)
}
