//! What the components talk to in place of hosts and of each other. It lasts from instance to instance.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use gatehouse_tests::foreign_audit_lines;
use http::Response;
use serde_json::Value;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::WasiBody;

use crate::bindings::imports::gatehouse::auth::{assertions, backend_tokens, sessions};
use crate::bindings::platform::wasi::keyvalue::store::Error as KeyValueError;
use crate::nats::Nats;
use crate::outbound::{Answer, Sent};

/// 2026-11-21, on the hour.
pub const NOW: u64 = 1_795_219_200;

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Value(Vec<u8>),
    Counter(i64),
}

/// A store: entries by name, and every operation that came.
#[derive(Debug, Default)]
pub struct Entries {
    pub entries: BTreeMap<String, Entry>,
    /// The operations in order, such as `get`.
    pub calls: Vec<&'static str>,
    /// Where set, nothing answers.
    pub failure: Option<KeyValueError>,
}

impl Entries {
    /// The calls since the last time that somebody asked.
    pub fn take_calls(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls)
    }

    /// How many entries have names that begin with `kind.`.
    pub fn count(&self, kind: &str) -> usize {
        self.entries.keys().filter(|name| name.split('.').next() == Some(kind)).count()
    }

    /// Everything in it as text, to search for what must not be there.
    pub fn dump(&self) -> String {
        self.entries
            .iter()
            .map(|(name, entry)| match entry {
                Entry::Value(value) => format!("{name} = {}\n", String::from_utf8_lossy(value)),
                Entry::Counter(count) => format!("{name} = {count}\n"),
            })
            .collect()
    }
}

/// What the gateway asks of `gatehouse:auth`.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionCall {
    Validate { token: String, resource: String, revocation: sessions::Revocation, calls_at: Option<String> },
    IdentityProviderToken { token: String, resource: String, ids: sessions::RequestIds },
    HandleKeys { subject: String, resource: String },
    Sign(Box<assertions::Assertion>),
    BackendToken { wanted: backend_tokens::Wanted, session: Option<backend_tokens::Session> },
}

type Script<Question, Reply> = Mutex<Option<Box<dyn Fn(&Question) -> Reply + Send + Sync>>>;

/// The fakes of one test.
#[derive(Default)]
pub struct Fakes {
    clock: AtomicU64,
    /// Behind `gatehouse:host/store` or `wasi:keyvalue`.
    pub store: Mutex<Entries>,
    /// How many names a page of the key-value store holds.
    pub page_size: Mutex<Option<usize>>,
    /// Whether reading several values at once is an error, as it is where Spin has a Redis.
    pub reads_one_by_one: Mutex<bool>,
    /// How often the bucket was opened by the adapter for wasmCloud.
    pub opened: AtomicU64,
    /// Set where the adapter for wasmCloud has NATS as its store.
    pub nats: OnceLock<Nats>,
    /// How many of the next increments of the adapter for wasmCloud lose a race.
    pub lost_races: AtomicU64,
    /// Behind `gatehouse:host/{settings,configuration}`, Spin's variables or wasmCloud's configuration.
    pub settings: Mutex<BTreeMap<String, String>>,
    /// The parts of the configuration that were read, in order.
    pub parts_read: Mutex<Vec<String>>,
    /// The settings that were read, in order.
    pub settings_read: Mutex<Vec<String>>,
    /// Environment variables of the instances.
    pub environment: Mutex<Vec<(String, String)>>,
    /// Where set, no setting can be read.
    pub settings_failure: Mutex<Option<String>>,
    /// What came to `gatehouse:auth`, in order.
    pub session_calls: Mutex<Vec<SessionCall>>,
    /// What `validate` answers.
    pub validated: Mutex<Option<Result<sessions::Principal, sessions::Rejection>>>,
    /// What `identity-provider-token` answers.
    pub provider_token: Mutex<Option<Result<sessions::ProviderToken, sessions::Rejection>>>,
    /// What `assertions.sign` answers; the text `signed` where there is nothing.
    pub signed: Mutex<Option<Result<String, String>>>,
    /// What `backend-tokens.token` answers; the text `backend-token` where there is nothing.
    pub backend_token: Mutex<Option<Result<String, backend_tokens::Rejection>>>,
    /// What `handles.keys` answers with, in place of keys.
    pub handle_keys_failure: Mutex<Option<String>>,
    /// Requests that the component sent, in order.
    pub sent: Mutex<Vec<Sent>>,
    /// Whether the other side answers without reading what it is sent.
    pub leaves_bodies_unread: AtomicBool,
    /// What it has left unread: its connection stays open.
    pub unread: Mutex<Vec<WasiBody>>,
    /// What requests are answered with.
    pub answers: Script<Sent, Answer>,
    /// The requests that the gateway handed on: method and target.
    pub handed_on: Mutex<Vec<String>>,
    logs: Mutex<Vec<MemoryOutputPipe>>,
}

impl Fakes {
    /// Fakes whose clock stands at [`NOW`].
    pub fn new() -> Arc<Self> {
        let fakes = Self::default();
        fakes.clock.store(NOW, Ordering::SeqCst);
        Arc::new(fakes)
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sets a setting.
    pub fn set(&self, name: &str, value: &str) {
        self.settings.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Removes a setting.
    pub fn unset(&self, name: &str) {
        self.settings.lock().unwrap().remove(name);
    }

    /// From now on the store does not answer.
    pub fn store_goes_down(&self) {
        self.store_fails_with(KeyValueError::Other("the disk is full".to_owned()));
    }

    /// From now on the store answers with this.
    pub fn store_fails_with(&self, failure: KeyValueError) {
        self.store.lock().unwrap().failure = Some(failure);
    }

    /// The store answers again.
    pub fn store_recovers(&self) {
        self.store.lock().unwrap().failure = None;
    }

    /// Everything in the store, to compare before and after.
    pub fn snapshot(&self) -> BTreeMap<String, Entry> {
        self.store.lock().unwrap().entries.clone()
    }

    /// Says how requests are answered.
    pub fn answer(&self, script: impl Fn(&Sent) -> Answer + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Some(Box::new(script));
    }

    /// Answers every request with this status, type and body.
    pub fn answer_always(&self, status: u16, content_type: &'static str, body: &'static str) {
        self.answer(move |_| {
            let response = Response::builder().status(status).header("content-type", content_type);
            Answer::Whole(response.body(body.as_bytes().to_vec()).unwrap())
        });
    }

    /// What the component sent so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// What came to `gatehouse:auth` so far.
    pub fn session_calls(&self) -> Vec<SessionCall> {
        self.session_calls.lock().unwrap().clone()
    }

    /// Everything that instances wrote to standard error.
    pub fn log(&self) -> String {
        let logs = self.logs.lock().unwrap();
        logs.iter().map(|log| String::from_utf8_lossy(&log.contents()).into_owned()).collect()
    }

    /// The lines of the components' logs, each of which is a JSON object.
    pub fn log_lines(&self) -> Vec<Value> {
        self.log().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The lines that are none of the schema that we publish.
    fn foreign_lines(&self) -> Vec<String> {
        // The sandboxes have lines of their own.
        let is_of_product = |line: &&str| !line.contains(r#""component":"sandbox""#);
        foreign_audit_lines(&self.log().lines().filter(is_of_product).collect::<Vec<_>>())
    }

    pub(crate) fn keep_log(&self, log: MemoryOutputPipe) {
        self.logs.lock().unwrap().push(log);
    }
}

impl Drop for Fakes {
    fn drop(&mut self) {
        // A test that has failed says why itself.
        if !std::thread::panicking() {
            assert_eq!(self.foreign_lines(), Vec::<String>::new(), "not in docs/audit.schema.json");
        }
    }
}
