use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::example::{federation, message, value};
use crate::naming::{labels, names};

const MEMBERS: &[&str] = &["", "files", "git"];

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// Each member that gets something, with its session, its `Mcp-Name` and the body.
type Sent = Vec<(usize, Option<String>, Option<String>, Value)>;

#[derive(Debug, PartialEq)]
enum Planned {
    One(Sent),
    All(Sent),
    StreamRequest(Sent),
    Answer(u16, Value),
    Nothing,
}

fn planned(plan: Plan) -> Planned {
    let sent = |requests: Vec<MemberRequest>| {
        let sent = |request: MemberRequest| {
            (
                request.member,
                request.session,
                request.mcp_name.map(|name| name.to_str().unwrap().to_owned()),
                value(&request.message),
            )
        };
        requests.into_iter().map(sent).collect()
    };
    match plan {
        Plan::ToOne { request, .. } => Planned::One(sent(vec![request])),
        Plan::ToAll { requests, .. } => Planned::All(sent(requests)),
        Plan::Subscribe { requests, .. } => Planned::StreamRequest(sent(requests)),
        Plan::Answer { status, reply } => Planned::Answer(status, value(&reply)),
        Plan::Accept => Planned::Nothing,
    }
}

fn plan(lifecycle: Lifecycle, labels: &[&str], said: &Value) -> Planned {
    planned(federation(lifecycle, labels).plan(&message(said), None))
}

fn legacy(said: &Value) -> Planned {
    plan(Lifecycle::Session, MEMBERS, said)
}

fn modern(said: &Value) -> Planned {
    plan(Lifecycle::Stateless, MEMBERS, said)
}

fn one(member: usize, mcp_name: Option<&str>, body: Value) -> Planned {
    Planned::One(vec![(member, None, mcp_name.map(str::to_owned), body)])
}

fn to(members: &[usize], body: &Value) -> Sent {
    members.iter().map(|member| (*member, None, None, body.clone())).collect()
}

fn error(status: u16, code: i32, message: &str, data: Option<Value>) -> Planned {
    let mut error = json!({"code": code, "message": message});
    if let Some(data) = data {
        error["data"] = data;
    }
    Planned::Answer(status, json!({"jsonrpc": "2.0", "id": 7, "error": error}))
}

#[test]
fn what_has_a_name_goes_to_its_member_under_its_own_name() {
    for method in ["tools/call", "prompts/get"] {
        let named = |name: &str| {
            request(method, json!({"_meta": {"progressToken": 1}, "name": name, "arguments": {"name": "x"}}))
        };
        for (name, member, own) in
            [("files_search", 1, "search"), ("git_a_b", 2, "a_b"), ("search", 0, "search"), ("svn_a", 0, "svn_a")]
        {
            assert_eq!(legacy(&named(name)), one(member, None, named(own)), "{name}");
            assert_eq!(modern(&named(name)), one(member, Some(own), named(own)), "{name}");
        }
    }
    let read = |uri: &str| request("resources/read", json!({"uri": uri}));
    assert_eq!(legacy(&read("files+file:///a")), one(1, None, read("file:///a")));
    assert_eq!(modern(&read("files+file:///a")), one(1, Some("file:///a"), read("file:///a")));
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let named = |uri: &str| request(method, json!({"uri": uri}));
        assert_eq!(legacy(&named("git+x:y")), one(2, None, named("x:y")));
        assert_eq!(modern(&named("git+x:y")), one(0, None, named("git+x:y")), "no method of 2026-07-28");
    }
}

#[test]
fn what_is_completed_goes_to_the_member_of_the_reference() {
    let complete = |kind: &str, key: &str, text: &str| {
        request(
            "completion/complete",
            json!({"ref": {"type": kind, key: text, "x": 1}, "argument": {"name": "a", "value": "b"}}),
        )
    };
    for plan in [legacy, modern] {
        let prompt = |name| complete("ref/prompt", "name", name);
        assert_eq!(plan(&prompt("files_review")), one(1, None, prompt("review")));
        assert_eq!(plan(&prompt("review")), one(0, None, prompt("review")));
        let template = |uri| complete("ref/resource", "uri", uri);
        assert_eq!(plan(&template("git+repo://{x}")), one(2, None, template("repo://{x}")));
        for odd in [
            complete("ref/tool", "name", "files_a"),
            complete("ref/prompt", "uri", "files+a"),
            request("completion/complete", json!({})),
        ] {
            assert_eq!(plan(&odd), one(0, None, odd.clone()), "its server says what is wrong");
        }
    }
}

#[test]
fn what_concerns_all_goes_to_all() {
    let meta = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}});
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        for said in [request(method, meta.clone()), request(method, json!({"cursor": null}))] {
            assert_eq!(legacy(&said), Planned::All(to(&[0, 1, 2], &said)));
            assert_eq!(modern(&said), Planned::All(to(&[0, 1, 2], &said)));
        }
    }
    for method in ["initialize", "ping", "logging/setLevel"] {
        let said = request(method, meta.clone());
        assert_eq!(legacy(&said), Planned::All(to(&[0, 1, 2], &said)));
        assert_eq!(modern(&said), one(0, None, said.clone()), "no method of 2026-07-28");
    }
    let discover = request("server/discover", meta);
    assert_eq!(modern(&discover), Planned::All(to(&[0, 1, 2], &discover)));
    assert_eq!(legacy(&discover), one(0, None, discover));
    for method in [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
    ] {
        let said = notification(method, json!({"requestId": 7}));
        assert_eq!(legacy(&said), Planned::All(to(&[0, 1, 2], &said)));
    }
}

#[test]
fn what_we_do_not_know_is_for_the_member_without_a_prefix() {
    for (lifecycle, status) in [(Lifecycle::Session, 200), (Lifecycle::Stateless, 404)] {
        for method in ["tasks/get", "tools/CALL", "notifications/initialized", "x"] {
            let said = request(method, json!({"name": "files_a", "uri": "files+a"}));
            assert_eq!(plan(lifecycle, MEMBERS, &said), one(0, None, said.clone()));
            assert_eq!(plan(lifecycle, &["files", "git"], &said), error(status, -32601, "Method not found", None));
        }
        let said = notification("notifications/x", json!({}));
        assert_eq!(plan(lifecycle, MEMBERS, &said), one(0, None, said.clone()));
        assert_eq!(plan(lifecycle, &["files", "git"], &said), Planned::Nothing);
    }
}

#[test]
fn what_nobody_has_is_not_found() {
    let prefixed = &["files", "git"];
    for (lifecycle, code) in [(Lifecycle::Session, -32002), (Lifecycle::Stateless, -32602)] {
        let said = request("tools/call", json!({"name": "search"}));
        assert_eq!(plan(lifecycle, prefixed, &said), error(200, -32602, "Unknown tool: search", None));
        let said = request("prompts/get", json!({"name": "review"}));
        assert_eq!(plan(lifecycle, prefixed, &said), error(200, -32602, "Unknown prompt: review", None));
        let said = request("completion/complete", json!({"ref": {"type": "ref/prompt", "name": "review"}}));
        assert_eq!(plan(lifecycle, prefixed, &said), error(200, -32602, "Unknown prompt: review", None));
        let data = Some(json!({"uri": "FILES+x:y"}));
        let said = request("resources/read", json!({"uri": "FILES+x:y"}));
        for labels in [&["files", "git"], &["files", ""]] {
            assert_eq!(plan(lifecycle, labels, &said), error(200, code, "Resource not found", data.clone()));
        }
        let said = request("completion/complete", json!({"ref": {"type": "ref/resource", "uri": "FILES+x:y"}}));
        assert_eq!(plan(lifecycle, prefixed, &said), error(200, code, "Resource not found", data));
    }
}

#[test]
fn what_does_not_say_what_it_means_goes_to_the_member_without_a_prefix_or_is_refused() {
    for (lifecycle, status) in [(Lifecycle::Session, 200), (Lifecycle::Stateless, 400)] {
        for method in ["tools/call", "prompts/get", "resources/read", "completion/complete"] {
            for params in [json!({}), json!({"name": 5, "uri": null, "ref": []})] {
                let said = request(method, params);
                assert_eq!(plan(lifecycle, MEMBERS, &said), one(0, None, said.clone()));
                let refused = error(status, -32602, "The params do not say what is meant", None);
                assert_eq!(plan(lifecycle, &["files"], &said), refused);
            }
        }
    }
    let said = request("subscriptions/listen", json!({"notifications": true}));
    assert_eq!(modern(&said), one(0, None, said.clone()));
}

#[test]
fn a_cursor_goes_on_with_the_members_that_it_names() {
    let federation = federation(Lifecycle::Stateless, MEMBERS);
    let positions = vec![(0, "p\u{e9}".to_owned()), (2, String::new())];
    let cursor = Cursor { is_private: true, positions }.text(&federation.naming);
    let said = |cursor: &str| request("tools/list", json!({"_meta": {}, "cursor": cursor}));
    let expected = vec![(0, None, None, said("p\u{e9}")), (2, None, None, said(""))];
    assert_eq!(planned(federation.plan(&message(&said(&cursor)), None)), Planned::All(expected));
    for cursor in [json!(""), json!("2"), json!(5), json!([]), json!("W10")] {
        let said = request("tools/list", json!({"cursor": cursor}));
        assert_eq!(modern(&said), error(200, -32602, "Invalid cursor", None));
    }
}

#[test]
fn a_subscription_is_split_by_what_members_have() {
    let listen = |filter: Value| request("subscriptions/listen", json!({"_meta": {"x": 1}, "notifications": filter}));
    let sent = |parts: &[(usize, Value)]| {
        Planned::StreamRequest(
            parts.iter().map(|(member, filter)| (*member, None, None, listen(filter.clone()))).collect(),
        )
    };
    let lists = json!({"toolsListChanged": true, "promptsListChanged": false});
    assert_eq!(modern(&listen(lists.clone())), sent(&[(0, lists.clone()), (1, lists.clone()), (2, lists.clone())]));
    let filter =
        json!({"toolsListChanged": true, "resourceSubscriptions": ["files+x:y", "x:y", "files+z:", "FILES+x:y"]});
    let with = |uris: Value| json!({"toolsListChanged": true, "resourceSubscriptions": uris});
    let expected = [(0, with(json!(["x:y"]))), (1, with(json!(["x:y", "z:"]))), (2, json!({"toolsListChanged": true}))];
    assert_eq!(modern(&listen(filter)), sent(&expected));
    let uris = |uris: Value| json!({"resourceSubscriptions": uris});
    assert_eq!(modern(&listen(uris(json!(["git+x:y"])))), sent(&[(2, uris(json!(["x:y"])))]));
    for nothing in [json!({}), uris(json!([])), uris(json!(["FILES+x:y"])), uris(json!("x:y"))] {
        assert_eq!(modern(&listen(nothing)), sent(&[(0, json!({})), (1, json!({})), (2, json!({}))]));
    }
    assert_eq!(legacy(&listen(lists.clone())), one(0, None, listen(lists)));
}

#[test]
fn the_clients_answers_go_to_the_member_that_asked() {
    let reply = |id: Value| json!({"jsonrpc": "2.0", "id": id, "result": {"action": "accept"}});
    assert_eq!(legacy(&reply(json!("files:5"))), one(1, None, reply(json!(5))));
    assert_eq!(legacy(&reply(json!(":\"5\""))), one(0, None, reply(json!("5"))));
    let refused = |id: Value| json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "no"}});
    assert_eq!(legacy(&refused(json!("git:5"))), one(2, None, refused(json!(5))));
    for id in [json!(5), json!("5"), json!("svn:5"), json!("files:")] {
        assert_eq!(legacy(&reply(id)), Planned::Nothing);
    }
    let progress =
        |token: Value| notification("notifications/progress", json!({"progressToken": token, "progress": 1.50}));
    assert_eq!(legacy(&progress(json!("files:5"))), one(1, None, progress(json!(5))));
    for token in [json!(5), json!("svn:5"), json!(null)] {
        assert_eq!(legacy(&progress(token)), Planned::Nothing);
    }
}

#[test]
fn each_member_gets_its_own_session_and_a_lost_one_nothing() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    let sessions = MemberSessions::begun(&federation.naming, vec![(0, Some("a".to_owned())), (1, None)]).unwrap();
    let plan = |said: &Value| planned(federation.plan(&message(said), Some(&sessions)));
    let list = request("tools/list", json!({}));
    let both =
        |said: &Value| Planned::All(vec![(0, Some("a".to_owned()), None, said.clone()), (1, None, None, said.clone())]);
    assert_eq!(plan(&list), both(&list));
    let initialized = notification("notifications/initialized", json!({}));
    assert_eq!(plan(&initialized), both(&initialized));
    let initialize = request("initialize", json!({}));
    assert_eq!(plan(&initialize), Planned::All(to(&[0, 1, 2], &initialize)), "a session that begins anew");
    let call = |name: &str| request("tools/call", json!({"name": name}));
    assert_eq!(plan(&call("search")), Planned::One(vec![(0, Some("a".to_owned()), None, call("search"))]));
    assert_eq!(plan(&call("files_search")), one(1, None, call("search")));
    let lost = "`git` of Everything did not answer when the session began; begin a new session";
    assert_eq!(plan(&call("git_log")), error(502, -32603, lost, None));
    let next = Cursor { is_private: false, positions: vec![(2, String::new())] }.text(&federation.naming);
    assert_eq!(plan(&request("tools/list", json!({"cursor": next}))), error(502, -32603, lost, None));
    assert_eq!(plan(&json!({"jsonrpc": "2.0", "id": "git:5", "result": {}})), Planned::Nothing);
    assert_eq!(federation.sessions(&sessions), [(0, "a")]);
    let read = federation.read_sessions(federation.entries(&sessions)).unwrap();
    assert!(read == sessions);
}

#[test]
fn a_member_with_a_prefix_is_asked_for_no_tasks() {
    let call = |name: &str| request("tools/call", json!({"name": name, "task": {"ttl": 5}}));
    assert_eq!(legacy(&call("search")), one(0, None, call("search")));
    assert_eq!(legacy(&call("git_log")), one(2, None, request("tools/call", json!({"name": "log"}))));
    let with = |extensions: Value, name: &str| {
        let capabilities = json!({"sampling": {}, "extensions": extensions});
        request(
            "tools/call",
            json!({"name": name, "_meta": {"a": 1, "io.modelcontextprotocol/clientCapabilities": capabilities}}),
        )
    };
    let both = || json!({"io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {}});
    assert_eq!(modern(&with(both(), "search")), one(0, Some("search"), with(both(), "search")));
    let ui = || json!({"io.modelcontextprotocol/ui": {}});
    assert_eq!(modern(&with(both(), "git_log")), one(2, Some("log"), with(ui(), "log")));
}

#[test]
fn numbers_and_unknown_members_pass_as_they_came() {
    let text = r#"{"jsonrpc":"2.0","id":12345678901234567,"method":"tools/call","params":{"name":"files_a","arguments":{"n":1.0000000000000000001e2}},"x":[ 1 ]}"#;
    let gatehouse_mcp_wire::json_rpc::Body::Single(said) =
        gatehouse_mcp_wire::json_rpc::Body::parse(text.as_bytes(), 64).unwrap()
    else {
        panic!("a batch")
    };
    match federation(Lifecycle::Session, MEMBERS).plan(&said, None) {
        Plan::ToOne { request, .. } => assert_eq!(request.message.to_string(), text.replace("files_a", "a")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_member_gets_its_own_name_in_the_header_encoded_where_it_must_be() {
    let call = |name: &str| request("tools/call", json!({"name": name}));
    assert_eq!(modern(&call("git_\u{e9}")), one(2, Some("=?base64?w6k=?="), call("\u{e9}")));
    let read = |uri: &str| request("resources/read", json!({"uri": uri}));
    assert_eq!(modern(&read("git+x: ")), one(2, Some("=?base64?eDog?="), read("x: ")));
    assert_eq!(legacy(&call("git_log")), one(2, None, call("log")));
}

proptest! {
    #[test]
    fn a_call_reaches_the_member_that_listed_the_name(labels in labels(), name in names()) {
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        let federation = federation(Lifecycle::Stateless, &labels);
        for member in 0..labels.len() {
            let listed = [
                ("tools/call", "name", federation.naming.name_outward(member, &name)),
                ("resources/read", "uri", federation.naming.uri_outward(member, &name)),
            ];
            for (method, key, outward) in listed {
                let Some(outward) = outward else { continue };
                match federation.plan(&message(&request(method, json!({key: outward}))), None) {
                    Plan::ToOne { request: sent, .. } => {
                        prop_assert_eq!(sent.member, member);
                        prop_assert_eq!(value(&sent.message), request(method, json!({key: name.as_str()})));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    #[test]
    fn a_made_up_cursor_reaches_only_members_that_it_names_with_what_it_says(
        json in r#"\[(true|false|1),\[(\["(git|files|svn)?","[a-z]{0,3}"\],){0,2}\["(git|files)?","x"\]\]\]"#,
        noise in "[A-Za-z0-9_-]{0,40}",
    ) {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        for cursor in [URL_SAFE_NO_PAD.encode(&json), noise] {
            let said = request("resources/list", json!({"cursor": cursor}));
            match federation(Lifecycle::Stateless, MEMBERS).plan(&message(&said), None) {
                Plan::ToAll { requests, .. } => {
                    let entries: Value = serde_json::from_str(&json).unwrap();
                    let sent: Vec<_> = requests
                        .iter()
                        .map(|request| json!([MEMBERS[request.member], request.message.call().unwrap().param("cursor")]))
                        .collect();
                    prop_assert_eq!(&json!(sent), &entries[1]);
                }
                Plan::Answer { status: 200, .. } => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn whatever_a_client_says_is_planned(method in "[a-z/]{0,12}|(tools|prompts|resources)/(call|list|get|read)|completion/complete|subscriptions/listen", name in names(), kind in "ref/(prompt|resource)", has_id: bool) {
        let params = json!({"name": name, "uri": name, "cursor": name, "ref": {"type": kind, "name": name, "uri": name}, "notifications": {"resourceSubscriptions": [name]}});
        let mut said = notification(&method, params);
        if has_id {
            said["id"] = json!(name);
        }
        for lifecycle in [Lifecycle::Session, Lifecycle::Stateless] {
            for labels in [MEMBERS, &["a", "b"]] {
                let federation = federation(lifecycle, labels);
                let is_bounded = match federation.plan(&message(&said), None) {
                    Plan::ToOne { request, .. } => request.member < labels.len(),
                    Plan::ToAll { requests, .. } | Plan::Subscribe { requests, .. } => !requests.is_empty() && requests.len() <= labels.len(),
                    Plan::Answer { reply, .. } => has_id && reply.id == Some(Id::Text(name.clone())),
                    Plan::Accept => !has_id,
                };
                prop_assert!(is_bounded);
            }
        }
    }
}

/// docs/cases.md, S14: a `tools/call` without an id went to the member without a prefix, under the name that the
/// policy allows to another one.
#[test]
fn a_request_without_an_id_reaches_no_member() {
    for method in
        ["tools/call", "Tools/Call", "tools/call ", "resources/read", "tools/list", "tasks/cancel", "initialize"]
    {
        let said = notification(method, json!({"name": "git_log", "uri": "git+file:///a", "arguments": {}}));
        assert_eq!(legacy(&said), Planned::Nothing, "{method}");
        assert_eq!(modern(&said), Planned::Nothing, "{method}");
    }
}

proptest! {
    /// Whatever a member gets without an id is a notification by its name, or by a name that no version of MCP has.
    #[test]
    fn no_message_that_could_be_a_request_is_forwarded_as_a_notification(
        method in "(tools|prompts|resources|tasks|notifications|Tools)/(call|list|get|read|cancelled|x)|initialize|ping|[a-z]{1,4}",
        is_modern in any::<bool>(),
        is_request in any::<bool>(),
    ) {
        let params = json!({"name": "git_log", "uri": "git+file:///a", "requestId": 7});
        let said = if is_request { request(&method, params) } else { notification(&method, params) };
        let sent = match if is_modern { modern(&said) } else { legacy(&said) } {
            Planned::One(sent) | Planned::All(sent) | Planned::StreamRequest(sent) => sent,
            Planned::Answer(..) | Planned::Nothing => Vec::new(),
        };
        for (_, _, _, body) in sent {
            let method = body["method"].as_str().unwrap();
            prop_assert_eq!(body.get("id").is_some(), is_request);
            let is_misspelt = gatehouse_mcp_wire::json_rpc::is_misspelt_request(method);
            prop_assert!(is_request || !gatehouse_mcp_wire::json_rpc::is_request(method) && !is_misspelt, "{}", method);
        }
    }
}
