use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::json_rpc::{Call, DEEPEST, ErrorObject, Id, Outcome, Reply, code};

const DEPTH: usize = 64;

fn parse(text: &str) -> Result<Body, Unparsable> {
    Body::parse(text.as_bytes(), DEPTH)
}

fn single(text: &str) -> Message {
    match parse(text) {
        Ok(Body::Single(message)) => message,
        other => panic!("{text}: {other:?}"),
    }
}

fn request(text: &str) -> Call {
    match single(text) {
        Message::Request(call) => call,
        other => panic!("{text}: {other:?}"),
    }
}

fn reply(text: &str) -> Reply {
    match single(text) {
        Message::Response(reply) => reply,
        other => panic!("{text}: {other:?}"),
    }
}

fn error(reply: Reply) -> ErrorObject {
    match reply.outcome {
        Outcome::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

fn refused(text: &str) -> Unparsable {
    match parse(text) {
        Err(unparsable) => unparsable,
        Ok(body) => panic!("{text}: read as {body}"),
    }
}

/// A text in the arguments of a call.
fn with_arguments(arguments: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#)
}

fn with_params(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

fn with_id(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)
}

#[test]
fn requests_notifications_and_answers_are_told_apart() {
    let call = request(r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","_meta":{"x":1}}}"#);
    assert_eq!((call.id.clone(), call.method.as_str()), (Some(Id::from("a")), "tools/call"));
    assert_eq!(call.param("name").as_deref(), Some("t"));
    assert_eq!(call.meta().unwrap().get("x").unwrap().get(), "1");

    let notification = single(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert!(matches!(&notification, Message::Notification(call) if call.id.is_none() && call.params.is_none()));
    assert_eq!(notification.id(), None);

    let answer = reply(r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[]}}"#);
    assert_eq!(answer.id, Some(Id::from(7)));
    assert!(matches!(answer.outcome, Outcome::Result(result) if result.array("tools").unwrap().is_empty()));
    let answer = reply(r#"{"jsonrpc":"2.0","id":7,"result":[1]}"#);
    assert!(matches!(answer.outcome, Outcome::OtherResult(result) if result.get() == "[1]"));

    let error = error(reply(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"No","data":[1.0]}}"#));
    assert_eq!((error.code, error.message.as_str(), error.data.unwrap().get()), (-32601, "No", "[1.0]"));

    let text = r#" [{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":{}}] "#;
    let batch = parse(text).unwrap();
    assert_eq!(batch.messages().len(), 2);
    assert!(matches!(batch, Body::Batch(_)));
    assert!(matches!(
        parse(&text.replacen(",{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", "", 1)),
        Ok(Body::Batch(_))
    ));
}

#[test]
fn what_is_no_json_is_a_parse_error() {
    for text in [
        "",
        " ",
        "{",
        "nul",
        "{}x",
        "{} {}",
        "{}\u{feff}",
        "{},",
        "{'jsonrpc':'2.0'}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":0x1}",
        "{\"a\":NaN}",
        "{\"a\":-Infinity}",
        "{\"a\":1 /* b */}",
        "// a\n{}",
        "{a:1}",
        "{1:1}",
        "{\"a\"}",
        "\"\u{1}\"",
        "\"\\x41\"",
        "\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"a\"}",
    ] {
        assert!(matches!(refused(text), Unparsable::NotJson(_)), "{text:?}");
        assert_eq!(refused(text).code(), code::PARSE_ERROR);
    }
    assert!(!refused("{\"secret\": secret}").to_string().contains("secret"));
}

#[test]
fn what_is_no_utf_8_is_a_parse_error() {
    let overlong_slash = b"\"\xC0\xAF\"";
    let surrogate = b"\"\xED\xA0\x80\"";
    let utf_16 = b"\xFF\xFE{\0}\0";
    for bytes in [&overlong_slash[..], surrogate, utf_16, b"\"\xF8\"", b"\"\xC3\""] {
        assert_eq!(Body::parse(bytes, DEPTH), Err(Unparsable::NotUtf8));
    }
    assert_eq!(Unparsable::NotUtf8.code(), code::PARSE_ERROR);
    // UTF-16 without a mark is UTF-8 with many NUL.
    assert!(matches!(Body::parse(b"{\0}\0", DEPTH), Err(Unparsable::NotJson(_))));
}

#[test]
fn texts_and_numbers_that_not_every_reader_holds_are_refused_at_any_depth() {
    for value in
        [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800a""#, r#""\ud83d\u0041""#, "1e400", "-1e400"]
    {
        for arguments in [value.to_owned(), format!("[{value}]"), format!(r#"{{"a":{{"b":[0,{value}]}}}}"#)] {
            assert!(matches!(refused(&with_arguments(&arguments)), Unparsable::NotJson(_)), "{arguments}");
        }
    }
    assert!(matches!(refused(&with_arguments(r#"{"\ud800":1}"#)), Unparsable::NotJson(_)));
}

#[test]
fn what_is_carried_keeps_its_text() {
    for value in [
        "12345678901234567890123",
        "1.0",
        "-0",
        "-0.0",
        "1E+2",
        "1e-400",
        "0.1000000000000000055511151231257827",
        r#""\u00e9\ud83d\ude00\/\u0000""#,
        "{ \"a\" :\t[ 1 ,\n2 ] }",
        "[]",
        "null",
    ] {
        let text = with_arguments(value);
        let call = request(&text);
        assert_eq!(call.params.as_ref().unwrap().get("arguments").unwrap().get(), value);
        assert_eq!(Message::from(call).to_string(), text);
    }
    let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"b":1},"c":[1.0],"d":{"e":"\u0041"}}"#;
    assert_eq!(single(unknown).to_string(), unknown);
    let unknown = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"b","data":1.0,"c":1E1},"d":[1.0]}"#;
    assert_eq!(single(unknown).to_string(), unknown);
    let unknown = r#"{"jsonrpc":"2.0","id":1,"result":{"b":1.0},"c":[1.0]}"#;
    assert_eq!(single(unknown).to_string(), unknown);
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    for text in [
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"a"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"a","id":1,"method":"b"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"a","\u006dethod":"b"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"a","x":1,"x":1}"#.to_owned(),
        r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"a","method":"b"}]"#.to_owned(),
        with_params(r#"{"name":"a","name":"b"}"#),
        with_params(r#"{"name":"a","n\u0061me":"b"}"#),
        with_params(r#"{"name":"a","_meta":{"a":1,"a":2}}"#),
        with_arguments(r#"{"a":1,"a":1}"#),
        with_arguments(r#"{"":1,"":1}"#),
        with_arguments(r#"[[{"a":{"b":1,"c":[],"b":1}}]]"#),
        with_arguments(r#"{"\ud83d\ude00":1,"😀":1}"#),
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","name":"b"}]}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"code":2,"message":"a"}}"#.to_owned(),
    ] {
        assert_eq!(refused(&text), Unparsable::DoubledKey, "{text}");
    }
    assert_eq!(Unparsable::DoubledKey.code(), code::INVALID_REQUEST);
    // The same key in two objects, and keys that only look alike, are not doubled.
    request(&with_arguments(r#"[{"a":1},{"a":{"a":1}}]"#));
    request(&with_arguments(r#"{"\u00e9":1,"e\u0301":2}"#));
}

/// Spellings of a key that some reader takes for it.
fn spellings(key: &str) -> Vec<String> {
    let first_upper = |key: &str| {
        let mut characters = key.chars();
        characters.next().map(|first| first.to_uppercase().chain(characters).collect::<String>()).unwrap()
    };
    let snake = key.chars().flat_map(|character| {
        let before = character.is_ascii_uppercase().then_some('_');
        before.into_iter().chain([character.to_ascii_lowercase()])
    });
    let last = &key[key.len() - 1..];
    vec![
        key.to_uppercase(),
        first_upper(key),
        format!("{}{}", &key[..key.len() - 1], last.to_uppercase()),
        key.replace('s', "\u{17F}"),
        key.replace('s', "\\u017f"),
        key.replace('k', "\u{212A}"),
        key.replace('k', "\\u212A"),
        key.replace('i', "\u{131}"),
        key.replace('i', "\u{130}"),
        snake.collect(),
        key.replace('_', ""),
        format!("{key}_"),
        format!("-{key}"),
    ]
    .into_iter()
    .filter(|spelling| spelling != key)
    .collect()
}

#[test]
fn a_key_that_some_reader_takes_for_a_known_one_is_refused_where_it_is_known() {
    type Place = (&'static str, &'static [&'static str]);
    let places: [Place; 10] = [
        (r#"{KEY"jsonrpc":"2.0","id":1,"method":"a"}"#, &["params", "result", "error"]),
        (r#"{KEY"method":"a"}"#, &["jsonrpc", "id"]),
        (r#"{KEY"jsonrpc":"2.0"}"#, &["method"]),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{KEY"x":0}}"#,
            &[
                "name",
                "uri",
                "_meta",
                "arguments",
                "ref",
                "cursor",
                "requestId",
                "taskId",
                "protocolVersion",
                "notifications",
            ],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{KEY"x":0}}}"#,
            &["progressToken", "io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"],
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"ref":{KEY"x":0}}}"#, &["name", "uri", "type"]),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"notifications":{KEY"x":0}}}"#,
            &["resourceSubscriptions", "toolsListChanged"],
        ),
        (r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"a","params":{KEY"x":0}}]"#, &["name"]),
        (r#"{"jsonrpc":"2.0","id":1,"result":{KEY"x":0}}"#, &["tools", "resources", "resourceTemplates", "prompts"]),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{KEY"x":0}]}}"#, &["name", "uri", "uriTemplate"]),
    ];
    for (message, keys) in places {
        for key in keys {
            for spelling in spellings(key) {
                let text = message.replace("KEY", &format!(r#""{spelling}":0,"#));
                assert_eq!(refused(&text), Unparsable::AmbiguousKey, "{text}");
                // It makes no difference whether the known one is there too.
                let both = message.replace("KEY", &format!(r#""{key}":null,"{spelling}":0,"#));
                assert_eq!(refused(&both), Unparsable::AmbiguousKey, "{both}");
            }
        }
    }
    assert_eq!(Unparsable::AmbiguousKey.code(), code::INVALID_REQUEST);
}

#[test]
fn a_prototype_hides_no_known_member() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{"method":"tools/call"}}"#.to_owned(),
        with_params(r#"{"__proto__":{"name":"t"}}"#),
        with_params(r#"{"ref":{"__proto__":{"uri":"a"}}}"#),
        with_params(r#"{"notifications":{"\u005f_proto__":{"resourceSubscriptions":["a"]}}}"#),
        r#"{"jsonrpc":"2.0","id":1,"result":{"__proto__":{"tools":[]}}}"#.to_owned(),
    ] {
        assert_eq!(refused(&text), Unparsable::AmbiguousKey, "{text}");
    }
    request(&with_arguments(r#"{"__proto__":{"name":"t"}}"#));
}

#[test]
fn a_key_means_itself_where_nothing_is_known() {
    for text in [
        with_arguments(r#"{"Name":1,"name":2,"NAME":3,"URI":4,"_META":5,"Method":6}"#),
        with_arguments(r#"{"params":{"Name":1},"ref":{"URI":1},"_meta":{"PROGRESSTOKEN":1}}"#),
        with_params(r#"{"name":"t","x":{"Name":1},"names":1,"nam":1,"Names":1}"#),
        with_params(r#"{"_meta":{"name":1,"Name":2,"traceparent":"a","TRACEPARENT":"b"}}"#),
        r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"Tools":1},"name":1,"Name":2,"is_error":true}}"#
            .to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{"properties":{"Name":{}}}}]}}"#
            .to_owned(),
    ] {
        single(&text);
    }
}

#[test]
fn a_key_that_our_own_reader_would_take_for_something_else_is_refused() {
    for key in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        for value in [r#""[1]""#, "1"] {
            assert_eq!(refused(&with_arguments(&format!(r#"{{"{key}":{value}}}"#))), Unparsable::AmbiguousKey);
        }
    }
    // Why: two readings of one text.
    let quirk = r#"{"$serde_json::private::RawValue":"{\"name\":\"other\"}"}"#;
    assert_eq!(serde_json::from_str::<Value>(quirk).unwrap(), json!({"name": "other"}));
}

/// A call nested `depth` deep.
fn nested(depth: usize, open: &str, close: &str) -> String {
    with_arguments(&format!("{}1{}", open.repeat(depth - 2), close.repeat(depth - 2)))
}

#[test]
fn nesting_ends_at_the_limit() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[0,{"]":"}","a":"#, "}]")] {
        let step = if open.len() > 6 { 2 } else { 1 };
        for depth in [4, 64, DEEPEST - 1] {
            let text = nested(2 + (depth - 2) / step, open, close);
            assert!(Body::parse(text.as_bytes(), depth).is_ok(), "{open} to {depth}");
            assert_eq!(Body::parse(text.as_bytes(), depth - 1), Err(Unparsable::TooDeep), "{open} past {depth}");
        }
    }
    let deepest = nested(DEEPEST, "[", "]");
    assert!(Body::parse(deepest.as_bytes(), DEEPEST).is_ok());
    assert!(Body::parse(deepest.as_bytes(), usize::MAX).is_ok());
    assert_eq!(Body::parse(nested(DEEPEST + 1, "[", "]").as_bytes(), usize::MAX), Err(Unparsable::TooDeep));
    assert_eq!(Body::parse(format!("[{deepest}]").as_bytes(), DEEPEST), Err(Unparsable::TooDeep));
    // Brackets in strings are none.
    request(&with_arguments(&format!("\"{}\\\"{}\\\\\"", "[".repeat(200), "{".repeat(200))));
    assert_eq!(Unparsable::TooDeep.code(), code::INVALID_REQUEST);
}

#[test]
fn a_megabyte_of_brackets_overflows_nothing() {
    for text in ["[", "{\"a\":", "[{\"a\":", "[[],"] {
        assert_eq!(refused(&text.repeat((1 << 20) / text.len())), Unparsable::TooDeep, "{text}");
    }
    let flat = with_arguments(&format!("[{}0]", "[],{},".repeat(1 << 17)));
    request(&flat);
}

#[test]
fn ids_are_strings_and_integers() {
    for (text, id) in [
        (r#""""#, Id::from("")),
        (r#""1""#, Id::from("1")),
        (r#""\u0031""#, Id::from("1")),
        ("1", Id::from(1)),
        ("0", Id::from(0)),
        ("-9223372036854775808", Id::from(i64::MIN)),
        ("18446744073709551615", Id::Number(u64::MAX.into())),
    ] {
        assert_eq!(request(&with_id(text)).id, Some(id.clone()), "{text}");
        assert_eq!(reply(&format!(r#"{{"jsonrpc":"2.0","id":{text},"result":{{}}}}"#)).id, Some(id));
    }
    assert_ne!(request(&with_id("1")).id, request(&with_id("\"1\"")).id);
    for text in [
        "null",
        "true",
        "false",
        "1.5",
        "1.0",
        "1e2",
        "-0",
        "-0.0",
        "18446744073709551616",
        "{}",
        "[]",
        "[1]",
        "{\"a\":1}",
    ] {
        assert!(matches!(refused(&with_id(text)), Unparsable::NotJsonRpc(_)), "{text}");
    }
}

#[test]
fn an_answer_may_spell_an_integer_as_a_double() {
    for (text, id) in [("1.0", 1), ("1e2", 100), ("-0.0", 0), ("9007199254740991.0", (1 << 53) - 1)] {
        assert_eq!(
            reply(&format!(r#"{{"jsonrpc":"2.0","id":{text},"result":{{}}}}"#)).id,
            Some(Id::from(id)),
            "{text}"
        );
    }
    let text = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602.0,"message":"a"}}"#;
    assert_eq!(error(reply(text)).code, -32602);
    for id in ["1.5", "9007199254740992.0", "1e300", "true", "null", "[]"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert!(matches!(refused(&text), Unparsable::NotJsonRpc(_)), "{id}");
    }
}

#[test]
fn only_an_error_may_have_no_id() {
    for text in [
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"a"}}"#,
    ] {
        let answer = reply(text);
        assert_eq!(answer.id, None);
        assert_eq!(
            Message::from(answer).to_string(),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a"}}"#
        );
    }
    for text in [r#"{"jsonrpc":"2.0","result":{}}"#, r#"{"jsonrpc":"2.0","id":null,"result":{}}"#] {
        assert!(matches!(refused(text), Unparsable::NotJsonRpc(_)), "{text}");
    }
}

#[test]
fn what_is_json_but_no_message_is_an_invalid_request() {
    for text in [
        "1",
        "null",
        "\"a\"",
        "{}",
        r#"{"method":"a"}"#,
        r#"{"jsonrpc":"1.0","method":"a"}"#,
        r#"{"jsonrpc":2.0,"method":"a"}"#,
        r#"{"jsonrpc":"2.0 ","method":"a"}"#,
        r#"{"jsonrpc":null,"method":"a"}"#,
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","method":null}"#,
        r#"{"jsonrpc":"2.0","method":1}"#,
        r#"{"jsonrpc":"2.0","method":["a"]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":{}}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":[]}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":["a"]}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":"a"}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","error":{"code":1,"message":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","error":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":"a"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"message":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":1}}"#,
        r#"{"jsonrpc":"2.0","id":true,"error":{"code":1,"message":"a"}}"#,
        r#"[1]"#,
        r#"[null]"#,
        r#"[[]]"#,
        r#"[[{"jsonrpc":"2.0","method":"a"}]]"#,
        r#"[{"jsonrpc":"2.0","method":"a"},{}]"#,
        r#"[{"jsonrpc":"2.0","method":"a"},1]"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":1,"method":"b"}]"#,
    ] {
        assert!(matches!(refused(text), Unparsable::NotJsonRpc(_)), "{text}");
        assert_eq!(refused(text).code(), code::INVALID_REQUEST);
    }
    for text in ["[]", " [ ] "] {
        assert_eq!(refused(text), Unparsable::EmptyBatch);
        assert_eq!(refused(text).code(), code::INVALID_REQUEST);
    }
    // A request and an answer to another one may have the same id: they are counted by each side alone.
    parse(r#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":1,"result":{}}]"#).unwrap();
    parse(r#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":"1","method":"a"}]"#).unwrap();
}

#[test]
fn an_empty_result_under_null_is_a_result() {
    // `"result": null` is an answer (JSON-RPC 2.0 leaves its value to the method), unlike a result that is not there.
    let answer = reply(r#"{"jsonrpc":"2.0","id":1,"result":null}"#);
    assert!(matches!(answer.outcome, Outcome::OtherResult(result) if result.get() == "null"));
}

#[test]
fn calls_and_answers_are_made() {
    let mut params = Object::new();
    params.set("name", "a\"b");
    let call = Call::request(Id::from(7), "tools/call", Some(params));
    let text = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a\"b"}}"#;
    assert_eq!(Message::from(call.clone()).to_string(), text);
    assert_eq!(parse(text), Ok(Body::Single(Message::Request(call))));
    let call = Call::notification("notifications/cancelled", None);
    assert_eq!(Body::Single(call.into()).to_bytes(), br#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#);

    let answer = Reply::result(Id::from("a"), Object::new());
    assert_eq!(Message::from(answer).to_string(), r#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
    let data = json!({"supported": ["2025-11-25"]});
    let answer = Reply::error(Some(Id::from(1)), code::UNSUPPORTED_VERSION, "No", Some(&data));
    assert_eq!(
        Message::from(answer).to_string(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"No","data":{"supported":["2025-11-25"]}}}"#
    );
    let answer = Reply::error(None, code::PARSE_ERROR, "No", None::<&()>);
    assert_eq!(
        Message::from(answer).to_string(),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"No"}}"#
    );
}

#[test]
fn what_is_logged_of_a_body_says_nothing_of_its_content() {
    for text in [
        with_arguments("\"secret\""),
        r#"{"jsonrpc":"2.0","method":"a","secret":"secret"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":"secret"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{"secret":"secret"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"secret","data":"secret"}}"#.to_owned(),
    ] {
        assert!(!format!("{:?}", parse(&text).unwrap()).contains("secret"), "{text}");
    }
}

/// A JSON text as clients may write it, with keys that are few, so that they meet.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof!["[a-c]", "[A-C]", any::<String>(), Just("name".to_owned()), Just("Name".to_owned())];
        let member = (key, "[ \n]?", inner.clone())
            .prop_map(|(key, space, value)| format!("{}{space}:{space}{value}{space}", Value::from(key)));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Whether no object of a text has a key twice: then both are as long.
fn has_no_key_twice(text: &str) -> bool {
    fn members(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(members).sum(),
            Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    // Strings with a colon in them are none of `any_json`'s keys that repeat.
    let (mut colons, mut in_string, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => colons += 1,
            _ => {}
        }
    }
    members(&serde_json::from_str(text).unwrap()) == colons
}

proptest! {
    #[test]
    fn arguments_are_carried_exactly_unless_a_key_is_there_twice(arguments in any_json()) {
        let text = with_arguments(&arguments);
        match parse(&text) {
            Ok(body) => {
                prop_assert!(has_no_key_twice(&arguments));
                let call = body.messages()[0].call().unwrap();
                prop_assert_eq!(call.params.as_ref().unwrap().get("arguments").unwrap().get(), arguments.trim());
                prop_assert_eq!(body.to_string(), text.replace(&arguments, arguments.trim()));
                prop_assert_eq!(Body::parse(&body.to_bytes(), DEPTH), Ok(body));
            }
            Err(refused) => {
                prop_assert_eq!(refused, Unparsable::DoubledKey);
                prop_assert!(!has_no_key_twice(&arguments));
            }
        }
    }

    #[test]
    fn what_is_read_and_written_is_read_as_the_same(
        id in prop::option::of("(-?[1-9][0-9]{0,17}|\"[a-z]{0,3}\"|null|1\\.0)"),
        method in prop::option::of("(\"[a-zA-Z/]{0,9}\"|1)"),
        params in prop::option::of(any_json()),
        result in prop::option::of(any_json()),
        error in prop::option::of("(\\{\"code\":-?[1-9]{1,5},\"message\":\"[a-z]{0,3}\"\\}|1)"),
        other in prop::option::of(any_json()),
    ) {
        let members = [("id", id), ("method", method), ("params", params), ("result", result), ("error", error), ("x", other)];
        let members: String = members.into_iter().filter_map(|(name, value)| Some(format!(r#","{name}":{}"#, value?))).collect();
        let text = format!(r#"{{"jsonrpc":"2.0"{members}}}"#);
        if let Ok(body) = parse(&text) {
            prop_assert_eq!(&parse(&body.to_string()), &Ok(body.clone()));
            let (came, goes): (Value, Value) = (serde_json::from_str(&text).unwrap(), serde_json::from_slice(&body.to_bytes()).unwrap());
            // An id of an error is written also where it was left out, and as an integer.
            for (name, value) in goes.as_object().unwrap() {
                prop_assert!(came.get(name) == Some(value) || name == "id" && (value.is_null() || value == 1));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,0-9a-e\\\\ ]{0,80}") {
        let _ = Body::parse(&bytes, DEPTH);
        let _ = parse(&text);
        let _ = parse(&with_params(&text));
    }
}
