//! A message to a REST API, as far as it goes without the API.

use gatehouse_mcp_wire::json_rpc::{Body, DEEPEST, Message, Reply};
use gatehouse_openapi::{OperationCall, Pieces, Protocol, Received, RequestTarget, RestServer};
use http::{Request, StatusCode};

/// What becomes of a message to a REST API.
#[derive(Clone, Debug)]
pub enum RestExchange {
    /// It is answered without it: the status and the body.
    Answered(StatusCode, Vec<u8>),
    /// Nobody can say what it means; the text is for the log.
    Unreachable(String),
    /// The API is asked.
    Asked(RestCall),
}

/// A call whose reply comes of the API's answer.
#[derive(Clone, Debug)]
pub struct RestCall {
    /// The call.
    pub(super) call: Box<OperationCall>,
    /// What the API is sent.
    pub(super) request: Box<Request<Vec<u8>>>,
    /// What must not be in the reply.
    pub(super) secrets: Vec<String>,
    /// Whether it is made in a linked account.
    pub(super) is_in_account: bool,
}

/// Answers a message, or makes the request that it means. With `is_in_account`, the API is asked in a linked account: its 401 is then the
/// answer, and no result, because the user can do something about it.
pub fn rest_exchange<P: Pieces<Error = String>>(
    message: &[u8],
    protocol: Protocol<'_>,
    pieces: &P,
    target: &RequestTarget<'_>,
    is_in_account: bool,
) -> RestExchange {
    // It was read before, by the same rules, and batches were refused.
    let Ok(Body::Single(message)) = Body::parse(message, DEEPEST) else {
        return RestExchange::Answered(StatusCode::BAD_REQUEST, Vec::new());
    };
    match (RestServer { pieces, protocol }).receive(&message) {
        Ok(Received::Accepted) => RestExchange::Answered(StatusCode::ACCEPTED, Vec::new()),
        Ok(Received::Reply(status, reply)) => RestExchange::Answered(status, text(&reply)),
        Ok(Received::Call(call)) => match call.request(target) {
            Ok(request) => {
                let (secrets, request) = (target.secrets(), Box::new(request));
                RestExchange::Asked(RestCall { call, request, secrets, is_in_account })
            }
            Err(reason) => RestExchange::Answered(StatusCode::OK, text(&call.refused(&reason))),
        },
        Err(reason) => RestExchange::Unreachable(reason),
    }
}

pub(super) fn text(reply: &Reply) -> Vec<u8> {
    Message::Response(reply.clone()).to_text().into_bytes()
}
