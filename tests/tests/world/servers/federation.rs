//! Six servers of others as one, of which one is down.

use gatehouse_tests::HeldPort;
use serde_json::json;

use super::behind::gatehouse_with;
use super::exchange::{Client, messages, tools};
use super::rows::{Row, SERVERS};
use super::running::Running;
use super::script;
use super::seen::status;
use crate::choice::Choice;

/// The members that run: with and without sessions, with and without a stream of their own, from npm and PyPI.
const MEMBERS: [&str; 5] = ["everything", "chart", "dbhub", "excel", "pdf"];

#[tokio::test(flavor = "multi_thread")]
async fn a_federation_of_six_with_one_down_has_what_the_other_five_have() {
    if !Choice::of_this_run().takes(SERVERS.len(), "federation") {
        return;
    }
    let rows: Vec<&Row> = SERVERS.iter().filter(|row| MEMBERS.contains(&row.path)).collect();
    assert_eq!(rows.len(), MEMBERS.len());
    let mut servers: Vec<_> = rows.iter().map(|row| Running::start(row)).collect();
    for server in &mut servers {
        server.listens().await;
    }
    let down = format!("http://127.0.0.1:{}/mcp", HeldPort::take().lend());
    let named =
        rows.iter().zip(&servers).map(|(row, server)| (row.path, server.url.as_str())).chain([("down", down.as_str())]);
    let members = named.map(|(prefix, url)| format!("[[routes.members]]\nprefix = \"{prefix}\"\nurl = \"{url}\"\n"));
    let route =
        format!("\n[[routes]]\npath = \"/all\"\nname = \"All\"\nscopes = [\"mcp\"]\n{}", members.collect::<String>());
    let world = gatehouse_with(route).await;
    let token = world.access_token_at("/all", "alice").await;

    let mut calls: Vec<_> =
        rows.iter().map(|row| script::call((&format!("{}_{}", row.path, row.call.0), row.call.1))).collect();
    calls.push(script::call(("down_anything", "{}")));
    let all = script::session(&format!("{}/all", world.gatehouse.url), Some(&token), &calls).await;
    let shown = tools(&all.listed);
    let mut expected = 0;
    for (at, (row, server)) in rows.iter().zip(&servers).enumerate() {
        let alone = script::session(&server.url, None, &[script::call(row.call)]).await;
        for (name, mut tool) in tools(&alone.listed) {
            // A federation has no tasks: it leaves out what is nothing else.
            if tool.remove("execution/taskSupport").as_deref() == Some("\"required\"") {
                continue;
            }
            let prefixed = format!("{}_{name}", row.path);
            // The page of an app begins as hosts expect it.
            if let Some(page) = tool.get_mut("_meta/ui/resourceUri") {
                *page = page.replacen("ui://", &format!("ui://{}+", row.path), 1);
            }
            tool.insert("name".to_owned(), format!("\"{prefixed}\""));
            assert_eq!(shown.get(&prefixed), Some(&tool), "{prefixed}");
            expected += 1;
        }
        assert_eq!(messages(&all.called[at]), messages(&alone.called[0]), "{}", row.name);
    }
    assert_eq!(shown.len(), expected, "{:?}", shown.keys());
    let is_missing =
        |(field, value): (&String, &String)| field.ends_with("gatehouse/unavailable/0/member") && value == "\"down\"";
    assert!(all.listed.iter().any(is_missing), "{:?}", all.listed.keys());
    let down = all.called.last().expect("a call");
    assert_eq!(status(down), "502", "{down:?}");
    assert!(down.values().any(|value| value.contains("`down` of All")), "{down:?}");
    let mut client = Client::new(&format!("{}/all", world.gatehouse.url), Some(&token));
    client.initialize().await;
    client.initialized().await;
    let page = "ui://pdf+pdf-viewer/mcp-app.html";
    let read = client.ask("resources/read", &json!({ "uri": page })).await;
    assert_eq!(read.get("message 0 /result/contents/0/uri"), Some(&format!("\"{page}\"")), "{:?}", read.keys());
    // One member has no stream, and another has no sessions: the federation has both.
    assert_eq!((status(&all.stream), status(&all.ended)), ("200", "200"), "{all:?}");
    world.gatehouse.stop().await;
}
