//! What a request shows to say who makes it.

use gatehouse_protocol::SecretString;
use http::HeaderMap;

use crate::{Endpoint, NoBearer, bearer};

/// What a request shows, before anybody has looked whose it is. The log has a word for what it turned out to be
/// ([`gatehouse_audit_log::CredentialKind`]).
#[derive(Debug)]
pub enum Credential {
    /// A bearer token, to be validated by whoever issued it.
    Token(SecretString),
}

impl Credential {
    /// What a request with these headers shows at the endpoint.
    ///
    /// # Errors
    /// Where it shows nothing that counts there.
    pub(crate) fn of(headers: &HeaderMap, _endpoint: &Endpoint<'_>) -> Result<Self, NoBearer> {
        bearer::token(headers).map(Self::Token)
    }
}
