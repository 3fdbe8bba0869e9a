//! `POST /token`.

use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::code::{CodeRejection, Grant, Redemption, redeem_code};
use gatehouse_authorization_server::credentials::AuthenticatedClient;
use gatehouse_authorization_server::grant::{AssertionRequest, grant_to_asserted, grant_to_machine, may_use};
use gatehouse_authorization_server::signed_out::has_signed_out_since;
use gatehouse_authorization_server::token::{GrantRequest, TokenAnswer, TokenRejection, TokenRequest};
use gatehouse_openid::IdentityAssertion;
use gatehouse_protocol::{Claims, ResourceUri, Scope, Scopes, SecretString, UnixTime};
use gatehouse_sessions::SessionRoot;
use http::{Request, Response};
use provider_client::AssertionFailure;
use shell_http::SystemEntropy;

use crate::bindings::gatehouse::auth::sessions;
use crate::context::Context;
use crate::log::{Details, RequestLog};
use crate::session_rejection::rejection;
use crate::{clients, requests, responses};

const ACTION: &str = "token";

/// Redeems what a client presents.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let media_type = requests::media_type(request.headers());
    let parsed = TokenRequest::parse(media_type.as_deref(), request.headers(), request.body());
    let client_id = parsed.as_ref().ok().map(|request| request.credentials.client_id().to_string());
    match parsed.and_then(|request| tokens(context, request)) {
        Ok(tokens) => {
            context.log.completed(ACTION, Details { client_id: client_id.as_deref(), ..Details::default() });
            responses::json(200, &to_answer(tokens))
        }
        Err(rejection) => clients::refused(&context.log, ACTION, client_id.as_deref(), &rejection),
    }
}

fn tokens(context: &Context, request: TokenRequest) -> Result<sessions::Tokens, TokenRejection> {
    let client = clients::authenticated(context, request.credentials)?;
    may_use(&client, request.grant.grant_type())?;
    let resource = request.resource.map(|resource| context.configuration.audience_of(resource));
    let resource = resource.as_ref();
    let tokens = match &request.grant {
        GrantRequest::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let client_id = &client.client().client_id;
            let redirect_uri = redirect_uri.as_deref();
            redeem(context, &client, &Redemption { code, client_id, redirect_uri, code_verifier, resource })
        }
        GrantRequest::RefreshToken { refresh_token, scopes } => {
            refresh(context, &client, refresh_token, resource, scopes.as_ref())
        }
        GrantRequest::ClientCredentials { scopes } => {
            let (configuration, now, entropy) = (&context.configuration, context.now, &mut SystemEntropy);
            let grant = grant_to_machine(&client, resource, scopes.as_ref(), configuration, now, entropy)?;
            // It has no pages on which it could see its sessions.
            open(context, grant, client.client(), false)
        }
        GrantRequest::JwtBearer { assertion, scopes } => {
            accept(context, &client, assertion, &AssertionRequest { resource, scopes: scopes.as_ref() })
        }
    }?;
    // The tokens exist: a client that cannot be noted must not lose them.
    if let Err(error) = client.client().note_use(&context.keys, &context.store, context.now, &mut SystemEntropy) {
        context.log.failed(ACTION, Some(client.client().client_id.as_str()), error);
    }
    Ok(tokens)
}

fn redeem(
    context: &Context,
    client: &AuthenticatedClient,
    redemption: &Redemption<'_>,
) -> Result<sessions::Tokens, TokenRejection> {
    match redeem_code(redemption, &context.keys, &context.store, context.now) {
        Ok(grant) => {
            let (root, subject) = (grant.root.clone(), grant.principal.subject.clone());
            let tokens = open(context, grant, client.client(), true)?;
            // Whoever signs out at this very moment may have looked for sessions before this one was there.
            match has_signed_out_since(context.now, &subject, &context.keys, &context.store) {
                Ok(false) => Ok(tokens),
                Ok(true) => {
                    sessions::end(&root_to_wit(&root)).map_err(rejection)?;
                    Err(CodeRejection::SignedOut.into())
                }
                Err(error) => Err(CodeRejection::from(error).into()),
            }
        }
        Err(CodeRejection::Replayed(root)) => {
            context.log.begun(ACTION, Some(client.client().client_id.as_str()), None);
            sessions::end(&root_to_wit(&root)).map_err(rejection)?;
            Err(CodeRejection::Replayed(root).into())
        }
        Err(rejection) => Err(rejection.into()),
    }
}

fn refresh(
    context: &Context,
    client: &AuthenticatedClient,
    refresh_token: &SecretString,
    resource: Option<&ResourceUri>,
    scopes: Option<&Scopes>,
) -> Result<sessions::Tokens, TokenRejection> {
    let client_id = client.client().client_id.as_str();
    let lifetime = context.configuration.lifetimes.access_token;
    let (resource, scopes) = (resource.map(ResourceUri::as_str), scopes.map(scopes_to_wit));
    // Whose session it is, only the token says.
    context.log.begun(ACTION, Some(client_id), None);
    let ids = request_ids(&context.log);
    sessions::refresh(refresh_token.expose(), client_id, resource, scopes.as_deref(), lifetime, &ids).map_err(rejection)
}

/// Takes the word of the user's identity provider (ID-JAG).
fn accept(
    context: &Context,
    client: &AuthenticatedClient,
    assertion: &SecretString,
    request: &AssertionRequest<'_>,
) -> Result<sessions::Tokens, TokenRejection> {
    let (configuration, store, now) = (&context.configuration, &context.store, context.now);
    let assertion = IdentityAssertion::parse(assertion.expose())?;
    let provider = assertion.provider(&configuration.identity_providers)?;
    let (our_issuer, client_id) = (configuration.public_url.as_str(), client.client().client_id.as_str());
    let asserted = context.client_of(provider).verify_assertion(&assertion, our_issuer, client_id);
    let asserted = asserted.map_err(|failure| match failure {
        AssertionFailure::Rejected(rejection) => rejection.into(),
        AssertionFailure::Conversation(failure) => TokenRejection::Unavailable(failure.to_string()),
    })?;
    let entropy = &mut SystemEntropy;
    let grant = grant_to_asserted(client, &asserted, provider, request, configuration, store, now, entropy)?;
    open(context, grant, client.client(), true)
}

/// Opens the session. That of a person is `listed`: they can see it, and end it.
fn open(context: &Context, grant: Grant, client: &Client, listed: bool) -> Result<sessions::Tokens, TokenRejection> {
    let Claims { tenant, groups, roles } = grant.principal.claims;
    let principal = sessions::Principal {
        subject: grant.principal.subject.to_string(),
        client_id: grant.principal.client_id.to_string(),
        resource: grant.principal.resource.to_string(),
        scopes: scopes_to_wit(&grant.principal.scopes),
        claims: sessions::Claims { tenant, groups, roles },
    };
    let expose = |token: Option<SecretString>| token.map(|token| token.expose().to_owned());
    let provider_tokens = sessions::ProviderTokens {
        access_token: expose(grant.provider_tokens.access_token),
        refresh_token: expose(grant.provider_tokens.refresh_token),
        expires_at: grant.provider_tokens.expires_at.map(UnixTime::seconds),
    };
    let lifetime = context.configuration.lifetimes.access_token;
    let (root, client_name) = (root_to_wit(&grant.root), client.client_name.as_str());
    context.log.begun(ACTION, Some(&principal.client_id), Some(&principal.subject));
    sessions::open(&root, &principal, client_name, &provider_tokens, lifetime, grant.refreshable, listed)
        .map_err(rejection)
}

fn request_ids(log: &RequestLog) -> sessions::RequestIds {
    sessions::RequestIds { request_id: log.request_id().to_string(), trace_id: log.trace_id().map(ToString::to_string) }
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
