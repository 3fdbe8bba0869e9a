//! What becomes of an upstream's messages on their way to the client.

use gatehouse_event_stream::Event;
use gatehouse_federation::Federation;
use gatehouse_json_rpc::{Body, DEEPEST, Message, Outcome};
use gatehouse_mcp::{Handle, Refusal};

use crate::exchange::{Caller, Exchange};

const NOT_JSON_RPC: Refusal = Refusal::UpstreamMalformed("a message in it is not JSON-RPC");

/// What is done to messages and events.
pub(crate) struct Rewriting<'a> {
    pub(crate) exchange: &'a Exchange<'a>,
    pub(crate) caller: &'a Caller,
    /// Whether there may be listings, of which the caller may not see everything.
    pub(crate) filters: bool,
    /// Where the era resumes streams: the session that ids of events are bound to, as the server knows it.
    pub(crate) resumes: Option<Option<String>>,
    /// Where the server is one of several.
    pub(crate) federation: Option<&'a Federation<'a>>,
}

impl Rewriting<'_> {
    /// Whether messages must be read for it.
    pub(crate) fn reads(&self) -> bool {
        self.filters || self.federation.is_some()
    }

    /// The event as the client gets it, if it gets it.
    ///
    /// # Errors
    /// Where a message that must be read cannot be.
    pub(crate) fn event(&self, member: usize, event: Event) -> Result<Option<Event>, Refusal> {
        let id = match (&self.resumes, event.id) {
            (Some(session), Some(id)) if !id.is_empty() => Some(self.bound_id(session.clone(), member, id)?),
            (Some(_), id) => id,
            (None, _) => None,
        };
        let data = match event.data {
            Some(data) if !data.is_empty() => self.text(member, data)?,
            empty => empty,
        };
        // Nothing is left of a message that is not for the client, but for the place from which the stream goes on.
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
        let rewritten = match Body::parse(text.as_bytes(), DEEPEST).map_err(|_| NOT_JSON_RPC)? {
            Body::Single(message) => self.message(member, message).map(Body::Single),
            Body::Batch(messages) => {
                let messages: Vec<_> =
                    messages.into_iter().filter_map(|message| self.message(member, message)).collect();
                (!messages.is_empty()).then_some(Body::Batch(messages))
            }
        };
        Ok(rewritten.map(|body| body.to_string()))
    }

    /// The message as the client gets it, if it gets it.
    pub(crate) fn message(&self, member: usize, message: Message) -> Option<Message> {
        let message = match self.federation {
            Some(federation) => federation.outward(message, member)?,
            None => message,
        };
        Some(self.filtered(message))
    }

    /// Without what the caller may not use: a listing may come again on any stream that is resumed.
    pub(crate) fn filtered(&self, mut message: Message) -> Message {
        if self.filters
            && let Message::Response(reply) = &mut message
            && let Outcome::Result(result) = &mut reply.outcome
        {
            let policy = &self.exchange.endpoint.route.policy;
            gatehouse_policy::filter(policy, &self.caller.as_policy_sees_it(), result);
        }
        message
    }

    fn bound_id(&self, session: Option<String>, member: usize, id: String) -> Result<String, Refusal> {
        let id = match self.federation {
            Some(_) => gatehouse_federation::event_id_outward(member, &id),
            None => id,
        };
        self.caller.bind(&Handle::Event { session, id })
    }
}
