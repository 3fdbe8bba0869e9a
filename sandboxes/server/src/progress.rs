//! What a run writes, told to a client that waits for it.

use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Object, Reply};
use sandbox_run::Stream;

use crate::interpreter::Listener;
use crate::output::Text;

/// A stream of events that is being written.
pub trait Events {
    /// Sends bytes; `false` where the client has gone.
    fn send(&self, bytes: &[u8]) -> bool;

    /// Whether the client is still there, as far as anybody knows.
    fn is_there(&self) -> bool;
}

/// Nobody listens, and nobody can go: the answer is one text at the end.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Listener for Nobody {
    fn written(&mut self, _: Stream, _: &[u8]) -> bool {
        true
    }

    fn is_there(&self) -> bool {
        true
    }
}

/// A client that gave a progress token, and takes events: each piece of output is the message of a progress notification. Their
/// number is the bytes that were written, which grows with each.
#[derive(Debug)]
pub struct Progress<'e, E> {
    token: Id,
    events: &'e E,
    written: usize,
    stdout: Text,
    stderr: Text,
}

impl<'e, E: Events> Progress<'e, E> {
    /// One for a request with this token.
    pub fn new(token: Id, events: &'e E) -> Self {
        Self { token, events, written: 0, stdout: Text::default(), stderr: Text::default() }
    }
}

impl<E: Events> Listener for Progress<'_, E> {
    fn written(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        self.written = self.written.saturating_add(bytes.len());
        let text = match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        };
        if text.is_empty() {
            return true;
        }
        let mut params = Object::new();
        params.set("progressToken", &self.token);
        params.set("progress", &self.written);
        params.set("message", &text);
        let notification = Message::Notification(Call::notification("notifications/progress", Some(params)));
        self.events.send(&event(&notification))
    }

    fn is_there(&self) -> bool {
        self.events.is_there()
    }
}

/// The answer as the last event.
pub fn last_event(reply: Reply) -> Vec<u8> {
    event(&Message::Response(reply))
}

fn event(message: &Message) -> Vec<u8> {
    Event::message(message.to_text()).to_bytes()
}
