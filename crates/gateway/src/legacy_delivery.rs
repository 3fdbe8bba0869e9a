//! Messages on their way into the mailbox of a client's event stream (MCP 2024-11-05).

use gatehouse_legacy_sse::Rejection;
use gatehouse_mcp_wire::event_stream::Event;
use gatehouse_mcp_wire::json_rpc::{Body, Id, Message};

use crate::answer::{EventSink, StreamEnd};
use crate::{Clock, Endpoint, Milliseconds, Refusal};

/// How long a message waits for a client that does not take what is there, and how often it is tried.
const LONGEST_WAIT: Milliseconds = 30_000;
const TRY_EVERY: Milliseconds = 200;
/// How often it is asked whether the stream is still there.
const LOOK_EVERY: Milliseconds = 5_000;

/// The mailbox of one event stream.
pub trait Mailbox {
    /// Puts a message into it.
    ///
    /// # Errors
    /// Why it was not taken.
    fn post(&self, message: &[u8]) -> Result<(), Rejection>;

    /// Whether nobody reads from it any more.
    ///
    /// # Errors
    /// Where the store does not answer.
    fn is_closed(&self) -> Result<bool, Rejection>;

    /// A message did not get into it; why, for the log: nobody else is listening.
    fn log_undelivered(&self, reason: &Rejection);
}

/// Puts messages into a mailbox, and waits for a slow reader.
pub struct LegacyDelivery<'a, M, C> {
    mailbox: &'a M,
    clock: &'a C,
    endpoint: &'a Endpoint<'a>,
    last_look: Milliseconds,
}

impl<'a, M: Mailbox, C: Clock> LegacyDelivery<'a, M, C> {
    /// Delivers into `mailbox` what a client of `endpoint` gets.
    pub fn new(mailbox: &'a M, clock: &'a C, endpoint: &'a Endpoint<'a>) -> Self {
        Self { mailbox, clock, endpoint, last_look: clock.elapsed() }
    }

    /// Delivers a message.
    pub fn deliver(&self, message: &[u8]) {
        if let Err(reason) = self.post(message) {
            self.undelivered(message, &reason);
        }
    }

    /// Delivers a refusal as the answer to the request with this id.
    pub fn refuse(&self, refusal: &Refusal, id: &Id) {
        self.deliver(refusal.reply(self.endpoint, Some(id)).to_object().to_string().as_bytes());
    }

    /// A client that waits for an answer that the mailbox cannot hold would wait for ever: it is told so.
    fn undelivered(&self, message: &[u8], reason: &Rejection) {
        self.mailbox.log_undelivered(reason);
        if *reason == Rejection::TooLarge
            && let Ok(Body::Single(Message::Response(reply))) = Body::parse_answer(message)
            && let Some(id) = reply.id
        {
            self.refuse(&Refusal::UpstreamMalformed("it is too large for a client of 2024-11-05"), &id);
        }
    }

    fn post(&self, message: &[u8]) -> Result<(), Rejection> {
        let deadline = self.clock.elapsed().saturating_add(LONGEST_WAIT);
        loop {
            match self.mailbox.post(message) {
                Err(Rejection::Full) if self.clock.elapsed() < deadline => self.clock.wait(TRY_EVERY),
                posted => return posted,
            }
        }
    }
}

impl<M: Mailbox, C: Clock> EventSink for LegacyDelivery<'_, M, C> {
    fn begin(&mut self, _: Milliseconds) -> Result<(), StreamEnd> {
        Ok(())
    }

    fn send(&mut self, _: Milliseconds, event: &Event) -> Result<(), StreamEnd> {
        let message = event.data.as_deref().unwrap_or_default().as_bytes();
        match self.post(message) {
            Ok(()) => Ok(()),
            Err(Rejection::Closed) => Err(StreamEnd::ClientGone),
            Err(reason) => {
                self.undelivered(message, &reason);
                Ok(())
            }
        }
    }

    fn tick(&mut self, now: Milliseconds) -> Result<(), StreamEnd> {
        if now.saturating_sub(self.last_look) < LOOK_EVERY {
            return Ok(());
        }
        self.last_look = now;
        match self.mailbox.is_closed() {
            Ok(true) => Err(StreamEnd::ClientGone),
            // While the store does not answer, nobody knows.
            Ok(false) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::answer::scripted::ManualClock;
    use crate::example;

    /// Takes messages of at most 200 bytes, unless it is full or closed.
    #[derive(Default)]
    struct Box {
        messages: RefCell<Vec<String>>,
        undelivered: Cell<usize>,
        full_for: Cell<usize>,
        is_closed: Cell<bool>,
        is_down: Cell<bool>,
        looks: Cell<usize>,
    }

    impl Mailbox for Box {
        fn post(&self, message: &[u8]) -> Result<(), Rejection> {
            if self.is_closed.get() {
                return Err(Rejection::Closed);
            }
            if let Some(left) = self.full_for.get().checked_sub(1) {
                self.full_for.set(left);
                return Err(Rejection::Full);
            }
            if message.len() > 200 {
                return Err(Rejection::TooLarge);
            }
            self.messages.borrow_mut().push(String::from_utf8(message.to_vec()).unwrap());
            Ok(())
        }

        fn is_closed(&self) -> Result<bool, Rejection> {
            self.looks.set(self.looks.get() + 1);
            if self.is_down.get() { Err(Rejection::Unavailable("down".to_owned())) } else { Ok(self.is_closed.get()) }
        }

        fn log_undelivered(&self, _: &Rejection) {
            self.undelivered.set(self.undelivered.get() + 1);
        }
    }

    fn delivery(mailbox: &Box, clock: &ManualClock, act: impl FnOnce(&mut LegacyDelivery<'_, Box, ManualClock>)) {
        let configuration = example::one_upstream();
        let endpoint = example::endpoint(&configuration);
        act(&mut LegacyDelivery::new(mailbox, clock, &endpoint));
    }

    #[test]
    fn a_slow_reader_is_waited_for_and_one_that_reads_nothing_is_not() {
        let (mailbox, clock) = (Box::default(), ManualClock::default());
        mailbox.full_for.set(100);
        delivery(&mailbox, &clock, |delivery| delivery.send(0, &Event::message("one")).unwrap());
        assert_eq!((clock.elapsed(), mailbox.messages.borrow().len()), (20_000, 1));
        mailbox.full_for.set(usize::MAX);
        delivery(&mailbox, &clock, |delivery| {
            delivery.begin(0).unwrap();
            delivery.send(0, &Event::message("two")).unwrap();
            delivery.deliver(b"three");
        });
        assert_eq!((clock.elapsed(), mailbox.undelivered.get()), (80_000, 2));
    }

    #[test]
    fn a_client_is_told_of_an_answer_that_is_too_large() {
        let (mailbox, clock) = (Box::default(), ManualClock::default());
        let large = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"a":"{}"}}}}"#, "x".repeat(200));
        delivery(&mailbox, &clock, |delivery| {
            delivery.send(0, &Event::message(large)).unwrap();
            delivery.send(0, &Event::message("x".repeat(300))).unwrap();
        });
        let messages = mailbox.messages.borrow();
        assert_eq!(messages.len(), 1);
        assert!(messages[0].contains("\"id\":7") && messages[0].contains("error"), "{messages:?}");
        assert_eq!(mailbox.undelivered.get(), 2);
    }

    #[test]
    fn a_stream_that_is_gone_is_noticed_within_five_seconds() {
        let (mailbox, clock) = (Box::default(), ManualClock::default());
        mailbox.is_closed.set(true);
        delivery(&mailbox, &clock, |delivery| {
            assert_eq!(delivery.tick(4_999), Ok(()));
            assert_eq!(mailbox.looks.get(), 0);
            assert_eq!(delivery.tick(5_000), Err(StreamEnd::ClientGone));
            mailbox.is_down.set(true);
            assert_eq!(delivery.tick(10_000), Ok(()));
            assert_eq!(delivery.send(10_000, &Event::message("one")), Err(StreamEnd::ClientGone));
        });
    }
}
