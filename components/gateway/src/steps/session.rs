//! The session of a request, and the place in a stream from which one goes on.

use gatehouse_federation::{Federation, Sessions};
use gatehouse_gateway::{Era, Handle, Refusal, SessionId, last_event_id};

use crate::caller::Caller;
use crate::request::Exchange;

/// The session that a client presents, opened.
#[derive(Default)]
pub(crate) struct Session {
    handle: Option<Handle>,
}

impl Session {
    /// The session of the request; none where it presents none, or the era has none.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where it was not given to this caller.
    pub(crate) fn of(exchange: &Exchange<'_>, caller: &Caller, era: &Era) -> Result<Self, Refusal> {
        let presented = SessionId::presented(exchange.head.headers(), era)?;
        let Some(bound) = presented else { return Ok(Self::default()) };
        let handle = caller.open(bound.as_str())?.ok_or(Refusal::UnknownSession)?;
        Ok(Self { handle: Some(handle) })
    }

    /// A session that was noted for a client that cannot present it.
    pub(crate) fn noted(handle: Handle) -> Self {
        Self { handle: Some(handle) }
    }

    /// The session id of the route's only server.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where the route had several when it began.
    pub(crate) fn id(&self) -> Result<Option<&str>, Refusal> {
        match &self.handle {
            None => Ok(None),
            Some(Handle::Session(id)) => Ok(Some(id)),
            Some(_) => Err(Refusal::UnknownSession),
        }
    }

    /// Those of a federation's members.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where the route had other servers when it began.
    pub(crate) fn of_members(&self, federation: &Federation) -> Result<Option<Sessions>, Refusal> {
        match &self.handle {
            None => Ok(None),
            Some(Handle::Sessions(entries)) => {
                federation.read_sessions(entries.clone()).map(Some).ok_or(Refusal::UnknownSession)
            }
            Some(_) => Err(Refusal::UnknownSession),
        }
    }

    /// What ids of its events are bound to.
    pub(crate) fn name(&self) -> Option<String> {
        self.handle.as_ref().map(Handle::to_text)
    }

    /// The server's own id of the event after which the client goes on.
    ///
    /// # Errors
    /// [`Refusal::UnknownEvent`] where it was not given to this caller in this session.
    pub(crate) fn last_event_id(
        &self,
        exchange: &Exchange<'_>,
        caller: &Caller,
        era: &Era,
    ) -> Result<Option<String>, Refusal> {
        let Some(bound) = last_event_id(exchange.head.headers(), era)? else { return Ok(None) };
        match caller.open(bound)? {
            Some(Handle::Event { session, id }) if session == self.name() => Ok(Some(id)),
            _ => Err(Refusal::UnknownEvent),
        }
    }
}
