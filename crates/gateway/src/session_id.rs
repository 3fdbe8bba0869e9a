//! `Mcp-Session-Id`: the upstream's reference, which the client holds in a form bound to its user.
//!
//! "MCP servers SHOULD bind session IDs to user-specific information" (MCP 2025-11-25, security best practices): an id
//! that leaked to another signed-in user opens nothing.

use gatehouse_mcp_wire::header::MCP_SESSION_ID;
use http::HeaderMap;

use crate::{ProtocolRevision, Refusal};

/// A session id that somebody gave us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId<'a>(&'a str);

impl<'a> SessionId<'a> {
    /// The bound id that a client presents; it must be opened before anything is forwarded. `None` where there is none
    /// or the revision knows none.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`] where it cannot be one of ours.
    pub fn presented(headers: &'a HeaderMap, revision: &ProtocolRevision) -> Result<Option<Self>, Refusal> {
        only(headers, revision).map_err(|Unusable| Refusal::UnknownSession)
    }

    /// The upstream's own id in its answer; it must be bound before it is given out.
    ///
    /// # Errors
    /// [`Refusal::UpstreamMalformed`] where there are several, or it is not text.
    pub fn issued(headers: &'a HeaderMap, revision: &ProtocolRevision) -> Result<Option<Self>, Refusal> {
        only(headers, revision)
            .map_err(|Unusable| Refusal::UpstreamMalformed("its Mcp-Session-Id is doubled or not visible ASCII"))
    }

    /// The id as it stands in the header.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

struct Unusable;

fn only<'a>(headers: &'a HeaderMap, revision: &ProtocolRevision) -> Result<Option<SessionId<'a>>, Unusable> {
    if !revision.has_sessions {
        return Ok(None);
    }
    let mut values = headers.get_all(MCP_SESSION_ID).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            // "The session ID MUST only contain visible ASCII characters."
            Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(SessionId(text)))
            }
            _ => Err(Unusable),
        },
        (Some(_), Some(_)) => Err(Unusable),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    const MODERN: &[(&str, &str)] = &[("mcp-protocol-version", "2026-07-28")];

    #[test]
    fn an_id_counts_only_in_an_era_that_has_sessions() {
        let headers = example::headers(&[("mcp-session-id", "abc~!")]);
        assert_eq!(
            SessionId::presented(&headers, ProtocolRevision::of(&HeaderMap::new())),
            Ok(Some(SessionId("abc~!")))
        );
        assert_eq!(SessionId::presented(&headers, ProtocolRevision::of(&example::headers(MODERN))), Ok(None));
        assert_eq!(SessionId::issued(&headers, ProtocolRevision::of(&example::headers(MODERN))), Ok(None));
        assert_eq!(SessionId::presented(&HeaderMap::new(), ProtocolRevision::of(&HeaderMap::new())), Ok(None));
    }

    #[test]
    fn an_id_that_nobody_could_have_bound_is_unknown() {
        let revision = ProtocolRevision::of(&HeaderMap::new());
        for values in [&[""][..], &["a b"], &["\u{e9}"], &["a\tb"], &["a", "a"]] {
            let pairs: Vec<_> = values.iter().map(|value| ("mcp-session-id", *value)).collect();
            let headers = example::headers(&pairs);
            assert_eq!(SessionId::presented(&headers, revision), Err(Refusal::UnknownSession), "{values:?}");
            assert!(matches!(SessionId::issued(&headers, revision), Err(Refusal::UpstreamMalformed(_))));
        }
    }

    proptest! {
        #[test]
        fn any_header_holds_an_id_of_visible_characters_as_it_is_or_none(value in "[ -~\t]{0,60}") {
            let headers = example::headers(&[("mcp-session-id", value.as_str())]);
            if let Ok(Some(id)) = SessionId::presented(&headers, ProtocolRevision::of(&HeaderMap::new())) {
                prop_assert_eq!(id.as_str(), value.as_str());
                prop_assert!(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
