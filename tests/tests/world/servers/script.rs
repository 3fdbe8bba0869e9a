//! What a client does at each server, directly and through a route.

use serde_json::{Value, json};

use super::exchange::{Client, Fields};
use super::rows::Row;

/// The answers, by the names of what was asked.
pub(crate) type Answers = Vec<(&'static str, Fields)>;

/// The whole life of a client in each era.
pub(crate) async fn both_eras(row: &Row, url: &str, token: Option<&str>) -> Answers {
    let mut client = Client::new(url, token);
    let mut answers = vec![("initialize", client.initialize().await), ("initialized", client.initialized().await)];
    for listing in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        answers.push((listing, client.ask(listing, &json!({})).await));
    }
    answers.push(("ping", client.ask("ping", &json!({})).await));
    answers.push(("tools/call", client.ask("tools/call", &call(row.call)).await));
    let nothing = call(("no_such_tool", "{}"));
    answers.push(("tools/call of nothing", client.ask("tools/call", &nothing).await));
    answers.push(("GET", client.listen().await));
    answers.push(("DELETE", client.end().await));
    answers.push(("ping after DELETE", client.ask("ping", &json!({})).await));

    let client = Client::new(url, token);
    answers.push(("server/discover, 2026-07-28", client.ask_alone("server/discover", json!({})).await));
    answers.push(("tools/list, 2026-07-28", client.ask_alone("tools/list", json!({})).await));
    answers.push(("tools/call, 2026-07-28", client.ask_alone("tools/call", call(row.call)).await));
    answers
}

/// A session that lists and makes these calls.
pub(crate) async fn session(url: &str, token: Option<&str>, calls: &[Value]) -> Session {
    let mut client = Client::new(url, token);
    client.initialize().await;
    client.initialized().await;
    let listed = client.ask("tools/list", &json!({})).await;
    let mut called = Vec::new();
    for parameters in calls {
        called.push(client.ask("tools/call", parameters).await);
    }
    let stream = client.listen().await;
    let ended = client.end().await;
    Session { listed, called, stream, ended }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Session {
    /// The listing of tools.
    pub(crate) listed: Fields,
    /// Each call.
    pub(crate) called: Vec<Fields>,
    /// The head of the session's own stream.
    pub(crate) stream: Fields,
    /// The end of the session.
    pub(crate) ended: Fields,
}

/// The parameters of a call.
pub(crate) fn call((name, arguments): (&str, &str)) -> Value {
    let arguments: Value = serde_json::from_str(arguments).expect("JSON");
    json!({ "name": name, "arguments": arguments, "_meta": { "progressToken": "progress" } })
}
