//! Reading the document behind a client id that is a URL.

use gatehouse_authorization_server::client_document::{DOCUMENT_BYTES, DocumentUrl, ReadDocument};
use gatehouse_authorization_server::fetches::{Acquaintance, NotNow};
use gatehouse_protocol::ClientId;
use gatehouse_sealed_storage::document_cache::DocumentCache;
use gatehouse_storage::StoreUnavailable;
use shell_http::SystemEntropy;
use shell_store::HostStore;

use crate::context::Context;
use crate::fetches;

const ACTION: &str = "client-document";

/// Why a document cannot be had, where whoever asks may come again.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// Not now.
    NotNow(NotNow),
    /// The client is known, and its document cannot be had.
    Failed,
}

/// For a page: reads the document, where `client_id` is of that kind and what is kept of it is not fresh. Where it cannot
/// be had, the client is unknown to whoever looks it up next, or for the rest of a flow still the one that was kept.
///
/// # Errors
/// Where whoever asks may come again later.
pub(crate) fn read_for_page(context: &Context, client_id: &str) -> Result<Option<ReadDocument>, NotNow> {
    match read(context, client_id, Acquaintance::New) {
        Ok(read) => Ok(read),
        Err(NotRead::NotNow(not_now)) => Err(not_now),
        // The page says of every document that cannot be had that its client is unknown.
        Err(NotRead::Failed) => Ok(None),
    }
}

/// For a client that calls an endpoint itself: the same, where a user has approved the client, or the operator has named it for
/// identity assertions. No other has anything that it could present, so nothing is fetched for it.
///
/// # Errors
/// Where the client may come again later.
pub(crate) fn read_for_client(context: &Context, client_id: &ClientId) -> Result<(), NotRead> {
    read(context, client_id.as_str(), Acquaintance::Known).map(drop)
}

/// Reads the document, where it must be, and its client is known at least as well as `at_least`.
fn read(context: &Context, client_id: &str, at_least: Acquaintance) -> Result<Option<ReadDocument>, NotRead> {
    let Ok(client_id) = ClientId::parse(client_id) else { return Ok(None) };
    let is_configured = context.configuration.clients.iter().any(|client| client.client_id == client_id);
    if is_configured || !DocumentUrl::names_a_document(&client_id) {
        return Ok(None);
    }
    let log = &context.log;
    let refused = |reason: &dyn core::fmt::Display| log.refused(ACTION, Some(client_id.as_str()), reason);
    let failed = |error: &StoreUnavailable| log.failed(ACTION, Some(client_id.as_str()), error);
    let url = match DocumentUrl::parse(&client_id, &context.configuration) {
        Ok(url) => url,
        Err(rejection) => {
            refused(&rejection);
            return Ok(None);
        }
    };
    let documents = DocumentCache { store: &context.store, keys: &context.keys, now: context.now };
    // Without a store nothing is fetched; whoever looks the client up next says so.
    let Ok(needed) = url.needs_reading(&documents).inspect_err(failed) else {
        return Ok(None);
    };
    let acquaintance = match (needed, at_least) {
        (None, _) | (Some(Acquaintance::New), Acquaintance::Known) => return Ok(None),
        (Some(acquaintance), _) => acquaintance,
    };
    let outcome = fetched(context, &url, acquaintance, &documents);
    let Ok(outcome) = outcome.inspect_err(failed) else { return Ok(None) };
    match outcome {
        Ok(document) => Ok(Some(document)),
        Err(NotHad::Answer(reason)) => {
            refused(&reason);
            Ok(None)
        }
        Err(NotHad::Fetch(failure)) => {
            refused(&failure);
            // What is kept is good enough for the flows that have begun.
            match (acquaintance, failure) {
                _ if url.is_kept(&documents).unwrap_or(false) => Ok(None),
                // The URL itself may be fine: somebody else's is why it was not asked for.
                (
                    _,
                    fetches::Failure::NotNow(
                        not_now @ (NotNow::Busy | NotNow::HostFailedLately | NotNow::TooMany { .. }),
                    ),
                ) => Err(NotRead::NotNow(not_now)),
                (Acquaintance::New, _) => Ok(None),
                (Acquaintance::Known, _) => Err(NotRead::Failed),
            }
        }
    }
}

/// Why there is no document.
enum NotHad {
    /// There was no answer.
    Fetch(fetches::Failure),
    /// The answer does not do.
    Answer(String),
}

fn fetched(
    context: &Context,
    url: &DocumentUrl,
    acquaintance: Acquaintance,
    documents: &DocumentCache<'_, HostStore>,
) -> Result<Result<ReadDocument, NotHad>, StoreUnavailable> {
    let (configuration, now) = (&context.configuration, context.now);
    let read = |response: &_| url.read(response, configuration, now);
    let fetched = fetches::fetch_for_stranger(context, url.url(), acquaintance, &url.request(), DOCUMENT_BYTES, read)?;
    Ok(match fetched {
        Ok(Ok(document)) => {
            if acquaintance == Acquaintance::Known {
                url.keep(&document, documents, &mut SystemEntropy)?;
            }
            Ok(document)
        }
        Ok(Err(rejection)) => {
            url.refuse(&rejection, documents)?;
            Err(NotHad::Answer(rejection.to_string()))
        }
        Err(failure) => Err(NotHad::Fetch(failure)),
    })
}
