//! Who may do what at a route, as the operator says it. `gatehouse-policy` decides by it.

use core::fmt;
use core::str::Chars;

use gatehouse_protocol::Scopes;

/// The rules of a route.
///
/// Without any, whoever has the route's scopes may do everything. With some: what a rule denies is denied; else what a
/// rule allows is allowed; else it is denied. Their order does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Each with a name of its own.
    pub rules: Vec<Rule>,
}

/// A rule: an effect on what certain callers do.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What the log and `gatehouse explain` call it.
    pub name: String,
    /// What it means.
    pub effect: Effect,
    /// Whom it is about.
    pub who: Who,
    /// What it is about.
    pub what: What,
}

/// What a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What it matches is allowed, where nothing denies it.
    Allow,
    /// What it matches is denied, whatever else allows it.
    Deny,
}

/// Whom a rule is about: callers who have something of every list that is not empty, and every scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// All of which the token must have. An allowing rule that lacks nothing but these is what a step-up asks for.
    pub scopes: Scopes,
    /// Identity providers, by their names here; `client` for machines. Groups and roles mean something only at the provider
    /// that gave them: where there are several, a rule that asks for some says of which.
    pub providers: Vec<String>,
    /// Of the identity provider, as it names them; ids (UUIDs) in lower case, as [`gatehouse_protocol::Claims`] has them.
    pub groups: Vec<String>,
    /// Of the identity provider, as it names them.
    pub roles: Vec<String>,
    /// Of the identity provider; ids (UUIDs) in lower case.
    pub tenants: Vec<String>,
    /// OAuth clients, by their `client_id`.
    pub clients: Vec<String>,
    /// Users and machines, as the log names them.
    pub subjects: Vec<String>,
}

/// What a rule is about: whatever one of its lists names, or everything where all are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct What {
    /// Methods of MCP, such as `resources/*`.
    pub methods: Vec<Pattern>,
    /// Tools, by their names as clients see them.
    pub tools: Vec<Pattern>,
    /// Resources, by their URIs as clients see them.
    pub resources: Vec<Pattern>,
    /// Prompts, by their names as clients see them.
    pub prompts: Vec<Pattern>,
}

/// A glob: `*` stands for any characters, `?` for one; everything else for itself, case and all where it allows something, in
/// any case where it denies.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(wildmatch::WildMatch);

impl Pattern {
    /// Bytes. Names are shorter, and matching takes time by the product of both lengths.
    const LONGEST: usize = 256;

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > Self::LONGEST || text.chars().any(char::is_control) {
            return Err("must be a pattern of 1 to 256 characters");
        }
        Ok(Self(wildmatch::WildMatch::new(text)))
    }

    /// Whether `name` is one of those meant.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }

    /// Whether `name`, or one that differs from it in case alone, is one of those meant.
    pub fn matches_in_any_case(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.pattern_chars(), name.chars());
        // Behind the last `*`, and where in the name that was tried.
        let mut again: Option<(&[char], Chars<'_>)> = None;
        loop {
            let mut next = rest.clone();
            match (pattern, next.next()) {
                (['*', after @ ..], _) => {
                    again = Some((after, rest.clone()));
                    pattern = after;
                }
                ([], None) => return true,
                ([one, after @ ..], Some(character)) if *one == '?' || folded(*one) == folded(character) => {
                    (pattern, rest) = (after, next);
                }
                _ => {
                    // The last `*` stands for one character more.
                    let Some((after, from)) = &mut again else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (pattern, rest) = (after, from.clone());
                }
            }
        }
    }

    /// Whether it means one name, and says it letter by letter.
    pub fn is_one_name(&self) -> bool {
        !self.0.pattern_chars().iter().any(|character| matches!(character, '*' | '?'))
    }

    /// Whether it means every name there can be.
    pub fn is_every_name(&self) -> bool {
        matches!(self.0.pattern_chars(), ['*'])
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
        self.left_after(beginning, |character| character).contains(&['*'].as_slice())
    }

    /// The same of names that begin like this in any case.
    pub fn matches_all_in_any_case(&self, beginning: &str) -> bool {
        self.left_after(beginning, folded).contains(&['*'].as_slice())
    }

    /// What may be left of the pattern when the text has been matched with its beginning, each character `read` so.
    fn left_after(&self, text: &str, read: fn(char) -> char) -> Vec<&[char]> {
        let mut left = with_stars_passed(vec![self.0.pattern_chars()]);
        for character in text.chars() {
            let after = left.into_iter().filter_map(|rest| match rest {
                ['*', ..] => Some(rest),
                [one, after @ ..] if *one == '?' || read(*one) == read(character) => Some(after),
                _ => None,
            });
            left = with_stars_passed(after.collect());
        }
        left
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
fn with_stars_passed(mut rests: Vec<&[char]>) -> Vec<&[char]> {
    let passed: Vec<_> = rests.iter().filter_map(|rest| rest.strip_prefix(&['*'])).collect();
    rests.extend(passed);
    rests.sort_by_key(|rest| rest.len());
    rests.dedup_by_key(|rest| rest.len());
    rests
}

impl fmt::Display for Pattern {
    /// As the operator wrote it; several `*` in a row are one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
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
        fn what_is_said_of_a_beginning_holds_for_what_follows(text in "[ab*?]{1,6}", beginning in "[ab]{0,4}", end in "[ab]{0,4}") {
            let pattern = pattern(&text);
            let matches = pattern.matches(&format!("{beginning}{end}"));
            prop_assert!(!matches || pattern.matches_some(&beginning));
            prop_assert!(matches || !pattern.matches_all(&beginning));
            prop_assert_eq!(
                pattern.matches(&beginning),
                pattern.left_after(&beginning, |character| character).contains(&[].as_slice())
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
