//! What the host tells, and what it can ask for.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::audit_line::AuditLine;
use crate::counted::Counted;
use crate::exposition::exposition;
use crate::label::{Label, OTHER};
use crate::listing::tool_names;
use crate::metric::Metric;
use crate::moment::Moment;
use crate::names::{Names, http_method};
use crate::otlp::{Resource, metrics_request};
use crate::registry::Registry;
use crate::request::{EndedRequest, Exchange, RequestInProgress, RequestKey, StoreCall, error_type, status_text};
use crate::span::Span;
use crate::span_queue::SpanQueue;

/// How traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceOptions {
    /// The part of the traces that are recorded, from 0 to 1. One that its caller does not record is not recorded here.
    pub ratio: f64,
}

/// What a stream of events is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// It answers a request.
    Answer,
    /// It waits for what others do.
    Subscription,
}

/// How much a line of the host's own log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something was refused, or failed outside.
    Warning,
    /// A guest or the host itself failed.
    Error,
}

/// What the process of the host uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Processor time, in seconds.
    pub cpu_seconds: f64,
    /// Memory that is present, in bytes.
    pub resident_bytes: f64,
    /// Files that are open.
    pub open_files: f64,
    /// Files that may be open.
    pub most_files: f64,
}

/// So many parts has the table of requests, each with a lock of its own.
const PARTS: usize = 16;

/// What is measured, and what has been so far.
pub struct Telemetry {
    registry: Registry,
    names: OnceLock<Names>,
    requests: Vec<Mutex<HashMap<RequestKey, RequestInProgress>>>,
    traces: Option<TraceOptions>,
    spans: SpanQueue,
    began: Moment,
}

impl Telemetry {
    /// With nothing measured yet, from `now` on. `version` is the host's.
    pub fn new(now: Moment, version: &'static str, traces: Option<TraceOptions>) -> Self {
        let registry = Registry::new();
        registry.set(Metric::Build, &[version.into()], 1.0);
        registry.set(Metric::ProcessStart, &[], now.seconds_since(Moment(0)));
        // What is there from the beginning can be seen to grow.
        for word in ["issued", "refreshed", "revoked", "reused"] {
            registry.add(Metric::Tokens, &[word.into()], 0.0);
        }
        for metric in [Metric::ActiveRequests, Metric::Connections, Metric::DroppedSpans] {
            registry.add(metric, &[], 0.0);
        }
        for severity in [Severity::Warning, Severity::Error] {
            registry.add(Metric::Notices, &[severity.word().into()], 0.0);
        }
        for stream in [Stream::Answer, Stream::Subscription] {
            registry.add(Metric::Streams, &[stream.word().into()], 0.0);
        }
        let requests = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { registry, names: OnceLock::new(), requests, traces, spans: SpanQueue::default(), began: now }
    }

    /// Tells which names are known. Only the first time counts.
    pub fn know(&self, names: Names) {
        let _already_known = self.names.set(names);
    }

    /// A request has come.
    pub fn request_began(&self, key: RequestKey, now: Moment, traceparent: Option<&str>) {
        self.registry.add(Metric::ActiveRequests, &[], 1.0);
        self.part(key).insert(key, RequestInProgress::new(key, now, traceparent));
    }

    /// A guest has written a line while it answered this request.
    pub fn guest_wrote(&self, key: RequestKey, now: Moment, line: &str) {
        let Some(line) = AuditLine::parse(line) else { return };
        if line.component == "authorization-server"
            && line.event != "begun"
            && let (Some(decision), Some(action)) = (line.decision(), &line.action)
        {
            self.registry.add(Metric::AuthorizationDecisions, &[action_label(action), decision.into()], 1.0);
        }
        if let Some(token) = line.token() {
            self.registry.add(Metric::Tokens, &[token.into()], 1.0);
        }
        if let Some(request) = self.part(key).get_mut(&key) {
            request.read(&line, self.names(), now);
        }
    }

    /// The host has warned, or failed; perhaps because of a limit, which is named as `--limit` names it.
    pub fn noticed(&self, key: Option<RequestKey>, severity: Severity, limit: Option<&'static str>) {
        self.registry.add(Metric::Notices, &[severity.word().into()], 1.0);
        let Some(limit) = limit else { return };
        self.registry.add(Metric::Limits, &[limit.into()], 1.0);
        if let Some(key) = key
            && let Some(request) = self.part(key).get_mut(&key)
        {
            request.is_limited = true;
        }
    }

    /// A limit was reached of which there is no line.
    pub fn limit_reached(&self, limit: &'static str) {
        self.registry.add(Metric::Limits, &[limit.into()], 1.0);
    }

    /// The store was called for this request.
    pub fn store_called(&self, key: RequestKey, call: &StoreCall) {
        let labels = [call.system.into(), call.operation.into(), call.error.unwrap_or_default().into()];
        self.registry.observe(Metric::StoreDuration, &labels, call.ended.seconds_since(call.began));
        if self.traces.is_some()
            && let Some(request) = self.part(key).get_mut(&key)
        {
            request.add_store_call(call);
        }
    }

    /// Another party was asked for this request.
    pub fn exchanged(&self, key: RequestKey, exchange: &Exchange<'_>) {
        let [host, port, peer] = self.names().peer(exchange.host, exchange.port);
        let (status, error) = (status_text(exchange.status), error_type(exchange.error, exchange.status));
        let labels = [http_method(exchange.method), host, port, peer, status, error];
        self.registry.observe(Metric::ClientDuration, &labels, exchange.ended.seconds_since(exchange.began));
        if self.traces.is_some()
            && let Some(request) = self.part(key).get_mut(&key)
        {
            request.add_exchange(exchange, self.names());
        }
    }

    /// The route whose tools this request lists, where it does nothing else.
    pub fn lists_tools_of(&self, key: RequestKey) -> Option<String> {
        self.part(key).get(&key)?.lists_tools_of().map(str::to_owned)
    }

    /// Takes the names of tools from the answer to a request that lists them.
    pub fn learn_tools(&self, route: &str, answer: &[u8]) {
        self.names().learn(route, tool_names(answer));
    }

    /// A request has ended.
    pub fn request_ended(&self, key: RequestKey, ended: &EndedRequest<'_>) {
        self.registry.add(Metric::ActiveRequests, &[], -1.0);
        let Some(request) = self.part(key).remove(&key) else { return };
        let path = self.names().path(ended.path);
        let seconds = ended.ended.seconds_since(request.began());
        let status = status_text(ended.status);
        let labels = [http_method(ended.method), path.clone(), status.clone()];
        self.registry.observe(Metric::ServerDuration, &labels, seconds);
        for operation in &request.operations {
            let (route, method, tool) = (&operation.route, &operation.method, &operation.tool);
            let labels = [route.clone(), method.clone(), tool.clone(), operation.decision.into(), status.clone()];
            self.registry.add(Metric::Requests, &labels, 1.0);
            if !method.is_empty() {
                let error = request.error_of(operation, ended.status);
                let labels = [route.clone(), method.clone(), tool.clone(), error];
                self.registry.observe(Metric::OperationDuration, &labels, seconds);
            }
        }
        if let (false, Some(limit)) = (request.is_limited, limit_of(ended.status)) {
            self.registry.add(Metric::Limits, &[limit.into()], 1.0);
        }
        if self.records(&request) {
            let left_out = request.children_left_out;
            let dropped = self.spans.push(request.into_spans(ended, &path));
            self.dropped(left_out + dropped);
        }
    }

    /// A connection of a client was opened, or closed where `opened` is false.
    pub fn connection(&self, opened: bool) {
        self.registry.add(Metric::Connections, &[], if opened { 1.0 } else { -1.0 });
    }

    /// A stream of events to a client was opened, or closed where `opened` is false.
    pub fn stream(&self, stream: Stream, opened: bool) {
        self.registry.add(Metric::Streams, &[stream.word().into()], if opened { 1.0 } else { -1.0 });
    }

    /// Whether spans are recorded.
    pub fn traces(&self) -> bool {
        self.traces.is_some()
    }

    /// Takes spans that wait, `most` of them at most, for [`spans_request`](crate::spans_request).
    pub fn take_spans(&self, most: usize) -> Vec<Span> {
        self.spans.take(most)
    }

    /// Says that spans were given up.
    pub fn dropped(&self, spans: usize) {
        if spans > 0 {
            self.registry.add(Metric::DroppedSpans, &[], u32::try_from(spans).unwrap_or(u32::MAX).into());
        }
    }

    /// Says how an export of `metrics` or `traces` ended.
    pub fn exported(&self, signal: &'static str, succeeded: bool) {
        let outcome = if succeeded { "succeeded" } else { "failed" };
        self.registry.add(Metric::Exports, &[signal.into(), outcome.into()], 1.0);
    }

    /// What Prometheus reads.
    pub fn exposition(&self, process: &Process) -> String {
        self.set(process);
        exposition(&self.registry)
    }

    /// The request with all metrics for an OTLP receiver (`ExportMetricsServiceRequest`, in protobuf).
    pub fn metrics_request(&self, resource: &Resource, process: &Process, now: Moment) -> Vec<u8> {
        self.set(process);
        metrics_request(&self.registry, resource, self.began, now)
    }

    /// What has been counted and timed in this process alone, for whoever adds it up elsewhere: without gauges, and without what is 0.
    pub fn counted(&self) -> Vec<Counted> {
        let of = |metric: &Metric| Counted::of(&metric.definition(), self.registry.series(*metric));
        Metric::ALL.iter().filter_map(of).collect()
    }

    fn set(&self, process: &Process) {
        self.registry.set(Metric::ProcessCpu, &[], process.cpu_seconds);
        self.registry.set(Metric::ProcessMemory, &[], process.resident_bytes);
        self.registry.set(Metric::ProcessFiles, &[], process.open_files);
        self.registry.set(Metric::ProcessMostFiles, &[], process.most_files);
    }

    fn names(&self) -> &Names {
        static NONE: LazyLock<Names> = LazyLock::new(Names::default);
        self.names.get().unwrap_or(&NONE)
    }

    fn part(&self, key: RequestKey) -> MutexGuard<'_, HashMap<RequestKey, RequestInProgress>> {
        static NONE: LazyLock<Mutex<HashMap<RequestKey, RequestInProgress>>> = LazyLock::new(Mutex::default);
        let [first, ..] = key.0;
        let part = self.requests.get(usize::from(first) % PARTS).unwrap_or(&NONE);
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By the trace's id, so that all who record the same part of the traces record the same ones.
    fn records(&self, request: &RequestInProgress) -> bool {
        let Some(TraceOptions { ratio }) = self.traces else { return false };
        let [.., a, b, c, d, e, f, g, h] = request.trace_id();
        let place = (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 11) as f64 / (1_u64 << 53) as f64;
        place < ratio && request.is_sampled_by_caller() != Some(false)
    }
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Warning => "warn",
            Self::Error => "error",
        }
    }
}

impl Stream {
    const fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Subscription => "subscription",
        }
    }
}

/// An action of the authorization server: a word or a path of its own, never a client's text.
fn action_label(action: &str) -> Label {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'/' | b'.' | b'_');
    if action.len() <= 64 && action.bytes().all(plain) { Label::Owned(action.to_owned()) } else { OTHER }
}

/// The limit of which an answer of the application's own tells by its status.
fn limit_of(status: Option<u16>) -> Option<&'static str> {
    match status {
        Some(429) => Some("rates"),
        Some(413) => Some("request-bytes"),
        _ => None,
    }
}
