use super::*;

/// A request of 2026-07-28, with the headers that belong to it.
fn modern(bench: &Bench, method: &str, mut params: Value, changes: &[(&str, &str)]) -> Response<Vec<u8>> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or_default().to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let own = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", name.as_str())];
    let kept = own.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let headers: Vec<_> = kept.chain(changes.iter().copied()).collect();
    bench.post(&body, &headers)
}

#[test]
fn each_revision_with_initialize_is_agreed_on_and_an_unknown_one_gets_the_newest() {
    let bench = Bench::new();
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let params =
            json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string();
        let result = json_of(&bench.post(&body, &[]))["result"].clone();
        assert_eq!(result["protocolVersion"], agreed);
        assert!(result["capabilities"]["tools"].is_object() && result["capabilities"]["resources"].is_object());
        let notified = bench
            .post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, &[("mcp-protocol-version", agreed)]);
        assert_eq!((notified.status(), notified.body().len()), (StatusCode::ACCEPTED, 0));
        let ping = bench.post(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#, &[("mcp-protocol-version", agreed)]);
        assert_eq!(json_of(&ping), json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));
    }
}

#[test]
fn a_version_that_there_is_not_is_refused_with_those_that_there_are() {
    let bench = Bench::new();
    let response =
        bench.post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, &[("mcp-protocol-version", "2025-01-01")]);
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(json_of(&response)["error"]["code"], -32022);
    assert_eq!(json_of(&response)["error"]["data"]["supported"][0], "2026-07-28");
}

#[test]
fn a_request_of_2026_07_28_stands_alone() {
    let bench = Bench::new();
    let discovered = json_of(&modern(&bench, "server/discover", json!({}), &[]))["result"].clone();
    assert_eq!(discovered["supportedVersions"].as_array().unwrap().len(), 5);
    assert_eq!((&discovered["resultType"], &discovered["cacheScope"]), (&json!("complete"), &json!("public")));
    assert!(discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].is_string());
    let listed = json_of(&modern(&bench, "tools/list", json!({}), &[]))["result"].clone();
    assert_eq!((listed["tools"].as_array().unwrap().len(), &listed["resultType"]), (3, &json!("complete")));
    let launched = json_of(&modern(&bench, "tools/call", json!({ "name": "launchShell" }), &[]))["result"].clone();
    let id = launched["structuredContent"]["environmentId"].as_str().unwrap();
    assert_eq!(launched["resultType"], "complete");
    let read = modern(&bench, "resources/read", json!({ "uri": format!("sandbox://{id}/") }), &[]);
    let read = json_of(&read)["result"].clone();
    assert_eq!((&read["ttlMs"], &read["cacheScope"]), (&json!(0), &json!("private")));
    let missing = modern(&bench, "resources/read", json!({ "uri": "sandbox://x/" }), &[]);
    assert_eq!(
        (missing.status(), json_of(&missing)["error"]["code"].as_i64()),
        (StatusCode::BAD_REQUEST, Some(-32602))
    );
    for gone in ["initialize", "ping", "logging/setLevel", "nothing"] {
        let response = modern(&bench, gone, json!({}), &[]);
        assert_eq!(
            (response.status(), json_of(&response)["error"]["code"].as_i64()),
            (StatusCode::NOT_FOUND, Some(-32601))
        );
    }
}

#[test]
fn headers_of_2026_07_28_that_say_something_else_than_the_body_are_refused() {
    let bench = Bench::new();
    for (changes, code) in [
        (&[("mcp-protocol-version", "")][..], -32020),
        (&[("mcp-protocol-version", "2025-11-25")], -32020),
        (&[("mcp-method", "")], -32020),
        (&[("mcp-method", "tools/list")], -32020),
        (&[("mcp-name", "")], -32020),
        (&[("mcp-name", "runPythonCodeInRemoteEnvironment")], -32020),
        (&[("mcp-name", "=?base64?!!?=")], -32020),
    ] {
        let response = modern(&bench, "tools/call", json!({ "name": "launchShell" }), changes);
        assert_eq!(
            (response.status(), json_of(&response)["error"]["code"].as_i64()),
            (StatusCode::BAD_REQUEST, Some(code)),
            "{changes:?}"
        );
    }
    let encoded =
        modern(&bench, "tools/call", json!({ "name": "launchShell" }), &[("mcp-name", "=?base64?bGF1bmNoU2hlbGw=?=")]);
    assert_eq!(encoded.status(), StatusCode::OK);
    // A header of the newest revision without its claim, and a claim without what the client can do.
    let bare =
        bench.post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, &[("mcp-protocol-version", "2026-07-28")]);
    assert_eq!((bare.status(), json_of(&bare)["error"]["code"].as_i64()), (StatusCode::BAD_REQUEST, Some(-32602)));
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let bare = bench.post(body, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")]);
    assert_eq!((bare.status(), json_of(&bare)["error"]["code"].as_i64()), (StatusCode::BAD_REQUEST, Some(-32602)));
}

#[test]
fn a_batch_of_2025_03_26_is_answered_in_its_order_and_other_revisions_have_none() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    let run = |number: u32| {
        json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
            "name": "runShellCommandInRemoteEnvironment",
            "arguments": { "environmentId": id, "shellCommand": number.to_string() },
        } })
    };
    let ping = json!({ "jsonrpc": "2.0", "id": "p", "method": "ping" });
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } });
    let batch = json!([run(1), notification, ping, run(2)]).to_string();
    for headers in [&[][..], &[("mcp-protocol-version", "2025-03-26")]] {
        let answers = json_of(&bench.post(&batch, headers));
        let ids: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["id"].clone()).collect();
        assert_eq!(ids, [json!(1), json!("p"), json!(2)]);
    }
    let last = bench.shell("key:alice", &id, "3");
    assert!(last["structuredContent"]["stdout"].as_str().unwrap().ends_with("files 1;2;1;2;3;"), "{last}");
    assert_eq!(bench.post(&json!([notification]).to_string(), &[]).status(), StatusCode::ACCEPTED);
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert_eq!(
            bench.post(&batch, &[("mcp-protocol-version", version)]).status(),
            StatusCode::BAD_REQUEST,
            "{version}"
        );
    }
    let initialize = json!([{ "jsonrpc": "2.0", "id": 1, "method": "initialize" }]).to_string();
    assert_eq!(bench.post(&initialize, &[]).status(), StatusCode::BAD_REQUEST);
}

#[test]
fn a_batch_of_long_runs_ends_in_time_and_says_which_calls_were_not_made() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    let clock = Rc::clone(&bench.host.clock);
    bench.interpreters(move |_, _| {
        clock.set(clock.get() + 29_000);
        whole(&[Frame::Ended(outcome())])
    });
    let run = |number: u32| {
        json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
            "name": "runShellCommandInRemoteEnvironment", "arguments": { "environmentId": id, "shellCommand": "sleep 29" },
        } })
    };
    let answers = json_of(&bench.post(&json!([run(1), run(2), run(3), run(4)]).to_string(), &[]));
    let errors: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["result"]["isError"].clone()).collect();
    assert_eq!(errors, [json!(false), json!(false), json!(true), json!(true)]);
    assert!(text_of(&answers[2]["result"]).contains("Make this call again"));
    assert_eq!(bench.host.sent.borrow().len(), 2);
    // Whatever a call asks for, it takes time.
    let read = |number: u32| {
        let params = json!({ "uri": format!("sandbox://{id}/") });
        json!({ "jsonrpc": "2.0", "id": number, "method": "resources/read", "params": params })
    };
    let launch = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "launchShell" } });
    let answers = json_of(&bench.post(&json!([read(1), run(2), run(3), read(4), launch]).to_string(), &[]));
    assert!(answers[0]["result"].is_object());
    assert_eq!(
        answers[3]["error"],
        json!({ "code": -32603, "message": "The batch has used its time. Make this call again." })
    );
    assert_eq!(answers[4]["result"]["isError"], true);
    assert_eq!(bench.log().iter().filter(|line| line["event"] == "launch").count(), 1);
}

#[test]
fn a_batch_holds_16_mib_of_answers_and_says_which_calls_were_not_made() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.interpreters(|_, _| {
        let changed = vec![file("large", &[1; 5 << 20]), file("small", b"small")];
        whole(&[Frame::Ended(Outcome { changed, ..outcome() })])
    });
    bench.shell("key:alice", &id, "x");
    let read = |number: u32, path: &str| {
        let params = json!({ "uri": format!("sandbox://{id}/{path}") });
        json!({ "jsonrpc": "2.0", "id": number, "method": "resources/read", "params": params })
    };
    let calls = [read(1, "large"), read(2, "large"), read(3, "large"), read(4, "small"), read(5, "large")];
    let response = bench.post(&json!(calls).to_string(), &[]);
    assert!((10 << 20..16 << 20).contains(&response.body().len()), "{}", response.body().len());
    let answers = json_of(&response);
    for (number, is_made) in [(0, true), (1, true), (2, false), (3, true), (4, false)] {
        assert_eq!(answers[number]["id"], number + 1);
        assert_eq!(answers[number]["result"].is_object(), is_made, "{number}");
        assert_eq!(answers[number]["error"].is_object(), !is_made, "{number}");
    }
    assert_eq!(answers[2]["error"]["message"], "The answers of the batch are too large. Make this call again.");
}
