//! Several servers asked at once, and one answer of theirs.

use gatehouse_audit_log::Event;
use gatehouse_configuration::{Member, Prefix};
use gatehouse_federation::{
    FailureReason, Federation, MemberOutcome, MemberRequest, Merge, MergedAnswer, Subscription,
};
use gatehouse_gateway::answer::{
    ClientResponse, ConversationEnd, EventSink, MemberAnswers, MemberRequestTimes, MemberSubscriptions, MergedResponse,
    StreamEnd, converse,
};
use gatehouse_gateway::{MessageRecord, PostedMessages, Refusal, UpstreamTimeouts};
use gatehouse_mcp_wire::header::MCP_SESSION_ID;
use gatehouse_mcp_wire::json_rpc::Id;
use http::{Request, StatusCode};
use shell_http::elapsed;

use crate::caller::Caller;
use crate::client::Client;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::permit::RequestPermit;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::transfers::{no_answers, no_answers_together};

/// Bytes. Every member has a copy of the message, and all of them are held at once.
const MOST_SENT_TOGETHER: usize = 16 * 1024 * 1024;

/// The members, asked in the name of one caller.
pub(crate) struct FederatedRequest<'a> {
    pub(crate) context: &'a RequestContext<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) federation: &'a Federation,
    /// Of the request that they answer.
    pub(crate) id: Option<&'a Id>,
    /// `Accept`, where it is not the client's.
    pub(crate) accept: Option<&'static str>,
}

/// What came of asking several.
pub(crate) enum GroupOutcome {
    /// An answer of them all.
    Merged(MergedAnswer),
    /// Everything has been sent.
    Streamed,
    /// It came to its end before.
    Ended(ConversationEnd),
}

impl FederatedRequest<'_> {
    /// The request that a member gets.
    ///
    /// # Errors
    /// Where something that it needs is not there.
    pub(crate) fn request(&self, request: MemberRequest) -> Result<Request<Vec<u8>>, Refusal> {
        let member = self.context.members().get(request.member);
        let member = member.ok_or_else(|| Refusal::Unavailable("the route has no such member".to_owned()))?;
        let message = request.message.to_text().into_bytes();
        drop(request.message);
        let request = UpstreamRequest {
            session_id: request.session.as_deref(),
            mcp_name: request.mcp_name.as_ref(),
            accept: self.accept,
            ..UpstreamRequest::posted(&member.upstream, message)
        };
        request.build(self.context, self.caller).map_err(|refusal| refusal.at_member(member.prefix.as_ref()))
    }

    /// The same of one of several, which may have `left` bytes in all.
    fn request_within(&self, request: MemberRequest, left: &mut usize) -> Result<Request<Vec<u8>>, Refusal> {
        let request = self.request(request)?;
        *left = left.checked_sub(request.body().len()).ok_or(Refusal::BodyTooLargeForMembers)?;
        Ok(request)
    }

    /// Logs why a member has no part in the answer.
    fn log_failure(&self, member: usize, reason: &str) {
        let member = self.context.members().get(member).and_then(|member| member.prefix.as_ref());
        let line =
            MessageRecord { member: member.map(Prefix::as_str), reason: Some(reason), ..MessageRecord::default() };
        self.context.log(Event::NotReady, Some(self.caller), None, None, line);
    }

    /// Asks all of them, and makes one answer of theirs. One that cannot be called, for want of a token, is one that has failed.
    pub(crate) fn ask_all(
        &self,
        requests: Vec<MemberRequest>,
        merge: Merge,
        sink: &mut impl EventSink,
        permit: &mut RequestPermit<'_>,
    ) -> GroupOutcome {
        let (mut answers, mut times, mut not_asked) = (no_answers_together(), Vec::new(), Vec::new());
        let mut left = MOST_SENT_TOGETHER;
        for request in requests {
            let (member, has_session) = (request.member, request.session.is_some());
            let built = match self.request_within(request, &mut left) {
                Ok(built) => built,
                Err(refusal) if refusal.is_missing_token() => {
                    not_asked.push((member, refusal));
                    continue;
                }
                Err(refusal) => return GroupOutcome::Ended(ConversationEnd::Failed(refusal)),
            };
            let Some(Member { upstream, .. }) = self.context.members().get(member) else { continue };
            answers.transfers().start(built, UpstreamTimeouts::of_request(upstream));
            times.push(MemberRequestTimes { member, has_session, longest: UpstreamTimeouts::longest(upstream) });
        }
        if let (true, Some((_, refusal))) = (times.is_empty(), not_asked.first()) {
            return GroupOutcome::Ended(ConversationEnd::Failed(refusal.clone()));
        }
        let mut merging = MemberAnswers::new(self.id, times, elapsed());
        let end = converse(&HostClock, &mut answers, sink, &mut merging, permit);
        if merging.has_events() {
            sink.prefer_events();
        }
        merging.failures().for_each(|(member, reason)| self.log_failure(member, reason));
        not_asked.iter().for_each(|(member, refusal)| self.log_failure(*member, &refusal.reason()));
        let without_token = |(member, _)| (member, MemberOutcome::Failed(FailureReason::NoToken));
        match end {
            ConversationEnd::Complete => {
                let mut outcomes = merging.into_outcomes();
                outcomes.extend(not_asked.into_iter().map(without_token));
                GroupOutcome::Merged(merge.finish(outcomes))
            }
            end => GroupOutcome::Ended(end),
        }
    }

    /// Lets the streams of all flow together.
    pub(crate) fn subscribe(
        &self,
        requests: Vec<MemberRequest>,
        mut subscription: Subscription,
        sink: &mut impl EventSink,
        records: &[MessageRecord<'_>],
    ) -> GroupOutcome {
        let mut permit = match RequestPermit::of_stream(self.context, self.caller) {
            Ok(permit) => permit,
            Err(refusal) => return GroupOutcome::Ended(ConversationEnd::Failed(refusal)),
        };
        self.context.log_begun(self.caller, records);
        let (mut answers, mut members, mut not_asked) = (no_answers(), Vec::new(), Vec::new());
        let mut left = MOST_SENT_TOGETHER;
        for request in requests {
            let member = request.member;
            let built = match self.request_within(request, &mut left) {
                Ok(built) => built,
                Err(refusal) if refusal.is_missing_token() => {
                    not_asked.push((member, refusal));
                    continue;
                }
                Err(refusal) => return GroupOutcome::Ended(ConversationEnd::Failed(refusal)),
            };
            let Some(Member { upstream, .. }) = self.context.members().get(member) else { continue };
            answers.transfers().start(built, UpstreamTimeouts::of_stream(upstream));
            members.push(member);
        }
        if let (true, Some((_, refusal))) = (members.is_empty(), not_asked.first()) {
            return GroupOutcome::Ended(ConversationEnd::Failed(refusal.clone()));
        }
        for (member, refusal) in not_asked {
            self.log_failure(member, &refusal.reason());
            // The client hears of it together with what the others acknowledge.
            let _nothing_yet = subscription.failed(member, FailureReason::NoToken);
        }
        let policy = &self.context.endpoint.route.policy;
        let mut subscribed = MemberSubscriptions::new(policy, &self.caller.identity, subscription, members, elapsed());
        match converse(&HostClock, &mut answers, sink, &mut subscribed, &mut permit) {
            ConversationEnd::Complete => subscribed.refusal().map_or(GroupOutcome::Streamed, GroupOutcome::Merged),
            end => GroupOutcome::Ended(end),
        }
    }

    /// What the client gets of the members' answers.
    ///
    /// # Errors
    /// Where nothing but an error came of them.
    pub(crate) fn merged(&self, merged: MergedAnswer) -> Result<MergedResponse, Refusal> {
        MergedResponse::of(merged, self.federation, &self.context.endpoint.route.policy, &self.caller.identity)
    }

    /// Ends the client's answer with what came of asking.
    pub(crate) fn finish(
        &self,
        outcome: GroupOutcome,
        mut response: ClientResponse<Client>,
        posted: &PostedMessages,
        records: &[MessageRecord<'_>],
    ) {
        let merged = match outcome {
            GroupOutcome::Merged(merged) => self.merged(merged),
            GroupOutcome::Streamed | GroupOutcome::Ended(ConversationEnd::Stream(StreamEnd::TimeLimit)) => {
                return response.finish();
            }
            GroupOutcome::Ended(ConversationEnd::Failed(refusal) | ConversationEnd::PermitLost(refusal)) => {
                Err(refusal)
            }
            GroupOutcome::Ended(end) => return self.context.log_end(self.caller, StatusCode::OK, &end),
        };
        let merged = merged.and_then(|merged| {
            let session = merged.session.as_ref().map(|session| self.caller.seal_header(session)).transpose()?;
            Ok((merged.status, merged.text, session))
        });
        match merged {
            Ok((status, text, session)) => {
                self.context.log_forwarded(self.caller, status, records);
                if let Some(session) = session {
                    response.set_header(MCP_SESSION_ID, session);
                }
                response.set_status(status);
                response.finish_with(elapsed(), &text);
            }
            Err(refusal) if response.has_begun() => {
                self.context.log_refusal(Some(self.caller), StatusCode::OK.as_u16(), &refusal, records);
                response.finish_with(elapsed(), &self.context.reply(&refusal, self.id));
            }
            Err(refusal) => {
                let Some(Client(out)) = response.into_unopened() else { return };
                self.context.refuse_messages(out, self.caller, &refusal, &posted.body, records);
            }
        }
    }
}
