//! `POST /token`.

use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::code::{CodeRejection, Grant, Redemption, redeem_code};
use gatehouse_authorization_server::credentials::AuthenticatedClient;
use gatehouse_authorization_server::exchange::{
    VerifiedExchange, accepted_actors, exchangeable, grant_to_exchange, grant_to_workload,
};
use gatehouse_authorization_server::exchange_request::{ACCESS_TOKEN, ExchangedTokens};
use gatehouse_authorization_server::grant::{AssertionRequest, grant_to_asserted, grant_to_machine, may_use};
use gatehouse_authorization_server::signed_out::has_signed_out_since;
use gatehouse_authorization_server::token::{GrantRequest, TokenAnswer, TokenRejection, TokenRequest};
use gatehouse_configuration::{GrantType, RouteTokens};
use gatehouse_openid::{
    ExternalPrincipal, ExternalTokenKind, ExternalTokenRejection, IdentityAssertion, Presented, WorkloadAssertion,
};
use gatehouse_protocol::{Actor, ClientName, ParameterError, ResourceUri, Scopes, SecretString};
use gatehouse_sessions::{Opening, RefreshRequest, Tokens};
use http::{Request, Response};
use provider_client::{Asker, AssertionFailure, ExternalTokenFailure, IssuerClient, WorkloadFailure};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::log::Details;
use crate::{clients, requests, responses, sessions};

const ACTION: &str = "token";

/// Redeems what a client presents.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let media_type = requests::media_type(request.headers());
    let parsed = TokenRequest::parse(media_type.as_deref(), request.headers(), request.body());
    let credentials = parsed.as_ref().ok().and_then(|request| request.credentials.as_ref());
    let client_id = credentials.map(|credentials| credentials.client_id().to_string());
    let exchanges = parsed.as_ref().is_ok_and(|request| request.grant.grant_type() == GrantType::TokenExchange);
    match parsed.and_then(|request| tokens(context, request)) {
        Ok(tokens) => {
            context.log.completed(ACTION, Details { client_id: client_id.as_deref(), ..Details::default() });
            responses::json(200, &to_answer(&tokens, exchanges.then_some(ACCESS_TOKEN)))
        }
        Err(rejection) => clients::refused(&context.log, ACTION, client_id.as_deref(), &rejection),
    }
}

fn tokens(context: &Context, request: TokenRequest) -> Result<Tokens, TokenRejection> {
    let Some(credentials) = request.credentials else { return workload(context, request) };
    let client = clients::authenticated(context, credentials)?;
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
        GrantRequest::TokenExchange { tokens, scopes } => {
            exchange(context, &client, tokens, &AssertionRequest { resource, scopes: scopes.as_ref() })
        }
        // It has no client.
        GrantRequest::Workload { .. } => Err(TokenRejection::UnauthorizedClient),
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

/// Takes the word of a workload's platform.
fn workload(context: &Context, request: TokenRequest) -> Result<Tokens, TokenRejection> {
    let (configuration, now) = (&context.configuration, context.now);
    let (GrantRequest::Workload { assertion, scopes }, false) = (&request.grant, configuration.workloads.is_empty())
    else {
        return Err(ParameterError::Missing("client_id").into());
    };
    let assertion = WorkloadAssertion::parse(assertion.expose())?;
    let verified = IssuerClient::new(configuration, &context.keys, now).verify_workload(&assertion);
    let verified = verified.map_err(|failure| match failure {
        WorkloadFailure::Rejected(rejection) => rejection.into(),
        WorkloadFailure::Conversation(failure) => TokenRejection::Unavailable(failure.to_string()),
    })?;
    let resource = request.resource.map(|resource| configuration.audience_of(resource));
    let request = AssertionRequest { resource: resource.as_ref(), scopes: scopes.as_ref() };
    let grant = grant_to_workload(&verified, &request, configuration, now, &mut SystemEntropy)?;
    let name = ClientName::parse(grant.principal.client_id.as_str()).map_err(|_| TokenRejection::MachineSubject)?;
    open_as(context, grant, name, false)
}

/// Exchanges a token of another issuer.
fn exchange(
    context: &Context,
    client: &AuthenticatedClient,
    tokens: &ExchangedTokens,
    request: &AssertionRequest<'_>,
) -> Result<Tokens, TokenRejection> {
    let (configuration, now) = (&context.configuration, context.now);
    let accepted = exchangeable(client, tokens.subject_kind)?;
    let subject = verified(context, &tokens.subject, tokens.subject_kind, accepted, TokenRejection::SubjectToken)?;
    let actor = tokens.actor.as_ref().map(|token| {
        let accepted = accepted_actors(client);
        verified(context, token, ExternalTokenKind::Access, accepted, TokenRejection::ActorToken)
    });
    let exchange = VerifiedExchange { subject, actor: actor.transpose()? };
    let grant = grant_to_exchange(client, exchange, request, configuration, now, &mut SystemEntropy)?;
    open(context, grant, client.client(), true)
}

/// Whose token of another issuer it is, where it is one of those that are `accepted`.
fn verified(
    context: &Context,
    token: &SecretString,
    kind: ExternalTokenKind,
    accepted: &[RouteTokens],
    rejected: impl Fn(ExternalTokenRejection) -> TokenRejection,
) -> Result<ExternalPrincipal, TokenRejection> {
    let (configuration, token) = (&context.configuration, token.expose());
    let presented = Presented::choose_to_exchange(kind, token, accepted, &configuration.token_issuers);
    let presented = presented.map_err(&rejected)?;
    let address = context.client.counted_if_known();
    let asker = Asker { address: address.as_deref(), was_active: false };
    let verified = IssuerClient::new(configuration, &context.keys, context.now).verify(token, &presented, asker);
    match verified {
        Ok(verified) => Ok(verified.principal),
        Err(ExternalTokenFailure::Rejected(rejection)) if !rejection.says_nothing_of_the_token() => {
            Err(rejected(rejection))
        }
        Err(failure) => Err(TokenRejection::Unavailable(failure.to_string())),
    }
}

/// Opens the session. That of a person is `listed`: they can see it, and end it.
fn open(context: &Context, grant: Grant, client: &Client, listed: bool) -> Result<Tokens, TokenRejection> {
    open_as(context, grant, client.client_name.clone(), listed)
}

/// The same, of what is called so.
fn open_as(context: &Context, grant: Grant, client_name: ClientName, listed: bool) -> Result<Tokens, TokenRejection> {
    let (principal, resource) = (&grant.principal, grant.principal.resource.clone());
    context.log.begun_about(
        ACTION,
        Details {
            client_id: Some(principal.client_id.as_str()),
            subject: Some(principal.subject.as_str()),
            actors: &principal.actors.iter().map(Actor::to_string).collect::<Vec<_>>(),
            ..Details::default()
        },
    );
    let opening = Opening {
        principal: grant.principal,
        client_name,
        browser: grant.browser,
        provider_tokens: grant.provider_tokens,
        access_tokens: sessions::access_tokens_at(&context.configuration, &resource),
        refreshable: grant.refreshable,
        listed,
    };
    Ok(context.sessions().open(&grant.root, opening, &mut SystemEntropy)?)
}

fn to_answer(tokens: &Tokens, issued_token_type: Option<&'static str>) -> TokenAnswer {
    TokenAnswer {
        access_token: tokens.access_token.expose().to_owned(),
        issued_token_type,
        token_type: "Bearer",
        expires_in: tokens.expires_in,
        refresh_token: tokens.refresh_token.as_ref().map(SecretString::expose).map(str::to_owned),
        scope: tokens.scopes.to_string(),
    }
}
