//! What becomes of a client before a server, and what must become of it.

use serde_json::{Value, json};

use crate::clients::{Client, Notices, Transport};
use crate::upstreams::Upstream;

/// What a client's program did or said.
pub(crate) enum Outcome {
    /// It signed in, listed and called a tool; what it was notified of.
    Works { progress: bool, list_changed: bool },
    /// Its own words.
    Fails { reason: Option<Reason>, words: String },
}

/// What must become of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Works { progress: bool, list_changed: bool },
    Fails(&'static [Reason]),
}

/// What a client that cannot work tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The server's error -32022, with the versions that it has.
    UnsupportedVersion,
    /// The client asked for 2026-07-28 and was offered something else.
    NotOffered,
    /// The server's error about a request without a session.
    NotInitialized,
    /// 405: this route has no Streamable HTTP.
    NotThisTransport,
}

/// The words by which each reason is known, those of a particular reason first.
const WORDS: [(&str, Reason); 4] = [
    ("Unsupported protocol version", Reason::UnsupportedVersion),
    ("did not offer pinned protocol version 2026-07-28", Reason::NotOffered),
    ("Server not initialized", Reason::NotInitialized),
    ("Method not allowed", Reason::NotThisTransport),
];

impl Outcome {
    /// Of a program's steps, or its last words.
    pub(crate) fn of(steps: Result<Vec<Value>, String>) -> Self {
        match steps {
            Ok(steps) => {
                let said = |name: &str| steps.iter().find(|step| step["step"] == name).cloned().unwrap_or_default();
                assert!(said("listed")["tools"].as_u64().is_some_and(|tools| tools >= 3), "{steps:?}");
                assert_eq!(said("called")["text"], "Echo: hello", "{steps:?}");
                let notified = said("notified");
                let progress =
                    notified["progress"] == json!([1, 2, 3]) || notified["progress"] == json!([1.0, 2.0, 3.0]);
                Self::Works { progress, list_changed: notified["list_changed"] == true }
            }
            Err(words) => {
                let known = WORDS.iter().find(|(text, _)| words.contains(text));
                Self::Fails { reason: known.map(|(_, reason)| *reason), words }
            }
        }
    }

    /// The outcome for who looks for what is wrong, with the end of what the client said.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Works { progress, list_changed } => {
                format!("works, progress {progress}, list changed {list_changed}")
            }
            Self::Fails { reason, words } => {
                format!("fails, {reason:?}: {}", &words[words.floor_char_boundary(words.len().saturating_sub(1500))..])
            }
        }
    }

    pub(crate) fn is(&self, expected: &Expected) -> bool {
        match (self, expected) {
            (Self::Works { progress, list_changed }, expected) => {
                *expected == Expected::Works { progress: *progress, list_changed: *list_changed }
            }
            (Self::Fails { reason: Some(reason), .. }, Expected::Fails(allowed)) => allowed.contains(reason),
            (Self::Fails { .. }, _) => false,
        }
    }

    /// What the table says of it.
    pub(crate) fn cell(&self) -> &'static str {
        match self {
            Self::Works { .. } => "yes",
            Self::Fails { reason: Some(Reason::UnsupportedVersion), .. } => "no: -32022",
            Self::Fails { reason: Some(Reason::NotOffered), .. } => "no: not offered",
            Self::Fails { reason: Some(Reason::NotInitialized), .. } => "no: needs a session",
            Self::Fails { reason: Some(Reason::NotThisTransport), .. } => "no: 405",
            Self::Fails { reason: None, .. } => "no",
        }
    }
}

/// The compatibility matrix of 2026-07-28 (basic/versioning), and what Gatehouse adds: HTTP+SSE before every server that
/// has sessions.
pub(crate) fn expected(client: &Client, upstream: &Upstream) -> Expected {
    let speaks_one_era = (client.legacy && upstream.legacy) || (client.modern && upstream.modern);
    let has_one_transport = !upstream.events || client.transport != Transport::Http;
    if speaks_one_era && has_one_transport {
        let list_changed = client.notices == Notices::All && upstream.announces;
        return Expected::Works { progress: client.notices != Notices::None, list_changed };
    }
    Expected::Fails(if upstream.events {
        &[Reason::NotThisTransport, Reason::NotOffered]
    } else if client.legacy {
        &[Reason::UnsupportedVersion]
    } else {
        &[Reason::NotOffered, Reason::NotInitialized]
    })
}
