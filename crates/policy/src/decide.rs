//! Allowed or denied.

use gatehouse_configuration::{Effect, Policy, Rule};
use gatehouse_protocol::Scopes;

use crate::rule::{Mismatch, Question, applies, beginnings, mismatches};
use crate::{Action, Caller, unclear};

/// What the rules say of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<'p> {
    /// It may be done.
    Allowed {
        /// The first rule that allows it. `None` where there are no rules, or where the protocol itself needs it.
        rule: Option<Rule<'p>>,
    },
    /// It may not be done.
    Denied {
        /// The first rule that denies it. `None` where no rule allows it.
        rule: Option<Rule<'p>>,
        /// The fewest scopes with which, beside those of the token, a rule would allow it and none deny it.
        step_up: Option<Scopes>,
    },
}

impl<'p> Decision<'p> {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whether it may be done, or could be with scopes that are granted to who asks for them.
    pub fn is_within_reach(&self) -> bool {
        match self {
            Self::Allowed { .. } => true,
            Self::Denied { step_up, .. } => step_up.is_some(),
        }
    }

    /// The rule that decided.
    pub fn rule(&self) -> Option<Rule<'p>> {
        match self {
            Self::Allowed { rule } | Self::Denied { rule, .. } => *rule,
        }
    }
}

/// Whether a caller who has the route's own scopes may do something there.
pub fn decide<'p>(policy: &'p Policy, caller: &Caller<'_>, action: &Action<'_>) -> Decision<'p> {
    judge(policy, caller, action, Question::ToDo)
}

pub(crate) fn judge<'p>(
    policy: &'p Policy,
    caller: &Caller<'_>,
    action: &Action<'_>,
    question: Question,
) -> Decision<'p> {
    if policy.is_empty() {
        return Decision::Allowed { rule: None };
    }
    if unclear::check(policy, action).is_err() {
        return Decision::Denied { rule: None, step_up: None };
    }
    let beginnings = beginnings(action);
    let mut allowing = None;
    for rule in policy.rules().filter(|rule| rule.may_be_about(&beginnings)) {
        let may_decide = rule.effect == Effect::Deny || allowing.is_none();
        if may_decide && applies(rule, caller, action, question) {
            match rule.effect {
                Effect::Deny => return Decision::Denied { rule: Some(rule), step_up: None },
                Effect::Allow => allowing = Some(rule),
            }
        }
    }
    match allowing {
        Some(rule) => Decision::Allowed { rule: Some(rule) },
        None if action.target.is_none() && needs_no_rule(&action.method) => Decision::Allowed { rule: None },
        None => Decision::Denied { rule: None, step_up: step_up(policy, caller, action, question) },
    }
}

fn of(policy: &Policy, effect: Effect) -> impl Iterator<Item = Rule<'_>> {
    policy.rules().filter(move |rule| rule.effect == effect)
}

/// What a client cannot do without, and what tells nothing: listings show only what is within reach ([`crate::filter`]).
pub(crate) fn needs_no_rule(method: &str) -> bool {
    let known = [
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "logging/setLevel",
        "subscriptions/listen",
    ];
    known.contains(&method) || method.starts_with("notifications/")
}

/// More scopes may also be what a denying rule is about: then they help nobody.
fn step_up(policy: &Policy, caller: &Caller<'_>, action: &Action<'_>, question: Question) -> Option<Scopes> {
    let lacking = of(policy, Effect::Allow).filter_map(|rule| {
        let mut mismatches = mismatches(rule, caller, action, question);
        match (mismatches.next(), mismatches.next()) {
            (Some(Mismatch::Scopes(lacking)), None) => Some(lacking),
            _ => None,
        }
    });
    let helps = |lacking: &Scopes| {
        let scopes: Scopes = caller.scopes.iter().chain(lacking.iter()).cloned().collect();
        let caller = Caller { scopes: &scopes, ..*caller };
        !of(policy, Effect::Deny).any(|rule| applies(rule, &caller, action, question))
    };
    lacking.filter(helps).min_by_key(|lacking| lacking.iter().count())
}

#[cfg(test)]
mod tests;
