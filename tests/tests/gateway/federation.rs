//! Several servers behind one path, over HTTP.

use gatehouse_tests::{World, WorldSettings};
use serde_json::{Value, json};

use crate::mcp::{Client, request, send};
use crate::programmed_upstream::{self, ProgrammedUpstream};

async fn answer(client: &Client, message: &Value) -> (u16, Value) {
    let answer = send(client.post(message)).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_members_failure_is_shown_and_costs_the_others_nothing() {
    let upstream = ProgrammedUpstream::start().await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let member = |prefix: &str, url: &str| format!("[[routes.members]]\n{prefix}url = \"{url}\"\n");
    let lines = format!(
        "[[routes]]\npath = \"/all\"\nname = \"All\"\nscopes = [\"mcp\"]\n{}{}{}",
        member("", &format!("{}/inside?mcp", upstream.origin())),
        member("prefix = \"two\"\n", &format!("{}/inside?mcp", upstream.origin())),
        member("prefix = \"dead\"\n", &format!("http://{dead}/mcp")),
    );
    let settings = programmed_upstream::beside_mcp(&upstream, "");
    let upstream_lines = format!("{}{lines}", settings.upstream_lines);
    let world = World::start(WorldSettings { upstream_lines, ..settings }).await;
    let alice = programmed_upstream::sign_in(&world, "/all", "alice", "").await;

    let (status, listed) = answer(&alice, &request("tools/list", &json!({}))).await;
    let names: Vec<_> = listed["result"]["tools"].as_array().expect("tools").iter().map(|tool| &tool["name"]).collect();
    assert_eq!((status, names), (200, vec![&json!("look"), &json!("two_look")]), "{listed}");
    let unavailable = json!([{ "member": "dead", "reason": "did not answer" }]);
    assert_eq!(listed["result"]["_meta"]["gatehouse/unavailable"], unavailable);

    let (status, called) = answer(&alice, &request("tools/call", &json!({ "name": "two_look" }))).await;
    assert_eq!((status, &called["result"]["content"][0]["text"]), (200, &json!("look")));

    let (status, called) = answer(&alice, &request("tools/call", &json!({ "name": "dead_look" }))).await;
    assert_eq!((status, &called["id"]), (502, &json!(1)));
    let text = called.to_string();
    assert!(text.contains("dead at /all") && !text.contains(&dead.to_string()), "{text}");

    // A token for the federation is none for what stands alone, and the other way round.
    let elsewhere = Client::new(&world.mcp_url(), alice.token());
    assert_eq!(send(elsewhere.post(&request("tools/list", &json!({})))).await.status(), 401);
    world.gatehouse.stop().await;
}
