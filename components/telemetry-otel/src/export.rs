//! Spans and counts of a request that has ended, as the host takes them.

use gatehouse_audit_log::hexadecimal;
use gatehouse_telemetry::{
    Attribute, Counted, EndedRequest, Exchange, Measured, Moment, RequestKey, Series, Span, SpanKind, StoreCall,
    Telemetry, TraceOptions,
};
use wasip2::random::random::get_random_bytes;

use crate::bindings::gatehouse::host::otel::{self, Encoding};
use crate::bindings::wasi::clocks0_2_0::wall_clock::Datetime;
use crate::bindings::wasi::otel::metrics::{
    self, Histogram, HistogramDataPoint, Metric, MetricData, MetricNumber, ResourceMetrics, ScopeMetrics, Sum,
    SumDataPoint, Temporality,
};
use crate::bindings::wasi::otel::tracing::{self, SpanContext, SpanData, SpanKind as Kind, Status, TraceFlags};
use crate::bindings::wasi::otel::types::{InstrumentationScope, KeyValue, Resource};
use crate::names;
use crate::request::{Event, InProgress, now};

const SCOPE: &str = "gatehouse";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What a host's key-value store is called, whatever is behind it: `wasi:keyvalue` does not say.
const STORE: &str = "wasi.keyvalue";

/// Hands over everything that this request was. The client has its answer by now.
pub(crate) fn export(request: InProgress) {
    let ended = now();
    let telemetry = Telemetry::new(request.began, VERSION, Some(TraceOptions { ratio: 1.0 }));
    telemetry.know(names::of(&request));
    replay(&telemetry, &request, ended);
    let values = otel::attribute_values();
    for span in telemetry.take_spans(usize::MAX) {
        let span = span_data(span, values);
        // Hosts want both. By the host's clock it began when it says so.
        tracing::on_start(&span.span_context);
        tracing::on_end(&span);
    }
    if otel::takes_metrics() {
        export_metrics(&telemetry, request.began, ended, values);
    }
}

fn export_metrics(telemetry: &Telemetry, began: Moment, ended: Moment, values: Encoding) {
    let metrics = telemetry.counted().into_iter().map(|counted| metric(counted, began, ended, values)).collect();
    let resource = Resource { attributes: vec![text("service.name", SCOPE, values)], schema_url: None };
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics }];
    // Who does not take them has a log of its own. This request must not fail for it.
    let _not_taken = metrics::export(&ResourceMetrics { resource, scope_metrics });
}

/// Tells what has happened, in its order.
fn replay(telemetry: &Telemetry, request: &InProgress, ended: Moment) {
    let key = RequestKey(random_id());
    let parent = request.traceparent.as_deref().map(below_the_host);
    telemetry.request_began(key, request.began, parent.as_deref());
    for event in &request.events {
        match event {
            Event::Line { at, line } => telemetry.guest_wrote(key, *at, line),
            Event::Store { operation, began, ended, failed } => {
                let (error, operation) = (failed.then_some("failed"), *operation);
                let call = StoreCall { system: STORE, operation, began: *began, ended: *ended, error };
                telemetry.store_called(key, &call);
            }
            Event::Exchanged(number) => exchanged(telemetry, key, request, *number, ended),
        }
    }
    // Those that were given up.
    for (number, exchange) in request.exchanges.iter().enumerate() {
        if exchange.ended.is_none() {
            exchanged(telemetry, key, request, number, ended);
        }
    }
    let InProgress { method, path, status, .. } = request;
    telemetry.request_ended(key, &EndedRequest { method, path, status: *status, ended });
}

/// The caller's `traceparent`, with the host's own span in the place of the caller's where the host has one in that trace: then the caller's is
/// the parent of that one.
fn below_the_host(traceparent: &str) -> String {
    let outer = tracing::outer_span_context();
    let mut fields: Vec<&str> = traceparent.split('-').collect();
    if let [_, trace, span, _] = fields.as_mut_slice()
        && *trace == outer.trace_id
        && outer.span_id.bytes().any(|digit| digit != b'0')
    {
        *span = &outer.span_id;
    }
    fields.join("-")
}

fn exchanged(telemetry: &Telemetry, key: RequestKey, request: &InProgress, number: usize, request_ended: Moment) {
    let Some(exchange) = request.exchanges.get(number) else { return };
    let (ended, answer) = exchange.ended.unwrap_or((request_ended, Err("failed")));
    telemetry.exchanged(
        key,
        &Exchange {
            method: &exchange.method,
            host: &exchange.host,
            port: exchange.port,
            traceparent: exchange.traceparent.as_deref(),
            began: exchange.began,
            ended,
            status: answer.ok(),
            error: answer.err(),
        },
    );
}

fn random_id() -> [u8; 16] {
    get_random_bytes(16).try_into().unwrap_or([1; 16])
}

fn span_data(span: Span, values: Encoding) -> SpanData {
    let attributes = span.attributes.iter().filter(|attribute| !attribute.value.is_empty());
    SpanData {
        span_context: SpanContext {
            trace_id: hexadecimal(&span.trace_id),
            span_id: hexadecimal(&span.span_id),
            trace_flags: TraceFlags::SAMPLED,
            is_remote: false,
            trace_state: Vec::new(),
        },
        // No parent is 16 zeros: an empty text is no id.
        parent_span_id: hexadecimal(&span.parent_id.unwrap_or_default()),
        span_kind: match span.kind {
            SpanKind::Internal => Kind::Internal,
            SpanKind::Server => Kind::Server,
            SpanKind::Client => Kind::Client,
        },
        name: span.name,
        start_time: datetime(span.began),
        end_time: datetime(span.ended),
        attributes: attributes.map(|attribute| key_value(attribute, values)).collect(),
        events: Vec::new(),
        links: Vec::new(),
        status: if span.failed { Status::Error(String::new()) } else { Status::Unset },
        instrumentation_scope: scope(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    }
}

fn metric(counted: Counted, began: Moment, ended: Moment, values: Encoding) -> Metric {
    let (start_time, time) = (datetime(began), datetime(ended));
    // What this request alone has added.
    let temporality = Temporality::Delta;
    let (mut counts, mut durations) = (Vec::new(), Vec::new());
    for Series { attributes, value } in counted.series {
        let attributes = attributes.iter().map(|attribute| key_value(attribute, values)).collect();
        let exemplars = Vec::new();
        match value {
            Measured::Count(count) => {
                counts.push(SumDataPoint { attributes, value: MetricNumber::F64(count), exemplars });
            }
            Measured::Durations { bounds, counts, sum } => durations.push(HistogramDataPoint {
                attributes,
                count: counts.iter().sum(),
                bounds: bounds.to_vec(),
                bucket_counts: counts,
                min: None,
                max: None,
                sum: MetricNumber::F64(sum),
                exemplars,
            }),
        }
    }
    let data = if durations.is_empty() {
        MetricData::F64Sum(Sum { data_points: counts, start_time, time, temporality, is_monotonic: true })
    } else {
        MetricData::F64Histogram(Histogram { data_points: durations, start_time, time, temporality })
    };
    let definition = counted.definition;
    Metric {
        name: definition.otlp.to_owned(),
        description: definition.help.to_owned(),
        unit: definition.unit.to_owned(),
        data,
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: SCOPE.to_owned(),
        version: Some(VERSION.to_owned()),
        schema_url: None,
        attributes: Vec::new(),
    }
}

fn key_value(attribute: &Attribute, values: Encoding) -> KeyValue {
    match attribute.number() {
        Some(number) => KeyValue { key: attribute.name.to_owned(), value: number.to_string() },
        None => text(attribute.name, &attribute.value, values),
    }
}

fn text(key: &str, value: &str, values: Encoding) -> KeyValue {
    let value = match values {
        Encoding::Json => serde_json::Value::from(value).to_string(),
        Encoding::Text => value.to_owned(),
    };
    KeyValue { key: key.to_owned(), value }
}

fn datetime(moment: Moment) -> Datetime {
    let (seconds, nanoseconds) = (moment.0 / 1_000_000_000, moment.0 % 1_000_000_000);
    Datetime { seconds, nanoseconds: u32::try_from(nanoseconds).unwrap_or_default() }
}
