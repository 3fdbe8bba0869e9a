//! The audit log as a product: what its page says of it is true, and its queries find who did what, when, with which tool, by which rule.

use std::path::PathBuf;

use gatehouse_tests::{AttackSettings, AttackWorld, From, Person, Program, outcome, repository, tool};
use serde_json::{Value, json};
use tokio::process::Command;

const POLICY: &str = r#"
[[routes.policy]]
name = "readers"
tools = ["read_*"]

[[routes.policy]]
name = "no-erasing"
effect = "deny"
tools = ["erase"]
"#;

/// A log with calls that rules allow and refuse, a sign-in, and a sign-out.
async fn written() -> Vec<String> {
    let world =
        AttackWorld::start_with(AttackSettings { mcp_lines: POLICY.to_owned(), ..AttackSettings::default() }).await;
    let alice = Person::new("alice");
    let token = world.flow(&alice).finish().await["access_token"].as_str().expect("a token").to_owned();
    let messages = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "read_file" } }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "read_file" } }),
        json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": { "name": "erase" } }),
        json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": { "name": "publish" } }),
        json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" }),
    ];
    for message in &messages {
        let answer = world.mcp_request("/mcp").bearer_auth(&token).body(message.to_string()).send().await;
        answer.expect("an answer").bytes().await.expect("a body");
    }
    world.call("/mcp", "made-up").await;
    alice.open(&world.url("/sessions").parse().expect("a URL"), From::Nowhere).await;
    let ends = |line: &&String| line.contains("request-ended") && line.contains("/sessions");
    world.gatehouse.log.wait_for(|line| ends(&&line.to_owned())).await;
    let lines = world.gatehouse.log.lines();
    world.gatehouse.stop().await;
    lines
}

fn in_a_file(folder: &tempfile::TempDir, lines: &[String]) -> PathBuf {
    let file = folder.path().join("log");
    std::fs::write(&file, lines.join("\n") + "\nno JSON\n").expect("the folder can be written");
    file
}

/// The cells of a row without the time, which each row begins with.
fn cells(row: &Value) -> Vec<String> {
    let cells = row.as_str().expect("a row").split('\t').map(str::to_owned);
    let cells: Vec<_> = cells.collect();
    if cells[0].starts_with("20") { cells[1..].to_vec() } else { cells }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_of_the_page_say_who_did_what_with_which_tool_by_which_rule() {
    let (folder, lines) = (tempfile::tempdir().expect("a folder"), written().await);
    let page = repository().join("docs/audit.md");
    let file = in_a_file(&folder, &lines);
    let read = Program::client("log-queries.mjs", &[&page.display().to_string(), &file.display().to_string()]);
    let blocks = read.steps().await.unwrap_or_else(|error| panic!("{error}"));

    let schema: Value = serde_json::from_str(include_str!("../../../docs/audit.schema.json")).expect("JSON");
    let known = schema["$defs"]["audit"]["properties"].as_object().expect("fields");
    for block in &blocks {
        assert_eq!(block["errors"], json!([]), "{block}");
        let fields = block["fields"].as_array().expect("fields");
        assert!(!fields.is_empty(), "{block}");
        for field in fields {
            assert!(known.contains_key(field.as_str().expect("a name")), "{field} is no field of a line: {block}");
        }
    }
    for language in ["kql", "logql", "jq"] {
        assert!(blocks.iter().filter(|block| block["language"] == language).count() >= 3, "{language}");
    }

    let outputs: Vec<Vec<Vec<String>>> = blocks
        .iter()
        .filter_map(|block| block["output"].as_array())
        .map(|rows| rows.iter().map(cells).collect())
        .collect();
    let rows = |rows: &[&[&str]]| -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    };
    let read_file: &[&str] = &["test:alice", "public", "/mcp", "read_file", "readers"];
    assert_eq!(outputs[0], rows(&[read_file, read_file]));
    let refusals = [
        &["test:alice", "/mcp", "erase", "no-erasing", "the policy denies it"][..],
        &["test:alice", "/mcp", "publish", "-", "the policy denies it"],
        &["-", "/mcp", "-", "-", "the token is not one of ours, or for another resource"],
    ];
    assert_eq!(outputs[1], rows(&refusals));
    assert_eq!(outputs[3], rows(&[&["/mcp", "read_file", "public", "2"]]));
}

/// The validator that reads every line in the tests is our own: another one says the same, and that the schema is one.
#[tokio::test(flavor = "multi_thread")]
async fn another_validator_takes_the_schema_and_every_line() {
    const SCRIPT: &str = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        validator = jsonschema.Draft202012Validator(schema)\n\
        lines = [json.loads(line) for line in open(sys.argv[2]) if line.startswith('{')]\n\
        for line in lines: validator.validate(line)\n\
        forged = [dict(lines[0], secret='x'), dict(lines[0], time='today'), {}]\n\
        assert not any(validator.is_valid(line) for line in forged)\n\
        print(len(lines))";
    let (folder, lines) = (tempfile::tempdir().expect("a folder"), written().await);
    let file = in_a_file(&folder, &lines);
    let mut python = Command::new(tool("GATEHOUSE_TEST_PYTHON", "python3"));
    python.arg("-c").arg(SCRIPT).arg(repository().join("docs/audit.schema.json")).arg(file);
    assert_eq!(outcome(&mut python).await.unwrap_or_else(|error| panic!("{error}")).trim(), lines.len().to_string());
}
