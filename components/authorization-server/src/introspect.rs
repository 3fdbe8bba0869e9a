//! `POST /introspect`: what a token is good for (RFC 7662).

use gatehouse_authorization_server::presented_token::{ActiveToken, Introspection, PresentedToken, may_introspect};
use gatehouse_authorization_server::token::TokenRejection;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::ResourceUri;
use gatehouse_sessions::TokenKind;
use http::{Request, Response};

use crate::context::Context;
use crate::log::Details;
use crate::{clients, requests, responses};

const ACTION: &str = "introspect";

/// Tells a client that may ask.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let media_type = requests::media_type(request.headers());
    let parsed = PresentedToken::parse(media_type.as_deref(), request.headers(), request.body());
    let client_id = parsed.as_ref().ok().map(|request| request.credentials.client_id().to_string());
    match parsed.and_then(|request| introspect(context, request)) {
        Ok(introspection) => {
            context.log.completed(ACTION, Details { client_id: client_id.as_deref(), ..Details::default() });
            responses::json(200, &introspection)
        }
        Err(rejection) => clients::refused(&context.log, ACTION, client_id.as_deref(), &rejection),
    }
}

fn introspect(context: &Context, request: PresentedToken) -> Result<Introspection, TokenRejection> {
    let client = clients::authenticated(context, request.credentials)?;
    may_introspect(&client)?;
    let configuration = &context.configuration;
    let found = context.sessions().introspect(request.token.expose(), &resources(configuration))?;
    let Some(found) = found else { return Ok(Introspection::inactive()) };
    Ok(Introspection::active(ActiveToken {
        scope: found.principal.scopes.to_string(),
        client_id: found.principal.client_id.to_string(),
        sub: found.principal.subject.to_string(),
        aud: found.principal.resource.to_string(),
        iss: configuration.public_url.to_string(),
        exp: found.expires_at.seconds(),
        act: found.principal.actors,
        token_type: match found.kind {
            TokenKind::Access => Some("Bearer"),
            TokenKind::Refresh => None,
        },
    }))
}

/// Everything that a token can be for.
pub(crate) fn resources(configuration: &Configuration) -> Vec<ResourceUri> {
    configuration.routes.iter().filter_map(|route| configuration.resource_of(route)).collect()
}
