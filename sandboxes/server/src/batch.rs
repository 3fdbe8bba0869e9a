//! Batches (JSON-RPC 2.0, section 6), which 2025-03-26 alone has.

use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Reply, code};
use gatehouse_storage::Store;
use http::{HeaderMap, Response, StatusCode};
use shell_http::Milliseconds;

use crate::host::Host;
use crate::revision::Revision;
use crate::sandbox::Sandbox;
use crate::server::Caller;
use crate::{answers, tools};

/// Milliseconds after which no more calls of a batch begin. A host ends a request that lasts too long, with all its answers.
const LONGEST_BATCH: Milliseconds = 45_000;
/// Bytes of the answers of a batch, which are all held until the last: at these no more calls begin, and a resource that would be more is
/// left out.
const LARGEST_BATCH: usize = 16 << 20;
/// Why a call of a batch was not made.
const LATE: &str = "The batch has used its time. Make this call again.";
const TOO_LARGE: &str = "The answers of the batch are too large. Make this call again.";

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// The answer to a batch. Its requests are answered one after the other.
    pub fn batch(&self, headers: &HeaderMap, caller: &Caller, messages: &[Message]) -> Response<Vec<u8>> {
        let refused = |text: &str| answers::refused(StatusCode::BAD_REQUEST, text);
        let give_up = self.host.elapsed().saturating_add(LONGEST_BATCH);
        let mut replies = String::new();
        for message in messages {
            if let Some(Err(error)) = message.call().map(Call::check_id) {
                return refused(&error.to_string());
            }
        }
        for message in messages {
            let Message::Request(call) = message else { continue };
            match Revision::of(headers, call) {
                Ok(revision) if revision.has_batches() && call.method != "initialize" => {
                    let reply = if self.host.elapsed() >= give_up {
                        not_made(call, LATE)
                    } else if replies.len() >= LARGEST_BATCH {
                        not_made(call, TOO_LARGE)
                    } else {
                        let reply = Message::Response(self.request(caller, revision, call).1).to_text();
                        let is_too_large = replies.len().saturating_add(reply.len()) > LARGEST_BATCH;
                        // What a run has written cannot be had again, and the first answer would be as large alone.
                        let is_left_out = is_too_large && call.method == "resources/read" && !replies.is_empty();
                        if is_left_out { not_made(call, TOO_LARGE) } else { reply }
                    };
                    replies.push(if replies.is_empty() { '[' } else { ',' });
                    replies.push_str(&reply);
                }
                Ok(_) | Err(_) => return refused("Only 2025-03-26 has batches, and initialize is in none"),
            }
        }
        if replies.is_empty() {
            return answers::accepted();
        }
        replies.push(']');
        answers::json(StatusCode::OK, replies)
    }
}

/// What a call of a batch gets that is not made.
fn not_made(call: &Call, text: &str) -> String {
    let id = call.id.clone().unwrap_or_else(|| Id::from(0));
    let reply = match call.method.as_str() {
        "tools/call" => Reply::result(id, tools::error(text)),
        _ => Reply::error::<()>(Some(id), code::INTERNAL_ERROR, text, None),
    };
    Message::Response(reply).to_text()
}
