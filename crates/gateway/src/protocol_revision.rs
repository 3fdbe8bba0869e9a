//! The revisions of MCP: what differs between protocol versions at the gateway, as one table.

use gatehouse_configuration::Transport;
use gatehouse_mcp_wire::header::MCP_PROTOCOL_VERSION;
use http::HeaderMap;

/// The rules of one protocol version.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtocolRevision {
    /// The version as it stands in `MCP-Protocol-Version`: the date on which it was published.
    pub version: &'static str,
    /// The transport that the version brought or kept. A client may speak an older version over a newer transport.
    pub transport: Transport,
    /// Whether there are `Mcp-Session-Id` and `Last-Event-ID`. Where there are not, servers ignore both (2026-07-28,
    /// Streamable HTTP, "Earlier Streamable HTTP Revisions"), and the gateway drops them: what does not go on needs no
    /// checking.
    pub has_sessions: bool,
    /// Whether a body may be an array of messages: brought by 2025-03-26, taken away by 2025-06-18.
    pub has_batches: bool,
    /// Whether every request stands alone: only POST, one request or notification in each, which names its version in
    /// `_meta` and in the header, and its method and target in `Mcp-Method` and `Mcp-Name` (2026-07-28, Streamable
    /// HTTP).
    pub is_stateless: bool,
    /// Whether arguments that do not fit a tool are told to the model, as the call's result with `isError` (2025-11-25
    /// and later, tools, "Error Handling"), or to the client, as an error of the protocol.
    pub tool_errors_in_result: bool,
}

/// Oldest first.
static REVISIONS: [ProtocolRevision; 5] = [
    ProtocolRevision {
        version: "2024-11-05",
        transport: Transport::Sse,
        has_sessions: true,
        has_batches: false,
        is_stateless: false,
        tool_errors_in_result: false,
    },
    ProtocolRevision {
        version: "2025-03-26",
        transport: Transport::StreamableHttp,
        has_sessions: true,
        has_batches: true,
        is_stateless: false,
        tool_errors_in_result: false,
    },
    ProtocolRevision {
        version: "2025-06-18",
        transport: Transport::StreamableHttp,
        has_sessions: true,
        has_batches: false,
        is_stateless: false,
        tool_errors_in_result: false,
    },
    ProtocolRevision {
        version: "2025-11-25",
        transport: Transport::StreamableHttp,
        has_sessions: true,
        has_batches: false,
        is_stateless: false,
        tool_errors_in_result: true,
    },
    ProtocolRevision {
        version: "2026-07-28",
        transport: Transport::StreamableHttp,
        has_sessions: false,
        has_batches: false,
        is_stateless: true,
        tool_errors_in_result: true,
    },
];

/// Of a header that names no version: nothing that only some versions allow, and a session id is checked. What becomes
/// of such a request is for the upstream to say.
static UNKNOWN: ProtocolRevision = ProtocolRevision {
    version: "unknown",
    transport: Transport::StreamableHttp,
    has_sessions: true,
    has_batches: false,
    is_stateless: false,
    tool_errors_in_result: false,
};

impl ProtocolRevision {
    /// The revision that the headers tell: that of a GET or DELETE, which have no body to say more. The revision of a POST is what
    /// [`crate::message::admit`] finds.
    ///
    /// "If the server does not receive an `MCP-Protocol-Version` header ... the server SHOULD assume protocol version
    /// `2025-03-26`" (2025-11-25, transports).
    pub fn of(headers: &HeaderMap) -> &'static Self {
        match named(headers) {
            Named::Nothing => Self::dated("2025-03-26").unwrap_or(&UNKNOWN),
            Named::Version(version) => Self::dated(version).unwrap_or(&UNKNOWN),
            Named::Unreadable => &UNKNOWN,
        }
    }

    /// The revision of the version that a request names in its `_meta`: what names no known version there is still a request
    /// that stands alone.
    pub(crate) fn claimed(version: &str) -> &'static Self {
        Self::dated(version).unwrap_or_else(Self::newest)
    }

    /// The revision of an `initialize` with this `protocolVersion`, which cannot be one without sessions.
    pub(crate) fn initialized(version: &str) -> &'static Self {
        Self::dated(version).filter(|revision| !revision.is_stateless).unwrap_or(&UNKNOWN)
    }

    /// The newest one.
    pub(crate) fn newest() -> &'static Self {
        let [.., newest] = &REVISIONS;
        newest
    }

    /// The revision of the transport of 2024-11-05.
    pub fn oldest() -> &'static Self {
        let [oldest, ..] = &REVISIONS;
        oldest
    }

    /// The revision of a version that is a date. One between two known ones, or after the newest, follows the rules of the one
    /// before it; whether it exists is for the upstream to say.
    fn dated(version: &str) -> Option<&'static Self> {
        REVISIONS.iter().rev().find(|revision| is_date(version) && revision.version <= version)
    }
}

/// What `MCP-Protocol-Version` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// There is none.
    Nothing,
    /// One value, without the space around it.
    Version(&'a str),
    /// Several fields, or one that is not ASCII.
    Unreadable,
}

pub(crate) fn named(headers: &HeaderMap) -> Named<'_> {
    let mut values = headers.get_all(MCP_PROTOCOL_VERSION).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Named::Nothing,
        (Some(Ok(text)), None) => Named::Version(text.trim_matches([' ', '\t'])),
        (Some(_), _) => Named::Unreadable,
    }
}

/// `YYYY-MM-DD`, so that versions in the order of characters are in the order of time.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(index, byte)| if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    #[test]
    fn every_version_finds_its_era() {
        for (version, revision, has_sessions) in [
            ("2024-11-05", "2024-11-05", true),
            ("2025-03-26", "2025-03-26", true),
            ("2025-06-18", "2025-06-18", true),
            ("2025-11-25", "2025-11-25", true),
            ("2026-07-27", "2025-11-25", true),
            ("2026-07-28", "2026-07-28", false),
            (" 2026-07-28\t", "2026-07-28", false),
            ("2027-01-01", "2026-07-28", false),
            ("2020-01-01", "unknown", true),
            ("", "unknown", true),
            ("2026-07-28, 2025-11-25", "unknown", true),
            ("2026-07-28,", "unknown", true),
            ("2026-7-28", "unknown", true),
            ("v999.0.0", "unknown", true),
            ("DRAFT-2026-v1", "unknown", true),
            ("9999999999", "unknown", true),
            ("\u{e9}026-07-28", "unknown", true),
        ] {
            let found = ProtocolRevision::of(&example::headers(&[("mcp-protocol-version", version)]));
            assert_eq!((found.version, found.has_sessions), (revision, has_sessions), "{version:?}");
        }
        assert_eq!(ProtocolRevision::of(&HeaderMap::new()).version, "2025-03-26");
    }

    #[test]
    fn two_versions_are_none() {
        let twice = [("mcp-protocol-version", "2026-07-28"), ("mcp-protocol-version", "2026-07-28")];
        assert_eq!(ProtocolRevision::of(&example::headers(&twice)), &UNKNOWN);
    }

    #[test]
    fn a_request_with_a_version_of_its_own_stands_alone_unless_it_names_an_older_one() {
        for (version, revision) in [
            ("2025-11-25", "2025-11-25"),
            ("2026-07-28", "2026-07-28"),
            ("2030-01-01", "2026-07-28"),
            ("v999.0.0", "2026-07-28"),
            ("", "2026-07-28"),
        ] {
            assert_eq!(ProtocolRevision::claimed(version).version, revision, "{version}");
        }
    }

    #[test]
    fn an_initialize_always_begins_a_session() {
        for (version, revision) in
            [("2024-11-05", "2024-11-05"), ("2025-11-25", "2025-11-25"), ("2026-07-28", "unknown"), ("x", "unknown")]
        {
            assert_eq!(ProtocolRevision::initialized(version).version, revision, "{version}");
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_time_and_says_what_the_specification_says() {
        assert!(
            REVISIONS.is_sorted_by_key(|revision| revision.version)
                && REVISIONS.iter().all(|revision| is_date(revision.version))
        );
        let of = |rule: fn(&ProtocolRevision) -> bool| {
            REVISIONS.iter().filter(|revision| rule(revision)).map(|revision| revision.version).collect::<Vec<_>>()
        };
        assert_eq!(of(|revision| revision.transport == Transport::Sse), ["2024-11-05"]);
        assert_eq!(of(|revision| revision.has_batches), ["2025-03-26"]);
        assert_eq!(of(|revision| revision.is_stateless), ["2026-07-28"]);
        assert_eq!(of(|revision| revision.has_sessions), ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]);
        assert_eq!(of(|revision| revision.tool_errors_in_result), ["2025-11-25", "2026-07-28"]);
    }

    proptest! {
        #[test]
        fn only_a_date_from_2026_07_28_on_is_without_sessions(version in "20[23][0-9]-[01][0-9]-[0-3][0-9]|[ -~]{0,16}") {
            let revision = ProtocolRevision::of(&example::headers(&[("mcp-protocol-version", version.as_str())]));
            let modern = is_date(version.trim()) && version.trim() >= "2026-07-28";
            prop_assert_eq!(revision.is_stateless, modern);
            prop_assert_eq!(revision.has_sessions, !modern);
        }
    }
}
