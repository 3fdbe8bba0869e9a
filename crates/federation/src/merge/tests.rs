use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Plan;
use crate::example::{federation, message, reply, value};

const MEMBERS: &[&str] = &["", "files", "git"];

fn merge(lifecycle: Lifecycle, labels: &[&str], method: &str, params: Value) -> Merge {
    let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    match federation(lifecycle, labels).plan(&message(&request), None) {
        Plan::ToAll { merge, .. } => merge,
        other => panic!("{other:?}"),
    }
}

fn result(result: Value) -> MemberOutcome {
    answered(200, None, json!({"jsonrpc": "2.0", "id": 7, "result": result}))
}

fn error(status: u16, code: i64, data: Value) -> MemberOutcome {
    let error = json!({"code": code, "message": format!("{status}"), "data": data});
    answered(status, None, json!({"jsonrpc": "2.0", "id": 7, "error": error}))
}

fn not_found() -> MemberOutcome {
    error(404, -32601, json!(null))
}

fn answered(status: u16, session: Option<&str>, body: Value) -> MemberOutcome {
    MemberOutcome::Answer { status, session: session.map(str::to_owned), reply: reply(&body) }
}

fn failed() -> MemberOutcome {
    MemberOutcome::Failed(FailureReason::DidNotAnswer)
}

fn finish(merge: Merge, outcomes: Vec<MemberOutcome>) -> MergedAnswer {
    // In whatever order they come.
    merge.finish(outcomes.into_iter().enumerate().rev().collect())
}

/// The result, where there is one.
fn finished(merge: Merge, outcomes: Vec<MemberOutcome>) -> Value {
    match finish(merge, outcomes) {
        MergedAnswer::Answer { status: 200, reply, .. } => {
            assert_eq!(reply.id, Some(7.into()));
            value(&reply)["result"].clone()
        }
        other => panic!("{other:?}"),
    }
}

/// Status, code and data of the error.
fn refused(merge: Merge, outcomes: Vec<MemberOutcome>) -> (u16, i64, Value) {
    match finish(merge, outcomes) {
        MergedAnswer::Answer { status, reply, sessions: None } => {
            assert_eq!(reply.id, Some(7.into()));
            let error = value(&reply)["error"].clone();
            (status, error["code"].as_i64().unwrap(), error["data"].clone())
        }
        other => panic!("{other:?}"),
    }
}

fn unavailable(entries: &[(&str, &str)]) -> Value {
    let entry = |(member, reason): &(&str, &str)| json!({"member": member, "reason": reason});
    json!({"gatehouse/unavailable": entries.iter().map(entry).collect::<Value>()})
}

fn initialize(version: &str, capabilities: Value, instructions: Option<&str>) -> Value {
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "serverInfo": {"name": "member", "version": "9"},
    });
    if let Some(instructions) = instructions {
        result["instructions"] = json!(instructions);
    }
    result
}

fn gatehouse() -> Value {
    json!({"name": "Everything", "version": env!("CARGO_PKG_VERSION")})
}

#[test]
fn a_federation_introduces_itself_with_the_oldest_version_and_all_capabilities() {
    let merged = finished(
        merge(Lifecycle::Session, MEMBERS, "initialize", json!({})),
        vec![
            result(initialize("2025-11-25", json!({"tools": {}, "logging": {}}), Some("Be kind."))),
            result(initialize("2025-06-18", json!({"resources": {"subscribe": true}}), Some("Read."))),
            result(initialize("2025-11-25", json!({"tools": {"listChanged": true}}), None)),
        ],
    );
    let expected = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {"listChanged": true}, "logging": {}, "resources": {"subscribe": true}},
        "serverInfo": gatehouse(),
        "instructions": "Be kind.\n\nAbout the names that begin with `files_` or `files+`:\n\nRead.",
    });
    assert_eq!(merged, expected);
}

#[test]
fn a_member_that_does_not_introduce_itself_is_shown_and_has_no_session() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    for (outcome, reason) in [
        (failed(), "did not answer"),
        (MemberOutcome::Failed(FailureReason::TooLate), "did not answer in time"),
        (not_found(), "answered with an error"),
        (error(400, -32022, json!({})), "answered with an error"),
        (result(json!({})), "answered with something else than was asked for"),
        (result(initialize("2026-07-28", json!({}), None)), "answered with something else than was asked for"),
        (result(initialize("0000", json!({}), None)), "answered with something else than was asked for"),
        (
            answered(200, None, json!({"jsonrpc": "2.0", "id": 8, "result": {}})),
            "answered with something else than was asked for",
        ),
        (MemberOutcome::Accepted, "answered with something else than was asked for"),
    ] {
        let introduction = initialize("2025-11-25", json!({}), None);
        let first = answered(200, Some("s1"), json!({"jsonrpc": "2.0", "id": 7, "result": introduction}));
        let merge = merge(Lifecycle::Session, MEMBERS, "initialize", json!({}));
        match finish(merge, vec![first, outcome, result(introduction)]) {
            MergedAnswer::Answer { status: 200, reply, sessions: Some(sessions) } => {
                assert_eq!(value(&reply)["result"]["_meta"], unavailable(&[("files", reason)]));
                assert_eq!(federation.entries(&sessions), [Some(":s1".to_owned()), None, Some("git:".to_owned())]);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn discovery_can_need_every_member_that_answers() {
    let introduction =
        json!({"supportedVersions": ["2026-07-28"], "capabilities": {}, "serverInfo": {"name": "a", "version": "1"}});
    let introduced = || result(introduction.clone());
    let merge = |needs_all| {
        let mut merge = merge(Lifecycle::Stateless, MEMBERS, "server/discover", json!({}));
        merge.common.discover_needs_all = needs_all;
        merge
    };
    for lacks in [not_found(), error(400, -32000, json!("m")), MemberOutcome::Failed(FailureReason::Refused)] {
        let refused = refused(merge(true), vec![introduced(), lacks, introduced()]);
        assert_eq!(refused, (404, -32601, json!(null)));
    }
    for (needs_all, second) in [(false, not_found()), (true, failed()), (true, introduced())] {
        let found = finish(merge(needs_all), vec![introduced(), second, introduced()]);
        assert!(matches!(found, MergedAnswer::Answer { status: 200, .. }), "{found:?}");
    }
}

#[test]
fn where_no_member_introduces_itself_the_client_gets_an_error() {
    for (method, lifecycle) in [("initialize", Lifecycle::Session), ("server/discover", Lifecycle::Stateless)] {
        let introduce = || merge(lifecycle, MEMBERS, method, json!({}));
        assert!(matches!(finish(introduce(), vec![failed(), failed(), failed()]), MergedAnswer::Failed { .. }));
        let late = || MemberOutcome::Failed(FailureReason::TooLate);
        match finish(introduce(), vec![late(), failed(), MemberOutcome::Failed(FailureReason::Unauthorized)]) {
            MergedAnswer::Failed { members } => assert_eq!(
                members,
                [
                    (String::new(), FailureReason::TooLate),
                    ("files".to_owned(), FailureReason::DidNotAnswer),
                    ("git".to_owned(), FailureReason::Unauthorized)
                ]
            ),
            other => panic!("{other:?}"),
        }
        assert!(matches!(finish(introduce(), vec![]), MergedAnswer::Failed { .. }));
        assert_eq!(refused(introduce(), vec![failed(), not_found(), failed()]), (404, -32601, json!(null)));
        let bad = || error(400, -32602, json!("m"));
        assert_eq!(refused(introduce(), vec![not_found(), bad(), bad()]), (400, -32602, json!("m")));
    }
}

fn discover(versions: &[&str], ttl: u64, scope: &str) -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": versions,
        "capabilities": {"tools": {}},
        "instructions": "Read.",
        "ttlMs": ttl,
        "cacheScope": scope,
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "member", "version": "9"}},
    })
}

#[test]
fn a_federation_is_discovered_with_the_versions_that_all_members_speak() {
    let labels = &["git", "files"];
    let discovery = || {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
        merge(Lifecycle::Stateless, labels, "server/discover", json!({"_meta": meta}))
    };
    let first = || discover(&["2026-07-28", "2025-11-25", "2025-06-18"], 500, "public");
    let merged =
        finished(discovery(), vec![result(first()), result(discover(&["2025-06-18", "2026-07-28"], 300, "private"))]);
    let expected = json!({
        "resultType": "complete",
        "supportedVersions": ["2026-07-28", "2025-06-18"],
        "capabilities": {"tools": {}},
        "instructions": "About the names that begin with `git_` or `git+`:\n\nRead.\n\n\
                         About the names that begin with `files_` or `files+`:\n\nRead.",
        "ttlMs": 300,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": gatehouse()},
    });
    assert_eq!(merged, expected);
    let merged = finished(discovery(), vec![result(first()), result(discover(&["x"], 1, "public"))]);
    assert_eq!(merged["supportedVersions"], json!(["2026-07-28"]), "all of them understood the question");
    let merged = finished(discovery(), vec![result(first()), failed()]);
    assert_eq!((&merged["ttlMs"], &merged["cacheScope"]), (&json!(0), &json!("public")));
    assert_eq!(merged["_meta"]["gatehouse/unavailable"], json!([{"member": "files", "reason": "did not answer"}]));
}

#[test]
fn versions_that_are_refused_are_those_that_all_members_lack() {
    let unsupported = |supported: Value| error(400, -32022, json!({"supported": supported, "requested": "1900-01-01"}));
    let listing = || merge(Lifecycle::Stateless, MEMBERS, "tools/list", json!({}));
    let outcomes = vec![
        unsupported(json!(["2026-07-28", "2025-11-25"])),
        unsupported(json!(["2025-06-18", "2026-07-28"])),
        unsupported(json!(["2026-07-28"])),
    ];
    let expected = json!({"supported": ["2026-07-28"], "requested": "1900-01-01"});
    assert_eq!(refused(listing(), outcomes), (400, -32022, expected));
    let outcomes = vec![unsupported(json!(["2026-07-28", "x"])), failed(), not_found()];
    let expected = json!({"supported": ["2026-07-28", "x"], "requested": "1900-01-01"});
    assert_eq!(refused(listing(), outcomes), (400, -32022, expected));
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| json!({"name": name, "inputSchema": {"type": "object"}});
    json!({"tools": names.iter().map(tool).collect::<Value>(), "_meta": {"x": 1, "gatehouse/unavailable": []}})
}

#[test]
fn a_listing_shows_who_is_missing_and_loses_nothing_else() {
    let listing = |lifecycle| merge(lifecycle, MEMBERS, "tools/list", json!({}));
    let all = vec![result(tools(&["a"])), result(tools(&["b"])), result(tools(&["a"]))];
    let merged = finished(listing(Lifecycle::Session), all);
    assert_eq!(merged, json!({"tools": tools(&["a", "files_b", "git_a"])["tools"]}));

    let one = vec![result(tools(&["a"])), failed(), result(tools(&["b"]))];
    let merged = finished(listing(Lifecycle::Session), one);
    let missing = unavailable(&[("files", "did not answer")]);
    assert_eq!(merged, json!({"tools": tools(&["a", "git_b"])["tools"], "_meta": missing}));

    let several = vec![error(500, -32603, json!(1)), result(json!({"tools": 5})), result(tools(&["b"]))];
    let merged = finished(listing(Lifecycle::Stateless), several);
    let mut missing =
        unavailable(&[("", "answered with an error"), ("files", "answered with something else than was asked for")]);
    missing["io.modelcontextprotocol/serverInfo"] = gatehouse();
    let expected = json!({"resultType": "complete", "tools": tools(&["git_b"])["tools"], "ttlMs": 0, "cacheScope": "private", "_meta": missing});
    assert_eq!(merged, expected);

    let all = vec![failed(), failed(), MemberOutcome::Failed(FailureReason::Refused)];
    assert!(matches!(finish(listing(Lifecycle::Stateless), all), MergedAnswer::Failed { .. }));
}

#[test]
fn a_member_without_such_a_list_is_not_missed() {
    let listing = |lifecycle| merge(lifecycle, MEMBERS, "tools/list", json!({}));
    let merged = finished(listing(Lifecycle::Session), vec![not_found(), result(tools(&["b"])), not_found()]);
    assert_eq!(merged, json!({"tools": tools(&["files_b"])["tools"]}));
    let none = vec![not_found(), not_found(), not_found()];
    assert_eq!(refused(listing(Lifecycle::Stateless), none), (404, -32601, json!(null)));
    let merged = finished(listing(Lifecycle::Session), vec![not_found(), not_found(), failed()]);
    assert_eq!(merged, json!({"tools": [], "_meta": unavailable(&[("git", "did not answer")])}));
}

#[test]
fn where_members_only_refuse_the_client_hears_the_one_that_stands_alone() {
    let listing = |labels| merge(Lifecycle::Stateless, labels, "tools/list", json!({}));
    let outcomes = || vec![error(400, -32602, json!(0)), error(400, -32603, json!(1)), not_found()];
    assert_eq!(refused(listing(MEMBERS), outcomes()), (400, -32602, json!(0)));
    assert_eq!(refused(listing(&["files", "", "git"]), outcomes()), (400, -32603, json!(1)));
    assert_eq!(refused(listing(&["files", "git", ""]), outcomes()), (400, -32602, json!(0)));
    let without_id =
        answered(400, None, json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "m"}}));
    assert_eq!(refused(listing(MEMBERS), vec![failed(), without_id, failed()]).1, -32000);
}

#[test]
fn no_member_answers_the_client_in_our_place() {
    let listing = || merge(Lifecycle::Session, MEMBERS, "tools/list", json!({}));
    for status in [401, 403, 429, 500, 503] {
        let refusal = || error(status, -32000, json!(null));
        assert!(matches!(finish(listing(), vec![refusal(), failed(), refusal()]), MergedAnswer::Failed { .. }));
        let merged = finished(listing(), vec![result(tools(&["a"])), refusal(), not_found()]);
        assert_eq!(merged["_meta"], unavailable(&[("files", "answered with an error")]));
    }
}

#[test]
fn ping_and_log_levels_are_answered_once() {
    for method in ["ping", "logging/setLevel"] {
        let empty = || merge(Lifecycle::Session, MEMBERS, method, json!({"level": "info"}));
        assert_eq!(finished(empty(), vec![result(json!({})), result(json!({"x": 1})), not_found()]), json!({}));
        let merged = finished(empty(), vec![result(json!({})), failed(), not_found()]);
        assert_eq!(merged, json!({"_meta": unavailable(&[("files", "did not answer")])}));
        let bad = error(200, -32602, json!(1));
        assert_eq!(refused(empty(), vec![not_found(), bad, not_found()]), (200, -32602, json!(1)));
    }
}

#[test]
fn a_session_that_one_member_forgot_is_forgotten() {
    for method in ["ping", "tools/list"] {
        let outcomes = vec![result(json!({"tools": []})), MemberOutcome::SessionLost, failed()];
        assert!(matches!(
            finish(merge(Lifecycle::Session, MEMBERS, method, json!({})), outcomes),
            MergedAnswer::SessionLost
        ));
    }
}

#[test]
fn a_notification_is_taken_when_one_member_takes_it() {
    let notified = |outcomes| {
        let said = message(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        match federation(Lifecycle::Session, MEMBERS).plan(&said, None) {
            Plan::ToAll { merge, .. } => finish(merge, outcomes),
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(notified(vec![MemberOutcome::Accepted, failed(), failed()]), MergedAnswer::Accepted));
    assert!(matches!(notified(vec![failed(), failed(), failed()]), MergedAnswer::Failed { .. }));
    assert!(matches!(
        notified(vec![MemberOutcome::Accepted, MemberOutcome::SessionLost, failed()]),
        MergedAnswer::SessionLost
    ));
    let refusal =
        || answered(400, None, json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "m"}}));
    assert!(matches!(notified(vec![failed(), refusal(), failed()]), MergedAnswer::Answer { status: 400, .. }));
    assert!(matches!(notified(vec![MemberOutcome::Accepted, refusal(), failed()]), MergedAnswer::Accepted));
}

#[test]
fn members_that_lost_their_session_are_shown() {
    let federation = federation(Lifecycle::Session, MEMBERS);
    let sessions = MemberSessions::begun(&federation.naming, vec![(0, Some("a".to_owned())), (1, None)]).unwrap();
    let said = message(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}));
    match federation.plan(&said, Some(&sessions)) {
        Plan::ToAll { merge, .. } => {
            let merged = finished(merge, vec![result(tools(&["a"])), result(tools(&["b"]))]);
            assert_eq!(merged["_meta"], unavailable(&[("git", "did not answer when the session began")]));
        }
        other => panic!("{other:?}"),
    }
}

/// A member: its tools, and how many of them are on a page.
#[derive(Clone, Debug)]
struct Paging {
    names: Vec<String>,
    size: usize,
    scope: &'static str,
}

impl Paging {
    fn page(&self, cursor: Option<&str>) -> MemberOutcome {
        // Its own cursors, which may be empty.
        let start = cursor.map_or(0, |cursor| if cursor.is_empty() { self.size } else { cursor.parse().unwrap() });
        let end = (start + self.size).min(self.names.len());
        let names: Vec<_> = self.names[start..end].iter().map(String::as_str).collect();
        let mut page = tools(&names);
        page["ttlMs"] = json!(5);
        page["cacheScope"] = json!(self.scope);
        if end < self.names.len() {
            page["nextCursor"] = json!(if end == self.size { String::new() } else { end.to_string() });
        }
        result(page)
    }
}

fn paging() -> impl Strategy<Value = Paging> {
    let scope = prop_oneof![Just("public"), Just("private")];
    (0usize..12, 1usize..5, scope).prop_map(|(count, size, scope)| Paging {
        names: (0..count).map(|index| format!("t{index}")).collect(),
        size,
        scope,
    })
}

/// All pages, as a client lists them.
fn pages(federation: &crate::Federation, members: &[Paging]) -> Vec<Value> {
    let (mut pages, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let params = cursor.as_ref().map_or(json!({}), |cursor| json!({"cursor": cursor}));
        let said = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": params});
        let Plan::ToAll { requests, merge } = federation.plan(&message(&said), None) else { panic!("{cursor:?}") };
        let answer = |request: crate::MemberRequest| {
            let own = request.message.call().unwrap().param("cursor");
            (request.member, members[request.member].page(own.as_deref()))
        };
        let MergedAnswer::Answer { reply, .. } = merge.finish(requests.into_iter().map(answer).collect()) else {
            panic!()
        };
        let page = value(&reply)["result"].clone();
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        pages.push(page);
        if cursor.is_none() {
            return pages;
        }
    }
}

proptest! {
    #[test]
    fn every_item_of_every_member_is_on_exactly_one_page(members in proptest::collection::vec(paging(), 3)) {
        for lifecycle in [Lifecycle::Session, Lifecycle::Stateless] {
            let federation = federation(lifecycle, MEMBERS);
            let pages = pages(&federation, &members);
            let mut listed: Vec<_> = pages
                .iter()
                .flat_map(|page| page["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()))
                .collect();
            let mut expected: Vec<_> = members
                .iter()
                .enumerate()
                .flat_map(|(member, paging)| paging.names.iter().map(move |name| (member, name)))
                .map(|(member, name)| federation.naming.name_outward(member, name).unwrap())
                .collect();
            listed.sort();
            expected.sort();
            prop_assert_eq!(listed, expected);
            let scopes: std::collections::HashSet<_> = pages.iter().map(|page| page["cacheScope"].to_string()).collect();
            prop_assert_eq!(scopes.len(), 1, "all pages say the same");
        }
    }

    #[test]
    fn what_a_member_says_is_listed_under_its_own_prefix_only(
        names in proptest::collection::vec("(files|git|x)?[_+]?[a-z]{0,2}", 0..8),
        method in prop_oneof![Just("tools/list"), Just("prompts/list"), Just("resources/list"), Just("resources/templates/list")],
    ) {
        for hostile in 0..3 {
            let listing = merge(Lifecycle::Stateless, MEMBERS, method, json!({}));
            let items: Value = names.iter().map(|name| json!({"name": name, "uri": name, "uriTemplate": name})).collect();
            let said = || result(json!({"tools": items, "prompts": items, "resources": items, "resourceTemplates": items, "_meta": {"gatehouse/unavailable": [{"member": "git"}]}}));
            let outcomes = (0..3).map(|member| if member == hostile { said() } else { failed() }).collect();
            let merged = finished(listing, outcomes);
            let naming = federation(Lifecycle::Stateless, MEMBERS).naming;
            let (list, key) = match method {
                "tools/list" => ("tools", "name"),
                "prompts/list" => ("prompts", "name"),
                "resources/list" => ("resources", "uri"),
                _ => ("resourceTemplates", "uriTemplate"),
            };
            for item in merged[list].as_array().unwrap() {
                let name = item[key].as_str().unwrap();
                let name_owner = naming.name_inward(name).map(|(owner, _)| owner);
                let owner = if key == "name" { name_owner } else { naming.uri_inward(name).map(|(owner, _)| owner) };
                prop_assert_eq!(owner.unwrap(), hostile);
            }
            prop_assert_eq!(merged["_meta"]["gatehouse/unavailable"].as_array().unwrap().len(), 2);
        }
    }
}
