//! `Last-Event-ID`: from where a client resumes a stream (MCP 2025-03-26 to 2025-11-25, transports, "Resumability and
//! Redelivery").
//!
//! An event id leads to what was sent on a stream, so the client holds it sealed, as a [`crate::SealedReference::Event`].

use gatehouse_mcp_wire::header::LAST_EVENT_ID;
use http::HeaderMap;

use crate::{ProtocolRevision, Refusal};

/// The sealed id that a client presents; it must be opened before anything is forwarded. `None` where there is none or
/// the revision knows none.
///
/// # Errors
/// [`Refusal::UnknownEvent`] where it cannot be one of ours.
pub fn last_event_id<'a>(headers: &'a HeaderMap, revision: &ProtocolRevision) -> Result<Option<&'a str>, Refusal> {
    if !revision.has_sessions {
        return Ok(None);
    }
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(text)),
            _ => Err(Refusal::UnknownEvent),
        },
        (Some(_), Some(_)) => Err(Refusal::UnknownEvent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn an_id_counts_only_in_an_era_that_resumes() {
        let headers = example::headers(&[("last-event-id", "a-_b")]);
        assert_eq!(last_event_id(&headers, ProtocolRevision::of(&HeaderMap::new())), Ok(Some("a-_b")));
        assert_eq!(last_event_id(&HeaderMap::new(), ProtocolRevision::of(&HeaderMap::new())), Ok(None));
        assert_eq!(last_event_id(&headers, ProtocolRevision::newest()), Ok(None));
    }

    #[test]
    fn an_id_that_nobody_could_have_sealed_is_unknown() {
        for values in [&[""][..], &["a b"], &["\u{e9}"], &["a", "a"]] {
            let pairs: Vec<_> = values.iter().map(|value| ("last-event-id", *value)).collect();
            let headers = example::headers(&pairs);
            let refused = last_event_id(&headers, ProtocolRevision::of(&HeaderMap::new()));
            assert_eq!(refused, Err(Refusal::UnknownEvent), "{values:?}");
        }
    }
}
