//! `gatehouse:auth/handles`.

use gatehouse_protocol::{ResourceUri, Subject};
use gatehouse_sealed_storage::sealing::HandleKeys;
use shell_configuration::server_keys;

use crate::AuthorizationServer;
use crate::bindings::exports::gatehouse::auth::handles::Guest;

impl Guest for AuthorizationServer {
    fn keys(subject: String, resource: String) -> Result<String, String> {
        let server_keys = server_keys().map_err(|error| error.to_string())?;
        let subject = Subject::parse(&subject).map_err(|_| "the owner of a handle is not a subject")?;
        let resource = ResourceUri::parse(&resource).map_err(|_| "the place of a handle is not a resource")?;
        Ok(HandleKeys::derive(server_keys, &subject, &resource).expose().expose().to_owned())
    }
}
