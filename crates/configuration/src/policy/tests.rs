use proptest::prelude::*;

use super::*;

const KINDS: [ListKind; 11] = [
    ListKind::Methods,
    ListKind::Tools,
    ListKind::Resources,
    ListKind::Prompts,
    ListKind::Scopes,
    ListKind::Providers,
    ListKind::Groups,
    ListKind::Roles,
    ListKind::Tenants,
    ListKind::Clients,
    ListKind::Subjects,
];

/// A rule as it is put in and read out: its name, its effect, its lists.
type Plain = (String, Effect, Vec<(ListKind, Vec<String>)>);

fn any_rule() -> impl Strategy<Value = Plain> {
    let effect = prop_oneof![Just(Effect::Allow), Just(Effect::Deny)];
    let list = proptest::collection::vec("[0-9:n+-]{0,3}|\\PC{0,12}|\n\t", 0..3);
    ("[!-~]{1,8}", effect, proptest::collection::vec(list, KINDS.len()))
        .prop_map(|(name, effect, lists)| (name, effect, KINDS.into_iter().zip(lists).collect()))
}

fn read(policy: &Policy) -> Vec<Plain> {
    let list = |list: List<'_>| (list.kind, list.values().map(str::to_owned).collect());
    policy.rules().map(|rule| (rule.name().to_owned(), rule.effect, rule.lists().map(list).collect())).collect()
}

#[test]
fn rules_are_written_as_it_is_said() {
    let mut policy = Policy::default();
    let lists = [(ListKind::Tools, vec!["read_12_*".to_owned()]), (ListKind::Groups, vec!["engineers".to_owned()])];
    policy.push("rule-12", Effect::Allow, &lists);
    assert_eq!(policy.written_before("{}"), "46:43:+r t11:9:read_12_*g11:9:engineersn7:rule-12{}");
}

#[test]
fn a_rule_is_whole_up_to_its_end_and_no_other_is() {
    let is_whole = |rule: &str| Rules(&format!("{}:{rule}", rule.len())).next().unwrap().is_whole();
    assert!(is_whole("+* n1:a") && is_whole("+r t4:2:r*n1:a"));
    for rule in ["+* x", "+* ", "+* n1:ab", "+* n2:a", "+r t4:1:r*n1:a", "+r t4:3:r*n1:a", "+r t3:2:r*n1:a", "x"] {
        assert!(!is_whole(rule), "{rule}");
    }
}

#[test]
fn what_is_no_rule_denies_everything() {
    let everything = (String::new(), Effect::Deny, Vec::new());
    for text in ["x", "5:+ ", "2:* ", "1:+", "0:", ":+ ", ":", "99999999999999999999999:+ ", "\u{e4}:+ ", "1:\u{e4}"] {
        assert_eq!(read(&Policy(text.to_owned())), std::slice::from_ref(&everything), "{text}");
        let behind_another = read(&Policy(format!("7:+* n1:a{text}")));
        assert_eq!(behind_another, [("a".to_owned(), Effect::Allow, Vec::new()), everything.clone()], "{text}");
    }
}

#[test]
fn a_rule_is_passed_over_by_what_its_patterns_begin_with_where_none_can_fit() {
    let rule = |effect, kind, patterns: &[&str]| {
        let mut policy = Policy::default();
        policy.push("a", effect, &[(kind, patterns.iter().map(|text| (*text).to_owned()).collect())]);
        policy
    };
    let tools = |patterns: &[&str]| rule(Effect::Allow, ListKind::Tools, patterns);
    for (policy, name, expected) in [
        (tools(&["read_*", "Search"]), "rest", true),
        (tools(&["read_*", "Search"]), "search", true),
        (tools(&["read_*", "Search"]), "write", false),
        (tools(&["read_*", "?rite"]), "write", true),
        (tools(&["read_*", "*rite"]), "write", true),
        (tools(&["read_*", "ärger"]), "write", true),
        (tools(&["read_*"]), "ärger", true),
        (tools(&["read_*"]), "", false),
        (tools(&[]), "write", true),
        (rule(Effect::Deny, ListKind::Tools, &["kill"]), "\u{212a}ill", true),
        (rule(Effect::Allow, ListKind::Methods, &["tools/*"]), "write", true),
        (rule(Effect::Allow, ListKind::Groups, &["staff"]), "write", true),
    ] {
        let rule = policy.rules().next().unwrap();
        assert_eq!(rule.may_be_about(&Beginnings::of("tools/call", Some(name))), expected, "{policy:?} {name}");
        assert!(rule.may_be_about(&Beginnings::ANY));
    }
}

proptest! {
    #[test]
    fn no_rule_is_passed_over_that_has_a_fitting_pattern(pattern in "[aAkK*?\u{212a}\u{e4}]{1,4}", name in "[aAkK\u{212a}\u{e4}]{0,4}") {
        let mut policy = Policy::default();
        policy.push("a", Effect::Deny, &[(ListKind::Tools, vec![pattern.clone()])]);
        let rule = policy.rules().next().unwrap();
        let is_passed_over = !rule.may_be_about(&Beginnings::of("tools/call", Some(&name)));
        prop_assert!(!is_passed_over || !Pattern::of(&pattern).matches_in_any_case(&name));
    }

    #[test]
    fn rules_are_read_as_they_are_written(rules in proptest::collection::vec(any_rule(), 0..5), rest in "\\PC{0,4}") {
        let mut policy = Policy::default();
        for (name, effect, lists) in &rules {
            policy.push(name, *effect, lists);
        }
        let (again, behind) = Policy::read(&policy.written_before(&rest)).map(|(again, rest)| (again, rest.to_owned())).unwrap();
        prop_assert_eq!(behind, rest);
        let given: Vec<Plain> = rules
            .into_iter()
            .map(|(name, effect, lists)| {
                (name, effect, lists.into_iter().filter(|(_, values)| !values.is_empty()).collect())
            })
            .collect();
        prop_assert_eq!(read(&again), given);
        prop_assert_eq!(again, policy);
    }

    #[test]
    fn no_text_makes_reading_fail(text in "[0-9:+mtgn-]{0,30}|\\PC{0,20}") {
        let policy = Policy(text);
        read(&policy);
        for rule in policy.rules() {
            KINDS.into_iter().for_each(|kind| { rule.list(kind).joined(); });
        }
    }
}
