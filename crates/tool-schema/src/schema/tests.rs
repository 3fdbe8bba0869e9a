use std::thread;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::{Calls, InvalidArguments};

fn parsed(schema: &Value) -> ToolSchema {
    ToolSchema::parse(&schema.to_string()).unwrap()
}

fn validated(schema: &Value, arguments: &Value) -> Result<(), InvalidArguments> {
    let arguments = RawValue::from_string(arguments.to_string()).unwrap();
    validate(&parsed(schema), Some(&arguments))
}

fn validate(schema: &ToolSchema, arguments: Option<&RawValue>) -> Result<(), InvalidArguments> {
    Calls::of([("tool", schema)]).validate("tool", arguments)
}

fn unusable(schema: &Value) -> UnusableSchema {
    match validated(schema, &json!({})) {
        Err(InvalidArguments::Schema(error)) => error,
        other => panic!("{schema} {other:?}"),
    }
}

fn weather() -> Value {
    json!({
        "type": "object",
        "properties": {
            "location": { "type": "string", "minLength": 1, "pattern": "^[A-Z]" },
            "days": { "type": "integer", "minimum": 1, "maximum": 14 },
            "units": { "enum": ["metric", "imperial"] },
            "tags": { "type": "array", "items": { "type": "string" }, "uniqueItems": true },
        },
        "required": ["location"],
        "additionalProperties": false,
    })
}

#[test]
fn arguments_that_fit_are_taken_and_others_are_told_where_and_why() {
    for arguments in
        [json!({ "location": "Seattle" }), json!({ "location": "A", "days": 14, "units": "metric", "tags": [] })]
    {
        assert_eq!(validated(&weather(), &arguments), Ok(()), "{arguments}");
    }
    for (arguments, expected) in [
        (json!({}), "arguments: \"location\" is a required property"),
        (json!({ "location": 5 }), "arguments/location: this is not of type \"string\""),
        (json!({ "location": "" }), "arguments/location: this is shorter than 1 character"),
        (json!({ "location": "seattle" }), "arguments/location: this does not match \"^[A-Z]\""),
        (json!({ "location": "A", "days": 15 }), "arguments/days: this is greater than the maximum of 14"),
        (json!({ "location": "A", "days": 1.5 }), "arguments/days: this is not of type \"integer\""),
        (
            json!({ "location": "A", "units": "kelvin" }),
            "arguments/units: this is not one of \"metric\" or \"imperial\"",
        ),
        (json!({ "location": "A", "tags": ["a", 1] }), "arguments/tags/1: this is not of type \"string\""),
        (json!({ "location": "A", "tags": ["a", "a"] }), "arguments/tags: this has non-unique elements"),
        (json!({ "location": "A", "secret": 1 }), "arguments: has a property that the schema does not know"),
        (json!([]), "arguments: this is not of type \"object\""),
        (json!(null), "arguments: this is not of type \"object\""),
    ] {
        assert_eq!(validated(&weather(), &arguments).unwrap_err().to_string(), expected, "{arguments}");
    }
}

#[test]
fn no_value_of_an_argument_is_repeated() {
    const SECRET: &str = "hunter2";
    let schema = |keyword: &str, value: Value| json!({ "properties": { "a": { keyword: value } } });
    for schema in [
        schema("type", json!("integer")),
        schema("enum", json!(["a"])),
        schema("const", json!("a")),
        schema("pattern", json!("^a$")),
        schema("maxLength", json!(1)),
        schema("anyOf", json!([{ "type": "integer" }, { "const": 1 }])),
        schema("oneOf", json!([{ "type": "integer" }, { "const": 1 }])),
        schema("oneOf", json!([true, true])),
        schema("not", json!({ "type": "string" })),
        schema("contentEncoding", json!("base64")),
        json!({ "properties": { "a": false } }),
        json!({ "propertyNames": { "const": "b" } }),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#", "properties": { "a": { "contentEncoding": "base64" } } }),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#", "properties": { "a": { "format": "email" } } }),
    ] {
        if let Err(error) = validated(&schema, &json!({ "a": SECRET })) {
            assert!(!error.to_string().contains(SECRET) && !format!("{error:?}").contains(SECRET), "{schema}: {error}");
        }
    }
    let names = json!({ "propertyNames": { "maxLength": 3 }, "unevaluatedProperties": false });
    for schema in [names, json!({ "additionalProperties": false }), json!({ "unevaluatedProperties": false })] {
        let error = validated(&schema, &json!({ SECRET: 1 })).unwrap_err().to_string();
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[test]
fn absent_arguments_are_an_empty_object() {
    assert_eq!(validate(&parsed(&json!({ "type": "object", "additionalProperties": false })), None), Ok(()));
    assert!(validate(&parsed(&weather()), None).is_err());
}

#[test]
fn the_schema_is_that_of_the_tool_and_is_kept_as_it_came() {
    let tool = r#"{"name":"a","inputSchema":{"type":"object", "minProperties":1.0}}"#;
    let schema = ToolSchema::of(&RawValue::from_string(tool.to_owned()).unwrap()).unwrap();
    assert_eq!(schema.text(), r#"{"type":"object", "minProperties":1.0}"#);
    assert_eq!(ToolSchema::parse(schema.text()).unwrap().text(), schema.text());
    for tool in
        [r#"{"name":"a"}"#, r#"{"inputSchema":null}"#, r#"{"inputSchema":true}"#, r#"{"inputSchema":[]}"#, "[]", "1"]
    {
        let tool = RawValue::from_string(tool.to_owned()).unwrap();
        assert_eq!(ToolSchema::of(&tool).unwrap_err(), UnusableSchema::NoObject, "{tool}");
    }
}

#[test]
fn the_dialects_that_tools_use_are_known_and_no_others() {
    for dialect in [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-06/schema#",
    ] {
        let schema = json!({ "$schema": dialect, "definitions": { "b": { "type": "string" } },
            "properties": { "a": { "$ref": "#/definitions/b" } } });
        assert_eq!(validated(&schema, &json!({ "a": "x" })), Ok(()), "{dialect}");
        assert!(matches!(validated(&schema, &json!({ "a": 1 })), Err(InvalidArguments::Misfit { .. })), "{dialect}");
    }
    for dialect in
        [json!("https://example.com/schema"), json!("http://json-schema.org/draft-04/schema#"), json!(7), json!("")]
    {
        assert_eq!(unusable(&json!({ "$schema": dialect })), UnusableSchema::Dialect, "{dialect}");
    }
}

#[test]
fn what_json_schema_2020_12_has_is_understood() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": { "$anchor": "addressDef", "type": "object", "properties": { "street": { "type": "string" } } },
            "node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/node" }, "value": { "type": "integer" } } },
        },
        "properties": {
            "name": { "type": "string" },
            "home": { "$ref": "#addressDef" },
            "list": { "$ref": "#/$defs/node" },
            "kind": { "enum": ["a", "b"] },
            "pair": { "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false },
        },
        "allOf": [{ "anyOf": [{ "required": ["home"] }, { "required": ["name"] }] }],
        "if": { "properties": { "kind": { "const": "a" } }, "required": ["kind"] },
        "then": { "required": ["list"] },
        "dependentSchemas": { "pair": { "required": ["name"] } },
        "unevaluatedProperties": false,
    });
    let list = json!({ "value": 1, "next": { "value": 2, "next": { "value": 3 } } });
    assert_eq!(validated(&schema, &json!({ "name": "x", "kind": "a", "list": list, "pair": ["a", 1] })), Ok(()));
    for wrong in [
        json!({}),
        json!({ "name": "x", "kind": "a" }),
        json!({ "name": "x", "home": { "street": 1 } }),
        json!({ "name": "x", "list": { "next": { "next": { "value": "3" } } } }),
        json!({ "name": "x", "pair": ["a", 1, 2] }),
        json!({ "home": {}, "pair": [] }),
        json!({ "name": "x", "other": 1 }),
    ] {
        assert!(matches!(validated(&schema, &wrong), Err(InvalidArguments::Misfit { .. })), "{wrong}");
    }
}

#[test]
fn nothing_is_fetched() {
    for reference in [
        "https://example.com/schema",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "other.json",
        "/schema",
        "//example.com/schema",
        "urn:a:b",
        "json-schema:///",
        "https://json-schema.org/draft/2020-12/schema",
        "#/$defs/none",
        "#none",
        "",
        "?a#",
    ] {
        for keyword in ["$ref", "$dynamicRef"] {
            assert_eq!(unusable(&json!({ keyword: reference })), UnusableSchema::Reference, "{reference}");
            assert_eq!(unusable(&json!({ "properties": { "a": { keyword: reference } } })), UnusableSchema::Reference);
        }
        // Where nothing applies it, nothing reads it either, or the schema is unusable.
        let unused = validated(&json!({ "$defs": { "a": { "$ref": reference } } }), &json!({}));
        assert!(
            matches!(unused, Ok(()) | Err(InvalidArguments::Schema(UnusableSchema::Invalid))),
            "{reference} {unused:?}"
        );
    }
    let own = json!({ "$id": "https://example.com/a", "$ref": "b" });
    assert_eq!(unusable(&own), UnusableSchema::Reference);
    let nested = json!({ "properties": { "a": { "$id": "https://example.com/b", "$ref": "#/c" } } });
    assert_eq!(unusable(&nested), UnusableSchema::NestedId);
}

#[test]
fn references_that_go_in_a_circle_are_found() {
    for circle in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
        json!({ "properties": { "x": { "not": { "$ref": "#/properties/x" } } } }),
        json!({ "$dynamicAnchor": "a", "if": { "$dynamicRef": "#a" } }),
        json!({ "$defs": { "a": { "dependentSchemas": { "y": { "$ref": "#/$defs/a" } } } }, "properties": { "x": { "$ref": "#/$defs/a" } } }),
    ] {
        assert_eq!(unusable(&circle), UnusableSchema::Circle, "{circle}");
    }
    // Down into the arguments, it ends where they do.
    let tree = json!({ "additionalProperties": { "$ref": "#" }, "items": { "$ref": "#" } });
    assert_eq!(validated(&tree, &json!({ "a": { "b": [{ "c": 1 }] } })), Ok(()));
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({}), |inner, _| json!({ "not": inner }))
}

#[test]
fn a_schema_is_as_long_deep_and_full_of_patterns_as_it_may_be_and_not_more() {
    let long = |length: usize| format!("{{\"description\":\"{}\"}}", "x".repeat(length - 18));
    assert!(validate(&ToolSchema::parse(&long(LONGEST)).unwrap(), None).is_ok());
    assert_eq!(ToolSchema::parse(&long(LONGEST + 1)).unwrap_err(), UnusableSchema::TooLong);
    // A chain of applications has one part more than it has steps.
    assert!(!matches!(validated(&nested(63), &json!({})), Err(InvalidArguments::Schema(_))));
    assert_eq!(unusable(&nested(64)), UnusableSchema::TooDeep);
    assert_eq!(unusable(&nested(120)), UnusableSchema::TooDeep);
    let chain = |length: usize| {
        let link = |at| (format!("a{at}"), json!({ "$ref": format!("#/$defs/a{}", at + 1) }));
        let mut links: Map<_, _> = (0..length).map(link).collect();
        links.insert(format!("a{length}"), json!({}));
        json!({ "$defs": links, "properties": { "x": { "$ref": "#/$defs/a0" } } })
    };
    assert_eq!(validated(&chain(62), &json!({ "x": 1 })), Ok(()));
    assert_eq!(unusable(&chain(63)), UnusableSchema::TooDeep);
    assert_eq!(unusable(&chain(3_000)), UnusableSchema::TooDeep);
    let patterns = |count: usize| {
        let patterns: Map<_, _> = (0..count).map(|at| (format!("^a{at}$"), json!({}))).collect();
        json!({ "patternProperties": patterns })
    };
    assert_eq!(validated(&patterns(64), &json!({ "a": 1 })), Ok(()));
    assert_eq!(unusable(&patterns(65)), UnusableSchema::TooManyPatterns);
    let each = |count: usize| json!({ "allOf": vec![json!({ "pattern": "a" }); count] });
    assert_eq!(validated(&each(64), &json!("a")), Ok(()));
    assert_eq!(unusable(&each(65)), UnusableSchema::TooManyPatterns);
}

/// Definitions of which each applies the next in two ways.
fn doubling(depth: usize, keyword: &str) -> Value {
    let link = |at| {
        let next = json!({ "$ref": format!("#/$defs/a{}", at + 1) });
        (format!("a{at}"), json!({ keyword: [next, next] }))
    };
    let mut links: Map<_, _> = (0..depth).map(link).collect();
    links.insert(format!("a{depth}"), json!({ "type": "object" }));
    json!({ "$defs": links, "$ref": "#/$defs/a0" })
}

fn deep(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }))
}

#[test]
fn a_schema_that_branches_at_every_level_ends() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        assert_eq!(validated(&doubling(30, keyword), &json!({})), Err(InvalidArguments::TooMuchWork), "{keyword}");
        assert_ne!(validated(&doubling(4, keyword), &json!({})), Err(InvalidArguments::TooMuchWork), "{keyword}");
        let tree =
            json!({ "properties": { "a": { keyword: [{ "$ref": "#" }, { "$ref": "#" }, { "type": "string" }] } } });
        assert_eq!(validated(&tree, &deep(60)), Err(InvalidArguments::TooMuchWork), "{keyword}");
        assert_ne!(validated(&tree, &deep(5)), Err(InvalidArguments::TooMuchWork), "{keyword}");
    }
    let unevaluated = (0..30).fold(json!({}), |inner, _| json!({ "allOf": [inner], "unevaluatedProperties": false }));
    assert_eq!(validated(&unevaluated, &json!({})), Err(InvalidArguments::TooMuchWork));
}

#[test]
fn what_is_compared_and_matched_counts() {
    let numbers = |count: usize| json!((0..count).collect::<Vec<_>>());
    let object = |count: usize| json!({ "a": numbers(count) });
    let choice: Vec<_> = (0..1_000).map(|at| json!({ "a": at })).collect();
    let chosen = json!({ "properties": { "a": { "items": { "enum": choice } } } });
    assert_eq!(validated(&chosen, &object(10_000)), Err(InvalidArguments::TooMuchWork));
    let unique = json!({ "properties": { "a": { "uniqueItems": true } } });
    assert_eq!(validated(&unique, &object(10_000)), Ok(()));
    assert_eq!(validated(&unique, &object(200_000)), Err(InvalidArguments::TooMuchWork));
    let plain = json!({ "properties": { "a": { "items": { "type": "integer" } } } });
    assert_eq!(validated(&plain, &object(100_000)), Ok(()));
    assert_eq!(validated(&json!({}), &object(500_000)), Ok(()), "what no schema looks at costs nothing");
}

#[test]
fn patterns_end() {
    let matched = |pattern: &str, text: &str| {
        validated(&json!({ "properties": { "a": { "pattern": pattern } } }), &json!({ "a": text }))
    };
    let text = format!("{}b", "a".repeat(30_000));
    assert!(matches!(matched("^(a+)+$", &text), Err(InvalidArguments::Somewhere)));
    assert_eq!(matched("^(a+)+$", &"a".repeat(100_000)), Err(InvalidArguments::TooMuchWork));
    // Those that look around or back: email addresses of the TypeScript SDK's schemas have such a pattern.
    assert_eq!(
        matched(
            r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
            "a@b.example"
        ),
        Ok(())
    );
    let back = matched(r"^(a|aa)+\1?(?!c)$", &format!("{}b", "a".repeat(40)));
    assert_eq!(back.unwrap_err().to_string(), "arguments/a: cannot be held against its pattern");
    assert_eq!(matched(r"^(?=a)a+$", &"a".repeat(100_000)), Err(InvalidArguments::TooMuchWork));
    for wrong in ["(", "((a{1000}){1000}){1000}", r"(a)\2(?=b", &"(".repeat(5_000)] {
        assert_eq!(unusable(&json!({ "pattern": wrong })), UnusableSchema::Invalid, "{wrong:.20}");
    }
}

#[test]
fn what_takes_most_levels_needs_little_stack() {
    const STACK: usize = 384 * 1024;
    let list = json!({ "$defs": { "n": { "anyOf": [{ "properties": { "a": { "$ref": "#/$defs/n" } } }, { "type": "integer" }] } },
        "$ref": "#/$defs/n" });
    let run = move || {
        assert_eq!(validated(&list, &deep(80)), Ok(()));
        assert_eq!(validated(&list, &deep(100)), Err(InvalidArguments::TooMuchWork));
        assert!(!matches!(validated(&nested(63), &json!({})), Err(InvalidArguments::Schema(_))));
        assert_eq!(
            validated(&json!({ "items": { "$ref": "#" }, "additionalProperties": { "$ref": "#" } }), &deep(120)),
            Ok(())
        );
    };
    thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,4}|[a-c]".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        "string|integer|object|array".prop_map(|kind| json!({ "type": kind })),
        "#|#/\\$defs/[a-c]|#[a-c]|#/properties/[a-c]".prop_map(|reference| json!({ "$ref": reference })),
        "[a-c^$.*+?()=!|\\\\]{0,6}".prop_map(|pattern| json!({ "pattern": pattern })),
        any_json().prop_map(|value| json!({ "const": value })),
        "[a-c]".prop_map(|name| json!({ "required": [name], "$anchor": name })),
    ];
    let part = leaf.prop_recursive(4, 24, 3, |inner| {
        let one =
            "not|if|then|else|items|additionalProperties|unevaluatedProperties|unevaluatedItems|contains|propertyNames";
        prop_oneof![
            (one, inner.clone()).prop_map(|(key, part)| json!({ key: part })),
            ("allOf|anyOf|oneOf|prefixItems", proptest::collection::vec(inner.clone(), 1..3))
                .prop_map(|(key, parts)| json!({ key: parts })),
            (
                "properties|dependentSchemas|\\$defs|patternProperties",
                proptest::collection::btree_map("[a-c]", inner, 0..3)
            )
                .prop_map(|(key, parts)| json!({ key: parts })),
        ]
    });
    let definitions = proptest::collection::btree_map("[a-c]", part.clone(), 0..3);
    (proptest::collection::vec(part, 0..4), definitions).prop_map(|(parts, definitions)| {
        let mut schema = Map::new();
        for part in parts {
            if let Value::Object(part) = part {
                schema.extend(part);
            }
        }
        schema.insert("$defs".to_owned(), json!(definitions));
        Value::Object(schema)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_schema_and_any_arguments_come_to_an_end(schema in any_schema(), arguments in any_json()) {
        let _ = validated(&schema, &arguments);
    }

    #[test]
    fn any_text_is_a_schema_or_is_none(text in "\\PC{0,40}|\\{\"[a-z$]{0,6}\":[\\PC]{0,20}\\}") {
        if let Ok(schema) = ToolSchema::parse(&text) {
            let _ = validate(&schema, None);
        }
    }
}
