//! The revision of what is posted, and its rules.
//!
//! The body says which revision a message is of, and the headers must agree with it ("A request carrying modern per-request
//! `_meta` is served statelessly ... An `initialize` request selects legacy semantics", MCP 2026-07-28, versioning). What
//! is merely wrong or unknown (no `_meta`, a version that nobody speaks, a method that is gone) is for the server to
//! answer: its answer says what it does speak, and clients find out by it which revision it is of.

use gatehouse_mcp_wire::json_rpc::{Body, Call, Message};
use http::{HeaderMap, Request};

use crate::protocol_revision::{Named, named};
use crate::{Endpoint, EndpointKind, ProtocolRevision, Refusal, mirrored};

/// Where a request names its version (MCP 2026-07-28, base protocol, "Per-request protocol fields").
const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";

/// Finds the revision of a posted body, by whose rules all else goes, and checks that the headers say the same as the body.
///
/// # Errors
/// [`Refusal::Unparsable`] for a request without an id and a notification with one, in every revision
/// ([`Call::check_id`]); [`Refusal::HeaderMismatch`] where they do not; [`Refusal::BatchNotAllowed`] where the revision, or a REST
/// API behind the route, has none; [`Refusal::WrongRevision`] for a message that the revision, or the transport of 2024-11-05, does
/// not have.
pub fn admit(head: &Request<()>, body: &Body, endpoint: &Endpoint<'_>) -> Result<&'static ProtocolRevision, Refusal> {
    let headers = head.headers();
    body.messages().iter().filter_map(Message::call).try_for_each(Call::check_id).map_err(Refusal::Unparsable)?;
    let is_legacy = endpoint.kind != EndpointKind::Streamable;
    let revision = match body {
        // Each message would be a request of its own to the API, all of them at once.
        Body::Batch(_) if is_legacy || has_rest_api(endpoint) => return Err(Refusal::BatchNotAllowed),
        Body::Batch(messages) => batch(headers, messages)?,
        Body::Single(Message::Request(call)) => of_call(headers, call, true)?,
        Body::Single(Message::Notification(call)) => of_call(headers, call, false)?,
        Body::Single(Message::Response(_)) => response(headers)?,
    };
    match (is_legacy, revision.is_stateless) {
        (true, true) => Err(Refusal::WrongRevision("The transport of MCP 2024-11-05 has no requests of 2026-07-28")),
        (true, false) => Ok(ProtocolRevision::oldest()),
        (false, _) => Ok(revision),
    }
}

fn has_rest_api(endpoint: &Endpoint<'_>) -> bool {
    endpoint.route.upstreams().any(|upstream| upstream.openapi.is_some())
}

fn of_call(headers: &HeaderMap, call: &Call, is_request: bool) -> Result<&'static ProtocolRevision, Refusal> {
    let mismatch = |text: &'static str| Err(Refusal::HeaderMismatch(text.into()));
    let revision = match (claim(call), named(headers)) {
        (Claim::Version(claimed), Named::Version(header)) if claimed != header => {
            return mismatch("the MCP-Protocol-Version header is not the version of the body");
        }
        (Claim::Version(_), Named::Unreadable) => return mismatch("the MCP-Protocol-Version header is malformed"),
        (Claim::Version(claimed), Named::Nothing) if is_request && ProtocolRevision::claimed(&claimed).is_stateless => {
            return mismatch("the MCP-Protocol-Version header is missing");
        }
        (Claim::Version(claimed), Named::Version(_) | Named::Nothing) => ProtocolRevision::claimed(&claimed),
        // The rules are the strictest, and the server says what is wrong.
        (Claim::Malformed, _) => ProtocolRevision::newest(),
        (Claim::Nothing, _) if is_request && call.method == "initialize" => {
            ProtocolRevision::initialized(&call.param("protocolVersion").unwrap_or_default())
        }
        (Claim::Nothing, _) => ProtocolRevision::of(headers),
    };
    // "Header requirements for notification POSTs are not defined by this revision."
    mirrored::check(headers, call, revision.is_stateless && is_request)?;
    Ok(revision)
}

/// "The client MUST NOT send JSON-RPC responses" (2026-07-28). In the older revisions they answer the server's requests.
fn response(headers: &HeaderMap) -> Result<&'static ProtocolRevision, Refusal> {
    mirrored::check_none(headers)?;
    let revision = ProtocolRevision::of(headers);
    if revision.is_stateless {
        Err(Refusal::WrongRevision("MCP 2026-07-28 has no responses from clients"))
    } else {
        Ok(revision)
    }
}

fn batch(headers: &HeaderMap, messages: &[Message]) -> Result<&'static ProtocolRevision, Refusal> {
    let revision = ProtocolRevision::of(headers);
    let is_claimed = |call: &Call| claim(call) != Claim::Nothing;
    if !revision.has_batches || messages.iter().filter_map(Message::call).any(is_claimed) {
        return Err(Refusal::BatchNotAllowed);
    }
    mirrored::check_none(headers)?;
    Ok(revision)
}

/// The version that a call names itself.
#[derive(PartialEq, Eq)]
enum Claim {
    /// None: the call is of an older revision, or lacks what it needs.
    Nothing,
    /// This one.
    Version(String),
    /// Something that is no text.
    Malformed,
}

fn claim(call: &Call) -> Claim {
    match call.meta() {
        Some(meta) if meta.contains(CLAIM) => meta.str(CLAIM).map_or(Claim::Malformed, Claim::Version),
        Some(_) | None => Claim::Nothing,
    }
}

#[cfg(test)]
mod tests;
