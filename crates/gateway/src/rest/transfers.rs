//! Requests on their way, to servers and to REST APIs.

use std::collections::{HashMap, VecDeque};

use gatehouse_mcp_wire::json_rpc::{Body, Message, Reply};
use gatehouse_openapi::{LARGEST_ANSWER, OperationCall, RestAnswer};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};

use super::exchange::{RestExchange, RestReply, text};
use crate::answer::{Arrival, NoAnswer, Transfers};
use crate::{Milliseconds, UpstreamTimeouts};

/// Transfers to which requests can be added.
pub trait StartTransfers: Transfers {
    /// Starts a request; its number.
    fn start(&mut self, request: Request<Vec<u8>>, timeouts: UpstreamTimeouts) -> usize;
}

/// Requests on their way. One that carries a [`RestExchange`] among its extensions is answered as an MCP server would answer it:
/// with one JSON text, when everything has come that the API answers.
#[derive(Debug, Default)]
pub struct RestTransfers<T> {
    inner: T,
    exchanges: Vec<Exchange>,
    /// Whose a request of `inner` is, and which of its calls it is.
    owners: HashMap<usize, (usize, usize)>,
    ready: VecDeque<Arrival>,
}

#[derive(Debug)]
enum Exchange {
    /// Passes as it is: its number in `inner`.
    Server(usize),
    Api {
        calls: Vec<Call>,
        is_batch: bool,
    },
    Over,
}

#[derive(Debug)]
struct Call {
    reply: Option<Reply>,
    awaited: Option<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    call: Box<OperationCall>,
    secrets: Vec<String>,
    /// In `inner`.
    number: usize,
    head: Option<Response<()>>,
    body: Vec<u8>,
}

impl<T: StartTransfers> RestTransfers<T> {
    /// Starts a request; its number.
    pub fn start(&mut self, mut request: Request<Vec<u8>>, timeouts: UpstreamTimeouts) -> usize {
        let exchange = self.exchanges.len();
        let started = match request.extensions_mut().remove::<RestExchange>() {
            None => {
                let number = self.inner.start(request, timeouts);
                self.owners.insert(number, (exchange, 0));
                Exchange::Server(number)
            }
            Some(RestExchange::Answered(status, body)) => {
                self.answer(exchange, status, body);
                Exchange::Over
            }
            Some(RestExchange::Unreachable(reason)) => {
                self.ready.push_back(Arrival::NoAnswer(exchange, NoAnswer::Unreachable(reason)));
                Exchange::Over
            }
            Some(RestExchange::Asked { replies, is_batch }) => {
                let calls = replies.into_iter().enumerate();
                let calls = calls.map(|(index, reply)| self.ask(exchange, index, reply, timeouts)).collect();
                Exchange::Api { calls, is_batch }
            }
        };
        self.exchanges.push(started);
        self.finish(exchange);
        exchange
    }

    fn ask(&mut self, exchange: usize, index: usize, reply: RestReply, timeouts: UpstreamTimeouts) -> Call {
        match reply {
            RestReply::Known(reply) => Call { reply: Some(reply), awaited: None },
            RestReply::Awaited { call, request, secrets } => {
                let number = self.inner.start(*request, timeouts);
                self.owners.insert(number, (exchange, index));
                Call { reply: None, awaited: Some(Awaited { call, secrets, number, head: None, body: Vec::new() }) }
            }
        }
    }
}

impl<T: Transfers> RestTransfers<T> {
    fn answer(&mut self, exchange: usize, status: StatusCode, body: Vec<u8>) {
        let mut head = Response::new(());
        *head.status_mut() = status;
        if !body.is_empty() {
            head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.ready.push_back(Arrival::Head(exchange, head));
        if !body.is_empty() {
            self.ready.push_back(Arrival::Piece(exchange, body));
        }
        self.ready.push_back(Arrival::End(exchange));
    }

    /// Answers, where every reply is known.
    fn finish(&mut self, exchange: usize) {
        let Some(Exchange::Api { calls, is_batch }) = self.exchanges.get_mut(exchange) else { return };
        if calls.iter().any(|call| call.reply.is_none()) {
            return;
        }
        let replies = calls.iter_mut().filter_map(|call| call.reply.take());
        let body = if *is_batch {
            Body::Batch(replies.map(Message::Response).collect()).to_bytes()
        } else {
            replies.map(|reply| text(&reply)).next().unwrap_or_default()
        };
        self.over(exchange);
        self.answer(exchange, StatusCode::OK, body);
    }

    fn over(&mut self, exchange: usize) {
        if let Some(exchange) = self.exchanges.get_mut(exchange) {
            *exchange = Exchange::Over;
        }
    }

    /// What arrived, as whoever started the request knows it; `None` for a part of an answer that is not whole yet.
    fn arrived(&mut self, arrival: Arrival) -> Option<Arrival> {
        let number = match &arrival {
            Arrival::Head(number, _)
            | Arrival::NoAnswer(number, _)
            | Arrival::Piece(number, _)
            | Arrival::End(number)
            | Arrival::Broken(number) => *number,
            Arrival::Nothing => return Some(arrival),
        };
        let (exchange, index) = *self.owners.get(&number)?;
        match self.exchanges.get_mut(exchange)? {
            Exchange::Server(_) => Some(match arrival {
                Arrival::Head(_, head) => Arrival::Head(exchange, head),
                Arrival::NoAnswer(_, reason) => Arrival::NoAnswer(exchange, reason),
                Arrival::Piece(_, bytes) => Arrival::Piece(exchange, bytes),
                Arrival::End(_) => Arrival::End(exchange),
                Arrival::Broken(_) => Arrival::Broken(exchange),
                Arrival::Nothing => Arrival::Nothing,
            }),
            Exchange::Api { calls, is_batch } => {
                // Of one call, the client learns it as of any server.
                if let (Arrival::NoAnswer(_, reason), false) = (&arrival, *is_batch) {
                    let reason = reason.clone();
                    self.over(exchange);
                    return Some(Arrival::NoAnswer(exchange, reason));
                }
                let call = calls.get_mut(index)?;
                if call.reply.is_none() {
                    call.reply = call.awaited.as_mut()?.arrived(arrival);
                }
                if call.reply.is_some() {
                    self.inner.abandon(number);
                    self.finish(exchange);
                }
                None
            }
            Exchange::Over => None,
        }
    }
}

impl Awaited {
    /// The reply, when nothing is missing for it.
    fn arrived(&mut self, arrival: Arrival) -> Option<Reply> {
        match arrival {
            Arrival::Head(_, head) => {
                self.head = Some(head);
                None
            }
            Arrival::Piece(_, bytes) => {
                let room = LARGEST_ANSWER.saturating_sub(self.body.len());
                let fits = bytes.len() <= room;
                self.body.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
                if fits { None } else { Some(self.finished(false)) }
            }
            Arrival::End(_) => Some(self.finished(true)),
            Arrival::Broken(_) => Some(self.call.failed("The answer of the API broke off.")),
            Arrival::NoAnswer(_, NoAnswer::TimedOut) => Some(self.call.failed("The API did not answer in time.")),
            Arrival::NoAnswer(_, NoAnswer::Unreachable(_)) => Some(self.call.failed("The API cannot be reached.")),
            Arrival::Nothing => None,
        }
    }

    fn finished(&mut self, is_whole: bool) -> Reply {
        let head = self.head.take().unwrap_or_default();
        let body = std::mem::take(&mut self.body);
        let answer = RestAnswer { status: head.status(), headers: head.headers(), body, is_whole };
        self.call.finish(answer, &self.secrets)
    }
}

impl<T: Transfers> Transfers for RestTransfers<T> {
    fn next(&mut self, time: Milliseconds) -> Arrival {
        if let Some(arrival) = self.ready.pop_front() {
            return arrival;
        }
        let arrival = self.inner.next(time);
        match self.arrived(arrival) {
            Some(arrival) => arrival,
            None => self.ready.pop_front().unwrap_or(Arrival::Nothing),
        }
    }

    fn abandon(&mut self, number: usize) {
        let is_of = |arrival: &Arrival| {
            matches!(arrival, Arrival::Head(of, _) | Arrival::NoAnswer(of, _) | Arrival::Piece(of, _)
                | Arrival::End(of) | Arrival::Broken(of) if *of == number)
        };
        self.ready.retain(|arrival| !is_of(arrival));
        let Some(exchange) = self.exchanges.get_mut(number) else { return };
        match std::mem::replace(exchange, Exchange::Over) {
            Exchange::Server(number) => self.inner.abandon(number),
            Exchange::Api { calls, .. } => {
                calls
                    .into_iter()
                    .filter_map(|call| call.awaited)
                    .for_each(|awaited| self.inner.abandon(awaited.number));
            }
            Exchange::Over => {}
        }
    }

    fn are_over(&self) -> bool {
        self.ready.is_empty() && self.inner.are_over()
    }
}

#[cfg(test)]
mod tests;
