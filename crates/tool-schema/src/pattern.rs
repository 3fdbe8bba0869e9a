//! Patterns (ECMA-262), matched in linear time, or with a bound.

use fancy_regex::{Regex, RegexBuilder};
use jsonschema_regex::to_rust_regex;
use regex_syntax::ast::parse::Parser;

use crate::UnusableSchema;

/// Bytes that a pattern becomes, roughly.
const LARGEST: usize = 256 * 1024;
/// How often a pattern that looks around or back may try something else.
const MOST_STEPS_BACK: usize = 10_000;

/// A pattern that strings can be matched with.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Whether it looks around or back. Most do not, and those are matched in linear time.
    pub(crate) looks_around: bool,
}

/// Matching would take more than [`MOST_STEPS_BACK`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManySteps;

impl Pattern {
    /// # Errors
    /// [`UnusableSchema::Invalid`] where it is no pattern, or becomes too large.
    pub(crate) fn parse(pattern: &str) -> Result<Self, UnusableSchema> {
        let pattern = to_rust_regex(pattern).map_err(|()| UnusableSchema::Invalid)?;
        let looks_around = Parser::new().parse(&pattern).is_err();
        let regex = RegexBuilder::new(&pattern)
            .backtrack_limit(MOST_STEPS_BACK)
            .delegate_size_limit(LARGEST)
            .delegate_dfa_size_limit(LARGEST)
            .build()
            .map_err(|_| UnusableSchema::Invalid)?;
        Ok(Self { regex, looks_around })
    }

    /// Whether it matches somewhere in the text.
    ///
    /// # Errors
    /// [`TooManySteps`].
    pub(crate) fn matches(&self, text: &str) -> Result<bool, TooManySteps> {
        self.regex.is_match(text).map_err(|_| TooManySteps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(text).unwrap()
    }

    #[test]
    fn a_pattern_is_one_of_ecma_262() {
        for (pattern, text, expected) in [
            ("b", "abc", true),
            ("^b", "abc", false),
            ("^a.c$", "abc", true),
            (r"^\d+$", "12", true),
            (r"^\d+$", "\u{967}\u{968}", false),
            (r"^\w$", "_", true),
            (r"^\w$", "\u{e9}", false),
            (r"^\W$", "\u{e9}", true),
            (r"^\s$", "\u{a0}", true),
            (r"^\S$", "\u{feff}", false),
            (r"^\p{Lu}\p{L}*$", "\u{c9}cole", true),
            (r"^\p{Script=Greek}+$", "\u{3b1}\u{3b2}", true),
            (r"^\p{Letter}$", "1", false),
            (r"^\cC$", "\u{3}", true),
            (r"^a\/b$", "a/b", true),
            ("^[a-z--b]$", "-", true),
            ("^[&&a]$", "&", true),
            ("^[[]$", "[", true),
            ("^.$", "\u{1f600}", true),
            (r"^(\d{4})-\1$", "2020-2020", true),
            (r"(?<=a)b", "ab", true),
            (r"(?<!a)b", "ab", false),
            (r"\bfoo\b", "a foo b", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        for wrong in ["(", "[", "a{2,1}", r"\a", "(?<a", "*"] {
            assert_eq!(Pattern::parse(wrong).err(), Some(UnusableSchema::Invalid), "{wrong}");
        }
    }

    #[test]
    fn only_what_looks_around_or_back_is_not_linear() {
        for (pattern, looks_around) in
            [("^(a+)+$", false), (r"\p{L}|[^a]*?", false), ("(?=a)", true), ("(?<!a)b", true), (r"(a)\1", true)]
        {
            assert_eq!(Pattern::parse(pattern).unwrap().looks_around, looks_around, "{pattern}");
        }
    }
}
