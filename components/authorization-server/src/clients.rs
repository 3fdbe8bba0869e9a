//! Clients that call an endpoint themselves: who they are, and what they are told where they may not.

use gatehouse_document_cache::DocumentCache;
use gatehouse_jose::KeySet;
use gatehouse_oauth::client::Client;
use gatehouse_oauth::client_keys::{CLIENT_KEYS_BYTES, KeysUrl};
use gatehouse_oauth::credentials::{
    AtHand, AuthenticatedClient, ClientRejection, Needed, PresentedCredentials, Unproven,
};
use gatehouse_oauth::token::TokenRejection;
use gatehouse_storage::StoreUnavailable;
use host_imports::HostStore;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_shell::{SystemEntropy, outbound};

use crate::context::Context;
use crate::log::Decision;
use crate::{client_document, responses};

/// The client that the credentials name, where they are its own.
pub(crate) fn authenticated(
    context: &Context,
    credentials: PresentedCredentials,
) -> Result<AuthenticatedClient, ClientRejection> {
    client_document::read_if_needed(context, credentials.client_id().as_str());
    let (configuration, keys, store) = (&context.configuration, &context.keys, &context.store);
    let client = Client::find(credentials.client_id(), configuration, keys, store, context.now)?;
    let unproven = credentials.of(client)?;
    match unproven.needs() {
        Needed::Nothing => prove(context, &unproven, &AtHand::Nothing),
        Needed::Secret(name) => {
            let secret = host_imports::secret(name).map_err(unavailable)?;
            prove(context, &unproven, &AtHand::Secret(secret))
        }
        Needed::Keys(url) => prove_with_keys(context, &unproven, url),
    }
}

fn prove(context: &Context, unproven: &Unproven, at_hand: &AtHand) -> Result<AuthenticatedClient, ClientRejection> {
    unproven.prove(at_hand, &context.configuration, &context.store, context.now)
}

/// With the keys that are kept, or where those do not do, with fresh ones.
fn prove_with_keys(
    context: &Context,
    unproven: &Unproven,
    url: KeysUrl<'_>,
) -> Result<AuthenticatedClient, ClientRejection> {
    let documents = DocumentCache { store: &context.store, keys: &context.keys, now: context.now };
    if let Some(keys) = url.kept(&documents).map_err(unavailable)? {
        let outcome = prove(context, unproven, &AtHand::Keys(keys));
        let may_help = outcome.as_ref().err().is_some_and(ClientRejection::fresh_keys_may_help);
        if !may_help || !url.may_fetch_again(&documents).map_err(unavailable)? {
            return outcome;
        }
    }
    let keys = fresh_keys(url, &documents)?;
    prove(context, unproven, &AtHand::Keys(keys))
}

fn fresh_keys(url: KeysUrl<'_>, documents: &DocumentCache<'_, HostStore>) -> Result<KeySet, ClientRejection> {
    let unusable = |reason: &dyn core::fmt::Display| ClientRejection::Keys(reason.to_string());
    let response = outbound::fetch(&url.request(), CLIENT_KEYS_BYTES).map_err(|reason| unusable(&reason))?;
    let kept: Result<_, StoreUnavailable> = url.keep(&response, documents, &mut SystemEntropy);
    kept.map_err(unavailable)?.map_err(|rejection| unusable(&rejection))
}

fn unavailable(reason: impl ToString) -> ClientRejection {
    ClientRejection::Unavailable(reason.to_string())
}

/// Tells the client why it gets nothing (RFC 6749, section 5.2), and the log what that means.
pub(crate) fn refused(event: &'static str, client_id: Option<&str>, rejection: &TokenRejection) -> Response<Vec<u8>> {
    let (status, code, description) = rejection.to_wire();
    let outcome = if status >= 500 { "failed" } else { "denied" };
    let reason = Some(rejection.to_string());
    Decision { event, outcome, reason, client_id, subject: None }.write();
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
