//! `gatehouse:auth/sessions`: what the gateway asks about a token.

use std::borrow::Cow;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::ResourceUri;
use gatehouse_rate_limit::long_requests::calls_full_note;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{Rejection, ValidationRequest};
use shell_configuration::SettingsError;

use super::{external, provider_tokens, translate, with_keys};
use crate::AuthorizationServer;
use crate::bindings::exports::gatehouse::auth::sessions::{
    Guest, OtherIssuers, ProviderToken as WitProviderToken, Rejection as WitRejection, RequestIds, Revocation,
    Validated as WitValidated,
};
use crate::log::RequestLog;

impl Guest for AuthorizationServer {
    fn validate(
        access_token: String,
        resource: String,
        revocation: Revocation,
        calls_at: Option<String>,
        others: Option<OtherIssuers>,
    ) -> Result<WitValidated, WitRejection> {
        let without_record = match revocation {
            Revocation::Immediate => false,
            Revocation::AtExpiry => true,
        };
        let resource = presented_at(&resource).map_err(translate::rejection)?;
        let keys = keys().map_err(translate::rejection)?;
        // No token of ours has a dot, and every signed token of others has two.
        let may_be_own = others.as_ref().is_none_or(|others| others.own_tokens && !access_token.contains('.'));
        let validated = may_be_own.then(|| {
            let sessions = with_keys(keys);
            let request = ValidationRequest { access_token: &access_token, resource: &resource, without_record };
            sessions.validate(&request, |subject| {
                let note = |path: String| calls_full_note(sessions.now, &path, subject.as_str());
                Ok(calls_at.map(note).transpose()?)
            })
        });
        match (validated, others) {
            (Some(Ok(validated)), _) => Ok(translate::validated(validated)),
            (None | Some(Err(Rejection::Unrecognised)), Some(others)) => {
                external::validate(&access_token, &resource, others, keys)
                    .map(|principal| translate::external(principal, &resource))
            }
            (Some(Err(rejection)), _) => Err(translate::rejection(rejection)),
            (None, None) => Err(WitRejection::Unrecognised),
        }
    }

    fn identity_provider_token(
        access_token: String,
        resource: String,
        ids: RequestIds,
    ) -> Result<WitProviderToken, WitRejection> {
        let log = RequestLog::on_behalf_of(&ids.request_id, ids.trace_id.as_deref());
        let token = keys().and_then(|keys| {
            let resource = presented_at(&resource)?;
            let grant = with_keys(keys).provider_grant(&access_token, &resource)?;
            provider_tokens::access_token(&grant, &resource, configuration, &log)
        });
        token.map(translate::provider_token).map_err(translate::rejection)
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
