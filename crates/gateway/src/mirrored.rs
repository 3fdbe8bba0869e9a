//! `Mcp-Method` and `Mcp-Name`: what a request's headers say of its body (MCP 2026-07-28, Streamable HTTP, "Standard
//! Request Headers", "Value Encoding", "Server Validation").
//!
//! The gateway decides by the body alone. But something between it and the server may go by the headers, so the two must
//! say the same, in every revision: "when different components in the network rely on different sources of truth", one of them
//! has been deceived.

use gatehouse_mcp_wire::header::{MCP_METHOD, MCP_NAME};
use gatehouse_mcp_wire::header_value::{decoded, plain};
use gatehouse_mcp_wire::json_rpc::Call;
use http::HeaderMap;

use crate::Refusal;

/// Which parameter `Mcp-Name` repeats, by method: those of the core, and those of the tasks extension (SEP-2663).
const NAMED: [(&str, &str); 6] = [
    ("tools/call", "name"),
    ("prompts/get", "name"),
    ("resources/read", "uri"),
    ("tasks/get", "taskId"),
    ("tasks/update", "taskId"),
    ("tasks/cancel", "taskId"),
];

/// Checks that the headers, where they are there, say what `call` says; and that they are there where `required`.
///
/// # Errors
/// [`Refusal::HeaderMismatch`].
pub(crate) fn check(headers: &HeaderMap, call: &Call, required: bool) -> Result<(), Refusal> {
    match headers.get(MCP_METHOD) {
        None if required => return Err(mismatch("the Mcp-Method header is missing")),
        Some(value) if plain(value) != Some(&call.method) => {
            return Err(mismatch("the Mcp-Method header is not the method of the body"));
        }
        None | Some(_) => {}
    }
    let source = NAMED.iter().find(|(method, _)| *method == call.method).map(|(_, parameter)| *parameter);
    let name =
        headers.get(MCP_NAME).map(|value| decoded(value).ok_or_else(|| mismatch("the Mcp-Name header is malformed")));
    match (name.transpose()?, source) {
        (None, Some(parameter)) if required && call.param(parameter).is_some() => {
            Err(mismatch("the Mcp-Name header is missing"))
        }
        (Some(name), Some(parameter)) if call.param(parameter).as_deref() != Some(&*name) => Err(differs(parameter)),
        (Some(name), None) => elsewhere(call, &name),
        (None | Some(_), _) => Ok(()),
    }
}

/// Another method's `Mcp-Name`, which an extension may define: it must be one of its parameters.
fn elsewhere(call: &Call, name: &str) -> Result<(), Refusal> {
    let is_parameter = call.params.as_ref().is_some_and(|params| {
        params.iter().any(|(parameter, _)| params.str(parameter).is_some_and(|value| value == name))
    });
    if is_parameter { Ok(()) } else { Err(mismatch("the Mcp-Name header is no parameter of the body")) }
}

/// Checks that headers which are for one call do not come with something else.
///
/// # Errors
/// [`Refusal::HeaderMismatch`].
pub(crate) fn check_none(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(MCP_METHOD) || headers.contains_key(MCP_NAME) {
        return Err(mismatch("Mcp-Method and Mcp-Name come with a body that is no single call"));
    }
    Ok(())
}

fn mismatch(text: &'static str) -> Refusal {
    Refusal::HeaderMismatch(text.into())
}

fn differs(parameter: &str) -> Refusal {
    Refusal::HeaderMismatch(format!("the Mcp-Name header is not the {parameter} of the body").into())
}

#[cfg(test)]
mod tests {
    use gatehouse_mcp_wire::json_rpc::{Body, Message};
    use serde_json::json;

    use super::*;
    use crate::example;

    fn call(method: &str, params: &serde_json::Value) -> Call {
        let text = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let Body::Single(Message::Request(call)) = Body::parse(text.as_bytes(), 64).unwrap() else { panic!() };
        call
    }

    fn agrees(method: &str, params: &serde_json::Value, pairs: &[(&str, &str)], required: bool) -> bool {
        check(&example::headers(pairs), &call(method, params), required).is_ok()
    }

    #[test]
    fn headers_that_say_what_the_body_says_pass() {
        for (method, params, name) in [
            ("tools/call", json!({ "name": "get_weather" }), "get_weather"),
            ("tools/call", json!({ "name": "get_weather" }), "  get_weather\t"),
            ("tools/call", json!({ "name": "get_weather" }), "=?base64?Z2V0X3dlYXRoZXI=?="),
            ("tools/call", json!({ "name": "\u{4e16}\u{754c}" }), "=?base64?5LiW55WM?="),
            ("tools/call", json!({ "name": " padded " }), "=?base64?IHBhZGRlZCA=?="),
            ("tools/call", json!({ "name": "=?base64?literal?=" }), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("tools/call", json!({ "name": "=?BASE64?YQ==?=" }), "=?BASE64?YQ==?="),
            ("tools/call", json!({ "name": "=?base64?YQ==" }), "=?base64?YQ=="),
            ("tools/call", json!({ "name": "" }), "=?base64??="),
            ("prompts/get", json!({ "name": "p" }), "p"),
            ("resources/read", json!({ "uri": "file:///a b" }), "file:///a b"),
            ("resources/read", json!({ "uri": "file:///a", "name": "x" }), "file:///a"),
            ("tasks/get", json!({ "taskId": "t" }), "t"),
            ("resources/subscribe", json!({ "uri": "file:///a" }), "file:///a"),
            ("extension/thing", json!({ "name": "y", "key": "x" }), "x"),
        ] {
            for required in [true, false] {
                let pairs = [("mcp-method", method), ("mcp-name", name)];
                assert!(agrees(method, &params, &pairs, required), "{method} {name}");
            }
        }
    }

    #[test]
    fn headers_that_say_something_else_are_refused_in_every_era() {
        let echo = json!({ "name": "echo" });
        for (method, params, pairs) in [
            ("tools/call", &echo, [("mcp-method", "prompts/get"), ("mcp-name", "echo")]),
            ("tools/call", &echo, [("mcp-method", "TOOLS/CALL"), ("mcp-name", "echo")]),
            ("tools/call", &echo, [("mcp-method", "tools/call,tools/list"), ("mcp-name", "echo")]),
            ("tools/call", &echo, [("mcp-method", "=?base64?dG9vbHMvY2FsbA==?="), ("mcp-name", "echo")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "Echo")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "other")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "echo, other")]),
            // Not padded, not canonical, not of the alphabet, for URLs.
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "=?base64?ZWNobw?=")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "=?base64?ZWNobx==?=")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "=?base64?ZWNo bw==?=")]),
            ("tools/call", &echo, [("mcp-method", "tools/call"), ("mcp-name", "=?base64?ZWNo!bw==?=")]),
            // By the letter of the pattern it is encoded, and of what nobody can say.
            (
                "tools/call",
                &json!({ "name": "=?base64?=" }),
                [("mcp-method", "tools/call"), ("mcp-name", "=?base64?=")],
            ),
            // Twice: decoded once, it is another text.
            (
                "tools/call",
                &echo,
                [("mcp-method", "tools/call"), ("mcp-name", "=?base64?PT9iYXNlNjQ/WldOb2J3PT0/PQ==?=")],
            ),
            // Not UTF-8.
            (
                "tools/call",
                &json!({ "name": "\u{fffd}" }),
                [("mcp-method", "tools/call"), ("mcp-name", "=?base64?/w==?=")],
            ),
            ("tools/call", &json!({ "name": "\u{e9}" }), [("mcp-method", "tools/call"), ("mcp-name", "\u{e9}")]),
            ("tools/call", &json!({}), [("mcp-method", "tools/call"), ("mcp-name", "echo")]),
            ("tools/call", &json!({ "name": 1 }), [("mcp-method", "tools/call"), ("mcp-name", "1")]),
            ("tools/call", &json!({ "uri": "echo" }), [("mcp-method", "tools/call"), ("mcp-name", "echo")]),
            ("resources/read", &json!({ "uri": "a:b" }), [("mcp-method", "resources/read"), ("mcp-name", "a:c")]),
            (
                "resources/subscribe",
                &json!({ "uri": "a:b" }),
                [("mcp-method", "resources/subscribe"), ("mcp-name", "a:c")],
            ),
        ] {
            for required in [true, false] {
                assert!(!agrees(method, params, &pairs, required), "{method} {pairs:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_refused_where_it_is_required() {
        let echo = json!({ "name": "echo" });
        for (method, params, pairs, missing) in [
            ("tools/call", &echo, &[][..], true),
            ("tools/call", &echo, &[("mcp-method", "tools/call")], true),
            ("tools/call", &echo, &[("mcp-name", "echo")], true),
            ("tools/list", &json!({}), &[], true),
            ("tools/list", &json!({}), &[("mcp-method", "tools/list")], false),
            // What is wrong with such a call is for the server to say.
            ("tools/call", &json!({}), &[("mcp-method", "tools/call")], false),
        ] {
            assert_eq!(agrees(method, params, pairs, true), !missing, "{method} {pairs:?}");
            assert!(agrees(method, params, pairs, false), "{method} {pairs:?}");
        }
    }

    #[test]
    fn headers_of_a_call_do_not_come_with_what_is_none() {
        assert_eq!(check_none(&example::headers(&[("mcp-param-x", "1")])), Ok(()));
        for name in ["mcp-method", "mcp-name"] {
            assert!(matches!(check_none(&example::headers(&[(name, "x")])), Err(Refusal::HeaderMismatch(_))));
        }
    }
}
