//! The session of a request, and the event from which a stream is resumed.

use gatehouse_federation::{Federation, MemberSessions};
use http::HeaderMap;

use crate::{ProtocolRevision, Refusal, SealReferences, SealedReference, SessionId, last_event_id};

/// The session that a client presents, opened.
#[derive(Debug, Default)]
pub struct Session {
    reference: Option<SealedReference>,
}

impl Session {
    /// The session of a request with these headers; none where it presents none, or the revision has none.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where it was not given to this caller.
    pub fn presented(
        headers: &HeaderMap,
        revision: &ProtocolRevision,
        sealer: &impl SealReferences,
    ) -> Result<Self, Refusal> {
        let Some(sealed) = SessionId::presented(headers, revision)? else { return Ok(Self::default()) };
        let reference = sealer.open(sealed.as_str())?.ok_or(Refusal::UnknownSession)?;
        Ok(Self { reference: Some(reference) })
    }

    /// A session that was recorded for a client that cannot present it.
    pub fn recorded(reference: SealedReference) -> Self {
        Self { reference: Some(reference) }
    }

    /// The session id of the route's only server.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where the route had several when it began.
    pub fn id(&self) -> Result<Option<&str>, Refusal> {
        match &self.reference {
            None => Ok(None),
            Some(SealedReference::Session(id)) => Ok(Some(id)),
            Some(_) => Err(Refusal::UnknownSession),
        }
    }

    /// Those of a federation's members.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where the route had other servers when it began.
    pub fn of_members(&self, federation: &Federation) -> Result<Option<MemberSessions>, Refusal> {
        match &self.reference {
            None => Ok(None),
            Some(SealedReference::Sessions(entries)) => {
                federation.read_sessions(entries.clone()).map(Some).ok_or(Refusal::UnknownSession)
            }
            Some(_) => Err(Refusal::UnknownSession),
        }
    }

    /// What ids of its events are bound to.
    pub fn name(&self) -> Option<String> {
        self.reference.as_ref().map(SealedReference::to_text)
    }

    /// The server's own id of the event after which the client goes on.
    ///
    /// # Errors
    /// [`Refusal::UnknownEvent`] where it was not given to this caller in this session.
    pub fn last_event_id(
        &self,
        headers: &HeaderMap,
        revision: &ProtocolRevision,
        sealer: &impl SealReferences,
    ) -> Result<Option<String>, Refusal> {
        let Some(sealed) = last_event_id(headers, revision)? else { return Ok(None) };
        match sealer.open(sealed)? {
            Some(SealedReference::Event { session, id }) if session == self.name() => Ok(Some(id)),
            _ => Err(Refusal::UnknownEvent),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_federation::Lifecycle;

    use super::*;
    use crate::example::{self, NoSeal, OpenSeal, headers};

    fn revision(version: &str) -> &'static ProtocolRevision {
        ProtocolRevision::of(&headers(&[("mcp-protocol-version", version)]))
    }

    fn presented(reference: &SealedReference) -> Session {
        let sealed = OpenSeal.seal(reference).unwrap();
        Session::presented(&headers(&[("mcp-session-id", &sealed)]), revision("2025-11-25"), &OpenSeal).unwrap()
    }

    #[test]
    fn a_session_is_what_was_sealed() {
        let session = presented(&SealedReference::Session("abc".to_owned()));
        assert_eq!(session.id(), Ok(Some("abc")));
        assert_eq!(session.name().as_deref(), Some("session abc"));
        assert_eq!(Session::recorded(SealedReference::Session("abc".to_owned())).id(), Ok(Some("abc")));
    }

    #[test]
    fn nothing_presented_is_no_session() {
        let none = Session::presented(&headers(&[]), revision("2025-11-25"), &OpenSeal).unwrap();
        assert_eq!((none.id(), none.name()), (Ok(None), None));
        let configuration = example::federation();
        let federation = Federation::of(&configuration.routes[0], Lifecycle::Session).unwrap();
        assert!(none.of_members(&federation).unwrap().is_none());
        // 2026-07-28 has none, whatever the header says.
        let ignored = headers(&[("mcp-session-id", "x")]);
        assert_eq!(Session::presented(&ignored, revision("2026-07-28"), &OpenSeal).unwrap().name(), None);
    }

    #[test]
    fn what_was_not_sealed_for_the_caller_is_unknown() {
        let foreign = headers(&[("mcp-session-id", "foreign")]);
        let unknown = Session::presented(&foreign, revision("2025-11-25"), &OpenSeal);
        assert_eq!(unknown.unwrap_err(), Refusal::UnknownSession);
        let unavailable = Session::presented(&foreign, revision("2025-11-25"), &NoSeal);
        assert!(matches!(unavailable, Err(Refusal::Unavailable(_))));
    }

    #[test]
    fn a_session_of_other_servers_is_unknown() {
        let configuration = example::federation();
        let federation = Federation::of(&configuration.routes[0], Lifecycle::Session).unwrap();
        let members = presented(&SealedReference::Sessions(vec![Some("a".to_owned()), None]));
        assert_eq!(members.id(), Err(Refusal::UnknownSession));
        let one = presented(&SealedReference::Session("abc".to_owned()));
        assert_eq!(one.of_members(&federation).unwrap_err(), Refusal::UnknownSession);
        let fewer = presented(&SealedReference::Sessions(vec![Some("a".to_owned())]));
        assert_eq!(fewer.of_members(&federation).unwrap_err(), Refusal::UnknownSession);
    }

    #[test]
    fn a_stream_is_resumed_in_the_session_in_which_it_was_sent() {
        let session = presented(&SealedReference::Session("abc".to_owned()));
        let event = |session: Option<&str>| {
            let reference = SealedReference::Event { session: session.map(str::to_owned), id: "7".to_owned() };
            headers(&[("last-event-id", &OpenSeal.seal(&reference).unwrap())])
        };
        let last =
            |headers: &HeaderMap, session: &Session| session.last_event_id(headers, revision("2025-11-25"), &OpenSeal);
        assert_eq!(last(&event(Some("session abc")), &session), Ok(Some("7".to_owned())));
        assert_eq!(last(&event(Some("session def")), &session), Err(Refusal::UnknownEvent));
        assert_eq!(last(&event(None), &Session::default()), Ok(Some("7".to_owned())));
        assert_eq!(last(&headers(&[]), &session), Ok(None));
        assert_eq!(last(&headers(&[("last-event-id", "foreign")]), &session), Err(Refusal::UnknownEvent));
    }
}
