//! The sessions: for the endpoints of this component and, by `gatehouse:auth`, for the gateway.

mod assertions;
mod export;
mod external;
mod handles;
mod provider;
mod provider_tokens;
mod translate;

use std::borrow::Cow;

use gatehouse_authorization_server::browser_sign_in;
use gatehouse_configuration::Revocation;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::TokenResponse;
use gatehouse_protocol::{ResourceUri, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{AccessTokenTerms, ProviderTokens, RefreshRequest, Rejection, Sessions, Tokens};
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;

pub(crate) use self::provider_tokens::ProviderToken;
use crate::log::RequestLog;

const NO_PROVIDER_TOKEN: &str = "the identity provider's access token has ended, it gave no refresh token, and a server of the route \
                                 needs one; ask for refresh tokens there (mostly the scope offline_access)";

/// The sessions in the host's store, at this moment.
pub(crate) fn with_keys(keys: &KeyRing) -> Sessions<'_, HostStore> {
    Sessions { store: &HostStore, keys, now: now() }
}

/// The identity provider's tokens of a session that begins with this sign-in.
pub(crate) fn provider_tokens_of(tokens: TokenResponse, now: UnixTime) -> ProviderTokens {
    ProviderTokens {
        access_token: Some(tokens.access_token),
        refresh_token: tokens.refresh_token,
        expires_at: tokens.expires_in.map(|seconds| now.plus(seconds)),
    }
}

/// How access tokens for this resource are issued.
pub(crate) fn access_tokens_at(configuration: &Configuration, resource: &ResourceUri) -> AccessTokenTerms {
    if browser_sign_in::is_browser_resource(resource, configuration) {
        return browser_sign_in::terms(configuration);
    }
    let revocation = configuration.route_of(resource).map(|route| route.revocation);
    AccessTokenTerms {
        lifetime: configuration.lifetimes.access_token,
        self_contained: revocation == Some(Revocation::AtExpiry),
    }
}

/// The identity provider's access token of the session.
///
/// # Errors
/// See [`Rejection`].
pub(crate) fn identity_provider_token(
    access_token: &SecretString,
    resource: &ResourceUri,
    configuration: &Configuration,
    log: &RequestLog,
) -> Result<ProviderToken, Rejection> {
    let keys = shell_configuration::server_keys().map_err(|error| Rejection::Unavailable(error.to_string()))?;
    let grant = with_keys(keys).provider_grant(access_token.expose(), resource)?;
    provider_tokens::access_token(&grant, resource, || Ok(Cow::Borrowed(configuration)), log)
}

/// Redeems a refresh token. Before that, the identity provider is asked for new tokens where its access token is due: whom it
/// no longer knows goes no further, and while it does not answer, the client keeps the refresh token that it has. Where
/// nothing at the route works without the provider's token and there is none left, only a new sign-in brings one: the session is over.
///
/// # Errors
/// See [`Rejection`].
pub(crate) fn refresh(
    request: &RefreshRequest<'_>,
    configuration: &Configuration,
    keys: &KeyRing,
    log: &RequestLog,
) -> Result<Tokens, Rejection> {
    if let Some((grant, resource)) = with_keys(keys).provider_grant_at_refresh(request)? {
        let token = provider_tokens::access_token(&grant, &resource, || Ok(Cow::Borrowed(configuration)), log)?;
        let is_needed = configuration.route_of(&resource).is_some_and(|route| route.needs_identity_provider_token);
        if is_needed && !matches!(token, ProviderToken::Usable(_)) {
            log.refused_to(provider_tokens::PROVIDER_REFRESH, &grant.subject, NO_PROVIDER_TOKEN);
            grant.end_session(&HostStore)?;
            return Err(Rejection::Revoked);
        }
    }
    // At a time of its own: the provider may have taken a while.
    with_keys(keys).refresh(request, |resource| access_tokens_at(configuration, resource), &mut SystemEntropy)
}
