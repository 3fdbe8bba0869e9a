//! The identity provider's access token, refreshed where it must be.

use std::borrow::Cow;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{ResourceUri, SecretString};
use gatehouse_sessions::{ProviderGrant, ProviderTokenState, RefreshClaim, Rejection};
use shell_configuration::SettingsError;
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;

use super::provider::{self, Failure};
use crate::awaited::awaited;
use crate::log::RequestLog;

/// What the log calls it.
pub(super) const PROVIDER_REFRESH: &str = "identity-provider-refresh";

/// The identity provider's access token of a session.
pub(crate) enum ProviderToken {
    /// It can be used.
    Usable(SecretString),
    /// It has ended, and cannot be refreshed.
    Ended,
    /// Nobody has signed in there for the session.
    NeverGiven,
}

/// That of a session at `resource`.
///
/// # Errors
/// [`Rejection::Revoked`] where the provider refused, which ends the session; [`Rejection::Unavailable`] where it or the
/// store does not answer.
pub(super) fn access_token<'a>(
    grant: &ProviderGrant,
    resource: &ResourceUri,
    configuration: impl Fn() -> Result<Cow<'a, Configuration>, SettingsError>,
    log: &RequestLog,
) -> Result<ProviderToken, Rejection> {
    let found = awaited(|| {
        let due = match grant.state(&HostStore, now())? {
            ProviderTokenState::Fresh(token) => return Ok(Some(ProviderToken::Usable(token))),
            ProviderTokenState::Ended => return Ok(Some(ProviderToken::Ended)),
            ProviderTokenState::NeverGiven => return Ok(Some(ProviderToken::NeverGiven)),
            ProviderTokenState::Due(due) => due,
        };
        let lease = match grant.claim_refresh(due, &HostStore, now(), &mut SystemEntropy)? {
            RefreshClaim::Lease(lease) => lease,
            RefreshClaim::Wait => return Ok(None),
        };
        match provider::refresh(&grant.subject, resource, lease.refresh_token(), &configuration) {
            Ok(tokens) => {
                let token = lease.complete(tokens, &HostStore, now(), &mut SystemEntropy)?;
                Ok(Some(ProviderToken::Usable(token)))
            }
            Err(Failure::SignInAgain(reason)) => {
                log.refused_to(PROVIDER_REFRESH, &grant.subject, &reason);
                lease.sign_in_again(&HostStore)?;
                Ok(None)
            }
            Err(Failure::Unjudged(tokens, reason)) => {
                lease.complete(*tokens, &HostStore, now(), &mut SystemEntropy)?;
                Err(Rejection::Unavailable(reason))
            }
            Err(Failure::Unavailable(reason)) => {
                lease.give_up(&HostStore, now(), &mut SystemEntropy)?;
                Err(Rejection::Unavailable(reason))
            }
        }
    })?;
    found.ok_or_else(|| {
        Rejection::Unavailable("the identity provider's tokens are being refreshed, and it takes too long".to_owned())
    })
}
