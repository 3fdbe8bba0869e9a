//! Messages of clients of 2024-11-05: what is answered goes to their event stream.

use gatehouse_configuration::{Servers, Transport, Upstream};
use gatehouse_federation::Plan;
use gatehouse_gateway::{Handle, Refusal, SessionId, legacy_endpoint};
use gatehouse_legacy_sse::{self as mailbox, Channel};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Body, Id, Message};
use gatehouse_sealed_storage::sealing::HandleSecret;
use http::{Request, Response, StatusCode};
use shell_http::{Milliseconds, SystemEntropy, elapsed, now};
use shell_store::HostStore;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::caller::Caller;
use crate::client::rewriting::Rewriting;
use crate::client::sink::Sink;
use crate::end::{End, Gone};
use crate::log;
use crate::permit::Place;
use crate::posted::Posted;
use crate::request::{Exchange, Line};
use crate::steps::session::Session;
use crate::steps::{judge, plan, read, schema};
use crate::upstream::answers::{Form, Reading};
use crate::upstream::conversation::{self, Hearing, Over};
use crate::upstream::members::{Asked, Group};
use crate::upstream::request::{self, Call};
use crate::upstream::single_server::Answer;

/// How long a message waits for a reader that does not take what is there, and how often it tries.
const PATIENCE: Milliseconds = 30_000;
const TRY_EVERY: Milliseconds = 200;
/// How often it is asked whether the stream is still there.
const LOOK_EVERY: Milliseconds = 5_000;

/// Answers the POST.
pub(crate) fn serve(exchange: &mut Exchange<'_>, caller: &Caller, request: &IncomingRequest, out: ResponseOutparam) {
    let opened = legacy_endpoint::presented(exchange.head.uri())
        .and_then(|sealed| caller.open(&sealed)?.ok_or(Refusal::UnknownSession));
    let handle = match opened {
        Ok(handle) => handle,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    let Some((posted, out)) = read::read(exchange, caller, request, out) else { return };
    let (lines, judgement) = judge::judge(exchange, caller, &posted);
    match (handle, &exchange.endpoint.route.servers) {
        (Handle::LegacyEndpoint(url), Servers::One(upstream)) if upstream.transport == Transport::Sse => {
            match judgement {
                Ok(()) => pass_on(exchange, caller, upstream, &url, &posted, lines, out),
                Err(refusal) => exchange.refuse_post(out, caller, &refusal, &lines),
            }
        }
        (Handle::Channel { secret, expires_at }, _) => {
            let channel = Channel { secret: HandleSecret::from(secret), expires_at };
            carry(exchange, caller, &channel, &posted, &lines, judgement, out);
        }
        _ => exchange.refuse(out, Some(caller), &Refusal::UnknownSession),
    }
}

/// To a server of 2024-11-05, which answers on its own stream.
fn pass_on<'a>(
    exchange: &'a Exchange<'_>,
    caller: &'a Caller,
    upstream: &Upstream,
    url: &str,
    posted: &'a Posted,
    lines: Vec<Line<'a>>,
    out: ResponseOutparam,
) {
    // Again at the same origin: the configuration may be another one by now.
    let request = legacy_endpoint::resolve(upstream, url).and_then(|target| {
        let call = Call { target: Some(target), ..Call::passed_on(upstream, posted.bytes.clone()) };
        request::request(exchange, caller, call)
    });
    match request {
        Ok(request) => {
            let (era, session) = (posted.era, None);
            let id = posted.request().map(|(_, id)| id);
            let answer = Answer { exchange, caller, era, session, may_list: false, member: None, lines, id };
            answer.of_messages(posted, upstream, &request, Place::of_call(exchange, caller), out);
        }
        Err(refusal) => exchange.refuse_post(out, caller, &refusal, &lines),
    }
}

/// To servers of Streamable HTTP, whose answers go into the mailbox of the client's stream.
fn carry(
    exchange: &Exchange<'_>,
    caller: &Caller,
    channel: &Channel,
    posted: &Posted,
    lines: &[Line<'_>],
    judgement: Result<(), Refusal>,
    out: ResponseOutparam,
) {
    let session = match session(channel) {
        Ok(session) => session,
        Err(refusal) => return exchange.refuse_post(out, caller, &refusal, lines),
    };
    let mut delivery = Delivery { exchange, channel, looked: elapsed() };
    let carried = judgement
        .and_then(|()| schema::check(exchange, caller, posted, Some(&session)))
        .and_then(|()| prepare(exchange, caller, posted, &session));
    match carried {
        Ok(carried) => {
            accept(exchange, caller, lines, out);
            carried.deliver(exchange, caller, posted, &mut delivery);
        }
        Err(refusal) => {
            // What is told as an answer goes the way of all answers.
            let response = refusal.response_to(&exchange.endpoint, &posted.body);
            if response.status() != StatusCode::OK {
                return exchange.refuse_post(out, caller, &refusal, lines);
            }
            exchange.log_refusal(Some(caller), StatusCode::ACCEPTED.as_u16(), &refusal, lines);
            exchange.respond(out, accepted());
            delivery.deliver(response.body());
        }
    }
}

/// The servers' session of the channel.
///
/// # Errors
/// [`Refusal::UnknownSession`] where the stream is no longer there.
fn session(channel: &Channel) -> Result<Session, Refusal> {
    let unavailable = |error: mailbox::Rejection| match error {
        mailbox::Rejection::Closed => Refusal::UnknownSession,
        error => Refusal::Unavailable(format!("the channel cannot be read: {error}")),
    };
    if mailbox::is_closed(&HostStore, channel, now()).map_err(unavailable)? {
        return Err(Refusal::UnknownSession);
    }
    let noted = mailbox::upstream_session(&HostStore, channel).map_err(unavailable)?;
    Ok(noted.as_deref().and_then(Handle::parse).map_or_else(Session::default, Session::noted))
}

fn accepted() -> Response<Vec<u8>> {
    let mut response = Response::new(b"Accepted".to_vec());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn accept(exchange: &Exchange<'_>, caller: &Caller, lines: &[Line<'_>], out: ResponseOutparam) {
    exchange.log_begun(caller, lines);
    exchange.log_forwarded(caller, StatusCode::ACCEPTED.as_u16(), lines);
    exchange.respond(out, accepted());
}

/// What is to be done once the client has its 202.
enum Carried<'a> {
    /// Ask one server.
    One { request: Box<Request<Vec<u8>>>, upstream: &'a Upstream, member: usize, rewriting: Box<Rewriting<'a>> },
    /// Ask several.
    Planned { federation: gatehouse_federation::Federation, plan: Box<Plan> },
}

/// # Errors
/// Where the message cannot be sent.
fn prepare<'a>(
    exchange: &'a Exchange<'_>,
    caller: &'a Caller,
    posted: &Posted,
    session: &Session,
) -> Result<Carried<'a>, Refusal> {
    let rewriting = Rewriting::new(exchange, caller, posted.lists());
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => {
            let call = Call {
                session_id: session.id()?,
                accept: Some(request::BOTH),
                is_read: true,
                ..Call::passed_on(upstream, posted.bytes.clone())
            };
            let request = Box::new(request::request(exchange, caller, call)?);
            Ok(Carried::One { request, upstream, member: 0, rewriting: Box::new(rewriting) })
        }
        Servers::Federated(members) => {
            let (federation, plan) = plan::plan_in(exchange, posted, session)?;
            let Plan::One { sending, stream } = plan else {
                return Ok(Carried::Planned { federation, plan: Box::new(plan) });
            };
            let group =
                Group { exchange, caller, members, federation: &federation, id: None, accept: Some(request::BOTH) };
            let request = Box::new(group.request(&sending)?);
            let upstream = members.get(sending.member).map(|member| &member.upstream);
            let upstream = upstream.ok_or_else(|| Refusal::Unavailable("the route has no such member".to_owned()))?;
            let rewriting = Box::new(rewriting.federated(stream));
            Ok(Carried::One { request, upstream, member: sending.member, rewriting })
        }
    }
}

impl Carried<'_> {
    fn deliver(self, exchange: &Exchange<'_>, caller: &Caller, posted: &Posted, delivery: &mut Delivery<'_>) {
        let id = posted.request().map(|(_, id)| id);
        let mut place = Place::of_call(exchange, caller);
        match self {
            Self::One { request, upstream, member, rewriting } => {
                let mut reading = Reading::default();
                reading.start(&request, request::limits(upstream));
                let status = StatusCode::OK;
                let mut replies =
                    Replies { channel: delivery.channel, id, member, rewriting: *rewriting, status, has_spoken: false };
                let end = conversation::converse(&mut reading, delivery, &mut replies, &mut place);
                exchange.log_end(caller, StatusCode::ACCEPTED, &end);
                if let (End::Failed(refusal) | End::NoPlace(refusal), Some(id)) = (end, id) {
                    delivery.refuse(&refusal, id);
                }
            }
            Self::Planned { federation, plan } => {
                let members = exchange.members();
                let group =
                    Group { exchange, caller, members, federation: &federation, id, accept: Some(request::BOTH) };
                deliver_plan(&group, *plan, delivery, &mut place);
            }
        }
    }
}

fn deliver_plan(group: &Group<'_>, plan: Plan, delivery: &mut Delivery<'_>, place: &mut Place<'_>) {
    let (sendings, merge) = match plan {
        Plan::All { sendings, merge } => (sendings, merge),
        Plan::Answer { reply, .. } => return delivery.deliver(reply.to_object().to_string().as_bytes()),
        // The transport has no subscriptions of 2026-07-28, and what one member does is done elsewhere.
        Plan::One { .. } | Plan::Listen { .. } | Plan::Nothing => return,
    };
    let told = match group.ask_all(&sendings, merge, delivery, place) {
        Asked::Merged(merged) => group.told(merged),
        Asked::Said | Asked::Ended(End::Complete | End::Gone(_)) => return,
        Asked::Ended(End::Failed(refusal) | End::NoPlace(refusal)) => Err(refusal),
    };
    let told = told.and_then(|told| {
        told.session.as_ref().map_or(Ok(()), |handle| note(delivery.channel, handle))?;
        Ok(told.text)
    });
    match (told, group.id) {
        (Ok(text), _) if !text.is_empty() => delivery.deliver(text.as_bytes()),
        (Err(refusal), Some(id)) => delivery.refuse(&refusal, id),
        _ => {}
    }
}

/// Notes the servers' session for the messages that follow. Before its first message is given out: whoever has that may
/// go on at once.
fn note(channel: &Channel, handle: &Handle) -> Result<(), Refusal> {
    mailbox::set_upstream_session(&HostStore, channel, &handle.to_text(), now(), &mut SystemEntropy)
        .map_err(|error| Refusal::Unavailable(format!("the channel's session cannot be noted: {error}")))
}

/// What one server answers, for the mailbox.
struct Replies<'a> {
    channel: &'a Channel,
    id: Option<&'a Id>,
    member: usize,
    rewriting: Rewriting<'a>,
    status: StatusCode,
    /// Whether the client got anything of it.
    has_spoken: bool,
}

impl Hearing for Replies<'_> {
    fn head(&mut self, _: usize, head: &Response<()>) -> Result<(), Refusal> {
        self.status = head.status();
        if self.rewriting.is_of_one()
            && let Some(id) = SessionId::issued(head.headers(), gatehouse_gateway::Era::of(&http::HeaderMap::new()))?
        {
            note(self.channel, &Handle::Session(id.as_str().to_owned()))?;
        }
        let is_readable = self.id.is_none() || Form::of(head.headers()) != Form::Other;
        if is_readable { Ok(()) } else { Err(Refusal::UpstreamMalformed("it is neither JSON nor events")) }
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let Some(text) = event.data.filter(|data| !data.is_empty()) else { return Ok(Vec::new()) };
        let Some(text) = self.rewriting.text(self.member, self.with_id(text)?)? else { return Ok(Vec::new()) };
        self.has_spoken = true;
        Ok(vec![Event::message(text)])
    }

    fn over(&mut self, _: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        match over {
            Over::Regularly if self.has_spoken || self.id.is_none() => Ok(Vec::new()),
            Over::Regularly => Err(Refusal::UpstreamMalformed("it is empty")),
            Over::NoAnswer(reason) => Err(request::no_answer(&reason)),
            Over::Broken(why) => Err(Refusal::UpstreamMalformed(why)),
        }
    }
}

impl Replies<'_> {
    /// An error that stands in an answer of HTTP belongs to the request by that; on the client's stream, by its id alone.
    fn with_id(&self, text: String) -> Result<String, Refusal> {
        if self.status.is_success() {
            return Ok(text);
        }
        let malformed = Refusal::UpstreamMalformed("it is an error that is not JSON-RPC");
        match Body::parse_answer(text.as_bytes()) {
            Ok(Body::Single(Message::Response(mut reply))) => {
                reply.id = reply.id.or_else(|| self.id.cloned());
                Ok(reply.to_object().to_string())
            }
            Ok(Body::Single(_) | Body::Batch(_)) | Err(_) => Err(malformed),
        }
    }
}

/// Messages on their way into the mailbox.
struct Delivery<'a> {
    exchange: &'a Exchange<'a>,
    channel: &'a Channel,
    looked: Milliseconds,
}

impl Delivery<'_> {
    /// Delivers a message; where that fails, the log says so, for nobody else is listening.
    fn deliver(&mut self, message: &[u8]) {
        if let Err(error) = self.post(message) {
            self.not_delivered(message, &error);
        }
    }

    /// A client that waits for an answer that the mailbox cannot hold would wait for ever: it is told so.
    fn not_delivered(&mut self, message: &[u8], error: &mailbox::Rejection) {
        log::event("message-not-delivered", Some(self.exchange.endpoint.path()), &error.to_string());
        if *error == mailbox::Rejection::TooLarge
            && let Ok(Body::Single(Message::Response(reply))) = Body::parse_answer(message)
            && let Some(id) = reply.id
        {
            self.refuse(&Refusal::UpstreamMalformed("it is too large for a client of 2024-11-05"), &id);
        }
    }

    fn refuse(&mut self, refusal: &Refusal, id: &Id) {
        self.deliver(refusal.reply(&self.exchange.endpoint, Some(id)).to_object().to_string().as_bytes());
    }

    fn post(&self, message: &[u8]) -> Result<(), mailbox::Rejection> {
        let deadline = elapsed().saturating_add(PATIENCE);
        loop {
            match mailbox::post(&HostStore, self.channel, message, now(), &mut SystemEntropy) {
                Err(mailbox::Rejection::Full) if elapsed() < deadline => shell_http::wait(TRY_EVERY),
                posted => return posted,
            }
        }
    }
}

impl Sink for Delivery<'_> {
    fn begin(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    fn send(&mut self, event: &Event) -> Result<(), Gone> {
        let message = event.data.as_deref().unwrap_or_default();
        match self.post(message.as_bytes()) {
            Ok(()) => Ok(()),
            Err(mailbox::Rejection::Closed) => Err(Gone::Reader),
            Err(error) => {
                self.not_delivered(message.as_bytes(), &error);
                Ok(())
            }
        }
    }

    fn wait(&mut self) -> Result<(), Gone> {
        if elapsed().saturating_sub(self.looked) < LOOK_EVERY {
            return Ok(());
        }
        self.looked = elapsed();
        match mailbox::is_closed(&HostStore, self.channel, now()) {
            Ok(true) => Err(Gone::Reader),
            // While the store does not answer, nobody knows.
            Ok(false) | Err(_) => Ok(()),
        }
    }
}
