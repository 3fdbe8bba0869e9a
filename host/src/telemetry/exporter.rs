//! Sends metrics and spans to a receiver of OTLP over HTTP, in protobuf (OTLP 1.5.0).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gatehouse_telemetry::{Resource, spans_request};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};
use wasmtime_wasi_http::RequestOptions;

use super::measuring::Measuring;
use super::options::OtlpOptions;
use crate::log::{Level, LogRecord, LogSink, RequestId};
use crate::outbound::{OutboundSender, Permission};

/// How often spans are sent, OpenTelemetry's default.
const SPANS_EVERY: Duration = Duration::from_secs(5);
/// So many spans are sent at once, OpenTelemetry's default.
const SPANS_AT_ONCE: usize = 512;
/// How long a receiver has to take a request, OpenTelemetry's default.
const PATIENCE: Duration = Duration::from_secs(10);
/// Spans that were not taken are sent so often altogether.
const TRIES: u32 = 3;

const METRICS: &str = "metrics";
const TRACES: &str = "traces";

/// Sends what is measured to one receiver.
pub(crate) struct Exporter {
    measuring: Measuring,
    options: OtlpOptions,
    resource: Resource,
    sender: OutboundSender,
    log: Arc<dyn LogSink>,
    /// Spans that were not taken yet; held while something is sent, so that two do not send at once.
    refused: Mutex<Option<RefusedSpans>>,
    fails: AtomicBool,
}

/// A request with spans that a receiver has not taken.
struct RefusedSpans {
    body: Bytes,
    number: usize,
    tries: u32,
}

/// How a request to the receiver ended.
enum Outcome {
    Taken,
    /// It may be taken later.
    NotNow(String),
    Never(String),
}

impl Exporter {
    pub(crate) fn new(
        measuring: Measuring,
        options: OtlpOptions,
        sender: OutboundSender,
        log: Arc<dyn LogSink>,
    ) -> Self {
        let service = options.service.clone();
        // As random as the id of a request is.
        let instance = RequestId::generate().to_string();
        let resource = Resource { service, version: env!("CARGO_PKG_VERSION"), instance };
        Self { measuring, options, resource, sender, log, refused: Mutex::default(), fails: AtomicBool::new(false) }
    }

    /// Sends for ever, from time to time.
    pub(crate) async fn keep_exporting(self: Arc<Self>) {
        let (mut metrics, mut spans) = (interval(self.options.every), interval(SPANS_EVERY.min(self.options.every)));
        metrics.set_missed_tick_behavior(MissedTickBehavior::Delay);
        spans.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = metrics.tick() => self.export_metrics().await,
                _ = spans.tick() => self.export_spans().await,
            }
        }
    }

    /// Sends what there is.
    pub(crate) async fn export(&self) {
        self.export_spans().await;
        self.export_metrics().await;
    }

    async fn export_metrics(&self) {
        let (measuring, resource) = (self.measuring.clone(), self.resource.clone());
        let Ok(body) = tokio::task::spawn_blocking(move || measuring.metrics_request(&resource)).await else { return };
        // The next ones hold all that these do.
        let outcome = self.send(METRICS, body.into()).await;
        self.tell(METRICS, &outcome);
    }

    async fn export_spans(&self) {
        let mut refused = self.refused.lock().await;
        loop {
            let RefusedSpans { body, number, tries } = match refused.take() {
                Some(refused) => refused,
                None => {
                    let spans = self.measuring.take_spans(SPANS_AT_ONCE);
                    if spans.is_empty() {
                        return;
                    }
                    let number = spans.len();
                    RefusedSpans { body: spans_request(&self.resource, spans).into(), number, tries: 0 }
                }
            };
            let outcome = self.send(TRACES, body.clone()).await;
            self.tell(TRACES, &outcome);
            match outcome {
                Outcome::Taken => {}
                Outcome::NotNow(_) if tries + 1 < TRIES => {
                    *refused = Some(RefusedSpans { body, number, tries: tries + 1 });
                    return;
                }
                Outcome::NotNow(_) | Outcome::Never(_) => {
                    self.measuring.dropped(number);
                    return;
                }
            }
        }
    }

    async fn send(&self, signal: &str, body: Bytes) -> Outcome {
        let endpoint = self.options.endpoint.to_string();
        let Ok(uri) = format!("{}/v1/{signal}", endpoint.trim_end_matches('/')).parse::<Uri>() else {
            return Outcome::Never("its URL is none".to_owned());
        };
        let length = body.len();
        let mut request = Request::new(Full::from(body).map_err(|never| match never {}).boxed_unsync());
        *request.method_mut() = http::Method::POST;
        if let Some(host) = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
            request.headers_mut().insert(http::header::HOST, host);
        }
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        // On its way, the body loses its length, and not every receiver takes one in chunks.
        headers.insert(CONTENT_LENGTH, length.into());
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("gatehouse/", env!("CARGO_PKG_VERSION"))));
        headers.extend(self.options.headers.iter().cloned());
        let limit = Some(PATIENCE);
        let options =
            RequestOptions { connect_timeout: limit, first_byte_timeout: limit, between_bytes_timeout: limit };
        // The operator has named it.
        match self.sender.send(request, Permission::Anywhere, options).await {
            Ok(response) if response.status().is_success() => {
                // So that the connection can be used again; what it says does not matter.
                drop(response.into_body().collect().await);
                Outcome::Taken
            }
            Ok(response) => match response.status() {
                status @ (StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT) => Outcome::NotNow(status.to_string()),
                status => Outcome::Never(status.to_string()),
            },
            Err(error) => Outcome::NotNow(error.to_string()),
        }
    }

    /// Counts it; the log has a line when exports begin to fail, and when they no longer do.
    fn tell(&self, signal: &'static str, outcome: &Outcome) {
        let failure = match outcome {
            Outcome::Taken => None,
            Outcome::NotNow(reason) | Outcome::Never(reason) => Some(reason),
        };
        self.measuring.exported(signal, failure.is_none());
        let failed_before = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        let record = match (failed_before, failure) {
            (false, Some(reason)) => {
                LogRecord::host(Level::Warn, None, format!("the OTLP receiver does not take {signal}: {reason}"))
            }
            (true, None) => LogRecord::host(Level::Info, None, "the OTLP receiver takes what is measured again"),
            (false, None) | (true, Some(_)) => return,
        };
        self.log.record(&record);
    }
}
