//! Messages that a client posted.

use gatehouse_mcp_wire::json_rpc::{Body, Call, Id, Message, Object};
use http::HeaderMap;

use crate::answer::accepts_event_stream;
use crate::{Endpoint, ProtocolRevision, Refusal};

/// Messages that a client posted, and by which rules they go.
#[derive(Clone, Debug)]
pub struct PostedMessages {
    /// The revision that they are of.
    pub revision: &'static ProtocolRevision,
    /// The messages.
    pub body: Body,
}

impl PostedMessages {
    /// Reads the body of a request to `endpoint`.
    ///
    /// # Errors
    /// [`Refusal::Unparsable`].
    pub fn parse(bytes: &[u8], endpoint: &Endpoint<'_>) -> Result<Body, Refusal> {
        Body::parse(bytes, endpoint.route.limits.json_depth).map_err(Refusal::Unparsable)
    }

    /// The only message, where it is a request, and its id.
    pub fn request(&self) -> Option<(&Call, &Id)> {
        match &self.body {
            Body::Single(Message::Request(call)) => Some((call, call.id.as_ref()?)),
            Body::Single(Message::Notification(_) | Message::Response(_)) | Body::Batch(_) => None,
        }
    }

    /// The id of the only message, where it is a request.
    pub fn request_id(&self) -> Option<&Id> {
        self.request().map(|(_, id)| id)
    }

    /// The `_meta` of the only message.
    pub fn meta(&self) -> Option<Object> {
        match &self.body {
            Body::Single(message) => message.call().and_then(Call::meta),
            Body::Batch(_) => None,
        }
    }

    /// Whether the answer is a stream that lasts.
    pub fn opens_subscription(&self) -> bool {
        self.request().is_some_and(|(call, _)| call.method == "subscriptions/listen")
    }

    /// Whether the answer may hold something that a policy has a say in: a listing, or what it makes private.
    pub fn may_return_listing(&self) -> bool {
        let is_listing = |call: &Call| call.method.ends_with("/list") || call.method == "resources/read";
        self.body.messages().iter().filter_map(Message::call).any(is_listing)
    }

    /// Whether the answer may begin before the server's: then a client that leaves is noticed, and in 2026-07-28 leaving
    /// is how a request is cancelled. Clients of that revision read events; one that says it does not gets none. What a client
    /// asks to find out which revision a server has is answered as the server does: the status decides.
    pub fn may_begin_early(&self, headers: &HeaderMap) -> bool {
        let is_question = self.request().is_some_and(|(call, _)| call.method != "server/discover");
        self.revision.is_stateless && is_question && accepts_event_stream(headers)
    }

    /// How many messages of a batch there are beyond the first.
    pub fn further_messages(&self) -> usize {
        self.body.messages().len().saturating_sub(1)
    }

    /// The calls of tools among the messages.
    pub fn tool_calls(&self) -> Vec<&Call> {
        self.body.messages().iter().filter_map(Message::call).filter(|call| call.method == "tools/call").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, headers, posted};

    #[test]
    fn a_body_is_read_no_deeper_than_the_route_allows() {
        let configuration = example::one_upstream();
        let endpoint = example::endpoint(&configuration);
        let depth = endpoint.route.limits.json_depth;
        let nested = |levels: usize| {
            let params = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"jsonrpc":"2.0","method":"a","params":{{"b":{params}}}}}"#)
        };
        assert!(PostedMessages::parse(nested(depth - 2).as_bytes(), &endpoint).is_ok());
        assert!(matches!(PostedMessages::parse(nested(depth).as_bytes(), &endpoint), Err(Refusal::Unparsable(_))));
    }

    #[test]
    fn a_lone_request_is_told_from_all_else() {
        let request = posted("2025-11-25", r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        assert_eq!(request.request().map(|(call, _)| call.method.as_str()), Some("ping"));
        assert_eq!(request.request_id(), Some(&Id::from(7)));
        for other in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
            r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#,
        ] {
            assert!(posted("2025-03-26", other).request().is_none(), "{other}");
        }
    }

    #[test]
    fn only_a_subscription_opens_a_stream_that_lasts() {
        for (method, lasts) in [("subscriptions/listen", true), ("tools/list", false), ("subscriptions/list", false)] {
            let posted = posted("2026-07-28", &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#));
            assert_eq!(posted.opens_subscription(), lasts, "{method}");
        }
    }

    #[test]
    fn listings_and_resources_are_for_the_policy_to_see() {
        for (method, may) in [
            ("tools/list", true),
            ("resources/templates/list", true),
            ("resources/read", true),
            ("tools/call", false),
            ("prompts/get", false),
        ] {
            let one = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
            assert_eq!(posted("2025-11-25", &one).may_return_listing(), may, "{method}");
            let batch = format!(r#"[{{"jsonrpc":"2.0","id":2,"method":"ping"}},{one}]"#);
            assert_eq!(posted("2025-03-26", &batch).may_return_listing(), may, "{method}");
        }
    }

    #[test]
    fn only_a_request_of_2026_07_28_but_discover_may_be_answered_early_to_who_reads_events() {
        let events = headers(&[("accept", "application/json, text/event-stream")]);
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert!(posted("2026-07-28", request).may_begin_early(&events));
        assert!(!posted("2026-07-28", request).may_begin_early(&headers(&[("accept", "application/json")])));
        assert!(!posted("2025-11-25", request).may_begin_early(&events));
        let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
        assert!(
            !posted("2026-07-28", discover).may_begin_early(&events),
            "its status says which revision the server has"
        );
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert!(!posted("2026-07-28", notification).may_begin_early(&events));
    }

    #[test]
    fn calls_of_tools_are_found_in_a_batch() {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}},
            {"jsonrpc":"2.0","id":2,"method":"ping"},
            {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"b"}}]"#;
        let posted = posted("2025-03-26", batch);
        let names: Vec<_> = posted.tool_calls().into_iter().filter_map(|call| call.param("name")).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(posted.further_messages(), 2);
    }
}
