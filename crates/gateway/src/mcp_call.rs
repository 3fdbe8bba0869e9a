//! What a message asks for, as far as the log may say.

use gatehouse_audit_log::McpCall;
use gatehouse_configuration::Route;
use gatehouse_mcp_wire::json_rpc::Message;

/// What `message` asks for at `route`. A response asks for nothing. Arguments and the URIs of resources are there only where
/// the route's `log_arguments` says so.
pub(crate) fn mcp_call<'a>(message: &'a Message, route: &Route) -> McpCall<'a> {
    let Some(call) = message.call() else { return McpCall::default() };
    let method = call.method.as_str();
    let named = |methods: &[&str], parameter| methods.contains(&method).then(|| call.param(parameter)).flatten();
    let params = call.params.as_ref().filter(|_| route.log_arguments);
    McpCall {
        rpc_method: Some(method),
        tool: named(&["tools/call"], "name"),
        prompt: named(&["prompts/get"], "name"),
        resource: params.and_then(|params| params.str("uri")),
        arguments: params.and_then(|params| params.get("arguments")),
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_mcp_wire::json_rpc::Body;
    use serde_json::{Value, json};

    use super::*;
    use crate::example;

    fn logged(message: &Value, log_arguments: bool) -> Value {
        let configuration = example::configuration();
        let route = Route { log_arguments, ..configuration.routes[0].clone() };
        let Body::Single(message) = Body::parse(message.to_string().as_bytes(), 64).unwrap() else { panic!() };
        serde_json::to_value(mcp_call(&message, &route)).unwrap()
    }

    fn request(method: &str, params: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    #[test]
    fn what_has_no_line_of_its_own_is_said_in_short_texts() {
        let configuration = example::configuration();
        let text = |method: &str, params: Value| {
            let body = request(method, &params).to_string();
            let Body::Single(message) = Body::parse(body.as_bytes(), 64).unwrap() else { panic!() };
            mcp_call(&message, &configuration.routes[0]).text()
        };
        let further = [
            text("tools/call", json!({ "name": "echo\n\u{202e}" })),
            text("prompts/get", json!({ "name": "greet" })),
            text("resources/read", json!({ "uri": "file:///home/alice" })),
            text(&"m".repeat(5_000), json!({ "name": "n" })),
        ];
        assert_eq!(further[..3], ["tools/call echo??", "prompts/get greet", "resources/read"]);
        assert_eq!(further[3].len(), 128);
    }

    #[test]
    fn arguments_and_uris_are_there_only_where_the_route_says_so() {
        let call = request("tools/call", &json!({ "name": "echo", "arguments": { "text": "a\nb", "n": 1 } }));
        assert_eq!(logged(&call, false), json!({ "rpc_method": "tools/call", "tool": "echo" }));
        let arguments = json!({ "text": "a\nb", "n": 1 });
        assert_eq!(logged(&call, true), json!({ "rpc_method": "tools/call", "tool": "echo", "arguments": arguments }));
        let read = request("resources/read", &json!({ "uri": "file:///home/alice" }));
        assert_eq!(logged(&read, false), json!({ "rpc_method": "resources/read" }));
        let expected = json!({ "rpc_method": "resources/read", "resource": "file:///home/alice" });
        assert_eq!(logged(&read, true), expected);
        let prompt = request("prompts/get", &json!({ "name": "p", "arguments": {} }));
        assert_eq!(logged(&prompt, false), json!({ "rpc_method": "prompts/get", "prompt": "p" }));
        assert_eq!(logged(&json!({ "jsonrpc": "2.0", "id": 1, "result": { "uri": "x" } }), true), json!({}));
    }

    #[test]
    fn client_text_cannot_forge_a_line_or_fill_the_disk() {
        let long = "x".repeat(5000);
        let call = request(&format!("a\n{{\"{long}"), &json!({ "name": "b" }));
        let expected = format!("a?{{\"{}", "x".repeat(124));
        assert_eq!(logged(&call, true), json!({ "rpc_method": expected }));
        let call = request("tools/call", &json!({ "name": "e\u{301}\r\n", "arguments": { "text": long } }));
        let expected = json!({ "rpc_method": "tools/call", "tool": "e???", "arguments": "5011 bytes" });
        assert_eq!(logged(&call, true), expected);
        let spaced =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"arguments\":{\n\"a\":\n1}}}";
        let Body::Single(message) = Body::parse(spaced.as_bytes(), 64).unwrap() else { panic!() };
        let configuration = example::configuration();
        let route = Route { log_arguments: true, ..configuration.routes[0].clone() };
        let call = mcp_call(&message, &route);
        assert!(!serde_json::to_string(&call).unwrap().contains('\n'));
    }
}
