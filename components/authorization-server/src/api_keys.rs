//! `gatehouse:auth/api-keys`: what the gateway asks about a key.

use gatehouse_api_keys::{ApiKey, IssuedKeys, KeyRejection};
use shell_http::now;
use shell_store::HostStore;

use crate::AuthorizationServer;
use crate::bindings::exports::gatehouse::auth::api_keys::{Guest, Rejection};

impl Guest for AuthorizationServer {
    fn validate(key: String, route: String, validation_seconds: u64) -> Result<(), Rejection> {
        let keys = shell_configuration::server_keys().map_err(|error| Rejection::Unavailable(error.to_string()))?;
        let Some(ApiKey::Issued(key)) = ApiKey::parse(&key) else { return Err(Rejection::Unrecognised) };
        let issued = IssuedKeys { store: &HostStore, keys, route: &route, now: now(), overlap: validation_seconds };
        issued.validate(&key).map_err(|rejection| match rejection {
            KeyRejection::Unrecognised => Rejection::Unrecognised,
            KeyRejection::Ended => Rejection::Ended,
            KeyRejection::Unavailable(error) => Rejection::Unavailable(error.to_string()),
        })
    }
}
