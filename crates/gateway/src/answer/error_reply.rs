//! An error of a server that leaves its answer of HTTP, and with it what said whose it is.

use gatehouse_mcp_wire::json_rpc::{Body, Id, Message, Outcome, code};
use http::header::RETRY_AFTER;
use http::{Response, StatusCode};

use crate::{ProtocolRevision, Refusal};

/// The code with which the TypeScript SDK before MCP 2026-07-28 answers 400, whatever is wrong.
const SERVER_ERROR: i64 = -32000;

/// Whether servers of older versions answer with this code to what they do not take for a request of theirs: without a session,
/// or in a version that they do not know.
fn is_of_older(code: i64) -> bool {
    [SERVER_ERROR, code::SESSION_NOT_FOUND.into(), code::INVALID_REQUEST.into()].contains(&code)
}

/// What an answer of HTTP said besides its text.
#[derive(Clone, Copy, Debug)]
pub struct ErrorReply {
    status: StatusCode,
    /// Seconds (RFC 9110, section 10.2.3). A date is left out: the client's clock may be another.
    retry_after: Option<u64>,
    /// The version in which a member of a federation was asked, where it is one that not every server speaks.
    asked_in: Option<&'static ProtocolRevision>,
}

impl ErrorReply {
    /// That of an answer with this head.
    pub fn of(head: &Response<()>) -> Self {
        let retry_after = head.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { status: head.status(), retry_after, asked_in: None }
    }

    /// The same of a member of a federation, which the client does not know and cannot ask in another version.
    #[must_use]
    pub fn of_member(self, revision: &'static ProtocolRevision) -> Self {
        Self { asked_in: Some(revision).filter(|revision| revision.is_stateless), ..self }
    }

    /// The text of the answer as it stands in a stream, or as it is rewritten: an error gets the id of its request, to which it
    /// belonged by its place. Servers that could not read the request, or would not, have none for it, or one of their own.
    ///
    /// # Errors
    /// [`ErrorReply::refusal`] where it is an error, and none of JSON-RPC; [`Refusal::UpstreamVersion`].
    pub fn with_id(&self, text: String, id: Option<&Id>) -> Result<String, Refusal> {
        if self.status.is_success() {
            return Ok(text);
        }
        match Body::parse_answer(text.as_bytes()) {
            Ok(Body::Single(Message::Response(mut reply))) => {
                let is_foreign = id.is_some() && reply.id.as_ref() != id;
                if let (Some(revision), Outcome::Error(error)) = (self.asked_in, &reply.outcome)
                    && self.status == StatusCode::BAD_REQUEST
                    && (error.code == i64::from(code::UNSUPPORTED_VERSION) || is_foreign && is_of_older(error.code))
                {
                    return Err(Refusal::UpstreamVersion(revision));
                }
                if is_foreign {
                    reply.id = id.cloned();
                }
                Ok(Message::from(reply).to_text())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::response;
    use crate::example::headers;

    const MODERN: &str = "2026-07-28";

    fn reply(status: u16, text: &str) -> Result<String, Refusal> {
        ErrorReply::of(&response(status, &[])).with_id(text.to_owned(), Some(&Id::from(7)))
    }

    fn of_member(version: &'static str, status: u16, code: i64, id: &str) -> Result<String, Refusal> {
        let revision = ProtocolRevision::of(&headers(&[("mcp-protocol-version", version)]));
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"m"}}}}"#);
        ErrorReply::of(&response(status, &[])).of_member(revision).with_id(text, Some(&Id::from(7)))
    }

    #[test]
    fn an_error_has_the_id_of_its_request_whatever_the_server_says() {
        for id in ["null", "\"server-error\"", "7"] {
            let text = reply(400, &format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"m"}}}}"#));
            assert_eq!(text.unwrap(), r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"m"}}"#, "{id}");
        }
        let other = r#"{ "jsonrpc": "2.0", "id": 9, "result": {} }"#;
        assert_eq!(reply(200, other).as_deref(), Ok(other), "what succeeds is read elsewhere");
    }

    #[test]
    fn a_member_that_does_not_speak_the_version_is_told_from_one_that_refuses_the_request() {
        let revision = ProtocolRevision::of(&headers(&[("mcp-protocol-version", MODERN)]));
        for (code, id) in
            [(-32022, "7"), (-32022, "null"), (-32000, "null"), (-32600, "\"server-error\""), (-32001, "null")]
        {
            assert_eq!(of_member(MODERN, 400, code, id), Err(Refusal::UpstreamVersion(revision)), "{code} {id}");
        }
        for (version, status, code, id) in [
            (MODERN, 400, -32600, "7"),
            (MODERN, 400, -32020, "null"),
            (MODERN, 404, -32601, "null"),
            (MODERN, 500, -32022, "null"),
            ("2025-11-25", 400, -32000, "null"),
        ] {
            assert!(
                of_member(version, status, code, id).unwrap().contains(r#""id":7"#),
                "{version} {status} {code} {id}"
            );
        }
    }
}
