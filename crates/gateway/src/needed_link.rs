//! A link to an API of somebody else that a call needs and its user has not made: how the client is told of it.
//!
//! MCP has two ways to lead a user to a page: in 2025-11-25 an error with URL elicitations, and from 2026-07-28 on a result that wants
//! input, to clients that can do that. To every other client it is a text with the address. The address says nothing of the user, and
//! opens nothing by itself: whoever opens it signs in, and links an account of theirs to their own.

use gatehouse_mcp_wire::json_rpc::{Id, Object, Reply, code};
use serde_json::json;

/// The name of our question among those that a server may have. A server that gets the answer to it ignores it (MCP 2026-07-28,
/// multi round-trip requests, "Error Handling").
pub(crate) const QUESTION: &str = "gatehouse/connection";
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
