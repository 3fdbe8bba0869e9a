//! What a run writes, told to a client that waits for it.

use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Object, Reply};
use sandbox_run::Stream;
use shell_http::Milliseconds;

use crate::host::Host;
use crate::interpreter::Listener;
use crate::output::Text;

/// Milliseconds for which output is gathered, and bytes of text at which it is told at once: code that writes byte by byte must not make a
/// message of each.
const GATHER: Milliseconds = 100;
const GATHER_AT_MOST: usize = 16 << 10;
/// Milliseconds after which it is looked whether the client is still there.
const LOOK: Milliseconds = 1_000;

/// A stream of events that is being written.
pub trait Events {
    /// Sends as many of these bytes as are taken now, and waits for nobody; how many. `None` where the client has gone.
    fn offer(&self, bytes: &[u8]) -> Option<usize>;

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

    fn look(&mut self) -> bool {
        true
    }

    fn look_within(&self) -> Milliseconds {
        LOOK
    }
}

/// A client that gave a progress token, and takes events: the output is the messages of progress notifications. Their number is the
/// bytes that were written, which grows with each.
///
/// No run waits for its client: what that does not take is kept until it does, which is never more than a run may write.
#[derive(Debug)]
pub struct Progress<'e, H, E> {
    host: &'e H,
    token: Id,
    events: &'e E,
    written: usize,
    stdout: Text,
    stderr: Text,
    /// Text that is in no event yet.
    gathered: String,
    /// Bytes of the last event that the client has not taken yet.
    rest: Vec<u8>,
    /// When something was offered last.
    offered: Option<Milliseconds>,
}

impl<'e, H: Host, E: Events> Progress<'e, H, E> {
    /// One for a request with this token.
    pub fn new(host: &'e H, token: Id, events: &'e E) -> Self {
        let (stdout, stderr) = (Text::default(), Text::default());
        Self {
            host,
            token,
            events,
            written: 0,
            stdout,
            stderr,
            gathered: String::new(),
            rest: Vec::new(),
            offered: None,
        }
    }

    /// What the client has not been sent yet.
    pub fn rest(mut self) -> Vec<u8> {
        if !self.gathered.is_empty() {
            let event = self.event();
            self.rest.extend(event);
        }
        self.rest
    }

    /// Offers what there is, where it is time to.
    fn offer(&mut self) -> bool {
        let now = self.host.elapsed();
        let is_time = self.offered.is_none_or(|offered| now.saturating_sub(offered) >= GATHER);
        let is_full = self.rest.is_empty() && self.gathered.len() >= GATHER_AT_MOST;
        if self.is_empty() || !(is_time || is_full) {
            return true;
        }
        self.offered = Some(now);
        if self.rest.is_empty() {
            self.rest = self.event();
        }
        let taken = self.events.offer(&self.rest);
        self.rest.drain(..taken.unwrap_or(0).min(self.rest.len()));
        taken.is_some()
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty() && self.gathered.is_empty()
    }

    fn event(&mut self) -> Vec<u8> {
        let mut params = Object::new();
        params.set("progressToken", &self.token);
        params.set("progress", &self.written);
        params.set("message", &std::mem::take(&mut self.gathered));
        event(&Message::Notification(Call::notification("notifications/progress", Some(params))))
    }
}

impl<H: Host, E: Events> Listener for Progress<'_, H, E> {
    fn written(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        self.written = self.written.saturating_add(bytes.len());
        let text = match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        };
        self.gathered.push_str(&text);
        self.offer()
    }

    fn look(&mut self) -> bool {
        self.offer() && self.events.is_there()
    }

    fn look_within(&self) -> Milliseconds {
        if self.is_empty() { LOOK } else { GATHER }
    }
}

/// The answer as the last event.
pub fn last_event(reply: Reply) -> Vec<u8> {
    event(&Message::Response(reply))
}

fn event(message: &Message) -> Vec<u8> {
    Event::message(message.to_text()).to_bytes()
}
