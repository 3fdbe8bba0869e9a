//! Arguments held against the schema that a tool publishes, and headers against arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use serde_json::{Value, json};

use super::{CONFIGURATION, RESOURCE, TOKEN, fakes, principal};
use crate::bindings::imports::gatehouse::auth::sessions::Principal;
use crate::component::GATEWAY;
use crate::fakes::{Entry, Fakes};
use crate::imports::bound;
use crate::outbound::{Answer, Sent};
use crate::serve::{Reply, request, serve};

/// The caller's own value, which neither an answer nor the log may repeat.
const VALUE: &str = "a-value-of-the-caller";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

fn validating() -> String {
    CONFIGURATION.replace("limits = { request_bytes = 1000 }", "validate_arguments = true")
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": {
        "type": "object",
        "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
        },
        "required": ["region"],
        "additionalProperties": false,
    } })
}

/// A server with these tools, each on a page of its own, that says this of its listings besides. Calls it answers with
/// an empty result.
fn world(configuration: &str, tools: Vec<Value>, hints: Value) -> Arc<Fakes> {
    world_of(configuration, move |asked| match listed(asked) {
        Some(page) => {
            let mut result = hints.clone();
            result["tools"] = json!([tools[page]]);
            if page + 1 < tools.len() {
                result["nextCursor"] = json!((page + 1).to_string());
            }
            Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))
        }
        None => done(asked),
    })
}

fn world_of(configuration: &str, answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", configuration);
    fakes.answer(move |sent| answer(&body(sent)));
    fakes
}

/// The page that is asked for, where a listing is.
fn listed(asked: &Value) -> Option<usize> {
    let page = || asked["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
    (asked["method"] == "tools/list").then(page)
}

fn done(asked: &Value) -> Answer {
    Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "content": [] } }))
}

fn body(sent: &Sent) -> Value {
    serde_json::from_slice(&sent.body).unwrap()
}

fn methods(fakes: &Fakes) -> Vec<String> {
    fakes.sent().iter().map(|sent| body(sent)["method"].as_str().unwrap().to_owned()).collect()
}

fn legacy(name: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
}

fn modern(name: &str, arguments: &Value) -> Value {
    let mut call = legacy(name, arguments);
    call["params"]["_meta"] = json!({ VERSION: "2026-07-28", "progressToken": 5, "x": "y" });
    call
}

async fn call(fakes: &Arc<Fakes>, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let authorization = format!("Bearer {TOKEN}");
    let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    serve(&GATEWAY, fakes, request("POST", path, &all, body.to_string())).await
}

const LEGACY: [(&str, &str); 1] = [("mcp-protocol-version", "2025-11-25")];

fn modern_headers<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", name)];
    headers.extend_from_slice(more);
    headers
}

/// A call of 2026-07-28 with headers that say what its arguments say.
async fn call_modern(fakes: &Arc<Fakes>, name: &str) -> Reply {
    let headers = modern_headers(name, &[("mcp-param-region", VALUE), ("mcp-param-count", "2")]);
    call(fakes, "/mcp", &headers, &modern(name, &json!({ "region": VALUE, "count": 2 }))).await
}

fn is_refused(reply: &Reply, status: u16, code: i32) {
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (status, &json!(code)), "{}", reply.body);
    assert_eq!(reply.json()["id"], 7, "{}", reply.body);
    assert!(!reply.body.contains("internal.example"), "{}", reply.body);
}

/// Nothing in the answer, the log or the store says what the caller said.
fn tells_nothing(fakes: &Fakes, reply: &Reply) {
    for text in [&reply.body, &fakes.log(), &fakes.store.lock().unwrap().dump()] {
        assert!(!text.contains(VALUE), "{text}");
    }
}

fn schemas(fakes: &Fakes) -> usize {
    fakes.store.lock().unwrap().count("tool-schema")
}

#[tokio::test]
async fn arguments_that_fit_go_on_and_others_are_told_to_the_model() {
    let fakes = world(&validating(), vec![tool("echo")], json!({}));
    let reply = call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({ "region": VALUE }))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["result"]["content"]), (200, &json!([])), "{}", reply.body);
    assert_eq!(methods(&fakes), ["tools/list", "tools/call"]);

    for arguments in [json!({ "count": VALUE }), json!({ "region": "a", VALUE: 1 }), json!([VALUE]), json!(VALUE)] {
        let reply = call(&fakes, "/mcp", &LEGACY, &legacy("echo", &arguments)).await;
        let result = &reply.json()["result"];
        assert_eq!((reply.status.as_u16(), &result["isError"]), (200, &json!(true)), "{}", reply.body);
        assert_eq!(reply.json()["id"], 7);
        tells_nothing(&fakes, &reply);
    }
    assert_eq!(methods(&fakes), ["tools/list", "tools/call"], "the schema is kept, and no other call goes on");
    assert!(fakes.log().contains("the arguments do not fit the tool"), "{}", fakes.log());
    let older = [("mcp-protocol-version", "2025-06-18")];
    is_refused(&call(&fakes, "/mcp", &older, &legacy("echo", &json!({}))).await, 200, -32602);
}

#[tokio::test]
async fn where_it_is_not_switched_on_nobody_asks_for_a_listing() {
    let fakes = world(CONFIGURATION, vec![tool("echo")], json!({}));
    assert_eq!(call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({ "count": "x" }))).await.status, 200);
    let headers = modern_headers("echo", &[]);
    assert_eq!(call(&fakes, "/mcp", &headers, &modern("echo", &json!({ "region": "a" }))).await.status, 200);
    assert_eq!(methods(&fakes), ["tools/call", "tools/call"]);
    assert_eq!(schemas(&fakes), 0);
}

#[tokio::test]
async fn headers_that_do_not_say_what_the_arguments_say_are_refused_wherever_they_come() {
    for configuration in [CONFIGURATION, &validating()] {
        let fakes = world(configuration, vec![tool("echo")], json!({ "ttlMs": 60_000, "cacheScope": "public" }));
        let arguments = json!({ "region": "eu", "count": 2 });
        for more in [
            &[("mcp-param-region", "us"), ("mcp-param-count", "2")][..],
            &[("mcp-param-region", "eu"), ("mcp-param-count", "3")],
            &[("mcp-param-region", "eu")],
            &[("mcp-param-count", "2")],
            &[("mcp-param-region", "=?base64?!?="), ("mcp-param-count", "2")],
        ] {
            let reply = call(&fakes, "/mcp", &modern_headers("echo", more), &modern("echo", &arguments)).await;
            is_refused(&reply, 400, -32020);
        }
        assert_eq!(methods(&fakes), ["tools/list"]);
        for more in [
            &[("mcp-param-region", "eu"), ("mcp-param-count", "2")][..],
            &[("mcp-param-region", "=?base64?ZXU=?="), ("mcp-param-count", "2.0"), ("mcp-param-other", "x")],
        ] {
            let reply = call(&fakes, "/mcp", &modern_headers("echo", more), &modern("echo", &arguments)).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        assert_eq!(methods(&fakes), ["tools/list", "tools/call", "tools/call"]);
    }
    let fakes = world(&validating(), vec![tool("echo")], json!({}));
    let reply = call(&fakes, "/mcp", &modern_headers("echo", &[]), &modern("echo", &json!({ "region": "eu" }))).await;
    is_refused(&reply, 400, -32020);
}

#[tokio::test]
async fn the_listing_is_asked_for_as_the_caller_of_the_call_and_page_by_page() {
    let fakes = world(&validating(), vec![tool("a"), tool("b"), tool("echo"), tool("z")], json!({ "ttlMs": 60_000 }));
    assert_eq!(call_modern(&fakes, "echo").await.status, 200);
    assert_eq!(methods(&fakes), ["tools/list", "tools/list", "tools/list", "tools/call"]);
    let sent = fakes.sent();
    let mut ids = Vec::new();
    for (page, sent) in sent.iter().enumerate().take(3) {
        assert_eq!(sent.headers["mcp-method"], "tools/list");
        assert_eq!(sent.headers["mcp-protocol-version"], "2026-07-28");
        assert_eq!(sent.headers["x-gatehouse-subject"], "demo:alice");
        assert_eq!(sent.headers["x-functions-key"], super::SECRET);
        assert_eq!(sent.headers["accept-encoding"], "identity");
        for name in ["mcp-name", "mcp-param-region", "mcp-param-count", "authorization"] {
            assert!(!sent.headers.contains_key(name), "{name}");
        }
        assert_eq!(sent.headers["content-length"], sent.body.len().to_string().as_str());
        let asked = body(sent);
        assert_eq!(asked["params"]["_meta"], json!({ VERSION: "2026-07-28", "x": "y" }));
        assert_eq!(asked["params"].get("cursor").cloned(), (page > 0).then(|| json!(page.to_string())));
        ids.push(asked["id"].to_string());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "every request has an id of its own");
    assert_eq!(sent[3].headers["mcp-param-region"], VALUE, "the call goes on as it came");
}

#[tokio::test]
async fn in_older_versions_the_listing_is_that_of_the_calls_session() {
    let fakes = world(&validating(), vec![tool("echo")], json!({}));
    let session = bound("demo:alice", RESOURCE, "session abc");
    let headers = [LEGACY[0], ("mcp-session-id", session.as_str())];
    assert_eq!(call(&fakes, "/mcp", &headers, &legacy("echo", &json!({ "region": "a" }))).await.status, 200);
    let sent = fakes.sent();
    assert_eq!(sent[0].headers["mcp-session-id"], "abc");
    assert!(!sent[0].headers.contains_key("mcp-method"));
    assert_eq!(body(&sent[0]).get("params"), None);
    // Another session may have other tools.
    assert_eq!(call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({ "region": "a" }))).await.status, 200);
    assert_eq!(methods(&fakes), ["tools/list", "tools/call", "tools/list", "tools/call"]);

    let foreign = bound("demo:mallory", RESOURCE, "session abc");
    let reply =
        call(&fakes, "/mcp", &[("mcp-session-id", foreign.as_str())], &legacy("echo", &json!({ "region": "a" }))).await;
    assert_eq!((reply.status.as_u16(), fakes.sent().len()), (404, 4));

    fakes.answer(|_| Answer::status(404));
    let session = bound("demo:alice", RESOURCE, "session gone");
    let headers = [LEGACY[0], ("mcp-session-id", session.as_str())];
    let reply = call(&fakes, "/mcp", &headers, &legacy("echo", &json!({ "region": "a" }))).await;
    assert_eq!(reply.status, 404, "the client begins a new session: {}", reply.body);
}

#[tokio::test]
async fn a_listing_in_events_is_read_up_to_its_answer() {
    let fakes = world_of(&validating(), |asked| {
        if listed(asked).is_none() {
            return done(asked);
        }
        let other = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
        let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "tools": [tool("echo")] } });
        let events = format!("id: 1\ndata:\n\n:\n\ndata: {other}\n\ndata: {answer}\n\n");
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Whole(response.body(events.into_bytes()).unwrap())
    });
    assert_eq!(call_modern(&fakes, "echo").await.status, 200);
    assert_eq!(methods(&fakes), ["tools/list", "tools/call"]);
}

#[tokio::test]
async fn a_tool_that_is_not_listed_is_refused_where_arguments_are_validated_and_the_servers_business_elsewhere() {
    let fakes = world(&validating(), vec![tool("a"), tool("b")], json!({}));
    is_refused(&call(&fakes, "/mcp", &LEGACY, &legacy("none", &json!({}))).await, 200, -32602);
    let nameless = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": 1 } });
    is_refused(&call(&fakes, "/mcp", &LEGACY, &nameless).await, 200, -32602);
    assert!(!methods(&fakes).contains(&"tools/call".to_owned()));

    let fakes = world(CONFIGURATION, vec![tool("a"), tool("b")], json!({}));
    assert_eq!(call_modern(&fakes, "none").await.status, 200);
    assert_eq!(methods(&fakes), ["tools/list", "tools/list", "tools/call"]);
}

#[tokio::test]
async fn without_a_listing_nothing_goes_on() {
    let json = |body: &str| {
        let response = Response::builder().header("content-type", "application/json");
        Answer::Whole(response.body(body.as_bytes().to_vec()).unwrap())
    };
    let answers: [(fn() -> Answer, u16); 5] = [
        (|| Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused), 502),
        (|| Answer::Fails(wasmtime_wasi_http::Error::HttpResponseTimeout), 504),
        (|| Answer::status(500), 502),
        (|| Answer::status(401), 502),
        (|| Answer::Whole(Response::builder().header("content-type", "text/html").body(b"<p>".to_vec()).unwrap()), 502),
    ];
    for configuration in [CONFIGURATION, &validating()] {
        for (answer, status) in answers {
            let fakes =
                world_of(configuration, move |asked| if listed(asked).is_some() { answer() } else { done(asked) });
            let before = fakes.snapshot();
            let reply = call_modern(&fakes, "echo").await;
            is_refused(&reply, status, -32603);
            assert_eq!((methods(&fakes), fakes.snapshot()), (vec!["tools/list".to_owned()], before));
            tells_nothing(&fakes, &reply);
        }
        for text in [
            "",
            "{",
            r#"{"jsonrpc":"2.0","id":"other","result":{"tools":[]}}"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"}}"#,
        ] {
            let fakes =
                world_of(configuration, move |asked| if listed(asked).is_some() { json(text) } else { done(asked) });
            is_refused(&call_modern(&fakes, "echo").await, 502, -32603);
            assert_eq!(methods(&fakes), ["tools/list"], "{text}");
        }
    }
}

#[tokio::test]
async fn a_listing_without_an_end_is_given_up() {
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    let fakes = world_of(&validating(), move |asked| {
        let page = counted.fetch_add(1, Ordering::SeqCst);
        let result = json!({ "tools": [], "nextCursor": page.to_string() });
        Answer::json(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))
    });
    is_refused(&call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({}))).await, 502, -32603);
    assert_eq!(pages.load(Ordering::SeqCst), 50);

    let large = " ".repeat(8 * 1024 * 1024);
    let fakes = world_of(&validating(), move |_| {
        let response = Response::builder().header("content-type", "application/json");
        Answer::Whole(response.body(format!("{{}}{large}").into_bytes()).unwrap())
    });
    is_refused(&call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({}))).await, 502, -32603);
}

#[tokio::test]
async fn a_schema_that_says_nothing_certain_lets_nothing_through() {
    for (schema, said) in [
        (json!(null), "is no JSON object"),
        (json!({ "type": 1 }), "is no valid JSON Schema"),
        (json!({ "$ref": "https://evil.example/schema" }), "does not lead to a part of it"),
        (json!({ "$ref": "#" }), "lead in a circle"),
        (json!({ "$schema": "https://evil.example/dialect" }), "unknown $schema"),
        (json!({ "description": "x".repeat(200_000) }), "too long"),
    ] {
        let tool = json!({ "name": "echo", "inputSchema": schema });
        let fakes = world(&validating(), vec![tool], json!({}));
        is_refused(&call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({}))).await, 502, -32603);
        assert_eq!(methods(&fakes), ["tools/list"]);
        assert!(fakes.log().contains(said), "{said}: {}", fakes.log());
    }
    let tool = json!({ "name": "echo", "inputSchema": {
        "type": "object", "properties": { "region": { "type": "number", "x-mcp-header": "Region" } },
    } });
    let fakes = world(CONFIGURATION, vec![tool], json!({}));
    is_refused(&call_modern(&fakes, "echo").await, 502, -32603);
    assert_eq!(methods(&fakes), ["tools/list"]);
}

#[tokio::test]
async fn what_one_subject_was_shown_is_nobody_elses_unless_the_server_says_so() {
    for (hints, listings) in [
        (json!({ "ttlMs": 60_000, "cacheScope": "private" }), 2),
        (json!({ "ttlMs": 60_000 }), 2),
        (json!({ "ttlMs": 60_000, "cacheScope": "public" }), 1),
        (json!({ "ttlMs": 0, "cacheScope": "public" }), 4),
    ] {
        let fakes = world(&validating(), vec![tool("echo")], hints.clone());
        for subject in ["demo:alice", "demo:mallory"] {
            *fakes.validated.lock().unwrap() = Some(Ok(Principal { subject: subject.to_owned(), ..principal() }));
            assert_eq!(call_modern(&fakes, "echo").await.status, 200);
            assert_eq!(call_modern(&fakes, "echo").await.status, 200);
        }
        let count = methods(&fakes).iter().filter(|method| *method == "tools/list").count();
        assert_eq!(count, listings, "{hints}");
        assert!(!fakes.store.lock().unwrap().dump().contains("x-mcp-header"), "it is sealed");
    }
}

#[tokio::test]
async fn what_is_kept_is_forgotten_when_the_server_says() {
    let fakes = world(&validating(), vec![tool("echo")], json!({ "ttlMs": 5000, "cacheScope": "public" }));
    for (seconds, listings) in [(0, 1), (4, 1), (1, 2), (3600, 3)] {
        fakes.advance(seconds);
        assert_eq!(call_modern(&fakes, "echo").await.status, 200);
        let count = methods(&fakes).iter().filter(|method| *method == "tools/list").count();
        assert_eq!(count, listings, "{seconds}");
    }
}

#[tokio::test]
async fn what_was_altered_or_moved_in_the_store_is_not_believed() {
    let lax = json!({ "name": "lax", "inputSchema": { "type": "object" } });
    let fakes = world(&validating(), vec![tool("echo"), lax], json!({}));
    for name in ["echo", "lax"] {
        assert_eq!(call(&fakes, "/mcp", &LEGACY, &legacy(name, &json!({ "region": "a" }))).await.status, 200);
    }
    assert_eq!((schemas(&fakes), fakes.sent().len()), (2, 5));
    let values: Vec<_> = {
        let mut store = fakes.store.lock().unwrap();
        let kept: Vec<_> = store.entries.keys().filter(|name| name.starts_with("tool-schema.")).cloned().collect();
        let values: Vec<_> = kept.iter().map(|name| store.entries[name].clone()).collect();
        for (name, value) in kept.iter().zip(values.iter().rev()) {
            store.entries.insert(name.clone(), value.clone());
        }
        values
    };
    let reply = call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({ VALUE: 1 }))).await;
    assert_eq!(reply.json()["result"]["isError"], true, "{}", reply.body);
    assert_eq!(methods(&fakes)[5..], ["tools/list"]);

    for junk in [&b"junk"[..], b"", b"\xff\xff"] {
        for entry in fakes.store.lock().unwrap().entries.values_mut().filter(|entry| values.contains(entry)) {
            *entry = Entry::Value(junk.to_vec());
        }
        assert_eq!(call(&fakes, "/mcp", &LEGACY, &legacy("lax", &json!({}))).await.status, 200);
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_asked_for_again_and_without_a_store_nobody_is_served() {
    let fakes = world(&validating(), vec![tool("echo")], json!({}));
    *fakes.handle_keys_failure.lock().unwrap() = Some("no key".to_owned());
    for _ in 0..2 {
        assert_eq!(call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({ "region": "a" }))).await.status, 200);
    }
    assert_eq!(methods(&fakes), ["tools/list", "tools/call", "tools/list", "tools/call"]);
    assert!(fakes.log().contains("schema-not-kept"), "{}", fakes.log());
    fakes.store_goes_down();
    is_refused(&call(&fakes, "/mcp", &LEGACY, &legacy("echo", &json!({ "region": "a" }))).await, 503, -32603);
    assert_eq!(fakes.sent().len(), 4);
}

#[tokio::test]
async fn every_call_of_a_batch_is_checked_by_one_listing() {
    let fakes = world(&validating(), vec![tool("a"), tool("b"), tool("c")], json!({}));
    let era = [("mcp-protocol-version", "2025-03-26")];
    let with_id = |id: i32, name: &str, arguments: Value| {
        let mut call = legacy(name, &arguments);
        call["id"] = json!(id);
        call
    };
    let batch = |second: Value| json!([with_id(1, "a", json!({ "region": "x" })), with_id(2, "b", second)]);
    let reply = call(&fakes, "/mcp", &era, &batch(json!({ "count": 1 }))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()[1]["error"]["code"]), (200, &json!(-32602)), "{}", reply.body);
    assert_eq!(methods(&fakes), ["tools/list", "tools/list"]);
    fakes.answer(|_| Answer::status(202));
    assert_eq!(call(&fakes, "/mcp", &era, &batch(json!({ "region": "y" }))).await.status, 202);
    assert_eq!(fakes.sent().len(), 3);
}

#[tokio::test]
async fn a_members_tool_is_looked_for_at_the_member_by_its_own_name() {
    const ROUTE: &str = r#"
        [[routes]]
        path = "/all"
        name = "All"
        scopes = ["mcp"]
        validate_arguments = true
        [[routes.members]]
        url = "https://one.internal.example/mcp"
        [[routes.members]]
        prefix = "two"
        url = "https://two.internal.example/mcp"
    "#;
    let fakes = world(&format!("{CONFIGURATION}{ROUTE}"), vec![tool("read")], json!({ "ttlMs": 60_000 }));
    let resource = "https://gateway.example/all".to_owned();
    *fakes.validated.lock().unwrap() = Some(Ok(Principal { resource, ..principal() }));
    let headers = modern_headers("two_read", &[("mcp-param-region", "eu")]);
    let fitting = modern("two_read", &json!({ "region": "eu" }));
    let reply = call(&fakes, "/all", &headers, &fitting).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(methods(&fakes), ["tools/list", "tools/call"]);
    assert!(fakes.sent().iter().all(|sent| sent.url == "https://two.internal.example/mcp"));
    assert_eq!(fakes.sent()[1].headers["mcp-name"], "read");

    let reply = call(&fakes, "/all", &modern_headers("two_read", &[]), &fitting).await;
    is_refused(&reply, 400, -32020);
    let reply = call(&fakes, "/all", &LEGACY, &legacy("two_read", &json!({ "region": 1 }))).await;
    assert_eq!(reply.json()["result"]["isError"], true, "{}", reply.body);
    is_refused(&call(&fakes, "/all", &LEGACY, &legacy("two_none", &json!({}))).await, 200, -32602);
    fakes.answer(|_| Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused));
    let reply = call(&fakes, "/all", &LEGACY, &legacy("two_other", &json!({}))).await;
    is_refused(&reply, 502, -32603);
    assert!(reply.body.contains("two at /all"), "{}", reply.body);
}
