//! The answer to one request, whose format is decided as late as possible.

use gatehouse_mcp_wire::event_stream::{COMMENT, Event};
use gatehouse_mcp_wire::header::JSON;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::conversation::{EventSink, StreamEnd};
use super::stream_deadline::StreamDeadline;
use crate::{Milliseconds, response_headers};

/// Nothing in between then takes a quiet stream for a dead one.
pub(super) const KEEP_ALIVE: Milliseconds = 15_000;

/// Where the answer to a request goes, before any of it has gone there.
pub trait ClientConnection {
    /// The answer, once its head has been sent.
    type Stream: ClientStream;

    /// Sends status and headers of an answer that lasts for `time` at most; `None` where the host takes no answer any more.
    fn open(self, status: StatusCode, headers: &HeaderMap, time: Milliseconds) -> Option<Self::Stream>;

    /// Sends a whole answer. A client that has gone is nobody's error.
    fn respond(self, response: Response<Vec<u8>>);
}

/// An answer whose head has been sent. Dropping it breaks the answer off.
pub trait ClientStream {
    /// Sends these bytes.
    ///
    /// # Errors
    /// Where the client has gone.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientGone>;

    /// Whether the client is still there, as far as the host knows.
    fn has_client(&self) -> bool;

    /// Ends the answer as it should end.
    fn finish(self);
}

/// The client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientGone;

impl From<ClientGone> for StreamEnd {
    fn from(ClientGone: ClientGone) -> Self {
        Self::ClientGone
    }
}

/// An answer to the client: JSON while nothing has been said before the one reply, events otherwise. Dropping it after
/// it has begun breaks it off.
pub struct ClientResponse<C: ClientConnection> {
    state: State<C>,
    status: StatusCode,
    /// Those of the answer in either format, but for what says which format it has.
    headers: HeaderMap,
    deadline: StreamDeadline,
    /// When it begins as events, whether there are any or not.
    begins_at: Option<Milliseconds>,
    /// Whether one reply is an event, too: as the upstreams' are, whose clients are used to it.
    prefers_events: bool,
}

enum State<C: ClientConnection> {
    Unopened(C),
    Open { stream: C::Stream, last_write: Milliseconds },
    Over,
}

impl<C: ClientConnection> ClientResponse<C> {
    /// An answer with these headers in any case.
    pub fn new(client: C, headers: HeaderMap, deadline: StreamDeadline) -> Self {
        Self {
            state: State::Unopened(client),
            status: StatusCode::OK,
            headers,
            deadline,
            begins_at: None,
            prefers_events: false,
        }
    }

    /// Begins as events at this time, whether there are any or not.
    #[must_use]
    pub fn beginning_at(self, time: Milliseconds) -> Self {
        Self { begins_at: Some(time), ..self }
    }

    /// With an upstream's status in place of 200, as long as nothing has been sent.
    pub fn set_status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// With one more header, as long as nothing has been sent.
    pub fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Whether the head has been sent.
    pub fn has_begun(&self) -> bool {
        !matches!(self.state, State::Unopened(_))
    }

    /// Ends with the one reply, `message`. A client that has gone is nobody's error.
    pub fn finish_with(mut self, now: Milliseconds, message: &str) {
        let is_event = self.prefers_events && self.status == StatusCode::OK && !message.is_empty();
        if is_event && self.begin(now).is_err() {
            return;
        }
        match self.state {
            _ if message.is_empty() => self.finish(),
            State::Unopened(client) => {
                let mut response = Response::new(message.as_bytes().to_vec());
                *response.status_mut() = self.status;
                self.headers.remove(CONTENT_LENGTH);
                self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
                *response.headers_mut() = self.headers;
                client.respond(response);
            }
            State::Open { mut stream, .. } => {
                if stream.write(&Event::message(message).to_bytes()).is_ok() {
                    stream.finish();
                }
            }
            State::Over => {}
        }
    }

    /// Ends without another word.
    pub fn finish(self) {
        match self.state {
            State::Unopened(client) => {
                let mut response = Response::new(Vec::new());
                *response.status_mut() = self.status;
                *response.headers_mut() = self.headers;
                client.respond(response);
            }
            State::Open { stream, .. } => stream.finish(),
            State::Over => {}
        }
    }

    /// Gives back where the answer goes, if none of it has gone there.
    pub fn into_unopened(self) -> Option<C> {
        match self.state {
            State::Unopened(client) => Some(client),
            State::Open { .. } | State::Over => None,
        }
    }

    fn write(&mut self, now: Milliseconds, bytes: &[u8]) -> Result<(), StreamEnd> {
        let State::Open { stream, last_write } = &mut self.state else { return Err(StreamEnd::ClientGone) };
        *last_write = now;
        Ok(stream.write(bytes)?)
    }
}

impl<C: ClientConnection> EventSink for ClientResponse<C> {
    fn has_client(&self) -> bool {
        match &self.state {
            State::Unopened(_) => true,
            State::Open { stream, .. } => stream.has_client(),
            State::Over => false,
        }
    }

    fn prefer_events(&mut self) {
        self.prefers_events = true;
    }

    /// Begins a stream of events, before there is any: a client that leaves can be noticed from then on.
    fn begin(&mut self, now: Milliseconds) -> Result<(), StreamEnd> {
        if self.has_begun() {
            return Ok(());
        }
        if let State::Unopened(client) = core::mem::replace(&mut self.state, State::Over) {
            let mut headers = self.headers.clone();
            response_headers::make_event_stream(&mut headers);
            let stream = client.open(self.status, &headers, self.deadline.remaining(now));
            self.state = State::Open { stream: stream.ok_or(StreamEnd::ClientGone)?, last_write: now };
        }
        Ok(())
    }

    fn send(&mut self, now: Milliseconds, event: &Event) -> Result<(), StreamEnd> {
        self.deadline.note_event(now);
        self.begin(now)?;
        self.write(now, &event.to_bytes())
    }

    fn tick(&mut self, now: Milliseconds) -> Result<(), StreamEnd> {
        if self.deadline.is_over(now) {
            return Err(StreamEnd::TimeLimit);
        }
        match &self.state {
            State::Unopened(_) if self.begins_at.is_some_and(|time| now >= time) => self.begin(now),
            State::Unopened(_) => Ok(()),
            State::Open { stream, .. } if !stream.has_client() => Err(StreamEnd::ClientGone),
            State::Open { last_write, .. } if now.saturating_sub(*last_write) >= KEEP_ALIVE => self.write(now, COMMENT),
            State::Open { .. } => Ok(()),
            State::Over => Err(StreamEnd::ClientGone),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_audit_log::RequestId;

    use super::*;
    use crate::Origin;
    use crate::answer::scripted::ScriptedClient;
    use crate::example::{self, Counting};

    fn response(client: &ScriptedClient) -> ClientResponse<ScriptedClient> {
        let limits = example::one_upstream().routes.remove(0).limits;
        let headers = example::headers(&[("x-request-id", "1"), ("content-length", "7")]);
        ClientResponse::new(client.clone(), headers, StreamDeadline::new(&limits, 0))
    }

    fn content_type(client: &ScriptedClient) -> String {
        let received = client.received.borrow();
        received.headers.get(CONTENT_TYPE).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_lone_reply_is_json() {
        let client = ScriptedClient::default();
        let mut response = response(&client);
        response.set_status(StatusCode::NOT_FOUND);
        response.set_header(HeaderName::from_static("mcp-session-id"), HeaderValue::from_static("s"));
        response.finish_with(0, "{}");
        assert_eq!(content_type(&client), "application/json");
        let received = client.received.borrow();
        assert_eq!((received.status, received.text()), (Some(StatusCode::NOT_FOUND), "{}".to_owned()));
        assert_eq!(received.headers["mcp-session-id"], "s");
        assert!(!received.headers.contains_key(CONTENT_LENGTH) && received.is_finished);
    }

    #[test]
    fn a_reply_after_an_event_is_an_event() {
        let client = ScriptedClient::default();
        let mut response = response(&client);
        response.send(0, &Event::message("one")).unwrap();
        assert!(response.has_begun());
        response.finish_with(0, "two");
        assert_eq!(content_type(&client), "text/event-stream");
        let received = client.received.borrow();
        assert_eq!(received.text(), "event: message\ndata: one\n\nevent: message\ndata: two\n\n");
        assert!(received.is_finished);
    }

    #[test]
    fn a_stream_that_the_gateway_begins_is_neither_stored_nor_buffered() {
        let client = ScriptedClient::default();
        let request_id = RequestId::generate(&mut Counting::default());
        let rate_limit = &HeaderMap::new();
        let own = response_headers::Own {
            request_id: &request_id,
            session_id: None,
            rate_limit,
            is_rewritten: true,
            cors: None,
        };
        let headers = response_headers::returned(&HeaderMap::new(), &own, &Origin::Absent);
        let deadline = StreamDeadline::new(&example::one_upstream().routes.remove(0).limits, 0);
        ClientResponse::new(client.clone(), headers, deadline).begin(0).unwrap();
        let received = client.received.borrow();
        assert_eq!(received.headers["cache-control"], "no-store");
        assert_eq!(received.headers["x-accel-buffering"], "no");
    }

    #[test]
    fn a_lone_reply_is_an_event_where_the_servers_prefer_events() {
        let client = ScriptedClient::default();
        let mut prefers = response(&client);
        prefers.prefer_events();
        prefers.finish_with(0, "one");
        assert_eq!(
            (content_type(&client), client.received.borrow().text()),
            ("text/event-stream".into(), "event: message\ndata: one\n\n".into())
        );
        // An error of HTTP stays one.
        let client = ScriptedClient::default();
        let mut prefers = response(&client);
        prefers.prefer_events();
        prefers.set_status(StatusCode::NOT_FOUND);
        prefers.finish_with(0, "{}");
        assert_eq!(content_type(&client), "application/json");
    }

    #[test]
    fn an_answer_without_a_reply_has_no_body() {
        for message in ["", "unsaid"] {
            let client = ScriptedClient::default();
            let mut response = response(&client);
            response.set_status(StatusCode::ACCEPTED);
            if message.is_empty() {
                response.finish_with(0, message)
            } else {
                response.finish()
            }
            let received = client.received.borrow();
            assert_eq!((received.status, received.text()), (Some(StatusCode::ACCEPTED), String::new()));
        }
    }

    #[test]
    fn a_stream_that_ends_without_another_word_is_finished() {
        let client = ScriptedClient::default();
        let mut response = response(&client);
        response.begin(0).unwrap();
        response.begin(0).unwrap();
        response.finish();
        assert!(client.received.borrow().is_finished);
    }

    #[test]
    fn it_begins_at_its_time_without_an_event() {
        let client = ScriptedClient::default();
        let mut response = response(&client).beginning_at(2_000);
        response.tick(1_999).unwrap();
        assert!(!response.has_begun());
        response.tick(2_000).unwrap();
        assert!(response.has_begun());
        assert!(response.into_unopened().is_none());
    }

    #[test]
    fn what_has_not_begun_can_be_answered_otherwise() {
        let client = ScriptedClient::default();
        let mut response = response(&client);
        response.tick(20_000).unwrap();
        assert!(response.into_unopened().is_some());
    }

    #[test]
    fn a_quiet_stream_is_kept_alive() {
        let client = ScriptedClient::default();
        let mut response = response(&client);
        response.begin(0).unwrap();
        response.tick(14_999).unwrap();
        assert_eq!(client.received.borrow().text(), "");
        response.tick(15_000).unwrap();
        response.tick(16_000).unwrap();
        assert_eq!(client.received.borrow().text(), ":\n\n");
    }

    #[test]
    fn a_client_that_has_left_is_noticed() {
        let client = ScriptedClient::default();
        let mut response = response(&client);
        response.begin(0).unwrap();
        client.has_left.set(true);
        assert_eq!(response.tick(1_000), Err(StreamEnd::ClientGone));
        assert_eq!(response.send(1_000, &Event::message("one")), Err(StreamEnd::ClientGone));
        response.finish_with(1_000, "two");
        assert!(!client.received.borrow().is_finished);
    }

    #[test]
    fn a_host_that_takes_no_answer_any_more_is_a_client_that_has_left() {
        let client = ScriptedClient { takes_no_head: true, ..ScriptedClient::default() };
        let mut response = response(&client);
        response.prefer_events();
        assert_eq!(response.begin(0), Err(StreamEnd::ClientGone));
        assert_eq!(response.tick(0), Err(StreamEnd::ClientGone));
        assert_eq!(response.send(0, &Event::message("one")), Err(StreamEnd::ClientGone));
        response.finish_with(0, "two");
        assert_eq!(client.received.borrow().status, None);
        let mut response = self::response(&client);
        response.prefer_events();
        response.finish_with(0, "two");
        assert_eq!(client.received.borrow().status, None);
    }

    #[test]
    fn it_ends_after_too_long_a_silence() {
        let client = ScriptedClient::default();
        let limits = example::one_upstream().routes.remove(0).limits;
        let idle = limits.stream_idle * 1_000;
        let mut response = response(&client);
        response.send(1_000, &Event::message("one")).unwrap();
        response.tick(idle).unwrap();
        assert_eq!(response.tick(1_000 + idle), Err(StreamEnd::TimeLimit));
    }
}
