//! What the artefact with telemetry tells by `wasi:otel`, on the hosts of others that have it.

use gatehouse_tests::{HostKind, Received, StoreKind, text};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::grpc;
use crate::otlp::{Receiver, attributes, list, metrics};
use crate::scene::{ROUTE, Scene, call};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
/// A tool is named where the configuration names it.
const POLICY: &str = "[[routes.policy]]\nname = \"tools\"\ntools = [\"echo\", \"search.files\"]";

fn named(spans: &[Value], name: &str) -> Option<Value> {
    spans.iter().find(|span| span["name"] == name).cloned()
}

fn below(spans: &[Value], parent: &Value) -> Vec<Value> {
    let is_below = |span: &&Value| span["traceId"] == parent["traceId"] && span["parentSpanId"] == parent["spanId"];
    spans.iter().filter(is_below).cloned().collect()
}

/// The `traceparent` of the request of this trace that the MCP server got, in its four parts.
fn told(scene: &Scene) -> Vec<String> {
    let received = scene.received.lock().unwrap().clone();
    let parts = |request: &Received| request.header("traceparent").split('-').map(str::to_owned).collect::<Vec<_>>();
    received.iter().map(parts).find(|parts| parts.get(1).is_some_and(|trace| trace == TRACE)).expect("a call")
}

/// A sign-in, a call with a trace of its client and one without; all spans of both, and what no span and no metric may hold.
async fn asked(receiver: &mut Receiver, scene: &Scene) -> (Vec<Value>, Vec<String>) {
    let tokens = scene.sign_in("mallory-the-person").await;
    let call_of = scene.post(&tokens, &call("echo")).header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    assert_eq!(call_of.send().await.expect("an answer").status(), 200);
    scene.ask(&tokens, &call("search.files")).await;
    let spans = receiver.spans_until(|spans| named(spans, "tools/call search.files").is_some()).await;
    let mut secrets: Vec<String> = ["access_token", "refresh_token"].map(|name| text(&tokens, name)).into();
    secrets.extend(["mallory", "of-the-arguments", "of-the-answer"].map(str::to_owned));
    (spans, secrets)
}

/// The tree of a call: its root, whose parent is `parent`, and the span of the request to the server.
fn tree(spans: &[Value], parent: &Value) -> (Value, Value) {
    let root = named(spans, "tools/call echo").unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!((&root["traceId"], &root["parentSpanId"]), (&json!(TRACE), parent), "{spans:#?}");
    assert_eq!(root["kind"], "SPAN_KIND_SERVER");
    let has = attributes(&root);
    assert_eq!((&has["mcp.method.name"], &has["gen_ai.tool.name"]), (&json!("tools/call"), &json!("echo")), "{root:#}");
    assert_eq!((&has["http.route"], &has["http.response.status_code"]), (&json!(ROUTE), &json!("200")), "{root:#}");
    assert_eq!((&has["gatehouse.rule"], &has["gatehouse.decision"]), (&json!("tools"), &json!("allowed")), "{root:#}");
    let parts = below(spans, &root);
    let (decide, forward) = (named(&parts, "decide").expect("decide"), named(&parts, "forward").expect("forward"));
    let of_store = |span: &Value| span["name"].as_str().is_some_and(|name| name.starts_with("store get"));
    assert!(below(spans, &decide).iter().any(of_store), "{spans:#?}");
    let server = named(&below(spans, &forward), "POST server").expect("the server");
    assert_eq!(attributes(&server)["gatehouse.peer"], "server");
    // A sign-in is seen, too, and whom it has asked.
    let token = named(spans, "POST /token").expect("the token endpoint");
    assert_eq!(attributes(&token)["http.response.status_code"], "200");
    assert!(named(spans, "POST identity-provider").is_some(), "{spans:#?}");
    (root, server)
}

/// How many calls of this tool all metrics tell together.
fn calls(got: &[Value], tool: &str) -> f64 {
    let requests = got.iter().flat_map(metrics).filter(|metric| metric["name"] == "gatehouse.requests");
    let points: Vec<_> = requests.flat_map(|metric| list(&metric["sum"], "dataPoints").to_vec()).collect();
    let of_tool = points.iter().filter(|point| attributes(point)["gen_ai.tool.name"] == tool);
    of_tool.filter_map(|point| point["asDouble"].as_f64()).sum()
}

fn nothing_of(secrets: &[String], got: &[Value]) {
    // Spin sends the log, too, which names people.
    let told = got.iter().filter(|got| got["path"] != "/v1/logs");
    let text = told.map(Value::to_string).collect::<String>();
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_wash_a_call_is_one_tree_of_spans_and_no_request_waits_for_their_receiver() {
    let host = HostKind::Wash(StoreKind::Memory);
    if !host.is_installed() {
        return;
    }
    let Some(mut receiver) = Receiver::start().await else { return };
    let scene = Scene::start_on(host, POLICY, &grpc::before(&receiver.url).await).await;
    let (spans, secrets) = asked(&mut receiver, &scene).await;
    let (_, server) = tree(&spans, &json!(SPAN));
    let told = told(&scene);
    assert_eq!(json!(told[2]), server["spanId"], "what the server was told is this very span");
    // More at once than wash has threads on most machines.
    let tokens = scene.sign_in("mallory-the-person").await;
    let (echo, calls) = (call("echo"), 64);
    let asked: JoinSet<_> = (0..calls).map(|_| scene.post(&tokens, &echo).send()).collect();
    for answer in asked.join_all().await {
        assert_eq!(answer.expect("an answer").status(), 200);
    }
    let of_echo = |spans: &[Value]| spans.iter().filter(|span| span["name"] == "tools/call echo").count();
    receiver.spans_until(|spans| of_echo(spans) == calls + 1).await;
    assert!(receiver.got.iter().flat_map(metrics).all(|metric| metric["name"] != "gatehouse.requests"));
    nothing_of(&secrets, &receiver.got);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_spin_a_call_is_one_tree_of_spans_below_that_of_the_host() {
    if !HostKind::Spin.is_installed() {
        return;
    }
    let Some(mut receiver) = Receiver::start().await else { return };
    let scene = Scene::start_on(HostKind::Spin, POLICY, &receiver.url).await;
    let (spans, secrets) = asked(&mut receiver, &scene).await;
    let root = named(&spans, "tools/call echo").expect("the call");
    let (_, _server) = tree(&spans, &root["parentSpanId"]);
    assert_eq!(told(&scene)[1], TRACE);
    // Each request tells its own, so that the receiver has to add them up.
    receiver.until(|got| calls(got, "echo") == 1.0 && calls(got, "search.files") == 1.0).await;
    let of_name = |name: &str| receiver.got.iter().flat_map(metrics).find(|metric| metric["name"] == name);
    let requests = of_name("gatehouse.requests").expect("requests");
    assert_eq!(requests["sum"]["aggregationTemporality"], "AGGREGATION_TEMPORALITY_DELTA");
    let durations = of_name("mcp.server.operation.duration").expect("durations");
    assert_eq!(durations["histogram"]["dataPoints"][0]["count"], "1");
    nothing_of(&secrets, &receiver.got);
    scene.world.gatehouse.stop().await;
}
