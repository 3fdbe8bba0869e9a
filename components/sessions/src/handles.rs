//! `gatehouse:auth/handles`.

use gatehouse_sessions::{bind_handle, open_handle};
use shell_http::SystemEntropy;

use crate::SessionsComponent;
use crate::bindings::exports::gatehouse::auth::handles::{Guest, Principal, Rejection};
use crate::translate;

impl Guest for SessionsComponent {
    fn bind(owner: Principal, handle: String) -> Result<String, Rejection> {
        let keys = shell_settings::server_keys().map_err(|error| Rejection::Unavailable(error.to_string()))?;
        let owner = translate::principal(owner).map_err(|_| Rejection::Unrecognised)?;
        bind_handle(&owner, &handle, &keys, &mut SystemEntropy)
            .map_err(|error| Rejection::Unavailable(error.to_string()))
    }

    fn open(owner: Principal, bound: String) -> Result<String, Rejection> {
        let keys = shell_settings::server_keys().map_err(|error| Rejection::Unavailable(error.to_string()))?;
        let owner = translate::principal(owner).map_err(|_| Rejection::Unrecognised)?;
        open_handle(&owner, &bound, &keys).map(|handle| handle.expose().to_owned()).map_err(|_| Rejection::Unrecognised)
    }
}
