use gatehouse_configuration::Configuration;
use http::Method;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::example;

const MODERN: &str = "2026-07-28";

fn meta(version: &Value) -> Value {
    json!({ CLAIM: version, "io.modelcontextprotocol/clientCapabilities": {} })
}

fn request(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn listing(version: &str) -> Value {
    request("tools/list", &json!({ "_meta": meta(&json!(version)) }))
}

/// What becomes of `body` at `path` with these headers: the version of its revision, or what is wrong.
fn at(path: &str, headers: &[(&str, &str)], body: &Value) -> Result<&'static str, Refusal> {
    let configuration = example::configuration();
    let endpoint = Endpoint::at(&configuration, path).unwrap();
    let body = Body::parse(body.to_string().as_bytes(), 64).unwrap();
    admit(&example::request(Method::POST, path, headers), &body, &endpoint).map(|revision| revision.version)
}

fn of(headers: &[(&str, &str)], body: &Value) -> Result<&'static str, Refusal> {
    at("/mcp", headers, body)
}

fn version(text: &str) -> (&str, &str) {
    ("mcp-protocol-version", text)
}

const LIST: (&str, &str) = ("mcp-method", "tools/list");

#[test]
fn the_era_of_a_call_is_what_its_body_and_its_headers_say_together() {
    let plain = request("tools/list", &json!({}));
    let initialize = |version: &str| request("initialize", &json!({ "protocolVersion": version }));
    for (headers, body, revision) in [
        (&[version(MODERN), LIST][..], listing(MODERN), MODERN),
        (&[version(" 2026-07-28 "), LIST], listing(MODERN), MODERN),
        (&[version("2027-01-01"), LIST], listing("2027-01-01"), MODERN),
        // Nobody speaks it, and the server says which ones it does.
        (&[version("v999.0.0"), LIST], listing("v999.0.0"), MODERN),
        // No `_meta`, or one without a version: -32602 is for the server to say.
        (&[version(MODERN), LIST], plain.clone(), MODERN),
        (&[version(MODERN), LIST], request("tools/list", &json!({ "_meta": {} })), MODERN),
        (&[version(MODERN), LIST], request("tools/list", &json!({ "_meta": 1 })), MODERN),
        (&[version(MODERN), LIST], request("tools/list", &json!({ "_meta": meta(&json!(7)) })), MODERN),
        (&[version("2025-11-25"), LIST], request("tools/list", &json!({ "_meta": meta(&json!(7)) })), MODERN),
        (&[LIST], request("tools/list", &json!({ "_meta": meta(&Value::Null) })), MODERN),
        // The older revisions.
        (&[version("2025-11-25")], plain.clone(), "2025-11-25"),
        (&[version("2025-11-25")], listing("2025-11-25"), "2025-11-25"),
        (&[], listing("2025-11-25"), "2025-11-25"),
        (&[version("2025-06-18")], plain.clone(), "2025-06-18"),
        (&[version("2025-03-26")], plain.clone(), "2025-03-26"),
        (&[version("2024-11-05")], plain.clone(), "2024-11-05"),
        (&[], plain.clone(), "2025-03-26"),
        (&[version("bogus")], plain.clone(), "unknown"),
        (&[version("2026-07-28, 2025-11-25")], plain.clone(), "unknown"),
        // The older revisions' handshake, whatever its header; a server that sees a mistake in it says so.
        (&[], initialize("2025-11-25"), "2025-11-25"),
        (&[version("2025-06-18")], initialize("2025-11-25"), "2025-11-25"),
        (&[version(MODERN)], initialize("2025-11-25"), "2025-11-25"),
        (&[version(MODERN), ("mcp-method", "initialize")], initialize(MODERN), "unknown"),
        (&[], request("initialize", &json!({})), "unknown"),
        // With `_meta` it is a request of 2026-07-28 like any other.
        (
            &[version(MODERN), ("mcp-method", "initialize")],
            request("initialize", &json!({ "_meta": meta(&json!(MODERN)) })),
            MODERN,
        ),
    ] {
        assert_eq!(of(headers, &body), Ok(revision), "{headers:?} {body}");
    }
}

#[test]
fn a_header_and_a_body_that_disagree_are_refused() {
    let call = request("tools/call", &json!({ "name": "echo", "_meta": meta(&json!(MODERN)) }));
    for (headers, body) in [
        (&[version("2025-11-25"), LIST][..], listing(MODERN)),
        (&[version(MODERN), LIST], listing("2025-11-25")),
        (&[version(MODERN), LIST], listing("v999.0.0")),
        (&[version("bogus"), LIST], listing(MODERN)),
        (&[version("2026-07-28, 2025-11-25"), LIST], listing(MODERN)),
        (&[version("2026-07-28\u{e9}"), LIST], listing(MODERN)),
        (&[version(MODERN), version(MODERN), LIST], listing(MODERN)),
        (&[version(""), LIST], listing(MODERN)),
        (&[LIST], listing(MODERN)),
        (&[], listing(MODERN)),
        (&[version(MODERN)], listing(MODERN)),
        (&[version(MODERN), ("mcp-method", "Tools/List")], listing(MODERN)),
        (&[version(MODERN), ("mcp-method", "tools/call")], call.clone()),
        (&[version(MODERN), ("mcp-method", "tools/call"), ("mcp-name", "other")], call),
        // A mirrored header is verified in the older revisions too, where it need not be there.
        (&[version("2025-11-25"), ("mcp-method", "tools/call")], request("tools/list", &json!({}))),
        (&[("mcp-name", "safe")], request("tools/call", &json!({ "name": "dangerous" }))),
    ] {
        assert!(matches!(of(headers, &body), Err(Refusal::HeaderMismatch(_))), "{headers:?} {body}");
    }
}

#[test]
fn a_notification_needs_no_headers_of_its_own_but_none_may_lie() {
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let mut claimed = cancelled.clone();
    claimed["params"]["_meta"] = meta(&json!(MODERN));
    for (headers, body, revision) in [
        (&[version(MODERN)][..], &cancelled, MODERN),
        (&[version(MODERN)], &claimed, MODERN),
        (&[], &claimed, MODERN),
        (&[version("2025-11-25")], &cancelled, "2025-11-25"),
        (&[version(MODERN), ("mcp-method", "notifications/cancelled")], &cancelled, MODERN),
    ] {
        assert_eq!(of(headers, body), Ok(revision), "{headers:?} {body}");
    }
    for (headers, body) in [
        (&[version("2025-11-25")][..], &claimed),
        (&[version(MODERN), ("mcp-method", "notifications/initialized")], &cancelled),
    ] {
        assert!(matches!(of(headers, body), Err(Refusal::HeaderMismatch(_))), "{headers:?} {body}");
    }
}

/// docs/cases.md, S14: judged as a notification, and done by the server all the same.
#[test]
fn a_request_without_an_id_and_a_notification_with_one_are_refused_in_every_era() {
    let call = json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "git_log", "arguments": {} } });
    let with_id =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "notifications/cancelled", "params": { "requestId": 1 } });
    let empty_id = json!({ "jsonrpc": "2.0", "id": "", "method": "tools/call", "params": { "name": "git_log" } });
    let initialize = json!({ "jsonrpc": "2.0", "method": "initialize", "params": { "protocolVersion": "2025-11-25" } });
    let misspelt = json!({ "jsonrpc": "2.0", "method": "Tools/Call", "params": { "name": "git_log" } });
    for wrong in [call, with_id, empty_id, initialize, misspelt] {
        for headers in [
            &[][..],
            &[version("2024-11-05")],
            &[version("2025-03-26")],
            &[version("2025-11-25")],
            &[version(MODERN)],
            &[version("bogus")],
        ] {
            let batch = json!([{ "jsonrpc": "2.0", "id": 2, "method": "ping" }, wrong]);
            for (path, body) in [("/mcp", &wrong), ("/mcp/message", &wrong), ("/mcp", &batch)] {
                let refused = at(path, headers, body);
                assert!(matches!(refused, Err(Refusal::Unparsable(_))), "{headers:?} {path} {body}: {refused:?}");
            }
        }
    }
}

#[test]
fn responses_are_of_the_older_eras_alone() {
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    assert_eq!(of(&[version("2025-11-25")], &response), Ok("2025-11-25"));
    assert_eq!(of(&[], &response), Ok("2025-03-26"));
    assert!(matches!(of(&[version(MODERN)], &response), Err(Refusal::WrongRevision(_))));
    assert!(matches!(of(&[("mcp-method", "tools/call")], &response), Err(Refusal::HeaderMismatch(_))));
}

#[test]
fn batches_are_of_2025_03_26_alone() {
    let batch = json!([request("tools/list", &json!({})), { "jsonrpc": "2.0", "method": "notifications/initialized" }]);
    assert_eq!(of(&[], &batch), Ok("2025-03-26"));
    assert_eq!(of(&[version("2025-03-26")], &batch), Ok("2025-03-26"));
    assert_eq!(of(&[], &json!([request("ping", &json!({}))])), Ok("2025-03-26"));
    for other in ["2024-11-05", "2025-06-18", "2025-11-25", MODERN, "bogus", "2025-03-26, 2025-03-26"] {
        assert_eq!(of(&[version(other)], &batch), Err(Refusal::BatchNotAllowed), "{other}");
    }
    let hidden = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }, listing(MODERN)]);
    assert_eq!(of(&[], &hidden), Err(Refusal::BatchNotAllowed));
    for named in [("mcp-method", "ping"), ("mcp-name", "x")] {
        assert!(matches!(of(&[named], &batch), Err(Refusal::HeaderMismatch(_))));
    }
}

#[test]
fn a_rest_api_gets_no_batches() {
    let mut second = request("tools/call", &json!({ "name": "b" }));
    second["id"] = json!(2);
    let batch = json!([request("tools/call", &json!({ "name": "a" })), second]);
    let single = request("tools/call", &json!({ "name": "a" }));
    let api = "url = \"https://api.internal.example\"\nopenapi = \"https://api.internal.example/openapi.json\"\n";
    let route = format!("[[routes]]\npath = \"/orders\"\n{api}");
    let member = format!("[[routes]]\npath = \"/orders\"\n[[routes.members]]\nprefix = \"orders\"\n{api}");
    for routes in [route, member] {
        let configuration = Configuration::parse(&format!("{}\n{routes}", example::ONE_UPSTREAM)).unwrap();
        let endpoint = Endpoint::at(&configuration, "/orders").unwrap();
        let admitted = |body: &Value| {
            let body = Body::parse(body.to_string().as_bytes(), 64).unwrap();
            admit(&example::request(Method::POST, "/orders", &[]), &body, &endpoint).map(|revision| revision.version)
        };
        assert_eq!(admitted(&batch), Err(Refusal::BatchNotAllowed));
        assert_eq!(admitted(&json!([single])), Err(Refusal::BatchNotAllowed));
        assert_eq!(admitted(&single), Ok("2025-03-26"));
    }
    assert_eq!(of(&[], &batch), Ok("2025-03-26"), "an MCP server does");
}

#[test]
fn the_older_transport_has_neither_batches_nor_the_newest_era() {
    let message = "/mcp/message";
    assert_eq!(at(message, &[], &request("tools/list", &json!({}))), Ok("2024-11-05"));
    assert_eq!(at(message, &[version("2025-11-25")], &request("tools/list", &json!({}))), Ok("2024-11-05"));
    assert_eq!(at(message, &[], &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })), Ok("2024-11-05"));
    assert_eq!(at(message, &[], &json!([request("ping", &json!({}))])), Err(Refusal::BatchNotAllowed));
    assert!(matches!(at(message, &[version(MODERN), LIST], &listing(MODERN)), Err(Refusal::WrongRevision(_))));
    let named = [("mcp-name", "safe")];
    let call = request("tools/call", &json!({ "name": "dangerous" }));
    assert!(matches!(at(message, &named, &call), Err(Refusal::HeaderMismatch(_))));
}

const VERSIONS: [Option<&str>; 8] = [
    None,
    Some(""),
    Some("2024-11-05"),
    Some("2025-03-26"),
    Some("2025-11-25"),
    Some(MODERN),
    Some("2026-07-28 "),
    Some("v9"),
];
const METHODS: [&str; 4] = ["tools/call", "tools/list", "initialize", "resources/read"];
const NAMES: [&str; 4] = ["a", "b", "=?base64?YQ==?=", "=?base64?Yg==?="];

proptest! {
    /// The bypass that all of this is about: no request passes whose headers name another method, tool or version than
    /// the body by which the gateway decides.
    #[test]
    fn what_is_admitted_is_what_its_headers_say(
        header in select(VERSIONS.to_vec()),
        claimed in select(VERSIONS.to_vec()),
        method in select(METHODS.to_vec()),
        said in proptest::option::of(select(METHODS.to_vec())),
        name in select(NAMES.to_vec()),
        named in proptest::option::of(select(NAMES.to_vec())),
    ) {
        let mut params = json!({ "name": name, "uri": name });
        if let Some(claimed) = claimed {
            params["_meta"] = meta(&json!(claimed));
        }
        let pairs = [("mcp-protocol-version", header), ("mcp-method", said), ("mcp-name", named)];
        let pairs: Vec<_> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        if let Ok(revision) = of(&pairs, &request(method, &params)) {
            prop_assert!(said.is_none_or(|said| said == method));
            let decoded = named.map(|named| gatehouse_mcp_wire::header_value::decoded(&named.parse().unwrap()).unwrap().into_owned());
            prop_assert!(decoded.as_deref().is_none_or(|decoded| decoded == name));
            if let (Some(claimed), Some(header)) = (claimed, header) {
                prop_assert_eq!(claimed, header.trim());
            }
            if revision == MODERN {
                prop_assert_eq!(said, Some(method));
                prop_assert!(header.is_some());
            }
        }
    }
}
