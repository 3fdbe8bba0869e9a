//! The conversation with the identity provider: a refresh token becomes new tokens (OpenID Connect Core 1.0, section 12).

use core::fmt;
use std::borrow::Cow;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{ResourceUri, SecretString, Subject};
use gatehouse_sessions::RefreshedTokens;
use provider_client::{ProviderClient, RefreshFailure, Refreshed};
use shell_configuration::SettingsError;
use shell_http::now;

/// Why there are no new tokens that can be used. The texts are for the log.
pub(super) enum Failure {
    /// The provider takes the refresh token no more, or its user may no longer come in.
    SignInAgain(String),
    /// The provider did not answer, or cannot be asked.
    Unavailable(String),
    /// There are new tokens, and it is not known whether the user may still come in. They count as expired, so that it is
    /// asked again before they are used; the refresh token from before is spent.
    Unjudged(Box<RefreshedTokens>, String),
}

/// Asks the provider of `subject`, who has a session at `resource`, for new tokens, with the scopes of the sign-in, and whether the user may still come in.
pub(super) fn refresh<'a>(
    subject: &Subject,
    resource: &ResourceUri,
    refresh_token: &SecretString,
    configuration: impl Fn() -> Result<Cow<'a, Configuration>, SettingsError>,
) -> Result<RefreshedTokens, Failure> {
    let configuration = configuration().map_err(unavailable)?;
    let keys = shell_configuration::server_keys().map_err(unavailable)?;
    let provider = configuration
        .identity_provider(subject.provider())
        .ok_or_else(|| unavailable("the session's identity provider is no longer configured"))?;
    let Refreshed { tokens, verdict } = ProviderClient::new(provider, &configuration, keys, now())
        .refresh(refresh_token, subject)
        .map_err(Failure::of)?;
    let refreshed = |expires_at, claims| RefreshedTokens {
        access_token: tokens.access_token,
        refresh_token: Some(tokens.refresh_token),
        expires_at,
        claims,
    };
    match verdict {
        Ok(claims) => {
            let claims = claims.map(|claims| configuration.kept_claims(claims, resource));
            Ok(refreshed(tokens.expires_in.map(|seconds| now().plus(seconds)), claims))
        }
        Err(failure) if failure.ends_the_session() => Err(Failure::SignInAgain(failure.to_string())),
        Err(failure) => Err(Failure::Unjudged(Box::new(refreshed(Some(now()), None)), failure.to_string())),
    }
}

impl Failure {
    fn of(failure: RefreshFailure) -> Self {
        if failure.ends_the_session() { Self::SignInAgain(failure.to_string()) } else { unavailable(failure) }
    }
}

fn unavailable(reason: impl fmt::Display) -> Failure {
    Failure::Unavailable(reason.to_string())
}
