//! `gatehouse:auth/assertions`.

use gatehouse_authorization_server::caller_assertion::{self, CallerFacts};
use shell_http::{SystemEntropy, now};

use super::translate;
use crate::AuthorizationServer;
use crate::bindings::exports::gatehouse::auth::assertions::{Assertion, Guest};

impl Guest for AuthorizationServer {
    fn sign(Assertion { caller, issuer, audience, signing_keys }: Assertion) -> Result<String, String> {
        let caller = translate::restored(caller).ok_or("the caller of an assertion is no principal")?;
        // The gateway names the setting, which it reads of the configuration: here all of it would have to be read for that.
        let keys = shell_settings::secret(&signing_keys).map_err(|error| error.to_string())?;
        let facts = CallerFacts {
            issuer: &issuer,
            audience: &audience,
            subject: &caller.subject,
            client_id: &caller.client_id,
            scopes: &caller.scopes,
            claims: &caller.claims,
            actors: &caller.actors,
        };
        let signed = caller_assertion::sign(&facts, &keys, now(), &mut SystemEntropy);
        signed.map(|token| token.expose().to_owned()).map_err(|rejection| rejection.to_string())
    }
}
