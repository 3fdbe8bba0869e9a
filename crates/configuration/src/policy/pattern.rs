//! The patterns of rules.

use core::fmt;
use core::str::Chars;
use std::borrow::Cow;

/// A glob: `*` stands for any characters, `?` for one; everything else for itself, case and all where it allows something, in
/// any case where it denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern<'a>(Cow<'a, str>);

impl<'a> Pattern<'a> {
    /// Bytes. Names are shorter, and matching takes time by the product of both lengths.
    const LONGEST: usize = 256;

    pub(crate) fn parse(text: &str) -> Result<Pattern<'static>, &'static str> {
        if text.is_empty() || text.len() > Self::LONGEST || text.chars().any(char::is_control) {
            return Err("must be a pattern of 1 to 256 characters");
        }
        let mut text = text.to_owned();
        while text.contains("**") {
            text = text.replace("**", "*");
        }
        Ok(Pattern(Cow::Owned(text)))
    }

    /// What was parsed before.
    #[inline]
    pub(super) fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// As the operator wrote it; several `*` in a row are one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` is one of those meant.
    #[inline]
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.0, name, |character| character)
    }

    /// Whether `name`, or one that differs from it in case alone, is one of those meant.
    #[inline]
    pub fn matches_in_any_case(&self, name: &str) -> bool {
        matches(&self.0, name, folded)
    }

    /// Whether it means one name, and says it letter by letter.
    pub fn is_one_name(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether it means every name there can be.
    pub fn is_every_name(&self) -> bool {
        self.0 == "*"
    }

    /// Whether some name that begins like this is one of those meant.
    pub fn matches_some(&self, beginning: &str) -> bool {
        // Whatever is left of the pattern, something can be written that it matches.
        !self.left_after(beginning, |character| character).is_empty()
    }

    /// The same of names that begin like this in any case.
    pub fn matches_some_in_any_case(&self, beginning: &str) -> bool {
        !self.left_after(beginning, folded).is_empty()
    }

    /// Whether every name that begins like this is one of those meant.
    pub fn matches_all(&self, beginning: &str) -> bool {
        self.left_after(beginning, |character| character).contains(&"*")
    }

    /// The same of names that begin like this in any case.
    pub fn matches_all_in_any_case(&self, beginning: &str) -> bool {
        self.left_after(beginning, folded).contains(&"*")
    }

    /// What may be left of the pattern when the text has been matched with its beginning, each character `read` so.
    fn left_after(&self, text: &str, read: fn(char) -> char) -> Vec<&str> {
        let mut left = with_stars_passed(vec![self.as_str()]);
        for character in text.chars() {
            let after = left.into_iter().filter_map(|rest| {
                let mut after = rest.chars();
                match after.next()? {
                    '*' => Some(rest),
                    one => (one == '?' || read(one) == read(character)).then_some(after.as_str()),
                }
            });
            left = with_stars_passed(after.collect());
        }
        left
    }
}

/// Whether a pattern means a name, each character `read` so.
#[inline]
fn matches(pattern: &str, name: &str, read: impl Fn(char) -> char) -> bool {
    let (mut pattern, mut rest) = (pattern.chars(), name.chars());
    // Behind the last `*`, and where in the name that was tried.
    let mut again: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut after, mut next) = (pattern.clone(), rest.clone());
        match (after.next(), next.next()) {
            (Some('*'), _) => {
                again = Some((after.clone(), rest.clone()));
                pattern = after;
            }
            (None, None) => return true,
            (Some(one), Some(character)) if one == '?' || read(one) == read(character) => {
                (pattern, rest) = (after, next);
            }
            _ => {
                // The last `*` stands for one character more.
                let Some((after, from)) = &mut again else { return false };
                if from.next().is_none() {
                    return false;
                }
                (pattern, rest) = (after.clone(), from.clone());
            }
        }
    }
}

/// The same character for all that differ in case alone, as far as one stands for one.
fn folded(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let mut upper = character.to_uppercase();
    let upper = if upper.len() == 1 { upper.next().unwrap_or(character) } else { character };
    let mut lower = upper.to_lowercase();
    if lower.len() == 1 { lower.next().unwrap_or(upper) } else { upper }
}

/// Those that begin with `*` also without it, and each once: `*` may stand for nothing.
fn with_stars_passed(mut rests: Vec<&str>) -> Vec<&str> {
    let passed: Vec<_> = rests.iter().filter_map(|rest| rest.strip_prefix('*')).collect();
    rests.extend(passed);
    rests.sort_by_key(|rest| rest.len());
    rests.dedup_by_key(|rest| rest.len());
    rests
}

impl fmt::Display for Pattern<'_> {
    /// As the operator wrote it; several `*` in a row are one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern<'static> {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn what_begins_alike_is_meant_in_part_or_as_a_whole() {
        for (text, beginning, some, all) in [
            ("*", "", true, true),
            ("**", "abc", true, true),
            ("file:///public/*", "file:///", true, false),
            ("file:///public/*", "file:///public/", true, true),
            ("file:///public/*", "file:///public/x", true, true),
            ("file:///public/*", "file:///secret/", false, false),
            ("file:///a", "file:///a", true, false),
            ("file:///a", "file:///ab", false, false),
            ("*.txt", "file:///a", true, false),
            ("?*", "", true, false),
            ("?*", "a", true, true),
            ("a?*", "ab", true, true),
            ("*a*", "bab", true, true),
            ("*a*", "bbb", true, false),
        ] {
            assert_eq!(
                (pattern(text).matches_some(beginning), pattern(text).matches_all(beginning)),
                (some, all),
                "{text} {beginning}"
            );
        }
    }

    #[test]
    fn a_pattern_means_one_name_or_every_name_or_some() {
        for (text, one, every) in [
            ("read", true, false),
            ("*", false, true),
            ("**", false, true),
            ("r?ad", false, false),
            ("*a", false, false),
        ] {
            assert_eq!((pattern(text).is_one_name(), pattern(text).is_every_name()), (one, every), "{text}");
        }
        for (text, name) in
            [("write_secret", "WRITE_Secret"), ("k", "\u{212a}"), ("s", "\u{17f}"), ("\u{e4}*", "\u{c4}b")]
        {
            assert!(pattern(text).matches_in_any_case(name) && !pattern(text).matches(name), "{text} {name}");
        }
    }

    proptest! {
        #[test]
        fn it_means_what_another_implementation_says(text in "[ab*?\u{e4}]{1,8}", name in "[ab\u{e4}*?]{0,10}") {
            prop_assert_eq!(pattern(&text).matches(&name), wildmatch::WildMatch::new(&text).matches(&name));
        }

        #[test]
        fn what_is_said_of_a_beginning_holds_for_what_follows(text in "[ab*?]{1,6}", beginning in "[ab]{0,4}", end in "[ab]{0,4}") {
            let pattern = pattern(&text);
            let matches = pattern.matches(&format!("{beginning}{end}"));
            prop_assert!(!matches || pattern.matches_some(&beginning));
            prop_assert!(matches || !pattern.matches_all(&beginning));
            prop_assert_eq!(
                pattern.matches(&beginning),
                pattern.left_after(&beginning, |character| character).contains(&"")
            );
        }

        #[test]
        fn in_any_case_it_means_what_it_would_mean_if_there_were_none(text in "[aAbBkK*?]{1,6}", name in "[aAbBkK]{0,6}") {
            let (pattern, lower) = (pattern(&text), pattern(&text.to_lowercase()));
            prop_assert_eq!(pattern.matches_in_any_case(&name), lower.matches(&name.to_lowercase()));
            prop_assert_eq!(pattern.matches_some_in_any_case(&name), lower.matches_some(&name.to_lowercase()));
            prop_assert_eq!(pattern.matches_all_in_any_case(&name), lower.matches_all(&name.to_lowercase()));
            prop_assert!(!pattern.matches(&name) || pattern.matches_in_any_case(&name));
        }

        #[test]
        fn a_pattern_takes_any_text_and_keeps_its_own(text in "\\PC{1,40}", name in "\\PC{0,40}") {
            let pattern = pattern(&text);
            pattern.matches(&name);
            prop_assert_eq!(pattern.matches_all(&name) && !pattern.matches_some(&name), false);
            prop_assert_eq!(Pattern::parse(&pattern.to_string()).unwrap(), pattern);
        }
    }
}
