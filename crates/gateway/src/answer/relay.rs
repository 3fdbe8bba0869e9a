//! An answer that passes as it is.

use gatehouse_mcp_wire::event_stream::{COMMENT, Event};

use super::client_response::{ClientStream, KEEP_ALIVE};
use super::conversation::{ConversationEnd, Permit, StreamEnd, TICK, renew};
use super::stream_deadline::StreamDeadline;
use super::transfers::{Arrival, Transfers};
use crate::{Clock, Refusal};

/// Passes every byte on as soon as it arrives, until either side ends. Where there is a `farewell`, the answer is a stream of
/// events to which ours can be added: it is what the client is told where its permit is lost, and silence is kept alive with
/// comments.
pub fn relay(
    clock: &impl Clock,
    transfers: &mut impl Transfers,
    mut client: impl ClientStream,
    mut deadline: StreamDeadline,
    permit: &mut impl Permit,
    farewell: Option<impl FnOnce(&Refusal) -> Event>,
) -> ConversationEnd {
    let (mut ticked, mut written, mut tail) = (clock.elapsed(), clock.elapsed(), StreamTail::default());
    loop {
        match transfers.next(TICK) {
            Arrival::Piece(_, bytes) => {
                written = clock.elapsed();
                deadline.note_event(written);
                tail.note(&bytes);
                if client.write(&bytes).is_err() {
                    return ConversationEnd::Stream(StreamEnd::ClientGone);
                }
            }
            Arrival::End(_) => {
                client.finish();
                return ConversationEnd::Complete;
            }
            // Whose client leaves may lose its upstream by that. It is not the upstream's fault then.
            Arrival::Broken(_) | Arrival::NoAnswer(..) if !client.has_client() => {
                return ConversationEnd::Stream(StreamEnd::ClientGone);
            }
            Arrival::Broken(_) | Arrival::NoAnswer(..) => {
                return ConversationEnd::Failed(Refusal::UpstreamMalformed("it broke off"));
            }
            Arrival::Head(..) => {}
            Arrival::Nothing if !client.has_client() => return ConversationEnd::Stream(StreamEnd::ClientGone),
            Arrival::Nothing => {}
        }
        let now = clock.elapsed();
        if now.saturating_sub(ticked) >= TICK {
            ticked = now;
            let renewed = match deadline.is_over(now) {
                true => Err(ConversationEnd::Stream(StreamEnd::TimeLimit)),
                false => renew(permit),
            };
            let Err(end) = renewed else {
                let is_quiet = now.saturating_sub(written) >= KEEP_ALIVE;
                if is_quiet && farewell.is_some() && tail.is_between_events() {
                    written = now;
                    if client.write(COMMENT).is_err() {
                        return ConversationEnd::Stream(StreamEnd::ClientGone);
                    }
                }
                continue;
            };
            // A subscription may end; half an answer must not look like a whole one.
            if permit.is_for_stream() {
                client.finish();
            } else if let ConversationEnd::PermitLost(refusal) = &end
                && tail.is_between_events()
                && let Some(farewell) = farewell
                && client.write(&farewell(refusal).to_bytes()).is_ok()
            {
                client.finish();
            }
            return end;
        }
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct StreamTail(Vec<u8>);

impl StreamTail {
    fn note(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.drain(..self.0.len().saturating_sub(4));
    }

    /// Whether another event can follow.
    fn is_between_events(&self) -> bool {
        self.0.is_empty() || ["\n\n", "\r\n\r\n", "\r\r"].iter().any(|end| self.0.ends_with(end.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::{ManualClock, Script, ScriptedClient, ScriptedPermit};
    use crate::{LongRequestLimit, example};

    fn passed(script: Vec<Script>, permit: &mut ScriptedPermit, client: &ScriptedClient) -> ConversationEnd {
        let clock = ManualClock::default();
        let deadline = StreamDeadline::new(&example::one_upstream().routes.remove(0).limits, 0);
        let farewell = |_: &Refusal| Event::message("farewell");
        relay(&clock, &mut clock.transfers(script), client.clone(), deadline, permit, Some(farewell))
    }

    #[test]
    fn a_quiet_stream_is_kept_alive_between_two_events_only() {
        for (sent, received) in [
            ("", ":\n\n:\n\n"),
            ("data: a\n\n", "data: a\n\n:\n\n:\n\n"),
            ("data: a\r\n\r\n", "data: a\r\n\r\n:\n\n:\n\n"),
            (": of the server\n\n", ": of the server\n\n:\n\n:\n\n"),
            ("data: a\n", "data: a\n"),
            ("data: a", "data: a"),
        ] {
            let client = ScriptedClient::default();
            let mut script = vec![Script::Wait(44_000), Script::End(0)];
            if !sent.is_empty() {
                script.insert(0, Script::piece(0, sent));
            }
            assert_eq!(passed(script, &mut ScriptedPermit::lasting(), &client), ConversationEnd::Complete);
            assert_eq!(client.received.borrow().text(), received, "{sent:?}");
        }
    }

    #[test]
    fn what_comes_puts_the_comment_off_and_comments_do_not_lengthen_a_streams_time() {
        let client = ScriptedClient::default();
        let script = vec![Script::Wait(14_000), Script::piece(0, "data: a\n\n"), Script::Wait(14_000), Script::End(0)];
        assert_eq!(passed(script, &mut ScriptedPermit::lasting(), &client), ConversationEnd::Complete);
        assert_eq!(client.received.borrow().text(), "data: a\n\n");
        let (client, clock) = (ScriptedClient::default(), ManualClock::default());
        let limits = example::one_upstream().routes.remove(0).limits;
        let (deadline, mut permit) = (StreamDeadline::new(&limits, 0), ScriptedPermit::lasting());
        let farewell = |_: &Refusal| Event::message("farewell");
        let transfers = &mut clock.transfers(Vec::new());
        let end = relay(&clock, transfers, client.clone(), deadline, &mut permit, Some(farewell));
        assert_eq!((end, clock.elapsed()), (ConversationEnd::Stream(StreamEnd::TimeLimit), limits.stream_idle * 1_000));
    }

    #[test]
    fn what_is_no_stream_of_events_gets_nothing_of_ours() {
        let (client, clock) = (ScriptedClient::default(), ManualClock::default());
        let deadline = StreamDeadline::new(&example::one_upstream().routes.remove(0).limits, 0);
        let mut permit = ScriptedPermit { renewals: 40, is_for_stream: false };
        let none = None::<fn(&Refusal) -> Event>;
        relay(&clock, &mut clock.transfers(Vec::new()), client.clone(), deadline, &mut permit, none);
        let received = client.received.borrow();
        assert_eq!((received.text(), received.is_finished), (String::new(), false));
        assert!(clock.elapsed() >= 40_000);
    }

    #[test]
    fn every_byte_passes_and_the_end_is_an_end() {
        let client = ScriptedClient::default();
        let script = vec![Script::piece(0, "{\"a\":"), Script::Wait(3_000), Script::piece(0, "1}"), Script::End(0)];
        assert_eq!(passed(script, &mut ScriptedPermit::lasting(), &client), ConversationEnd::Complete);
        assert_eq!(client.received.borrow().text(), "{\"a\":1}");
        assert!(client.received.borrow().is_finished);
    }

    #[test]
    fn an_answer_that_breaks_off_breaks_off() {
        let client = ScriptedClient::default();
        let script = vec![Script::Head(0, 200, &[]), Script::piece(0, "{"), Script::Broken(0)];
        let end = passed(script, &mut ScriptedPermit::lasting(), &client);
        assert_eq!(end, ConversationEnd::Failed(Refusal::UpstreamMalformed("it broke off")));
        assert!(!client.received.borrow().is_finished);
    }

    #[test]
    fn a_client_that_has_left_is_noticed_in_silence_and_when_something_comes() {
        for script in [vec![Script::Wait(2_000)], vec![Script::piece(0, "a")], vec![Script::Broken(0)]] {
            let client = ScriptedClient::default();
            client.has_left.set(true);
            let end = passed(script, &mut ScriptedPermit::lasting(), &client);
            assert_eq!(end, ConversationEnd::Stream(StreamEnd::ClientGone));
        }
    }

    #[test]
    fn a_call_that_loses_its_permit_is_told_so_between_two_events_only() {
        for (sent, is_told) in [
            ("", true),
            ("data: a\n\n", true),
            ("data: a\r\n\r\n", true),
            ("data: a\r\r", true),
            ("data: a\n", false),
            ("data: a", false),
        ] {
            let client = ScriptedClient::default();
            let script = if sent.is_empty() {
                vec![Script::Wait(2_000)]
            } else {
                vec![Script::piece(0, sent), Script::Wait(2_000)]
            };
            let mut permit = ScriptedPermit { renewals: 0, is_for_stream: false };
            let end = passed(script, &mut permit, &client);
            let lost = Refusal::TooManyLongRequests(LongRequestLimit::CallsOfSubject);
            assert_eq!(end, ConversationEnd::PermitLost(lost));
            let received = client.received.borrow();
            assert_eq!(received.is_finished, is_told, "{sent:?}");
            assert_eq!(received.text().ends_with("data: farewell\n\n"), is_told, "{sent:?}");
        }
    }

    #[test]
    fn a_stream_ends_when_its_time_is_over_and_an_answer_breaks_off() {
        for is_for_stream in [true, false] {
            let client = ScriptedClient::default();
            let mut permit = ScriptedPermit { is_for_stream, ..ScriptedPermit::lasting() };
            assert_eq!(passed(Vec::new(), &mut permit, &client), ConversationEnd::Stream(StreamEnd::TimeLimit));
            assert_eq!(client.received.borrow().is_finished, is_for_stream);
        }
    }
}
