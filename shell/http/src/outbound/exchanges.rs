//! Several requests at once, and their answers as they arrive.

use http::{Request, Response, StatusCode};
use shell_telemetry::Sent;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{FutureIncomingResponse, IncomingBody, IncomingResponse};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, StreamError};

use super::no_answer::{NoAnswer, failed, refused};
use super::outgoing_request::{Limits, options, outgoing};
use super::sending::Sending;
use crate::headers::header_map;
use crate::streams::READ_AT_MOST;
use crate::system::{Milliseconds, NANOSECONDS_OF_MILLISECOND};

/// Requests on their way, numbered from 0 in the order in which they were started. Dropping it, or [`Exchanges::end`],
/// closes the connections of those that are not over.
#[derive(Default)]
pub struct Exchanges {
    exchanges: Vec<Exchange>,
    /// Where the next look begins, so that one that always has something does not keep the others waiting.
    next_exchange: usize,
}

/// What arrived, and of which request.
#[derive(Debug)]
pub enum Arrival {
    /// The head of its answer.
    Head(usize, Response<()>),
    /// There is none.
    NoAnswer(usize, NoAnswer),
    /// Bytes of its answer's body; not empty.
    Piece(usize, Vec<u8>),
    /// The body's regular end.
    End(usize),
    /// The body broke off.
    Broken(usize),
    /// Nothing, for as long as the caller wanted to wait.
    Tick,
}

enum Exchange {
    NotStarted(NoAnswer),
    Waiting { sending: Option<Sending>, answer: FutureIncomingResponse, sent: Sent },
    Arriving { body: Body, sending: Option<Sending> },
    Ended,
}

/// The body of an answer. One value, so that its parts are dropped in this order: WASI traps where a body goes before
/// its stream.
struct Body {
    stream: InputStream,
    _body: IncomingBody,
}

impl Exchanges {
    /// Starts a request; its number. Where it cannot be started, that is the first that arrives of it.
    pub fn start(&mut self, request: Request<Vec<u8>>, limits: Limits) -> usize {
        self.exchanges.push(started(request, limits).unwrap_or_else(Exchange::NotStarted));
        self.exchanges.len().saturating_sub(1)
    }

    /// The next thing that arrives within `time`.
    pub fn next(&mut self, time: Milliseconds) -> Arrival {
        let mut over = None;
        loop {
            if let Some(arrival) = self.arrived() {
                return arrival;
            }
            let over = over.get_or_insert_with(|| subscribe_duration(time.saturating_mul(NANOSECONDS_OF_MILLISECOND)));
            let pollables: Vec<Pollable> = self.exchanges.iter().flat_map(Exchange::subscribe).collect();
            let all: Vec<&Pollable> = pollables.iter().chain([&*over]).collect();
            let is_over = |ready: &Vec<u32>| ready.iter().all(|index| *index as usize == pollables.len());
            if is_over(&poll(&all)) {
                return Arrival::Tick;
            }
        }
    }

    /// Gives the request up: nothing more arrives of it, and its connection is closed.
    pub fn end(&mut self, number: usize) {
        if let Some(exchange) = self.exchanges.get_mut(number) {
            *exchange = Exchange::Ended;
        }
    }

    /// Whether nothing can arrive any more.
    pub fn are_over(&self) -> bool {
        self.exchanges.iter().all(|exchange| matches!(exchange, Exchange::Ended))
    }

    /// What is there already.
    fn arrived(&mut self) -> Option<Arrival> {
        let count = self.exchanges.len();
        for offset in 0..count {
            let number = self.next_exchange.wrapping_add(offset) % count;
            let Some(slot) = self.exchanges.get_mut(number) else { continue };
            let (exchange, arrival) = std::mem::replace(slot, Exchange::Ended).go_on(number);
            *slot = exchange;
            if arrival.is_some() {
                self.next_exchange = number.wrapping_add(1);
                return arrival;
            }
        }
        None
    }
}

impl Exchange {
    /// Goes on as far as it can without waiting.
    fn go_on(self, number: usize) -> (Self, Option<Arrival>) {
        match self {
            Self::NotStarted(reason) => (Self::Ended, Some(Arrival::NoAnswer(number, reason))),
            Self::Waiting { sending, answer, sent } => {
                let sending = sending.and_then(Sending::go_on);
                match answer.get() {
                    None => (Self::Waiting { sending, answer, sent }, None),
                    Some(answered) => {
                        let head = head(answered);
                        sent.arrived(head.as_ref().map(|(head, _)| head.status()).map_err(NoAnswer::failure));
                        match head {
                            Ok((head, body)) => (Self::Arriving { body, sending }, Some(Arrival::Head(number, head))),
                            Err(reason) => (Self::Ended, Some(Arrival::NoAnswer(number, reason))),
                        }
                    }
                }
            }
            Self::Arriving { body, sending } => {
                let sending = sending.and_then(Sending::go_on);
                match body.stream.read(READ_AT_MOST) {
                    Ok(piece) => {
                        let arrival = (!piece.is_empty()).then_some(Arrival::Piece(number, piece));
                        (Self::Arriving { body, sending }, arrival)
                    }
                    Err(StreamError::Closed) => (Self::Ended, Some(Arrival::End(number))),
                    Err(StreamError::LastOperationFailed(_)) => (Self::Ended, Some(Arrival::Broken(number))),
                }
            }
            Self::Ended => (Self::Ended, None),
        }
    }

    /// What becomes ready when it can go on.
    fn subscribe(&self) -> impl Iterator<Item = Pollable> {
        let (answer, sending) = match self {
            Self::NotStarted(_) | Self::Ended => (None, None),
            Self::Waiting { sending, answer, .. } => (Some(answer.subscribe()), sending.as_ref()),
            Self::Arriving { body, sending } => (Some(body.stream.subscribe()), sending.as_ref()),
        };
        answer.into_iter().chain(sending.map(Sending::subscribe))
    }
}

fn started(request: Request<Vec<u8>>, limits: Limits) -> Result<Exchange, NoAnswer> {
    let outgoing = outgoing(&request)?;
    let body = outgoing.body().map_err(|()| failed("no body"))?;
    let sent = Sent::now(&request);
    let answer = outgoing_handler::handle(outgoing, Some(options(limits))).map_err(refused);
    let begun = answer.and_then(|answer| Ok((answer, Sending::begin(body, request.into_body())?)));
    match begun {
        Ok((answer, sending)) => Ok(Exchange::Waiting { sending, answer, sent }),
        Err(reason) => {
            sent.arrived(Err(reason.failure()));
            Err(reason)
        }
    }
}

type Answered = Result<Result<IncomingResponse, wasip2::http::types::ErrorCode>, ()>;

fn head(answered: Answered) -> Result<(Response<()>, Body), NoAnswer> {
    // `get` answers once; an error here means that the host broke its own contract.
    let incoming = answered.map_err(|()| failed("no answer"))?.map_err(refused)?;
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(incoming.status()).map_err(|_| failed("invalid status"))?;
    *head.headers_mut() = header_map(&incoming.headers()).map_err(|_| failed("invalid header"))?;
    let body = incoming.consume().map_err(|()| failed("no body"))?;
    let stream = body.stream().map_err(|()| failed("no body"))?;
    Ok((head, Body { stream, _body: body }))
}
