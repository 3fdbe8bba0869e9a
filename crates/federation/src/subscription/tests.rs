use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::{federation, message, value};
use crate::{Lifecycle, Plan};

const MEMBERS: &[&str] = &["", "files"];

fn subscribe(labels: &[&str], filter: Value) -> Subscription {
    let params = json!({"_meta": {}, "notifications": filter});
    let request = json!({"jsonrpc": "2.0", "id": "s", "method": "subscriptions/listen", "params": params});
    match federation(Lifecycle::Stateless, labels).plan(&message(&request), None) {
        Plan::Subscribe { subscription, .. } => subscription,
        other => panic!("{other:?}"),
    }
}

fn tagged(method: &str, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/subscriptionId"] = json!("s");
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn ack(filter: Value) -> Value {
    tagged(ACKNOWLEDGED, json!({"notifications": filter}))
}

fn ack_without(filter: Value, unavailable: &[(&str, &str)]) -> Value {
    let entry = |(member, reason): &(&str, &str)| json!({"member": member, "reason": reason});
    let unavailable: Value = unavailable.iter().map(entry).collect();
    tagged(ACKNOWLEDGED, json!({"notifications": filter, "_meta": {"gatehouse/unavailable": unavailable}}))
}

fn changed(list: &str) -> Value {
    tagged(&format!("notifications/{list}/list_changed"), json!({}))
}

fn updated(uri: &str) -> Value {
    tagged("notifications/resources/updated", json!({"uri": uri}))
}

/// A member's own end.
fn ended() -> Value {
    let meta = json!({"io.modelcontextprotocol/subscriptionId": "s"});
    json!({"jsonrpc": "2.0", "id": "s", "result": {"resultType": "complete", "_meta": meta}})
}

/// Ours.
fn end() -> Value {
    let mut end = ended();
    end["result"]["_meta"]["io.modelcontextprotocol/serverInfo"] =
        json!({"name": "Everything", "version": env!("CARGO_PKG_VERSION")});
    end
}

fn error(code: i32) -> Value {
    json!({"jsonrpc": "2.0", "id": "s", "error": {"code": code, "message": "m"}})
}

fn says(subscription: &mut Subscription, member: usize, own: &Value) -> Vec<Value> {
    subscription.message(member, message(own)).iter().map(value).collect()
}

fn fails(subscription: &mut Subscription, member: usize) -> Vec<Value> {
    subscription.failed(member, FailureReason::DidNotAnswer).iter().map(value).collect()
}

fn all() -> Value {
    json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["x:y", "files+x:y"]})
}

const NOTHING: &[Value] = &[];

#[test]
fn the_acknowledgement_comes_first_and_once_and_says_what_all_agreed_to() {
    let mut subscription = subscribe(MEMBERS, all());
    assert_eq!(subscription.awaited(), [0, 1]);
    assert_eq!(says(&mut subscription, 0, &changed("tools")), NOTHING, "not acknowledged by the member itself");
    let own = json!({"toolsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": ["x:y", "z:"]});
    assert_eq!(says(&mut subscription, 0, &ack(own)), NOTHING);
    assert_eq!(subscription.awaited(), [1]);
    assert_eq!(says(&mut subscription, 0, &changed("tools")), NOTHING, "it waits");
    let own = json!({"promptsListChanged": true, "toolsListChanged": false, "resourceSubscriptions": ["x:y"]});
    let both =
        json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["x:y", "files+x:y"]});
    assert_eq!(says(&mut subscription, 1, &ack(own)), [ack(both), changed("tools")]);
    assert_eq!(says(&mut subscription, 1, &ack(json!({}))), NOTHING, "once");
    assert_eq!(subscription.awaited(), [0usize; 0]);
    assert!(subscription.refusal().is_none());
}

#[test]
fn notifications_say_the_clients_subscription_and_names() {
    let mut subscription = subscribe(MEMBERS, all());
    says(&mut subscription, 0, &ack(all()));
    says(&mut subscription, 1, &ack(all()));
    assert_eq!(says(&mut subscription, 1, &updated("x:y")), [updated("files+x:y")]);
    assert_eq!(says(&mut subscription, 0, &updated("x:y")), [updated("x:y")]);
    assert_eq!(says(&mut subscription, 0, &updated("files+x:y")), NOTHING, "another's");
    let mut others = changed("tools");
    others["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] = json!("t");
    assert_eq!(says(&mut subscription, 0, &others), [changed("tools")]);
    let bare = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    assert_eq!(says(&mut subscription, 0, &bare), [changed("tools")]);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"});
    assert_eq!(says(&mut subscription, 0, &request), NOTHING);
}

#[test]
fn a_member_that_fails_before_the_acknowledgement_is_named_in_it() {
    let lists = json!({"toolsListChanged": true});
    let mut subscription = subscribe(MEMBERS, lists.clone());
    assert_eq!(says(&mut subscription, 0, &ack(lists.clone())), NOTHING);
    let shown = [ack_without(lists.clone(), &[("files", "did not answer")])];
    assert_eq!(fails(&mut subscription, 1), shown);
    assert_eq!(says(&mut subscription, 1, &changed("tools")), NOTHING, "it has no part any more");
    assert_eq!(says(&mut subscription, 1, &ack(lists.clone())), NOTHING);

    let mut subscription = subscribe(MEMBERS, lists.clone());
    assert_eq!(says(&mut subscription, 1, &error(-32603)), NOTHING);
    let shown = [ack_without(lists.clone(), &[("files", "answered with an error")])];
    assert_eq!(says(&mut subscription, 0, &ack(lists.clone())), shown);

    let mut subscription = subscribe(MEMBERS, lists.clone());
    assert_eq!(says(&mut subscription, 1, &error(-32601)), NOTHING);
    assert_eq!(says(&mut subscription, 0, &ack(lists.clone())), [ack(lists.clone())], "it has no subscriptions");

    let mut subscription = subscribe(MEMBERS, lists.clone());
    assert_eq!(says(&mut subscription, 1, &ack(lists.clone())), NOTHING);
    assert_eq!(says(&mut subscription, 1, &changed("tools")), NOTHING);
    assert_eq!(fails(&mut subscription, 1), NOTHING);
    let shown = [ack_without(lists.clone(), &[("files", "did not answer")]), changed("tools")];
    assert_eq!(says(&mut subscription, 0, &ack(lists)), shown);
}

#[test]
fn where_no_member_agrees_the_client_hears_why() {
    let lists = || subscribe(MEMBERS, json!({"toolsListChanged": true}));
    let mut subscription = lists();
    assert_eq!(fails(&mut subscription, 0), NOTHING);
    assert!(!subscription.is_over() && subscription.refusal().is_none());
    assert_eq!(fails(&mut subscription, 1), NOTHING);
    assert!(subscription.is_over());
    assert!(matches!(subscription.refusal(), Some(MergedAnswer::Failed { .. })));

    let mut subscription = lists();
    subscription.failed(0, FailureReason::TooLate);
    subscription.failed(1, FailureReason::TooLate);
    match subscription.refusal() {
        Some(MergedAnswer::Failed { members }) => {
            assert!(members.len() == 2 && members.iter().all(|(_, reason)| *reason == FailureReason::TooLate));
        }
        other => panic!("{other:?}"),
    }

    let mut subscription = lists();
    let Message::Response(reply) = message(&error(-32602)) else { panic!() };
    assert!(subscription.answer(1, 400, reply).is_empty());
    assert_eq!(says(&mut subscription, 0, &error(-32601)), NOTHING);
    match subscription.refusal() {
        Some(MergedAnswer::Answer { status: 400, reply, .. }) => assert_eq!(value(&reply), error(-32602)),
        other => panic!("{other:?}"),
    }

    let mut subscription = lists();
    let Message::Response(reply) = message(&error(-32602)) else { panic!() };
    assert!(subscription.answer(1, 401, reply).is_empty());
    assert_eq!(fails(&mut subscription, 0), NOTHING);
    assert!(matches!(subscription.refusal(), Some(MergedAnswer::Failed { .. })));

    let mut subscription = lists();
    assert_eq!(says(&mut subscription, 0, &ended()), NOTHING);
    assert_eq!(says(&mut subscription, 1, &ended()), NOTHING);
    assert!(matches!(subscription.refusal(), Some(MergedAnswer::Failed { .. })));
}

#[test]
fn the_subscription_ends_gracefully_when_all_have() {
    let lists = json!({"toolsListChanged": true});
    let mut subscription = subscribe(MEMBERS, lists.clone());
    says(&mut subscription, 0, &ack(lists.clone()));
    says(&mut subscription, 1, &ack(lists.clone()));
    assert_eq!(says(&mut subscription, 1, &ended()), NOTHING);
    assert_eq!(fails(&mut subscription, 1), NOTHING, "its stream ends, too");
    assert!(!subscription.is_over());
    assert_eq!(says(&mut subscription, 0, &changed("tools")), [changed("tools")]);
    // Servers may say it so, too (MCP 2026-07-28, cancellation).
    let cancelled = tagged("notifications/cancelled", json!({"requestId": "s"}));
    assert_eq!(says(&mut subscription, 0, &cancelled), [end()]);
    assert!(subscription.is_over() && subscription.refusal().is_none());
    assert_eq!(says(&mut subscription, 0, &ended()), NOTHING);

    let mut subscription = subscribe(MEMBERS, lists.clone());
    says(&mut subscription, 1, &error(-32601));
    says(&mut subscription, 0, &ack(lists.clone()));
    assert_eq!(says(&mut subscription, 0, &tagged("notifications/cancelled", json!({"requestId": "t"}))), NOTHING);
    assert_eq!(says(&mut subscription, 0, &ended()), [end()], "who had no part need not end");

    let mut subscription = subscribe(MEMBERS, lists.clone());
    says(&mut subscription, 0, &ack(lists.clone()));
    says(&mut subscription, 0, &ended());
    assert_eq!(says(&mut subscription, 1, &error(-32601)), [ack(lists), end()]);
}

#[test]
fn a_member_that_breaks_off_is_announced_as_changes_of_its_lists() {
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true});
    let mut subscription = subscribe(MEMBERS, filter.clone());
    says(&mut subscription, 0, &ack(filter.clone()));
    says(&mut subscription, 1, &ack(json!({"toolsListChanged": true, "resourcesListChanged": true})));
    assert_eq!(fails(&mut subscription, 1), [changed("tools"), changed("resources")]);
    assert_eq!(says(&mut subscription, 0, &changed("prompts")), [changed("prompts")]);
    assert_eq!(says(&mut subscription, 0, &ended()), NOTHING, "that was no graceful end of all");
    assert!(subscription.is_over() && subscription.refusal().is_none());
}

#[test]
fn what_waits_is_bounded() {
    let filter = json!({"toolsListChanged": true});
    let mut subscription = subscribe(MEMBERS, filter.clone());
    says(&mut subscription, 0, &ack(filter.clone()));
    for _ in 0..MOST_WAITING + 10 {
        says(&mut subscription, 0, &changed("tools"));
    }
    assert_eq!(says(&mut subscription, 1, &ack(filter)).len(), 1 + MOST_WAITING);
}

/// Something that happens to a member's stream.
fn happening() -> impl Strategy<Value = (usize, Option<Value>)> {
    let own = prop_oneof![
        3 => Just(Some(ack(all()))),
        3 => Just(Some(changed("tools"))),
        1 => Just(Some(updated("git+x:y"))),
        1 => Just(Some(ended())),
        1 => Just(Some(error(-32601))),
        1 => Just(Some(error(-32603))),
        1 => Just(None),
    ];
    (0usize..3, own)
}

proptest! {
    #[test]
    fn whatever_happens_the_client_hears_one_acknowledgement_first_and_one_end_last(happenings in proptest::collection::vec(happening(), 0..30)) {
        let mut subscription = subscribe(&["", "files", "git"], all());
        let mut heard = Vec::new();
        for (member, own) in happenings {
            heard.extend(match own {
                Some(own) => says(&mut subscription, member, &own),
                None => fails(&mut subscription, member),
            });
            prop_assert!(heard.is_empty() || subscription.refusal().is_none());
        }
        let of = |method: &str| heard.iter().filter(|message| message["method"] == method).count();
        prop_assert_eq!(of(ACKNOWLEDGED), usize::from(!heard.is_empty()));
        prop_assert!(heard.is_empty() || heard[0]["method"] == ACKNOWLEDGED);
        let ends = heard.iter().filter(|message| message.get("result").is_some()).count();
        prop_assert!(ends == 0 || (ends == 1 && subscription.is_over() && heard.last().unwrap().get("result").is_some()));
        for message in &heard {
            let meta = if message.get("result").is_some() { &message["result"]["_meta"] } else { &message["params"]["_meta"] };
            prop_assert_eq!(&meta["io.modelcontextprotocol/subscriptionId"], &json!("s"));
        }
    }
}
