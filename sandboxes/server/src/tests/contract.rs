use super::*;

/// The requests of the articles, letter by letter as `curl` sends them: no `Accept` but `*/*`, no version.
#[test]
fn the_requests_of_the_articles_are_answered_as_the_articles_say() {
    let bench = Bench::new();
    let post = |body: &str| json_of(&bench.post(body, &[("accept", "*/*")]));
    let initialized = post(r#"{ "jsonrpc": "2.0", "id": "1", "method": "initialize" }"#);
    assert_eq!(initialized["id"], "1");
    assert_eq!(initialized["result"]["protocolVersion"], "2025-03-26");
    assert_eq!(initialized["result"]["capabilities"]["tools"], json!({ "call": true, "list": true }));
    assert_eq!(initialized["result"]["serverInfo"]["name"], "Gatehouse Sandboxes MCP Server");

    let launched = post(
        r#"{ "jsonrpc": "2.0", "id": "2", "method": "tools/call", "params": { "name": "launchShell", "arguments": {} } }"#,
    );
    let id = launched["result"]["structuredContent"]["environmentId"].as_str().unwrap();
    assert_eq!(id.len(), 36);

    let ran = post(&format!(
        r#"{{ "jsonrpc": "2.0", "id": "3", "method": "tools/call", "params": {{ "name": "runShellCommandInRemoteEnvironment", "arguments": {{ "environmentId": "{id}", "shellCommand": "echo Hello" }} }} }}"#
    ));
    let content = &ran["result"]["structuredContent"];
    assert_eq!(content["stdout"], "http://shell.example/run state echo Hello, files echo Hello;");
    assert_eq!((&content["stderr"], &content["exitCode"]), (&json!(""), &json!(0)));
    assert_eq!(ran["result"]["isError"], false);

    let ran = post(&format!(
        r#"{{ "jsonrpc": "2.0", "id": "4", "method": "tools/call", "params": {{ "name": "runPythonCodeInRemoteEnvironment", "arguments": {{ "environmentId": "{id}", "pythonCode": "print(1)" }} }} }}"#
    ));
    // One tree for both languages, and a state for each.
    let said = "http://python.example:8080/base/run state print(1), files echo Hello;print(1);";
    assert_eq!(ran["result"]["structuredContent"]["stdout"], said);
}

#[test]
fn the_tools_are_those_of_the_articles_and_their_definitions_fit_the_revision() {
    let bench = Bench::new();
    for (version, members) in [
        ("2024-11-05", &["description", "inputSchema", "name"][..]),
        ("2025-03-26", &["annotations", "description", "inputSchema", "name"]),
        ("2025-06-18", &["annotations", "description", "inputSchema", "name", "outputSchema", "title"]),
        ("2025-11-25", &["annotations", "description", "inputSchema", "name", "outputSchema", "title"]),
    ] {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let listed = json_of(&bench.post(body, &[("mcp-protocol-version", version)]));
        let tools = listed["result"]["tools"].as_array().unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["launchShell", "runShellCommandInRemoteEnvironment", "runPythonCodeInRemoteEnvironment"]);
        for tool in tools {
            let mut found: Vec<_> = tool.as_object().unwrap().keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, members, "{version}");
        }
    }
}

#[test]
fn a_result_says_the_same_in_both_of_its_forms_and_fits_its_schema() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.interpreters(|_, _| {
        let frames = [
            stdout("out\u{e4}"),
            Frame::Output { stream: Stream::Stderr, bytes: b"err\xff".to_vec() },
            Frame::Ended(Outcome { exit_code: 3, notes: vec!["x was not kept".to_owned()], ..outcome() }),
        ];
        whole(&frames)
    });
    let result = bench.shell("key:alice", &id, "x");
    let content = &result["structuredContent"];
    assert_eq!(serde_json::from_str::<Value>(text_of(&result)).unwrap(), *content);
    assert_eq!((&content["stdout"], &content["stderr"]), (&json!("out\u{e4}"), &json!("err\u{fffd}")));
    assert_eq!((&content["exitCode"], &content["notes"]), (&json!(3), &json!(["x was not kept"])));
    assert_eq!(result["isError"], false, "a program that fails is no tool that fails");
    let listed = bench.ask("tools/list", json!({}));
    let properties = &listed["result"]["tools"][1]["outputSchema"]["properties"];
    assert!(content.as_object().unwrap().keys().all(|name| properties.get(name).is_some()), "{content}");
}

#[test]
fn wrong_calls_are_told_to_the_model_and_unknown_tools_to_the_client() {
    let bench = Bench::new();
    let result =
        bench.call("key:alice", "runPythonCodeInRemoteEnvironment", json!({ "environmentId": "x", "code": "1" }));
    assert_eq!(result["isError"], true);
    assert!(text_of(&result).contains("code is not an argument of runPythonCodeInRemoteEnvironment"));
    for params in
        [json!({ "name": "rm" }), json!({ "name": 1 }), json!({}), json!({ "name": "launchShell", "arguments": [] })]
    {
        let answer = bench.ask("tools/call", params);
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    assert!(bench.store.values().is_empty());
}

#[test]
fn files_are_listed_and_read_as_resources() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.interpreters(|_, _| {
        let changed = vec![file("a b/data.csv", "x,\u{e4}\n".as_bytes()), file("z.bin", &[0, 255])];
        whole(&[Frame::Ended(Outcome { changed, ..outcome() })])
    });
    bench.shell("key:alice", &id, "make them");
    let templates = bench.ask("resources/templates/list", json!({}));
    assert_eq!(templates["result"]["resourceTemplates"][1]["uriTemplate"], "sandbox://{environmentId}/{+path}");
    let listed = bench.read("key:alice", &format!("sandbox://{id}/"));
    let listed: Value = serde_json::from_str(listed["result"]["contents"][0]["text"].as_str().unwrap()).unwrap();
    let (csv, bin) = (format!("sandbox://{id}/a%20b/data.csv"), format!("sandbox://{id}/z.bin"));
    let files = json!([{ "path": "a b/data.csv", "size": 5, "uri": csv }, { "path": "z.bin", "size": 2, "uri": bin }]);
    assert_eq!(listed["files"], files);
    let text = json!([{ "uri": csv, "mimeType": "text/plain", "text": "x,\u{e4}\n" }]);
    assert_eq!(bench.read("key:alice", &csv)["result"]["contents"], text);
    let blob = json!([{ "uri": bin, "mimeType": "application/octet-stream", "blob": "AP8=" }]);
    assert_eq!(bench.read("key:alice", &bin)["result"]["contents"], blob);
    for uri in
        [format!("sandbox://{id}/none"), format!("sandbox://{id}/../etc/passwd"), "file:///etc/passwd".to_owned()]
    {
        let answer = bench.read("key:alice", &uri);
        assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["uri"]), (&json!(-32002), &json!(uri)));
    }
}

#[test]
fn the_log_says_who_did_what_and_nothing_of_code_output_files_or_ids() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "echo the-code");
    bench.read("key:alice", &format!("sandbox://{id}/history"));
    bench.python("key:bob", &id, "print('the-code')");
    let lines = bench.log();
    let said = |name: &str| lines.iter().map(|line| line[name].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>();
    assert_eq!(said("event"), ["launch", "run", "resource-read", "run"]);
    assert_eq!(said("decision"), ["allowed", "allowed", "allowed", "refused"]);
    assert_eq!(said("subject"), ["key:alice", "key:alice", "key:alice", "key:bob"]);
    assert_eq!(lines[0]["environment"], lines[1]["environment"]);
    assert!(lines.iter().all(|line| line["request_id"] == "0123456789abcdef0123456789abcdef"));
    assert_eq!(lines[0]["time"], "2026-11-21T00:00:00.000Z");
    let text = bench.host.log.borrow().join("\n");
    for secret in ["the-code", "history", id.as_str(), SECRET] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn the_resources_of_a_caller_are_listed_in_pages_and_nobody_elses() {
    let bench = Bench::new();
    let (id, empty) = (bench.launch("key:alice"), bench.launch("key:alice"));
    bench.launch("key:bob");
    bench.interpreters(|_, _| {
        let changed = (0..700).map(|number| file(&format!("f{number:03}"), b"x")).collect();
        whole(&[Frame::Ended(Outcome { changed, ..outcome() })])
    });
    bench.shell("key:alice", &id, "make them");
    let (mut uris, mut cursor) = (Vec::new(), json!(null));
    for size in [500, 202] {
        let page = bench.ask("resources/list", json!({ "cursor": cursor }))["result"].clone();
        let resources = page["resources"].as_array().unwrap();
        assert_eq!(resources.len(), size);
        uris.extend(resources.iter().map(|resource| resource["uri"].as_str().unwrap().to_owned()));
        cursor = page["nextCursor"].clone();
    }
    assert_eq!(cursor, json!(null));
    for uri in [format!("sandbox://{id}/"), format!("sandbox://{id}/f699"), format!("sandbox://{empty}/")] {
        assert_eq!(uris.iter().filter(|listed| **listed == uri).count(), 1, "{uri}");
    }
    for cursor in ["703", "x", "-1"] {
        assert_eq!(bench.ask("resources/list", json!({ "cursor": cursor }))["error"]["code"], -32602, "{cursor}");
    }
}
