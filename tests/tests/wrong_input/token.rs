//! `POST /token` (RFC 6749, sections 4.1.3, 5.2 and 6; RFC 7636, section 4.6; RFC 8707, section 2.2).

use gatehouse_tests::CHALLENGE;

use crate::row::{Expected, Row};
use crate::setting::{Setting, form, with};

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let mut rows = of_any_grant(setting);
    rows.extend(of_codes(setting));
    rows.extend(of_refresh_tokens(setting));
    rows
}

fn post(name: &str, body: &str, expected: Expected) -> Row {
    let row = Row::new("", "POST", "/token").form(body).gets(expected);
    row.named(&format!("POST /token: {name}"))
}

const INVALID_REQUEST: Expected = Expected::Error(400, "invalid_request");

fn of_any_grant(setting: &Setting) -> Vec<Row> {
    let (code, refresh) = (setting.redemption(), setting.refresh());
    let body = form(&code);
    let typed = |kind: &str| {
        let row = Row::new("", "POST", "/token").header("content-type", kind).body(body.as_bytes());
        row.named(&format!("POST /token: content type {kind:?}")).gets(INVALID_REQUEST)
    };
    let mut rows: Vec<_> =
        ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencodedx", ""]
            .map(typed)
            .to_vec();
    rows.push(Row::new("no content type", "POST", "/token").body(body.as_bytes()).gets(INVALID_REQUEST));
    rows.push(Row::new("the form in the query", "POST", &format!("/token?{body}")).form("").gets(INVALID_REQUEST));
    rows.push(post("no body", "", INVALID_REQUEST));
    rows.push(post("not UTF-8", "", INVALID_REQUEST).body(b"grant_type=authorization_code&code=\xff"));
    rows.push(post("oversized", &format!("{body}&x={}", "x".repeat(70_000)), Expected::Error(413, "invalid_request")));
    for good in [&code, &refresh] {
        for value in [
            "password",
            "implicit",
            "Authorization_Code",
            "code",
            "urn:ietf:params:oauth:grant-type:device_code",
            "\u{e9}",
        ] {
            let body = form(&with(good, ("grant_type", Some(value))));
            rows.push(post(&format!("grant_type is {value}"), &body, Expected::Error(400, "unsupported_grant_type")));
        }
        for machine in ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
            let body = form(&[&with(good, ("grant_type", Some(machine)))[..], &[("assertion", "a.b.c")]].concat());
            rows.push(post(&format!("grant_type is {machine}"), &body, Expected::Error(400, "unauthorized_client")));
        }
        // What is required, and must not be there twice.
        for (name, value) in good.iter().filter(|(name, _)| *name != "redirect_uri") {
            rows.push(post(&format!("no {name}"), &form(&with(good, (name, None))), INVALID_REQUEST));
            rows.push(post(&format!("empty {name}"), &form(&with(good, (name, Some("")))), INVALID_REQUEST));
            let doubled = form(&[good.as_slice(), &[(*name, *value)]].concat());
            rows.push(post(&format!("{name} twice"), &doubled, INVALID_REQUEST));
        }
        let long = "x".repeat(5000);
        for client in ["unknown", "Conformance", "1-AAAA", "\u{e9}", "<script>", "https://127.0.0.1/client", &long] {
            let body = form(&with(good, ("client_id", Some(client))));
            let shown: String = client.chars().take(30).collect();
            rows.push(post(&format!("client_id is {shown}"), &body, Expected::Error(401, "invalid_client")));
        }
        let body = form(good);
        let secret = [good.as_slice(), &[("client_secret", "x")]].concat();
        rows.push(post("a client_secret", &form(&secret), Expected::Error(401, "invalid_client")));
        for scheme in ["Basic Y29uZm9ybWFuY2U6eA==", "Basic x", "Bearer x", "Digest x"] {
            let row = post(&format!("Authorization: {scheme}"), &body, Expected::Error(401, "invalid_client"));
            rows.push(row.header("authorization", scheme));
        }
        let resource = format!("{}/mcp", setting.origin);
        for resource in [
            "https://evil.example/mcp",
            "mcp",
            "/mcp",
            &format!("{resource}#x"),
            &format!("{resource}/more"),
            &setting.origin,
        ] {
            let body = form(&[good.as_slice(), &[("resource", resource)]].concat());
            rows.push(post(&format!("resource is {resource}"), &body, Expected::Error(400, "invalid_target")));
        }
        let two = [good.as_slice(), &[("resource", resource.as_str()), ("resource", "https://evil.example/")]].concat();
        rows.push(post("two resources", &form(&two), Expected::Error(400, "invalid_target")));
    }
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        rows.push(Row::new("wrong method", method, "/token").form(&body).gets(Expected::Method("POST")));
    }
    rows
}

fn of_codes(setting: &Setting) -> Vec<Row> {
    let good = setting.redemption();
    let mut rows = Vec::new();
    let (short, long) = ("x".repeat(42), "x".repeat(129));
    for verifier in [
        "x",
        &short,
        &long,
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX ",
        "\u{e9}BjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ] {
        let body = form(&with(&good, ("code_verifier", Some(verifier))));
        rows.push(post(&format!("code_verifier is {verifier}"), &body, INVALID_REQUEST));
    }
    let mut flipped = setting.authorization.code.clone();
    flipped.replace_range(30..31, if flipped.as_bytes()[30] == b'A' { "B" } else { "A" });
    let longer = format!("{}A", setting.authorization.code);
    let other_redirect_uri = setting.authorization.redirect_uri.replace("/callback", "/other");
    for (name, values) in [
        ("code_verifier", &["xBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", CHALLENGE][..]),
        ("code", &["x", "\u{e9}", "<script>", &setting.authorization.code[1..], &flipped, &longer]),
        ("code", &[&setting.refresh_token, &setting.access_token, &setting.ticket, &setting.state]),
        ("redirect_uri", &["x", "https://evil.example/callback", crate::setting::REDIRECT_URI, &other_redirect_uri]),
        ("client_id", &[&setting.client_id]),
    ] {
        for value in values {
            let shown: String = value.chars().take(40).collect();
            let body = form(&with(&good, (name, Some(value))));
            rows.push(post(&format!("wrong {name} {shown}"), &body, Expected::Error(400, "invalid_grant")));
        }
    }
    let doubled = form(&[good.as_slice(), &[("redirect_uri", setting.authorization.redirect_uri.as_str())]].concat());
    rows.push(post("redirect_uri twice", &doubled, INVALID_REQUEST));
    rows
}

fn of_refresh_tokens(setting: &Setting) -> Vec<Row> {
    let good = setting.refresh();
    let mut rows = Vec::new();
    let mut flipped = setting.refresh_token.clone();
    flipped.replace_range(30..31, if flipped.as_bytes()[30] == b'A' { "B" } else { "A" });
    let longer = format!("{}A", setting.refresh_token);
    for value in [
        "x",
        "\u{e9}",
        &setting.refresh_token[1..],
        &flipped,
        &longer,
        &setting.access_token,
        &setting.authorization.code,
        &setting.ticket,
    ] {
        let shown: String = value.chars().take(20).collect();
        let body = form(&with(&good, ("refresh_token", Some(value))));
        rows.push(post(&format!("wrong refresh_token {shown}"), &body, Expected::Error(400, "invalid_grant")));
    }
    let foreign = form(&with(&good, ("client_id", Some("conformance"))));
    rows.push(post("another client's refresh token", &foreign, Expected::Error(400, "invalid_grant")));
    for scope in ["admin", "mcp admin", "MCP", "mc\"p", "mcp\\", "\u{e9}"] {
        let body = form(&[good.as_slice(), &[("scope", scope)]].concat());
        rows.push(post(&format!("scope is {scope}"), &body, Expected::Error(400, "invalid_scope")));
    }
    let doubled = form(&[good.as_slice(), &[("scope", "mcp"), ("scope", "mcp")]].concat());
    rows.push(post("scope twice", &doubled, INVALID_REQUEST));
    rows
}
