//! A link to an API of somebody else that a call needs and its user has not made: how the client is told of it.
//!
//! MCP has two ways to lead a user to a page: in 2025-11-25 an error with URL elicitations, and from 2026-07-28 on a result that wants
//! input, to clients that can do that. To every other client it is a text with the address. The address says nothing of the user, and
//! opens nothing by itself: whoever opens it signs in, and links an account of theirs to their own.

use gatehouse_mcp_wire::json_rpc::{Call, Id, Message, Object, Reply, code};
use serde_json::json;

use crate::PostedMessages;

/// What a client says that it can do (MCP 2026-07-28, `_meta`).
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The name of our question among those that a server may have. A server that gets the answer to it ignores it (MCP 2026-07-28,
/// multi round-trip requests, "Error Handling").
const QUESTION: &str = "gatehouse/connection";
/// The requests that an input may be wanted for (MCP 2026-07-28, multi round-trip requests, "Supported Requests"), and for which a
/// server acts in somebody's name. Everything else goes on without the link: a client first asks what there is.
const CALLS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// A link that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededLink {
    /// What people call the connection.
    pub connection: String,
    /// Where the user makes the link.
    pub url: String,
    /// Names the elicitation; unique.
    pub elicitation_id: String,
    /// How the client is told.
    pub told: LinkTold,
}

/// How a client is told that a link is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkTold {
    /// By an error with a URL elicitation (2025-11-25).
    Elicitation,
    /// By a result that wants input (2026-07-28).
    InputRequired,
    /// By a call's result with `isError`, which the client shows to its model.
    ToModel,
    /// By an error.
    #[default]
    Plainly,
}

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

impl NeededLink {
    /// The answer to the request with this id; `server` names the server that needs the link.
    pub(crate) fn reply(&self, server: &str, id: Option<&Id>) -> Option<Reply> {
        let id = id?;
        let ask = format!("{server} needs your account at {}", self.connection);
        let Self { url, elicitation_id, .. } = self;
        let mut result = Object::new();
        Some(match self.told {
            LinkTold::Elicitation => {
                let elicitation = json!({ "mode": "url", "elicitationId": elicitation_id, "url": url, "message": ask });
                let data = json!({ "elicitations": [elicitation] });
                let text = self.text(server);
                Reply::error(Some(id.clone()), code::URL_ELICITATION_REQUIRED, &text, Some(&data))
            }
            LinkTold::InputRequired => {
                let params = json!({ "mode": "url", "url": url, "message": ask });
                result.set("resultType", "input_required");
                let question = json!({ "method": "elicitation/create", "params": params });
                result.set("inputRequests", &json!({ QUESTION: question }));
                Reply::result(id.clone(), result)
            }
            LinkTold::ToModel => {
                // Revisions that do not know the member ignore it.
                result.set("resultType", "complete");
                result.set("content", &json!([{ "type": "text", "text": self.text(server) }]));
                result.set("isError", &true);
                Reply::result(id.clone(), result)
            }
            LinkTold::Plainly => return None,
        })
    }

    /// The same as a text, with the address.
    pub(crate) fn text(&self, server: &str) -> String {
        format!("{server} needs your account at {}: link it at {}, and try again", self.connection, self.url)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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

    fn link(told: LinkTold) -> NeededLink {
        NeededLink {
            connection: "The \"API\"".to_owned(),
            url: "https://gateway.example/connections".to_owned(),
            elicitation_id: "e".to_owned(),
            told,
        }
    }

    fn told(way: LinkTold) -> Option<Value> {
        let reply = link(way).reply("The MCP server at /mcp", Some(&Id::from(7)))?;
        Some(serde_json::from_str(&reply.to_object().to_string()).unwrap())
    }

    #[test]
    fn the_answers_are_as_the_revisions_have_them() {
        let error = &told(LinkTold::Elicitation).unwrap()["error"];
        assert_eq!(error["code"], -32042);
        let elicitation = &error["data"]["elicitations"][0];
        assert_eq!((&elicitation["mode"], &elicitation["elicitationId"]), (&json!("url"), &json!("e")));
        assert_eq!(elicitation["url"], "https://gateway.example/connections");
        // Clients that do not know the code show the text.
        assert!(error["message"].as_str().unwrap().contains("https://gateway.example/connections"), "{error}");
        assert!(!elicitation["message"].as_str().unwrap().contains("http"), "{error}");
        let wanted = &told(LinkTold::InputRequired).unwrap()["result"];
        assert_eq!(wanted["resultType"], "input_required");
        let question = &wanted["inputRequests"][QUESTION];
        assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
        assert!(question["params"].get("elicitationId").is_none());
        let shown = &told(LinkTold::ToModel).unwrap()["result"];
        assert_eq!(shown["isError"], true);
        assert!(shown["content"][0]["text"].as_str().unwrap().contains("https://gateway.example/connections"));
        assert!(told(LinkTold::Plainly).is_none() && link(LinkTold::Elicitation).reply("x", None).is_none());
    }
}
