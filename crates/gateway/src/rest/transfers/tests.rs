use std::collections::VecDeque;

use gatehouse_openapi::{DocumentOptions, Index, Pieces, Protocol, RequestTarget, Selection, compile};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::rest::rest_exchange;

/// Transfers whose arrivals a test says.
#[derive(Default)]
struct Fake {
    started: Vec<Request<Vec<u8>>>,
    arrivals: VecDeque<Arrival>,
    abandoned: Vec<usize>,
}

impl Transfers for Fake {
    fn next(&mut self, _: Milliseconds) -> Arrival {
        self.arrivals.pop_front().unwrap_or(Arrival::Nothing)
    }

    fn abandon(&mut self, number: usize) {
        self.abandoned.push(number);
    }

    fn are_over(&self) -> bool {
        self.arrivals.is_empty()
    }
}

impl StartTransfers for Fake {
    fn start(&mut self, request: Request<Vec<u8>>, _: UpstreamTimeouts) -> usize {
        self.started.push(request);
        self.started.len() - 1
    }
}

struct Document(gatehouse_openapi::CompiledDocument);

impl Pieces for Document {
    type Error = String;

    fn index(&self) -> Result<Index, String> {
        Ok(self.0.index.clone())
    }

    fn piece(&self, name: &str) -> Result<String, String> {
        let piece = self.0.pieces.iter().find(|(piece, _)| piece == name);
        piece.map(|(_, text)| text.clone()).ok_or_else(|| "no piece".to_owned())
    }
}

const TIMEOUTS: UpstreamTimeouts = UpstreamTimeouts { connect: 1, first_byte: 1, between_bytes: 1 };

fn carrier(message: &Value) -> Request<Vec<u8>> {
    carrier_in_account(message, false)
}

fn carrier_in_account(message: &Value, is_in_account: bool) -> Request<Vec<u8>> {
    let document = json!({ "openapi": "3.0.0", "info": { "title": "a", "version": "1" }, "paths": { "/x": { "get": { "operationId": "call", "responses": {} } } } });
    let selection = Selection::default();
    let options =
        DocumentOptions { selection: &selection, fixed_query: "", may_set: &|_| true, with_output_schemas: true };
    let document = Document(compile(&document.to_string(), &options).unwrap());
    let mut headers = HeaderMap::new();
    let mut secret = HeaderValue::from_static("Bearer very-secret");
    secret.set_sensitive(true);
    let mut role = HeaderValue::from_static("Reader");
    role.set_sensitive(true);
    headers.insert("authorization", secret);
    headers.insert("x-role", role);
    let base = "https://api.example/?key=fixed%2Fkey".parse().unwrap();
    let target = RequestTarget { base: &base, headers: &headers, secret_headers: &[AUTHORIZATION], may_set: &|_| true };
    let protocol = Protocol { version: "2025-03-26", is_stateless: false };
    let mut carrier = Request::new(Vec::new());
    let exchange = rest_exchange(message.to_string().as_bytes(), protocol, &document, &target, is_in_account);
    carrier.extensions_mut().insert(exchange);
    carrier
}

fn message(id: u32, method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": { "name": "call" } })
}

fn head(status: u16) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(status).unwrap();
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head
}

/// What comes of a request: its number, status and body.
fn whole(transfers: &mut RestTransfers<Fake>) -> (usize, u16, Value) {
    let (mut status, mut body, mut number) = (0, Vec::new(), usize::MAX);
    for _ in 0..100 {
        match transfers.next(1) {
            Arrival::Head(of, head) => (number, status) = (of, head.status().as_u16()),
            Arrival::Piece(of, bytes) => {
                assert_eq!(of, number);
                body.extend(bytes);
            }
            Arrival::End(of) => {
                assert_eq!(of, number);
                return (number, status, serde_json::from_slice(&body).unwrap_or(Value::Null));
            }
            Arrival::Nothing => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("no end")
}

#[test]
fn messages_that_need_no_api_are_answered_at_once() {
    let mut transfers = RestTransfers::<Fake>::default();
    assert_eq!(transfers.start(carrier(&message(1, "ping")), TIMEOUTS), 0);
    assert_eq!(
        transfers.start(carrier(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })), TIMEOUTS),
        1
    );
    assert_eq!(transfers.start(Request::new(b"to a server".to_vec()), TIMEOUTS), 2);
    assert!(!transfers.are_over());
    assert_eq!(whole(&mut transfers), (0, 200, json!({ "jsonrpc": "2.0", "id": 1, "result": {} })));
    assert_eq!(whole(&mut transfers), (1, 202, Value::Null));
    assert_eq!(transfers.inner.started.len(), 1);
    transfers.inner.arrivals.extend([Arrival::Head(0, head(200)), Arrival::Piece(0, b"7".to_vec()), Arrival::End(0)]);
    assert_eq!(whole(&mut transfers), (2, 200, json!(7)), "a server's answer passes under its own number");
    assert!(transfers.are_over());
}

#[test]
fn an_answer_of_the_api_becomes_one_of_the_server() {
    let mut transfers = RestTransfers::<Fake>::default();
    transfers.start(carrier(&message(5, "tools/call")), TIMEOUTS);
    assert_eq!(transfers.inner.started[0].uri(), "https://api.example/x?key=fixed%2Fkey");
    assert_eq!(transfers.inner.started[0].headers()["authorization"], "Bearer very-secret");
    let pieces = [b"{\"a\":\"very-".to_vec(), b"secret fixed/key fixed%2Fkey Reader\"}".to_vec()]
        .map(|piece| Arrival::Piece(0, piece));
    transfers.inner.arrivals.push_back(Arrival::Head(0, head(200)));
    transfers.inner.arrivals.extend(pieces);
    transfers.inner.arrivals.push_back(Arrival::End(0));
    let (number, status, answer) = whole(&mut transfers);
    assert_eq!((number, status, &answer["id"]), (0, 200, &json!(5)));
    assert_eq!(answer["result"]["content"][0]["text"], "{\"a\":\"[removed] [removed] [removed] Reader\"}");
    assert!(transfers.are_over());
}

#[test]
fn the_401_of_an_api_is_the_answer_where_an_account_is_linked_and_a_result_elsewhere() {
    for (is_in_account, answered, expected) in [(true, 401, 401), (false, 401, 200), (true, 403, 200)] {
        let mut transfers = RestTransfers::<Fake>::default();
        transfers.start(carrier_in_account(&message(1, "tools/call"), is_in_account), TIMEOUTS);
        let body = Arrival::Piece(0, b"{\"told\":\"by the API\"}".to_vec());
        transfers.inner.arrivals.extend([Arrival::Head(0, head(answered)), body, Arrival::End(0)]);
        let (_, status, answer) = whole(&mut transfers);
        assert_eq!(status, expected, "{is_in_account} {answered}");
        assert_eq!(answer["result"]["isError"] == true, expected == 200, "{answer}");
        assert_eq!(transfers.inner.abandoned, [0]);
        for _ in 0..4 {
            assert!(matches!(transfers.next(1), Arrival::Nothing));
        }
        assert!(transfers.are_over());
    }
}

#[test]
fn a_batch_makes_no_request() {
    let mut transfers = RestTransfers::<Fake>::default();
    transfers.start(carrier(&json!([message(1, "tools/call"), message(2, "tools/call")])), TIMEOUTS);
    assert_eq!(whole(&mut transfers), (0, 400, Value::Null));
    assert!(transfers.inner.started.is_empty());
}

#[test]
fn an_answer_that_breaks_off_is_an_error_of_the_tool() {
    let mut transfers = RestTransfers::<Fake>::default();
    transfers.start(carrier(&message(1, "tools/call")), TIMEOUTS);
    transfers.inner.arrivals.extend([Arrival::Head(0, head(200)), Arrival::Broken(0)]);
    let (_, status, answer) = whole(&mut transfers);
    assert_eq!((status, &answer["result"]["isError"]), (200, &json!(true)), "{answer}");
}

#[test]
fn an_api_that_does_not_answer_is_a_server_that_does_not() {
    let mut transfers = RestTransfers::<Fake>::default();
    transfers.start(carrier(&message(1, "tools/call")), TIMEOUTS);
    transfers.inner.arrivals.push_back(Arrival::NoAnswer(0, NoAnswer::TimedOut));
    assert!(matches!(transfers.next(1), Arrival::NoAnswer(0, NoAnswer::TimedOut)));
    assert!(transfers.are_over());
    let mut unreadable = Request::new(Vec::new());
    unreadable.extensions_mut().insert(RestExchange::Unreachable("no document".to_owned()));
    assert_eq!(transfers.start(unreadable, TIMEOUTS), 1);
    assert!(matches!(transfers.next(1), Arrival::NoAnswer(1, NoAnswer::Unreachable(_))));
}

#[test]
fn an_answer_that_is_too_large_is_given_up_and_so_is_one_that_nobody_wants() {
    let mut transfers = RestTransfers::<Fake>::default();
    transfers.start(carrier(&message(1, "tools/call")), TIMEOUTS);
    transfers.start(carrier(&message(2, "tools/call")), TIMEOUTS);
    transfers.inner.arrivals.push_back(Arrival::Head(0, head(200)));
    transfers.inner.arrivals.extend((0..3).map(|_| Arrival::Piece(0, vec![b'1'; 1 << 20])));
    transfers.inner.arrivals.push_back(Arrival::End(0));
    let (_, _, answer) = whole(&mut transfers);
    assert_eq!(answer["result"]["isError"], true);
    assert!(answer.to_string().len() < 1_000);
    assert_eq!(transfers.inner.abandoned, [0]);
    transfers.abandon(1);
    assert_eq!(transfers.inner.abandoned, [0, 1]);
    transfers.inner.arrivals.extend([Arrival::Head(1, head(200)), Arrival::End(1)]);
    for _ in 0..4 {
        assert!(matches!(transfers.next(1), Arrival::Nothing));
    }
}
