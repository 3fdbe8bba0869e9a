//! `gatehouse:auth/sessions`: what the gateway asks about a token.

use std::borrow::Cow;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{ResourceUri, SecretString};
use gatehouse_rate_limit::long_requests::calls_full_note;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{Rejection, ValidationRequest};
use shell_configuration::SettingsError;

use super::{provider_tokens, translate, with_keys};
use crate::AuthorizationServer;
use crate::bindings::exports::gatehouse::auth::sessions::{
    Guest, Rejection as WitRejection, RequestIds, Revocation, Validated as WitValidated,
};
use crate::log::RequestLog;

impl Guest for AuthorizationServer {
    fn validate(
        access_token: String,
        resource: String,
        revocation: Revocation,
        calls_at: Option<String>,
    ) -> Result<WitValidated, WitRejection> {
        let without_record = match revocation {
            Revocation::Immediate => false,
            Revocation::AtExpiry => true,
        };
        let validated = keys().and_then(|keys| {
            let (sessions, resource) = (with_keys(keys), presented_at(&resource)?);
            let request = ValidationRequest { access_token: &access_token, resource: &resource, without_record };
            sessions.validate(&request, |subject| {
                let note = |path: String| calls_full_note(sessions.now, &path, subject.as_str());
                Ok(calls_at.map(note).transpose()?)
            })
        });
        validated.map(translate::validated).map_err(translate::rejection)
    }

    fn identity_provider_token(
        access_token: String,
        resource: String,
        ids: RequestIds,
    ) -> Result<Option<String>, WitRejection> {
        let log = RequestLog::on_behalf_of(&ids.request_id, ids.trace_id.as_deref());
        let token = keys().and_then(|keys| {
            let resource = presented_at(&resource)?;
            let grant = with_keys(keys).provider_grant(&access_token, &resource)?;
            provider_tokens::access_token(&grant, &resource, configuration, &log)
        });
        token.map(|token| token.as_ref().map(SecretString::expose).map(str::to_owned)).map_err(translate::rejection)
    }
}

/// Read where the identity provider must be asked, and nowhere else.
fn configuration() -> Result<Cow<'static, Configuration>, SettingsError> {
    shell_configuration::authorization_server().map(Cow::Owned)
}

fn keys() -> Result<&'static KeyRing, Rejection> {
    shell_configuration::server_keys().map_err(|error| Rejection::Unavailable(error.to_string()))
}

fn presented_at(resource: &str) -> Result<ResourceUri, Rejection> {
    ResourceUri::parse(resource).map_err(|_| Rejection::Unrecognised)
}
