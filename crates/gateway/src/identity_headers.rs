//! The headers that tell an MCP server who calls.

use gatehouse_configuration::{IdentityClaim, IdentityHeaders};
use gatehouse_protocol::SecretString;
use http::{HeaderName, HeaderValue};

use crate::client_principal::ClientPrincipal;
use crate::{Caller, Refusal};

/// The headers in which a server that wants `wanted` is told of the caller, whose token is for `resource`. `sign` makes an assertion for an
/// audience; it is asked last, and only where the server gets one.
///
/// What is not known of the caller is in no header: a machine has no tenant. An empty list is told as such.
///
/// # Errors
/// [`Refusal::IdentityTooLarge`] where the values have more bytes than the server should get: nothing is cut off.
/// [`Refusal::Unavailable`] where a value cannot stand in a header, or the reason of `sign`.
pub fn identity_headers(
    caller: &Caller,
    resource: &str,
    wanted: &IdentityHeaders,
    sign: impl FnOnce(&str) -> Result<SecretString, Refusal>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let mut headers = Headers { told: Vec::new(), room: wanted.bytes };
    if wanted.app_service {
        let principal = ClientPrincipal::of(caller, wanted.names);
        let unwritable = || Refusal::Unavailable("the caller cannot be written as JSON".to_owned());
        let encoded = principal.encoded().ok_or_else(unwritable)?;
        let texts = [encoded.as_str(), principal.id(), principal.name(), principal.provider()];
        for (name, text) in IdentityHeaders::APP_SERVICE.iter().zip(texts) {
            headers.tell(name, Some(text))?;
        }
    }
    for (name, claim) in &wanted.claims {
        headers.tell(name, text(caller, resource, *claim).as_deref())?;
    }
    if let Some(assertion) = &wanted.assertion {
        headers.tell(&assertion.header, Some(sign(&assertion.audience)?.expose()))?;
    }
    Ok(headers.told)
}

struct Headers {
    told: Vec<(HeaderName, HeaderValue)>,
    /// How many bytes more there may be.
    room: usize,
}

impl Headers {
    fn tell(&mut self, name: &HeaderName, text: Option<&str>) -> Result<(), Refusal> {
        let Some(text) = text else { return Ok(()) };
        self.room = self.room.checked_sub(text.len()).ok_or(Refusal::IdentityTooLarge)?;
        // In UTF-8: names have letters of all languages.
        let mut value = HeaderValue::from_bytes(text.as_bytes())
            .map_err(|_| Refusal::Unavailable(format!("the value for the header {name} holds a control character")))?;
        value.set_sensitive(true);
        self.told.push((name.clone(), value));
        Ok(())
    }
}

/// What a header of its own says of the caller.
fn text(caller: &Caller, resource: &str, claim: IdentityClaim) -> Option<String> {
    let claims = &caller.claims;
    let names = claims.names.as_deref();
    match claim {
        IdentityClaim::Subject => Some(caller.subject.as_str().to_owned()),
        IdentityClaim::Provider => Some(caller.subject.provider().to_owned()),
        IdentityClaim::ClientId => Some(caller.client_id.as_str().to_owned()),
        IdentityClaim::Resource => Some(resource.to_owned()),
        // No scope holds a space (RFC 6749, section 3.3).
        IdentityClaim::Scopes => Some(caller.scopes.to_string()),
        IdentityClaim::Tenant => claims.tenant.clone(),
        IdentityClaim::Groups => Some(list(&claims.groups)),
        IdentityClaim::Roles => Some(list(&claims.roles)),
        IdentityClaim::Name => names.and_then(|names| names.name.clone()),
        IdentityClaim::PreferredUsername => names.and_then(|names| names.preferred_username.clone()),
        IdentityClaim::Email => names.and_then(|names| names.email.clone()),
    }
}

/// A JSON array in ASCII. Names of groups may hold commas, which would end them in a list of another kind.
fn list(values: &[String]) -> String {
    let json = serde_json::Value::from(values).to_string();
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests;
