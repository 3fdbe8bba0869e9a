//! Access tokens of other issuers.

use gatehouse_configuration::TokenPresentation;
use gatehouse_openid::{ExternalPrincipal, Presented};
use gatehouse_protocol::ResourceUri;
use gatehouse_sealed_storage::kept_by_token::{Kept, KeptByToken};
use gatehouse_sealed_storage::sealing::KeyRing;
use provider_client::{Asker, IssuerClient};
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;

use crate::bindings::exports::gatehouse::auth::sessions::{OtherIssuers, Rejection};

/// Who bears `token`, which was presented at `resource`: as it is kept, or as its issuer says now.
pub(super) fn validate(
    token: &str,
    resource: &ResourceUri,
    others: OtherIssuers,
    keys: &KeyRing,
) -> Result<ExternalPrincipal, Rejection> {
    let OtherIssuers { path, fingerprint, header, scheme, address, own_tokens: _ } = others;
    let context = [resource.as_str(), &fingerprint, &header, &scheme];
    let kept = KeptByToken { store: &HostStore, keys, now: now() };
    let found = kept.get(&context, token).map_err(unavailable)?;
    if let Kept::Counts(bytes) = &found
        && let Some(principal) = ExternalPrincipal::from_kept(bytes, kept.now)
    {
        return Ok(principal);
    }
    let was_active = found == Kept::IsOver;
    let configuration = shell_configuration::authorization_server().map_err(unavailable)?;
    let route = configuration.token_routes.iter().find(|route| route.path == path && route.fingerprint == fingerprint);
    let route = route.ok_or_else(|| unavailable("the route's tokens are not those of the gateway"))?;
    let presentation = TokenPresentation { header: header.clone(), scheme: scheme.clone() };
    let presented = Presented::choose(token, &presentation, route, &configuration.token_issuers)
        .map_err(|rejection| Rejection::NotAccepted(rejection.to_string()))?;
    let client = IssuerClient::new(&configuration, keys, kept.now);
    let asker = Asker { address: address.as_deref(), was_active };
    let verified = match client.verify(token, &presented, asker) {
        Ok(verified) => verified,
        Err(failure) => {
            let Some(rejection) = failure.rejection() else { return Err(unavailable(failure)) };
            // From now on it is as any that the issuer does not know.
            if was_active && matches!(presented, Presented::Opaque { .. }) {
                kept.forget(&context, token).map_err(unavailable)?;
            }
            return Err(Rejection::NotAccepted(rejection.to_string()));
        }
    };
    // That it was active is noted once, also of a token of which nothing is kept.
    if verified.keep_until > kept.now || !was_active {
        let bytes = verified.principal.to_kept().ok_or_else(|| unavailable("a principal cannot be written"))?;
        kept.put(&context, token, &bytes, verified.keep_until, &mut SystemEntropy).map_err(unavailable)?;
    }
    Ok(verified.principal)
}

fn unavailable(reason: impl core::fmt::Display) -> Rejection {
    Rejection::Unavailable(reason.to_string())
}
