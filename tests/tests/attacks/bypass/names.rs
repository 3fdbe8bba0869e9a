//! Names that a server might take for others (docs/cases.md, S20).

use gatehouse_tests::{AttackSettings, AttackWorld, Person, raw};
use serde_json::{Value, json};

/// Everything but one tool and one resource.
const POLICY: &str = r#"
[[routes.policy]]
name = "all"
tools = ["*", "an odd: name"]
resources = ["*"]
prompts = ["*"]

[[routes.policy]]
name = "no-secret"
effect = "deny"
tools = ["write_secret"]
resources = ["file:///secret*"]
prompts = ["secret"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_denied_name_reaches_the_upstream() {
    let settings = AttackSettings { mcp_lines: POLICY.to_owned(), ..AttackSettings::default() };
    let world = AttackWorld::start_with(settings).await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let token = tokens["access_token"].as_str().expect("an access token").to_owned();
    let before = world.store().await;
    let send = async |method: &str, params: &Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        raw(&world.gatehouse.url, (head + &body).as_bytes()).await
    };
    for name in [
        "write_secret",
        "Write_Secret",
        "WRITE_SECRET",
        "write_secret\0",
        "\0write_secret",
        "write_secret ",
        " write_secret",
        "write_secret\n",
        "write\u{200b}_secret",
        "\u{ff57}rite_secret",
        "write_\u{17f}ecret",
        "write_secret\u{301}",
        "another: name",
    ] {
        let answer = send("tools/call", &json!({ "name": name, "arguments": {} })).await;
        assert!(answer.body().contains("\"error\""), "{name:?}: {}", answer.text);
    }
    for uri in ["file:///secret", "file:///SECRET/a", "FILE:///secret", "file:///%73ecret", "file:///\u{ff53}ecret"] {
        let answer = send("resources/read", &json!({ "uri": uri })).await;
        assert!(answer.body().contains("\"error\""), "{uri}: {}", answer.text);
    }
    for prompt in ["secret", "Secret", "secret ", "secret\0"] {
        let answer = send("prompts/get", &json!({ "name": prompt })).await;
        assert!(answer.body().contains("\"error\""), "{prompt:?}: {}", answer.text);
    }
    assert!(world.upstream.requests().is_empty(), "{:?}", world.upstream.requests());
    for name in ["read", "write_secrets", "an odd: name"] {
        let answer = send("tools/call", &json!({ "name": name, "arguments": {} })).await;
        assert_eq!(answer.status, Some(200), "{}", answer.text);
        assert!(!answer.body().contains("\"error\""), "{name}: {}", answer.text);
    }
    assert_eq!(world.upstream.requests().len(), 3);
    assert!(world.changes_since(&before).await.is_empty());
    world.gatehouse.stop().await;
}
