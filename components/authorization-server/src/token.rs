//! `POST /token`.

use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::code::{CodeRejection, Grant, Redemption, redeem_code};
use gatehouse_authorization_server::credentials::AuthenticatedClient;
use gatehouse_authorization_server::grant::{AssertionRequest, grant_to_asserted, grant_to_machine, may_use};
use gatehouse_authorization_server::signed_out::has_signed_out_since;
use gatehouse_authorization_server::token::{GrantRequest, TokenAnswer, TokenRejection, TokenRequest};
use gatehouse_openid::IdentityAssertion;
use gatehouse_protocol::{ResourceUri, Scopes, SecretString};
use gatehouse_sessions::{Opening, RefreshRequest, Tokens};
use http::{Request, Response};
use provider_client::AssertionFailure;
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::log::Details;
use crate::{clients, requests, responses, sessions};

const ACTION: &str = "token";

/// Redeems what a client presents.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let media_type = requests::media_type(request.headers());
    let parsed = TokenRequest::parse(media_type.as_deref(), request.headers(), request.body());
    let client_id = parsed.as_ref().ok().map(|request| request.credentials.client_id().to_string());
    match parsed.and_then(|request| tokens(context, request)) {
        Ok(tokens) => {
            context.log.completed(ACTION, Details { client_id: client_id.as_deref(), ..Details::default() });
            responses::json(200, &to_answer(&tokens))
        }
        Err(rejection) => clients::refused(&context.log, ACTION, client_id.as_deref(), &rejection),
    }
}

fn tokens(context: &Context, request: TokenRequest) -> Result<Tokens, TokenRejection> {
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
) -> Result<Tokens, TokenRejection> {
    match redeem_code(redemption, &context.keys, &context.store, context.now) {
        Ok(grant) => {
            let (root, subject) = (grant.root.clone(), grant.principal.subject.clone());
            let tokens = open(context, grant, client.client(), true)?;
            // Whoever signs out at this very moment may have looked for sessions before this one was there.
            match has_signed_out_since(context.now, &subject, &context.keys, &context.store) {
                Ok(false) => Ok(tokens),
                Ok(true) => {
                    context.sessions().end(&root)?;
                    Err(CodeRejection::SignedOut.into())
                }
                Err(error) => Err(CodeRejection::from(error).into()),
            }
        }
        Err(CodeRejection::Replayed(root)) => {
            context.log.begun(ACTION, Some(client.client().client_id.as_str()), None);
            context.sessions().end(&root)?;
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
) -> Result<Tokens, TokenRejection> {
    let client_id = &client.client().client_id;
    let request = RefreshRequest { refresh_token: refresh_token.expose(), client_id, resource, scopes };
    // Whose session it is, only the token says.
    context.log.begun(ACTION, Some(client_id.as_str()), None);
    Ok(sessions::refresh(&request, &context.configuration, &context.keys, &context.log)?)
}

/// Takes the word of the user's identity provider (ID-JAG).
fn accept(
    context: &Context,
    client: &AuthenticatedClient,
    assertion: &SecretString,
    request: &AssertionRequest<'_>,
) -> Result<Tokens, TokenRejection> {
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
fn open(context: &Context, grant: Grant, client: &Client, listed: bool) -> Result<Tokens, TokenRejection> {
    let (principal, resource) = (&grant.principal, grant.principal.resource.clone());
    context.log.begun(ACTION, Some(principal.client_id.as_str()), Some(principal.subject.as_str()));
    let opening = Opening {
        principal: grant.principal,
        client_name: client.client_name.clone(),
        browser: grant.browser,
        provider_tokens: grant.provider_tokens,
        access_tokens: sessions::access_tokens_at(&context.configuration, &resource),
        refreshable: grant.refreshable,
        listed,
    };
    Ok(context.sessions().open(&grant.root, opening, &mut SystemEntropy)?)
}

fn to_answer(tokens: &Tokens) -> TokenAnswer {
    TokenAnswer {
        access_token: tokens.access_token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: tokens.expires_in,
        refresh_token: tokens.refresh_token.as_ref().map(SecretString::expose).map(str::to_owned),
        scope: tokens.scopes.to_string(),
    }
}
