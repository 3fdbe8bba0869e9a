//! `GET /authorize` (RFC 6749, section 4.1.1; RFC 7636; RFC 8707).

use crate::row::{Expected, Row};
use crate::setting::{Setting, form, with};

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let good = setting.authorization_request();
    let get = |name: &str, pairs: &[(&str, &str)]| {
        let row = Row::new("", "GET", &format!("/authorize?{}", form(pairs)));
        row.named(&format!("GET /authorize: {name}"))
    };
    let mut rows = vec![
        Row::new("no parameters", "GET", "/authorize").gets(Expected::Page(400)),
        Row::new("nonsense", "GET", "/authorize?&&=&%ff=%zz&=&client_id").gets(Expected::Page(400)),
    ];

    // Before client and redirect URI are known to belong together, the user is told and nothing is sent anywhere.
    let others_redirect_uri = setting.authorization.redirect_uri.replace("/callback", "/other");
    let own_callback = format!("{}/callback", setting.origin);
    let long = "x".repeat(5000);
    for (name, values) in [
        (
            "client_id",
            &[
                "",
                "unknown",
                "Conformance",
                "conformance ",
                "conformance\0",
                "\u{e9}",
                "<script>alert(1)</script>",
                &long,
            ][..],
        ),
        (
            "client_id",
            &[
                "https://127.0.0.1/client",
                "https://localhost/client",
                "https://u:p@client.example/",
                "http://client.example/client",
            ],
        ),
        ("client_id", &["1-AAAA", "99999999999-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
        (
            "redirect_uri",
            &[
                "",
                "/callback",
                "https://evil.example/callback",
                "http://127.0.0.1:19311/",
                "http://127.0.0.1:19311/callback/",
                "http://127.0.0.1:19311/Callback",
                "http://127.0.0.1:19311/callback?x=y",
                "http://127.0.0.1:19311/callback#x",
                "http://127.0.0.1:19311/x/../callback",
                "http://127.0.0.1:19311/%63allback",
                "http://127.0.0.1:19311/callback%00",
                "http://127.0.0.1:19311\\@evil.example/callback",
                "http://evil.example@127.0.0.1:19311/callback",
                "http://127.0.0.1:19311@evil.example/callback",
                "http://localhost:19311/callback",
                "http://[::1]:19311/callback",
                "http://127.1:19311/callback",
                "http://127.0.0.1.evil.example:19311/callback",
                "HTTP://127.0.0.1:19311/callback",
                "https://127.0.0.1:19311/callback",
                "javascript:alert(1)",
                "http://127.0.0.1:19311/callback\r\nx: y",
                &others_redirect_uri,
                &own_callback,
                &long,
            ],
        ),
    ] {
        for value in values {
            let shown: String = value.chars().take(50).collect();
            let row = get(&format!("{name} is {shown:?}"), &with(&good, (name, Some(value))));
            rows.push(row.gets(Expected::Page(400)));
        }
    }
    for name in ["client_id", "redirect_uri"] {
        rows.push(get(&format!("no {name}"), &with(&good, (name, None))).gets(Expected::Page(400)));
        let value = good.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        for second in [value, "", "other"] {
            let doubled = [good.as_slice(), &[(name, second)]].concat();
            rows.push(get(&format!("{name} twice, then {second:?}"), &doubled).gets(Expected::Page(400)));
        }
    }

    // From then on the client is told.
    let resource = format!("{}/mcp", setting.origin);
    let (upper, with_fragment, slashed) =
        (resource.replace("/mcp", "/MCP"), format!("{resource}#x"), format!("{resource}/more"));
    let (challenge_42, challenge_44) = ("x".repeat(42), "x".repeat(44));
    for (name, code, values) in [
        (
            "response_type",
            "unsupported_response_type",
            &["token", "code token", "id_token", "Code", "none", "code code"][..],
        ),
        (
            "code_challenge",
            "invalid_request",
            &[
                "x",
                &challenge_42,
                &challenge_44,
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
            ],
        ),
        ("code_challenge_method", "invalid_request", &["plain", "s256", "S512", "none"]),
        ("response_mode", "invalid_request", &["fragment", "form_post", "jwt"]),
        ("scope", "invalid_scope", &["admin", "mcp admin", "mc\"p", "mcp\\", "\u{e9}", "MCP"]),
        (
            "resource",
            "invalid_target",
            &["https://evil.example/mcp", "mcp", "/mcp", &with_fragment, &upper, &slashed, &setting.origin],
        ),
        ("prompt", "interaction_required", &["none"]),
        ("request", "request_not_supported", &["eyJhbGciOiJub25lIn0.e30."]),
        ("request_uri", "request_uri_not_supported", &["https://evil.example/", "urn:ietf:params:oauth:request_uri:x"]),
    ] {
        for value in values {
            let row = get(&format!("{name} is {value:?}"), &with(&good, (name, Some(value))));
            rows.push(row.gets(Expected::Client(code, true)));
        }
        let doubled = [good.as_slice(), &[(name, values[0]), (name, values[0])]].concat();
        // RFC 8707 lets a client name several resources; here they are the same one, and none of ours.
        let code = if name == "resource" { "invalid_target" } else { "invalid_request" };
        rows.push(get(&format!("{name} twice"), &doubled).gets(Expected::Client(code, true)));
    }
    for name in ["response_type", "code_challenge", "code_challenge_method"] {
        rows.push(
            get(&format!("no {name}"), &with(&good, (name, None))).gets(Expected::Client("invalid_request", true)),
        );
        rows.push(
            get(&format!("empty {name}"), &with(&good, (name, Some(""))))
                .gets(Expected::Client("invalid_request", true)),
        );
    }
    let two_resources =
        [good.as_slice(), &[("resource", resource.as_str()), ("resource", "https://other.example/")]].concat();
    rows.push(get("two resources", &two_resources).gets(Expected::Client("invalid_target", true)));
    let two_states = [good.as_slice(), &[("state", "other")]].concat();
    rows.push(get("state twice", &two_states).gets(Expected::Client("invalid_request", false)));
    let long_state = "x".repeat(2049);
    rows.push(
        get("a long state", &with(&good, ("state", Some(&long_state))))
            .gets(Expected::Client("invalid_request", false)),
    );
    let injection = with(&good, ("scope", Some("x\r\nset-cookie: a=b")));
    rows.push(get("a line break in scope", &injection).gets(Expected::Client("invalid_scope", true)));

    let target = format!("/authorize?{}", form(&good));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        rows.push(Row::new("wrong method", method, &target).gets(Expected::Method("GET")));
    }
    let preflight =
        Row::new("a page of another origin asks", "OPTIONS", &target).header("origin", "https://evil.example");
    rows.push(preflight.header("access-control-request-method", "GET").gets(Expected::Method("GET")));
    rows.push(
        Row::new("oversized", "GET", &format!("{target}&x={}", "x".repeat(70_000)))
            .gets(Expected::Refused(&[414, 431])),
    );
    rows
}
