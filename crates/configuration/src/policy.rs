//! Who may do what at a route, as the operator says it. `gatehouse-policy` decides by it.
//!
//! The rules are one text, of which a decision reads no more than it needs: a request judges by one or two of hundreds.
//!
//! ```text
//! 43:+r t11:9:read_12_*g11:9:engineersn7:rule-12
//! ```
//!
//! Whatever has its length in bytes in front, and a colon: here a rule; its lists, each a letter and what is in it; its name,
//! behind an `n`. A rule begins with `+` where it allows something and with `-` where it denies, and with what its patterns
//! begin with ([`Beginnings`]). What it is about comes before whom it is about; a list that is empty is absent.

mod beginnings;
mod list;
mod pattern;

use std::fmt::Write as _;

pub use self::beginnings::Beginnings;
use self::beginnings::of_patterns;
use self::list::taken;
pub use self::list::{List, ListKind};
pub use self::pattern::Pattern;

/// The rules of a route.
///
/// Without any, whoever has the route's scopes may do everything. With some: what a rule denies is denied; else what a
/// rule allows is allowed; else it is denied. Their order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(String);

/// A rule: an effect on what certain callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'p> {
    /// What it means.
    pub effect: Effect,
    /// What its patterns begin with.
    beginnings: &'p str,
    /// Its lists and its name.
    text: &'p str,
}

/// What a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What it matches is allowed, where nothing denies it.
    Allow,
    /// What it matches is denied, whatever else allows it.
    Deny,
}

impl Policy {
    /// The rules, with their length in front, and another text.
    pub(crate) fn written_before(&self, text: &str) -> String {
        let mut written = String::new();
        put(&mut written, &self.0);
        written + text
    }

    /// What [`Policy::written_before`] has written. Rules that cannot be read deny everything.
    pub(crate) fn read(mut text: &str) -> Option<(Self, &str)> {
        let rules = taken(&mut text)?;
        Some((Self(rules.to_owned()), text))
    }

    /// Adds a rule whose values have been checked, each list at most once and in the order of [`ListKind`].
    pub(crate) fn push(&mut self, name: &str, effect: Effect, lists: &[(ListKind, Vec<String>)]) {
        let mut rule = String::from(match effect {
            Effect::Allow => "+",
            Effect::Deny => "-",
        });
        let patterns = lists.iter().filter(|(kind, _)| kind.is_what()).flat_map(|(_, values)| values);
        rule.push_str(&of_patterns(patterns.map(String::as_str)));
        rule.push(' ');
        for (kind, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
            let mut list = String::new();
            values.iter().for_each(|value| put(&mut list, value));
            rule.push(kind.letter());
            put(&mut rule, &list);
        }
        rule.push(NAME);
        put(&mut rule, name);
        put(&mut self.0, &rule);
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, each with a name of its own.
    #[inline]
    pub fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        Rules(&self.0)
    }
}

/// What stands before the name of a rule.
const NAME: char = 'n';

fn put(text: &mut String, value: &str) {
    // Writing into a text cannot fail.
    let _ = write!(text, "{}:{value}", value.len());
}

struct Rules<'p>(&'p str);

impl<'p> Iterator for Rules<'p> {
    type Item = Rule<'p>;

    #[inline]
    fn next(&mut self) -> Option<Rule<'p>> {
        if self.0.is_empty() {
            return None;
        }
        let rule = taken(&mut self.0).and_then(Rule::of);
        Some(rule.unwrap_or_else(|| {
            self.0 = "";
            Rule { effect: Effect::Deny, beginnings: beginnings::ANY, text: "" }
        }))
    }
}

impl<'p> Rule<'p> {
    #[inline]
    fn of(text: &'p str) -> Option<Self> {
        let effect = match text.as_bytes().first()? {
            b'+' => Effect::Allow,
            b'-' => Effect::Deny,
            _ => return None,
        };
        // They are few: it is quicker to look at each character than to have one searched for.
        let end = text.bytes().position(|byte| byte == b' ')?;
        Some(Self { effect, beginnings: text.get(1..end)?, text: text.get(end.checked_add(1)?..)? })
    }

    /// Whether it may be about something that begins so. Where not, it is about something else.
    #[inline]
    pub fn may_be_about(self, beginnings: &Beginnings) -> bool {
        beginnings.meet(self.beginnings)
    }

    /// What the log and `gatehouse explain` call it.
    pub fn name(self) -> &'p str {
        let mut lists = Lists(self.text);
        while lists.next().is_some() {}
        lists.0.strip_prefix(NAME).and_then(|mut rest| taken(&mut rest)).unwrap_or_default()
    }

    /// Whether all of it can be read, to its end. Where not, nobody may rely on what it says: it must not allow anything.
    pub fn is_whole(self) -> bool {
        let mut lists = Lists(self.text);
        lists.by_ref().all(List::is_whole)
            && lists.0.strip_prefix(NAME).is_some_and(|mut rest| taken(&mut rest).is_some() && rest.is_empty())
    }

    /// Its lists that are not empty, in the order of [`ListKind`].
    #[inline]
    pub fn lists(self) -> impl Iterator<Item = List<'p>> {
        Lists(self.text)
    }

    /// Those of its lists that say what it is about; none where it is about everything.
    #[inline]
    pub fn what(self) -> impl Iterator<Item = List<'p>> {
        What(self.text)
    }

    /// One of its lists; it may be empty.
    pub fn list(self, kind: ListKind) -> List<'p> {
        self.lists().find(|list| list.kind == kind).unwrap_or(List::empty(kind))
    }
}

struct Lists<'p>(&'p str);

impl<'p> Iterator for Lists<'p> {
    type Item = List<'p>;

    #[inline]
    fn next(&mut self) -> Option<List<'p>> {
        List::taken(&mut self.0)
    }
}

struct What<'p>(&'p str);

impl<'p> Iterator for What<'p> {
    type Item = List<'p>;

    #[inline]
    fn next(&mut self) -> Option<List<'p>> {
        if List::begins_what(self.0) { List::taken(&mut self.0) } else { None }
    }
}

#[cfg(test)]
mod tests;
