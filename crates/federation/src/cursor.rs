//! The cursor of a merged listing: where each member that has more stands.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::naming::Naming;

/// Bytes of one member's cursor. A longer one is not followed.
pub(crate) const MOST_BYTES: usize = 4096;
/// Bytes of a cursor that a client presents: that of 32 members, each in JSON (where a byte may be six) and base64.
const MOST_TEXT: usize = 32 * (MOST_BYTES * 6 + 64) * 4 / 3;

/// Which members have more, and since when.
///
/// It is no secret and proves nothing: whoever makes one up says to a member what they could have said to it directly.
/// It names members by prefix, so that it survives a change of the configuration, and only members that are in it get
/// anything of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Whether an earlier page had something that is not for everybody: all pages of a listing must say the same (MCP
    /// 2026-07-28, caching, "Interaction with Pagination").
    pub(crate) is_private: bool,
    /// The members that have more, with their own cursors: at least one, each once, in their order.
    pub(crate) positions: Vec<(usize, String)>,
}

#[derive(Serialize, Deserialize)]
struct Wire(bool, Vec<(String, String)>);

impl Cursor {
    /// Reads what a client sends as `cursor`; `None` where it is none of ours.
    pub(crate) fn read(text: &str, naming: &Naming) -> Option<Self> {
        if text.len() > MOST_TEXT {
            return None;
        }
        let Wire(is_private, entries) = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let positions: Vec<_> = entries
            .into_iter()
            .map(|(label, cursor)| Some((naming.labelled(&label)?, cursor)))
            .collect::<Option<_>>()?;
        let is_ascending = positions.is_sorted_by(|(one, _), (next, _)| one < next);
        let is_bounded = positions.iter().all(|(_, cursor)| cursor.len() <= MOST_BYTES);
        (!positions.is_empty() && is_ascending && is_bounded).then_some(Self { is_private, positions })
    }

    /// As the client gets it, in `nextCursor`.
    pub(crate) fn text(&self, naming: &Naming) -> String {
        let entries = self.positions.iter().map(|(member, cursor)| (naming.label(*member).to_owned(), cursor.clone()));
        let wire = Wire(self.is_private, entries.collect());
        // Strings and a boolean always serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naming::naming;

    fn encoded(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn a_cursor_names_the_members_that_have_more() {
        let naming = naming(&["", "files", "git"]);
        let cursor = Cursor { is_private: true, positions: vec![(0, String::new()), (2, "p\"2".to_owned())] };
        assert_eq!(cursor.text(&naming), encoded(r#"[true,[["",""],["git","p\"2"]]]"#));
        assert_eq!(Cursor::read(&cursor.text(&naming), &naming), Some(cursor));
    }

    #[test]
    fn a_cursor_that_we_did_not_make_is_refused() {
        let naming = naming(&["files", "git"]);
        for json in [
            "",
            "{}",
            "null",
            "[]",
            "[false]",
            "[false,[]]",
            r#"[false,[["svn","a"]]]"#,
            r#"[false,[["","a"]]]"#,
            r#"[false,[["git","a"],["files","a"]]]"#,
            r#"[false,[["git","a"],["git","b"]]]"#,
            r#"[false,[["git",1]]]"#,
            r#"[0,[["git","a"]]]"#,
            r#"[false,[["git","a"]],1]"#,
        ] {
            assert_eq!(Cursor::read(&encoded(json), &naming), None, "{json}");
        }
        assert_eq!(Cursor::read("page 2", &naming), None);
        assert_eq!(Cursor::read("", &naming), None);
    }

    #[test]
    fn a_cursor_is_bounded() {
        let naming = naming(&["git"]);
        let of = |length: usize| Cursor { is_private: false, positions: vec![(0, "a".repeat(length))] };
        assert_eq!(Cursor::read(&of(MOST_BYTES).text(&naming), &naming), Some(of(MOST_BYTES)));
        assert_eq!(Cursor::read(&of(MOST_BYTES + 1).text(&naming), &naming), None);
        assert_eq!(Cursor::read(&"A".repeat(MOST_TEXT + 1), &naming), None);
    }

    #[test]
    fn the_longest_cursor_of_ours_is_read_again() {
        let labels: Vec<_> = (0..32).map(|index| format!("{:a<32}", format!("p{index}-"))).collect();
        let naming = naming(&labels.iter().map(String::as_str).collect::<Vec<_>>());
        let positions = (0..32).map(|member| (member, "\u{1}".repeat(MOST_BYTES))).collect();
        let cursor = Cursor { is_private: false, positions };
        assert_eq!(Cursor::read(&cursor.text(&naming), &naming), Some(cursor));
    }

    proptest! {
        #[test]
        fn whatever_is_read_names_members_once_and_is_written_the_same(text in "[A-Za-z0-9_-]{0,60}", json in r#"\[(true|false),\[(\["(git|files)?","[a-z]{0,3}"\],?){0,3}\]\]"#) {
            let naming = naming(&["", "files", "git"]);
            for text in [text, encoded(&json)] {
                if let Some(cursor) = Cursor::read(&text, &naming) {
                    prop_assert!(!cursor.positions.is_empty());
                    prop_assert_eq!(Cursor::read(&cursor.text(&naming), &naming), Some(cursor));
                }
            }
        }
    }
}
