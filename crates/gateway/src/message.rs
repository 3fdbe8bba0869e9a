//! The era of what is posted, and its rules.
//!
//! The body says which era a message is of, and the headers must agree with it ("A request carrying modern per-request
//! `_meta` is served statelessly ... An `initialize` request selects legacy semantics", MCP 2026-07-28, versioning). What
//! is merely wrong or unknown (no `_meta`, a version that nobody speaks, a method that is gone) is for the server to
//! answer: its answer says what it does speak, and clients find out by it which era it is of.

use gatehouse_mcp_wire::json_rpc::{Body, Call, Message};
use http::{HeaderMap, Request};

use crate::era::{Named, named};
use crate::{Endpoint, EndpointKind, Era, Refusal, mirrored};

/// Where a request names its version (MCP 2026-07-28, base protocol, "Per-request protocol fields").
const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";

/// Finds the era of a posted body, by whose rules all else goes, and checks that the headers say the same as the body.
///
/// # Errors
/// [`Refusal::Unparsable`] for a request without an id and a notification with one, in every era
/// ([`Call::check_id`]); [`Refusal::HeaderMismatch`] where they do not; [`Refusal::BatchNotAllowed`]; [`Refusal::WrongEra`]
/// for a message that the era, or the transport of 2024-11-05, does not have.
pub fn admit(head: &Request<()>, body: &Body, endpoint: &Endpoint<'_>) -> Result<&'static Era, Refusal> {
    let headers = head.headers();
    body.messages().iter().filter_map(Message::call).try_for_each(Call::check_id).map_err(Refusal::Unparsable)?;
    let is_legacy = endpoint.kind != EndpointKind::Streamable;
    let era = match body {
        Body::Batch(_) if is_legacy => return Err(Refusal::BatchNotAllowed),
        Body::Batch(messages) => batch(headers, messages)?,
        Body::Single(Message::Request(call)) => of_call(headers, call, true)?,
        Body::Single(Message::Notification(call)) => of_call(headers, call, false)?,
        Body::Single(Message::Response(_)) => response(headers)?,
    };
    match (is_legacy, era.is_stateless) {
        (true, true) => Err(Refusal::WrongEra("The transport of MCP 2024-11-05 has no requests of 2026-07-28")),
        (true, false) => Ok(Era::oldest()),
        (false, _) => Ok(era),
    }
}

fn of_call(headers: &HeaderMap, call: &Call, is_request: bool) -> Result<&'static Era, Refusal> {
    let mismatch = |text: &'static str| Err(Refusal::HeaderMismatch(text.into()));
    let era = match (claim(call), named(headers)) {
        (Claim::Version(claimed), Named::Version(header)) if claimed != header => {
            return mismatch("the MCP-Protocol-Version header is not the version of the body");
        }
        (Claim::Version(_), Named::Unreadable) => return mismatch("the MCP-Protocol-Version header is malformed"),
        (Claim::Version(claimed), Named::Nothing) if is_request && Era::claimed(&claimed).is_stateless => {
            return mismatch("the MCP-Protocol-Version header is missing");
        }
        (Claim::Version(claimed), Named::Version(_) | Named::Nothing) => Era::claimed(&claimed),
        // The rules are the strictest, and the server says what is wrong.
        (Claim::Malformed, _) => Era::newest(),
        (Claim::Nothing, _) if is_request && call.method == "initialize" => {
            Era::initialized(&call.param("protocolVersion").unwrap_or_default())
        }
        (Claim::Nothing, _) => Era::of(headers),
    };
    // "Header requirements for notification POSTs are not defined by this revision."
    mirrored::check(headers, call, era.is_stateless && is_request)?;
    Ok(era)
}

/// "The client MUST NOT send JSON-RPC responses" (2026-07-28). In the older eras they answer the server's requests.
fn response(headers: &HeaderMap) -> Result<&'static Era, Refusal> {
    mirrored::check_none(headers)?;
    let era = Era::of(headers);
    if era.is_stateless { Err(Refusal::WrongEra("MCP 2026-07-28 has no responses from clients")) } else { Ok(era) }
}

fn batch(headers: &HeaderMap, messages: &[Message]) -> Result<&'static Era, Refusal> {
    let era = Era::of(headers);
    let is_claimed = |call: &Call| claim(call) != Claim::Nothing;
    if !era.has_batches || messages.iter().filter_map(Message::call).any(is_claimed) {
        return Err(Refusal::BatchNotAllowed);
    }
    mirrored::check_none(headers)?;
    Ok(era)
}

/// The version that a call names itself.
#[derive(PartialEq, Eq)]
enum Claim {
    /// None: the call is of an older era, or lacks what it needs.
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
