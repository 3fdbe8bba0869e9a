use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use gatehouse_mcp_wire::json_rpc::Message;

use crate::example::{called, compiled, received, replied, with_operation, with_parameters};
use crate::{Received, RestAnswer};

const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

fn message(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params })
}

fn document() -> Value {
    with_parameters("/x", json!([{ "name": "page", "in": "query", "schema": { "type": "integer" } }]))
}

#[test]
fn a_version_is_agreed_on() {
    let compiled = compiled(&document());
    for (requested, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let (status, answer) =
            replied(&compiled, "unknown", &message("initialize", json!({ "protocolVersion": requested })));
        assert_eq!((status, &answer["result"]["protocolVersion"]), (200, &json!(agreed)), "{requested}");
        assert_eq!(answer["result"]["capabilities"], json!({ "tools": {} }));
    }
    let (status, refused) = replied(&compiled, "unknown", &message("tools/list", json!({})));
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32600)));
}

#[test]
fn a_request_that_stands_alone_names_its_version() {
    let compiled = compiled(&document());
    let ask = |method: &str, version: Value| {
        replied(&compiled, "2026-07-28", &message(method, json!({ "_meta": { CLAIM: version, CAPABILITIES: {} } })))
    };
    let (status, discovered) = ask("server/discover", json!("2026-07-28"));
    assert_eq!((status, &discovered["result"]["supportedVersions"][0]), (200, &json!("2026-07-28")));
    assert_eq!(discovered["result"]["cacheScope"], "public");
    let (status, listed) = ask("tools/list", json!("2026-07-28"));
    assert_eq!(
        (status, &listed["result"]["resultType"], &listed["result"]["cacheScope"]),
        (200, &json!("complete"), &json!("public"))
    );
    let (status, refused) = ask("tools/list", json!("2027-01-01"));
    assert_eq!(
        (status, &refused["error"]["code"], &refused["error"]["data"]["requested"]),
        (400, &json!(-32022), &json!("2027-01-01"))
    );
    let info = json!({ "io.modelcontextprotocol/serverInfo": { "name": "Example", "version": "1" } });
    assert_eq!((&discovered["result"]["_meta"], discovered["result"].get("serverInfo")), (&info, None));
    for meta in [json!({}), json!({ "_meta": { CLAIM: "2026-07-28" } }), json!({ "_meta": { CLAIM: 7 } })] {
        let (status, refused) = replied(&compiled, "2026-07-28", &message("tools/list", meta.clone()));
        assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32602)), "{meta}");
    }
    let unknown = message("server/discover", json!({ "_meta": { CLAIM: "v999.0.0", CAPABILITIES: {} } }));
    let (status, refused) = replied(&compiled, "unknown", &unknown);
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32022)), "whatever the header makes of it");
    for method in ["initialize", "ping", "resources/list"] {
        let (status, refused) = ask(method, json!("2026-07-28"));
        assert_eq!((status, &refused["error"]["code"]), (404, &json!(-32601)), "{method}");
    }
}

#[test]
fn what_the_server_does_not_have_is_refused_and_notifications_are_taken() {
    let compiled = compiled(&document());
    for method in ["resources/list", "prompts/get", "logging/setLevel", "server/discover", "completion/complete"] {
        let (status, refused) = replied(&compiled, "2025-06-18", &message(method, json!({})));
        assert_eq!((status, &refused["error"]["code"]), (200, &json!(-32601)), "{method}");
    }
    assert_eq!(replied(&compiled, "2025-06-18", &message("ping", json!({}))).1["result"], json!({}));
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert!(matches!(received(&compiled, "2025-06-18", &notification), Received::Accepted));
    for params in
        [json!({}), json!({ "name": "none" }), json!({ "name": "call", "arguments": [] }), json!({ "name": 7 })]
    {
        let (status, refused) = replied(&compiled, "2025-06-18", &message("tools/call", params.clone()));
        assert_eq!((status, &refused["error"]["code"]), (200, &json!(-32602)), "{params}");
    }
    for cursor in ["", "x", "0.0", &format!("{}.7", compiled.index.version), &format!("{}.-1", compiled.index.version)]
    {
        let (_, refused) = replied(&compiled, "2025-06-18", &message("tools/list", json!({ "cursor": cursor })));
        assert_eq!(refused["error"]["code"], -32602, "{cursor}");
    }
}

fn finished(document: &Value, status: u16, headers: &[(&'static str, &str)], body: &[u8], secrets: &[&str]) -> Value {
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        fields.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    let answer = RestAnswer { status, headers: &fields, body: body.to_vec(), is_whole: true };
    let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    let reply = called(&compiled(document), &json!({})).finish(answer, &secrets);
    serde_json::from_str::<Value>(&Message::Response(reply).to_text()).unwrap()["result"].clone()
}

#[test]
fn every_answer_of_an_api_is_a_result() {
    let json_type = ("content-type", "application/json");
    let ok = |headers: &[(&'static str, &str)], body: &str| finished(&document(), 200, headers, body.as_bytes(), &[]);
    assert_eq!(ok(&[json_type], "{\"a\":1.50}")["structuredContent"], json!({ "a": 1.5 }));
    assert_eq!(ok(&[json_type], "[1]")["structuredContent"], json!({ "result": [1] }));
    assert_eq!(
        ok(&[("content-type", "application/problem+json; charset=utf-8")], "7")["structuredContent"],
        json!({ "result": 7 })
    );
    assert_eq!(ok(&[], "{\"a\":1}")["structuredContent"], json!({ "a": 1 }));
    for unreadable in [
        "{\"a\":1",
        "[1] 2",
        "{\"a\":1,\"a\":2}",
        "1}",
        "],[",
        &"[".repeat(200),
        &format!("{}1{}", "[".repeat(120), "]".repeat(120)),
    ] {
        let result = ok(&[json_type], unreadable);
        assert_eq!(
            (result["content"][0]["text"].as_str(), result.get("structuredContent")),
            (Some(unreadable), None),
            "{unreadable}"
        );
    }
    assert_eq!(ok(&[("content-type", "text/csv")], "a,b")["content"], json!([{ "type": "text", "text": "a,b" }]));
    assert_eq!(ok(&[("content-type", "audio/wav")], "x")["content"][0]["type"], "audio");
    assert_eq!(ok(&[("content-type", "image/svg+xml")], "<svg/>")["content"][0]["type"], "text");
    let bytes = finished(&document(), 200, &[json_type], &[0xff, 0xfe], &[]);
    assert_eq!(bytes["content"][0]["resource"]["blob"], "//4=");
    for (status, expected) in [
        (302, "HTTP 302 Found. Redirects are not followed."),
        (401, "HTTP 401 Unauthorized\n\nno"),
        (500, "HTTP 500 Internal Server Error\n\nno"),
    ] {
        let result = finished(
            &document(),
            status,
            &[("location", "https://elsewhere.example/"), ("content-type", "text/plain")],
            b"no",
            &[],
        );
        assert_eq!(
            (&result["isError"], result["content"][0]["text"].as_str()),
            (&json!(true), Some(expected)),
            "{status}"
        );
    }
    let busy = finished(&document(), 429, &[("retry-after", "7"), ("content-type", "image/png")], b"\x89", &[]);
    assert_eq!(busy["content"][0]["text"], "HTTP 429 Too Many Requests\nRetry-After: 7");
}

#[test]
fn a_tool_with_an_output_schema_always_has_structured_content() {
    let responses = json!({ "200": { "description": "ok", "content": { "application/json": { "schema": { "type": "object" } } } } });
    let document = with_operation("get", "/x", json!({ "responses": responses }));
    for (status, body) in [(204, ""), (200, "not json")] {
        let result = finished(&document, status, &[("content-type", "text/plain")], body.as_bytes(), &[]);
        assert_eq!(result["structuredContent"], json!({}), "{status}");
    }
}

#[test]
fn secrets_that_an_api_repeats_are_not_in_the_result() {
    let secret = "s\"ecret/key+1";
    let body = json!({ "headers": { "X-Key": secret, "encoded": "s%22ecret%2Fkey%2B1" } }).to_string();
    for (status, media_type) in
        [(200, "application/json"), (200, "text/plain"), (500, "text/plain"), (200, "application/zip")]
    {
        let result =
            finished(&document(), status, &[("content-type", media_type)], body.as_bytes(), &[secret, "short"]);
        let text = result.to_string();
        assert!(!text.contains("ecret/key") && !text.contains("ecret%2Fkey"), "{text}");
    }
    let next = [("link", "</x?page=very-secret>; rel=next"), ("content-type", "application/json")];
    assert!(!finished(&document(), 200, &next, b"{}", &["very-secret"]).to_string().contains("very-secret"));
}

#[test]
fn the_next_page_is_told_as_arguments() {
    let hint = |link: &str| {
        let result = finished(&document(), 200, &[("link", link), ("content-type", "application/json")], b"[]", &[]);
        result["content"][1]["text"].as_str().map(|text| text.rsplit(": ").next().unwrap().to_owned())
    };
    assert_eq!(
        hint("<https://api.example/x?page=2&other=3>; rel=\"next\", <x?page=9>; rel=\"last\"").as_deref(),
        Some("{\"page\":2}")
    );
    assert_eq!(hint("<x?page=1>; rel=\"prev\", <x?page=3>; REL=\"last next\"").as_deref(), Some("{\"page\":3}"));
    assert_eq!(hint("<x?page=a%20b>;rel=next").as_deref(), Some("{\"page\":\"a b\"}"));
    for none in [
        "<x?page=1>; rel=prev",
        "<x>; rel=next",
        "<x?other=1>; rel=next",
        "<x?page=1",
        "page=1; rel=next",
        "",
        "<>;;;=,rel==next",
    ] {
        assert_eq!(hint(none), None, "{none}");
    }
}
