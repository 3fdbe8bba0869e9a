//! What comes of the lines and events of whole requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

const KEY: RequestKey = RequestKey([7; 16]);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn telemetry(ratio: Option<f64>) -> Telemetry {
    let telemetry = Telemetry::new(Moment(0), "1.2.3", ratio.map(|ratio| TraceOptions { ratio }));
    let peers = BTreeMap::from([(("files.internal".to_owned(), 80), Peer::Server)]);
    let tools = [("/mcp".to_owned(), vec!["echo".to_owned()])];
    telemetry.know(Names::new(["/mcp".to_owned(), "/token".to_owned()], peers, tools));
    telemetry
}

fn line(telemetry: &Telemetry, now: u64, mut line: Value) {
    if line.get("component").is_none() {
        line["component"] = json!("gateway");
        line["route"] = json!("/mcp");
    }
    telemetry.guest_wrote(KEY, Moment(now), &line.to_string());
}

fn end(telemetry: &Telemetry, path: &str, status: Option<u16>, now: u64) {
    telemetry.request_ended(KEY, &EndedRequest { method: "POST", path, status, ended: Moment(now) });
}

/// The lines of a metric that have a value other than 0, without the histograms' buckets.
fn lines(telemetry: &Telemetry, name: &str) -> Vec<String> {
    let text = telemetry.exposition(&Process::default());
    let of_name = text.lines().filter(|line| line.starts_with(name) && !line.contains("_bucket{"));
    of_name.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect()
}

fn call(tool: &str) -> Value {
    json!({ "event": "begun", "decision": "allowed", "rpc_method": "tools/call", "tool": tool })
}

#[test]
fn a_call_is_counted_once_with_its_decision_its_status_and_its_time() {
    let telemetry = telemetry(None);
    telemetry.request_began(KEY, Moment(0), None);
    line(&telemetry, 1, call("echo"));
    line(
        &telemetry,
        2,
        json!({ "event": "forwarded", "decision": "allowed", "rpc_method": "tools/call", "tool": "echo" }),
    );
    end(&telemetry, "/mcp", Some(200), 2_000_000_000);
    let labels = "http_route=\"/mcp\",mcp_method_name=\"tools/call\",gen_ai_tool_name=\"echo\"";
    assert_eq!(
        lines(&telemetry, "gatehouse_requests_total"),
        [format!(
            "gatehouse_requests_total{{{labels},gatehouse_decision=\"allowed\",http_response_status_code=\"200\"}} 1"
        )]
    );
    assert_eq!(
        lines(&telemetry, "mcp_server_operation_duration_seconds"),
        [
            format!("mcp_server_operation_duration_seconds_sum{{{labels}}} 2"),
            format!("mcp_server_operation_duration_seconds_count{{{labels}}} 1"),
        ]
    );
    assert_eq!(lines(&telemetry, "http_server_active_requests"), Vec::<String>::new());
}

#[test]
fn each_message_of_a_batch_counts_and_a_refusal_after_the_beginning_is_the_last_word() {
    let telemetry = telemetry(None);
    telemetry.request_began(KEY, Moment(0), None);
    let batch =
        json!({ "event": "begun", "decision": "allowed", "messages": 3, "further": ["tools/call echo", "ping"] });
    line(&telemetry, 1, batch);
    line(&telemetry, 1, call("echo"));
    line(&telemetry, 2, json!({ "event": "refused", "decision": "refused", "messages": 3, "status": 502 }));
    end(&telemetry, "/mcp", Some(502), 3);
    let counted = lines(&telemetry, "gatehouse_requests_total");
    assert_eq!(counted.len(), 2, "{counted:?}");
    assert!(counted.iter().all(|line| line.contains("gatehouse_decision=\"refused\"")), "{counted:?}");
    assert!(
        counted.iter().any(|line| line.contains("gen_ai_tool_name=\"echo\"") && line.ends_with(" 2")),
        "{counted:?}"
    );
}

#[test]
fn who_invents_ten_thousand_names_makes_no_series() {
    let telemetry = telemetry(None);
    for number in 0..10_000 {
        telemetry.request_began(KEY, Moment(0), None);
        line(&telemetry, 1, call(&format!("tool-{number}")));
        line(&telemetry, 1, json!({ "event": "begun", "rpc_method": format!("alice/{number}") }));
        line(&telemetry, 1, json!({ "event": "begun", "route": format!("/r{number}"), "rpc_method": "ping" }));
        end(&telemetry, &format!("/path-{number}"), Some(200), 2);
    }
    let text = telemetry.exposition(&Process::default());
    assert!(text.lines().count() < 300, "{}", text.lines().count());
    assert!(text.contains("gen_ai_tool_name=\"other\"") && text.contains("http_route=\"other\""), "{text}");
    assert!(!text.contains("alice"));
}

#[test]
fn a_listing_tells_the_tools_of_its_route() {
    let telemetry = telemetry(None);
    telemetry.request_began(KEY, Moment(0), None);
    assert_eq!(telemetry.lists_tools_of(KEY), None);
    line(&telemetry, 1, json!({ "event": "begun", "rpc_method": "tools/list" }));
    assert_eq!(telemetry.lists_tools_of(KEY).as_deref(), Some("/mcp"));
    telemetry.learn_tools("/mcp", br#"{"result":{"tools":[{"name":"write"}]}}"#);
    line(&telemetry, 1, call("write"));
    assert_eq!(telemetry.lists_tools_of(KEY), None, "it does more");
    end(&telemetry, "/mcp", Some(200), 2);
    assert_eq!(lines(&telemetry, "gatehouse_requests_total").len(), 2);
    assert!(lines(&telemetry, "gatehouse_requests_total").iter().any(|line| line.contains("\"write\"")));
}

#[test]
fn the_authorization_server_s_decisions_and_tokens_are_counted() {
    let telemetry = telemetry(None);
    telemetry.request_began(KEY, Moment(0), None);
    let of_server = |event, decision, token: Option<&str>| {
        let (component, action) = ("authorization-server", "token");
        json!({ "component": component, "action": action, "event": event, "decision": decision, "token": token })
    };
    line(&telemetry, 1, of_server("begun", "allowed", None));
    line(&telemetry, 1, of_server("completed", "allowed", Some("refreshed")));
    line(&telemetry, 1, of_server("refused", "refused", Some("reused")));
    line(&telemetry, 1, of_server("refused", "refused", Some("alice")));
    end(&telemetry, "/token", Some(429), 2);
    let name = "gatehouse_authorization_decisions_total";
    assert_eq!(
        lines(&telemetry, name),
        [
            format!("{name}{{gatehouse_action=\"token\",gatehouse_decision=\"allowed\"}} 1"),
            format!("{name}{{gatehouse_action=\"token\",gatehouse_decision=\"refused\"}} 2"),
        ]
    );
    let tokens = lines(&telemetry, "gatehouse_tokens_total");
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    assert!(tokens.iter().all(|line| line.contains("refreshed") || line.contains("reused")), "{tokens:?}");
    assert_eq!(lines(&telemetry, "gatehouse_limits_reached_total").len(), 1);
}

#[test]
fn what_a_limit_of_the_host_refuses_counts_once() {
    let telemetry = telemetry(None);
    telemetry.request_began(KEY, Moment(0), None);
    telemetry.noticed(Some(KEY), Severity::Warning, Some("credential-share"));
    end(&telemetry, "/mcp", Some(429), 2);
    let limits = lines(&telemetry, "gatehouse_limits_reached_total");
    assert_eq!(limits, ["gatehouse_limits_reached_total{gatehouse_limit=\"credential-share\"} 1"]);
}

fn traced(parent: Option<&str>, meta: Option<&str>) -> Vec<Span> {
    let telemetry = telemetry(Some(1.0));
    telemetry.request_began(KEY, Moment(100), parent);
    let get = StoreCall { system: "sqlite", operation: "get", began: Moment(110), ended: Moment(120), error: None };
    telemetry.store_called(KEY, &get);
    let mut begun = call("alice");
    begun["traceparent"] = json!(meta);
    begun["trace_id"] = json!("c".repeat(32));
    begun["rule"] = json!("readers");
    begun["subject"] = json!("demo:alice");
    line(&telemetry, 130, begun);
    let traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01");
    let (method, host, status) = ("POST", "files.internal", Some(200));
    let (began, ended) = (Moment(140), Moment(150));
    telemetry.exchanged(KEY, &Exchange { method, host, port: 80, traceparent, began, ended, status, error: None });
    line(&telemetry, 160, json!({ "event": "forwarded", "decision": "allowed", "rpc_method": "tools/call" }));
    end(&telemetry, "/mcp", Some(200), 200);
    telemetry.take_spans(100)
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    span.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_ref())
}

#[test]
fn a_request_is_one_tree_of_spans_in_the_callers_trace() {
    for (parent, meta) in [(Some(PARENT), None), (None, Some(PARENT))] {
        let spans = traced(parent, meta);
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (root, decide, forward) = (named("tools/call other"), named("decide"), named("forward"));
        let (store, server) = (named("store get"), named("POST server"));
        assert_eq!(spans.len(), 5);
        assert!(spans.iter().all(|span| gatehouse_audit_log::hexadecimal(&span.trace_id) == TRACE));
        assert_eq!(root.parent_id, Some([0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
        assert_eq!([decide.parent_id, forward.parent_id], [Some(root.span_id); 2]);
        assert_eq!((store.parent_id, server.parent_id), (Some(decide.span_id), Some(forward.span_id)));
        assert_eq!(server.span_id, [0x11; 8], "what the server sees as its parent");
        assert_eq!(
            (root.began, root.ended, decide.ended, forward.ended),
            (Moment(100), Moment(200), Moment(130), Moment(160))
        );
        assert_eq!(
            (attribute(root, "mcp.method.name"), attribute(root, "gatehouse.rule")),
            (Some("tools/call"), Some("readers"))
        );
        assert_eq!(attribute(server, "server.address"), Some("files.internal"));
        let texts = format!("{spans:?}");
        assert!(!texts.contains("alice"), "{texts}");
    }
}

#[test]
fn without_a_parent_the_trace_is_the_gateways_and_without_a_gateway_the_request_s() {
    let spans = traced(None, None);
    assert!(spans.iter().all(|span| span.trace_id == [0xcc; 16]));
    assert_eq!(spans.iter().filter(|span| span.parent_id.is_none()).count(), 1);
    let telemetry = telemetry(Some(1.0));
    telemetry.request_began(KEY, Moment(0), None);
    end(&telemetry, "/token", Some(200), 5);
    let spans = telemetry.take_spans(10);
    assert_eq!((spans.len(), spans[0].trace_id, spans[0].name.as_str()), (1, KEY.0, "POST /token"));
}

#[test]
fn what_the_caller_does_not_record_is_not_recorded_here_and_no_more_than_the_ratio_is() {
    assert!(traced(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), None).is_empty());
    let telemetry = telemetry(Some(0.25));
    for number in 0..=u8::MAX {
        let key = RequestKey([number; 16]);
        telemetry.request_began(key, Moment(0), None);
        telemetry.request_ended(key, &EndedRequest { method: "GET", path: "/", status: Some(200), ended: Moment(1) });
    }
    assert_eq!(telemetry.take_spans(1_000).len(), 64);
}

#[test]
fn spans_that_nobody_takes_are_dropped_and_counted() {
    let telemetry = telemetry(Some(1.0));
    for _ in 0..10_000 {
        telemetry.request_began(KEY, Moment(0), None);
        end(&telemetry, "/token", Some(200), 5);
    }
    assert_eq!(
        lines(&telemetry, "gatehouse_telemetry_spans_dropped_total"),
        ["gatehouse_telemetry_spans_dropped_total 1808"]
    );
    assert_eq!(telemetry.take_spans(100_000).len(), 8_192);
}

#[test]
fn no_two_spans_of_a_request_have_the_same_id() {
    let telemetry = telemetry(Some(1.0));
    telemetry.request_began(KEY, Moment(0), None);
    line(&telemetry, 1, call("echo"));
    line(&telemetry, 2, json!({ "event": "forwarded" }));
    for _ in 0..100 {
        let call =
            StoreCall { system: "redis", operation: "get", began: Moment(1), ended: Moment(2), error: Some("timeout") };
        telemetry.store_called(KEY, &call);
    }
    end(&telemetry, "/mcp", None, 5);
    let mut ids: Vec<_> = telemetry.take_spans(1_000).iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), 67);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 67);
}

proptest::proptest! {
    #[test]
    fn whatever_guests_write_and_servers_answer_the_text_is_well_formed_and_short(
        lines in proptest::collection::vec(
            proptest::prop_oneof![
                ".{0,200}",
                "\\{\"component\":\"(gateway|authorization-server)\",\"event\":\"[a-z-]{1,9}\",\"route\":\"/mcp\",\"tool\":\"[^\"\\\\]{0,20}\",\"rpc_method\":\"tools/call\"\\}",
                "\\{\"component\":\"authorization-server\",\"event\":\"completed\",\"decision\":\"allowed\",\"action\":\"[ -~&&[^\"\\\\]]{0,80}\"\\}",
            ],
            0..20,
        ),
        answer in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        path in ".{0,40}",
    ) {
        let telemetry = telemetry(Some(1.0));
        telemetry.request_began(KEY, Moment(0), Some(&path));
        for line in &lines {
            telemetry.guest_wrote(KEY, Moment(1), line);
        }
        telemetry.learn_tools("/mcp", &answer);
        end(&telemetry, &path, Some(200), 2);
        let text = telemetry.exposition(&Process::default());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            proptest::prop_assert!(value.parse::<f64>().is_ok(), "{line}");
            proptest::prop_assert!(series.starts_with(|c: char| c.is_ascii_lowercase()), "{line}");
            proptest::prop_assert!(series.is_ascii(), "{line}");
        }
        proptest::prop_assert!(text.lines().count() < 400);
    }
}

#[test]
fn what_one_request_counted_is_told_without_gauges_and_without_what_is_nothing() {
    let telemetry = telemetry(None);
    telemetry.request_began(KEY, Moment(0), None);
    line(&telemetry, 1, call("echo"));
    end(&telemetry, "/mcp", Some(200), 2_000_000_000);
    let counted = telemetry.counted();
    let names: Vec<_> = counted.iter().map(|counted| counted.definition.otlp).collect();
    assert_eq!(names, ["http.server.request.duration", "gatehouse.requests", "mcp.server.operation.duration"]);
    let [Series { attributes, value: Measured::Durations { bounds, counts, sum } }] = counted[0].series.as_slice()
    else {
        panic!("{counted:?}")
    };
    assert_eq!((counts.len(), counts.iter().sum(), *sum), (bounds.len() + 1, 1_u64, 2.0));
    let [method, route, status] = attributes.as_slice() else { panic!("{attributes:?}") };
    assert_eq!((&*method.value, &*route.value, status.number()), ("POST", "/mcp", Some(200)));
    assert_eq!(counted[1].series[0].value, Measured::Count(1.0));
}

#[test]
fn a_request_whose_host_gives_it_no_id_has_that_of_its_lines() {
    let telemetry = telemetry(Some(1.0));
    let told = "0123456789abcdef0123456789abcdef";
    telemetry.request_began(KEY, Moment(0), None);
    line(&telemetry, 1, json!({ "component": "authorization-server", "event": "completed", "request_id": told }));
    end(&telemetry, "/token", Some(200), 2);
    let spans = telemetry.take_spans(8);
    assert_eq!(gatehouse_audit_log::hexadecimal(&spans[0].trace_id), told);
    assert!(spans[0].attributes.iter().any(|one| one.name == "gatehouse.request_id" && one.value == told));
}
