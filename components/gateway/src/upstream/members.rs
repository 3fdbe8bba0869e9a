//! Several servers asked at once, and one answer of theirs.

use gatehouse_configuration::Member;
use gatehouse_federation::{Federation, Listening, Merge, Merged, Outcome, Reason, Sending, Sessions};
use gatehouse_gateway::{Handle, Refusal};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Body, Id, Message, Reply};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use shell_http::outbound::NoAnswer;
use shell_http::{Milliseconds, elapsed};
use wasip2::http::types::ResponseOutparam;

use crate::caller::Caller;
use crate::client::clock::Patience;
use crate::client::response::Answering;
use crate::client::rewriting::filtered;
use crate::client::sink::Sink;
use crate::end::{End, Gone};
use crate::permit::Place;
use crate::posted::Posted;
use crate::request::{Exchange, Line};
use crate::upstream::answers::{Form, Reading};
use crate::upstream::conversation::{self, Hearing, Over};
use crate::upstream::request::{self, Call};

const MCP_SESSION_ID: &str = "mcp-session-id";
/// How long members have to acknowledge a subscription, before the client hears of those that have.
const ACKNOWLEDGEMENT: Milliseconds = 10_000;

/// The members, asked in the name of one caller.
pub(crate) struct Group<'a> {
    pub(crate) exchange: &'a Exchange<'a>,
    pub(crate) caller: &'a Caller,
    pub(crate) members: &'a [Member],
    pub(crate) federation: &'a Federation,
    /// Of the request that they answer.
    pub(crate) id: Option<&'a Id>,
    /// `Accept`, where it is not the client's.
    pub(crate) accept: Option<&'static str>,
}

/// What came of asking several.
pub(crate) enum Asked {
    /// An answer of them all.
    Merged(Merged),
    /// Everything has been said.
    Said,
    /// Nothing more can be said.
    Ended(End),
}

impl Group<'_> {
    /// The request that a member gets.
    ///
    /// # Errors
    /// Where something that it needs is not there.
    pub(crate) fn request(&self, sending: &Sending) -> Result<Request<Vec<u8>>, Refusal> {
        let member = self.members.get(sending.member);
        let member = member.ok_or_else(|| Refusal::Unavailable("the route has no such member".to_owned()))?;
        let name = sending.mcp_name.as_deref().and_then(|name| HeaderValue::from_str(name).ok());
        let call = Call {
            session_id: sending.session.as_deref(),
            mcp_name: name,
            accept: self.accept,
            ..Call::posted(&member.upstream, sending.message.to_object().to_string().into_bytes())
        };
        request::request(self.exchange, self.caller, call).map_err(|refusal| refusal.at_member(member.prefix.as_ref()))
    }

    /// Asks all of them, and makes one answer of theirs.
    pub(crate) fn ask_all(
        &self,
        sendings: &[Sending],
        merge: Merge,
        sink: &mut impl Sink,
        place: &mut Place<'_>,
    ) -> Asked {
        let mut reading = Reading::default();
        let mut merging = Merging { id: self.id, parts: Vec::new(), started: elapsed(), has_events: false };
        for sending in sendings {
            let request = match self.request(sending) {
                Ok(request) => request,
                Err(refusal) => return Asked::Ended(End::Failed(refusal)),
            };
            let Some(Member { upstream, .. }) = self.members.get(sending.member) else { continue };
            reading.start(&request, request::limits(upstream));
            merging.parts.push(Part {
                member: sending.member,
                has_session: sending.session.is_some(),
                longest: request::longest(upstream),
                status: StatusCode::OK,
                session: None,
                outcome: None,
            });
        }
        let end = conversation::converse(&mut reading, sink, &mut merging, place);
        if merging.has_events {
            sink.prefer_events();
        }
        match end {
            End::Complete => {
                let unsaid = || Outcome::Failed(Reason::DidNotAnswer);
                let outcomes = merging.parts.into_iter();
                let outcomes = outcomes.map(|part| (part.member, part.outcome.unwrap_or_else(unsaid))).collect();
                Asked::Merged(merge.finish(outcomes))
            }
            end => Asked::Ended(end),
        }
    }

    /// Lets the streams of all flow together.
    pub(crate) fn subscribe(
        &self,
        sendings: &[Sending],
        listening: Listening,
        sink: &mut impl Sink,
        lines: &[Line<'_>],
    ) -> Asked {
        let mut place = match Place::of_stream(self.exchange, self.caller) {
            Ok(place) => place,
            Err(refusal) => return Asked::Ended(End::Failed(refusal)),
        };
        self.exchange.log_begun(self.caller, lines);
        let mut reading = Reading::default();
        let mut subscribed = Subscribed { group: self, listening, parts: Vec::new(), started: elapsed() };
        for sending in sendings {
            let request = match self.request(sending) {
                Ok(request) => request,
                Err(refusal) => return Asked::Ended(End::Failed(refusal)),
            };
            let Some(Member { upstream, .. }) = self.members.get(sending.member) else { continue };
            reading.start(&request, request::listening_limits(upstream));
            subscribed.parts.push((sending.member, StatusCode::OK));
        }
        match conversation::converse(&mut reading, sink, &mut subscribed, &mut place) {
            End::Complete => subscribed.listening.refusal().map_or(Asked::Said, Asked::Merged),
            end => Asked::Ended(end),
        }
    }

    pub(crate) fn answering(&self, out: ResponseOutparam) -> Answering {
        let headers = self.exchange.returned(&HeaderMap::new(), None, true);
        Answering::new(out, headers, Patience::of(&self.exchange.endpoint.route.limits))
    }

    pub(crate) fn finish(&self, asked: Asked, mut answering: Answering, posted: &Posted, lines: &[Line<'_>]) {
        let told = match asked {
            Asked::Merged(merged) => self.told(merged),
            Asked::Said => return answering.finish(),
            Asked::Ended(End::Failed(refusal) | End::NoPlace(refusal)) => Err(refusal),
            Asked::Ended(End::Gone(Gone::Time)) => return answering.finish(),
            Asked::Ended(end) => return self.exchange.log_end(self.caller, StatusCode::OK, &end),
        };
        let told = told.and_then(|told| {
            let session = told.session.map(|handle| self.caller.bind_header(&handle)).transpose()?;
            Ok((told.status, told.text, session))
        });
        match told {
            Ok((status, text, session)) => {
                self.exchange.log_forwarded(self.caller, status.as_u16(), lines);
                if let Some(session) = session {
                    answering.headers.insert(HeaderName::from_static(MCP_SESSION_ID), session);
                }
                answering.has_status(status);
                answering.finish_with(&text);
            }
            Err(refusal) if answering.has_begun() => {
                self.exchange.log_refusal(Some(self.caller), StatusCode::OK.as_u16(), &refusal, lines);
                answering.finish_with(&refusal.reply(&self.exchange.endpoint, self.id).to_object().to_string());
            }
            Err(refusal) => {
                let Some(out) = answering.unopened() else { return };
                self.exchange.refuse_messages(out, self.caller, &refusal, &posted.body, lines);
            }
        }
    }

    /// What the client is told.
    ///
    /// # Errors
    /// Where nothing but an error came of it.
    pub(crate) fn told(&self, merged: Merged) -> Result<Told, Refusal> {
        match merged {
            Merged::Answer { status, reply, sessions } => {
                let message = filtered(self.exchange, self.caller, Message::Response(reply));
                Ok(Told {
                    status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
                    text: message.to_object().to_string(),
                    session: sessions.as_ref().map(|sessions| self.handle(sessions)),
                })
            }
            Merged::Accepted => Ok(Told { status: StatusCode::ACCEPTED, text: String::new(), session: None }),
            Merged::SessionLost => Err(Refusal::UnknownSession),
            Merged::Failed { is_late: true } => Err(Refusal::UpstreamTimedOut),
            Merged::Failed { is_late: false } => Err(Refusal::UpstreamUnreachable("no member answered".to_owned())),
        }
    }

    fn handle(&self, sessions: &Sessions) -> Handle {
        Handle::Sessions(self.federation.entries(sessions))
    }
}

/// One answer of many.
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    /// A message; empty where there is none.
    pub(crate) text: String,
    /// The session that began with it.
    pub(crate) session: Option<Handle>,
}

/// Members that answer together.
struct Merging<'a> {
    id: Option<&'a Id>,
    parts: Vec<Part>,
    started: Milliseconds,
    /// Whether a member answers with events.
    has_events: bool,
}

struct Part {
    member: usize,
    has_session: bool,
    longest: Milliseconds,
    status: StatusCode,
    session: Option<String>,
    outcome: Option<Outcome>,
}

impl Part {
    /// The first that comes counts.
    fn is(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
    }
}

impl Hearing for Merging<'_> {
    fn head(&mut self, from: usize, head: &Response<()>) -> Result<(), Refusal> {
        let Some(part) = self.parts.get_mut(from) else { return Ok(()) };
        self.has_events |= Form::of(head.headers()) == Form::Events;
        part.status = head.status();
        let session = head.headers().get(MCP_SESSION_ID).and_then(|id| id.to_str().ok());
        part.session = session.filter(|id| !id.is_empty()).map(str::to_owned);
        if part.has_session && head.status() == StatusCode::NOT_FOUND {
            part.is(Outcome::SessionLost);
        } else if self.id.is_none() {
            let is_accepted = head.status().is_success();
            part.is(if is_accepted { Outcome::Accepted } else { Outcome::Failed(Reason::Refused) });
        }
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        if let Some(part) = self.parts.get_mut(from)
            && let Some(text) = event.data.filter(|text| !text.is_empty())
        {
            match reply(&text, self.id) {
                Ok(Some(reply)) => {
                    let (status, session) = (part.status.as_u16(), part.session.clone());
                    part.is(Outcome::Answer { status, session, reply });
                }
                Ok(None) => {}
                Err(NotReadable) => part.is(Outcome::Failed(Reason::Unreadable)),
            }
        }
        Ok(Vec::new())
    }

    fn over(&mut self, from: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        if let Some(part) = self.parts.get_mut(from) {
            let is_refusal = !part.status.is_success();
            part.is(Outcome::Failed(reason(&over, is_refusal)));
        }
        Ok(Vec::new())
    }

    fn is_done(&self) -> bool {
        self.parts.iter().all(|part| part.outcome.is_some())
    }

    /// Who has begun to answer and does not come to an end holds the others up no longer than who says nothing.
    fn tick(&mut self, reading: &mut Reading) -> Option<Vec<Event>> {
        let passed = elapsed().saturating_sub(self.started);
        for (number, part) in self.parts.iter_mut().enumerate().filter(|(_, part)| passed > part.longest) {
            if part.outcome.is_none() {
                part.is(Outcome::Failed(Reason::TooLate));
                reading.end(number);
            }
        }
        Some(Vec::new())
    }
}

struct NotReadable;

/// The answer to the request in a message or a batch of them, if it is in there.
fn reply(text: &str, id: Option<&Id>) -> Result<Option<Reply>, NotReadable> {
    let body = Body::parse_answer(text.as_bytes()).map_err(|_| NotReadable)?;
    let messages = match body {
        Body::Single(message) => vec![message],
        Body::Batch(messages) => messages,
    };
    Ok(messages.into_iter().find_map(|message| match message {
        Message::Response(reply) if reply.id.is_none() || reply.id.as_ref() == id => Some(reply),
        Message::Response(_) | Message::Request(_) | Message::Notification(_) => None,
    }))
}

fn reason(over: &Over, is_refusal: bool) -> Reason {
    match over {
        Over::NoAnswer(NoAnswer::TimedOut) => Reason::TooLate,
        Over::NoAnswer(_) | Over::Broken(_) => Reason::DidNotAnswer,
        Over::Regularly if is_refusal => Reason::Refused,
        Over::Regularly => Reason::Unreadable,
    }
}

/// Members whose streams flow together.
struct Subscribed<'a> {
    group: &'a Group<'a>,
    listening: Listening,
    /// The members, and the status of their answers.
    parts: Vec<(usize, StatusCode)>,
    started: Milliseconds,
}

impl Subscribed<'_> {
    fn part(&self, from: usize) -> (usize, StatusCode) {
        self.parts.get(from).copied().unwrap_or((from, StatusCode::OK))
    }

    fn events(&self, messages: Vec<Message>) -> Vec<Event> {
        let group = self.group;
        let event = |message| Event::message(filtered(group.exchange, group.caller, message).to_object().to_string());
        messages.into_iter().map(event).collect()
    }
}

impl Hearing for Subscribed<'_> {
    fn head(&mut self, from: usize, head: &Response<()>) -> Result<(), Refusal> {
        if let Some((_, status)) = self.parts.get_mut(from) {
            *status = head.status();
        }
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let (member, status) = self.part(from);
        let Some(text) = event.data.filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
        let messages = match Body::parse_answer(text.as_bytes()) {
            Ok(Body::Single(Message::Response(reply))) => self.listening.answer(member, status.as_u16(), reply),
            Ok(Body::Single(message)) => self.listening.message(member, message),
            Ok(Body::Batch(_)) | Err(_) => self.listening.failed(member, Reason::Unreadable),
        };
        Ok(self.events(messages))
    }

    fn over(&mut self, from: usize, over: Over) -> Result<Vec<Event>, Refusal> {
        let (member, status) = self.part(from);
        let messages = self.listening.failed(member, reason(&over, !status.is_success()));
        Ok(self.events(messages))
    }

    fn is_done(&self) -> bool {
        self.listening.is_over()
    }

    fn tick(&mut self, reading: &mut Reading) -> Option<Vec<Event>> {
        let mut messages = Vec::new();
        if elapsed().saturating_sub(self.started) >= ACKNOWLEDGEMENT {
            for member in self.listening.awaited() {
                messages.extend(self.listening.failed(member, Reason::TooLate));
                if let Some(number) = self.parts.iter().position(|(part, _)| *part == member) {
                    reading.end(number);
                }
            }
        }
        Some(self.events(messages))
    }
}
