//! How often, and how many at once.

use serde_json::json;

use super::{CONFIGURATION, PING, TOKEN, call, fakes, sent_nothing};
use crate::component::GATEWAY;
use crate::outbound::Answer;
use crate::serve::{begin, request, serve};

#[tokio::test]
async fn as_many_requests_as_a_rate_allows_pass_and_one_more_is_told_when_to_come_again() {
    let fakes = fakes();
    fakes.set("config", &format!("{CONFIGURATION}rates = [{{ per = \"subject\", requests = 2, seconds = 60 }}]\n"));
    for left in ["1", "0"] {
        let reply = call(&fakes, &[], PING).await;
        assert_eq!(reply.status, 200);
        assert!(reply.header("ratelimit").contains(&format!("r={left}")), "{:?}", reply.headers);
        assert!(reply.header("ratelimit-policy").contains("q=2"), "{:?}", reply.headers);
    }
    let reply = call(&fakes, &[], PING).await;
    assert_eq!(reply.status, 429);
    assert!(reply.header("retry-after").parse::<u64>().unwrap() <= 120, "{:?}", reply.headers);
    assert!(reply.header("ratelimit").contains("r=0"), "{:?}", reply.headers);
    assert_eq!(fakes.sent().len(), 2);
}

#[tokio::test]
async fn a_tool_has_a_rate_of_its_own() {
    let fakes = fakes();
    let rate = "rates = [{ per = \"tool\", tools = [\"slow*\"], requests = 1, seconds = 60 }]\n";
    fakes.set("config", &format!("{CONFIGURATION}{rate}"));
    let tool = |name: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } }).to_string()
    };
    for (name, status) in [("slow", 200), ("slow", 429), ("slower", 200), ("other", 200), ("other", 200), ("slow", 429)]
    {
        assert_eq!(call(&fakes, &[], &tool(name)).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn what_is_refused_for_a_tools_rate_does_not_count_in_the_others() {
    let fakes = fakes();
    let rates = "rates = [{ per = \"subject\", requests = 2, seconds = 60 }, \
                 { per = \"tool\", tools = [\"*\"], requests = 1, seconds = 60 }]\n";
    fakes.set("config", &format!("{CONFIGURATION}{rates}"));
    let slow = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "slow" } }).to_string();
    for (message, status) in [(&*slow, 200), (&slow, 429), (&slow, 429), (PING, 200), (PING, 429)] {
        assert_eq!(call(&fakes, &[], message).await.status, status, "{message}");
    }
}

#[tokio::test]
async fn while_nothing_can_be_counted_nothing_goes_on() {
    let fakes = fakes();
    fakes.set("config", &format!("{CONFIGURATION}rates = [{{ per = \"route\", requests = 2, seconds = 60 }}]\n"));
    fakes.store_goes_down();
    assert_eq!(call(&fakes, &[], PING).await.status, 503);
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_route_without_rates_asks_the_store_nothing() {
    let fakes = fakes();
    fakes.store_goes_down();
    assert_eq!(call(&fakes, &[], PING).await.status, 200);
    assert!(fakes.store.lock().unwrap().take_calls().is_empty());
}

#[tokio::test]
async fn as_many_streams_as_are_allowed_are_open_at_once_and_a_closed_one_makes_room() {
    let fakes = fakes();
    let limits = CONFIGURATION.replace("request_bytes = 1000", "request_bytes = 1000, streams_per_subject = 1");
    fakes.set("config", &limits);
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let body = std::sync::Mutex::new(Some(crate::outbound::Pieces(receiver)));
    fakes.answer(move |_| {
        use http_body_util::BodyExt as _;
        let response = http::Response::builder().header("content-type", "text/event-stream");
        let body = body.lock().unwrap().take();
        Answer::Stream(
            response
                .body(body.map_or_else(|| crate::outbound::whole_body(Vec::new()), |body| body.boxed_unsync()))
                .unwrap(),
        )
    });
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
    let listen = || request("GET", "/mcp", &headers, "");
    let (response, guest) = begin(&GATEWAY, &fakes, listen()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(serve(&GATEWAY, &fakes, listen()).await.status, 429);
    assert_eq!(fakes.sent().len(), 1);
    drop((response, sender));
    guest.await.unwrap().unwrap();
    assert_eq!(serve(&GATEWAY, &fakes, listen()).await.status, 200);
}

#[tokio::test]
async fn a_request_with_too_many_headers_or_too_deep_a_body_goes_no_further() {
    let fakes = fakes();
    fakes.set(
        "config",
        &CONFIGURATION.replace("request_bytes = 1000", "request_bytes = 1000, headers = 10, json_depth = 8"),
    );
    let names: Vec<_> = (0..8).map(|number| format!("x-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    // Authorization, content-type and host are there as well.
    assert_eq!(call(&fakes, &headers[..7], PING).await.status, 200);
    assert_eq!(call(&fakes, &headers, PING).await.status, 431);
    let deep = |depth: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{}{}}}"#,
            r#"{"a":"#.repeat(depth),
            "0".to_owned() + &"}".repeat(depth)
        )
    };
    assert_eq!(call(&fakes, &[], &deep(7)).await.status, 200);
    let reply = call(&fakes, &[], &deep(8)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!(-32600)), "{}", reply.body);
    assert_eq!(fakes.sent().len(), 2);
}
