//! What becomes of an upstream's messages on their way to the client.

use gatehouse_federation::Stream;
use gatehouse_gateway::{Handle, Refusal};
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Body, Message, Outcome};

use crate::caller::Caller;
use crate::request::Exchange;

/// For an answer that must be read, and that two readers could read differently.
pub(crate) const NOT_JSON_RPC: Refusal = Refusal::UpstreamMalformed("a message in it is not JSON-RPC");

/// What is done to messages and events.
pub(crate) struct Rewriting<'a> {
    exchange: &'a Exchange<'a>,
    caller: &'a Caller,
    /// Whether there may be listings, of which the caller may not see everything.
    filters: bool,
    /// Where the era resumes streams: the session that ids of events are bound to.
    resumes: Option<Option<String>>,
    /// Where the server is one of several.
    federated: Option<Stream>,
}

impl<'a> Rewriting<'a> {
    /// Of an answer in which there may be listings, or not.
    pub(crate) fn new(exchange: &'a Exchange<'a>, caller: &'a Caller, may_list: bool) -> Self {
        let filters = may_list && !exchange.endpoint.route.policy.rules.is_empty();
        Self { exchange, caller, filters, resumes: None, federated: None }
    }

    /// Events have ids from which the stream can be resumed in this session.
    #[must_use]
    pub(crate) fn resumable(self, session: Option<String>) -> Self {
        Self { resumes: Some(session), ..self }
    }

    /// The messages are those of a federation's members.
    #[must_use]
    pub(crate) fn federated(self, stream: Stream) -> Self {
        Self { federated: Some(stream), ..self }
    }

    /// Whether the messages are those of the route's only server.
    pub(crate) fn is_of_one(&self) -> bool {
        self.federated.is_none()
    }

    /// Whether messages must be read.
    pub(crate) fn reads(&self) -> bool {
        self.filters || self.federated.is_some()
    }

    /// Whether events change at all.
    pub(crate) fn changes_events(&self) -> bool {
        self.reads() || self.resumes.is_some()
    }

    /// The event as the client gets it, if it gets it.
    ///
    /// # Errors
    /// Where a message that must be read cannot be.
    pub(crate) fn event(&mut self, member: usize, event: Event) -> Result<Option<Event>, Refusal> {
        let id = match event.id {
            Some(id) if !id.is_empty() => self.event_id(member, id)?,
            other => other.filter(|_| self.resumes.is_some()),
        };
        let data = match event.data {
            Some(data) if !data.is_empty() => self.text(member, data)?,
            other => other,
        };
        // Of a message that is not for the client, the place from which the stream goes on is left.
        let is_left = data.is_some() || id.is_some() || event.retry.is_some();
        Ok(is_left.then_some(Event { data, id, ..event }))
    }

    /// The text of a message, or of a batch of them, as the client gets it; `None` where nothing is left of it.
    ///
    /// # Errors
    /// Where it must be read and cannot be.
    pub(crate) fn text(&self, member: usize, text: String) -> Result<Option<String>, Refusal> {
        if !self.reads() {
            return Ok(Some(text));
        }
        let rewritten = match Body::parse_answer(text.as_bytes()).map_err(|_| NOT_JSON_RPC)? {
            Body::Single(message) => self.message(member, message).map(Body::Single),
            Body::Batch(messages) => {
                let messages = messages.into_iter().filter_map(|message| self.message(member, message));
                Some(messages.collect::<Vec<_>>()).filter(|messages| !messages.is_empty()).map(Body::Batch)
            }
        };
        Ok(rewritten.map(|body| body.to_string()))
    }

    /// The message as the client gets it, if it gets it.
    pub(crate) fn message(&self, member: usize, message: Message) -> Option<Message> {
        let message = match &self.federated {
            Some(stream) => stream.message(member, message)?,
            None => message,
        };
        Some(if self.filters { filtered(self.exchange, self.caller, message) } else { message })
    }

    fn event_id(&mut self, member: usize, id: String) -> Result<Option<String>, Refusal> {
        let Some(session) = &self.resumes else { return Ok(None) };
        let id = match &mut self.federated {
            Some(stream) => stream.event_id(member, &id),
            None => Some(id),
        };
        id.map(|id| self.caller.bind(&Handle::Event { session: session.clone(), id })).transpose()
    }
}

/// The message without what the caller may not use: a listing says no more than a call would be allowed.
pub(crate) fn filtered(exchange: &Exchange<'_>, caller: &Caller, mut message: Message) -> Message {
    if let Message::Response(reply) = &mut message
        && let Outcome::Result(result) = &mut reply.outcome
    {
        gatehouse_policy::filter(&exchange.endpoint.route.policy, &caller.as_policy_sees_it(), result);
    }
    message
}
