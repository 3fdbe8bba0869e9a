//! Messages of clients of 2024-11-05: what is answered goes to their event stream.

use gatehouse_audit_log::Event;
use gatehouse_configuration::{Servers, Transport, Upstream};
use gatehouse_federation::{Federation, Plan};
use gatehouse_gateway::answer::{ConversationEnd, converse};
use gatehouse_gateway::{
    LegacyDelivery, LegacyReplies, Mailbox, MessageRecord, PostedMessages, Refusal, SealReferences, SealedReference,
    Session, UpstreamTimeouts, legacy_endpoint,
};
use gatehouse_legacy_sse::{self as legacy_sse, Channel, Rejection};
use gatehouse_mcp_wire::header::JSON_OR_EVENT_STREAM;
use gatehouse_sealed_storage::sealing::HandleSecret;
use http::{Request, Response, StatusCode};
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::log;
use crate::permit::RequestPermit;
use crate::steps::judge::judge;
use crate::steps::plan::plan;
use crate::steps::read::read;
use crate::steps::schema;
use crate::upstream::federation::{FederatedRequest, GroupOutcome};
use crate::upstream::request::UpstreamRequest;
use crate::upstream::single_server::ServerAnswer;
use crate::upstream::transfers::send;

/// Answers the POST.
pub(crate) fn serve(
    context: &mut RequestContext<'_>,
    caller: &Caller,
    request: &IncomingRequest,
    out: ResponseOutparam,
) {
    let opened = legacy_endpoint::presented(context.head.uri())
        .and_then(|sealed| caller.open(&sealed)?.ok_or(Refusal::UnknownSession));
    let reference = match opened {
        Ok(reference) => reference,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    let Some((posted, bytes, out)) = read(context, caller, request, out) else { return };
    let (records, judgement) = judge(context, caller, &posted);
    match (reference, &context.endpoint.route.servers) {
        (SealedReference::LegacyEndpoint(url), Servers::One(upstream)) if upstream.transport == Transport::Sse => {
            // Again at the same origin: the configuration may be another one by now.
            let request = judgement.and_then(|()| legacy_endpoint::resolve(upstream, &url)).and_then(|target| {
                let target = Some(target);
                UpstreamRequest { target, ..UpstreamRequest::posted(upstream, bytes) }.build(context, caller)
            });
            match request {
                Ok(request) => pass_on(context, caller, upstream, request, &posted, records, out),
                Err(refusal) => context.refuse_post(out, caller, &refusal, &records),
            }
        }
        (SealedReference::Channel { secret, expires_at }, _) => {
            let channel = Channel { secret: HandleSecret::from(secret), expires_at };
            let post = ChannelPost { context, caller, channel: &channel, posted: &posted };
            post.serve(bytes, &records, judgement, out);
        }
        _ => context.refuse(out, Some(caller), &Refusal::UnknownSession),
    }
}

/// To a server of 2024-11-05, which answers on its own stream.
fn pass_on<'a>(
    context: &'a RequestContext<'_>,
    caller: &'a Caller,
    upstream: &Upstream,
    request: Request<Vec<u8>>,
    posted: &'a PostedMessages,
    records: Vec<MessageRecord<'a>>,
    out: ResponseOutparam,
) {
    let (revision, id) = (posted.revision, posted.request_id());
    let answer =
        ServerAnswer { context, caller, revision, session: None, may_hold_listing: false, member: None, records, id };
    answer.of_messages(posted, upstream, request, RequestPermit::of_call(context, caller), out);
}

/// A message for servers of Streamable HTTP, whose answers go into the mailbox of the client's stream.
struct ChannelPost<'a> {
    context: &'a RequestContext<'a>,
    caller: &'a Caller,
    channel: &'a Channel,
    posted: &'a PostedMessages,
}

/// What is to be done once the client has its 202.
enum Prepared<'a> {
    /// Ask one server.
    One {
        request: Box<Request<Vec<u8>>>,
        upstream: &'a Upstream,
        member: usize,
        stream: Option<Box<gatehouse_federation::Stream>>,
    },
    /// Ask several.
    Planned { federation: Federation, plan: Box<Plan> },
}

impl ChannelPost<'_> {
    fn serve(
        &self,
        bytes: Vec<u8>,
        records: &[MessageRecord<'_>],
        judgement: Result<(), Refusal>,
        out: ResponseOutparam,
    ) {
        let (context, caller) = (self.context, self.caller);
        let session = match self.session() {
            Ok(session) => session,
            Err(refusal) => return context.refuse_post(out, caller, &refusal, records),
        };
        let mailbox = ChannelMailbox { channel: self.channel, path: context.endpoint.path() };
        let mut delivery = LegacyDelivery::new(&mailbox, &HostClock, &context.endpoint);
        match judgement.and_then(|()| self.prepare(bytes, &session)) {
            Ok(prepared) => {
                context.log_begun(caller, records);
                context.log_forwarded(caller, StatusCode::ACCEPTED, records);
                context.respond(out, accepted());
                self.deliver(prepared, &mut delivery);
            }
            Err(refusal) => {
                // What is said as an answer goes the way of all answers.
                let response = refusal.response_to(&context.endpoint, &self.posted.body);
                if response.status() != StatusCode::OK {
                    return context.refuse_post(out, caller, &refusal, records);
                }
                context.log_refusal(Some(caller), StatusCode::ACCEPTED.as_u16(), &refusal, records);
                context.respond(out, accepted());
                delivery.deliver(response.body());
            }
        }
    }

    /// The servers' session of the channel.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where the stream is no longer there.
    fn session(&self) -> Result<Session, Refusal> {
        let unavailable = |error: Rejection| match error {
            Rejection::Closed => Refusal::UnknownSession,
            error => Refusal::Unavailable(format!("the channel cannot be read: {error}")),
        };
        if legacy_sse::is_closed(&HostStore, self.channel, now()).map_err(unavailable)? {
            return Err(Refusal::UnknownSession);
        }
        let recorded = legacy_sse::upstream_session(&HostStore, self.channel).map_err(unavailable)?;
        Ok(recorded.as_deref().and_then(SealedReference::parse).map_or_else(Session::default, Session::recorded))
    }

    /// # Errors
    /// Where the message cannot be sent.
    fn prepare(&self, bytes: Vec<u8>, session: &Session) -> Result<Prepared<'_>, Refusal> {
        let (context, caller) = (self.context, self.caller);
        match &context.endpoint.route.servers {
            Servers::One(upstream) => {
                schema::check(context, caller, self.posted, upstream, session)?;
                let request = UpstreamRequest {
                    session_id: session.id()?,
                    accept: Some(JSON_OR_EVENT_STREAM),
                    ..UpstreamRequest::posted(upstream, bytes)
                };
                let request = Box::new(request.build(context, caller)?);
                Ok(Prepared::One { request, upstream, member: 0, stream: None })
            }
            Servers::Federated(members) => {
                let (federation, plan) = plan(context, self.posted, session)?;
                schema::check_planned(context, caller, self.posted, &plan)?;
                let Plan::ToOne { request, stream } = plan else {
                    return Ok(Prepared::Planned { federation, plan: Box::new(plan) });
                };
                let member = request.member;
                let request = Box::new(self.federated(&federation).request(request)?);
                let upstream = members.get(member).map(|member| &member.upstream);
                let upstream =
                    upstream.ok_or_else(|| Refusal::Unavailable("the route has no such member".to_owned()))?;
                let stream = Some(Box::new(stream));
                Ok(Prepared::One { request, upstream, member, stream })
            }
        }
    }

    fn federated<'f>(&'f self, federation: &'f Federation) -> FederatedRequest<'f> {
        let (context, caller, id) = (self.context, self.caller, self.posted.request_id());
        FederatedRequest { context, caller, federation, id, accept: Some(JSON_OR_EVENT_STREAM) }
    }

    fn deliver(&self, prepared: Prepared<'_>, delivery: &mut Delivery<'_>) {
        let (context, id) = (self.context, self.posted.request_id());
        let mut permit = RequestPermit::of_call(context, self.caller);
        match prepared {
            Prepared::One { request, upstream, member, stream } => {
                let mut answers = send(*request, UpstreamTimeouts::of_request(upstream));
                let rewriting = context.rewriting(self.caller, self.posted.may_return_listing());
                let rewriting = match stream {
                    Some(stream) => rewriting.federated(*stream),
                    None => rewriting,
                };
                let mut record = |session: &SealedReference| self.record_session(session);
                let mut replies = LegacyReplies::new(id, member, rewriting, &mut record);
                let end = converse(&HostClock, &mut answers, delivery, &mut replies, &mut permit);
                context.log_end(self.caller, StatusCode::ACCEPTED, &end);
                if let (ConversationEnd::Failed(refusal) | ConversationEnd::PermitLost(refusal), Some(id)) = (end, id) {
                    delivery.refuse(&refusal, id);
                }
            }
            Prepared::Planned { federation, plan } => {
                self.deliver_plan(&self.federated(&federation), *plan, delivery, &mut permit);
            }
        }
    }

    fn deliver_plan(
        &self,
        federated: &FederatedRequest<'_>,
        plan: Plan,
        delivery: &mut Delivery<'_>,
        permit: &mut RequestPermit<'_>,
    ) {
        let (requests, merge) = match plan {
            Plan::ToAll { requests, merge } => (requests, merge),
            Plan::Answer { reply, .. } => return delivery.deliver(reply.to_object().to_string().as_bytes()),
            // The transport has no subscriptions of 2026-07-28, and what one member does is done elsewhere.
            Plan::ToOne { .. } | Plan::Subscribe { .. } | Plan::Accept => return,
        };
        let merged = match federated.ask_all(requests, merge, delivery, permit) {
            GroupOutcome::Merged(merged) => federated.merged(merged),
            GroupOutcome::Ended(ConversationEnd::Failed(refusal) | ConversationEnd::PermitLost(refusal)) => {
                Err(refusal)
            }
            GroupOutcome::Streamed | GroupOutcome::Ended(ConversationEnd::Complete | ConversationEnd::Stream(_)) => {
                return;
            }
        };
        let text = merged.and_then(|merged| {
            merged.session.as_ref().map_or(Ok(()), |session| self.record_session(session))?;
            Ok(merged.text)
        });
        match (text, federated.id) {
            (Ok(text), _) if !text.is_empty() => delivery.deliver(text.as_bytes()),
            (Err(refusal), Some(id)) => delivery.refuse(&refusal, id),
            _ => {}
        }
    }

    /// Records the servers' session for the messages that follow.
    fn record_session(&self, session: &SealedReference) -> Result<(), Refusal> {
        legacy_sse::set_upstream_session(&HostStore, self.channel, &session.to_text(), now(), &mut SystemEntropy)
            .map_err(|error| Refusal::Unavailable(format!("the channel's session cannot be noted: {error}")))
    }
}

/// Without a body: the official SDK's client closes the connection as soon as it has the head, and whoever leaves in the middle of an answer
/// is taken for gone, with all that was done for them.
fn accepted() -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

type Delivery<'a> = LegacyDelivery<'a, ChannelMailbox<'a>, HostClock>;

/// The mailbox in the store.
struct ChannelMailbox<'a> {
    channel: &'a Channel,
    path: &'a str,
}

impl Mailbox for ChannelMailbox<'_> {
    fn post(&self, message: &[u8]) -> Result<(), Rejection> {
        legacy_sse::post(&HostStore, self.channel, message, now(), &mut SystemEntropy)
    }

    fn is_closed(&self) -> Result<bool, Rejection> {
        legacy_sse::is_closed(&HostStore, self.channel, now())
    }

    fn log_undelivered(&self, reason: &Rejection) {
        log::event(Event::MessageNotDelivered, Some(self.path), &reason.to_string());
    }
}
