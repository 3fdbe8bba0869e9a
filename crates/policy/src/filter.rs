//! Listings that show a caller what is within its reach, and nothing else.

use std::borrow::Cow;

use gatehouse_configuration::{ListKind, Policy, Rule};
use gatehouse_mcp_wire::json_rpc::Object;
use serde_json::value::RawValue;

use crate::decide::judge;
use crate::rule::{Question, is_about_everything, is_for_everybody};
use crate::{Action, Caller, Target};

/// What became of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// How many tools, prompts, resources and templates were taken out.
    pub hidden: usize,
    /// Whether it now says that it is for this caller alone.
    pub made_private: bool,
}

impl Filtered {
    /// Whether the result is another one than before.
    pub fn is_changed(self) -> bool {
        self.hidden > 0 || self.made_private
    }
}

/// Takes out of a result, whatever it answers, the tools, prompts, resources and resource templates that the caller may not
/// use. What is left in it of tools, prompts and resources is exactly what [`crate::decide`] allows to call, get and read, and what it
/// would allow with further scopes: a client asks for those when a call tells it to, and nobody calls what is not listed. A
/// template stays where something that begins like it may be read, so that it may show more than can be read.
///
/// A cacheable result (MCP 2026-07-28, "Caching") whose content is for some callers only becomes `private`: on all its pages,
/// also on those from which this caller lacks nothing.
pub fn filter(policy: &Policy, caller: &Caller<'_>, result: &mut Object) -> Filtered {
    if policy.is_empty() {
        return Filtered::default();
    }
    let mut filtered = Filtered::default();
    let mut depends_on_caller = result.contains("contents") && Listing::Resources.depends_on_caller(policy);
    for listing in Listing::ALL {
        if result.contains(listing.member()) {
            filtered.hidden += hide(policy, caller, result, listing);
            depends_on_caller |= listing.depends_on_caller(policy);
        }
    }
    let is_cacheable = result.contains("cacheScope") || result.contains("ttlMs");
    if depends_on_caller && is_cacheable && result.str("cacheScope").as_deref() != Some("private") {
        result.set("cacheScope", "private");
        filtered.made_private = true;
    }
    filtered
}

/// Leaves of a listing what the caller may use; how many it took out.
fn hide(policy: &Policy, caller: &Caller<'_>, result: &mut Object, listing: Listing) -> usize {
    let Some(items) = result.array(listing.member()) else {
        // No listing that the specification knows, so that nobody can say what it shows.
        result.set::<[(); 0]>(listing.member(), &[]);
        return 1;
    };
    let before = items.len();
    let shown: Vec<_> = items.into_iter().filter(|item| listing.shows(policy, caller, item)).collect();
    let hidden = before - shown.len();
    if hidden > 0 {
        result.set(listing.member(), &shown);
    }
    hidden
}

#[derive(Clone, Copy, Debug)]
enum Listing {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl Listing {
    const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The member of a result that it is.
    fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// Whether an item stays. One that does not say what it is called cannot be used by anybody.
    fn shows(self, policy: &Policy, caller: &Caller<'_>, item: &RawValue) -> bool {
        let named = match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
        };
        let Some(name) = Object::of(item).and_then(|item| item.str(named)) else { return false };
        let action = match self {
            Self::Tools => Action::call(&name),
            Self::Prompts => Action::get(&name),
            Self::Resources => Action::read(&name),
            Self::Templates => {
                Action { target: Some(Target::of_template(Cow::Borrowed(&name))), ..Action::read(&name) }
            }
        };
        judge(policy, caller, &action, Question::ToList).is_within_reach()
    }

    /// Whether another caller may see another one.
    fn depends_on_caller(self, policy: &Policy) -> bool {
        let (names, method) = match self {
            Self::Tools => (ListKind::Tools, "tools/call"),
            Self::Prompts => (ListKind::Prompts, "prompts/get"),
            Self::Resources | Self::Templates => (ListKind::Resources, "resources/read"),
        };
        let is_about_it = |rule: Rule<'_>| {
            is_about_everything(rule)
                || !rule.list(names).is_empty()
                || rule.list(ListKind::Methods).patterns().any(|pattern| pattern.matches(method))
        };
        policy.rules().any(|rule| !is_for_everybody(rule) && is_about_it(rule))
    }
}

#[cfg(test)]
mod tests;
