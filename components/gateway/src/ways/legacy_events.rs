//! The event stream of 2024-11-05, and of the route's own path where its server speaks nothing else.

use gatehouse_audit_log as audit_log;
use gatehouse_configuration::{Servers, Transport, Upstream};
use gatehouse_gateway::answer::{AnswerHandler, ClientResponse, MemberStreams, UpstreamEnd, converse, first_answer};
use gatehouse_gateway::legacy_stream::{LegacyServerStream, legacy_stream_head};
use gatehouse_gateway::{
    MailboxPolling, MessageRecord, Milliseconds, ProtocolRevision, Refusal, SealReferences, SealedReference, Session,
    UpstreamTimeouts, legacy_endpoint,
};
use gatehouse_legacy_sse::{self as legacy_sse, Channel, Cursor};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::header::EVENT_STREAM;
use gatehouse_protocol::SecretBytes;
use gatehouse_sealed_storage::sealing::HandleSecret;
use http::{HeaderMap, Response, StatusCode};
use shell_http::{SystemEntropy, elapsed, now};
use shell_store::HostStore;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::{Client, own_response};
use crate::clock::HostClock;
use crate::context::RequestContext;
use crate::log;
use crate::permit::RequestPermit;
use crate::steps::plan;
use crate::upstream::member_sessions::end_all;
use crate::upstream::member_streams;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::transfers::{OutboundTransfers, ServerAnswers, no_answers, send};

/// Seconds by which a channel outlives its stream: whoever is writing then still finds it, closed.
const AFTERWARDS: u64 = 60;
/// How long a server may take to end the session of a client that has left.
const PARTING: Milliseconds = 5_000;

/// Answers the GET.
pub(crate) fn serve(context: &RequestContext<'_>, caller: &Caller, out: ResponseOutparam) {
    let permit = match RequestPermit::of_stream(context, caller) {
        Ok(permit) => permit,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    match &context.endpoint.route.servers {
        Servers::One(upstream) if upstream.transport == Transport::Sse => {
            pass_on(context, caller, upstream, permit, out);
        }
        Servers::One(_) | Servers::Federated(_) => translate(context, caller, permit, out),
    }
}

/// In front of a server of 2024-11-05: its events, but for the first, which says where messages are posted.
fn pass_on(
    context: &RequestContext<'_>,
    caller: &Caller,
    upstream: &Upstream,
    mut permit: RequestPermit<'_>,
    out: ResponseOutparam,
) {
    let request = match UpstreamRequest::for_stream(upstream).build(context, caller) {
        Ok(request) => request,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    context.log_begun(caller, &[MessageRecord::default()]);
    // The first event comes at once, and the head with it.
    let mut answers = send(request, UpstreamTimeouts::of_request(upstream));
    let time = UpstreamTimeouts::longest(upstream);
    let head = first_answer(&HostClock, &mut answers, time, &mut permit).into_head().and_then(legacy_stream_head);
    let head = match head {
        Ok(head) => head,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    context.log_forwarded(caller, head.status(), &[MessageRecord::default()]);
    let headers = context.returned(head.headers(), None, true);
    let mut response = ClientResponse::new(Client(out), headers, context.deadline());
    let mut stream = LegacyServerStream::new(&context.endpoint, upstream, caller, context.rewriting(caller, true));
    let end = converse(&HostClock, &mut answers, &mut response, &mut stream, &mut permit);
    context.log_end(caller, StatusCode::OK, &end);
    if end.is_regular() {
        response.finish();
    }
}

/// In front of Streamable HTTP: what other requests post into the stream's mailbox, and what the servers say by
/// themselves.
fn translate(context: &RequestContext<'_>, caller: &Caller, mut permit: RequestPermit<'_>, out: ResponseOutparam) {
    let (channel, sealed) = match open(context, caller) {
        Ok(opened) => opened,
        Err(refusal) => return context.refuse(out, Some(caller), &refusal),
    };
    context.log_begun(caller, &[MessageRecord::default()]);
    context.log_forwarded(caller, StatusCode::OK, &[MessageRecord::default()]);
    let mut response = own_response(context, out);
    let mut mailbox = MailboxStream {
        context,
        caller,
        channel: &channel,
        cursor: Cursor::new(),
        announcement: Some(legacy_endpoint::event(&context.endpoint, &sealed)),
        polling: MailboxPolling::new(elapsed()),
        session: None,
        streams: None,
    };
    let mut answers = no_answers();
    let end = converse(&HostClock, &mut answers, &mut response, &mut mailbox, &mut permit);
    let session = mailbox.session.take();
    context.log_end(caller, StatusCode::OK, &end);
    if end.is_regular() {
        response.finish();
    } else {
        drop(response);
    }
    drop(answers);
    if let Err(error) = legacy_sse::close(&HostStore, &channel) {
        log::event(audit_log::Event::ChannelNotClosed, Some(context.endpoint.path()), &error.to_string());
    }
    if let Some(session) = session {
        end_session(context, caller, &session, &mut permit);
    }
}

fn open(context: &RequestContext<'_>, caller: &Caller) -> Result<(Channel, String), Refusal> {
    let lifetime = context.endpoint.route.limits.stream_total.saturating_add(AFTERWARDS);
    let secret = HandleSecret::generate(&mut SystemEntropy);
    let channel = Channel { secret, expires_at: now().plus(lifetime) };
    legacy_sse::open(&HostStore, &channel)
        .map_err(|error| Refusal::Unavailable(format!("a channel cannot be opened: {error}")))?;
    let secret = SecretBytes::new(*channel.secret.expose());
    let sealed = caller.seal(&SealedReference::Channel { secret, expires_at: channel.expires_at })?;
    Ok((channel, sealed))
}

/// The servers end the session that began on the stream. It is nobody's loss where one is not told of it: it forgets
/// the session by itself.
fn end_session(context: &RequestContext<'_>, caller: &Caller, session: &Session, permit: &mut RequestPermit<'_>) {
    match &context.endpoint.route.servers {
        Servers::One(upstream) => {
            let Ok(Some(id)) = session.id() else { return };
            let Ok(request) = UpstreamRequest::end_of_session(upstream, Some(id)).build(context, caller) else {
                return;
            };
            let mut answers = send(request, UpstreamTimeouts::of_session_end(upstream));
            let _answer = first_answer(&HostClock, &mut answers, PARTING, permit);
        }
        Servers::Federated(_) => {
            let Ok(federation) = plan::federation(context, ProtocolRevision::of(&HeaderMap::new())) else { return };
            let Ok(Some(sessions)) = session.of_members(&federation) else { return };
            let _answer = end_all(context, caller, &federation.sessions(&sessions), permit);
        }
    }
}

/// The stream of a client whose messages come by way of the store.
struct MailboxStream<'a> {
    context: &'a RequestContext<'a>,
    caller: &'a Caller,
    channel: &'a Channel,
    cursor: Cursor,
    /// What is said first.
    announcement: Option<Event>,
    polling: MailboxPolling,
    /// The servers' session, once it has begun.
    session: Option<Session>,
    /// What the servers say by themselves, from then on.
    streams: Option<MemberStreams<'a>>,
}

impl MailboxStream<'_> {
    /// What has been posted; `None` where there will be no more.
    fn posted(&mut self) -> Option<Vec<Event>> {
        match legacy_sse::take_next(&HostStore, self.channel, &mut self.cursor, now()) {
            Ok(messages) => {
                let texts = messages.into_iter().filter_map(|message| String::from_utf8(message).ok());
                Some(texts.map(Event::message).collect())
            }
            Err(legacy_sse::Rejection::Closed) => None,
            Err(error) => {
                log::event(audit_log::Event::ChannelNotRead, Some(self.context.endpoint.path()), &error.to_string());
                Some(Vec::new())
            }
        }
    }

    /// Begins to listen to the servers, once a session has begun.
    fn listen(&mut self, transfers: &mut OutboundTransfers) -> Result<(), Refusal> {
        let recorded = legacy_sse::upstream_session(&HostStore, self.channel)
            .map_err(|error| Refusal::Unavailable(format!("the channel's session cannot be read: {error}")))?;
        let Some(reference) = recorded.as_deref().and_then(SealedReference::parse) else { return Ok(()) };
        let session = Session::recorded(reference);
        let rewriting = self.context.rewriting(self.caller, true);
        self.streams = Some(match &self.context.endpoint.route.servers {
            Servers::One(upstream) => {
                let request = UpstreamRequest {
                    session_id: session.id()?,
                    accept: Some(EVENT_STREAM),
                    ..UpstreamRequest::for_stream(upstream)
                };
                let request = request.build(self.context, self.caller)?;
                transfers.start(request, UpstreamTimeouts::of_stream(upstream));
                MemberStreams::new([(0, session.id()?.is_some())], rewriting)
            }
            Servers::Federated(_) => {
                let federation = plan::federation(self.context, ProtocolRevision::of(&HeaderMap::new()))?;
                let sessions = session.of_members(&federation)?;
                let (requests, stream) = federation.plan_get(sessions.as_ref(), None);
                let members = member_streams::start(self.context, self.caller, &requests, transfers)?;
                MemberStreams::new(members, rewriting.federated(stream))
            }
        });
        self.session = Some(session);
        Ok(())
    }
}

impl AnswerHandler<OutboundTransfers> for MailboxStream<'_> {
    fn head(&mut self, number: usize, head: &Response<()>) -> Result<(), Refusal> {
        if let Some(streams) = &mut self.streams {
            streams.head(number, head);
        }
        Ok(())
    }

    fn event(&mut self, number: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let event = self.streams.as_mut().and_then(|streams| streams.message(number, event));
        Ok(event.into_iter().collect())
    }

    /// A server without a stream has nothing to say by itself.
    fn end(&mut self, _: usize, _: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        Ok(Vec::new())
    }

    fn begins(&self) -> bool {
        true
    }

    fn outlasts_answers(&self) -> bool {
        true
    }

    fn interval(&self) -> Milliseconds {
        self.polling.interval()
    }

    fn tick(&mut self, now: Milliseconds, answers: &mut ServerAnswers) -> Option<Vec<Event>> {
        let mut events: Vec<_> = self.announcement.take().into_iter().collect();
        let posted = self.posted()?;
        // A session begins with an answer that is posted.
        if self.streams.is_none()
            && !posted.is_empty()
            && let Err(refusal) = self.listen(answers.transfers())
        {
            log::event(audit_log::Event::NotListening, Some(self.context.endpoint.path()), &refusal.reason());
        }
        self.polling.note_look(now, !posted.is_empty());
        events.extend(posted);
        Some(events)
    }
}
