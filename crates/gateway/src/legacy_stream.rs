//! The event stream of a server of 2024-11-05.

use gatehouse_configuration::Upstream;
use gatehouse_mcp_wire::event_stream::Event;
use http::Response;

use crate::answer::{AnswerHandler, BodyFormat, Rewriting, UpstreamEnd, check_status};
use crate::{Endpoint, Refusal, SealReferences, SealedReference, legacy_endpoint};

/// The head of a stream, if it is one.
///
/// # Errors
/// [`Refusal::UpstreamMalformed`], and those of [`check_status`].
pub fn legacy_stream_head(head: Response<()>) -> Result<Response<()>, Refusal> {
    check_status(&head)?;
    let is_stream = head.status().is_success() && BodyFormat::of(head.headers()) == BodyFormat::EventStream;
    if is_stream { Ok(head) } else { Err(Refusal::UpstreamMalformed("it is no event stream")) }
}

/// A server's events as they are, but for the one that says where messages are posted.
pub struct LegacyServerStream<'a> {
    endpoint: &'a Endpoint<'a>,
    upstream: &'a Upstream,
    sealer: &'a dyn SealReferences,
    rewriting: Rewriting<'a>,
}

impl<'a> LegacyServerStream<'a> {
    /// The stream of this server for a client of `endpoint`.
    pub fn new(
        endpoint: &'a Endpoint<'a>,
        upstream: &'a Upstream,
        sealer: &'a dyn SealReferences,
        rewriting: Rewriting<'a>,
    ) -> Self {
        Self { endpoint, upstream, sealer, rewriting }
    }
}

impl<T> AnswerHandler<T> for LegacyServerStream<'_> {
    fn head(&mut self, _: usize, _: &Response<()>) -> Result<(), Refusal> {
        Ok(())
    }

    fn event(&mut self, _: usize, event: Event) -> Result<Vec<Event>, Refusal> {
        if event.event.as_deref() != Some(legacy_endpoint::EVENT) {
            return Ok(self.rewriting.event(0, event)?.into_iter().collect());
        }
        let own = legacy_endpoint::resolve(self.upstream, event.data.as_deref().unwrap_or_default())?;
        let sealed = self.sealer.seal(&SealedReference::LegacyEndpoint(own.to_string()))?;
        Ok(vec![legacy_endpoint::event(self.endpoint, &sealed)])
    }

    fn end(&mut self, _: usize, end: UpstreamEnd) -> Result<Vec<Event>, Refusal> {
        end.check().map(|()| Vec::new())
    }

    fn begins(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::{EventList, ManualClock, Script, ScriptedPermit, response};
    use crate::answer::{Answers, ConversationEnd, converse};
    use crate::example::{self, OpenSeal};

    fn passed(events: &str) -> (ConversationEnd, Vec<Event>) {
        let (configuration, caller) = (example::one_sse_upstream(), example::caller());
        let endpoint = example::endpoint(&configuration);
        let rewriting = Rewriting::new(&endpoint.route.policy, &caller, &OpenSeal, true);
        let mut handler = LegacyServerStream::new(&endpoint, example::upstream(&configuration), &OpenSeal, rewriting);
        let (clock, mut sink) = (ManualClock::default(), EventList::default());
        let script = vec![Script::Typed(0, 200, "text/event-stream"), Script::piece(0, events), Script::End(0)];
        let mut answers = Answers::of(clock.transfers(script));
        let end = converse(&clock, &mut answers, &mut sink, &mut handler, &mut ScriptedPermit::lasting());
        (end, sink.events)
    }

    #[test]
    fn the_client_is_told_to_post_to_the_gateway() {
        let (end, events) = passed("event: endpoint\ndata: /messages?id=7\n\nevent: message\ndata: {}\n\n");
        assert_eq!(end, ConversationEnd::Complete);
        let data = events[0].data.as_deref().unwrap();
        let target: http::Uri = data.parse().unwrap();
        let sealed = legacy_endpoint::presented(&target).unwrap();
        let own = SealedReference::LegacyEndpoint("http://10.0.0.7:8080/messages?id=7".to_owned());
        assert_eq!(OpenSeal.open(&sealed).unwrap(), Some(own));
        assert_eq!(events[1].data.as_deref(), Some("{}"));
    }

    #[test]
    fn an_address_elsewhere_ends_the_stream() {
        let (end, events) = passed("event: endpoint\ndata: http://evil.example/\n\n");
        assert!(matches!(end, ConversationEnd::Failed(Refusal::UpstreamMalformed(_))));
        assert!(events.is_empty());
    }

    #[test]
    fn a_stream_begins_with_its_media_type() {
        assert!(legacy_stream_head(response(200, &[("content-type", "text/event-stream")])).is_ok());
        for (status, content_type) in [(200, "application/json"), (404, "text/event-stream")] {
            let refused = legacy_stream_head(response(status, &[("content-type", content_type)]));
            assert_eq!(refused.unwrap_err(), Refusal::UpstreamMalformed("it is no event stream"));
        }
    }
}
