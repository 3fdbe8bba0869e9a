//! Bodies that two readers read differently, and bodies that hide what they do.

use serde_json::Value;

use super::{Bypass, call, modern_call};

const JSON: &str = "content-type: application/json";

/// What the JSON-RPC error of an answer says it is; of several, the first one.
pub(super) fn code(body: &str) -> i64 {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let body = body.get(0).unwrap_or(&body);
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    body["error"]["code"].as_i64().unwrap_or_else(|| panic!("no code: {body}"))
}

/// A call with these parameters, as text.
fn with(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

/// A message with these members, as text.
fn message(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#)
}

/// PAN-OS and Go's `encoding/json` (CVE-2020-16845 and its like): keys in another case or written twice. The policy reads
/// one of them, the server the other.
#[tokio::test(flavor = "multi_thread")]
async fn no_message_that_two_readers_read_differently_reaches_the_upstream() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let lines = bypass.lines(&bearer, &[JSON]);
    let (read, delete) = (r#"{"name":"read"}"#, r#"{"name":"delete"}"#);
    let ambiguous = [
        with(r#"{"name":"read","name":"delete"}"#),
        with(r#"{"name":"delete","name":"read"}"#),
        with(r#"{"name":"read","na\u006de":"delete"}"#),
        with(r#"{"name":"read","Name":"delete"}"#),
        with(r#"{"NAME":"delete","name":"read"}"#),
        with(r#"{"name":"read","argument\u017f":{},"arguments":{}}"#),
        with(r#"{"name":"read","_meta":{},"_META":{}}"#),
        with(r#"{"name":"read","_meta":{"progressTo\u212aen":"delete","progressToken":"x"}}"#),
        with(r#"{"name":"read","arguments":{"a":1,"a":2}}"#),
        message(&format!(r#""method":"tools/call","params":{read},"params":{delete}"#)),
        message(&format!(r#""method":"tools/call","params":{read},"Params":{delete}"#)),
        message(&format!(r#""method":"tools/call","params":{read},"param\u017f":{delete}"#)),
        message(&format!(r#""method":"tools/call","params":{read},"par\u0061ms":{delete}"#)),
        message(&format!(r#""method":"tools/list","method":"tools/call","params":{delete}"#)),
        message(&format!(r#""method":"tools/list","Method":"tools/call","params":{delete}"#)),
        message(&format!(r#""method":"tools/list","METHOD":"tools/call","params":{delete}"#)),
        message(&format!(r#""id":2,"method":"tools/call","params":{read}"#)),
        message(&format!(r#""ID":2,"method":"tools/call","params":{read}"#)),
        message(&format!(r#""jsonrpc":"1.0","method":"tools/call","params":{read}"#)),
        message(&format!(r#""result":{{}},"method":"tools/call","params":{read}"#)),
        message(&format!(r#""error":{{"code":1,"message":""}},"method":"tools/call","params":{read}"#)),
        with(r#"{"name":"read\ud800"}"#),
        with(r#"{"name":"read","\udc00":1}"#),
    ];
    for body in &ambiguous {
        let answer = bypass.refuses(body, &bypass.post("/mcp", &lines, body.as_bytes()), &[400]).await;
        assert!([-32700, -32600].contains(&code(&answer.body())), "{body}: {}", answer.text);
    }
    // The same without the trick passes: it is the trick that is refused.
    for body in [call("read"), with(r#"{"n\u0061me":"r\u0065ad"}"#), message(r#""method":"ping""#)] {
        let received = bypass.passes(&body, &bypass.post("/mcp", &lines, body.as_bytes())).await;
        assert_eq!(received.body, body.as_bytes(), "the message was rewritten");
    }
    bypass.end("messages with two meanings").await;
}

/// What is not one JSON text in UTF-8 may be one to a server that is kinder than we are.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_not_json_rpc_reaches_the_upstream() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let lines = bypass.lines(&bearer, &[JSON]);
    let (read, delete) = (call("read"), call("delete"));
    let utf16 = |text: &str, big: bool| {
        let units = text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
        units.collect::<Vec<u8>>()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let refused: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b" ".to_vec(),
        b"null".to_vec(),
        b"true".to_vec(),
        b"1".to_vec(),
        b"\"tools/call\"".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"[[]]".to_vec(),
        b"[1]".to_vec(),
        format!("{read}{delete}").into_bytes(),
        format!("{read}\n{delete}").into_bytes(),
        format!("{read}\x1e{delete}").into_bytes(),
        format!("{read}\0").into_bytes(),
        format!("\u{feff}{delete}").into_bytes(),
        format!("/**/{delete}").into_bytes(),
        format!("{delete}// {read}").into_bytes(),
        format!(")]}}',\n{delete}").into_bytes(),
        delete.replace('"', "'").into_bytes(),
        delete.replace("{}", "{},").into_bytes(),
        delete.replace(":1,", ":NaN,").into_bytes(),
        delete.replace(":1,", ":01,").into_bytes(),
        delete.replace(":1,", ":1e999,").into_bytes(),
        delete.replace(":1,", ":null,").into_bytes(),
        delete.replace(":1,", ":{},").into_bytes(),
        delete.replace(":1,", ":[1],").into_bytes(),
        delete.replace("2.0", "1.0").into_bytes(),
        delete.replace(r#""jsonrpc":"2.0","#, "").into_bytes(),
        delete.replace("{}", &deep).into_bytes(),
        deep.clone().into_bytes(),
        delete.replace("delete", "del\x01ete").into_bytes(),
        delete.replace("delete", "del\nete").into_bytes(),
        [delete.as_bytes(), b"\xff"].concat(),
        delete.replace("delete", "dele\u{e9}te").chars().map(|character| character as u8).collect(),
        // Overlong: what some decoders take for the same letters.
        [
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools\xc0\xafcall\",\"params\":".as_slice(),
            b"{\"name\":\"read\"}}",
        ]
        .concat(),
        utf16(&delete, false),
        utf16(&delete, true),
        [b"\xff\xfe".to_vec(), utf16(&delete, false)].concat(),
        b"method=tools/call&name=delete".to_vec(),
        b"<?xml version=\"1.0\"?><methodCall><methodName>delete</methodName></methodCall>".to_vec(),
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1".to_vec(),
        b"\x00\x00\x00\x00\x05\x0a\x03abc".to_vec(),
    ];
    for body in &refused {
        let what = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let answer = bypass.refuses(&what, &bypass.post("/mcp", &lines, body), &[400]).await;
        assert!([-32700, -32600].contains(&code(&answer.body())), "{what}: {}", answer.text);
    }
    bypass.end("what is not JSON-RPC").await;
}

/// The decision is made by what the message does, to the letter.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_tool_or_a_method_gets_past_the_policy() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let lines = bypass.lines(&bearer, &[JSON]);
    let mut denied = vec![message(r#""method":"tools/call","params":{"name":"delete","arguments":{"name":"read"}}"#)];
    for name in [
        "delete",
        "DELETE",
        "Read",
        "READ",
        " read",
        "read ",
        "read\\n",
        "read\\u0000",
        "read\\u0000delete",
        "read/../delete",
        "read,delete",
        "read;delete",
        "read%00",
        "r\\u200bead",
        "\\uff52\\uff45\\uff41\\uff44",
        "re\\u0061\\u0301d",
        "*",
        "read*",
        "",
    ] {
        denied.push(call(name));
    }
    for method in [
        "tools/call ",
        "Tools/Call",
        "TOOLS/CALL",
        "tools/call\\u0000",
        "/tools/call",
        "tools//call",
        "tools/./call",
        "tools.call",
        "tools/execute",
        "rpc.discover",
        "delete",
        "",
    ] {
        denied.push(message(&format!(r#""method":"{method}","params":{{"name":"read"}}"#)));
    }
    for other in [
        r#""method":"prompts/get","params":{"name":"read"}"#,
        r#""method":"resources/read","params":{"uri":"read"}"#,
        r#""method":"resources/subscribe","params":{"uri":"read"}"#,
        r#""method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"read"},"argument":{"name":"a","value":""}}"#,
        r#""method":"tasks/get","params":{"taskId":"read"}"#,
        r#""method":"sampling/createMessage","params":{"name":"read"}"#,
    ] {
        denied.push(message(other));
    }
    for body in &denied {
        let answer = bypass.refuses(body, &bypass.post("/mcp", &lines, body.as_bytes()), &[200]).await;
        assert_eq!(code(&answer.body()), 403, "{body}: {}", answer.text);
    }
    // Nobody waits for an answer to a notification, but the server would act.
    let notification = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete"}}"#;
    bypass.refuses(notification, &bypass.post("/mcp", &lines, notification.as_bytes()), &[400]).await;
    // Without a name there is nothing to decide by.
    for params in [
        "{}",
        r#"{"name":null}"#,
        r#"{"name":["read"]}"#,
        r#"{"name":{"read":1}}"#,
        r#"{"name":1}"#,
        r#"{"__proto__":{"name":"read"}}"#,
        r#"["read"]"#,
        r#""read""#,
        "null",
    ] {
        bypass.refuses(params, &bypass.post("/mcp", &lines, with(params).as_bytes()), &[200, 400, 403]).await;
    }
    let without = message(r#""method":"tools/call""#);
    bypass.refuses(&without, &bypass.post("/mcp", &lines, without.as_bytes()), &[200, 400, 403]).await;
    bypass.end("calls that are not allowed").await;
}

/// Batches hide one message behind another. Only 2025-03-26 has them, and there each message is judged.
#[tokio::test(flavor = "multi_thread")]
async fn no_batch_hides_a_call() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let (read, delete, modern) = (call("read"), call("delete"), modern_call("delete"));
    let versions =
        ["", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "2027-01-01", "x", "2025-03-26x"];
    for version in versions {
        let header = format!("mcp-protocol-version: {version}");
        let more: &[&str] = if version.is_empty() { &[JSON] } else { &[JSON, &header] };
        let lines = bypass.lines(&bearer, more);
        for batch in [
            format!("[{delete}]"),
            format!("[{read},{delete}]"),
            format!("[{delete},{read}]"),
            format!("[[{delete}]]"),
            format!("[{read},[{delete}]]"),
            format!("[{read},{modern}]"),
            format!("[{read},null,{delete}]"),
        ] {
            let what = format!("{version}: {batch}");
            bypass.refuses(&what, &bypass.post("/mcp", &lines, batch.as_bytes()), &[200, 400, 403]).await;
        }
        if !["", "2025-03-26"].contains(&version) {
            let batch = format!("[{read}]");
            let what = format!("{version}: {batch}");
            let answer = bypass.refuses(&what, &bypass.post("/mcp", &lines, batch.as_bytes()), &[400]).await;
            assert_eq!(code(&answer.body()), -32600, "{what}");
        }
    }
    let lines = bypass.lines(&bearer, &[JSON, "mcp-protocol-version: 2025-03-26"]);
    let other = read.replace("\"id\":1", "\"id\":2");
    bypass.passes("a batch", &bypass.post("/mcp", &lines, format!("[{read},{other}]").as_bytes())).await;
    bypass.end("batches").await;
}
