//! Metrics and traces as a receiver of OTLP gets them; the messages are read by OpenTelemetry's own package of PyPI.

use std::time::{Duration, Instant};

use gatehouse_tests::{Program, outcome, repository, tool};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::scene::{ROUTE, Scene, call, request};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A receiver; it ends with the test.
pub(crate) struct Receiver {
    program: Program,
    pub(crate) url: String,
    /// What it got, in the order of its coming.
    pub(crate) got: Vec<Value>,
}

impl Receiver {
    /// Starts one; `None`, with a word, where its packages are not there.
    pub(crate) async fn start() -> Option<Self> {
        let python = tool("GATEHOUSE_TEST_DEPLOYMENT_PYTHON", "python3");
        let mut probe = Command::new(&python);
        if outcome(probe.args(["-c", "import opentelemetry.proto"])).await.is_err() {
            println!("skipped: {python} has no opentelemetry-proto; `cargo xtask test` installs it");
            return None;
        }
        let mut command = Command::new(python);
        command.arg(repository().join("tests/telemetry/otlp_receiver.py"));
        let mut program = Program::start("otlp_receiver.py", command);
        let url = program.json().await["url"].as_str().expect("a URL").to_owned();
        Some(Self { program, url, got: Vec::new() })
    }

    /// Waits until it has got something that `is_it`.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&[Value]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !is_it(&self.got) {
            // Hosts send something again and again.
            assert!(Instant::now() < deadline, "{:#?}", self.got.last());
            let got = self.program.json().await;
            self.got.push(got);
        }
    }

    /// All spans, once they are as `are_there` wants them.
    pub(crate) async fn spans_until(&mut self, are_there: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.until(|got| are_there(&spans(got))).await;
        spans(&self.got)
    }

    /// All metrics of the last request that had them as `are_there` wants them.
    pub(crate) async fn metrics_until(&mut self, are_there: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.until(|got| got.iter().any(|got| are_there(&metrics(got)))).await;
        self.got.iter().rev().map(metrics).find(|metrics| are_there(metrics)).unwrap_or_default()
    }
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn spans(got: &[Value]) -> Vec<Value> {
    let resources = got.iter().flat_map(|got| list(&got["message"], "resourceSpans"));
    resources
        .flat_map(|resource| list(resource, "scopeSpans"))
        .flat_map(|scope| list(scope, "spans"))
        .cloned()
        .collect()
}

pub(crate) fn metrics(got: &Value) -> Vec<Value> {
    let resources = list(&got["message"], "resourceMetrics").iter();
    resources
        .flat_map(|resource| list(resource, "scopeMetrics"))
        .flat_map(|scope| list(scope, "metrics"))
        .cloned()
        .collect()
}

/// The attributes of a span or a data point, as text.
pub(crate) fn attributes(of: &Value) -> Value {
    let pairs = list(of, "attributes").iter().map(|attribute| {
        let value = attribute["value"]["stringValue"].as_str().or(attribute["value"]["intValue"].as_str());
        (attribute["key"].as_str().expect("a key").to_owned(), json!(value))
    });
    Value::Object(pairs.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_tree_of_spans_from_the_client_to_the_server_whoever_names_the_trace() {
    let Some(mut receiver) = Receiver::start().await else { return };
    let key = "Authorization=Bearer of-the-receiver";
    let arguments = ["--otlp-endpoint", &receiver.url, "--otlp-header", key, "--otlp-service", "gateway-1"];
    let scene = Scene::start("", &arguments).await;
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &request("tools/list", &json!({}))).await;
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let by_header = scene.post(&tokens, &call("echo")).header("traceparent", &parent);
    assert_eq!(by_header.send().await.expect("an answer").status(), 200);
    let unrecorded_trace = TRACE.replace("4b", "6d");
    let unrecorded =
        scene.post(&tokens, &call("echo")).header("traceparent", format!("00-{unrecorded_trace}-{SPAN}-00"));
    assert_eq!(unrecorded.send().await.expect("an answer").status(), 200);
    let meta_trace = TRACE.replace("4b", "5c");
    let mut by_meta = call("search.files");
    by_meta["params"]["_meta"] = json!({ "traceparent": format!("00-{meta_trace}-{SPAN}-01") });
    scene.ask(&tokens, &by_meta).await;

    let named = |spans: &[Value], name: &str| spans.iter().find(|span| span["name"] == name).cloned();
    let spans = receiver.spans_until(|spans| named(spans, "tools/call search.files").is_some()).await;
    for (name, trace, tool) in
        [("tools/call echo", TRACE, "echo"), ("tools/call search.files", &meta_trace, "search.files")]
    {
        let root = named(&spans, name).unwrap_or_else(|| panic!("{name}: {spans:#?}"));
        assert_eq!(
            (&root["traceId"], &root["parentSpanId"], &root["kind"]),
            (&json!(trace), &json!(SPAN), &json!("SPAN_KIND_SERVER"))
        );
        let has = attributes(&root);
        assert_eq!((&has["mcp.method.name"], &has["gen_ai.tool.name"]), (&json!("tools/call"), &json!(tool)));
        assert_eq!((&has["http.route"], &has["http.response.status_code"]), (&json!(ROUTE), &json!("200")));
        let below = |parent: &Value| -> Vec<Value> {
            spans
                .iter()
                .filter(|span| span["traceId"] == trace && span["parentSpanId"] == parent["spanId"])
                .cloned()
                .collect()
        };
        let parts = below(&root);
        let (decide, forward) = (named(&parts, "decide").expect("decide"), named(&parts, "forward").expect("forward"));
        let is_of_store = |span: &Value| span["name"].as_str().is_some_and(|name| name.starts_with("store get"));
        assert!(below(&decide).iter().any(is_of_store), "{spans:#?}");
        let server = named(&below(&forward), "POST server").expect("the server");
        // What the server was told is this very span.
        let received = scene.received.lock().unwrap().clone();
        let told = |request: &gatehouse_tests::Received| {
            request.header("traceparent").split('-').map(str::to_owned).collect::<Vec<_>>()
        };
        let told =
            received.iter().map(told).find(|told| told.get(1).is_some_and(|told| told == trace)).expect("a call");
        assert_eq!(json!(told[2]), server["spanId"]);
    }
    assert!(spans.iter().all(|span| span["traceId"] != unrecorded_trace), "its caller does not record it");
    // The user's tokens and the key are for others.
    let first = &receiver.got[0];
    assert_eq!(first["authorization"], "Bearer of-the-receiver");
    assert_eq!(first["contentType"], "application/x-protobuf");
    assert!(receiver.got.iter().any(|got| got.to_string().contains("gateway-1")));
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_come_with_the_conventions_names_and_the_last_ones_when_the_host_ends() {
    let Some(mut receiver) = Receiver::start().await else { return };
    let scene =
        Scene::start("", &["--otlp-endpoint", &receiver.url, "--trace-ratio", "0", "--otlp-interval", "3600"]).await;
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &call("echo")).await;
    scene.until("the call", |samples| samples.sum("gatehouse_requests_total", &[]) >= 1.0).await;
    scene.world.gatehouse.stop().await;
    let metrics = receiver
        .metrics_until(|metrics| metrics.iter().any(|metric| metric["name"] == "mcp.server.operation.duration"))
        .await;
    let named = |name: &str| {
        metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("{name}: {metrics:#?}"))
    };
    let duration = named("mcp.server.operation.duration");
    assert_eq!(
        (&duration["unit"], &duration["histogram"]["aggregationTemporality"]),
        (&json!("s"), &json!("AGGREGATION_TEMPORALITY_CUMULATIVE"))
    );
    let point = &duration["histogram"]["dataPoints"][0];
    assert_eq!(point["count"], "1");
    assert_eq!(list(point, "bucketCounts").len(), list(point, "explicitBounds").len() + 1);
    assert_eq!(attributes(point)["mcp.method.name"], "tools/call");
    let requests = named("gatehouse.requests");
    assert_eq!(requests["sum"]["isMonotonic"], true);
    let point = &requests["sum"]["dataPoints"][0];
    assert_eq!((&point["asDouble"], &attributes(point)["http.response.status_code"]), (&json!(1.0), &json!("200")));
    assert!(point["startTimeUnixNano"].as_str() < point["timeUnixNano"].as_str(), "{point}");
    for name in [
        "http.server.request.duration",
        "http.client.request.duration",
        "db.client.operation.duration",
        "process.cpu.time",
    ] {
        named(name);
    }
    assert!(spans(&receiver.got).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_there_costs_nobody_an_answer_and_is_told_of_in_the_metrics() {
    // Nobody listens there.
    let closed = gatehouse_tests::HeldPort::take();
    let endpoint = format!("http://127.0.0.1:{}", closed.number());
    let scene = Scene::start("", &["--otlp-endpoint", &endpoint, "--otlp-interval", "1"]).await;
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &call("echo")).await;
    let failed = [("gatehouse_outcome", "failed")];
    scene.until("failures", |samples| samples.sum("gatehouse_telemetry_exports_total", &failed) >= 2.0).await;
    scene.until("dropped spans", |samples| samples.sum("gatehouse_telemetry_spans_dropped_total", &[]) >= 1.0).await;
    scene.ask(&tokens, &call("echo")).await;
    scene.world.gatehouse.stop().await;
}
