//! What the gateway gives a client to bring back: a session, the id of an event, a channel.
//!
//! The client gets it sealed for its user and route (`gatehouse:auth/handles`), so it can neither read nor make one, and
//! another user's opens nothing (MCP, security best practices, "Session Hijacking"). The text that is sealed begins with
//! the kind: what was given out as one thing is not taken for another.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{SecretBytes, UnixTime};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that was given out, unsealed.
#[derive(Clone, PartialEq, Eq)]
pub enum SealedReference {
    /// The `Mcp-Session-Id` of a route's only server.
    Session(String),
    /// Those of a federation's members, in the order of the configuration; `None` for one that has no session.
    Sessions(Vec<Option<String>>),
    /// The id of an event, with the session in which it was sent: in another one it resumes nothing.
    Event {
        /// The `Mcp-Session-Id` as the client holds it, where there is one.
        session: Option<String>,
        /// The server's own id of the event.
        id: String,
    },
    /// The mailbox of an event stream of 2024-11-05.
    Channel {
        /// What its keys and its seals are made of.
        secret: SecretBytes<32>,
        /// When it ends.
        expires_at: UnixTime,
    },
    /// Where a server of 2024-11-05 takes the messages of one event stream.
    LegacyEndpoint(String),
}

impl SealedReference {
    /// The text that is sealed.
    pub fn to_text(&self) -> String {
        match self {
            Self::Session(id) => format!("{SESSION}{id}"),
            Self::Sessions(ids) => json(SESSIONS, ids),
            Self::Event { session, id } => json(EVENT, &(session, id)),
            Self::Channel { secret, expires_at } => {
                format!("{CHANNEL}{expires_at}.{}", URL_SAFE_NO_PAD.encode(secret.expose()))
            }
            Self::LegacyEndpoint(url) => format!("{LEGACY_ENDPOINT}{url}"),
        }
    }

    /// Reads what was unsealed. `None` for what [`SealedReference::to_text`] never writes.
    pub fn parse(text: &str) -> Option<Self> {
        let after = |kind| text.strip_prefix(kind);
        if let Some(id) = after(SESSION) {
            return Some(Self::Session(id.to_owned()));
        }
        if let Some(ids) = after(SESSIONS) {
            return read(ids).map(Self::Sessions);
        }
        if let Some(event) = after(EVENT) {
            return read(event).map(|(session, id)| Self::Event { session, id });
        }
        if let Some(channel) = after(CHANNEL) {
            return self::channel(channel);
        }
        after(LEGACY_ENDPOINT).map(|url| Self::LegacyEndpoint(url.to_owned()))
    }
}

const SESSION: &str = "session ";
const SESSIONS: &str = "sessions ";
const EVENT: &str = "event ";
const CHANNEL: &str = "channel ";
const LEGACY_ENDPOINT: &str = "endpoint ";

/// Strings and nulls alone: nothing that could not be written.
fn json<T: Serialize>(kind: &str, value: &T) -> String {
    format!("{kind}{}", serde_json::to_string(value).unwrap_or_default())
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn channel(text: &str) -> Option<SealedReference> {
    let (expires_at, secret) = text.split_once('.')?;
    let expires_at = UnixTime::from_seconds(expires_at.parse().ok()?);
    let secret = SecretBytes::from_slice(&URL_SAFE_NO_PAD.decode(secret).ok()?)?;
    Some(SealedReference::Channel { secret, expires_at })
}

/// The kind alone: whoever has what is in it may speak for its user to the server.
impl fmt::Debug for SealedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(_) => "Session",
            Self::Sessions(_) => "Sessions",
            Self::Event { .. } => "Event",
            Self::Channel { .. } => "Channel",
            Self::LegacyEndpoint(_) => "LegacyEndpoint",
        })
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_tool_schema::{Audience, CacheDirective, PublishedTool, SchemaCacheEntry, SchemaScope, ToolSchema};
    use proptest::prelude::*;

    use super::*;

    fn all() -> [SealedReference; 6] {
        [
            SealedReference::Session("abc".to_owned()),
            SealedReference::Sessions(vec![Some("a\",null".to_owned()), None]),
            SealedReference::Event { session: Some("bound".to_owned()), id: "7".to_owned() },
            SealedReference::Event { session: None, id: String::new() },
            SealedReference::Channel {
                secret: SecretBytes::new([7; 32]),
                expires_at: UnixTime::from_seconds(1_800_000_000),
            },
            SealedReference::LegacyEndpoint("https://upstream.example/messages?sessionId=1".to_owned()),
        ]
    }

    #[test]
    fn every_kind_is_read_back_as_itself_and_tells_nothing_to_the_log() {
        for reference in all() {
            assert_eq!(SealedReference::parse(&reference.to_text()), Some(reference.clone()));
            let shown = format!("{reference:?}");
            assert!(shown.bytes().all(|byte| byte.is_ascii_alphabetic()), "{shown}");
        }
    }

    fn entry() -> SchemaCacheEntry {
        let published = PublishedTool {
            route: "/mcp",
            member: "",
            server: "https://a.example/",
            tool: "echo",
            version: "2026-07-28",
        };
        SchemaCacheEntry::of(&published, Audience::Everybody)
    }

    /// Both are sealed in the same way, so the text itself must tell them apart.
    #[test]
    fn a_cached_schema_is_no_reference_and_no_reference_is_a_schema() {
        let now = UnixTime::from_seconds(1_795_219_200);
        let schema = ToolSchema::parse(r#"{"type":"object"}"#).unwrap();
        let directive = CacheDirective { scope: SchemaScope::Shared, seconds: 60 };
        let text = entry().text(&schema, directive, now).unwrap();
        assert_eq!(SealedReference::parse(&text), None);
        for reference in [
            SealedReference::Session(text.clone()),
            SealedReference::Session(text.strip_prefix("tool-schema ").unwrap().to_owned()),
            SealedReference::LegacyEndpoint(text.clone()),
            SealedReference::Event { session: None, id: text.clone() },
        ] {
            assert!(entry().read(&reference.to_text(), now).is_none());
        }
    }

    #[test]
    fn what_nobody_gave_out_is_no_handle() {
        for text in [
            "",
            "abc",
            "session",
            "Session abc",
            "sessions abc",
            "sessions [1]",
            "event [\"a\"]",
            "event [null,\"a\",\"b\"]",
            "channel 1",
            "channel 1.",
            "channel x.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "channel 1.BwcH",
            " session abc",
        ] {
            assert_eq!(SealedReference::parse(text), None, "{text}");
        }
    }

    fn any_handle() -> impl Strategy<Value = SealedReference> {
        let text = "\\PC{0,20}";
        prop_oneof![
            text.prop_map(SealedReference::Session),
            proptest::collection::vec(proptest::option::of(text), 0..4).prop_map(SealedReference::Sessions),
            (proptest::option::of(text), text).prop_map(|(session, id)| SealedReference::Event { session, id }),
            (any::<[u8; 32]>(), any::<u64>()).prop_map(|(secret, seconds)| SealedReference::Channel {
                secret: SecretBytes::new(secret),
                expires_at: UnixTime::from_seconds(seconds),
            }),
            text.prop_map(SealedReference::LegacyEndpoint),
        ]
    }

    proptest! {
        #[test]
        fn no_handle_is_taken_for_another(one in any_handle(), other in any_handle()) {
            prop_assert_eq!(SealedReference::parse(&one.to_text()), Some(one.clone()));
            prop_assert_eq!(one.to_text() == other.to_text(), one == other);
        }

        #[test]
        fn any_text_is_a_handle_that_is_written_alike_or_none(text in "\\PC*|(session|event|channel|endpoint)s? \\PC*") {
            if let Some(reference) = SealedReference::parse(&text) {
                prop_assert_eq!(SealedReference::parse(&reference.to_text()), Some(reference));
            }
        }
    }
}
