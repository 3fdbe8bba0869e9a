//! One server's answer: what need not be read passes unchanged.

use gatehouse_audit_log::Event;
use gatehouse_configuration::{Prefix, Upstream};
use gatehouse_federation::Stream;
use gatehouse_gateway::answer::{
    AnswerForm, ClientConnection, ClientResponse, Closing, EARLY_ANSWER, ErrorReply, FirstAnswer, LEFT_OUT, LateAnswer,
    Rewriting, ServerEvents, check_status, converse, first_answer, read_whole, relay,
};
use gatehouse_gateway::{
    MessageRecord, PostedMessages, ProtocolRevision, Refusal, SealedReference, SessionId, UpstreamTimeouts,
};
use gatehouse_mcp_wire::event_stream;
use gatehouse_mcp_wire::json_rpc::Id;
use http::{HeaderValue, Request, Response, StatusCode};
use shell_http::elapsed;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::{Client, own_response};
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::upstream::link;
use crate::upstream::transfers::{ServerAnswers, send};

/// What one server answers.
pub(crate) struct ServerAnswer<'a> {
    pub(crate) context: &'a RequestContext<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) revision: &'static ProtocolRevision,
    /// What ids of events are bound to.
    pub(crate) session: Option<String>,
    /// Whether a listing may be in it.
    pub(crate) may_hold_listing: bool,
    /// Whose answer it is, where there are several.
    pub(crate) member: Option<FederationMember<'a>>,
    /// What the log says of the messages that it answers.
    pub(crate) records: Vec<MessageRecord<'a>>,
    /// Of the request that it answers, where it is one.
    pub(crate) id: Option<&'a Id>,
}

/// One of a federation's members.
pub(crate) struct FederationMember<'a> {
    pub(crate) number: usize,
    pub(crate) prefix: Option<&'a Prefix>,
    /// Taken when the answer is passed on.
    pub(crate) stream: Option<Stream>,
}

type Unanswered = (Refusal, ResponseOutparam);

impl<'a> ServerAnswer<'a> {
    /// An answer that is about no message: to a GET or DELETE.
    pub(crate) fn without_message(
        context: &'a RequestContext<'_>,
        caller: &'a Caller,
        revision: &'static ProtocolRevision,
        session: Option<String>,
    ) -> Self {
        let records = vec![MessageRecord::default()];
        Self { context, caller, revision, session, may_hold_listing: true, member: None, records, id: None }
    }

    /// Sends the messages and passes the answer on.
    pub(crate) fn of_messages(
        mut self,
        posted: &PostedMessages,
        upstream: &Upstream,
        request: Request<Vec<u8>>,
        mut permit: RequestPermit<'_>,
        out: ResponseOutparam,
    ) {
        let (context, caller, started) = (self.context, self.caller, elapsed());
        context.log_begun(caller, &self.records);
        let mut answers = send(request, UpstreamTimeouts::of_request(upstream));
        let is_early = posted.may_begin_early(context.head.headers());
        let time = if is_early { EARLY_ANSWER } else { UpstreamTimeouts::longest(upstream) };
        let first = first_answer(&HostClock, &mut answers, time, &mut permit);
        self.records.iter_mut().for_each(|record| record.upstream = Some(elapsed().saturating_sub(started)));
        let prefix = self.member.as_ref().and_then(|member| member.prefix);
        let records = self.records.clone();
        let (refusal, out) = match first {
            FirstAnswer::Head(head) => match self.pass_on(answers, &head, &mut permit, out) {
                Ok(()) => return,
                Err((refusal, out)) => (refusal.at_member(prefix), out),
            },
            FirstAnswer::Silence if is_early => return self.begin_early(answers, &mut permit, out),
            FirstAnswer::Silence => (Refusal::UpstreamTimedOut.at_member(prefix), out),
            FirstAnswer::Failed(refusal) => (refusal.at_member(prefix), out),
            FirstAnswer::PermitLost(refusal) => (refusal, out),
        };
        context.refuse_messages(out, caller, &refusal, &posted.body, &records);
    }

    /// Passes an answer on whose head has come.
    ///
    /// # Errors
    /// Where it cannot be passed on; nothing has been sent then.
    pub(crate) fn pass_on(
        mut self,
        mut answers: ServerAnswers,
        head: &Response<()>,
        permit: &mut RequestPermit<'_>,
        out: ResponseOutparam,
    ) -> Result<(), Unanswered> {
        let (context, caller, status) = (self.context, self.caller, head.status());
        let prefix = self.member.as_ref().and_then(|member| member.prefix);
        let (member, rewriting) = self.rewriting();
        let rewriting = if self.revision.has_sessions { rewriting.resumable(self.session.clone()) } else { rewriting };
        let accepted = check_status(head).map_err(|refusal| link::instead(context, refusal));
        let passed = accepted.and_then(|()| self.issued(head));
        let passed = passed.and_then(|issued| Ok((issued, AnswerForm::of(head, &rewriting)?)));
        let (issued, form) = match passed {
            Ok(passed) => passed,
            Err(refusal) => return Err((refusal, out)),
        };
        let (headers, deadline) = (context.returned(head.headers(), issued, form.changes_bytes()), context.deadline());
        match form {
            AnswerForm::RewrittenJson => {
                let error = ErrorReply::of(head);
                let error = if self.member.is_some() { error.of_member(self.revision) } else { error };
                let text = read_whole(&HostClock, &mut answers, deadline, permit)
                    .and_then(|text| if text.is_empty() { Ok(text) } else { error.with_id(text, self.id) })
                    .and_then(|text| rewriting.text(member, text));
                let text = match text {
                    Ok(text) => text.unwrap_or_default(),
                    Err(refusal) => return Err((refusal, out)),
                };
                self.log(head);
                self.log_left_out(status, rewriting.leaves_out());
                let mut response = ClientResponse::new(Client(out), headers, deadline);
                response.set_status(status);
                response.finish_with(elapsed(), &text);
            }
            AnswerForm::RewrittenEvents => {
                self.log(head);
                let mut response = ClientResponse::new(Client(out), headers, deadline);
                response.set_status(status);
                let mut events = ServerEvents::new(member, rewriting);
                let end = converse(&HostClock, &mut answers, &mut response, &mut events, permit);
                context.log_end(caller, status, &end);
                self.log_left_out(status, events.leaves_out());
                self.close(response, end.closing(true, self.id, prefix));
            }
            AnswerForm::Unchanged { takes_events } => {
                self.log(head);
                let time = deadline.remaining(elapsed());
                let Some(stream) = Client(out).open(status, &headers, time) else { return Ok(()) };
                let farewell = |refusal: &Refusal| event_stream::Event::message(context.reply(refusal, self.id));
                let farewell = takes_events.then_some(farewell);
                let mut transfers = answers.into_transfers();
                let end = relay(&HostClock, &mut transfers, stream, deadline, permit, farewell);
                context.log_end(caller, status, &end);
            }
        }
        Ok(())
    }

    /// Begins to answer before the server does.
    fn begin_early(mut self, mut answers: ServerAnswers, permit: &mut RequestPermit<'_>, out: ResponseOutparam) {
        let mut response = own_response(self.context, out);
        let prefix = self.member.as_ref().and_then(|member| member.prefix);
        let (member, rewriting) = self.rewriting();
        let mut log = |head: &Response<()>| self.log(head);
        let is_of_member = self.member.is_some();
        let mut late = LateAnswer::new(member, rewriting, self.id, &mut log);
        if is_of_member {
            late = late.of_member(self.revision);
        }
        let end = converse(&HostClock, &mut answers, &mut response, &mut late, permit);
        let (has_sent_events, leaves_out) = (late.has_sent_events(), late.leaves_out());
        self.log_left_out(StatusCode::OK, leaves_out);
        self.context.log_end(self.caller, StatusCode::OK, &end);
        self.close(response, end.closing(has_sent_events, self.id, prefix));
    }

    fn close(&self, response: ClientResponse<Client>, closing: Closing) {
        match closing {
            Closing::Finish => response.finish(),
            Closing::FinishWith(refusal) => {
                response.finish_with(elapsed(), &self.context.reply(&refusal, self.id));
            }
            Closing::BreakOff => drop(response),
        }
    }

    /// Takes the member's stream: an answer is rewritten once.
    fn rewriting(&mut self) -> (usize, Rewriting<'a>) {
        let rewriting = self.context.rewriting(self.caller, self.may_hold_listing);
        match self.member.as_mut().and_then(|member| member.stream.take().map(|stream| (member.number, stream))) {
            Some((number, stream)) => (number, rewriting.federated(stream)),
            None => (0, rewriting),
        }
    }

    /// The session that the answer begins, as the client holds it. A member's is part of the federation's, which begins
    /// when all of them do.
    fn issued(&self, head: &Response<()>) -> Result<Option<HeaderValue>, Refusal> {
        if self.member.is_some() {
            return Ok(None);
        }
        let issued = SessionId::issued(head.headers(), self.revision)?;
        issued.map(|id| self.caller.seal_header(&SealedReference::Session(id.as_str().to_owned()))).transpose()
    }

    /// Notes that the client has not got all of a listing.
    fn log_left_out(&self, status: StatusCode, leaves_out: bool) {
        if leaves_out {
            let line = MessageRecord { reason: Some(LEFT_OUT), ..MessageRecord::default() };
            self.context.log(Event::Completed, Some(self.caller), None, Some(status.as_u16()), line);
        }
    }

    fn log(&self, head: &Response<()>) {
        self.context.log_forwarded(self.caller, head.status(), &self.records);
    }
}
