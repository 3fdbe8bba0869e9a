use super::*;

fn modern(method: &str, params: Value) -> String {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": "m", "method": method, "params": params }).to_string()
}

fn modern_headers<'a>(method: &'a str, name: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", name)]
}

#[test]
fn initialize_agrees_on_the_client_s_version_or_offers_the_newest() {
    let bench = Bench::new();
    for (requested, agreed) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ] {
        let params =
            json!({ "protocolVersion": requested, "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let response = bench.post(&body.to_string(), &[]);
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("mcp-session-id"));
        let answer = json_of(&response);
        assert_eq!((&answer["id"], &answer["result"]["protocolVersion"]), (&json!(0), &json!(agreed)));
        assert!(answer["result"]["capabilities"]["tools"].is_object());
    }
    assert_eq!(bench.legacy("initialize", json!({}))["error"]["code"], -32602);
}

#[test]
fn notifications_and_responses_are_accepted_without_an_answer() {
    let bench = Bench::new();
    for body in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        let response = bench.post(body, &[]);
        assert_eq!((response.status(), response.body().len()), (StatusCode::ACCEPTED, 0), "{body}");
    }
}

#[test]
fn every_version_lists_the_same_tools() {
    let bench = Bench::new();
    let legacy = bench.legacy("tools/list", json!({}))["result"]["tools"].clone();
    let response = bench.post(&modern("tools/list", json!({})), &modern_headers("tools/list", ""));
    assert_eq!(response.status(), StatusCode::OK);
    let answer = json_of(&response);
    assert_eq!(answer["id"], "m");
    let result = &answer["result"];
    assert_eq!(result["tools"], legacy);
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(result["ttlMs"].is_u64());
    let names: Vec<_> = legacy.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hello_mcp", "save_snippet", "get_snippet"]);
    assert_eq!(bench.legacy("tools/list", json!({ "cursor": "2" }))["error"]["code"], -32602);
}

#[test]
fn a_modern_client_discovers_and_calls_without_a_handshake() {
    let bench = Bench::new();
    let discovered =
        json_of(&bench.post(&modern("server/discover", json!({})), &modern_headers("server/discover", "")));
    assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28"]));
    for name in ["hello_mcp", "=?base64?aGVsbG9fbWNw?="] {
        let body = modern("tools/call", json!({ "name": "hello_mcp" }));
        let result = json_of(&bench.post(&body, &modern_headers("tools/call", name)))["result"].clone();
        assert_eq!(result["content"][0]["text"], "Hello I am MCPTool!");
        assert_eq!(result["resultType"], "complete");
    }
}

#[test]
fn a_header_that_is_missing_or_says_something_else_is_a_mismatch() {
    let bench = Bench::new();
    let body = modern("tools/call", json!({ "name": "hello_mcp" }));
    let good = modern_headers("tools/call", "hello_mcp");
    for (name, value) in [
        ("mcp-protocol-version", ""),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", ""),
        ("mcp-method", "tools/list"),
        ("mcp-name", ""),
        ("mcp-name", "get_snippet"),
        ("mcp-name", "=?base64?!!?="),
    ] {
        let mut headers: Vec<_> = good.iter().copied().filter(|(n, _)| *n != name).collect();
        headers.push((name, value));
        let response = bench.post(&body, &headers);
        assert_eq!((response.status(), code_of(&response)), (StatusCode::BAD_REQUEST, -32020), "{name}: {value}");
        assert_eq!(json_of(&response)["id"], "m");
    }
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
    assert_eq!(code_of(&bench.post(initialize, &[("mcp-protocol-version", "2026-07-28")])), -32020);
}

#[test]
fn an_incomplete_envelope_or_another_version_is_refused() {
    let bench = Bench::new();
    let with_meta = |meta: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta } }).to_string()
    };
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    for (meta, header, code) in [
        (json!({}), "2026-07-28", -32602),
        (json!({ version: "2026-07-28" }), "2026-07-28", -32602),
        (json!({ version: 3, capabilities: {} }), "2026-07-28", -32602),
        (json!({ version: "2099-01-01", capabilities: {} }), "2099-01-01", -32022),
        (json!({ version: "2025-11-25", capabilities: {} }), "2025-11-25", -32022),
        (json!({}), "1999-01-01", -32022),
    ] {
        let headers = [("mcp-method", "tools/list"), ("mcp-protocol-version", header)];
        let response = bench.post(&with_meta(meta.clone()), &headers);
        assert_eq!((response.status(), code_of(&response)), (StatusCode::BAD_REQUEST, code), "{meta} {header}");
    }
}

#[test]
fn an_unknown_method_is_404_only_for_modern_clients() {
    let bench = Bench::new();
    for method in ["resources/list", "nope", "server/discover"] {
        assert_eq!(bench.legacy(method, json!({}))["error"]["code"], -32601, "{method}");
    }
    for method in ["resources/list", "initialize", "ping"] {
        let response = bench.post(&modern(method, json!({})), &modern_headers(method, ""));
        assert_eq!((response.status(), code_of(&response)), (StatusCode::NOT_FOUND, -32601), "{method}");
    }
}

#[test]
fn what_is_not_a_message_is_refused() {
    let bench = Bench::new();
    let deep = "[".repeat(100_000);
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("{\"jsonrpc\":\"2.0\"} x", -32700),
        (deep.as_str(), -32700),
        ("3", -32600),
        ("[]", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
    ] {
        let response = bench.post(body, &[]);
        assert_eq!((response.status(), code_of(&response)), (StatusCode::BAD_REQUEST, code), "{body:.60}");
    }
}

#[test]
fn a_batch_is_answered_in_the_one_version_that_has_them() {
    let bench = Bench::new();
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},
        {"jsonrpc":"2.0","id":2,"method":"initialize","params":{"protocolVersion":"2025-03-26"}},7]"#;
    let answers = json_of(&bench.post(batch, &[("mcp-protocol-version", "2025-03-26")]));
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(-32600)));
    assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&Value::Null, &json!(-32600)));
    assert_eq!(answers.as_array().unwrap().len(), 3);
    for version in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        assert_eq!(code_of(&bench.post(batch, &[("mcp-protocol-version", version)])), -32600, "{version}");
    }
    let silent = r#"[{"jsonrpc":"2.0","method":"notifications/x"}]"#;
    assert_eq!(bench.post(silent, &[]).status(), StatusCode::ACCEPTED);
    let long = format!("[{}7]", "7,".repeat(32));
    assert_eq!(code_of(&bench.post(&long, &[])), -32600);
}
