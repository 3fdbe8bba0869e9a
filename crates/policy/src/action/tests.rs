use gatehouse_mcp_wire::json_rpc::Body;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::message;

fn call(method: &str, params: &Value) -> Message {
    message(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
}

/// The actions as `method` or `method, kind name`.
fn texts(message: &Message) -> Result<Vec<String>, Malformed> {
    let text = |Action { method, target }: &Action<'_>| match target {
        Some(target) => format!("{method}, {target}"),
        None => method.to_string(),
    };
    actions(message).map(|actions| actions.iter().map(text).collect())
}

#[test]
fn a_message_says_in_its_body_what_it_would_do() {
    for (method, params, expected) in [
        ("tools/call", json!({ "name": "add", "arguments": { "name": "other" } }), ["tools/call, tool add"].as_slice()),
        ("prompts/get", json!({ "name": "greet" }), &["prompts/get, prompt greet"]),
        ("resources/read", json!({ "uri": "file:///a" }), &["resources/read, resource file:///a"]),
        ("resources/subscribe", json!({ "uri": "file:///a" }), &["resources/subscribe, resource file:///a"]),
        ("resources/unsubscribe", json!({ "uri": "" }), &["resources/unsubscribe, resource "]),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "greet", "uri": "file:///a" } }),
            &["completion/complete, prompt greet"],
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": "file:///{path}" } }),
            &["completion/complete, resource template file:///{path}"],
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/resource", "uri": "file:///a" } }),
            &["completion/complete, resource file:///a"],
        ),
        (
            "subscriptions/listen",
            json!({ "notifications": { "toolsListChanged": true, "resourceSubscriptions": ["file:///a", "file:///b"] } }),
            &[
                "subscriptions/listen",
                "subscriptions/listen, resource file:///a",
                "subscriptions/listen, resource file:///b",
            ],
        ),
        ("subscriptions/listen", json!({ "notifications": {} }), &["subscriptions/listen"]),
        ("subscriptions/listen", json!({}), &["subscriptions/listen"]),
        ("tools/list", json!({ "name": "add" }), &["tools/list"]),
        ("Tools/Call", json!({ "name": "add" }), &["Tools/Call"]),
        ("tasks/get", json!({ "taskId": "1" }), &["tasks/get"]),
    ] {
        assert_eq!(texts(&call(method, &params)).unwrap(), expected, "{method} {params}");
    }
}

#[test]
fn escapes_in_a_name_are_read_before_it_is_judged() {
    let Body::Single(message) =
        Body::parse(br#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"n\u0061me":"\u0064elete"}}"#, 64)
            .unwrap()
    else {
        panic!()
    };
    assert_eq!(texts(&message).unwrap(), ["tools/call, tool delete"]);
}

#[test]
fn a_notification_does_what_it_says_and_an_answer_does_nothing() {
    let notification = json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "add" } });
    assert_eq!(texts(&message(&notification)).unwrap(), ["tools/call, tool add"]);
    for answer in [json!({ "result": { "name": "add" } }), json!({ "error": { "code": 1, "message": "" } })] {
        let mut answer = answer;
        answer["jsonrpc"] = "2.0".into();
        answer["id"] = 1.into();
        assert_eq!(texts(&message(&answer)).unwrap(), [""; 0]);
    }
}

#[test]
fn what_does_not_say_what_it_is_done_to_is_malformed() {
    let listen = |list: Value| json!({ "notifications": { "resourceSubscriptions": list } });
    for (method, params, expected) in [
        ("tools/call", json!({}), Malformed::Name),
        ("tools/call", json!({ "name": null }), Malformed::Name),
        ("tools/call", json!({ "name": ["add"] }), Malformed::Name),
        ("prompts/get", json!({ "name": 1 }), Malformed::Name),
        ("resources/read", json!({ "name": "file:///a" }), Malformed::Uri),
        ("resources/subscribe", json!({ "uri": {} }), Malformed::Uri),
        ("resources/unsubscribe", json!({}), Malformed::Uri),
        ("completion/complete", json!({}), Malformed::Reference),
        ("completion/complete", json!({ "ref": "greet" }), Malformed::Reference),
        ("completion/complete", json!({ "ref": { "name": "greet" } }), Malformed::Reference),
        ("completion/complete", json!({ "ref": { "type": "ref/tool", "name": "greet" } }), Malformed::Reference),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "uri": "a" } }), Malformed::Reference),
        ("completion/complete", json!({ "ref": { "type": "ref/resource", "name": "a" } }), Malformed::Reference),
        ("subscriptions/listen", json!({ "notifications": [] }), Malformed::Subscriptions),
        ("subscriptions/listen", listen(json!("file:///a")), Malformed::Subscriptions),
        ("subscriptions/listen", listen(json!(["file:///a", 1])), Malformed::Subscriptions),
        ("subscriptions/listen", listen(json!(vec!["a"; MOST_RESOURCES + 1])), Malformed::TooManySubscriptions),
    ] {
        assert_eq!(texts(&call(method, &params)), Err(expected), "{method} {params}");
    }
    let without = message(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call" }));
    assert_eq!(texts(&without), Err(Malformed::Name));
    let most = call("subscriptions/listen", &listen(json!(vec!["a"; MOST_RESOURCES])));
    assert_eq!(actions(&most).unwrap().len(), 1 + MOST_RESOURCES);
}

proptest! {
    #[test]
    fn every_call_does_something_or_is_malformed(
        method in "tools/call|prompts/get|resources/read|completion/complete|subscriptions/listen|[a-z/]{0,8}",
        key in "name|uri|ref|notifications|\\PC{0,3}",
        value in prop_oneof![
            Just(json!(null)), "\\PC{0,6}".prop_map(Value::from), any::<i32>().prop_map(Value::from),
            ("type|name|uri|resourceSubscriptions", "ref/prompt|\\PC{0,3}").prop_map(|(key, value)| json!({ key: value })),
        ],
    ) {
        let message = call(&method, &json!({ key: value }));
        if let Ok(actions) = actions(&message) {
            prop_assert!(!actions.is_empty() && actions.iter().all(|action| action.method == method));
        }
    }
}
