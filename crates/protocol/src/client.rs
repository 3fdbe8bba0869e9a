//! Clients of the authorization server.

use core::fmt;

use thiserror::Error;

/// A client identifier (RFC 6749, section 2.2): 1 to 2,048 visible ASCII characters or spaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// The text is not a client identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a client_id is 1 to 2048 characters of visible ASCII")]
pub struct InvalidClientId;

impl ClientId {
    /// What the ids of clients begin with, before a `:`, that are part of Gatehouse itself. The ids of callers with an API key and of
    /// workloads are their subjects, and those of another issuer's clients begin with its name. So no two parties give out one id.
    pub const OWN: &'static str = "gatehouse";

    /// Bytes; a client ID metadata document's URL is the longest id in use.
    const LONGEST: usize = 2048;

    /// Parses a `client_id` parameter or setting.
    ///
    /// # Errors
    /// Where it is empty, too long, or holds a character outside `VSCHAR` (RFC 6749, appendix A.1).
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let visible = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        if text.is_empty() || text.len() > Self::LONGEST || !visible {
            return Err(InvalidClientId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client's name for people (RFC 7591, `client_name`): 1 to 128 characters, none of them a control character or
/// one that reorders text, so that a consent page cannot be made to read as something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName(String);

/// The text cannot be shown as a client's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a client_name is 1 to 128 characters without control or text-direction characters")]
pub struct InvalidClientName;

impl ClientName {
    const LONGEST: usize = 128;

    /// Parses a `client_name`; white space around it is dropped.
    ///
    /// # Errors
    /// Where nothing is left, it is too long, or holds a character that a page cannot show safely.
    pub fn parse(text: &str) -> Result<Self, InvalidClientName> {
        let name = text.trim();
        if name.is_empty() || name.chars().count() > Self::LONGEST || name.chars().any(is_unshowable) {
            return Err(InvalidClientName);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name; it still needs escaping in HTML.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a page cannot show it safely: control characters, the marks, embeddings and isolates that change the direction of the
/// text after them, and what is not seen at all.
pub fn is_unshowable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_id_is_visible_ascii_within_its_length() {
        for good in ["a", "https://client.example/metadata.json", "1795000000-AbC_d"] {
            assert_eq!(ClientId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        let longest = "a".repeat(2048);
        assert!(ClientId::parse(&longest).is_ok());
        for bad in ["", "tab\there", "line\r\nbreak", "nul\0", "ünïcode", &(longest + "a")] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId), "{bad:?}");
        }
    }

    #[test]
    fn a_client_name_cannot_hide_or_reorder_what_a_page_shows() {
        assert_eq!(ClientName::parse("  Näme <b>  ").map(|name| name.as_str().to_owned()), Ok("Näme <b>".to_owned()));
        assert!(ClientName::parse(&"é".repeat(128)).is_ok());
        for bad in [
            "",
            "   ",
            "a\u{202e}b",
            "a\nb",
            "a\u{200b}",
            "a\u{61c}b",
            "a\u{ad}b",
            "\u{3164}",
            "a\u{e0041}",
            &"é".repeat(129),
        ] {
            assert_eq!(ClientName::parse(bad), Err(InvalidClientName), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_client_id_as_it_is_or_none(text in ".{0,60}") {
            match ClientId::parse(&text) {
                Ok(id) => prop_assert_eq!(id.as_str(), text),
                Err(InvalidClientId) => prop_assert!(text.is_empty() || !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))),
            }
        }

        #[test]
        fn a_name_that_is_accepted_is_shown_as_it_is_and_accepted_again(text in ".{0,140}") {
            if let Ok(name) = ClientName::parse(&text) {
                prop_assert!(!name.as_str().chars().any(is_unshowable));
                prop_assert_eq!(ClientName::parse(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(name.as_str(), text.trim());
            }
        }
    }
}
