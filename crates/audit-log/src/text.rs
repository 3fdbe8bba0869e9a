//! Text in a line: bounded, and on one line.

use gatehouse_protocol::LogText;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Characters of a text of ours that a line holds at most. No id that our crates accept is longer, so it cuts nothing that
/// somebody needs; a line stays readable nevertheless when a reason repeats what another party sent.
const LONGEST_TEXT: usize = 1024;

/// Bytes of a call's arguments that a line holds at most.
const LONGEST_ARGUMENTS: usize = 4096;

/// Text of ours: at most [`LONGEST_TEXT`] characters, and a mark where there were more.
pub(crate) fn bounded<T: AsRef<str>, S: Serializer>(text: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(|text| cut(text.as_ref())).serialize(serializer)
}

/// The same of each.
pub(crate) fn each_bounded<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| cut(text)))
}

/// Text that a client chose freely: visible ASCII only, and at most 128 characters.
pub(crate) fn cleaned<T: AsRef<str>, S: Serializer>(text: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(|text| LogText::new(text.as_ref()).as_str().to_owned()).serialize(serializer)
}

/// JSON without the line breaks that it may have come with; only its length where it is too long.
pub(crate) fn one_line<S: Serializer>(json: &Option<&RawValue>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = json.map_or("", RawValue::get);
    if text.len() > LONGEST_ARGUMENTS {
        return serializer.collect_str(&format_args!("{} bytes", text.len()));
    }
    serde_json::from_str::<Value>(text).ok().serialize(serializer)
}

/// Escapes the characters that JSON allows in a text as they are, and that some readers take for the end of a line.
pub(crate) fn without_line_ends(json: &str) -> String {
    json.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_it_is_longer_than_a_line_may_hold() {
        for (length, logged) in [(0, 0), (1023, 1023), (1024, 1024), (1025, 1025), (60_000, 1025)] {
            assert_eq!(cut(&"\u{e4}".repeat(length)).chars().count(), logged, "{length}");
        }
    }
}
