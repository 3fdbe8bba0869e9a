//! Reading the document behind a client id that is a URL.

use gatehouse_oauth::client_document::{DOCUMENT_BYTES, DocumentUrl};
use gatehouse_protocol::ClientId;
use http_shell::outbound;

use crate::context::Context;
use crate::log;

const EVENT: &str = "client_document";

/// Reads and keeps the document, where `client_id` is of that kind and it has not been read lately. Where that fails,
/// the client is unknown to whoever looks it up next.
pub(crate) fn read_if_needed(context: &Context, client_id: &str) {
    let Ok(client_id) = ClientId::parse(client_id) else { return };
    if !DocumentUrl::names_a_document(&client_id) {
        return;
    }
    if let Err(reason) = read(context, &client_id) {
        log::denied(EVENT, Some(client_id.as_str()), reason);
    }
}

fn read(context: &Context, client_id: &ClientId) -> Result<(), String> {
    let url = DocumentUrl::parse(client_id).map_err(|error| error.to_string())?;
    let (configuration, store, now) = (&context.configuration, &context.store, context.now);
    if url.kept(configuration, store, now).map_err(|error| error.to_string())?.is_some() {
        return Ok(());
    }
    let response = outbound::fetch(&url.request(), DOCUMENT_BYTES).map_err(|error| error.to_string())?;
    let kept = url.keep(&response, configuration, store, now).map_err(|error| error.to_string())?;
    kept.map_err(|rejection| rejection.to_string())
}
