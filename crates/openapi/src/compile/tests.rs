use serde_json::{Value, json};

use crate::example::{compiled, only_tool, tools, try_compile, with_operation, with_parameters};
use crate::{DocumentError, list_piece};

fn with_schema(schema: Value, components: Value) -> Value {
    let operation =
        json!({ "requestBody": { "content": { "application/json": { "schema": schema } } }, "responses": {} });
    let mut document = with_operation("post", "/x", operation);
    document["components"] = json!({ "schemas": components });
    document
}

fn body(schema: Value, components: Value) -> Value {
    only_tool(&with_schema(schema, components))["inputSchema"]["properties"]["body"].clone()
}

#[test]
fn a_tool_says_what_the_operation_says() {
    let operation = json!({
        "summary": "Reads one", "description": "Reads one thing.", "deprecated": true,
        "parameters": [{ "name": "id", "in": "path", "required": true, "description": "Which.", "schema": { "type": "integer", "example": 3 } }],
        "responses": { "default": { "description": "error" }, "200": { "description": "ok", "content": { "application/json": { "schema": { "type": "object", "properties": { "id": { "type": "integer" } } } } } } },
    });
    let expected = json!({
        "name": "call", "title": "Reads one", "description": "Deprecated.\n\nReads one\n\nReads one thing.\n\nGET /x/{id}",
        "inputSchema": { "type": "object", "properties": { "id": { "type": "integer", "description": "Which." } }, "required": ["id"], "additionalProperties": false },
        "outputSchema": { "type": "object", "properties": { "id": { "type": ["integer", "null"] } } },
        "annotations": { "title": "Reads one", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": true },
    });
    assert_eq!(only_tool(&with_operation("get", "/x/{id}", operation)), expected);
    for (method, hints) in [
        ("get", [true, false, true]),
        ("put", [false, true, true]),
        ("delete", [false, true, true]),
        ("post", [false, true, false]),
        ("patch", [false, true, false]),
    ] {
        let tool = only_tool(&with_operation(method, "/x", json!({ "responses": {} })));
        let found = ["readOnlyHint", "destructiveHint", "idempotentHint"]
            .map(|hint| tool["annotations"][hint].as_bool().unwrap());
        assert_eq!(found, hints, "{method}");
    }
}

#[test]
fn schemas_of_both_versions_become_json_schema() {
    for (schema, expected) in [
        (
            json!({ "type": "string", "nullable": true, "enum": ["a"] }),
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
        ),
        (
            json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true }),
            json!({ "type": "integer", "exclusiveMinimum": 1 }),
        ),
        (json!({ "type": "integer", "exclusiveMaximum": 5 }), json!({ "type": "integer", "exclusiveMaximum": 5 })),
        (
            json!({ "allOf": [{ "type": "object" }], "nullable": true }),
            json!({ "anyOf": [{ "allOf": [{ "type": "object" }] }, { "type": "null" }] }),
        ),
        (
            json!({ "type": ["string", "null"], "example": "x", "xml": {}, "x-more": 1 }),
            json!({ "type": ["string", "null"] }),
        ),
        (json!({ "type": "file" }), json!({})),
        (json!({ "type": "string", "pattern": "(?i)a" }), json!({ "type": "string" })),
        (json!({ "type": "string", "pattern": "^a+$" }), json!({ "type": "string", "pattern": "^a+$" })),
        (
            json!({ "type": "object", "required": ["a", "b"], "properties": { "a": { "type": "string", "readOnly": true }, "b": { "type": "string", "writeOnly": true } } }),
            json!({ "type": "object", "required": ["b"], "properties": { "b": { "type": "string" } } }),
        ),
    ] {
        assert_eq!(body(schema.clone(), json!({})), expected, "{schema}");
    }
}

#[test]
fn references_are_followed_and_circles_end() {
    let components = json!({
        "Node": { "type": "object", "properties": { "name": { "$ref": "#/components/schemas/Name" }, "next": { "$ref": "#/components/schemas/Node" } } },
        "Name": { "type": "string" }, "Loop": { "$ref": "#/components/schemas/Pool" }, "Pool": { "$ref": "#/components/schemas/Loop" },
        "a/b~c": { "type": "boolean" },
    });
    let node = body(json!({ "$ref": "#/components/schemas/Node" }), components.clone());
    assert_eq!(node, json!({ "type": "object", "properties": { "name": { "type": "string" }, "next": {} } }));
    assert_eq!(body(json!({ "$ref": "#/components/schemas/Loop" }), components.clone()), json!({}));
    assert_eq!(
        body(json!({ "$ref": "#/components/schemas/a~1b~0c" }), components.clone()),
        json!({ "type": "boolean" })
    );
    let within = json!({ "$ref": "#/components/schemas/Node/properties/name", "description": "Beside." });
    assert_eq!(body(within, components), json!({ "type": "string", "description": "Beside." }));
    for outside in [
        "https://evil.example/schema.json",
        "other.yaml#/a",
        "file:///etc/passwd",
        "#/components/schemas/None",
        "#/paths/~1x/post/x",
        "",
    ] {
        assert_eq!(body(json!({ "$ref": outside }), json!({})), json!({}), "{outside}");
    }
}

#[test]
fn a_schema_that_branches_at_every_level_stays_small() {
    let mut components = serde_json::Map::new();
    for level in 0..30 {
        let next = json!({ "$ref": format!("#/components/schemas/L{}", level + 1) });
        let properties: serde_json::Map<_, _> = (0..30).map(|number| (format!("p{number}"), next.clone())).collect();
        components.insert(format!("L{level}"), json!({ "type": "object", "properties": properties }));
    }
    let written = body(json!({ "$ref": "#/components/schemas/L0" }), Value::Object(components));
    assert!(written.to_string().len() <= 24 * 1024, "{}", written.to_string().len());
    assert_eq!(written["properties"].as_object().unwrap().len(), 30);
}

#[test]
fn what_cannot_be_called_is_left_out_and_said() {
    let mut document = with_operation("get", "/fine", json!({ "responses": {} }));
    let path = |name: &str, operation: Value| (name.to_owned(), json!({ "get": operation }));
    let needs = |parameter: Value| json!({ "parameters": [parameter], "responses": {} });
    for (name, item) in [
        path("/cookie", needs(json!({ "name": "sid", "in": "cookie", "required": true, "schema": {} }))),
        path("/no/{described}", json!({ "responses": {} })),
        path(
            "/upload",
            json!({ "requestBody": { "required": true, "content": { "multipart/form-data": {} } }, "responses": {} }),
        ),
        path("/elsewhere", needs(json!({ "$ref": "https://evil.example/parameter.json" }))),
        path("/../admin", json!({ "responses": {} })),
        path("/a//b", json!({ "responses": {} })),
        path("/%2e%2e/admin", json!({ "responses": {} })),
        path("/query?a=b", json!({ "responses": {} })),
        path("no-slash", json!({ "responses": {} })),
        path("/callbacks", json!({ "callbacks": {}, "responses": {} })),
        path("/operator", needs(json!({ "name": "X-Operator", "in": "header", "required": true, "schema": {} }))),
    ] {
        document["paths"][name] = item;
    }
    document["webhooks"] = json!({});
    document["components"] = json!({ "securitySchemes": {
        "key": { "type": "apiKey", "in": "header", "name": "X-Key" }, "cookie": { "type": "apiKey", "in": "cookie", "name": "sid" },
        "user": { "type": "oauth2", "flows": {} }, "tls": { "type": "mutualTLS" },
    } });
    let compiled = compiled(&document);
    let mut names: Vec<_> = compiled.tools.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["call", "get_callbacks", "get_operator"]);
    let notes: Vec<_> = compiled.notes.iter().map(ToString::to_string).collect();
    for said in [
        "GET /cookie: is left out: it needs the cookie sid",
        "GET /no/{described}: is left out",
        "GET /upload: is left out: a body of multipart/form-data",
        "GET /elsewhere: is left out",
        "GET /../admin: is left out",
        "GET /a//b: is left out",
        "GET /%2e%2e/admin: is left out",
        "GET /query?a=b: is left out",
        "GET no-slash: is left out",
        "GET /callbacks: its callbacks",
        "GET /operator: needs the header X-Operator",
        "webhooks: are left out",
        "key: the API wants a key in the header X-Key: set it in secret_headers",
        "cookie: ",
        "user: the API wants a bearer token",
        "tls: the API wants a client certificate",
    ] {
        assert!(notes.iter().any(|note| note.starts_with(said)), "{said}: {notes:#?}");
    }
}

#[test]
fn parameters_with_one_name_in_two_places_are_two_arguments() {
    let parameters = json!([
        { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }, { "name": "id", "in": "query", "schema": { "type": "integer" } },
        { "name": "body", "in": "query", "schema": {} },
    ]);
    let mut document = with_parameters("/x/{id}", parameters);
    document["paths"]["/x/{id}"]["get"]["requestBody"] = json!({ "content": { "application/json": {} } });
    let tool = only_tool(&document);
    let names: Vec<_> = tool["inputSchema"]["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["body", "id", "id_query", "request_body"]);
}

#[test]
fn a_document_that_is_none_is_refused() {
    for (text, said) in [
        ("{\"swagger\": \"2.0\"}", "Swagger 2.0"),
        ("{\"openapi\": \"4.0.0\"}", "4.0.0"),
        ("{}", "not OpenAPI"),
        ("<html>", "not OpenAPI"),
        ("{\"openapi\": \"3.0.0\"", "not JSON"),
        ("a: [", "YAML"),
        ("{\"openapi\": \"3.0.0\", \"paths\": {}}", "no operation"),
        ("{\"openapi\": \"3.0.0\", \"paths\": 7}", "no operation"),
    ] {
        let error = try_compile(text, "").unwrap_err().to_string();
        assert!(error.contains(said) || error.contains("not JSON"), "{text}: {error}");
    }
    let huge = format!("{{\"openapi\": \"3.0.0\", \"x\": \"{}\"}}", "a".repeat(crate::LARGEST_DOCUMENT));
    assert_eq!(try_compile(&huge, "").unwrap_err(), DocumentError::TooLarge);
    let deep = format!("{{\"openapi\": \"3.0.0\", \"paths\": {}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(try_compile(&deep, "").is_err());
}

#[test]
fn many_operations_are_divided_and_each_is_found() {
    let mut document = json!({ "openapi": "3.0.0", "info": { "title": "Many", "version": "1" }, "paths": {} });
    for number in 0..900 {
        let operation =
            json!({ "operationId": format!("op{number}"), "description": "x".repeat(900), "responses": {} });
        document["paths"][format!("/p{number}")] = json!({ "get": operation });
    }
    let compiled = compiled(&document);
    assert!(compiled.index.lists > 2 && compiled.index.calls > 1, "{:?}", compiled.index);
    assert!(compiled.pieces.iter().all(|(_, text)| text.len() < 300_000));
    let first = compiled.pieces.iter().find(|(name, _)| *name == list_piece(0)).unwrap();
    assert!(first.1.len() > 200_000, "clients that read one page alone see many");
    let listed = tools(&compiled);
    assert_eq!(listed.len(), 900);
    for tool in &listed {
        let params = json!({ "name": tool["name"], "arguments": {} });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        assert!(matches!(crate::example::received(&compiled, "2025-11-25", &message), crate::Received::Call(_)));
    }
    let again = crate::example::compiled(&document);
    assert_eq!(again.index.version, compiled.index.version);
    document["paths"]["/p0"]["get"]["description"] = "other".into();
    assert_ne!(crate::example::compiled(&document).index.version, compiled.index.version);
    for number in 900..2_100 {
        document["paths"][format!("/p{number}")] = json!({ "get": { "responses": {} } });
    }
    assert!(matches!(try_compile(&document.to_string(), "").unwrap_err(), DocumentError::TooManyOperations(_)));
}

#[test]
fn yaml_and_json_make_the_same_tools() {
    let yaml = "openapi: 3.1.0\ninfo:\n  title: Example\n  version: '1'\npaths:\n  /x:\n    get:\n      operationId: call\n      parameters:\n        - {name: a, in: query, schema: {type: string}}\n      responses: {}\n";
    let json = with_parameters("/x", json!([{ "name": "a", "in": "query", "schema": { "type": "string" } }]));
    assert_eq!(try_compile(yaml, "").unwrap(), compiled(&json));
}

#[test]
fn references_to_other_parts_than_components_are_followed_and_cost_little() {
    let mut document = with_parameters("/a", json!([{ "$ref": "#/paths/~1b/get/parameters/0" }]));
    document["paths"]["/b"] = json!({ "get": { "operationId": "b", "responses": {}, "parameters": [
        { "name": "q", "in": "query", "schema": { "type": "integer" } }] } });
    let found = tools(&compiled(&document));
    let tool = found.iter().find(|tool| tool["name"] == "call").unwrap();
    assert_eq!(tool["inputSchema"]["properties"]["q"]["type"], "integer");
    // Many paths, each of which refers to the last one: all of them are read once, and not once for each.
    let paths: serde_json::Map<_, _> = (0..1_000)
        .map(|number| {
            let parameters: Vec<_> =
                (0..50).map(|_| json!({ "$ref": "#/paths/~1p999/get/parameters/0", "x": "x".repeat(200) })).collect();
            (format!("/p{number}"), json!({ "get": { "parameters": parameters, "responses": {} } }))
        })
        .collect();
    document["paths"] = Value::Object(paths);
    document["paths"]["/p999"]["get"]["parameters"] = json!([{ "name": "q", "in": "query", "schema": {} }]);
    let started = std::time::Instant::now();
    assert_eq!(compiled(&document).tools.len(), 1_000);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn too_many_parameters_and_names_that_are_too_long_leave_an_operation_out() {
    let named = |name: &str| json!({ "name": name, "in": "query", "schema": {} });
    let with = |parameters: Vec<Value>| try_compile(&with_parameters("/x", Value::Array(parameters)).to_string(), "");
    let many = |count: usize| (0..count).map(|number| named(&format!("p{number}"))).collect::<Vec<_>>();
    assert!(with(many(100)).is_ok());
    assert_eq!(with(many(101)), Err(DocumentError::NoOperation));
    assert_eq!(with(vec![named("same"); 100_000]), Err(DocumentError::NoOperation));
    assert!(with(vec![named(&"n".repeat(200))]).is_ok());
    assert_eq!(with(vec![named(&"n".repeat(201))]), Err(DocumentError::NoOperation));
    // Of two for the same, the operation's counts; both lists together have too many.
    let mut document = with_parameters("/x", Value::Array(many(60)));
    document["paths"]["/x"]["parameters"] = Value::Array(many(60));
    assert_eq!(only_tool(&document)["inputSchema"]["properties"].as_object().unwrap().len(), 60);
    document["paths"]["/x"]["parameters"] = Value::Array((0..60).map(|number| named(&format!("o{number}"))).collect());
    assert_eq!(try_compile(&document.to_string(), ""), Err(DocumentError::NoOperation));
}

#[test]
fn what_is_kept_to_call_tools_counts_as_their_bytes_do() {
    // Little of it is in the tools: names of fields that are written deep.
    let fields: serde_json::Map<_, _> =
        (0..300).map(|number| (format!("{number}{}", "f".repeat(100)), json!({ "style": "deepObject" }))).collect();
    let media = json!({ "application/x-www-form-urlencoded": { "encoding": fields } });
    let mut document = with_operation("post", "/x", json!({}));
    let paths: serde_json::Map<_, _> = (0..400)
        .map(|number| {
            (format!("/x{number}"), json!({ "post": { "requestBody": { "content": media }, "responses": {} } }))
        })
        .collect();
    document["paths"] = Value::Object(paths);
    assert!(matches!(try_compile(&document.to_string(), ""), Err(DocumentError::ToolsTooLarge(_))));
}
