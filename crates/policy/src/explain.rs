//! Why something is allowed or denied, for people.

use core::fmt;

use gatehouse_configuration::{Effect, Route, Rule};
use gatehouse_protocol::{Scope, Scopes};
use serde_json::{Value, json};

use crate::rule::{Mismatch, Question, mismatches};
use crate::{Action, Caller, Decision, Unclear, decide, unclear};

/// What is decided at a route of a caller and an action, and why. Written ([`fmt::Display`]) in lines of plain text.
#[derive(Clone, Debug)]
pub struct Explanation<'p> {
    route: &'p Route,
    caller: Caller<'p>,
    action: Action<'p>,
    /// Scopes of the route that the token lacks: without them it can do nothing at all there.
    lacking: Scopes,
    unclear: Option<Unclear>,
    decision: Decision<'p>,
    rules: Vec<(Rule<'p>, Vec<Mismatch<'p>>)>,
}

/// Explains what [`decide`] says, with the route's own scopes before it.
pub fn explain<'p>(route: &'p Route, caller: &Caller<'p>, action: &Action<'p>) -> Explanation<'p> {
    let policy = &route.policy;
    // Of somebody whom nobody knows, no scope can be demanded.
    let demanded = route.scopes.iter().filter(|_| !caller.subject.is_nobody());
    let lacking = demanded.filter(|scope| !caller.scopes.iter().any(|own| own == *scope));
    let rules = policy.rules().map(|rule| (rule, mismatches(rule, caller, action, Question::ToDo).collect()));
    Explanation {
        route,
        caller: *caller,
        action: action.clone(),
        lacking: lacking.cloned().collect(),
        unclear: if policy.is_empty() { None } else { unclear::check(policy, action).err() },
        decision: decide(policy, caller, action),
        rules: rules.collect(),
    }
}

impl Explanation<'_> {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.lacking.is_empty() && self.decision.is_allowed()
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let Action { method, target } = &self.action;
        let claims = self.caller.claims;
        let rule = |(rule, mismatches): &(Rule<'_>, Vec<Mismatch<'_>>)| {
            json!({
                "name": rule.name(),
                "effect": effect(*rule),
                "applies": mismatches.is_empty(),
                "because": mismatches.iter().map(Mismatch::to_string).collect::<Vec<_>>(),
            })
        };
        json!({
            "route": self.route.path.as_str(),
            "subject": self.caller.subject.as_str(),
            "client": self.caller.client_id.as_str(),
            "scopes": names(self.caller.scopes),
            "tenant": claims.tenant,
            "groups": claims.groups,
            "roles": claims.roles,
            "method": method,
            "target": target.as_ref().map(ToString::to_string),
            "decision": if self.is_allowed() { "allowed" } else { "denied" },
            "rule": self.decision.rule().filter(|_| self.lacking.is_empty()).map(Rule::name),
            "because": self.reason(),
            "step_up": self.step_up().as_ref().map(names),
            "rules": self.rules.iter().map(rule).collect::<Vec<_>>(),
        })
    }

    /// What decided, as the rest of a sentence.
    fn reason(&self) -> String {
        let path = &self.route.path;
        if !self.lacking.is_empty() {
            return format!("the token lacks the scope {}, without which nothing is allowed at {path}", self.lacking);
        }
        if let Some(unclear) = self.unclear {
            return format!("{unclear}, so that the server might do something else than the rules say");
        }
        match &self.decision {
            Decision::Allowed { rule: Some(rule) } => format!("by the rule {}", rule.name()),
            Decision::Allowed { rule: None } if self.rules.is_empty() => format!("there are no rules at {path}"),
            Decision::Allowed { rule: None } => "the protocol needs it, and no rule denies it".to_owned(),
            Decision::Denied { rule: Some(rule), .. } => format!("by the rule {}", rule.name()),
            Decision::Denied { rule: None, .. } => "no rule allows it".to_owned(),
        }
    }

    /// The scopes with which it would be allowed, all that are lacking.
    fn step_up(&self) -> Option<Scopes> {
        match &self.decision {
            Decision::Allowed { .. } => Some(self.lacking.clone()).filter(|lacking| !lacking.is_empty()),
            Decision::Denied { step_up, .. } => {
                let more = step_up.as_ref()?;
                Some(self.lacking.iter().chain(more.iter()).cloned().collect())
            }
        }
    }
}

fn names(scopes: &Scopes) -> Vec<&str> {
    scopes.iter().map(Scope::as_str).collect()
}

fn effect(rule: Rule<'_>) -> &'static str {
    match rule.effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims = self.caller.claims;
        let list = |texts: &[String]| if texts.is_empty() { "none".to_owned() } else { texts.join(" ") };
        writeln!(f, "Who: {} through the client {}", self.caller.subject, self.caller.client_id)?;
        writeln!(
            f,
            "  scopes {}",
            if self.caller.scopes.is_empty() { "none".to_owned() } else { self.caller.scopes.to_string() }
        )?;
        let tenant = claims.tenant.as_deref().unwrap_or("none");
        writeln!(f, "  tenant {tenant}; groups {}; roles {}", list(&claims.groups), list(&claims.roles))?;
        write!(f, "What: {}", self.action.method)?;
        if let Some(target) = &self.action.target {
            write!(f, ", {target}")?;
        }
        writeln!(f, ", at {}", self.route.path)?;
        let word = if self.is_allowed() { "Allowed" } else { "Denied" };
        writeln!(f, "{word}: {}", self.reason())?;
        if let Some(scopes) = self.step_up() {
            writeln!(f, "  It would be allowed with the scope {scopes}: the client is told to ask for it")?;
        }
        for (rule, mismatches) in &self.rules {
            let reasons = mismatches.iter().map(Mismatch::to_string).collect::<Vec<_>>();
            let applies =
                if mismatches.is_empty() { "applies".to_owned() } else { format!("does not: {}", reasons.join("; ")) };
            writeln!(f, "Rule {} ({}) {applies}", rule.name(), effect(*rule))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
