//! A message to a REST API, as far as it goes without the API.

use gatehouse_mcp_wire::json_rpc::{Body, DEEPEST, Message, Reply};
use gatehouse_openapi::{OperationCall, Pieces, Protocol, Received, RequestTarget, RestServer, secrets_of};
use http::{Request, StatusCode};

/// What becomes of messages to a REST API.
#[derive(Clone, Debug)]
pub enum RestExchange {
    /// They are answered without it: the status and the body.
    Answered(StatusCode, Vec<u8>),
    /// Nobody can say what they mean; the text is for the log.
    Unreachable(String),
    /// The API is asked.
    Asked {
        /// The replies, as far as they are known, in the order of the messages.
        replies: Vec<RestReply>,
        /// Whether they are a batch.
        is_batch: bool,
    },
}

/// One reply.
#[derive(Clone, Debug)]
pub enum RestReply {
    /// It is known.
    Known(Reply),
    /// It comes of the API's answer.
    Awaited {
        /// The call.
        call: Box<OperationCall>,
        /// What the API is sent.
        request: Box<Request<Vec<u8>>>,
        /// What must not be in the reply.
        secrets: Vec<String>,
    },
}

/// Answers messages, or makes the requests that they mean.
pub fn rest_exchange<P: Pieces<Error = String>>(
    messages: &[u8],
    protocol: Protocol<'_>,
    pieces: &P,
    target: &RequestTarget<'_>,
) -> RestExchange {
    // It was read before, by the same rules.
    let Ok(body) = Body::parse(messages, DEEPEST) else {
        return RestExchange::Answered(StatusCode::BAD_REQUEST, Vec::new());
    };
    let server = RestServer { pieces, protocol };
    match &body {
        Body::Single(message) => match received(&server, message, target) {
            Ok(Some((status, RestReply::Known(reply)))) => RestExchange::Answered(status, text(&reply)),
            Ok(Some((_, reply))) => RestExchange::Asked { replies: vec![reply], is_batch: false },
            Ok(None) => RestExchange::Answered(StatusCode::ACCEPTED, Vec::new()),
            Err(reason) => RestExchange::Unreachable(reason),
        },
        Body::Batch(messages) => {
            let replies = messages.iter().map(|message| received(&server, message, target));
            match replies.collect::<Result<Vec<_>, _>>() {
                Ok(replies) => {
                    let replies: Vec<_> = replies.into_iter().flatten().map(|(_, reply)| reply).collect();
                    if replies.is_empty() {
                        return RestExchange::Answered(StatusCode::ACCEPTED, Vec::new());
                    }
                    RestExchange::Asked { replies, is_batch: true }
                }
                Err(reason) => RestExchange::Unreachable(reason),
            }
        }
    }
}

fn received<P: Pieces<Error = String>>(
    server: &RestServer<'_, P>,
    message: &Message,
    target: &RequestTarget<'_>,
) -> Result<Option<(StatusCode, RestReply)>, String> {
    Ok(match server.receive(message)? {
        Received::Accepted => None,
        Received::Reply(status, reply) => Some((status, RestReply::Known(reply))),
        Received::Call(call) => Some((
            StatusCode::OK,
            match call.request(target) {
                Ok(request) => {
                    let (secrets, request) = (secrets_of(target.headers), Box::new(request));
                    RestReply::Awaited { call, request, secrets }
                }
                Err(reason) => RestReply::Known(call.refused(&reason)),
            },
        )),
    })
}

pub(super) fn text(reply: &Reply) -> Vec<u8> {
    Message::Response(reply.clone()).to_text().into_bytes()
}
