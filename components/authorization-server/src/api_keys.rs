//! `gatehouse:auth/api-keys`: what the gateway asks about a key.

use gatehouse_api_keys::{ApiKey, IssuedKeys, KeyRejection};
use gatehouse_rate_limit::long_requests::calls_full_note;
use shell_http::now;
use shell_store::HostStore;

use crate::AuthorizationServer;
use crate::bindings::exports::gatehouse::auth::api_keys::{Guest, Rejection};

impl Guest for AuthorizationServer {
    fn validate(
        key: String,
        route: String,
        validation_seconds: u64,
        calls_of: Option<String>,
    ) -> Result<bool, Rejection> {
        let keys = shell_configuration::server_keys().map_err(|error| Rejection::Unavailable(error.to_string()))?;
        let Some(ApiKey::Issued(key)) = ApiKey::parse(&key) else { return Err(Rejection::Unrecognised) };
        let now = now();
        let issued = IssuedKeys { store: &HostStore, keys, route: &route, now, overlap: validation_seconds };
        let note = calls_of.map(|subject| calls_full_note(now, &route, &subject)).transpose();
        let note = note.map_err(|error| Rejection::Unavailable(error.to_string()))?;
        issued.validate(&key, note.as_ref()).map_err(|rejection| match rejection {
            KeyRejection::Unrecognised => Rejection::Unrecognised,
            KeyRejection::Ended => Rejection::Ended,
            KeyRejection::Unavailable(error) => Rejection::Unavailable(error.to_string()),
        })
    }
}
