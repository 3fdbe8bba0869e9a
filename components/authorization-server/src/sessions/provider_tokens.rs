//! The identity provider's access token, refreshed where it must be.

use std::borrow::Cow;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{ResourceUri, SecretString};
use gatehouse_sessions::{ProviderGrant, ProviderTokenState, RefreshClaim, Rejection};
use shell_configuration::SettingsError;
use shell_http::{SystemEntropy, now, wait};
use shell_store::HostStore;

use super::provider::{self, Failure};
use crate::log::RequestLog;

/// What the log calls it.
pub(super) const PROVIDER_REFRESH: &str = "identity-provider-refresh";
/// Between two looks at a refresh that somebody else does.
const POLL_MILLISECONDS: u64 = 50;
/// 25 seconds: less than clients wait, and than a lease lasts.
const POLLS: u32 = 500;

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
    for _ in 0..POLLS {
        let due = match grant.state(&HostStore, now())? {
            ProviderTokenState::Fresh(token) => return Ok(ProviderToken::Usable(token)),
            ProviderTokenState::Ended => return Ok(ProviderToken::Ended),
            ProviderTokenState::NeverGiven => return Ok(ProviderToken::NeverGiven),
            ProviderTokenState::Due(due) => due,
        };
        let lease = match grant.claim_refresh(due, &HostStore, now(), &mut SystemEntropy)? {
            RefreshClaim::Lease(lease) => lease,
            RefreshClaim::Wait => {
                wait(POLL_MILLISECONDS);
                continue;
            }
        };
        match provider::refresh(&grant.subject, resource, lease.refresh_token(), &configuration) {
            Ok(tokens) => {
                return lease.complete(tokens, &HostStore, now(), &mut SystemEntropy).map(ProviderToken::Usable);
            }
            Err(Failure::SignInAgain(reason)) => {
                log.refused_to(PROVIDER_REFRESH, &grant.subject, &reason);
                lease.sign_in_again(&HostStore)?;
            }
            Err(Failure::Unjudged(tokens, reason)) => {
                lease.complete(*tokens, &HostStore, now(), &mut SystemEntropy)?;
                return Err(Rejection::Unavailable(reason));
            }
            Err(Failure::Unavailable(reason)) => {
                lease.give_up(&HostStore, now(), &mut SystemEntropy)?;
                return Err(Rejection::Unavailable(reason));
            }
        }
    }
    Err(Rejection::Unavailable("the identity provider's tokens are being refreshed, and it takes too long".to_owned()))
}
