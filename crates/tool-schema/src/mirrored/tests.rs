use http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ToolSchema;

fn schema(properties: &Value) -> ToolSchema {
    ToolSchema::parse(&json!({ "type": "object", "properties": properties }).to_string()).unwrap()
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field =
        |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().map(field) {
        headers.append(name, value);
    }
    headers
}

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn region() -> ToolSchema {
    schema(&json!({
        "region": { "type": "string", "x-mcp-header": "Region" },
        "query": { "type": "string" },
        "page": { "type": "object", "properties": { "size": { "type": "integer", "x-mcp-header": "Page-Size" } } },
        "dry": { "type": ["boolean", "null"], "x-mcp-header": "Dry" },
    }))
}

#[test]
fn annotated_parameters_are_found_with_their_headers() {
    let schema = region();
    let found: Vec<_> = schema.mirrored().iter().map(|found| (found.header.as_str(), found.path.join("/"))).collect();
    let expected = [("mcp-param-dry", "dry"), ("mcp-param-page-size", "page/size"), ("mcp-param-region", "region")];
    let mut found: Vec<_> = found.iter().map(|(header, path)| (*header, path.as_str())).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(schema.check_annotations(), Ok(()));
}

#[test]
fn an_annotation_that_mcp_does_not_allow_makes_all_of_them_mean_nothing() {
    use InvalidAnnotation::{Doubled, Misplaced, Name, Type};
    let string = |name: &str| json!({ "type": "string", "x-mcp-header": name });
    for (properties, expected) in [
        (json!({ "a": string("") }), Name),
        (json!({ "a": string("A B") }), Name),
        (json!({ "a": string("A:") }), Name),
        (json!({ "a": string("A\r\nB") }), Name),
        (json!({ "a": string("Ä") }), Name),
        (json!({ "a": { "type": "string", "x-mcp-header": 1 } }), Name),
        (json!({ "a": string("Region"), "b": string("region") }), Doubled),
        (json!({ "a": { "type": "number", "x-mcp-header": "A" } }), Type),
        (json!({ "a": { "type": "object", "x-mcp-header": "A" } }), Type),
        (json!({ "a": { "type": ["null"], "x-mcp-header": "A" } }), Type),
        (json!({ "a": { "x-mcp-header": "A" } }), Type),
        (json!({ "a": { "type": "array", "items": string("A") } }), Misplaced),
        (json!({ "a": { "anyOf": [string("A")] } }), Misplaced),
        (json!({ "a": { "not": string("A") } }), Misplaced),
        (json!({ "a": { "if": true, "then": { "properties": { "b": string("A") } } } }), Misplaced),
        (json!({ "a": { "additionalProperties": string("A") } }), Misplaced),
        (json!({ "a": { "$defs": { "b": string("A") }, "$ref": "#/properties/a/$defs/b" } }), Misplaced),
    ] {
        let found = schema(&properties);
        assert_eq!(found.check_annotations(), Err(expected), "{properties}");
        assert!(found.mirrored().is_empty());
        assert_eq!(found.check_headers(&HeaderMap::new(), None), Ok(()));
    }
    let root = ToolSchema::parse(r#"{"type":"string","x-mcp-header":"A"}"#).unwrap();
    assert_eq!(root.check_annotations(), Err(Misplaced));
    // A parameter may be called like the annotation, and a default may look like one.
    let named = schema(&json!({ "x-mcp-header": { "type": "string" }, "b": { "default": { "x-mcp-header": "A" } } }));
    assert_eq!((named.check_annotations(), named.mirrored().len()), (Ok(()), 0));
}

#[test]
fn headers_say_what_the_arguments_say_or_are_refused() {
    use HeaderMismatch::{Different, Doubled, Extra, Malformed, Missing};
    const REGION: HeaderName = HeaderName::from_static("mcp-param-region");
    const SIZE: HeaderName = HeaderName::from_static("mcp-param-page-size");
    const DRY: HeaderName = HeaderName::from_static("mcp-param-dry");
    let size = |size: Value| json!({ "page": { "size": size } });
    for (fields, arguments, expected) in [
        ([("mcp-param-region", "us-west1")].as_slice(), json!({ "region": "us-west1" }), Ok(())),
        (&[("MCP-PARAM-REGION", "us-west1")], json!({ "region": "us-west1" }), Ok(())),
        (&[("mcp-param-region", "=?base64?SGVsbG8sIOS4lueVjA==?=")], json!({ "region": "Hello, 世界" }), Ok(())),
        (&[("mcp-param-region", "=?base64?IHBhZGRlZCA=?=")], json!({ "region": " padded " }), Ok(())),
        (&[("mcp-param-region", "=?base64?dXMtd2VzdDE=?=")], json!({ "region": "us-west1" }), Ok(())),
        (
            &[("mcp-param-region", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")],
            json!({ "region": "=?base64?literal?=" }),
            Ok(()),
        ),
        (&[("mcp-param-other", "x")], json!({}), Ok(())),
        (&[], json!({ "query": "x", "region": null, "dry": null }), Ok(())),
        (&[], json!({ "region": "us-west1" }), Err(Missing(REGION))),
        (&[("mcp-param-region", "us-west1")], json!({}), Err(Extra(REGION))),
        (&[("mcp-param-region", "us-west1")], json!({ "region": null }), Err(Extra(REGION))),
        (&[("mcp-param-region", "us-west1")], json!({ "region": "US-WEST1" }), Err(Different(REGION))),
        (&[("mcp-param-region", "")], json!({ "region": "us-west1" }), Err(Different(REGION))),
        (&[("mcp-param-region", "1")], json!({ "region": 1 }), Ok(())),
        (&[("mcp-param-region", "[]")], json!({ "region": [] }), Err(Different(REGION))),
        (&[("mcp-param-region", "a"), ("mcp-param-region", "a")], json!({ "region": "a" }), Err(Doubled(REGION))),
        (&[("mcp-param-region", "=?base64?%%%?=")], json!({ "region": "a" }), Err(Malformed(REGION))),
        (&[("mcp-param-region", "=?base64?/w==?=")], json!({ "region": "a" }), Err(Malformed(REGION))),
        (&[("mcp-param-page-size", "42")], size(json!(42)), Ok(())),
        (&[("mcp-param-page-size", "42.0")], size(json!(42)), Ok(())),
        (&[("mcp-param-page-size", "42")], size(json!(42.0)), Ok(())),
        (&[("mcp-param-page-size", "-7")], size(json!(-7)), Ok(())),
        (&[("mcp-param-page-size", "4.2e1")], size(json!(42)), Ok(())),
        (&[("mcp-param-page-size", "9007199254740991")], size(json!(9_007_199_254_740_991_i64)), Ok(())),
        (&[("mcp-param-page-size", "9007199254740992")], size(json!(9_007_199_254_740_992_i64)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "9007199254740993")], size(json!(9_007_199_254_740_992_i64)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "43")], size(json!(42)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "42.5")], size(json!(42)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "+42")], size(json!(42)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "0x2a")], size(json!(42)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "NaN")], size(json!(42)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "42 43")], size(json!(42)), Err(Different(SIZE))),
        (&[("mcp-param-page-size", "42")], json!({ "page": 42 }), Err(Extra(SIZE))),
        (&[("mcp-param-dry", "true")], json!({ "dry": true }), Ok(())),
        (&[("mcp-param-dry", "false")], json!({ "dry": false }), Ok(())),
        (&[("mcp-param-dry", "True")], json!({ "dry": true }), Err(Different(DRY))),
        (&[("mcp-param-dry", "1")], json!({ "dry": true }), Err(Different(DRY))),
    ] {
        assert_eq!(
            region().check_headers(&headers(fields), Some(&raw(&arguments))),
            expected,
            "{fields:?} {arguments}"
        );
    }
    assert_eq!(region().check_headers(&HeaderMap::new(), None), Ok(()));
    assert_eq!(region().check_headers(&headers(&[("mcp-param-dry", "a")]), None), Err(Extra(DRY)));
    for arguments in [json!([]), json!("a"), json!(1)] {
        let refused = region().check_headers(&HeaderMap::new(), Some(&raw(&arguments)));
        assert_eq!(refused, Err(HeaderMismatch::Arguments), "{arguments}");
    }
}

#[test]
fn bytes_that_no_header_may_hold_are_malformed() {
    let mut headers = HeaderMap::new();
    headers.insert("mcp-param-region", HeaderValue::from_bytes(b"\xe9").unwrap());
    let refused = region().check_headers(&headers, Some(&raw(&json!({ "region": "é" }))));
    assert!(matches!(refused, Err(HeaderMismatch::Malformed(_))), "{refused:?}");
}

proptest! {
    #[test]
    fn what_a_client_mirrors_is_taken_and_anything_else_is_not(text in "\\PC{0,12}|[\r\n\t =?a-z]{0,6}", other in "\\PC{0,4}") {
        let mut headers = HeaderMap::new();
        headers.insert("mcp-param-region", gatehouse_mcp_wire::header_value::encoded(&text));
        let is_taken = |region: &str| region_of(&headers, region);
        prop_assert!(is_taken(&text));
        prop_assert_eq!(is_taken(&other), other == text);
    }

    #[test]
    fn any_schema_with_any_annotations_is_read(value in any_annotated()) {
        if let Ok(schema) = ToolSchema::parse(&value.to_string()) {
            prop_assert_eq!(schema.mirrored().is_empty(), schema.mirrored().is_empty() || schema.check_annotations().is_err());
            let _ = schema.check_headers(&headers(&[("mcp-param-a", "1")]), Some(&raw(&json!({ "a": 1 }))));
        }
    }
}

fn region_of(headers: &HeaderMap, region: &str) -> bool {
    let schema = schema(&json!({ "region": { "type": "string", "x-mcp-header": "Region" } }));
    schema.check_headers(headers, Some(&raw(&json!({ "region": region })))).is_ok()
}

fn any_annotated() -> impl Strategy<Value = Value> {
    let leaf =
        ("[a-b ]{0,2}", "string|integer|number").prop_map(|(name, kind)| json!({ "type": kind, "x-mcp-header": name }));
    leaf.prop_recursive(3, 12, 3, |inner| {
        let key = "properties|items|anyOf|a|x-mcp-header|default";
        proptest::collection::hash_map(key, inner, 0..3).prop_map(|members| json!(members))
    })
}
