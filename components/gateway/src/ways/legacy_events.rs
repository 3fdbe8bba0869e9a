//! The event stream of 2024-11-05, and of the route's own path where its server speaks nothing else.

use gatehouse_configuration::{Servers, Transport, Upstream};
use gatehouse_federation::Listen;
use gatehouse_gateway::{Era, Handle, Refusal, legacy_endpoint};
use gatehouse_legacy_sse::{self as mailbox, Channel, Cursor};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_protocol::SecretBytes;
use gatehouse_sealed_storage::sealing::HandleSecret;
use http::{HeaderMap, Response, StatusCode};
use shell_http::{Milliseconds, SystemEntropy, elapsed, now};
use shell_store::HostStore;
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::clock::{Patience, TICK};
use crate::client::response::Answering;
use crate::client::rewriting::Rewriting;
use crate::end::{End, Gone};
use crate::log;
use crate::permit::Place;
use crate::request::{Exchange, Line};
use crate::steps::plan;
use crate::steps::session::Session;
use crate::upstream::answers::{Form, Reading, Said};
use crate::upstream::conversation::{self, Hearing, Over};
use crate::upstream::member_sessions;
use crate::upstream::member_streams::{self, EVENTS};
use crate::upstream::request::{self, Call};

/// How often the mailbox is looked into after something was in it, and how often after a while of silence. Each look is
/// a question to the store.
const BUSY: Milliseconds = 50;
const QUIET: Milliseconds = 500;
/// Seconds by which a channel outlives its stream: whoever is writing then still finds it, closed.
const AFTERWARDS: u64 = 60;
/// How long a server may take to end the session of a client that has left.
const PARTING: Milliseconds = 5_000;

/// Answers the GET.
pub(crate) fn serve(exchange: &Exchange<'_>, caller: &Caller, out: ResponseOutparam) {
    let place = match Place::of_stream(exchange, caller) {
        Ok(place) => place,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) if upstream.transport == Transport::Sse => {
            pass_on(exchange, caller, upstream, place, out)
        }
        Servers::One(_) | Servers::Federated(_) => translate(exchange, caller, place, out),
    }
}

/// In front of a server of 2024-11-05: its events, but for the first, which says where messages are posted.
fn pass_on(exchange: &Exchange<'_>, caller: &Caller, upstream: &Upstream, mut place: Place<'_>, out: ResponseOutparam) {
    let request = match request::request(exchange, caller, Call::listening(upstream)) {
        Ok(request) => request,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    exchange.log_begun(caller, &[Line::default()]);
    let mut reading = Reading::default();
    // The first event comes at once, and the head with it.
    reading.start(&request, request::limits(upstream));
    let refusal = match conversation::first(&mut reading, request::longest(upstream), &mut place) {
        Ok(Said::Head(_, head)) if head.status().is_success() && Form::of(head.headers()) == Form::Events => {
            exchange.log_forwarded(caller, head.status().as_u16(), &[Line::default()]);
            let headers = exchange.returned(head.headers(), None, true);
            let mut answering = Answering::new(out, headers, Patience::of(&exchange.endpoint.route.limits));
            let rewriting = Rewriting::new(exchange, caller, true);
            let mut passed = PassedOn { exchange, caller, upstream, rewriting };
            let end = conversation::converse(&mut reading, &mut answering, &mut passed, &mut place);
            exchange.log_end(caller, StatusCode::OK, &end);
            if matches!(end, End::Complete | End::Gone(Gone::Time)) {
                answering.finish();
            }
            return;
        }
        Ok(Said::Head(..)) => Refusal::UpstreamMalformed("it is no event stream"),
        Ok(Said::NoAnswer(_, reason)) => request::no_answer(&reason),
        Ok(Said::Tick) => Refusal::UpstreamTimedOut,
        Ok(Said::Event(..) | Said::End(_) | Said::Broken(..)) => Refusal::UpstreamMalformed("it has no head"),
        Err(refusal) => refusal,
    };
    exchange.refuse(out, Some(caller), &refusal);
}

struct PassedOn<'a> {
    exchange: &'a Exchange<'a>,
    caller: &'a Caller,
    upstream: &'a Upstream,
    rewriting: Rewriting<'a>,
}

impl Hearing for PassedOn<'_> {
    fn head(&mut self, _: usize, _: &Response<()>) -> Result<(), Refusal> {
        Ok(())
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        if event.event.as_deref() != Some("endpoint") {
            return Ok(self.rewriting.event(0, event)?.into_iter().collect());
        }
        let own = legacy_endpoint::resolve(self.upstream, event.data.as_deref().unwrap_or_default())?;
        let sealed = self.caller.bind(&Handle::LegacyEndpoint(own.to_string()))?;
        Ok(vec![endpoint_event(self.exchange, &sealed)])
    }

    fn over(&mut self, _: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        match over {
            Over::Regularly => Ok(Vec::new()),
            Over::NoAnswer(reason) => Err(request::no_answer(&reason)),
            Over::Broken(why) => Err(Refusal::UpstreamMalformed(why)),
        }
    }

    fn begins(&self) -> bool {
        true
    }
}

fn endpoint_event(exchange: &Exchange<'_>, sealed: &str) -> Event {
    let data = legacy_endpoint::announced(&exchange.endpoint, sealed);
    Event { event: Some("endpoint".to_owned()), data: Some(data), ..Event::default() }
}

/// In front of Streamable HTTP: what other requests post into the stream's mailbox, and what the servers say by
/// themselves.
fn translate(exchange: &Exchange<'_>, caller: &Caller, mut place: Place<'_>, out: ResponseOutparam) {
    let (channel, sealed) = match open(exchange, caller) {
        Ok(opened) => opened,
        Err(refusal) => return exchange.refuse(out, Some(caller), &refusal),
    };
    exchange.log_begun(caller, &[Line::default()]);
    exchange.log_forwarded(caller, StatusCode::OK.as_u16(), &[Line::default()]);
    let headers = exchange.returned(&HeaderMap::new(), None, true);
    let mut answering = Answering::new(out, headers, Patience::of(&exchange.endpoint.route.limits));
    let mut translated = Translated {
        exchange,
        caller,
        channel: &channel,
        cursor: Cursor::new(),
        announced: Some(endpoint_event(exchange, &sealed)),
        pace: BUSY,
        session: None,
        stream: Ears::NotYet,
        heard: elapsed(),
    };
    let mut reading = Reading::default();
    let end = conversation::converse(&mut reading, &mut answering, &mut translated, &mut place);
    let session = translated.session.take();
    exchange.log_end(caller, StatusCode::OK, &end);
    match end {
        End::Complete | End::Gone(Gone::Time) => answering.finish(),
        End::Failed(_) | End::NoPlace(_) | End::Gone(Gone::Reader) => drop(answering),
    }
    drop(reading);
    if let Err(error) = mailbox::close(&HostStore, &channel) {
        log::event("channel-not-closed", Some(exchange.endpoint.path()), &error.to_string());
    }
    if let Some(session) = session {
        end_session(exchange, caller, &session, &mut place);
    }
}

fn open(exchange: &Exchange<'_>, caller: &Caller) -> Result<(Channel, String), Refusal> {
    let lifetime = exchange.endpoint.route.limits.stream_total.saturating_add(AFTERWARDS);
    let secret = HandleSecret::generate(&mut SystemEntropy);
    let channel = Channel { secret, expires_at: now().plus(lifetime) };
    mailbox::open(&HostStore, &channel)
        .map_err(|error| Refusal::Unavailable(format!("a channel cannot be opened: {error}")))?;
    let secret = SecretBytes::new(*channel.secret.expose());
    let sealed = caller.bind(&Handle::Channel { secret, expires_at: channel.expires_at })?;
    Ok((channel, sealed))
}

/// The servers end the session that began on the stream. It is nobody's loss where one does not hear of it: it forgets
/// the session by itself.
fn end_session(exchange: &Exchange<'_>, caller: &Caller, session: &Session, place: &mut Place<'_>) {
    match &exchange.endpoint.route.servers {
        Servers::One(upstream) => {
            let Ok(Some(id)) = session.id() else { return };
            let Ok(request) = request::request(exchange, caller, Call::end_of_session(upstream, Some(id))) else {
                return;
            };
            let mut reading = Reading::default();
            reading.start(&request, request::parting_limits(upstream));
            let _answer = conversation::first(&mut reading, PARTING, place);
        }
        Servers::Federated(members) => {
            let Ok(federation) = plan::federation(exchange, Era::of(&HeaderMap::new())) else { return };
            let Ok(Some(sessions)) = session.of_members(&federation) else { return };
            let _answer = member_sessions::end_all(exchange, caller, members, &federation.sessions(&sessions), place);
        }
    }
}

/// What the servers say by themselves.
enum Ears<'a> {
    /// No session has begun.
    NotYet,
    /// Their streams, and the member of each.
    Open { rewriting: Rewriting<'a>, members: Vec<(usize, bool)> },
}

struct Translated<'a> {
    exchange: &'a Exchange<'a>,
    caller: &'a Caller,
    channel: &'a Channel,
    cursor: Cursor,
    /// What is said first.
    announced: Option<Event>,
    pace: Milliseconds,
    /// The servers' session, once it has begun.
    session: Option<Session>,
    stream: Ears<'a>,
    heard: Milliseconds,
}

impl Translated<'_> {
    /// What has been posted, and whether there will be more.
    fn posted(&mut self) -> Option<Vec<Event>> {
        match mailbox::take_next(&HostStore, self.channel, &mut self.cursor, now()) {
            Ok(messages) => Some(
                messages
                    .into_iter()
                    .filter_map(|message| String::from_utf8(message).ok())
                    .map(Event::message)
                    .collect(),
            ),
            Err(mailbox::Rejection::Closed) => None,
            Err(error) => {
                log::event("channel-not-read", Some(self.exchange.endpoint.path()), &error.to_string());
                Some(Vec::new())
            }
        }
    }

    /// Begins to listen, once a session has begun.
    fn listen(&mut self, reading: &mut Reading) -> Result<(), Refusal> {
        let noted = mailbox::upstream_session(&HostStore, self.channel)
            .map_err(|error| Refusal::Unavailable(format!("the channel's session cannot be read: {error}")))?;
        let Some(handle) = noted.as_deref().and_then(Handle::parse) else { return Ok(()) };
        let session = Session::noted(handle);
        let rewriting = Rewriting::new(self.exchange, self.caller, true);
        self.stream = match &self.exchange.endpoint.route.servers {
            Servers::One(upstream) => {
                let call = Call { session_id: session.id()?, accept: Some(EVENTS), ..Call::listening(upstream) };
                let request = request::request(self.exchange, self.caller, call)?;
                reading.start(&request, request::listening_limits(upstream));
                Ears::Open { rewriting, members: vec![(0, false)] }
            }
            Servers::Federated(members) => {
                let federation = plan::federation(self.exchange, Era::of(&HeaderMap::new()))?;
                let sessions = session.of_members(&federation)?;
                let (listens, stream): (Vec<Listen>, _) = federation.listen(sessions.as_ref(), None);
                member_streams::start(self.exchange, self.caller, members, &listens, reading)?;
                let members = listens.iter().map(|listen| (listen.member, false)).collect();
                Ears::Open { rewriting: rewriting.federated(stream), members }
            }
        };
        self.session = Some(session);
        Ok(())
    }
}

impl Hearing for Translated<'_> {
    fn head(&mut self, from: usize, head: &Response<()>) -> Result<(), Refusal> {
        if let Ears::Open { members, .. } = &mut self.stream
            && let Some((_, is_open)) = members.get_mut(from)
        {
            *is_open = head.status().is_success() && Form::of(head.headers()) == Form::Events;
        }
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let Ears::Open { rewriting, members } = &mut self.stream else { return Ok(Vec::new()) };
        let Some((member, true)) = members.get(from).copied() else { return Ok(Vec::new()) };
        let rewritten = rewriting.event(member, event).ok().flatten().and_then(|event| event.data);
        // Readers of 2024-11-05 know messages alone.
        Ok(rewritten.filter(|data| !data.is_empty()).map(Event::message).into_iter().collect())
    }

    /// A server without a stream has nothing to say by itself.
    fn over(&mut self, _: usize, _: Over) -> Result<Vec<Event>, Refusal> {
        Ok(Vec::new())
    }

    fn begins(&self) -> bool {
        true
    }

    fn lasts(&self) -> bool {
        true
    }

    fn pace(&self) -> Milliseconds {
        self.pace
    }

    fn tick(&mut self, reading: &mut Reading) -> Option<Vec<Event>> {
        let mut events: Vec<_> = self.announced.take().into_iter().collect();
        let posted = self.posted()?;
        // A session begins with an answer that is posted.
        if matches!(self.stream, Ears::NotYet)
            && !posted.is_empty()
            && let Err(refusal) = self.listen(reading)
        {
            log::event("not-listening", Some(self.exchange.endpoint.path()), &refusal.reason());
        }
        if !posted.is_empty() {
            self.heard = elapsed();
        }
        self.pace = if elapsed().saturating_sub(self.heard) < 10 * TICK { BUSY } else { QUIET };
        events.extend(posted);
        Some(events)
    }
}
