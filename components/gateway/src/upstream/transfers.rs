//! Requests to servers on their way.

use gatehouse_gateway::UpstreamTimeouts;
use gatehouse_gateway::answer::{Answers, Arrival, NoAnswer, Transfers};
use gatehouse_gateway::rest::{RestTransfers, StartTransfers};
use http::Request;
use shell_http::Milliseconds;
use shell_http::outbound::{self, Exchanges, Limits};

/// The answers to requests that are on their way.
pub(crate) type ServerAnswers = Answers<OutboundTransfers>;

/// Requests on their way, to servers and to REST APIs.
pub(crate) type OutboundTransfers = RestTransfers<HostTransfers>;

/// Requests on their way by way of the host.
#[derive(Default)]
pub(crate) struct HostTransfers(Exchanges);

impl StartTransfers for HostTransfers {
    fn start(&mut self, request: Request<Vec<u8>>, timeouts: UpstreamTimeouts) -> usize {
        let limits = Limits {
            connect_seconds: timeouts.connect,
            first_byte_seconds: timeouts.first_byte,
            between_bytes_seconds: timeouts.between_bytes,
        };
        self.0.start(request, limits)
    }
}

impl Transfers for HostTransfers {
    fn next(&mut self, time: Milliseconds) -> Arrival {
        match self.0.next(time) {
            outbound::Arrival::Head(number, head) => Arrival::Head(number, head),
            outbound::Arrival::NoAnswer(number, outbound::NoAnswer::TimedOut) => {
                Arrival::NoAnswer(number, NoAnswer::TimedOut)
            }
            outbound::Arrival::NoAnswer(number, reason) => {
                Arrival::NoAnswer(number, NoAnswer::Unreachable(reason.to_string()))
            }
            outbound::Arrival::Piece(number, bytes) => Arrival::Piece(number, bytes),
            outbound::Arrival::End(number) => Arrival::End(number),
            outbound::Arrival::Broken(number) => Arrival::Broken(number),
            outbound::Arrival::Tick => Arrival::Nothing,
        }
    }

    fn abandon(&mut self, number: usize) {
        self.0.end(number);
    }

    fn are_over(&self) -> bool {
        self.0.are_over()
    }
}

/// The answers to no request yet.
pub(crate) fn no_answers() -> ServerAnswers {
    Answers::of(OutboundTransfers::default())
}

/// The same, of which one answer is made.
pub(crate) fn no_answers_together() -> ServerAnswers {
    Answers::together(OutboundTransfers::default())
}

/// The answer to one request.
pub(crate) fn send(request: Request<Vec<u8>>, timeouts: UpstreamTimeouts) -> ServerAnswers {
    let mut answers = no_answers();
    answers.transfers().start(request, timeouts);
    answers
}
