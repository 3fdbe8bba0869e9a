//! How long a server may take.

use gatehouse_configuration::Upstream;

use crate::Milliseconds;

/// Seconds. Between two events there may be silence for as long as nothing happens; Spin's own 10 minutes would cut
/// quiet streams. The limits of a route's streams are counted here, not by the host.
const BETWEEN_BYTES: u64 = 8 * 24 * 60 * 60;
/// Seconds to connect, for what takes no server long.
const SHORT_CONNECT: u64 = 5;
/// Seconds to answer, for what takes no server long.
const SHORT_ANSWER: u64 = 10;

/// The limits of one request to a server, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To connect.
    pub connect: u64,
    /// From the sent request to the first byte of the answer.
    pub first_byte: u64,
    /// Between two pieces of the answer.
    pub between_bytes: u64,
}

impl UpstreamTimeouts {
    /// Of a request that is answered.
    pub fn of_request(upstream: &Upstream) -> Self {
        Self { connect: upstream.timeouts.connect, first_byte: upstream.timeouts.answer, between_bytes: BETWEEN_BYTES }
    }

    /// Of a stream that only listens: it may be silent from its start, and some servers send their head only with the
    /// first event.
    pub fn of_stream(upstream: &Upstream) -> Self {
        Self { first_byte: BETWEEN_BYTES, ..Self::of_request(upstream) }
    }

    /// Of the end of a session, which takes no server long: a host finishes what is short for a client that has gone.
    pub fn of_session_end(upstream: &Upstream) -> Self {
        Self {
            connect: upstream.timeouts.connect.min(SHORT_CONNECT),
            first_byte: upstream.timeouts.answer.min(SHORT_ANSWER),
            between_bytes: SHORT_ANSWER,
        }
    }

    /// The time after which a server has not answered, should the host not say so.
    pub fn longest(upstream: &Upstream) -> Milliseconds {
        upstream.timeouts.connect.saturating_add(upstream.timeouts.answer).saturating_add(1).saturating_mul(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn upstream(timeouts: &str) -> Upstream {
        let document = format!("{}timeouts = {{ {timeouts} }}\n", example::ONE_UPSTREAM);
        example::upstream(&gatehouse_configuration::Configuration::parse(&document).unwrap()).clone()
    }

    #[test]
    fn an_answer_has_the_configured_time_and_may_then_be_quiet_for_days() {
        let upstream = upstream("connect = 3, answer = 70");
        let timeouts = UpstreamTimeouts::of_request(&upstream);
        assert_eq!((timeouts.connect, timeouts.first_byte, timeouts.between_bytes), (3, 70, 691_200));
        assert_eq!(UpstreamTimeouts::longest(&upstream), 74_000);
    }

    #[test]
    fn a_stream_may_be_quiet_from_its_start() {
        let timeouts = UpstreamTimeouts::of_stream(&upstream("connect = 3, answer = 70"));
        assert_eq!((timeouts.connect, timeouts.first_byte), (3, 691_200));
    }

    #[test]
    fn the_end_of_a_session_is_short() {
        let timeouts = UpstreamTimeouts::of_session_end(&upstream("connect = 30, answer = 70"));
        assert_eq!((timeouts.connect, timeouts.first_byte, timeouts.between_bytes), (5, 10, 10));
        let timeouts = UpstreamTimeouts::of_session_end(&upstream("connect = 2, answer = 4"));
        assert_eq!((timeouts.connect, timeouts.first_byte), (2, 4));
    }
}
