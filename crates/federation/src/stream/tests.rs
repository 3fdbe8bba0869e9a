use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Plan;
use crate::example::{federation, message, value};

const MEMBERS: &[&str] = &["", "files", "git"];

fn request(id: Value, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn result(id: Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// The stream of a tool call to `files`, with the id 7.
fn calling(lifecycle: Lifecycle) -> Stream {
    let call = request(json!(7), "tools/call", json!({"name": "files_read"}));
    match federation(lifecycle, MEMBERS).plan(&message(&call), None) {
        Plan::ToOne { stream, .. } => stream,
        other => panic!("{other:?}"),
    }
}

fn subscription() -> Stream {
    federation(Lifecycle::Session, MEMBERS).plan_get(None, None).1
}

fn said(stream: &Stream, member: usize, own: &Value) -> Option<Value> {
    stream.message(member, message(own)).map(|message| value(&message))
}

#[test]
fn only_the_member_that_was_asked_answers_and_only_what_was_asked() {
    let answer = |id: Value| result(id, json!({"content": [{"type": "resource_link", "uri": "x:y"}]}));
    let renamed = result(json!(7), json!({"content": [{"type": "resource_link", "uri": "files+x:y"}]}));
    for lifecycle in [Lifecycle::Session, Lifecycle::Stateless] {
        assert_eq!(said(&calling(lifecycle), 1, &answer(json!(7))), Some(renamed.clone()));
        for id in [json!(8), json!("7"), json!(-7)] {
            assert_eq!(said(&calling(lifecycle), 1, &answer(id)), None);
        }
        assert_eq!(said(&calling(lifecycle), 2, &answer(json!(7))), None);
    }
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "m"}});
    assert_eq!(said(&calling(Lifecycle::Session), 1, &error), Some(error.clone()));
    assert_eq!(said(&subscription(), 1, &answer(json!(7))), None, "nothing was asked on this stream");
    assert_eq!(said(&subscription(), 1, &error), None);
}

#[test]
fn a_refused_notification_is_answered_as_it_came() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    let progress = notification("notifications/progress", json!({"progressToken": "files:1"}));
    let Plan::ToOne { stream, .. } = federation.plan(&message(&progress), None) else { panic!() };
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "m"}});
    assert_eq!(said(&stream, 1, &error), Some(error));
    assert_eq!(said(&stream, 1, &result(json!(7), json!({}))), None);
}

#[test]
fn requests_of_members_come_back_to_them() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    for (method, id, token) in [
        ("sampling/createMessage", json!(5), json!(0)),
        ("elicitation/create", json!("5"), json!("t")),
        ("roots/list", json!("git:5"), json!(-1)),
    ] {
        for (member, label) in MEMBERS.iter().enumerate() {
            let own =
                request(id.clone(), method, json!({"_meta": {"progressToken": token, "x": 1}, "message": "files+x:y"}));
            for stream in [calling(Lifecycle::Session), subscription()] {
                let outward = said(&stream, member, &own).unwrap();
                let (id, token) = (format!("{label}:{id}"), format!("{label}:{token}"));
                let meta = json!({"progressToken": token, "x": 1});
                assert_eq!(outward, request(json!(id), method, json!({"_meta": meta, "message": "files+x:y"})));
            }
            let outward_id = said(&subscription(), member, &own).unwrap()["id"].clone();
            match federation.plan(&message(&result(outward_id, json!({"roots": []}))), None) {
                Plan::ToOne { request, .. } => {
                    assert_eq!(request.member, member);
                    assert_eq!(value(&request.message), result(id.clone(), json!({"roots": []})));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let own = request(json!(5), "roots/list", json!({}));
    assert_eq!(said(&calling(Lifecycle::Stateless), 1, &own), None, "there are none in 2026-07-28");
}

#[test]
fn notifications_pass_with_the_names_that_the_client_knows() {
    let updated = |uri: &str| notification("notifications/resources/updated", json!({"uri": uri, "x": 1}));
    assert_eq!(said(&subscription(), 2, &updated("x:y")), Some(updated("git+x:y")));
    assert_eq!(said(&subscription(), 0, &updated("x:y")), Some(updated("x:y")));
    assert_eq!(said(&subscription(), 0, &updated("git+x:y")), None, "another's");
    let cancelled = |id: Value| notification("notifications/cancelled", json!({"requestId": id, "reason": "r"}));
    assert_eq!(said(&subscription(), 1, &cancelled(json!(5))), Some(cancelled(json!("files:5"))));
    for same in [
        notification("notifications/progress", json!({"progressToken": 7, "progress": 1})),
        notification("notifications/message", json!({"level": "info", "data": {"uri": "x:y"}})),
        notification("notifications/tools/list_changed", json!({})),
        notification("notifications/cancelled", json!({})),
        notification("notifications/resources/updated", json!({"uri": 5})),
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated"}),
    ] {
        for member in 0..3 {
            assert_eq!(said(&subscription(), member, &same), Some(same.clone()));
        }
    }
}

#[test]
fn an_answer_is_resumed_with_its_member_alone() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    let mut stream = calling(Lifecycle::Session);
    let id = stream.event_id(1, "e1").unwrap();
    let (asked, mut resumed) = federation.plan_get(None, Some(&id));
    assert_eq!(asked, [StreamRequest { member: 1, session: None, last_event_id: Some("e1".to_owned()) }]);
    let answer = result(json!(7), json!({"content": [{"type": "resource_link", "uri": "x:y"}]}));
    assert_eq!(said(&resumed, 1, &answer), said(&stream, 1, &answer));
    assert_eq!(said(&resumed, 1, &result(json!(8), json!({}))), None);
    assert_eq!(said(&resumed, 2, &answer), None);
    let id = resumed.event_id(1, "e2").unwrap();
    let (asked, _) = federation.plan_get(None, Some(&id));
    assert_eq!(asked, [StreamRequest { member: 1, session: None, last_event_id: Some("e2".to_owned()) }]);
}

#[test]
fn a_listening_client_goes_on_after_each_members_last_event() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    let sessions = MemberSessions::begun(&federation.naming, vec![(0, Some("a".to_owned())), (2, None)]).unwrap();
    let asked = |last_event_id: Option<&str>| {
        let (asked, stream) = federation.plan_get(Some(&sessions), last_event_id);
        let asked = asked.into_iter().map(|listen| (listen.member, listen.session, listen.last_event_id));
        (asked.collect::<Vec<_>>(), stream)
    };
    let a = || Some("a".to_owned());
    let (first, mut stream) = asked(None);
    assert_eq!(first, [(0, a(), None), (2, None, None)]);
    let id = stream.event_id(2, "1").unwrap();
    assert_eq!(asked(Some(&id)).0, [(0, a(), None), (2, None, Some("1".to_owned()))]);
    stream.event_id(0, "x").unwrap();
    let id = stream.event_id(2, "2").unwrap();
    assert_eq!(asked(Some(&id)).0, [(0, a(), Some("x".to_owned())), (2, None, Some("2".to_owned()))]);
    assert_eq!(asked(Some("made up")).0, first);
}

#[test]
fn event_ids_stay_short_enough_for_a_header() {
    let mut stream = subscription();
    stream.event_id(0, &"a".repeat(1500)).unwrap();
    let id = stream.event_id(1, &"b".repeat(1500)).unwrap();
    let (asked, _) = federation(Lifecycle::Session, MEMBERS).plan_get(None, Some(&id));
    let last: Vec<_> = asked.into_iter().map(|listen| listen.last_event_id.map_or(0, |id| id.len())).collect();
    assert_eq!(last, [0, 1500, 0]);
    assert_eq!(stream.event_id(1, &"b".repeat(5000)), None);
}

proptest! {
    #[test]
    fn no_member_answers_or_asks_in_anothers_place(id in "(files|git)?:?[0-9a-z\"]{0,3}", uri in "(files|git)?[+]?[a-z:]{0,4}", from in 0usize..3) {
        let federation = federation(Lifecycle::Session, MEMBERS);
        for stream in [calling(Lifecycle::Session), subscription()] {
            if let Some(outward) = said(&stream, from, &request(json!(id), "sampling/createMessage", json!({}))) {
                let (member, own) = request_ids::inward(&federation.naming, &Id::parse(&outward["id"].to_string()).unwrap()).unwrap();
                prop_assert_eq!((member, own), (from, Id::Text(id.clone())));
            }
            let updated = notification("notifications/resources/updated", json!({"uri": uri}));
            if let Some(outward) = said(&stream, from, &updated) {
                let (member, own) = federation.naming.uri_inward(outward["params"]["uri"].as_str().unwrap()).unwrap();
                prop_assert_eq!((member, own.as_ref()), (from, uri.as_str()));
            }
        }
        let link = json!({"content": [{"type": "resource_link", "uri": uri, "name": "a"}]});
        if let Some(outward) = said(&calling(Lifecycle::Session), 1, &result(json!(7), link)) {
            prop_assert_eq!(outward["result"]["content"][0]["uri"].as_str().unwrap(), format!("files+{uri}"));
        }
    }
}
