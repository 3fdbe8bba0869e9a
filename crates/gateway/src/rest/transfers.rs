//! Requests on their way, to servers and to REST APIs.

use std::collections::{HashMap, VecDeque};

use gatehouse_mcp_wire::json_rpc::Reply;
use gatehouse_openapi::{LARGEST_ANSWER, OperationCall, RestAnswer};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};

use super::exchange::{RestCall, RestExchange, text};
use crate::answer::{Arrival, NoAnswer, Transfers};
use crate::{Milliseconds, UpstreamTimeouts};

/// Transfers to which requests can be added.
pub trait StartTransfers: Transfers {
    /// Starts a request; its number.
    fn start(&mut self, request: Request<Vec<u8>>, timeouts: UpstreamTimeouts) -> usize;
}

/// Requests on their way. One that carries a [`RestExchange`] among its extensions is answered as an MCP server would answer it:
/// with one JSON text, when the API's answer has come whole.
#[derive(Debug, Default)]
pub struct RestTransfers<T> {
    inner: T,
    exchanges: Vec<Exchange>,
    /// Whose a request of `inner` is.
    owners: HashMap<usize, usize>,
    ready: VecDeque<Arrival>,
}

#[derive(Debug)]
enum Exchange {
    /// Passes as it is: its number in `inner`.
    Server(usize),
    Api(Awaited),
    Over,
}

#[derive(Debug)]
struct Awaited {
    call: Box<OperationCall>,
    secrets: Vec<String>,
    is_in_account: bool,
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
            None => Exchange::Server(self.send(exchange, request, timeouts)),
            Some(RestExchange::Answered(status, body)) => {
                self.answer(exchange, status, body);
                Exchange::Over
            }
            Some(RestExchange::Unreachable(reason)) => {
                self.ready.push_back(Arrival::NoAnswer(exchange, NoAnswer::Unreachable(reason)));
                Exchange::Over
            }
            Some(RestExchange::Asked(RestCall { call, request, secrets, is_in_account })) => {
                let number = self.send(exchange, *request, timeouts);
                Exchange::Api(Awaited { call, secrets, is_in_account, number, head: None, body: Vec::new() })
            }
        };
        self.exchanges.push(started);
        exchange
    }

    fn send(&mut self, exchange: usize, request: Request<Vec<u8>>, timeouts: UpstreamTimeouts) -> usize {
        let number = self.inner.start(request, timeouts);
        self.owners.insert(number, exchange);
        number
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
        let exchange = *self.owners.get(&number)?;
        match self.exchanges.get_mut(exchange)? {
            Exchange::Server(_) => Some(match arrival {
                Arrival::Head(_, head) => Arrival::Head(exchange, head),
                Arrival::NoAnswer(_, reason) => Arrival::NoAnswer(exchange, reason),
                Arrival::Piece(_, bytes) => Arrival::Piece(exchange, bytes),
                Arrival::End(_) => Arrival::End(exchange),
                Arrival::Broken(_) => Arrival::Broken(exchange),
                Arrival::Nothing => Arrival::Nothing,
            }),
            Exchange::Api(awaited) => {
                // The client learns it as of any server.
                if let Arrival::NoAnswer(_, reason) = arrival {
                    self.over(exchange);
                    return Some(Arrival::NoAnswer(exchange, reason));
                }
                let (status, body) = if awaited.needs_link(&arrival) {
                    (StatusCode::UNAUTHORIZED, Vec::new())
                } else {
                    (StatusCode::OK, text(&awaited.arrived(arrival)?))
                };
                self.over(exchange);
                self.inner.abandon(number);
                self.answer(exchange, status, body);
                None
            }
            Exchange::Over => None,
        }
    }
}

impl Awaited {
    /// Whether the API does not accept the token of the linked account.
    fn needs_link(&self, arrival: &Arrival) -> bool {
        let is_unauthorized = matches!(arrival, Arrival::Head(_, head) if head.status() == StatusCode::UNAUTHORIZED);
        self.is_in_account && is_unauthorized
    }

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
            Arrival::NoAnswer(..) | Arrival::Nothing => None,
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
            Exchange::Api(awaited) => self.inner.abandon(awaited.number),
            Exchange::Over => {}
        }
    }

    fn are_over(&self) -> bool {
        self.ready.is_empty() && self.inner.are_over()
    }
}

#[cfg(test)]
mod tests;
