//! Reading the document behind a client id that is a URL.

use gatehouse_document_cache::DocumentCache;
use gatehouse_oauth::client_document::{DOCUMENT_BYTES, DocumentUrl};
use gatehouse_protocol::ClientId;
use http_shell::{SystemEntropy, outbound};

use crate::context::Context;
use crate::log;

const EVENT: &str = "client_document";

/// Reads and keeps the document, where `client_id` is of that kind and what is kept of it is no longer fresh. Where that
/// fails, the client is unknown to whoever looks it up next, or for the rest of a flow still the one that was kept.
pub(crate) fn read_if_needed(context: &Context, client_id: &str) {
    let Ok(client_id) = ClientId::parse(client_id) else { return };
    let is_configured = context.configuration.clients.iter().any(|client| client.client_id == client_id);
    if is_configured || !DocumentUrl::names_a_document(&client_id) {
        return;
    }
    if let Err(reason) = read(context, &client_id) {
        log::denied(EVENT, Some(client_id.as_str()), reason);
    }
}

fn read(context: &Context, client_id: &ClientId) -> Result<(), String> {
    let url = DocumentUrl::parse(client_id, &context.configuration).map_err(|error| error.to_string())?;
    let documents = DocumentCache { store: &context.store, keys: &context.keys, now: context.now };
    if !url.needs_reading(&documents).map_err(|error| error.to_string())? {
        return Ok(());
    }
    let response = outbound::fetch(&url.request(), DOCUMENT_BYTES).map_err(|error| error.to_string())?;
    let kept = url.keep(&response, &context.configuration, &documents, &mut SystemEntropy);
    kept.map_err(|error| error.to_string())?.map_err(|rejection| rejection.to_string())
}
