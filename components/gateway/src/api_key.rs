//! Whose an API key is.

use gatehouse_api_keys::{ApiKey, digest};
use gatehouse_audit_log::CredentialKind;
use gatehouse_configuration::{ApiKeys, ConfiguredKey};
use gatehouse_gateway::{Caller, Endpoint, Refusal};
use gatehouse_protocol::{Actors, Claims, ClientId, Scopes, SecretString, Subject};
use gatehouse_rate_limit::failures::{self, Failed};
use shell_http::now;
use shell_store::HostStore;

use crate::bindings::gatehouse::auth::api_keys::{self, Rejection};

/// Whoever has this key at the endpoint's route. A text that has not the form of a key is refused without a question to the
/// store; a wrong key is counted.
///
/// # Errors
/// Where it is none, or cannot be validated or counted.
pub(crate) fn caller(key: &SecretString, endpoint: &Endpoint<'_>) -> Result<Caller, Refusal> {
    let Some(keys) = &endpoint.route.api_keys else { return Err(Refusal::InvalidApiKey("not taken at this route")) };
    let found = match ApiKey::parse(key.expose()) {
        None => return Err(Refusal::InvalidApiKey("malformed")),
        Some(ApiKey::Configured) => configured(key, keys),
        Some(ApiKey::Issued(_)) => issued(key, keys, endpoint.path()),
    };
    match found {
        Ok(caller) => Ok(caller),
        Err(Refusal::InvalidApiKey(reason)) => {
            let (route, most) = (endpoint.path(), keys.failures_per_minute);
            let over = failures::count(&HostStore, now(), route, Failed::ApiKey, most)
                .map_err(|error| Refusal::Unavailable(format!("a wrong API key cannot be counted: {error}")))?;
            Err(match over {
                Some(retry_after) => Refusal::TooManyWrongApiKeys { retry_after },
                None => Refusal::InvalidApiKey(reason),
            })
        }
        Err(refusal) => Err(refusal),
    }
}

fn configured(key: &SecretString, keys: &ApiKeys) -> Result<Caller, Refusal> {
    let digest = digest(key.expose());
    // Every one is compared, and each in constant time.
    let found = keys.keys.iter().fold(None, |found, known| if known.sha256 == digest { Some(known) } else { found });
    let ConfiguredKey { label, expires, scopes, .. } = found.ok_or(Refusal::InvalidApiKey("not one of this route"))?;
    match expires {
        Some(expires) if now() >= *expires => Err(Refusal::InvalidApiKey("expired")),
        Some(_) | None => named(label, scopes),
    }
}

fn issued(key: &SecretString, keys: &ApiKeys, route: &str) -> Result<Caller, Refusal> {
    let pool = keys.session_pool.as_ref().ok_or(Refusal::InvalidApiKey("not one of this route"))?;
    api_keys::validate(key.expose(), route, pool.validation_seconds).map_err(|rejection| match rejection {
        Rejection::Unrecognised => Refusal::InvalidApiKey("not one of this route"),
        Rejection::Ended => Refusal::InvalidApiKey("replaced by another one"),
        Rejection::Unavailable(reason) => Refusal::Unavailable(format!("the API key cannot be validated: {reason}")),
    })?;
    named(&pool.name, &keys.scopes)
}

fn named(label: &str, scopes: &Scopes) -> Result<Caller, Refusal> {
    let unusable = || Refusal::Unavailable("a caller cannot be called like the label of the API key".to_owned());
    Ok(Caller {
        subject: Subject::of_key(label).map_err(|_| unusable())?,
        client_id: ClientId::parse(label).map_err(|_| unusable())?,
        credential: CredentialKind::ApiKey,
        scopes: scopes.clone(),
        claims: Claims::default(),
        actors: Actors::default(),
    })
}
