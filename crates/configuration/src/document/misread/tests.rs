use serde_json::{Value, json};

use super::*;
use crate::Configuration;
use crate::tests::{FULL, MINIMAL};

/// The key, the problem and the example.
fn refused(text: &str) -> (String, String, String) {
    match Configuration::parse(text).unwrap_err() {
        ConfigurationError::Key { key, problem, example } => (key, problem.to_string(), example.into_owned()),
        error => panic!("{text}: {error}"),
    }
}

#[test]
fn what_cannot_be_read_is_told_as_every_other_mistake() {
    let with = |lines: &str| format!("{MINIMAL}{FULL}{lines}");
    for (text, key, problem, example) in [
        (
            with("[lifetimes]\naccess_token = \"300\"\n"),
            "lifetimes.access_token",
            "must be a whole number, 1 to 3600, and is text (line 39)",
            "access_token = 300",
        ),
        (
            MINIMAL.replace("[[routes]]", "[routes]"),
            "routes",
            "must be a list of tables, and is one table (line 10)",
            r#"[[routes]] path = "/mcp" url = "https://mcp.internal.example/mcp""#,
        ),
        (
            MINIMAL.replace("[identity_provider]", "[[identity_provider]]"),
            "identity_provider",
            "must be one table, and is a list (line 4)",
            r#"[identity_provider] client_id = "gatehouse" issuer = "https://accounts.example.com" name = "main""#,
        ),
        (
            MINIMAL.replace("path = \"/mcp\"", "path = \"/mcp\"\ntimeouts = 30"),
            "routes[0].timeouts",
            "must be a table, and is a whole number (line 12)",
            "timeouts = { answer = 600, connect = 5 }",
        ),
        (
            with("[limits]\nlong_requests = -1"),
            "limits.long_requests",
            "must be 1 to 100000 (line 39)",
            "long_requests = 128",
        ),
        (
            MINIMAL.replace("path = \"/mcp\"", "path = \"/mcp\"\nlimits.json_depth = -1"),
            "routes[0].limits.json_depth",
            "must be 4 to 127 (line 12)",
            "json_depth = 64",
        ),
        (
            MINIMAL.replace("client_id = \"gatehouse\"\n", ""),
            "identity_provider.client_id",
            "is missing (line 4)",
            r#"client_id = "gatehouse""#,
        ),
        (
            MINIMAL.replace("public_url", "#"),
            "public_url",
            "is missing",
            r#"public_url = "https://gateway.example.com""#,
        ),
        (
            with("").replace("tools = [\"files_write*\"]", "tolls = [\"files_write*\"]"),
            "routes[1].policy[0].tolls",
            "does not exist; did you mean tools? (line 37)",
            r#"tools = ["read_*", "search"]"#,
        ),
        (
            MINIMAL.replace("secret = \"upstream_secret\"", "Secret = \"upstream_secret\""),
            "routes[0].secret_headers.X-Functions-Key.Secret",
            "does not exist; did you mean secret? (line 13)",
            r#"secret = "upstream_secret""#,
        ),
        (
            MINIMAL.replace("path = \"/mcp\"", "path = \"/mcp\"\nscopes = \"mcp\""),
            "routes[0].scopes",
            "must be a list, and is text (line 12)",
            r#"scopes = ["mcp"]"#,
        ),
        (
            MINIMAL.replace("path = \"/mcp\"", "path = \"/mcp\"\nscopes = [\"mcp\", 1]"),
            "routes[0].scopes[1]",
            "must be text in quotes, and is a whole number (line 12)",
            r#"scopes = ["mcp"]"#,
        ),
    ] {
        assert_eq!(refused(&text), (key.to_owned(), problem.to_owned(), example.to_owned()), "{text}");
    }
}

/// In TOML, a key behind a table belongs to that table.
#[test]
fn a_key_that_stands_in_the_wrong_table_is_led_to_its_own() {
    let behind = MINIMAL.replace("[[routes]]", "allowed_origins = []\n[[routes]]");
    let (key, problem, example) = refused(&behind);
    assert_eq!(key, "identity_provider.allowed_origins");
    assert_eq!(problem, "is a key of the document itself, which stands above the first table (line 10)");
    assert_eq!(example, r#"allowed_origins = ["http://localhost:6274"]"#);
    let (_, problem, example) = refused(&format!("request_bytes = 1\n{MINIMAL}"));
    assert_eq!(problem, "does not exist; request_bytes is a key of routes[].limits (line 1)");
    assert_eq!(example, "request_bytes = 4194304");
    let (_, problem, _) = refused(&MINIMAL.replace("[identity_provider]", "[sign_ins]\nzzz = 1\n[identity_provider]"));
    assert_eq!(problem, "does not exist; the keys here are per_minute (line 5)");
}

/// A key of the reference: where it stands in a document, and what the schema says of it.
struct Entry {
    way: Vec<String>,
    schema: Value,
}

/// Every key of the reference, once for each place.
fn entries(schema: &Value, node: &Value, way: &[String]) -> Vec<Entry> {
    let resolve = |node: &Value| match node["$ref"].as_str() {
        Some(reference) => schema["$defs"][reference.rsplit('/').next().unwrap()].clone(),
        None => node.clone(),
    };
    let node = resolve(node);
    let mut found = Vec::new();
    for (name, value) in node["properties"].as_object().into_iter().flatten() {
        let way = [way, std::slice::from_ref(name)].concat();
        let of_value = resolve(value);
        let inner = if of_value["type"] == "array" { resolve(&of_value["items"]) } else { of_value.clone() };
        found.push(Entry { way: way.clone(), schema: of_value.clone() });
        let suffix = if of_value["type"] == "array" { "[]" } else { "" };
        let inside = [&way[..way.len() - 1], &[format!("{name}{suffix}")]].concat();
        found.extend(entries(schema, &inner, &inside));
    }
    found
}

/// The smallest document with the value at that place.
fn document(way: &[String], value: &Value) -> Value {
    let mut document = json!({ "public_url": "https://gateway.example", "identity_provider": {
        "name": "main", "issuer": "https://login.example", "client_id": "gatehouse" },
        "routes": [{ "path": "/mcp", "url": "https://mcp.example/mcp" }] });
    let (name, tables) = way.split_last().unwrap();
    let mut table = &mut document;
    for part in tables {
        table = match part.strip_suffix("[]") {
            Some(list) if table[list].is_null() => {
                table[list] = json!([{}]);
                &mut table[list][0]
            }
            Some(list) => &mut table[list][0],
            None => &mut table[part],
        };
    }
    table[name] = value.clone();
    document
}

#[test]
fn every_key_with_a_value_of_a_wrong_kind_is_named_with_an_example() {
    const RUST: [&str; 12] = [
        "u64", "u32", "u16", "usize", "struct", "Document", "sequence", "invalid", "expected", "field", "string",
        "boolean",
    ];
    let schema: Value = serde_json::from_str(include_str!("../../../../../docs/configuration.schema.json")).unwrap();
    let kinds = [
        ("string", json!("hunter2")),
        ("integer", json!(-271_828)),
        ("fraction", json!(27.182_81)),
        ("boolean", json!(true)),
        ("array", json!([271_828])),
        ("object", json!({ "271828": 271_828 })),
    ];
    let mut tried = 0;
    for Entry { way, schema } in entries(&schema, &schema, &[]) {
        let own = schema["type"].as_str().unwrap_or("string");
        for (kind, value) in &kinds {
            if *kind == own && own != "integer" {
                continue;
            }
            let text = document(&way, value).to_string();
            let (key, problem, example) = refused(&text);
            let written = way.join(".").replace("[]", "[0]");
            // An element of a list, or an unknown key in a table, may be named in place of it.
            assert!(key.starts_with(&written), "{text}: {key}");
            let said = format!("{problem} {example}");
            assert!(!RUST.iter().any(|word| problem.contains(word)), "{text}: {problem}");
            assert!(!said.contains("2718") && !said.contains("27.18") && !said.contains("hunter2"), "{text}: {said}");
            if !example.starts_with('[') {
                toml::from_str::<toml::Table>(&example).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
            let name = way.last().unwrap();
            assert!(example.contains(name.as_str()) || key != written, "{text}: {example}");
            tried += 1;
        }
    }
    assert!(tried > 600, "{tried}");
}
