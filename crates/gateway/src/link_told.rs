//! Which messages need a link, and how their client is told where it is missing.

use gatehouse_mcp_wire::json_rpc::{Call, Message};

use crate::needed_link::QUESTION;
use crate::{LinkTold, PostedMessages};

/// What a client says that it can do (MCP 2026-07-28, `_meta`).
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The requests that an input may be wanted for (MCP 2026-07-28, multi round-trip requests, "Supported Requests"), and for which a
/// server acts in somebody's name. Everything else goes on without the link: a client first asks what there is.
const CALLS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

impl LinkTold {
    /// How the client that posted these is told.
    pub fn of(posted: &PostedMessages) -> Self {
        let Some((call, _)) = posted.request() else { return Self::Plainly };
        let is_call = CALLS.contains(&call.method.as_str());
        match posted.revision.version {
            "2025-11-25" => Self::Elicitation,
            _ if posted.revision.is_stateless && is_call && takes_urls(call) && !was_declined(call) => {
                Self::InputRequired
            }
            _ if call.method == "tools/call" => Self::ToModel,
            _ => Self::Plainly,
        }
    }
}

/// Whether one of the messages is a call in the user's name, which goes no further without the link.
pub fn acts_for_the_user(posted: &PostedMessages) -> bool {
    let calls = posted.body.messages().iter().filter_map(Message::call);
    calls.into_iter().any(|call| CALLS.contains(&call.method.as_str()))
}

/// Whether the client can lead its user to a page.
fn takes_urls(call: &Call) -> bool {
    let elicitation = call.meta().and_then(|meta| meta.object(CAPABILITIES)?.object("elicitation"));
    elicitation.is_some_and(|modes| modes.contains("url"))
}

/// Whether the user has just said no to it.
fn was_declined(call: &Call) -> bool {
    let answer =
        call.params.as_ref().and_then(|params| params.object("inputResponses")?.object(QUESTION)?.str("action"));
    answer.is_some_and(|action| action != "accept")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::example::posted;

    fn call(method: &str, capabilities: &Value, responses: &Value) -> String {
        let meta = json!({ CAPABILITIES: capabilities });
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "name": "a", "_meta": meta, "inputResponses": responses } })
            .to_string()
    }

    #[test]
    fn each_revision_and_client_is_told_in_its_own_way() {
        let (url, form, none) = (json!({ "elicitation": { "url": {} } }), json!({ "elicitation": {} }), json!({}));
        let declined = json!({ QUESTION: { "action": "decline" } });
        let accepted = json!({ QUESTION: { "action": "accept" } });
        for (version, method, capabilities, responses, told) in [
            ("2026-07-28", "tools/call", &url, &none, LinkTold::InputRequired),
            ("2026-07-28", "resources/read", &url, &none, LinkTold::InputRequired),
            ("2026-07-28", "tools/call", &url, &accepted, LinkTold::InputRequired),
            ("2026-07-28", "tools/call", &url, &declined, LinkTold::ToModel),
            ("2026-07-28", "tools/call", &form, &none, LinkTold::ToModel),
            ("2026-07-28", "tools/call", &none, &none, LinkTold::ToModel),
            ("2026-07-28", "prompts/get", &form, &none, LinkTold::Plainly),
            ("2026-07-28", "tools/list", &url, &none, LinkTold::Plainly),
            ("2025-11-25", "tools/call", &none, &none, LinkTold::Elicitation),
            ("2025-11-25", "initialize", &none, &none, LinkTold::Elicitation),
            ("2025-06-18", "tools/call", &url, &none, LinkTold::ToModel),
            ("2025-03-26", "resources/read", &url, &none, LinkTold::Plainly),
        ] {
            let posted = posted(version, &call(method, capabilities, responses));
            assert_eq!(LinkTold::of(&posted), told, "{version} {method} {capabilities} {responses}");
        }
    }

    #[test]
    fn only_calls_in_somebodys_name_need_the_link() {
        for (method, acts) in [
            ("tools/call", true),
            ("prompts/get", true),
            ("resources/read", true),
            ("tools/list", false),
            ("ping", false),
        ] {
            let one = call(method, &json!({}), &json!({}));
            assert_eq!(acts_for_the_user(&posted("2025-11-25", &one)), acts, "{method}");
        }
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call"}]"#;
        assert!(acts_for_the_user(&posted("2025-03-26", batch)));
    }
}
