//! Messages that a client posted.

use gatehouse_gateway::Era;
use gatehouse_mcp_wire::json_rpc::{Body, Call, Id, Message};
use http::header::ACCEPT;

use crate::request::Exchange;

/// Messages, read.
pub(crate) struct Posted {
    pub(crate) era: &'static Era,
    pub(crate) body: Body,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Posted {
    /// The only message, where it is a request.
    pub(crate) fn request(&self) -> Option<(&Call, &Id)> {
        match &self.body {
            Body::Single(Message::Request(call)) => Some((call, call.id.as_ref()?)),
            Body::Single(Message::Notification(_) | Message::Response(_)) | Body::Batch(_) => None,
        }
    }

    /// Whether the answer is a stream that lasts.
    pub(crate) fn listens(&self) -> bool {
        self.request().is_some_and(|(call, _)| call.method == "subscriptions/listen")
    }

    /// Whether the answer may hold something that a policy has a say in: a listing, or what it makes private.
    pub(crate) fn lists(&self) -> bool {
        let is_listing = |call: &Call| call.method.ends_with("/list") || call.method == "resources/read";
        self.body.messages().iter().filter_map(Message::call).any(is_listing)
    }

    /// Whether the answer may begin before the server's: then a client that leaves is noticed, and in 2026-07-28 leaving
    /// is how a request is cancelled. Clients of that era read events; one that says it does not gets none.
    pub(crate) fn may_begin_early(&self, exchange: &Exchange<'_>) -> bool {
        let accepted = exchange.head.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let events = ["text/event-stream", "text/*", "*/*"];
        let ranges = accepted.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
        self.era.is_stateless
            && self.request().is_some()
            && ranges.map(str::trim).any(|range| events.iter().any(|event| range.eq_ignore_ascii_case(event)))
    }
}
