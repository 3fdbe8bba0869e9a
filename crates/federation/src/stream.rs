//! What members say in answers and streams, as the client gets it.

use std::collections::BTreeMap;

use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Object, Outcome, Reply};

use crate::event_id::{Awaited, Position};
use crate::naming::Naming;
use crate::sessions::{MemberSession, MemberSessions};
use crate::{Federation, Lifecycle, content, request_ids};

/// A stream of ours to the client: one member's answer, or the streams of several.
#[derive(Debug)]
pub struct Stream {
    naming: Naming,
    lifecycle: Lifecycle,
    flow: Flow,
}

#[derive(Debug)]
enum Flow {
    /// What one member answers.
    Answer { member: usize, awaited: Option<Awaited> },
    /// What was opened with GET: the last event of each member.
    ServerStreams(BTreeMap<usize, String>),
}

/// A GET to a member.
#[derive(Debug, PartialEq, Eq)]
pub struct StreamRequest {
    /// To whom.
    pub member: usize,
    /// `Mcp-Session-Id`.
    pub session: Option<String>,
    /// `Last-Event-ID`.
    pub last_event_id: Option<String>,
}

impl Federation {
    /// Plans a GET. `last_event_id` is what [`Stream::event_id`] gave, unsealed: the answer of one member is resumed with
    /// this member alone; where members flow together, each goes on after its own last event.
    pub fn plan_get(
        &self,
        sessions: Option<&MemberSessions>,
        last_event_id: Option<&str>,
    ) -> (Vec<StreamRequest>, Stream) {
        let position = last_event_id.and_then(|text| Position::read(text, &self.naming));
        let (asked, flow) = match position {
            Some(Position::Answer { member, awaited, id }) => {
                (vec![(member, Some(id))], Flow::Answer { member, awaited: Some(awaited) })
            }
            Some(Position::ServerStreams(last)) => (
                (0..self.naming.len()).map(|member| (member, last.get(&member).cloned())).collect(),
                Flow::ServerStreams(last),
            ),
            None => {
                ((0..self.naming.len()).map(|member| (member, None)).collect(), Flow::ServerStreams(BTreeMap::new()))
            }
        };
        let listen = |(member, last_event_id)| match sessions.map(|sessions| sessions.of(member)) {
            Some(MemberSession::None) => None,
            session => {
                let session = session.and_then(MemberSession::id).map(str::to_owned);
                Some(StreamRequest { member, session, last_event_id })
            }
        };
        let stream = Stream { naming: self.naming.clone(), lifecycle: self.lifecycle, flow };
        (asked.into_iter().filter_map(listen).collect(), stream)
    }
}

impl Stream {
    pub(crate) fn answer(naming: &Naming, lifecycle: Lifecycle, member: usize, awaited: Option<Awaited>) -> Self {
        Self { naming: naming.clone(), lifecycle, flow: Flow::Answer { member, awaited } }
    }

    /// A message of the member, as the client gets it; `None` where it does not.
    pub fn message(&self, member: usize, message: Message) -> Option<Message> {
        match message {
            Message::Response(reply) => self.reply(member, reply).map(Message::Response),
            // "Servers MUST NOT initiate JSON-RPC requests" (MCP 2026-07-28, patterns).
            Message::Request(_) if self.lifecycle == Lifecycle::Stateless => None,
            Message::Request(call) => Some(Message::Request(request(&self.naming, member, call))),
            Message::Notification(call) => notification(&self.naming, member, call).map(Message::Notification),
        }
    }

    /// The id of one of the member's events, to be sealed for the client. `None` where it is too long to come back in a
    /// header: then the event has none.
    pub fn event_id(&mut self, member: usize, id: &str) -> Option<String> {
        match &mut self.flow {
            Flow::Answer { awaited, .. } => {
                let awaited = awaited.clone()?;
                Position::Answer { member, awaited, id: id.to_owned() }.text(&self.naming)
            }
            Flow::ServerStreams(last) => {
                last.insert(member, id.to_owned());
                let alone = || Position::ServerStreams(BTreeMap::from([(member, id.to_owned())]));
                Position::ServerStreams(last.clone()).text(&self.naming).or_else(|| alone().text(&self.naming))
            }
        }
    }

    /// Only what answers the request of this stream passes: on any other, a member could answer for another.
    fn reply(&self, from: usize, reply: Reply) -> Option<Reply> {
        let Flow::Answer { member, awaited } = &self.flow else { return None };
        let is_answer = match (&reply.id, awaited) {
            (Some(id), Some(awaited)) => *id == awaited.id,
            (Some(_), None) => false,
            // What the server could not read, or did not want to.
            (None, _) => matches!(reply.outcome, Outcome::Error(_)),
        };
        let method = awaited.as_ref().map_or("", |awaited| &awaited.method);
        (from == *member && is_answer).then(|| content::outward(&self.naming, from, method, reply))
    }
}

/// A request of a member: its id, and the token for the client's progress, say whose it is.
fn request(naming: &Naming, member: usize, mut call: Call) -> Call {
    call.id = call.id.map(|id| request_ids::outward(naming, member, &id));
    if let (Some(mut meta), Some(params)) = (call.meta(), &mut call.params)
        && let Some(token) = id_param(&meta, "progressToken")
    {
        meta.set("progressToken", &request_ids::outward(naming, member, &token));
        params.set_raw("_meta", meta.to_raw());
    }
    call
}

/// A notification of a member.
pub(crate) fn notification(naming: &Naming, member: usize, mut call: Call) -> Option<Call> {
    match (call.method.as_str(), &mut call.params) {
        ("notifications/resources/updated", Some(params)) => {
            if let Some(uri) = params.str("uri") {
                params.set("uri", &naming.uri_outward(member, &uri)?);
            }
        }
        // A request of the member's own, which it does not want answered any more.
        ("notifications/cancelled", Some(params)) => {
            if let Some(id) = id_param(params, "requestId") {
                params.set("requestId", &request_ids::outward(naming, member, &id));
            }
        }
        _ => {}
    }
    Some(call)
}

pub(crate) fn id_param(params: &Object, name: &str) -> Option<Id> {
    Id::parse(params.get(name)?.get())
}

#[cfg(test)]
mod tests;
