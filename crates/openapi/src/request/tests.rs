use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::{compiled, request, request_at, tools, with_operation, with_parameters};

fn uri(parameters: Value, path: &str, arguments: Value) -> String {
    let built = request(&with_parameters(path, parameters), &arguments);
    built.map_or_else(|error| error.to_string(), |request| request.uri().to_string())
}

fn query(parameter: Value, value: Value) -> String {
    let mut parameter = parameter;
    parameter["name"] = "a".into();
    parameter["in"] = "query".into();
    parameter["schema"] = json!({});
    let uri = uri(json!([parameter]), "/x", json!({ "a": value }));
    uri.strip_prefix("https://api.example/v1/x").unwrap_or(&uri).trim_start_matches('?').to_owned()
}

#[test]
fn the_styles_of_a_query_are_those_of_openapi() {
    let (list, table) = (json!(["blue", "b&c", 3]), json!({ "R": 100, "G b": true }));
    for (parameter, value, expected) in [
        (json!({}), json!("a b/ü?&=+"), "a=a%20b%2F%C3%BC%3F%26%3D%2B"),
        (json!({}), json!(""), "a="),
        (json!({}), json!(1.50), "a=1.5"),
        (json!({}), json!(false), "a=false"),
        (json!({}), Value::Null, ""),
        (json!({}), list.clone(), "a=blue&a=b%26c&a=3"),
        (json!({ "explode": false }), list.clone(), "a=blue,b%26c,3"),
        (json!({ "style": "spaceDelimited", "explode": false }), list.clone(), "a=blue%20b%26c%203"),
        (json!({ "style": "pipeDelimited", "explode": false }), list.clone(), "a=blue%7Cb%26c%7C3"),
        (json!({}), table.clone(), "G%20b=true&R=100"),
        (json!({ "explode": false }), table.clone(), "a=G%20b,true,R,100"),
        (json!({ "style": "deepObject" }), table, "a%5BG%20b%5D=true&a%5BR%5D=100"),
        (
            json!({ "style": "deepObject" }),
            json!({ "x": [1, { "y": 2 }] }),
            "a%5Bx%5D%5B0%5D=1&a%5Bx%5D%5B1%5D%5By%5D=2",
        ),
        (json!({}), json!([[1]]), "The argument a must hold single values only"),
    ] {
        assert_eq!(query(parameter.clone(), value.clone()), expected, "{parameter} {value}");
    }
    let json_text = json!([{ "name": "a", "in": "query", "content": { "application/json": { "schema": {} } } }]);
    assert_eq!(
        uri(json_text, "/x", json!({ "a": { "b": [1] } })),
        "https://api.example/v1/x?a=%7B%22b%22%3A%5B1%5D%7D"
    );
}

#[test]
fn the_styles_of_a_path_are_those_of_openapi() {
    let (list, table) = (json!(["blue", "b/c"]), json!({ "R": 100, "G": 2 }));
    for (style, explode, value, expected) in [
        ("simple", false, json!("a b"), "a%20b"),
        ("simple", false, list.clone(), "blue,b%2Fc"),
        ("simple", true, list.clone(), "blue,b%2Fc"),
        ("simple", false, table.clone(), "G,2,R,100"),
        ("simple", true, table.clone(), "G=2,R=100"),
        ("label", false, json!("blue"), ".blue"),
        ("label", false, list.clone(), ".blue,b%2Fc"),
        ("label", true, list.clone(), ".blue.b%2Fc"),
        ("label", true, table.clone(), ".G=2.R=100"),
        ("matrix", false, json!("blue"), ";a=blue"),
        ("matrix", false, list.clone(), ";a=blue,b%2Fc"),
        ("matrix", true, list, ";a=blue;a=b%2Fc"),
        ("matrix", true, table.clone(), ";G=2;R=100"),
        ("matrix", false, table, ";a=G,2,R,100"),
    ] {
        let parameter =
            json!([{ "name": "a", "in": "path", "required": true, "style": style, "explode": explode, "schema": {} }]);
        let expected = format!("https://api.example/v1/x/{expected}/y");
        assert_eq!(uri(parameter, "/x/{a}/y", json!({ "a": value.clone() })), expected, "{style} {explode} {value}");
    }
}

#[test]
fn no_value_leads_to_another_path() {
    let parameter = json!([{ "name": "a", "in": "path", "required": true, "schema": {} }]);
    let elsewhere = UnusableArguments::Path("a".to_owned()).to_string();
    for value in [
        ".",
        "..",
        "../admin",
        "a/..",
        "a/../b",
        "..\\b",
        "a\\..",
        "..;/admin",
        ".;x=1",
        "%2e%2e",
        "%2E%2E%2Fadmin",
        "a%2F..",
        ". ",
        "..%00",
        "a\r\nHost: evil",
        "a\0",
        "\u{7f}",
    ] {
        assert_eq!(uri(parameter.clone(), "/x/{a}", json!({ "a": value })), elsewhere, "{value:?}");
    }
    for value in [json!(["..", "x"]), json!({ "..": 1 }), json!({ "a": "../b" })] {
        assert_eq!(uri(parameter.clone(), "/x/{a}", json!({ "a": value })), elsewhere, "{value}");
    }
    for value in [json!(""), json!([]), json!({})] {
        assert_eq!(
            uri(parameter.clone(), "/x/{a}", json!({ "a": value })),
            "The argument a must not be empty",
            "{value}"
        );
    }
    assert_eq!(uri(parameter.clone(), "/x/{a}", json!({ "a": "a..b" })), "https://api.example/v1/x/a..b");
    // Two that are harmless alone.
    let both = json!([
        { "name": "a", "in": "path", "required": true, "style": "label", "schema": {} },
        { "name": "b", "in": "path", "required": true, "schema": {} },
    ]);
    let made = uri(both, "/x/{a}{b}", json!({ "a": "%", "b": "." }));
    assert!(!made.contains("/.."), "{made}");
}

#[test]
fn the_dot_of_a_label_makes_no_segment_of_dots() {
    let label = |explode: bool| json!([{ "name": "a", "in": "path", "required": true, "style": "label", "explode": explode, "schema": {} }]);
    for value in [
        json!("\\"),
        json!("\\b"),
        json!("/"),
        json!("/b"),
        json!(";b"),
        json!(".\\b"),
        json!(["\\b", "c"]),
        json!(["/b"]),
        json!(["b", "/c"]),
        json!({ "/b": 1 }),
    ] {
        for explode in [false, true] {
            let made = uri(label(explode), "/x/{a}/y", json!({ "a": value }));
            let decoded = percent_encoding::percent_decode_str(&made).decode_utf8_lossy().into_owned();
            let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
            assert!(!decoded.split(['/', '\\']).any(is_dots), "{value} {explode}: {made}");
        }
    }
    for value in ["\\b", "/b", ";b"] {
        let refused = request(&with_parameters("/x/{a}/y", label(false)), &json!({ "a": value }));
        assert_eq!(refused.unwrap_err(), UnusableArguments::Address, "{value}");
    }
    assert_eq!(uri(label(false), "/x/{a}/y", json!({ "a": "b\\c" })), "https://api.example/v1/x/.b%5Cc/y");
}

#[test]
fn no_argument_sets_a_header_that_is_not_its_own() {
    let header = |name: &str| json!([{ "name": name, "in": "header", "schema": {} }]);
    for name in ["Authorization", "Cookie", "Accept", "Content-Type", "X-Operator", "a b", "a\r\nb"] {
        let tool = &tools(&compiled(&with_parameters("/x", header(name))))[0];
        assert_eq!(tool["inputSchema"]["properties"], json!({}), "{name}");
    }
    let set = |value: Value| request(&with_parameters("/x", header("X-Mine")), &json!({ "X-Mine": value }));
    let sent = set(json!("a,b; c")).unwrap();
    assert_eq!(sent.headers()["x-mine"], "a,b; c");
    assert_eq!(sent.headers()["authorization"], "Bearer operators-secret");
    for value in ["a\r\nHost: evil", "a\nb", "a\0b", "a\u{7f}"] {
        assert_eq!(set(json!(value)).unwrap_err(), UnusableArguments::Header("X-Mine".to_owned()), "{value:?}");
    }
    // What the operator sends is not replaced, even if the document was made for another operator.
    let via = request(&with_parameters("/x", header("Via")), &json!({ "Via": "evil" })).unwrap();
    assert_eq!(via.headers()["via"], "1.1 gatehouse");
}

#[test]
fn the_operators_query_stays_and_is_not_a_calls_to_say() {
    let parameters = json!([
        { "name": "api-version", "in": "query", "required": true, "schema": {} }, { "name": "q", "in": "query", "schema": {} },
        { "name": "extra", "in": "query", "style": "deepObject", "schema": {} },
    ]);
    let document = with_parameters("/x", parameters);
    let at = |arguments: Value| {
        request_at("https://api.example/v1?api-version=7&key=k", &document, &arguments)
            .map(|request| request.uri().to_string())
    };
    assert_eq!(at(json!({ "q": "a" })).unwrap(), "https://api.example/v1/x?api-version=7&key=k&q=a");
    assert_eq!(at(json!({ "api-version": "8" })).unwrap_err(), UnusableArguments::Unknown("api-version".to_owned()));
    assert_eq!(
        at(json!({ "extra": { "a": 1 } })).unwrap(),
        "https://api.example/v1/x?api-version=7&key=k&extra%5Ba%5D=1"
    );
    // A table that is exploded says names of its own.
    let free = with_parameters("/x", json!([{ "name": "free", "in": "query", "schema": { "type": "object" } }]));
    let sent =
        request_at("https://api.example/?key=k", &free, &json!({ "free": { "KEY": "evil", "other": 1 } })).unwrap();
    assert_eq!(sent.uri().to_string(), "https://api.example/x?key=k&other=1");
}

#[test]
fn credentials_and_the_operators_query_are_secret_and_what_is_said_of_the_caller_is_not() {
    let headers = HeaderMap::from_iter(
        [
            ("authorization", "Bearer the-token"),
            ("x-key", "key-of-ü"),
            ("x-roles", "[\"Reader\"]"),
            ("x-email", "alice@example.com"),
        ]
        .map(|(name, value)| {
            let mut value = HeaderValue::from_str(value).unwrap();
            value.set_sensitive(true);
            (HeaderName::from_static(name), value)
        }),
    );
    let base = "https://api.example/v1?api_key=a%2Fb+c%C3%A9&plain&empty=".parse().unwrap();
    let secret_headers = ["authorization", "x-key", "x-not-sent"].map(HeaderName::from_static);
    let target = RequestTarget { base: &base, headers: &headers, secret_headers: &secret_headers, may_set: &|_| true };
    let expected = ["Bearer the-token", "a%2Fb+c%C3%A9", "key-of-ü", "the-token", "a/b cé", "a/b+cé", "plain", ""];
    let mut found = target.secrets();
    assert!(found.is_sorted_by_key(|secret| core::cmp::Reverse(secret.len())), "{found:?}");
    found.sort_unstable();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn bodies_are_written_as_their_media_type_has_them() {
    let body = |media_type: &str, media: Value, value: Value| {
        let operation =
            json!({ "requestBody": { "required": true, "content": { media_type: media } }, "responses": {} });
        let built = request(&with_operation("post", "/x", operation), &json!({ "body": value }));
        built.map(|request| {
            let sent = request.headers()["content-type"].to_str().unwrap().to_owned();
            (sent, String::from_utf8_lossy(request.body()).into_owned())
        })
    };
    let sent = |media_type: &str, text: &str| Ok((media_type.to_owned(), text.to_owned()));
    assert_eq!(body("application/json", json!({}), json!([1, "a"])), sent("application/json", "[1,\"a\"]"));
    assert_eq!(
        body("application/merge-patch+json", json!({}), json!({ "a": null })),
        sent("application/merge-patch+json", "{\"a\":null}")
    );
    assert_eq!(body("*/*", json!({}), json!(1)), sent("application/json", "1"));
    let form = "application/x-www-form-urlencoded";
    let fields = json!({ "a": "b c", "d": [1, 2], "e": { "f": true }, "n": null });
    assert_eq!(body(form, json!({}), fields.clone()), sent(form, "a=b%20c&d=1&d=2&e%5Bf%5D=true"));
    let deep = json!({ "encoding": { "d": { "style": "deepObject", "explode": true } } });
    assert_eq!(body(form, deep, fields), sent(form, "a=b%20c&d%5B0%5D=1&d%5B1%5D=2&e%5Bf%5D=true"));
    assert_eq!(body(form, json!({}), json!("a=b")), Err(UnusableArguments::Type("body".to_owned())));
    assert_eq!(body("text/plain", json!({}), json!("a\nb")), sent("text/plain", "a\nb"));
    assert_eq!(body("application/octet-stream", json!({}), json!("aGk=")), sent("application/octet-stream", "hi"));
    assert_eq!(body("image/png", json!({}), json!("?")), Err(UnusableArguments::NotBase64("body".to_owned())));
    let missing = request(
        &with_operation(
            "post",
            "/x",
            json!({ "requestBody": { "required": true, "content": { "application/json": {} } }, "responses": {} }),
        ),
        &json!({}),
    );
    assert_eq!(missing.unwrap_err(), UnusableArguments::Missing("body".to_owned()));
}

#[test]
fn arguments_that_the_tool_does_not_have_are_refused() {
    let document = with_parameters("/x", json!([{ "name": "a", "in": "query", "required": true, "schema": {} }]));
    assert_eq!(request(&document, &json!({})).unwrap_err(), UnusableArguments::Missing("a".to_owned()));
    assert_eq!(request(&document, &json!({ "a": null })).unwrap_err(), UnusableArguments::Missing("a".to_owned()));
    assert_eq!(request(&document, &json!({ "a": 1, "b": 2 })).unwrap_err(), UnusableArguments::Unknown("b".to_owned()));
    assert_eq!(request(&document, &json!({ "a": "x".repeat(9000) })).unwrap_err(), UnusableArguments::TooLong);
}

proptest! {
    #[test]
    fn whatever_is_said_a_request_goes_where_the_operator_says(
        path_value in ".{0,12}", query_value in ".{0,12}", header_value in ".{0,12}",
        traversal in "(\\.|%2e|/|\\\\|;|a){0,6}",
    ) {
        let parameters = json!([
            { "name": "p", "in": "path", "required": true, "schema": {} }, { "name": "q", "in": "query", "schema": {} },
            { "name": "X-H", "in": "header", "schema": {} },
        ]);
        for value in [path_value, traversal] {
            let arguments = json!({ "p": value, "q": query_value, "X-H": header_value });
            let Ok(sent) = request(&with_parameters("/x/{p}/y", parameters.clone()), &arguments) else { continue };
            prop_assert_eq!(sent.uri().host(), Some("api.example"));
            let path = sent.uri().path();
            prop_assert!(path.starts_with("/v1/x/") && path.ends_with("/y"), "{}", path);
            prop_assert_eq!(path.matches('/').count(), 4, "{}", path);
            let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
            let segments: Vec<_> = decoded.split(['/', '\\']).collect();
            prop_assert!(!segments.contains(&"..") && !segments.contains(&"."), "{}", path);
            prop_assert_eq!(sent.uri().query().unwrap_or_default().matches(['&', ';']).count(), 0);
            prop_assert_eq!(sent.headers().len(), 4 - usize::from(sent.headers().get("x-h").is_none()));
        }
    }
}
