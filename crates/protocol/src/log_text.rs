//! Text of other parties in our log.

use core::fmt;

/// Another party's text, made safe to log: at most 128 characters, and `?` for everything but visible ASCII, so that
/// it can neither forge a line nor fill a disk.
///
/// Only for values that name something (an issuer, a key id, an error code): free text such as `error_description`
/// holds e-mail addresses at some providers (Entra's AADSTS50020) and is not logged at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogText(String);

impl LogText {
    const LONGEST: usize = 128;

    /// Cuts and cleans `text`.
    pub fn new(text: &str) -> Self {
        let visible = |character: char| if character.is_ascii_graphic() { character } else { '?' };
        Self(text.chars().take(Self::LONGEST).map(visible).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_forge_a_line_or_grow_without_end() {
        assert_eq!(LogText::new("invalid_grant").as_str(), "invalid_grant");
        assert_eq!(LogText::new("a\r\nlevel=info \u{1b}[2Jé").as_str(), "a??level=info??[2J?");
        assert_eq!(LogText::new(&"é".repeat(1000)).as_str().len(), 128);
    }
}
