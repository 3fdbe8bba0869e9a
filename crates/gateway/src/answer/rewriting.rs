//! What becomes of an upstream's messages on their way to the client.

use std::cell::Cell;

use gatehouse_configuration::Policy;
use gatehouse_federation::Stream;
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Body, Message, Outcome};

use crate::{Caller, Refusal, SealReferences, SealedReference};

/// For an answer that must be read, and that two readers could read differently.
const NOT_JSON_RPC: Refusal = Refusal::UpstreamMalformed("a message in it is not JSON-RPC");

/// What is done to messages and events of an answer.
pub struct Rewriting<'a> {
    policy: &'a Policy,
    caller: &'a Caller,
    sealer: &'a dyn SealReferences,
    /// Whether there may be listings, of which the caller may not see everything.
    filters: bool,
    /// Where the revision resumes streams: the session that ids of events are bound to.
    resumable_in: Option<Option<String>>,
    /// Where the server is one of several.
    federated: Option<Stream>,
    /// How many items of listings could not be read.
    left_out: Cell<usize>,
}

/// What the log says of a listing of which some items cannot be read by everybody alike.
pub const LEFT_OUT: &str = "the listing has items that cannot be read; they are left out";

impl<'a> Rewriting<'a> {
    /// Of an answer at a route with this policy, in which there may be listings, or not.
    pub fn new(policy: &'a Policy, caller: &'a Caller, sealer: &'a dyn SealReferences, may_hold_listing: bool) -> Self {
        let filters = may_hold_listing && !policy.is_empty();
        Self { policy, caller, sealer, filters, resumable_in: None, federated: None, left_out: Cell::new(0) }
    }

    /// Events have ids from which the stream can be resumed in this session.
    #[must_use]
    pub fn resumable(self, session: Option<String>) -> Self {
        Self { resumable_in: Some(session), ..self }
    }

    /// The messages are those of a federation's members.
    #[must_use]
    pub fn federated(self, stream: Stream) -> Self {
        Self { federated: Some(stream), ..self }
    }

    /// Whether the messages are those of the route's only server.
    pub fn is_of_single_server(&self) -> bool {
        self.federated.is_none()
    }

    /// Whether items of listings have been left out ([`LEFT_OUT`]).
    pub fn leaves_out(&self) -> bool {
        self.left_out.get() > 0
    }

    /// Whether messages must be read.
    pub fn reads_messages(&self) -> bool {
        self.filters || self.federated.is_some()
    }

    /// Whether events change at all.
    pub fn changes_events(&self) -> bool {
        self.reads_messages() || self.resumable_in.is_some()
    }

    /// The event as the client gets it, if it gets it.
    ///
    /// # Errors
    /// [`Refusal::UpstreamMalformed`] where a message that must be read cannot be.
    pub fn event(&mut self, member: usize, event: Event) -> Result<Option<Event>, Refusal> {
        let id = match event.id {
            Some(id) if !id.is_empty() => self.event_id(member, id)?,
            other => other.filter(|_| self.resumable_in.is_some()),
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
    /// [`Refusal::UpstreamMalformed`] where it must be read and cannot be.
    pub fn text(&self, member: usize, text: String) -> Result<Option<String>, Refusal> {
        if !self.reads_messages() {
            return Ok(Some(text));
        }
        let (body, left_out) = Body::parse_answer_counting(text.as_bytes()).map_err(|_| NOT_JSON_RPC)?;
        self.left_out.set(self.left_out.get().saturating_add(left_out));
        // It may be large, and what is made of it as well.
        drop(text);
        let rewritten = match body {
            Body::Single(message) => self.message(member, message).map(Body::Single),
            Body::Batch(messages) => {
                let messages = messages.into_iter().filter_map(|message| self.message(member, message));
                Some(messages.collect::<Vec<_>>()).filter(|messages| !messages.is_empty()).map(Body::Batch)
            }
        };
        Ok(rewritten.map(|body| body.to_text()))
    }

    fn message(&self, member: usize, message: Message) -> Option<Message> {
        let message = match &self.federated {
            Some(stream) => stream.message(member, message)?,
            None => message,
        };
        Some(if self.filters { filtered(self.policy, self.caller, message) } else { message })
    }

    fn event_id(&mut self, member: usize, id: String) -> Result<Option<String>, Refusal> {
        let Some(session) = &self.resumable_in else { return Ok(None) };
        let id = match &mut self.federated {
            Some(stream) => stream.event_id(member, &id),
            None => Some(id),
        };
        id.map(|id| self.sealer.seal(&SealedReference::Event { session: session.clone(), id })).transpose()
    }
}

/// The message without what the caller may not use: a listing says no more than a call would be allowed.
pub(super) fn filtered(policy: &Policy, caller: &Caller, mut message: Message) -> Message {
    if let Message::Response(reply) = &mut message
        && let Outcome::Result(result) = &mut reply.outcome
    {
        gatehouse_policy::filter(policy, &caller.for_policy(), result);
    }
    message
}

#[cfg(test)]
mod tests {
    use gatehouse_federation::{Federation, Lifecycle};

    use super::*;
    use crate::example::{self, OpenSeal};

    const LISTING: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read"},{"name":"write"}]}}"#;
    const READ_ONLY: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read"}]}}"#;

    fn policy(rules: &str) -> Policy {
        let document = format!("{}policy = [{rules}]\n", example::ONE_UPSTREAM);
        gatehouse_configuration::Configuration::parse(&document).unwrap().routes.remove(0).policy
    }

    fn event(id: Option<&str>, data: Option<&str>) -> Event {
        Event { id: id.map(str::to_owned), data: data.map(str::to_owned), ..Event::default() }
    }

    #[test]
    fn a_listing_shows_what_the_caller_may_use() {
        let (policy, caller) = (policy("{ name = 'readers', tools = ['read'] }"), example::caller());
        let rewriting = Rewriting::new(&policy, &caller, &OpenSeal, true);
        assert!(rewriting.reads_messages() && rewriting.changes_events() && rewriting.is_of_single_server());
        assert_eq!(rewriting.text(0, LISTING.to_owned()).unwrap().as_deref(), Some(READ_ONLY));
        let batch = rewriting.text(0, format!("[{LISTING}]")).unwrap();
        assert_eq!(batch, Some(format!("[{READ_ONLY}]")));
    }

    #[test]
    fn what_need_not_be_read_stays_as_it_came() {
        let (with, without) = (policy("{ name = 'readers', tools = ['read'] }"), policy(""));
        let caller = example::caller();
        for (policy, may_hold_listing) in [(&with, false), (&without, true)] {
            let rewriting = Rewriting::new(policy, &caller, &OpenSeal, may_hold_listing);
            assert!(!rewriting.reads_messages() && !rewriting.changes_events());
            assert_eq!(rewriting.text(0, "no JSON".to_owned()).unwrap().as_deref(), Some("no JSON"));
        }
    }

    #[test]
    fn what_must_be_read_and_cannot_be_is_refused() {
        let (policy, caller) = (policy("{ name = 'readers', tools = ['read'] }"), example::caller());
        let mut rewriting = Rewriting::new(&policy, &caller, &OpenSeal, true);
        for text in ["no JSON", "{\"a\":1,\"a\":2}", "[]"] {
            assert_eq!(rewriting.text(0, text.to_owned()), Err(NOT_JSON_RPC), "{text}");
            assert_eq!(rewriting.event(0, event(None, Some(text))), Err(NOT_JSON_RPC), "{text}");
        }
    }

    #[test]
    fn ids_of_events_are_sealed_with_their_session_where_streams_resume() {
        let (policy, caller) = (policy(""), example::caller());
        let mut rewriting = Rewriting::new(&policy, &caller, &OpenSeal, true).resumable(Some("s".to_owned()));
        assert!(rewriting.changes_events() && !rewriting.reads_messages());
        let sealed = rewriting.event(0, event(Some("7"), Some("{}"))).unwrap().unwrap();
        let expected = SealedReference::Event { session: Some("s".to_owned()), id: "7".to_owned() };
        assert_eq!(OpenSeal.open(&sealed.id.unwrap()).unwrap(), Some(expected));
        // An empty id forgets the last one (HTML, server-sent events).
        assert_eq!(rewriting.event(0, event(Some(""), None)).unwrap().unwrap().id.as_deref(), Some(""));
    }

    #[test]
    fn ids_of_events_are_dropped_where_streams_do_not_resume() {
        let (policy, caller) = (policy(""), example::caller());
        let mut rewriting = Rewriting::new(&policy, &caller, &OpenSeal, true);
        assert_eq!(rewriting.event(0, event(Some("7"), Some("{}"))).unwrap(), Some(event(None, Some("{}"))));
        assert_eq!(rewriting.event(0, event(Some("7"), None)).unwrap(), None);
        let retry = Event { retry: Some(5), ..Event::default() };
        assert_eq!(rewriting.event(0, retry.clone()).unwrap(), Some(retry));
    }

    #[test]
    fn messages_of_a_member_are_those_of_the_federation() {
        let configuration = example::federation();
        let route = &configuration.routes[0];
        let federation = Federation::of(route, Lifecycle::Session).unwrap();
        let (_, stream) = federation.plan_get(None, None);
        let caller = example::caller();
        let mut rewriting = Rewriting::new(&route.policy, &caller, &OpenSeal, true).federated(stream).resumable(None);
        assert!(rewriting.reads_messages() && !rewriting.is_of_single_server());
        let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        let passed = rewriting.event(0, event(Some("7"), Some(changed))).unwrap().unwrap();
        assert_eq!(passed.data.as_deref(), Some(changed));
        assert!(passed.id.is_some());
        // A response belongs to no stream that a GET opened: its place in the stream is all that is left.
        let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(rewriting.event(0, event(Some("8"), Some(response))).unwrap().unwrap().data, None);
        assert_eq!(rewriting.text(0, format!("[{response}]")).unwrap(), None);
    }

    #[test]
    fn a_failing_seal_gives_no_id_out() {
        let (policy, caller) = (policy(""), example::caller());
        let mut rewriting = Rewriting::new(&policy, &caller, &example::NoSeal, true).resumable(None);
        assert!(matches!(rewriting.event(0, event(Some("7"), Some("{}"))), Err(Refusal::Unavailable(_))));
    }
}
