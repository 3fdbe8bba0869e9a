//! Clients that call an endpoint themselves: who they are, and what they are told where they may not.

use gatehouse_audit_log::TokenEvent;
use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::client_keys::{CLIENT_KEYS_BYTES, ClientKeysRejection, KeysUrl};
use gatehouse_authorization_server::credentials::{
    AuthenticatedClient, ClientRejection, CredentialMaterial, PresentedCredentials, RequiredMaterial,
    UnauthenticatedClient,
};
use gatehouse_authorization_server::fetches::Acquaintance;
use gatehouse_authorization_server::token::TokenRejection;
use gatehouse_jose::KeySet;
use gatehouse_sealed_storage::document_cache::DocumentCache;
use gatehouse_storage::StoreUnavailable;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use shell_http::SystemEntropy;
use shell_store::HostStore;

use crate::client_document::NotRead;
use crate::context::Context;
use crate::log::RequestLog;
use crate::{client_document, fetches, responses};

/// Seconds after which a client may come again whose document or keys cannot be had.
const RETRY_SECONDS: u64 = 20;

/// The client that the credentials name, where they are its own.
pub(crate) fn authenticated(
    context: &Context,
    credentials: PresentedCredentials,
) -> Result<AuthenticatedClient, ClientRejection> {
    let read = client_document::read_for_client(context, credentials.client_id());
    read.map_err(|not_read| match not_read {
        NotRead::NotNow(reason) => not_now(&reason, reason.retry_after()),
        NotRead::Failed => not_now(&"no document", None),
    })?;
    let (configuration, keys, store) = (&context.configuration, &context.keys, &context.store);
    let client = Client::find(credentials.client_id(), configuration, keys, store, context.now)?;
    let unauthenticated = credentials.of(client)?;
    match unauthenticated.needs() {
        RequiredMaterial::Nothing => prove(context, &unauthenticated, &CredentialMaterial::Nothing),
        RequiredMaterial::Secret(name) => {
            let secret = shell_configuration::secret(name).map_err(unavailable)?;
            prove(context, &unauthenticated, &CredentialMaterial::Secret(secret))
        }
        RequiredMaterial::Keys(url) => prove_with_keys(context, &unauthenticated, url),
    }
}

fn prove(
    context: &Context,
    unauthenticated: &UnauthenticatedClient,
    material: &CredentialMaterial,
) -> Result<AuthenticatedClient, ClientRejection> {
    unauthenticated.prove(material, &context.configuration, &context.store, context.now)
}

/// With the keys that are kept, or where those do not do, with fresh ones.
fn prove_with_keys(
    context: &Context,
    unauthenticated: &UnauthenticatedClient,
    url: KeysUrl<'_>,
) -> Result<AuthenticatedClient, ClientRejection> {
    let documents = DocumentCache { store: &context.store, keys: &context.keys, now: context.now };
    if let Some(keys) = url.kept(&documents).map_err(unavailable)? {
        let outcome = prove(context, unauthenticated, &CredentialMaterial::Keys(keys));
        let may_help = outcome.as_ref().err().is_some_and(ClientRejection::fresh_keys_may_help);
        if !may_help || !url.may_fetch_again(&documents).map_err(unavailable)? {
            return outcome;
        }
    }
    let keys = fresh_keys(context, url, &documents)?;
    prove(context, unauthenticated, &CredentialMaterial::Keys(keys))
}

/// The keys as they are now. The client is the operator's, or a user has approved it: there is one set for each.
fn fresh_keys(
    context: &Context,
    url: KeysUrl<'_>,
    documents: &DocumentCache<'_, HostStore>,
) -> Result<KeySet, ClientRejection> {
    let unusable = |reason: ClientKeysRejection| ClientRejection::Keys(reason.to_string());
    let (known, request) = (Acquaintance::Known, url.request());
    let keep = |response: &Response<Vec<u8>>| -> Result<_, Unkept> {
        let kept = url.keep(response, documents, &mut SystemEntropy).map_err(Unkept::Store)?;
        kept.map_err(Unkept::Rejected)
    };
    let fetched = match url.of_stranger(&context.configuration).map_err(unusable)? {
        Some(fetched_url) => {
            fetches::fetch_for_stranger(context, &fetched_url, known, &request, CLIENT_KEYS_BYTES, keep)
        }
        None => fetches::fetch(context, url.as_str(), known, &request, CLIENT_KEYS_BYTES, keep),
    };
    match fetched.map_err(unavailable)? {
        Ok(Ok(keys)) => Ok(keys),
        Ok(Err(Unkept::Rejected(reason))) => Err(unusable(reason)),
        Ok(Err(Unkept::Store(error))) => Err(unavailable(error)),
        Err(fetches::Failure::NotNow(reason)) => Err(not_now(&reason, reason.retry_after())),
        Err(failure @ (fetches::Failure::OfProvider | fetches::Failure::NoAnswer(_))) => Err(not_now(&failure, None)),
    }
}

/// Why keys that were answered with are not used.
enum Unkept {
    Rejected(ClientKeysRejection),
    Store(StoreUnavailable),
}

fn not_now(reason: &dyn core::fmt::Display, retry_after: Option<u64>) -> ClientRejection {
    ClientRejection::NotNow { reason: reason.to_string(), retry_after: retry_after.unwrap_or(RETRY_SECONDS) }
}

fn unavailable(reason: impl ToString) -> ClientRejection {
    ClientRejection::Unavailable(reason.to_string())
}

/// Tells the client why it gets nothing (RFC 6749, section 5.2), and the log what that means.
pub(crate) fn refused(
    log: &RequestLog,
    action: &'static str,
    client_id: Option<&str>,
    rejection: &TokenRejection,
) -> Response<Vec<u8>> {
    let (status, code, description) = rejection.to_wire();
    if status >= 500 {
        log.failed(action, client_id, rejection);
    } else {
        log.refused_token(action, client_id, rejection, rejection.is_reuse().then_some(TokenEvent::Reused));
    }
    let mut response = responses::error(status, code, &description);
    if response.status() == StatusCode::UNAUTHORIZED {
        // Required of every 401 (RFC 9110, section 15.5.2), and where the client tried the header above all.
        let challenge = HeaderValue::from_static(r#"Basic realm="token endpoint""#);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = rejection.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
