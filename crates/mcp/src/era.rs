//! The eras of MCP: what differs between protocol versions at the gateway.

use http::{HeaderMap, HeaderName};

/// The header that names the version (MCP 2025-06-18 and later).
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The rules of one protocol version.
#[derive(Debug, PartialEq, Eq)]
pub struct Era {
    /// The version as it stands in `MCP-Protocol-Version`: the date on which it was published.
    pub version: &'static str,
    /// Whether there are `Mcp-Session-Id` and `Last-Event-ID`. Where there are not, servers ignore both (2026-07-28,
    /// transports), and the gateway drops them: what does not go on needs no checking.
    pub has_sessions: bool,
}

/// Oldest first. 2024-11-05 had another transport; here it only means the older rules.
const ERAS: [Era; 5] = [
    Era { version: "2024-11-05", has_sessions: true },
    ASSUMED,
    Era { version: "2025-06-18", has_sessions: true },
    Era { version: "2025-11-25", has_sessions: true },
    Era { version: "2026-07-28", has_sessions: false },
];

/// "If the server does not receive an `MCP-Protocol-Version` header ... the server SHOULD assume protocol version
/// `2025-03-26`."
const ASSUMED: Era = Era { version: "2025-03-26", has_sessions: true };

impl Era {
    /// The era of a request. A version between two known ones, or after the newest, follows the rules of the one before
    /// it; whether it exists is for the upstream to say. What is not a version at all has the rules with sessions,
    /// where a handle is checked.
    pub fn of(headers: &HeaderMap) -> &'static Self {
        let version = headers.get(PROTOCOL_VERSION).and_then(|value| value.to_str().ok()).filter(|text| is_date(text));
        version.and_then(|version| ERAS.iter().rev().find(|era| era.version <= version)).unwrap_or(&ASSUMED)
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
    use super::*;
    use crate::example;

    #[test]
    fn every_version_finds_its_era() {
        for (version, era, has_sessions) in [
            ("2024-11-05", "2024-11-05", true),
            ("2025-03-26", "2025-03-26", true),
            ("2025-06-18", "2025-06-18", true),
            ("2025-11-25", "2025-11-25", true),
            ("2026-07-27", "2025-11-25", true),
            ("2026-07-28", "2026-07-28", false),
            ("2027-01-01", "2026-07-28", false),
            ("2020-01-01", "2025-03-26", true),
            ("", "2025-03-26", true),
            ("2026-07-28, 2025-11-25", "2025-03-26", true),
            ("2026-07-28 ", "2025-03-26", true),
            ("DRAFT-2026-v1", "2025-03-26", true),
            ("9999999999", "2025-03-26", true),
            ("\u{e9}026-07-28", "2025-03-26", true),
        ] {
            let found = Era::of(&example::headers(&[("mcp-protocol-version", version)]));
            assert_eq!((found.version, found.has_sessions), (era, has_sessions), "{version:?}");
        }
        assert_eq!(Era::of(&HeaderMap::new()), &ASSUMED);
    }

    #[test]
    fn the_table_is_in_the_order_of_time() {
        assert!(ERAS.is_sorted_by_key(|era| era.version) && ERAS.iter().all(|era| is_date(era.version)));
    }
}
