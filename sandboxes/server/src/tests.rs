use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::Store;
use gatehouse_storage::memory::MemoryStore;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use sandbox_run::{FRAMES_TYPE, File, Frame, Outcome, Run, Stream, TreePath, frame};
use serde_json::{Value, json};
use shell_http::Milliseconds;
use shell_http::outbound::{Arrival, Limits};

use crate::configuration::Configuration;
use crate::host::{Arrivals, Host};
use crate::progress::Events;
use crate::sandbox::Sandbox;
use crate::server::Answer;

mod access;
mod administration;
mod contract;
mod faults;
mod interpreter;
mod isolation;
mod limits;
mod revisions;
mod streaming;

/// On the minute, the hour and the day.
const NOW: u64 = 1_795_219_200;
const SECRET: &str = "a-secret-of-the-gateway";
const ADMINISTRATION: &str = "a-secret-of-administrators";
const KEYS: &str = "a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

type Script = dyn Fn(&str, Run) -> Vec<Arrival>;

/// The host: a clock that waiting moves, and interpreters that a script plays.
struct FakeHost {
    clock: Rc<Cell<Milliseconds>>,
    entropy: Cell<u8>,
    log: RefCell<Vec<String>>,
    script: RefCell<Box<Script>>,
    /// Where requests went, in order.
    sent: RefCell<Vec<String>>,
}

struct Counting<'a>(&'a Cell<u8>);

impl Entropy for Counting<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.set(self.0.get().wrapping_add(1));
        bytes.fill(self.0.get());
    }
}

struct FakeAnswer {
    arrivals: VecDeque<Arrival>,
    clock: Rc<Cell<Milliseconds>>,
}

impl Arrivals for FakeAnswer {
    fn next(&mut self, time: Milliseconds) -> Arrival {
        match self.arrivals.pop_front() {
            None | Some(Arrival::Tick) => {
                self.clock.set(self.clock.get() + time);
                Arrival::Tick
            }
            Some(arrival) => arrival,
        }
    }
}

impl Host for FakeHost {
    type Answer = FakeAnswer;

    fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.clock.get() / 1_000)
    }

    fn now_in_milliseconds(&self) -> Milliseconds {
        self.clock.get()
    }

    fn elapsed(&self) -> Milliseconds {
        self.clock.get()
    }

    fn wait(&self, time: Milliseconds) {
        self.clock.set(self.clock.get() + time);
    }

    fn entropy(&self) -> impl Entropy {
        Counting(&self.entropy)
    }

    fn log(&self, line: &str) {
        self.log.borrow_mut().push(line.to_owned());
    }

    fn start(&self, request: Request<Vec<u8>>, _: Limits) -> FakeAnswer {
        let address = request.uri().to_string();
        self.sent.borrow_mut().push(address.clone());
        let run = Run::from_bytes(request.body()).unwrap();
        let arrivals = self.script.borrow()(&address, run).into();
        FakeAnswer { arrivals, clock: Rc::clone(&self.clock) }
    }
}

/// The server with all that it needs.
struct Bench {
    host: FakeHost,
    store: MemoryStore,
    configuration: Configuration,
}

impl Bench {
    fn new() -> Self {
        Self::with_settings("")
    }

    fn with_settings(settings: &str) -> Self {
        let clock = Rc::new(Cell::new(NOW * 1_000));
        let host = FakeHost {
            clock,
            entropy: Cell::new(0),
            log: RefCell::default(),
            script: RefCell::new(Box::new(|address, run| whole(&remembering(address, run)))),
            sent: RefCell::default(),
        };
        let store = MemoryStore::at(UnixTime::from_seconds(NOW));
        let configuration = Configuration::read(|name| Ok(setting(name, settings))).unwrap();
        Self { host, store, configuration }
    }

    fn advance(&self, seconds: u64) {
        self.host.wait(seconds * 1_000);
        self.store.set_now(self.host.now());
    }

    fn interpreters(&self, script: impl Fn(&str, Run) -> Vec<Arrival> + 'static) {
        *self.host.script.borrow_mut() = Box::new(script);
    }

    fn server<'a, S>(&'a self, store: &'a S) -> Sandbox<'a, FakeHost, S> {
        Sandbox { host: &self.host, store, configuration: &self.configuration, has_written: Cell::new(false) }
    }

    fn send_to(&self, store: &impl Store, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match self.server(store).answer(request) {
            Answer::Whole(response) => response,
            Answer::Stream(streamed) => {
                let events = Collected::default();
                let last = self.server(store).stream(*streamed, &events);
                let mut response = Response::new([events.bytes.take(), last].concat());
                *response.headers_mut() = crate::answers::event_stream();
                response
            }
        }
    }

    fn send(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.send_to(&self.store, request)
    }

    /// Posts a body as alice, with headers changed.
    fn post(&self, body: &str, headers: &[(&str, &str)]) -> Response<Vec<u8>> {
        self.send(&request(headers, body))
    }

    /// The result of a request of 2025-11-25.
    fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self.post(&body.to_string(), &[("mcp-protocol-version", "2025-11-25")]);
        assert_eq!(response.status(), StatusCode::OK);
        json_of(&response)
    }

    /// The result of a call by `subject`.
    fn call_in(&self, store: &impl Store, subject: &str, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let headers = [("x-gatehouse-subject", subject), ("mcp-protocol-version", "2025-11-25")];
        json_of(&self.send_to(store, &request(&headers, &body)))["result"].clone()
    }

    fn call(&self, subject: &str, tool: &str, arguments: Value) -> Value {
        self.call_in(&self.store, subject, tool, arguments)
    }

    /// Launches an environment of `subject`; its id.
    fn launch(&self, subject: &str) -> String {
        let result = self.call(subject, "launchShell", json!({}));
        result["structuredContent"]["environmentId"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
    }

    fn shell(&self, subject: &str, id: &str, command: &str) -> Value {
        let arguments = json!({ "environmentId": id, "shellCommand": command });
        self.call(subject, "runShellCommandInRemoteEnvironment", arguments)
    }

    fn python(&self, subject: &str, id: &str, code: &str) -> Value {
        let arguments = json!({ "environmentId": id, "pythonCode": code });
        self.call(subject, "runPythonCodeInRemoteEnvironment", arguments)
    }

    /// The answer to reading a resource.
    fn read(&self, subject: &str, uri: &str) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } });
        let headers = [("x-gatehouse-subject", subject), ("mcp-protocol-version", "2025-11-25")];
        json_of(&self.post(&body.to_string(), &headers))
    }

    fn log(&self) -> Vec<Value> {
        self.host.log.borrow().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A stream of events that nobody leaves.
#[derive(Default)]
struct Collected {
    bytes: RefCell<Vec<u8>>,
    /// After so many sendings the client has gone.
    leaves_after: Cell<Option<usize>>,
    /// It takes no more than so many bytes at once.
    takes: Option<usize>,
}

impl Events for Collected {
    fn offer(&self, bytes: &[u8]) -> Option<usize> {
        if self.leaves_after.get() == Some(0) {
            return None;
        }
        self.leaves_after.set(self.leaves_after.get().map(|left| left - 1));
        let taken = self.takes.unwrap_or(bytes.len()).min(bytes.len());
        self.bytes.borrow_mut().extend_from_slice(&bytes[..taken]);
        Some(taken)
    }

    fn is_there(&self) -> bool {
        self.leaves_after.get() != Some(0)
    }
}

fn setting(name: &str, settings: &str) -> Option<String> {
    let value = match name {
        "server_keys" => KEYS,
        "gateway_secret" => SECRET,
        "administration_secret" => ADMINISTRATION,
        "shell_url" => "http://shell.example",
        "python_url" => "http://python.example:8080/base/",
        "settings" => settings,
        _ => panic!("{name}"),
    };
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

/// The headers of a good request, some of them changed; `""` leaves one out.
fn request(changes: &[(&str, &str)], body: &str) -> Request<Vec<u8>> {
    let good = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("x-gatehouse-subject", "key:alice"),
        ("x-sandbox-key", SECRET),
        ("x-request-id", "0123456789abcdef0123456789abcdef"),
    ];
    let kept = good.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let mut request = Request::post("/mcp");
    for (name, value) in kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())) {
        request = request.header(name, value);
    }
    request.body(body.as_bytes().to_vec()).unwrap()
}

fn json_of(response: &Response<Vec<u8>>) -> Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

/// The first text of a result.
fn text_of(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"))
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn file(at: &str, contents: &[u8]) -> File {
    File { path: path(at), contents: contents.to_vec() }
}

fn outcome() -> Outcome {
    Outcome {
        exit_code: 0,
        state: Vec::new(),
        changed: Vec::new(),
        removed: Vec::new(),
        limit: None,
        notes: Vec::new(),
    }
}

fn stdout(text: &str) -> Frame {
    Frame::Output { stream: Stream::Stdout, bytes: text.as_bytes().to_vec() }
}

/// A good answer of an interpreter.
fn whole(frames: &[Frame]) -> Vec<Arrival> {
    let bytes = frames.iter().flat_map(|one| frame(one).unwrap()).collect();
    vec![head(200, FRAMES_TYPE), Arrival::Piece(0, bytes), Arrival::End(0)]
}

fn head(status: u16, content_type: &str) -> Arrival {
    let head = Response::builder().status(status).header("content-type", content_type);
    Arrival::Head(0, head.body(()).unwrap())
}

/// An interpreter that keeps in its state and in the file `history` what it was given to run, and writes all of it.
fn remembering(address: &str, run: Run) -> Vec<Frame> {
    let history = run.files.iter().find(|file| file.path == path("history"));
    let history = [history.map_or(&b""[..], |file| &file.contents), run.code.as_bytes(), b";"].concat();
    let state = [run.state.as_slice(), run.code.as_bytes(), b","].concat();
    let said =
        format!("{address} state {} files {}", String::from_utf8_lossy(&state), String::from_utf8_lossy(&history));
    vec![stdout(&said), Frame::Ended(Outcome { state, changed: vec![file("history", &history)], ..outcome() })]
}
