//! POST: messages, decided about and given to the servers.

use gatehouse_configuration::Servers;
use gatehouse_gateway::Session;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::steps::judge::judge;
use crate::steps::read::read;

mod federation;
mod single_server;

/// Answers the POST.
pub(crate) fn serve(
    context: &mut RequestContext<'_>,
    caller: &Caller,
    request: &IncomingRequest,
    out: ResponseOutparam,
) {
    let Some((posted, bytes, out)) = read(context, caller, request, out) else { return };
    context.continue_trace(&posted);
    let (records, judgement) = judge(context, caller, &posted);
    let session = judgement.and_then(|()| Session::presented(context.head.headers(), posted.revision, caller));
    let session = match session {
        Ok(session) => session,
        Err(refusal) => return context.refuse_messages(out, caller, &refusal, &posted.body, &records),
    };
    match &context.endpoint.route.servers {
        Servers::One(upstream) => {
            single_server::post(context, caller, upstream, &posted, bytes, &session, records, out);
        }
        Servers::Federated(_) => {
            drop(bytes);
            federation::post(context, caller, &posted, &session, records, out);
        }
    }
}
