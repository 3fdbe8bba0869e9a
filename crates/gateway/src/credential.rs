//! What a request shows to say who makes it.

use gatehouse_protocol::SecretString;
use http::HeaderMap;

use crate::{Endpoint, NoBearer, Refusal, api_key, bearer};

/// What a request shows, before anybody has looked whose it is. The log has a word for what it turned out to be
/// ([`gatehouse_audit_log::CredentialKind`]).
#[derive(Debug)]
pub enum Credential {
    /// A bearer token, to be validated by whoever issued it.
    Token(SecretString),
    /// A key of the route.
    ApiKey(SecretString),
}

impl Credential {
    /// What a request with these headers shows at the endpoint.
    ///
    /// # Errors
    /// Where it shows nothing that counts there.
    pub(crate) fn of(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> Result<Self, Refusal> {
        if let Some(keys) = &endpoint.route.api_keys
            && let Some(key) = api_key::of(headers, &keys.header, endpoint).map_err(Refusal::NoApiKey)?
        {
            return Ok(Self::ApiKey(key));
        }
        bearer::token(headers).map(Self::Token).map_err(|missing| {
            let is_misplaced = missing == NoBearer::Missing && api_key::is_misplaced(headers, endpoint);
            Refusal::NoBearer(if is_misplaced { NoBearer::KeyInstead } else { missing })
        })
    }
}
