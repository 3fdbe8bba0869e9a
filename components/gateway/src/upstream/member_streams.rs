//! The streams of a federation's members, as one.

use gatehouse_configuration::Member;
use gatehouse_federation::Listen;
use gatehouse_gateway::Refusal;
use gatehouse_mcp_wire::event_stream::Event;
use http::{Response, StatusCode};

use crate::caller::Caller;
use crate::client::rewriting::Rewriting;
use crate::request::{Exchange, Line};
use crate::upstream::answers::{Form, Reading};
use crate::upstream::conversation::{Hearing, Over};
use crate::upstream::request::{self, Call};

/// The `Accept` of a GET.
pub(crate) const EVENTS: &str = "text/event-stream";

/// Asks members for their streams.
///
/// # Errors
/// Where something that a member needs is not there.
pub(crate) fn start(
    exchange: &Exchange<'_>,
    caller: &Caller,
    members: &[Member],
    listens: &[Listen],
    reading: &mut Reading,
) -> Result<(), Refusal> {
    for listen in listens {
        let Some(Member { upstream, prefix }) = members.get(listen.member) else { continue };
        let (session_id, last_event_id) = (listen.session.as_deref(), listen.last_event_id.as_deref());
        let call = Call { session_id, last_event_id, accept: Some(EVENTS), ..Call::listening(upstream) };
        let request = request::request(exchange, caller, call).map_err(|refusal| refusal.at_member(prefix.as_ref()))?;
        reading.start(&request, request::listening_limits(upstream));
    }
    Ok(())
}

/// The streams of several members. One that has none, or loses it, does not end the others.
pub(crate) struct Together<'a> {
    pub(crate) exchange: &'a Exchange<'a>,
    pub(crate) caller: &'a Caller,
    /// The member of each request, and whether it has a stream.
    pub(crate) parts: Vec<(usize, bool)>,
    pub(crate) rewriting: Rewriting<'a>,
    /// Whether a member does not know the session any more.
    pub(crate) is_lost: bool,
}

impl Hearing for Together<'_> {
    fn head(&mut self, from: usize, head: &Response<()>) -> Result<(), Refusal> {
        self.is_lost |= head.status() == StatusCode::NOT_FOUND;
        let is_first = !self.begins();
        if let Some((_, is_open)) = self.parts.get_mut(from) {
            *is_open = head.status().is_success() && Form::of(head.headers()) == Form::Events;
        }
        if is_first && self.begins() {
            self.exchange.log_forwarded(self.caller, StatusCode::OK.as_u16(), &[Line::default()]);
        }
        Ok(())
    }

    fn event(&mut self, from: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        let Some((member, true)) = self.parts.get(from).copied() else { return Ok(Vec::new()) };
        // What one member says badly costs the others nothing.
        Ok(self.rewriting.event(member, event).ok().flatten().into_iter().collect())
    }

    fn over(&mut self, _: usize, _: Over) -> Result<Vec<Event>, Refusal> {
        Ok(Vec::new())
    }

    fn begins(&self) -> bool {
        self.parts.iter().any(|(_, is_open)| *is_open)
    }

    /// The client begins a new session, and closes this.
    fn is_done(&self) -> bool {
        self.is_lost
    }
}
