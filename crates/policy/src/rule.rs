//! Whether a rule applies, and where it does not, why.

use core::fmt;

use gatehouse_configuration::{Beginnings, Effect, List, ListKind, Rule};
use gatehouse_protocol::{Scope, Scopes};

use crate::{Action, Caller, Target, unclear};

/// One reason why a rule does not apply.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch<'p> {
    /// It is about other things.
    What(Rule<'p>),
    /// The token lacks these.
    Scopes(Scopes),
    /// The caller has none of these.
    Who(List<'p>),
}

/// What is asked about the resources of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether something may be done that may concern any of them: a rule has to allow all of them, and may deny none.
    ToDo,
    /// Whether there is anything behind the template for the caller: a rule has to allow some, and not deny all.
    ToList,
}

/// Whether a rule applies: [`mismatches`] has no reason why not. Most rules of a route are about something else, and this is
/// asked of every one. One that cannot be read to its end allows nothing, and denies everything.
pub(crate) fn applies(rule: Rule<'_>, caller: &Caller<'_>, action: &Action<'_>, question: Question) -> bool {
    let meant = |list| mismatch(list, rule.effect, caller).is_none();
    let applies = is_about(rule, action, question) && rule.lists().all(meant);
    match rule.effect {
        Effect::Allow => applies && rule.is_whole(),
        Effect::Deny => applies || !rule.is_whole(),
    }
}

/// Every reason why a rule does not apply; it applies where there is none.
pub(crate) fn mismatches<'p>(
    rule: Rule<'p>,
    caller: &Caller<'_>,
    action: &Action<'_>,
    question: Question,
) -> impl Iterator<Item = Mismatch<'p>> {
    let what = (!is_about(rule, action, question)).then_some(Mismatch::What(rule));
    what.into_iter().chain(rule.lists().filter_map(move |list| mismatch(list, rule.effect, caller)))
}

/// What the names of an action begin with. A URI may be read in another way than it is written, and a template stands for many.
pub(crate) fn beginnings(action: &Action<'_>) -> Beginnings {
    match &action.target {
        None => Beginnings::of(&action.method, None),
        Some(Target::Tool(name) | Target::Prompt(name)) => Beginnings::of(&action.method, Some(name)),
        Some(Target::Resource(_) | Target::ResourceTemplate(_)) => Beginnings::ANY,
    }
}

/// Whether a rule asks nothing of the caller.
pub(crate) fn is_for_everybody(rule: Rule<'_>) -> bool {
    rule.lists().all(|list| list.kind.is_what())
}

/// Whether a rule is about everything.
pub(crate) fn is_about_everything(rule: Rule<'_>) -> bool {
    rule.what().next().is_none()
}

/// Why the caller is none of those whom a list means. Of a caller whom nobody knows, nothing is known to be so, or not to be so: what
/// allows something to some does not allow it to them, and what denies it to some denies it to them.
fn mismatch<'p>(list: List<'p>, effect: Effect, caller: &Caller<'_>) -> Option<Mismatch<'p>> {
    if caller.subject.is_nobody() && !list.kind.is_what() {
        return (effect == Effect::Allow).then_some(Mismatch::Who(list));
    }
    let claims = caller.claims;
    let one = |own: &str| list.values().any(|wanted| wanted == own);
    let any = |own: &[String]| list.values().any(|wanted| own.iter().any(|own| own == wanted));
    let is_meant = match list.kind {
        ListKind::Methods | ListKind::Tools | ListKind::Resources | ListKind::Prompts => true,
        ListKind::Scopes => {
            let has = |scope: &&str| caller.scopes.iter().any(|own| own.as_str() == *scope);
            let lacking = list.values().filter(|scope| !has(scope)).map(Scope::parse).collect::<Result<Scopes, _>>();
            return match lacking {
                Ok(lacking) => (!lacking.is_empty()).then_some(Mismatch::Scopes(lacking)),
                // Nobody has what is no scope, and nobody can be told to ask for it.
                Err(_) => Some(Mismatch::Who(list)),
            };
        }
        ListKind::Providers => one(caller.subject.provider()),
        ListKind::Groups => any(&claims.groups),
        ListKind::Roles => any(&claims.roles),
        ListKind::Tenants => claims.tenant.as_deref().is_some_and(one),
        ListKind::Clients => one(caller.client_id.as_str()),
        ListKind::Subjects => one(caller.subject.as_str()),
    };
    (!is_meant).then_some(Mismatch::Who(list))
}

fn is_about(rule: Rule<'_>, action: &Action<'_>, question: Question) -> bool {
    let mut is_about_everything = true;
    for list in rule.what() {
        if is_named(list, rule.effect, action, question) {
            return true;
        }
        is_about_everything = false;
    }
    is_about_everything
}

/// Whether a list of what a rule is about names what is done, or what it is done to.
fn is_named(list: List<'_>, effect: Effect, action: &Action<'_>, question: Question) -> bool {
    // Where a server folds case, what is denied is not to be had by writing it otherwise.
    let named = |name: &str| match effect {
        Effect::Allow => list.patterns().any(|pattern| pattern.matches(name)),
        Effect::Deny => list.patterns().any(|pattern| pattern.matches_in_any_case(name)),
    };
    match (list.kind, &action.target) {
        (ListKind::Methods, _) => named(&action.method),
        (ListKind::Tools, Some(Target::Tool(name))) | (ListKind::Prompts, Some(Target::Prompt(name))) => named(name),
        (ListKind::Resources, Some(Target::Resource(uri))) => {
            // Where a server decodes first, what is denied is not to be had by escaping it.
            let behind = (effect == Effect::Deny).then(|| unclear::decoded(uri)).flatten();
            named(uri) || behind.is_some_and(|uri| named(&uri))
        }
        (ListKind::Resources, Some(Target::ResourceTemplate(template))) => {
            let beginning = literal_beginning(template);
            list.patterns().any(|pattern| match (effect, question) {
                (Effect::Allow, Question::ToDo) => pattern.matches_all(beginning),
                (Effect::Allow, Question::ToList) => pattern.matches_some(beginning),
                (Effect::Deny, Question::ToDo) => pattern.matches_some_in_any_case(beginning),
                (Effect::Deny, Question::ToList) => pattern.matches_all_in_any_case(beginning),
            })
        }
        _ => false,
    }
}

/// What every URI of a template begins with. What RFC 6570 (section 3.1) has escaped in the URI ends it.
fn literal_beginning(template: &str) -> &str {
    let ends = |character: char| !character.is_ascii_graphic() || r#"{}<>"\^`|"#.contains(character);
    template.split(ends).next().unwrap_or_default()
}

impl fmt::Display for Mismatch<'_> {
    /// The rest of a sentence about the rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::What(rule) => {
                let lists = rule.what();
                let lists = lists.map(|list| format!("{} {}", list.kind.as_str(), list.joined()));
                write!(f, "it is about {}", lists.collect::<Vec<_>>().join("; "))
            }
            Self::Scopes(scopes) => write!(f, "the token lacks the scope {scopes}"),
            Self::Who(list) => {
                let words = match list.kind {
                    ListKind::Providers => "it is for users of",
                    ListKind::Groups => "the user is in no group of",
                    ListKind::Roles => "the user has no role of",
                    ListKind::Tenants => "the user is of no tenant of",
                    ListKind::Clients => "it is for the client",
                    ListKind::Subjects => "it is for the subject",
                    _ => "it is for callers with",
                };
                write!(f, "{words} {}", list.joined())
            }
        }
    }
}
