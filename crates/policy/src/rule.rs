//! Whether a rule applies, and where it does not, why.

use core::{fmt, iter};

use gatehouse_configuration::{Effect, Pattern, Rule, What, Who};
use gatehouse_protocol::{Scope, Scopes};

use crate::{Action, Caller, Target, unclear};

/// One reason why a rule does not apply.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch<'p> {
    /// It is about other things: these.
    What(&'p What),
    /// The token lacks these.
    Scopes(Scopes),
    /// The user comes from none of these identity providers.
    Providers(&'p [String]),
    /// The user is in none of these groups.
    Groups(&'p [String]),
    /// The user has none of these roles.
    Roles(&'p [String]),
    /// The user is of none of these tenants.
    Tenants(&'p [String]),
    /// It is for these clients.
    Clients(&'p [String]),
    /// It is for these subjects.
    Subjects(&'p [String]),
}

/// What is asked about the resources of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether something may be done that may concern any of them: a rule has to allow all of them, and may deny none.
    ToDo,
    /// Whether there is anything behind the template for the caller: a rule has to allow some, and not deny all.
    ToList,
}

/// Every reason why a rule does not apply; it applies where there is none.
pub(crate) fn mismatches<'p>(
    rule: &'p Rule,
    caller: &Caller<'_>,
    action: &Action<'_>,
    question: Question,
) -> impl Iterator<Item = Mismatch<'p>> {
    let Rule { who, what, effect, .. } = rule;
    let what = (!is_about(what, *effect, action, question)).then_some(Mismatch::What(what));
    what.into_iter().chain(iter::once_with(move || mismatches_of_caller(who, caller)).flatten())
}

/// Whether a rule asks nothing of the caller.
pub(crate) fn is_for_everybody(who: &Who) -> bool {
    let Who { scopes, providers, groups, roles, tenants, clients, subjects } = who;
    scopes.is_empty() && [providers, groups, roles, tenants, clients, subjects].into_iter().all(Vec::is_empty)
}

/// Whether a rule is about everything.
pub(crate) fn is_about_everything(what: &What) -> bool {
    let What { methods, tools, resources, prompts } = what;
    [methods, tools, resources, prompts].into_iter().all(Vec::is_empty)
}

fn mismatches_of_caller<'p>(who: &'p Who, caller: &Caller<'_>) -> impl Iterator<Item = Mismatch<'p>> {
    let Who { scopes, providers, groups, roles, tenants, clients, subjects } = who;
    let has = |scope: &&Scope| caller.scopes.iter().any(|own| own == *scope);
    let lacking: Scopes = scopes.iter().filter(|scope| !has(scope)).cloned().collect();
    let one = |wanted: &[String], own: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == own);
    let any = |wanted: &[String], own: &[String]| wanted.is_empty() || own.iter().any(|own| wanted.contains(own));
    let claims = caller.claims;
    [
        (!lacking.is_empty()).then_some(Mismatch::Scopes(lacking)),
        (!one(providers, caller.subject.provider())).then_some(Mismatch::Providers(providers)),
        (!any(groups, &claims.groups)).then_some(Mismatch::Groups(groups)),
        (!any(roles, &claims.roles)).then_some(Mismatch::Roles(roles)),
        (!any(tenants, claims.tenant.as_slice())).then_some(Mismatch::Tenants(tenants)),
        (!one(clients, caller.client_id.as_str())).then_some(Mismatch::Clients(clients)),
        (!one(subjects, caller.subject.as_str())).then_some(Mismatch::Subjects(subjects)),
    ]
    .into_iter()
    .flatten()
}

fn is_about(what: &What, effect: Effect, action: &Action<'_>, question: Question) -> bool {
    // Where a server folds case, what is denied is not to be had by writing it otherwise.
    let is_named = match effect {
        Effect::Allow => Pattern::matches,
        Effect::Deny => Pattern::matches_in_any_case,
    };
    let named = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| is_named(pattern, name));
    let of_target = || match &action.target {
        None => false,
        Some(Target::Tool(name)) => named(&what.tools, name),
        Some(Target::Prompt(name)) => named(&what.prompts, name),
        Some(Target::Resource(uri)) => {
            // Where a server decodes first, what is denied is not to be had by escaping it.
            let behind = (effect == Effect::Deny).then(|| unclear::decoded(uri)).flatten();
            named(&what.resources, uri) || behind.is_some_and(|uri| named(&what.resources, &uri))
        }
        Some(Target::ResourceTemplate(template)) => {
            let beginning = literal_beginning(template);
            what.resources.iter().any(|pattern| match (effect, question) {
                (Effect::Allow, Question::ToDo) => pattern.matches_all(beginning),
                (Effect::Allow, Question::ToList) => pattern.matches_some(beginning),
                (Effect::Deny, Question::ToDo) => pattern.matches_some_in_any_case(beginning),
                (Effect::Deny, Question::ToList) => pattern.matches_all_in_any_case(beginning),
            })
        }
    };
    is_about_everything(what) || named(&what.methods, &action.method) || of_target()
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
            Self::What(what) => {
                let lists = [
                    ("methods", &what.methods),
                    ("tools", &what.tools),
                    ("resources", &what.resources),
                    ("prompts", &what.prompts),
                ];
                let list = |(kind, patterns): (&str, &Vec<Pattern>)| {
                    let patterns = patterns.iter().map(Pattern::to_string).collect::<Vec<_>>();
                    (!patterns.is_empty()).then(|| format!("{kind} {}", patterns.join(", ")))
                };
                let lists = lists.into_iter().filter_map(list).collect::<Vec<_>>();
                write!(f, "it is about {}", lists.join("; "))
            }
            Self::Scopes(scopes) => write!(f, "the token lacks the scope {scopes}"),
            Self::Providers(providers) => write!(f, "it is for users of {}", providers.join(", ")),
            Self::Groups(groups) => write!(f, "the user is in no group of {}", groups.join(", ")),
            Self::Roles(roles) => write!(f, "the user has no role of {}", roles.join(", ")),
            Self::Tenants(tenants) => write!(f, "the user is of no tenant of {}", tenants.join(", ")),
            Self::Clients(clients) => write!(f, "it is for the client {}", clients.join(", ")),
            Self::Subjects(subjects) => write!(f, "it is for the subject {}", subjects.join(", ")),
        }
    }
}
