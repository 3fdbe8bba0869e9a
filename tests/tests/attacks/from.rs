//! Requests from several addresses of this machine, and what the log says of them.

use std::net::IpAddr;

use gatehouse_tests::{Answer, AttackWorld};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Whoever connects from this address of the loopback network.
pub(crate) fn from(address: &str) -> reqwest::Client {
    let address: IpAddr = address.parse().unwrap();
    let redirect = reqwest::redirect::Policy::none();
    reqwest::Client::builder().redirect(redirect).local_address(address).build().unwrap()
}

/// A ping at `/mcp` with this token, from this address and with these headers.
pub(crate) async fn ping(world: &AttackWorld, address: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = from(address).post(world.url("/mcp")).bearer_auth(token).headers(HeaderMap::new());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request =
        request.header("content-type", "application/json").header("accept", "application/json, text/event-stream");
    Answer::of(request.body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).send().await.unwrap()).await
}

/// The line of Gatehouse's log about the request with this answer that has this event.
pub(crate) fn line_of(world: &AttackWorld, answer: &Answer, event: &str) -> Value {
    let id = answer.header("x-request-id").to_owned();
    assert!(!id.is_empty(), "{answer:?}");
    let read = |line: &String| serde_json::from_str::<Value>(line).ok();
    let mut lines: Vec<_> = world.gatehouse.log.lines().iter().filter_map(read).collect();
    lines.retain(|line| line["request_id"] == id.as_str() && line["event"] == event);
    assert!(!lines.is_empty(), "no line {event} of {id}");
    lines.swap_remove(0)
}

/// An access token of somebody.
pub(crate) async fn token(world: &AttackWorld) -> String {
    let tokens = world.flow(&gatehouse_tests::Person::new("alice")).finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}
