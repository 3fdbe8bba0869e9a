//! The ids of events (MCP 2025-11-25, transports, "Resumability and Redelivery"): where a client is in a stream of ours.

use std::collections::BTreeMap;

use gatehouse_mcp_wire::json_rpc::Id;
use serde::{Deserialize, Serialize};

use crate::naming::Naming;

/// Bytes. It is sealed and comes back in a header, of which servers take few kilobytes.
const MOST_BYTES: usize = 2048;

/// Where the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// In the answer to a request, which one member gives.
    Answer {
        /// Whose stream it is: it is resumed there and nowhere else.
        member: usize,
        awaited: Awaited,
        /// The member's own event id.
        id: String,
    },
    /// In the stream that was opened with GET, in which all members' streams flow together: for each, its last event.
    ServerStreams(BTreeMap<usize, String>),
}

/// The request that a stream answers. A response to another one is dropped: no member answers for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Awaited {
    pub(crate) id: Id,
    pub(crate) method: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Answer { member: String, request: String, method: String, id: String },
    ServerStreams { last: Vec<(String, String)> },
}

impl Position {
    /// Reads what the client presents as `Last-Event-ID`, unsealed. `None` where it is none of ours.
    pub(crate) fn read(text: &str, naming: &Naming) -> Option<Self> {
        match serde_json::from_str(text).ok()? {
            Wire::Answer { member, request, method, id } => Some(Self::Answer {
                member: naming.labelled(&member)?,
                awaited: Awaited { id: Id::parse(&request)?, method },
                id,
            }),
            Wire::ServerStreams { last } => last
                .into_iter()
                .map(|(label, id)| Some((naming.labelled(&label)?, id)))
                .collect::<Option<_>>()
                .map(Self::ServerStreams),
        }
    }

    /// The text to seal for the client. `None` where it is too long: then the event has no id.
    pub(crate) fn text(&self, naming: &Naming) -> Option<String> {
        let wire = match self {
            Self::Answer { member, awaited, id } => Wire::Answer {
                member: naming.label(*member).to_owned(),
                request: awaited.id.to_string(),
                method: awaited.method.clone(),
                id: id.clone(),
            },
            Self::ServerStreams(last) => Wire::ServerStreams {
                last: last.iter().map(|(member, id)| (naming.label(*member).to_owned(), id.clone())).collect(),
            },
        };
        serde_json::to_string(&wire).ok().filter(|text| text.len() <= MOST_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::naming;

    #[test]
    fn an_event_id_says_where_the_client_is() {
        let naming = naming(&["", "files"]);
        let answer = |id| Position::Answer {
            member: 1,
            awaited: Awaited { id, method: "tools/call".to_owned() },
            id: "e1".to_owned(),
        };
        let subscription = |last: &[(usize, &str)]| {
            Position::ServerStreams(last.iter().map(|(member, id)| (*member, (*id).to_owned())).collect())
        };
        for position in
            [answer(Id::from(5)), answer(Id::from("5")), subscription(&[]), subscription(&[(0, "3"), (1, "")])]
        {
            let text = position.text(&naming).unwrap();
            assert_eq!(Position::read(&text, &naming), Some(position), "{text}");
        }
    }

    #[test]
    fn an_event_id_of_a_member_that_is_gone_is_none_of_ours() {
        let text =
            Position::ServerStreams(BTreeMap::from([(1, "3".to_owned())])).text(&naming(&["", "files"])).unwrap();
        assert_eq!(Position::read(&text, &naming(&["", "git"])), None);
        for text in
            ["", "5", "{}", r#"{"last":[["git"]]}"#, r#"{"member":"git","request":"x","method":"ping","id":"1"}"#]
        {
            assert_eq!(Position::read(text, &naming(&["git"])), None, "{text}");
        }
    }

    #[test]
    fn an_id_that_no_header_could_carry_is_none() {
        let naming = naming(&["files"]);
        let of = |length| Position::ServerStreams(BTreeMap::from([(0, "a".repeat(length))])).text(&naming);
        let around = of(0).unwrap().len();
        assert_eq!(of(MOST_BYTES - around).unwrap().len(), MOST_BYTES);
        assert_eq!(of(MOST_BYTES - around + 1), None);
    }
}
