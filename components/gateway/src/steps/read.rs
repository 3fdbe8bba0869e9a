//! Reads what was posted.

use gatehouse_gateway::{MessageRecord, PostedMessages, message};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::context::RequestContext;

/// Reads the messages, and gives them with the body as it came; where they cannot be read, that is the answer.
pub(crate) fn read(
    context: &RequestContext<'_>,
    caller: &Caller,
    request: &IncomingRequest,
    out: ResponseOutparam,
) -> Option<(PostedMessages, Vec<u8>, ResponseOutparam)> {
    let read = context.body(request).and_then(|bytes| Ok((PostedMessages::parse(&bytes, &context.endpoint)?, bytes)));
    let (body, bytes) = match read {
        Ok(read) => read,
        Err(refusal) => {
            context.refuse(out, Some(caller), &refusal);
            return None;
        }
    };
    match message::admit(context.head, &body, &context.endpoint) {
        Ok(revision) => Some((PostedMessages { revision, body }, bytes, out)),
        Err(refusal) => {
            let records = MessageRecord::of_body(&body, context.endpoint.route);
            context.refuse_messages(out, caller, &refusal, &body, &records);
            None
        }
    }
}
