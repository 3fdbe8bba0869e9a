//! `POST /token`.

use gatehouse_configuration::Configuration;
use gatehouse_oauth::client::Client;
use gatehouse_oauth::code::{CodeRejection, Grant, Redemption, redeem_code};
use gatehouse_oauth::token::{GrantRequest, TokenAnswer, TokenRejection, TokenRequest};
use gatehouse_protocol::{Scope, Scopes};
use gatehouse_session::{Rejection, SessionRoot};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};

use crate::bindings::gatehouse::auth::sessions;
use crate::context::Context;
use crate::log::Decision;
use crate::{client_document, requests, responses};

const EVENT: &str = "token";

/// Redeems a code or a refresh token.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let media_type = requests::media_type(request.headers());
    let authenticates = request.headers().contains_key(AUTHORIZATION);
    let parsed = TokenRequest::parse(media_type.as_deref(), authenticates, request.body());
    let client_id = parsed.as_ref().ok().map(|request| request.client_id.to_string());
    match parsed.and_then(|request| grant(context, request)) {
        Ok(tokens) => {
            Decision { event: EVENT, outcome: "allowed", client_id: client_id.as_deref(), ..Decision::default() }
                .write();
            responses::json(200, &to_answer(tokens))
        }
        Err(rejection) => {
            let (status, code, description) = rejection.to_wire();
            let outcome = if status >= 500 { "failed" } else { "denied" };
            let reason = Some(rejection.to_string());
            Decision { event: EVENT, outcome, reason, client_id: client_id.as_deref(), subject: None }.write();
            let mut response = responses::error(status, code, &description);
            if response.status() == StatusCode::UNAUTHORIZED {
                // "The authorization server MUST include" it where the client tried the header (RFC 6749, section 5.2).
                let challenge = HeaderValue::from_static(r#"Basic realm="token endpoint""#);
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

fn grant(context: &Context, request: TokenRequest) -> Result<sessions::Tokens, TokenRejection> {
    client_document::read_if_needed(context, request.client_id.as_str());
    let client = Client::find(&request.client_id, &context.configuration, &context.keys, &context.store, context.now)?;
    match &request.grant {
        GrantRequest::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let redemption = Redemption {
                code,
                client_id: &client.client_id,
                redirect_uri: redirect_uri.as_deref(),
                code_verifier,
                resource: request.resource.as_ref(),
            };
            match redeem_code(&redemption, &context.keys, &context.store, context.now) {
                Ok(grant) => open(grant, &client, &context.configuration),
                Err(CodeRejection::Replayed(root)) => {
                    sessions::end(&root_to_wit(&root)).map_err(rejection)?;
                    Err(CodeRejection::Replayed(root).into())
                }
                Err(rejection) => Err(rejection.into()),
            }
        }
        GrantRequest::RefreshToken { refresh_token, scopes } => sessions::refresh(
            refresh_token.expose(),
            client.client_id.as_str(),
            request.resource.as_ref().map(gatehouse_protocol::ResourceUri::as_str),
            scopes.as_ref().map(scopes_to_wit).as_deref(),
            context.configuration.lifetimes.access_token,
        )
        .map_err(rejection),
    }
}

fn open(grant: Grant, client: &Client, configuration: &Configuration) -> Result<sessions::Tokens, TokenRejection> {
    let principal = sessions::Principal {
        subject: grant.principal.subject.to_string(),
        client_id: grant.principal.client_id.to_string(),
        resource: grant.principal.resource.to_string(),
        scopes: scopes_to_wit(&grant.principal.scopes),
    };
    let expose = |token: Option<gatehouse_protocol::SecretString>| token.map(|token| token.expose().to_owned());
    let upstream = sessions::UpstreamTokens {
        access_token: expose(grant.upstream.access_token),
        refresh_token: expose(grant.upstream.refresh_token),
        expires_at: grant.upstream.expires_at.map(gatehouse_protocol::UnixTime::seconds),
    };
    let lifetime = configuration.lifetimes.access_token;
    let (root, client_name) = (root_to_wit(&grant.root), client.client_name.as_str());
    // Only people get codes.
    let listed = true;
    sessions::open(&root, &principal, client_name, &upstream, lifetime, grant.refreshable, listed).map_err(rejection)
}

fn root_to_wit(root: &SessionRoot) -> sessions::SessionRoot {
    sessions::SessionRoot { secret: root.secret.expose().to_vec(), expires_at: root.expires_at.seconds() }
}

fn scopes_to_wit(scopes: &Scopes) -> Vec<String> {
    scopes.iter().map(Scope::as_str).map(str::to_owned).collect()
}

fn to_answer(tokens: sessions::Tokens) -> TokenAnswer {
    TokenAnswer {
        access_token: tokens.access_token,
        token_type: "Bearer",
        expires_in: tokens.expires_in,
        refresh_token: tokens.refresh_token,
        scope: tokens.scopes.join(" "),
    }
}

fn rejection(rejection: sessions::Rejection) -> TokenRejection {
    TokenRejection::Session(match rejection {
        sessions::Rejection::Unrecognised => Rejection::Unrecognised,
        sessions::Rejection::Expired => Rejection::Expired,
        sessions::Rejection::Revoked => Rejection::Revoked,
        sessions::Rejection::Reused => Rejection::Reused,
        sessions::Rejection::WrongClient => Rejection::WrongClient,
        sessions::Rejection::BeyondGrant => Rejection::BeyondGrant,
        sessions::Rejection::OtherResource => Rejection::OtherResource,
        sessions::Rejection::Unavailable(reason) => Rejection::Unavailable(reason),
    })
}
