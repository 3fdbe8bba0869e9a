//! How often a mailbox is looked into (MCP 2024-11-05). Each look is a question to the store.

use crate::Milliseconds;

/// Milliseconds between two looks after something was in it, and after a while of silence.
const BUSY: Milliseconds = 50;
const QUIET: Milliseconds = 500;
/// How long it is looked into often after a message.
const BUSY_FOR: Milliseconds = 10_000;

/// When the next look is.
#[derive(Clone, Copy, Debug)]
pub struct MailboxPolling {
    last_message: Milliseconds,
    interval: Milliseconds,
}

impl MailboxPolling {
    /// Of a mailbox that has just been opened.
    pub fn new(now: Milliseconds) -> Self {
        Self { last_message: now, interval: BUSY }
    }

    /// A look has found messages, or none.
    pub fn note_look(&mut self, now: Milliseconds, has_messages: bool) {
        if has_messages {
            self.last_message = now;
        }
        self.interval = if now.saturating_sub(self.last_message) < BUSY_FOR { BUSY } else { QUIET };
    }

    /// The time until the next look.
    pub fn interval(&self) -> Milliseconds {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_looked_into_often_for_ten_seconds_after_a_message() {
        let mut polling = MailboxPolling::new(1_000);
        assert_eq!(polling.interval(), 50);
        polling.note_look(10_999, false);
        assert_eq!(polling.interval(), 50);
        polling.note_look(11_000, false);
        assert_eq!(polling.interval(), 500);
        polling.note_look(20_000, true);
        assert_eq!(polling.interval(), 50);
        polling.note_look(30_000, false);
        assert_eq!(polling.interval(), 500);
    }
}
