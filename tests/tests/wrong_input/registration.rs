//! `POST /register` (RFC 7591).

use serde_json::json;

use crate::row::{Expected, Row};
use crate::setting::Setting;

const METADATA: Expected = Expected::Error(400, "invalid_client_metadata");
const REDIRECT_URI: Expected = Expected::Error(400, "invalid_redirect_uri");

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let post = || Row::new("", "POST", "/register");
    let good = json!({ "redirect_uris": ["https://client.example/callback"] });
    let named = |name: &str, row: Row| row.named(&format!("POST /register: {name}"));
    let mut rows = Vec::new();
    for (name, body) in [
        ("no body", String::new()),
        ("not JSON", "redirect_uris=https://client.example".to_owned()),
        ("half of it", "{\"redirect_uris\":[".to_owned()),
        ("something after it", format!("{good}{good}")),
        ("null", "null".to_owned()),
        ("an array", "[]".to_owned()),
        ("an array of the members' values", "[[\"https://client.example/callback\"],\"name\"]".to_owned()),
        ("a string", "\"https://client.example\"".to_owned()),
        ("very deep", format!("{{\"x\":{}}}", "[".repeat(20_000))),
        (
            "a doubled member",
            "{\"redirect_uris\":[\"https://a.example/\"],\"redirect_uris\":[\"https://b.example/\"]}".to_owned(),
        ),
        ("redirect_uris is a string", json!({ "redirect_uris": "https://client.example/" }).to_string()),
        ("redirect_uris is an object", json!({ "redirect_uris": {} }).to_string()),
        ("redirect_uris is null", json!({ "redirect_uris": null }).to_string()),
        ("a redirect URI is a number", json!({ "redirect_uris": [1] }).to_string()),
    ] {
        rows.push(named(name, post().json(&body).gets(METADATA)));
    }
    for (name, member, value) in [
        ("client_name is a number", "client_name", json!(1)),
        ("client_name is long", "client_name", json!("x".repeat(129))),
        ("client_name has a line break", "client_name", json!("a\nb")),
        ("client_name has a NUL", "client_name", json!("a\0b")),
        ("client_name turns the text's direction", "client_name", json!("a\u{202e}b")),
        ("grant_types is a string", "grant_types", json!("authorization_code")),
        ("grant_types has nothing usable", "grant_types", json!(["implicit", "password"])),
        ("grant_types is empty", "grant_types", json!([])),
        ("grant_types are numbers", "grant_types", json!([1])),
        ("response_types has nothing usable", "response_types", json!(["token"])),
        ("response_types is an object", "response_types", json!({})),
    ] {
        let mut body = good.clone();
        body[member] = value;
        rows.push(named(name, post().json(&body.to_string()).gets(METADATA)));
    }
    rows.push(named("no redirect_uris", post().json("{}").gets(REDIRECT_URI)));
    rows.push(named("no redirect URI", post().json(r#"{"redirect_uris":[]}"#).gets(REDIRECT_URI)));
    let many: Vec<_> = (0..17).map(|number| format!("https://client.example/{number}")).collect();
    rows.push(named("17 redirect URIs", post().json(&json!({ "redirect_uris": many }).to_string()).gets(REDIRECT_URI)));
    let long = format!("https://client.example/{}", "x".repeat(2048));
    let own = format!("{}/callback", setting.origin);
    for uri in [
        "",
        "/callback",
        "client.example",
        "http://client.example/callback",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "app://callback",
        "https:client.example",
        "https://",
        "https://client.example/#fragment",
        "https://user@client.example/",
        "https://user:password@client.example/",
        "https://@client.example/",
        "https://client.example\\@evil.example/",
        "https://client.example/\r\nset-cookie: a=b",
        "https://client.example/ x",
        "https://cli\u{e9}nt.example/",
        long.as_str(),
        own.as_str(),
    ] {
        let shown: String = uri.chars().take(60).collect();
        for uris in [json!([uri]), json!(["https://client.example/callback", uri])] {
            let row = post().json(&json!({ "redirect_uris": uris }).to_string()).gets(REDIRECT_URI);
            rows.push(named(&format!("redirect URI {shown:?}"), row));
        }
    }
    let good = good.to_string();
    let typed = |kind: &str| post().header("content-type", kind).body(good.as_bytes()).gets(METADATA);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json+x", ""] {
        rows.push(named(&format!("content type {kind:?}"), typed(kind)));
    }
    rows.push(named("no content type", post().body(good.as_bytes()).gets(METADATA)));
    rows.push(named("not UTF-8", post().json("").body(b"{\"redirect_uris\":[\"https://\xff\"]}").gets(METADATA)));
    let large = json!({ "redirect_uris": ["https://client.example/"], "x": "x".repeat(70_000) }).to_string();
    rows.push(named("oversized", post().json(&large).gets(Expected::Error(413, "invalid_request"))));
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        rows.push(Row::new("wrong method", method, "/register").json(&good).gets(Expected::Method("POST")));
    }
    rows
}
