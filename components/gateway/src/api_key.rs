//! Whose an API key is.

use gatehouse_api_keys::{ApiKey, digest};
use gatehouse_audit_log::CredentialKind;
use gatehouse_configuration::{ApiKeys, ConfiguredKey};
use gatehouse_gateway::{Caller as Identity, Endpoint, Refusal};
use gatehouse_protocol::{Actors, Claims, ClientId, Scopes, SecretString, Subject};
use gatehouse_rate_limit::failures::{self, Failed};
use http::Method;
use shell_http::now;
use shell_store::HostStore;

use crate::bindings::gatehouse::auth::api_keys::{self, Rejection};
use crate::caller::Caller;

/// Whoever has this key at the endpoint's route. A text that has not the form of a key is refused without a question to the
/// store; a wrong key is counted.
///
/// # Errors
/// Where it is none, or cannot be validated or counted.
pub(crate) fn caller(key: &SecretString, endpoint: &Endpoint<'_>, method: &Method) -> Result<Caller, Refusal> {
    let Some(keys) = &endpoint.route.api_keys else { return Err(Refusal::InvalidApiKey("not taken at this route")) };
    let found = match ApiKey::parse(key.expose()) {
        None => return Err(Refusal::InvalidApiKey("malformed")),
        // There is no question to the store in which it could be asked what is under way.
        Some(ApiKey::Configured) => configured(key, keys).map(|identity| Caller::of_key(identity, None, endpoint)),
        Some(ApiKey::Issued(_)) => issued(key, keys, endpoint, method),
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

fn configured(key: &SecretString, keys: &ApiKeys) -> Result<Identity, Refusal> {
    let digest = digest(key.expose());
    // Every one is compared, and each in constant time.
    let found = keys.keys.iter().fold(None, |found, known| if known.sha256 == digest { Some(known) } else { found });
    let ConfiguredKey { label, expires, scopes, .. } = found.ok_or(Refusal::InvalidApiKey("not one of this route"))?;
    match expires {
        Some(expires) if now() >= *expires => Err(Refusal::InvalidApiKey("expired")),
        Some(_) | None => named(label, scopes),
    }
}

fn issued(key: &SecretString, keys: &ApiKeys, endpoint: &Endpoint<'_>, method: &Method) -> Result<Caller, Refusal> {
    let pool = keys.session_pool.as_ref().ok_or(Refusal::InvalidApiKey("not one of this route"))?;
    let identity = named(&pool.name, &keys.scopes)?;
    let calls_of = (method == Method::POST).then_some(identity.subject.as_str());
    let validated = api_keys::validate(key.expose(), endpoint.path(), pool.validation_seconds, calls_of);
    let calls_are_full = validated.map_err(|rejection| match rejection {
        Rejection::Unrecognised => Refusal::InvalidApiKey("not one of this route"),
        Rejection::Ended => Refusal::InvalidApiKey("replaced by another one"),
        Rejection::Unavailable(reason) => Refusal::Unavailable(format!("the API key cannot be validated: {reason}")),
    })?;
    Ok(Caller::of_key(identity, Some(calls_are_full), endpoint))
}

fn named(label: &str, scopes: &Scopes) -> Result<Identity, Refusal> {
    let unusable = || Refusal::Unavailable("a caller cannot be called like the label of the API key".to_owned());
    // It is a client of no authorization server, and has the name of none.
    let subject = Subject::of_key(label).map_err(|_| unusable())?;
    Ok(Identity {
        client_id: ClientId::parse(subject.as_str()).map_err(|_| unusable())?,
        subject,
        credential: CredentialKind::ApiKey,
        scopes: scopes.clone(),
        claims: Claims::default(),
        actors: Actors::default(),
    })
}
