//! Denials that are all that stands between a caller and a name.

use core::fmt;

use gatehouse_configuration::{Effect, ListKind, Policy, Rule};

use crate::rule::is_about_everything;

/// A rule that denies some of what another one allows all of. Whatever the server takes for a denied name without its being
/// written so, and whatever it gets tomorrow, is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fragile<'p> {
    /// The rule that denies.
    pub denial: Rule<'p>,
    /// The rule that allows everything of the kind.
    pub allowance: Rule<'p>,
    /// Tools, resources, prompts or methods.
    pub kind: ListKind,
}

/// The kinds of names, each with the method that means all of it.
const KINDS: [(ListKind, Option<&str>); 4] = [
    (ListKind::Tools, Some("tools/call")),
    (ListKind::Resources, Some("resources/read")),
    (ListKind::Prompts, Some("prompts/get")),
    (ListKind::Methods, None),
];

/// The rules that deny by a list of names, each with the first one that allows every name of the kind, whoever they are for.
pub fn fragile(policy: &Policy) -> Vec<Fragile<'_>> {
    let of = |effect| policy.rules().filter(move |rule| rule.effect == effect);
    let fragile = |(kind, method): (ListKind, Option<&str>)| {
        let allows_all = |rule: &Rule<'_>| {
            let means_it = |method| rule.list(ListKind::Methods).patterns().any(|pattern| pattern.matches(method));
            is_about_everything(*rule)
                || method.is_some_and(means_it)
                || rule.list(kind).patterns().any(|pattern| pattern.is_every_name())
        };
        let allowance = of(Effect::Allow).find(allows_all);
        let denials = of(Effect::Deny).filter(move |rule| !rule.list(kind).is_empty());
        denials.filter_map(move |denial| Some(Fragile { denial, allowance: allowance?, kind }))
    };
    KINDS.into_iter().flat_map(fragile).collect()
}

impl fmt::Display for Fragile<'_> {
    /// A sentence for the operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { denial, allowance, kind } = self;
        let kind = kind.as_str();
        write!(
            f,
            "the rule {} denies some {kind}, and {} allows all others: what the server gets later, or takes for a denied name in \
             another spelling, is allowed. Name the {kind} that are allowed instead",
            denial.name(),
            allowance.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::route;

    #[test]
    fn a_denial_beside_a_rule_that_allows_everything_of_its_kind_is_fragile() {
        for (rules, expected) in [
            ("", vec![]),
            ("{name='a', tools=['*']}", vec![]),
            ("{name='a', tools=['*']}, {name='b', effect='deny', tools=['write_secret']}", vec!["b a tools"]),
            ("{name='a'}, {name='b', effect='deny', tools=['x'], resources=['y']}", vec!["b a tools", "b a resources"]),
            ("{name='a', methods=['tools/*']}, {name='b', effect='deny', tools=['x']}", vec!["b a tools"]),
            ("{name='a', methods=['*']}, {name='b', effect='deny', methods=['tasks/*']}", vec!["b a methods"]),
            ("{name='a', tools=['read_*']}, {name='b', effect='deny', tools=['read_secret']}", vec![]),
            ("{name='a', prompts=['*']}, {name='b', effect='deny', tools=['x']}", vec![]),
            // Whom it denies everything is no question of names.
            ("{name='a'}, {name='b', effect='deny', groups=['guests']}", vec![]),
        ] {
            let route = route(rules);
            let found = fragile(&route.policy);
            let found: Vec<_> = found
                .iter()
                .map(|one| format!("{} {} {}", one.denial.name(), one.allowance.name(), one.kind.as_str()))
                .collect();
            assert_eq!(found, expected, "{rules}");
        }
    }
}
