//! A client of 2024-11-05 over HTTP.

use gatehouse_tests::{World, WorldSettings, http, snapshot};
use reqwest::Response;
use serde_json::{Value, json};

use crate::mcp::{request, send};

struct Stream {
    answer: Response,
    unread: String,
}

impl Stream {
    /// The data of the next event.
    async fn next(&mut self) -> String {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let data: Vec<_> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                let data = data.join("\n");
                self.unread = rest.to_owned();
                if !data.is_empty() {
                    return data;
                }
            }
            let piece = self.answer.chunk().await.expect("an unbroken stream").expect("the stream goes on");
            self.unread.push_str(core::str::from_utf8(&piece).expect("UTF-8"));
        }
    }

    /// The next answer, whatever comes before it.
    async fn answer(&mut self) -> Value {
        loop {
            let message: Value = serde_json::from_str(&self.next().await).expect("JSON");
            if message.get("id").is_some() && message.get("method").is_none() {
                return message;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_reaches_a_newer_server_and_ends_its_session_by_leaving() {
    let world =
        World::start(WorldSettings { upstream: &["conformance-upstream.mjs"], ..WorldSettings::default() }).await;
    let token = world.access_token("alice").await;
    let other = world.access_token("bob").await;
    let events = http().get(format!("{}/mcp/sse", world.gatehouse.url)).bearer_auth(&token);
    let answer = send(events.header("accept", "text/event-stream")).await;
    assert_eq!(answer.status(), 200);
    let mut stream = Stream { answer, unread: String::new() };
    let endpoint = format!("{}{}", world.gatehouse.url, stream.next().await);
    let post = |token: &str, message: &Value| {
        let call = http().post(&endpoint).bearer_auth(token).header("content-type", "application/json");
        send(call.body(message.to_string()))
    };
    let parameters = json!({
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "old", "version": "1" },
    });
    assert_eq!(post(&other, &request("initialize", &parameters)).await.status(), 404, "somebody else's channel");
    assert_eq!(post(&token, &request("initialize", &parameters)).await.status(), 202);
    assert!(stream.answer().await["result"]["serverInfo"].is_object());
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(post(&token, &initialized).await.status(), 202);
    assert_eq!(post(&token, &request("tools/list", &json!({}))).await.status(), 202);
    assert!(stream.answer().await["result"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()));
    let echo = request("tools/call", &json!({ "name": "test_simple_text", "arguments": {} }));
    assert_eq!(post(&token, &echo).await.status(), 202);
    assert!(stream.answer().await["result"]["content"].is_array());
    let stored = snapshot(&world.gatehouse.state_directory()).await;
    let clear = |text: &str| stored.iter().any(|(_, value)| String::from_utf8_lossy(value).contains(text));
    assert!(!clear("serverInfo") && !clear("test_simple_text") && !clear("jsonrpc"));

    drop(stream);
    // The server hears of the end of the session.
    let requests = world.upstream_url.replace("/mcp", "/_test/requests");
    loop {
        let text = http().get(&requests).send().await.expect("an answer").text().await.expect("text");
        let requests: Value = serde_json::from_str(&text).expect("JSON");
        if requests.as_array().is_some_and(|requests| requests.iter().any(|request| request["method"] == "DELETE")) {
            break;
        }
    }
    assert_eq!(post(&token, &initialized).await.status(), 404);
    world.gatehouse.stop().await;
}
