//! What an MCP message asks for.

use gatehouse_protocol::LogText;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::text::{cleaned, one_line};

/// What a message asks for, as far as the log may say. A response asks for nothing, and has no field.
#[derive(Clone, Debug, Default, Serialize)]
pub struct McpCall<'a> {
    /// The method of the message in JSON-RPC.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    pub rpc_method: Option<&'a str>,
    /// The tool that is called.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    pub tool: Option<String>,
    /// The prompt that is fetched.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    pub prompt: Option<String>,
    /// The resource's URI, where the route has arguments logged (`log_arguments`).
    ///
    /// Personal: it is whatever the client sent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cleaned")]
    pub resource: Option<String>,
    /// The arguments, where the route has them logged (`log_arguments`): as JSON, or only their length where it is more than
    /// 4,096 bytes.
    ///
    /// Personal: they are whatever the client sent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "one_line")]
    pub arguments: Option<&'a RawValue>,
}

impl McpCall<'_> {
    /// The method, and the name of the tool or the prompt, in one short text; empty for a response.
    pub fn text(&self) -> String {
        let name = self.tool.as_deref().or(self.prompt.as_deref());
        let words = self.rpc_method.into_iter().chain(name).map(|word| LogText::new(word).to_string());
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn logged(call: &McpCall<'_>) -> serde_json::Value {
        serde_json::to_value(call).unwrap()
    }

    #[test]
    fn a_response_asks_for_nothing() {
        assert_eq!(logged(&McpCall::default()), json!({}));
        assert_eq!(McpCall::default().text(), "");
    }

    #[test]
    fn a_call_in_short_is_its_method_and_its_name() {
        let tool = Some("echo\n\u{202e}".to_owned());
        let call = McpCall { rpc_method: Some("tools/call"), tool, ..McpCall::default() };
        assert_eq!(call.text(), "tools/call echo??");
        let long = "m".repeat(5_000);
        assert_eq!(McpCall { rpc_method: Some(&long), ..McpCall::default() }.text().len(), 128);
    }

    #[test]
    fn client_text_cannot_forge_a_line_or_fill_the_disk() {
        let method = format!("a\n{{\"{}", "x".repeat(5_000));
        let call = McpCall { rpc_method: Some(&method), tool: Some("e\u{301}\r\n".to_owned()), ..McpCall::default() };
        assert_eq!(logged(&call), json!({ "rpc_method": format!("a?{{\"{}", "x".repeat(124)), "tool": "e???" }));
    }

    #[test]
    fn arguments_are_json_on_one_line_or_their_length() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).unwrap();
        let (short, long) = (raw("{\n\"a\":\n1}"), raw(&format!("\"{}\"", "x".repeat(5_000))));
        let call = McpCall { arguments: Some(&short), ..McpCall::default() };
        assert_eq!(serde_json::to_string(&call).unwrap(), r#"{"arguments":{"a":1}}"#);
        let call = McpCall { arguments: Some(&long), ..McpCall::default() };
        assert_eq!(logged(&call), json!({ "arguments": "5002 bytes" }));
    }
}
