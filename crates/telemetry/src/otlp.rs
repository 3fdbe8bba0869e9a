//! Requests of OTLP (OpenTelemetry Protocol 1.5.0), as its receivers take them over HTTP: in protobuf.

mod messages;

use prost::Message as _;

use self::messages::{
    AnyValue, AnyValueKind, ExportMetricsServiceRequest, ExportTraceServiceRequest, Gauge, Histogram,
    HistogramDataPoint, InstrumentationScope, KeyValue, Metric as MetricMessage, MetricData, NumberDataPoint,
    NumberValue, Resource as ResourceMessage, ResourceMetrics, ResourceSpans, ScopeMetrics, ScopeSpans,
    Span as SpanMessage, Status, Sum,
};
use crate::label::Label;
use crate::metric::{Definition, Kind, Metric};
use crate::moment::Moment;
use crate::registry::{Distribution, Labels, Registry, Value};
use crate::span::{Attribute, Span};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
const CUMULATIVE: i32 = 2;
/// `STATUS_CODE_ERROR`
const ERROR: i32 = 2;

/// Of whom the numbers and spans are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `service.name`
    pub service: String,
    /// `service.version`
    pub version: &'static str,
    /// `service.instance.id`: of this process alone.
    pub instance: String,
}

/// The request with these spans (`ExportTraceServiceRequest`).
pub fn spans_request(resource: &Resource, spans: Vec<Span>) -> Vec<u8> {
    let spans = spans.into_iter().map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope(resource)), spans }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource_message(resource)), scope_spans }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The request with all metrics that were counted from `began` to `now` (`ExportMetricsServiceRequest`).
pub(crate) fn metrics_request(registry: &Registry, resource: &Resource, began: Moment, now: Moment) -> Vec<u8> {
    let of = |metric: &Metric| (metric.definition(), registry.series(*metric));
    let measured = Metric::ALL.iter().map(of).filter(|(_, series)| !series.is_empty());
    let metrics = measured.map(|(definition, series)| metric(&definition, series, began, now)).collect();
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope(resource)), metrics }];
    let resource_metrics = vec![ResourceMetrics { resource: Some(resource_message(resource)), scope_metrics }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn metric(definition: &Definition, series: Vec<(Labels, Value)>, began: Moment, now: Moment) -> MetricMessage {
    let attributes = |labels: &[Label]| -> Vec<KeyValue> {
        let named = definition.labels.iter().zip(labels).filter(|(_, value)| !value.is_empty());
        named.map(|(name, value)| key_value(&Attribute::new(name, value.clone()))).collect()
    };
    let numbers = |series: Vec<(Labels, Value)>| {
        let points = series.into_iter().filter_map(|(labels, value)| match value {
            Value::Number(number) => Some(NumberDataPoint {
                attributes: attributes(&labels),
                start_time_unix_nano: began.0,
                time_unix_nano: now.0,
                value: Some(NumberValue::AsDouble(number)),
            }),
            Value::Distribution(_) => None,
        });
        points.collect()
    };
    let data = match definition.kind {
        Kind::Gauge => MetricData::Gauge(Gauge { data_points: numbers(series) }),
        Kind::Counter => MetricData::Sum(Sum {
            data_points: numbers(series),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        Kind::Histogram(bounds) => {
            let points = series.into_iter().filter_map(|(labels, value)| match value {
                Value::Distribution(distribution) => {
                    Some(histogram_point(&distribution, bounds, attributes(&labels), began, now))
                }
                Value::Number(_) => None,
            });
            MetricData::Histogram(Histogram { data_points: points.collect(), aggregation_temporality: CUMULATIVE })
        }
    };
    MetricMessage {
        name: definition.otlp.to_owned(),
        description: definition.help.to_owned(),
        unit: definition.unit.to_owned(),
        data: Some(data),
    }
}

fn histogram_point(
    distribution: &Distribution,
    bounds: &[f64],
    attributes: Vec<KeyValue>,
    began: Moment,
    now: Moment,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: began.0,
        time_unix_nano: now.0,
        count: distribution.count(),
        sum: Some(distribution.sum),
        bucket_counts: distribution.counts.clone(),
        explicit_bounds: bounds.to_vec(),
    }
}

fn span(span: Span) -> SpanMessage {
    let attributes = span.attributes.iter().filter(|attribute| !attribute.value.is_empty());
    SpanMessage {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        parent_span_id: span.parent_id.map(|id| id.to_vec()).unwrap_or_default(),
        name: span.name,
        kind: span.kind as i32,
        start_time_unix_nano: span.began.0,
        end_time_unix_nano: span.ended.0,
        attributes: attributes.map(key_value).collect(),
        status: span.failed.then_some(Status { code: ERROR }),
    }
}

fn scope(resource: &Resource) -> InstrumentationScope {
    InstrumentationScope { name: "gatehouse".to_owned(), version: resource.version.to_owned() }
}

fn resource_message(resource: &Resource) -> ResourceMessage {
    let Resource { service, version, instance } = resource;
    let attributes =
        [("service.name", service.as_str()), ("service.version", version), ("service.instance.id", instance)];
    let attribute = |(name, value): (&'static str, &str)| key_value(&Attribute::new(name, value.to_owned()));
    ResourceMessage { attributes: attributes.into_iter().map(attribute).collect() }
}

fn key_value(attribute: &Attribute) -> KeyValue {
    let value = match attribute.number() {
        Some(number) => AnyValueKind::Int(number),
        None => AnyValueKind::String(attribute.value.to_string()),
    };
    KeyValue { key: attribute.name.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
