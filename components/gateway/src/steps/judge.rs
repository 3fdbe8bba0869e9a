//! Whether messages may go on: by the policy, by what is under way, by the rates.

use gatehouse_gateway::{MessageRecord, PostedMessages, Refusal, check_calls_under_way, judge_by_policy};
use shell_http::now;
use shell_store::HostStore;

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::steps::rates;

/// Decides about each message: what the log says of them, and why they go no further, if they do not.
pub(crate) fn judge<'m, 'e: 'm>(
    context: &mut RequestContext<'e>,
    caller: &Caller,
    posted: &'m PostedMessages,
) -> (Vec<MessageRecord<'m>>, Result<(), Refusal>) {
    let (endpoint, identity) = (context.endpoint, &caller.identity);
    let mut records = MessageRecord::of_body(&posted.body, endpoint.route);
    let judgement = judge_by_policy(&endpoint, identity, &posted.body, &mut records)
        .and_then(|()| {
            let known = caller.calls_are_full;
            check_calls_under_way(known, &HostStore, now(), &endpoint, identity, &posted.body)
        })
        // The request itself has been counted; the further messages of a batch have not.
        .and_then(|()| rates::take(context, caller, posted.further_messages()))
        .and_then(|()| rates::take_tools(context, caller, posted));
    (records, judgement)
}
