//! An error of a server that leaves its answer of HTTP, and with it what said whose it is.

use gatehouse_mcp_wire::json_rpc::{Body, Id, Message};
use http::header::RETRY_AFTER;
use http::{Response, StatusCode};

use crate::Refusal;

/// What an answer of HTTP said besides its text.
#[derive(Clone, Copy, Debug)]
pub struct ErrorReply {
    status: StatusCode,
    /// Seconds (RFC 9110, section 10.2.3). A date is left out: the client's clock may be another.
    retry_after: Option<u64>,
}

impl ErrorReply {
    /// That of an answer with this head.
    pub fn of(head: &Response<()>) -> Self {
        let retry_after = head.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { status: head.status(), retry_after }
    }

    /// The text of the answer as it stands in a stream: an error gets the id of its request, which it belonged to by its place
    /// before.
    ///
    /// # Errors
    /// [`ErrorReply::refusal`] where it is an error, and none of JSON-RPC.
    pub fn in_stream(&self, text: String, id: Option<&Id>) -> Result<String, Refusal> {
        if self.status.is_success() {
            return Ok(text);
        }
        match Body::parse_answer(text.as_bytes()) {
            Ok(Body::Single(Message::Response(mut reply))) => {
                reply.id = reply.id.or_else(|| id.cloned());
                Ok(reply.to_object().to_string())
            }
            Ok(Body::Single(_) | Body::Batch(_)) | Err(_) => Err(self.refusal("it is an error that is not JSON-RPC")),
        }
    }

    /// What the client is told of an answer that cannot be passed on, for this reason: where the server has said when to come
    /// again, that.
    pub fn refusal(&self, reason: &'static str) -> Refusal {
        match (self.status, self.retry_after) {
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(retry_after)) => {
                Refusal::UpstreamBusy { retry_after }
            }
            _ => Refusal::UpstreamMalformed(reason),
        }
    }
}
