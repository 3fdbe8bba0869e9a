use proptest::prelude::*;

use super::*;
use crate::example::{Somebody, any_action, any_rules, anybody, route};

const RULES: &str = "{name='engineers', groups=['engineering'], tools=['read_*', 'list_*'], prompts=['*']},
    {name='writers', groups=['engineering'], scopes=['files:write'], tools=['write_*']},
    {name='no-guests', effect='deny', tenants=['guests'], clients=['cursor', 'inspector']}";

fn alice() -> Somebody {
    Somebody::new("main:alice", "mcp").in_group("engineering")
}

fn text(rules: &str, somebody: &Somebody, action: &Action<'_>) -> String {
    explain(&route(rules), &somebody.caller(), action).to_string()
}

#[test]
fn what_is_allowed_is_told_with_the_rule_that_allows_it() {
    assert_eq!(
        text(RULES, &alice(), &Action::call("read_file")),
        "\
Who: main:alice through the client inspector
  scopes mcp
  tenant none; groups engineering; roles none
What: tools/call, tool read_file, at /mcp
Allowed: by the rule engineers
Rule engineers (allow) applies
Rule writers (allow) does not: it is about tools write_*; the token lacks the scope files:write
Rule no-guests (deny) does not: the user is of no tenant of guests
"
    );
}

#[test]
fn what_a_scope_would_help_is_told_with_the_scope() {
    assert_eq!(
        text(RULES, &alice(), &Action::call("write_file")),
        "\
Who: main:alice through the client inspector
  scopes mcp
  tenant none; groups engineering; roles none
What: tools/call, tool write_file, at /mcp
Denied: no rule allows it
  It would be allowed with the scope files:write: the client is told to ask for it
Rule engineers (allow) does not: it is about tools read_*, list_*; prompts *
Rule writers (allow) does not: the token lacks the scope files:write
Rule no-guests (deny) does not: the user is of no tenant of guests
"
    );
}

#[test]
fn every_reason_has_words_of_its_own() {
    let guest = alice().of_tenant("guests");
    let reason = |rules: &str, somebody: &Somebody, action: &Action<'_>| {
        let text = text(rules, somebody, action);
        text.lines().find(|line| line.starts_with("Allowed") || line.starts_with("Denied")).unwrap().to_owned()
    };
    let normal = "so that the server might do something else than the rules say";
    for (rules, somebody, action, expected) in [
        ("", &guest, Action::call("a"), "Allowed: there are no rules at /mcp".to_owned()),
        (RULES, &alice(), Action::of("ping"), "Allowed: the protocol needs it, and no rule denies it".to_owned()),
        (RULES, &guest, Action::of("ping"), "Denied: by the rule no-guests".to_owned()),
        (RULES, &alice(), Action::of("tasks/get"), "Denied: no rule allows it".to_owned()),
        (
            RULES,
            &Somebody::new("main:alice", "files:write").in_group("engineering"),
            Action::call("read_file"),
            "Denied: the token lacks the scope mcp, without which nothing is allowed at /mcp".to_owned(),
        ),
        (
            RULES,
            &alice(),
            Action::of("Tools/Call"),
            format!(
                "Denied: its method is another spelling of a known one, or has characters that no method has, {normal}"
            ),
        ),
        (
            "{name='a', resources=['*']}",
            &alice(),
            Action::read("file:///a/../b"),
            format!(
                "Denied: its URI has a second spelling: `.` or `..`, an escape that is not needed, white space, a scheme with \
                 capitals, or characters that Unicode has others for, {normal}"
            ),
        ),
        (
            RULES,
            &alice(),
            Action::call("read_file\0"),
            format!(
                "Denied: its name is none of MCP's (1 to 128 of A-Z, a-z, 0-9, `_`, `-`, `.`), and no rule that allows tools \
                 has exactly this name, {normal}"
            ),
        ),
        (
            RULES,
            &alice(),
            Action::get("greet "),
            format!(
                "Denied: its name has white space around it or several in a row, or is not visible ASCII, and no rule that \
                 allows prompts has exactly this name, {normal}"
            ),
        ),
        (
            RULES,
            &alice(),
            Action::call(&"a".repeat(4097)),
            format!("Denied: its name is longer than 4096 bytes, {normal}"),
        ),
    ] {
        assert_eq!(reason(rules, somebody, &action), expected);
    }
    let all = "{name='a', providers=['client'], groups=['g','h'], roles=['r'], tenants=['t'], clients=['c'], subjects=['main:s'], methods=['m/*']}";
    let text = text(all, &alice(), &Action::read("file:///a"));
    let expected = "Rule a (allow) does not: it is about methods m/*; it is for users of client; the user is in no group of g, h; the user has no role of \
                    r; the user is of no tenant of t; it is for the client c; it is for the subject main:s";
    assert_eq!(text.lines().last(), Some(expected));
}

#[test]
fn a_token_that_lacks_the_routes_own_scope_is_told_all_that_it_lacks() {
    let route = route(RULES);
    let somebody = Somebody::new("main:alice", "").in_group("engineering");
    let (caller, write, read) = (somebody.caller(), Action::call("write_a"), Action::call("read_a"));
    for (action, scopes) in [(&write, "mcp files:write"), (&read, "mcp")] {
        let explanation = explain(&route, &caller, action);
        assert!(!explanation.is_allowed());
        let expected = format!("It would be allowed with the scope {scopes}: ");
        assert!(explanation.to_string().contains(&expected), "{explanation}");
    }
    let other = Action::call("other");
    assert!(!explain(&route, &caller, &other).to_string().contains("would be allowed"));
}

#[test]
fn programs_are_told_the_same() {
    let (route, alice) = (route(RULES), alice().with_role("Mcp.User"));
    let action = Action::call("write_file");
    assert_eq!(
        explain(&route, &alice.caller(), &action).to_json(),
        json!({
            "route": "/mcp",
            "subject": "main:alice",
            "client": "inspector",
            "scopes": ["mcp"],
            "tenant": null,
            "groups": ["engineering"],
            "roles": ["Mcp.User"],
            "method": "tools/call",
            "target": "tool write_file",
            "decision": "denied",
            "rule": null,
            "because": "no rule allows it",
            "step_up": ["files:write"],
            "rules": [
                {
                    "name": "engineers",
                    "effect": "allow",
                    "applies": false,
                    "because": ["it is about tools read_*, list_*; prompts *"],
                },
                {
                    "name": "writers",
                    "effect": "allow",
                    "applies": false,
                    "because": ["the token lacks the scope files:write"],
                },
                {
                    "name": "no-guests",
                    "effect": "deny",
                    "applies": false,
                    "because": ["the user is of no tenant of guests"],
                },
            ],
        })
    );
    let action = Action::get("greet");
    let allowed = explain(&route, &alice.caller(), &action).to_json();
    assert_eq!(
        (&allowed["decision"], &allowed["rule"], &allowed["step_up"]),
        (&json!("allowed"), &json!("engineers"), &json!(null))
    );
}

proptest! {
    #[test]
    fn an_explanation_says_what_is_decided(rules in any_rules(), somebody in anybody(), action in any_action()) {
        let route = route(&rules);
        let caller = somebody.caller();
        let decision = decide(&route.policy, &caller, &action);
        let has_scope = somebody.scopes.iter().any(|scope| scope.as_str() == "mcp");
        let explanation = explain(&route, &caller, &action);
        prop_assert_eq!(explanation.is_allowed(), decision.is_allowed() && has_scope);
        let json = explanation.to_json();
        prop_assert_eq!(json["decision"] == "allowed", explanation.is_allowed());
        if let (Some(rule), true) = (decision.rule(), has_scope) {
            prop_assert_eq!(&json["rule"], &rule.name());
            let told = json["rules"].as_array().unwrap().iter().find(|told| told["name"] == rule.name()).unwrap();
            prop_assert_eq!(&told["applies"], true);
        }
        for told in json["rules"].as_array().unwrap() {
            prop_assert_eq!(told["applies"] == true, told["because"].as_array().unwrap().is_empty());
        }
        prop_assert_eq!(explanation.to_string().lines().filter(|line| line.starts_with("Rule ")).count(), route.policy.rules().count());
    }
}
