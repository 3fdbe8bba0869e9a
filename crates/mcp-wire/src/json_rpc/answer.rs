//! What can be mended of a server's answer. Of requests, nothing ever is.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json_rpc::known::LISTED;
use crate::json_rpc::{DEEPEST, Object, strict};

/// Bytes. What is mended is in memory several times at once, so a larger answer is refused as it is.
const LARGEST_MENDED: usize = 4 << 20;
/// The levels of an answer above an item of a listing.
const ABOVE_ITEMS: usize = 3;

/// The text with U+FFFD in place of each half of a character that stands alone (a surrogate, RFC 8259, section 8.2): what cuts a
/// text in JavaScript or Java leaves them, and strict readers refuse the whole answer for one.
pub(crate) fn with_whole_characters(text: &str) -> Cow<'_, str> {
    if text.len() > LARGEST_MENDED {
        return Cow::Borrowed(text);
    }
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let escape = at + found;
        at = escape + 2;
        match code_unit(text, escape) {
            Some(0xD800..=0xDBFF) if matches!(code_unit(text, escape + 6), Some(0xDC00..=0xDFFF)) => at = escape + 12,
            Some(0xD800..=0xDFFF) => {
                mended.push_str(text.get(copied..escape).unwrap_or_default());
                mended.push_str("\\ufffd");
                at = escape + 6;
                copied = at;
            }
            Some(_) | None => {}
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The code unit of UTF-16 that is escaped here, if one is.
fn code_unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

/// The answer without those items of its listings that cannot be read alike by everybody, and how many they are. `None` where
/// there are none: then something else is wrong.
pub(crate) fn without_bad_items(text: &str) -> Option<(String, usize)> {
    if text.len() > LARGEST_MENDED {
        return None;
    }
    let envelope: &RawValue = serde_json::from_str(text).ok()?;
    let mut envelope = Object::of(envelope)?;
    let mut result = envelope.object("result")?;
    let mut left_out = 0_usize;
    for key in ["tools", "prompts", "resources", "resourceTemplates"] {
        let Some(mut items) = result.array(key) else { continue };
        let before = items.len();
        items.retain(|item| strict::check(item.get(), DEEPEST - ABOVE_ITEMS, usize::MAX, &LISTED).is_ok());
        if items.len() < before {
            left_out += before - items.len();
            result.set(key, &items);
        }
    }
    if left_out == 0 {
        return None;
    }
    envelope.set_raw("result", result.to_raw());
    Some((envelope.to_string(), left_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_rpc::Body;

    fn listing(items: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{items}]}}}}"#)
    }

    #[test]
    fn half_a_character_becomes_a_replacement_in_answers_alone() {
        for (text, expected) in [
            (r#""cut emoji \ud83d""#, r#""cut emoji \ufffd""#),
            (r#""\uD83D\uDE00 whole""#, r#""\uD83D\uDE00 whole""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\u+83d \ud8""#, r#""\u+83d \ud8""#),
            ("\"\\ud83d\u{e9}\"", "\"\\ufffd\u{e9}\""),
            ("\\", "\\"),
        ] {
            assert_eq!(with_whole_characters(text), expected, "{text}");
        }
        let text = listing(r#"{"name":"a","description":"cut emoji \ud83d"},{"name":"b"}"#);
        let (body, left_out) = Body::parse_answer_counting(text.as_bytes()).unwrap();
        assert_eq!((body.to_string(), left_out), (text.replace("\\ud83d", "\\ufffd"), 0));
        assert!(Body::parse(text.as_bytes(), DEEPEST).is_err());
    }

    #[test]
    fn an_item_that_cannot_be_read_costs_the_others_nothing() {
        let deep = format!(r#"{{"name":"deep","a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for bad in [
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","inputSchema":{"x":1,"x":2}}"#,
            r#"{"name":"a","Name":"b"}"#,
            r#"{"name":"a","x":1e999}"#,
            &deep,
        ] {
            let text = listing(&format!(r#"{{"name":"one"}},{bad},{{"name":"two"}}"#));
            let (body, left_out) =
                Body::parse_answer_counting(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {bad}"));
            assert_eq!((body.to_string(), left_out), (listing(r#"{"name":"one"},{"name":"two"}"#), 1), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_elsewhere_is_wrong() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{"tools":[{"name":"a","name":"b"}]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","type":"b"}]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"]}}"#,
            "[",
        ] {
            assert!(Body::parse_answer(text.as_bytes()).is_err(), "{text}");
        }
    }
}
