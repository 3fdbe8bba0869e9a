use proptest::prelude::*;

use crate::tests::{MINIMAL, problem_of};
use crate::{Configuration, ConfigurationError, Effect, ListKind, Policy, Rule};

fn with(rules: &str) -> String {
    format!("{MINIMAL}\n{rules}")
}

fn policy(text: &str) -> Policy {
    Configuration::parse(&with(text)).unwrap().routes.remove(0).policy
}

fn rule(keys: &str) -> Policy {
    policy(&format!("[[routes.policy]]\nname = \"a\"\n{keys}"))
}

fn refused(keys: &str) -> (String, String) {
    let (key, said) = problem_of(&with(&format!("[[routes.policy]]\nname = \"first\"\n[[routes.policy]]\n{keys}")));
    (key.strip_prefix("routes[0].policy[1].").unwrap_or(&key).to_owned(), said)
}

#[test]
fn a_rule_allows_everything_to_everybody_unless_it_says_otherwise() {
    let one = rule("");
    let rules: Vec<_> = one.rules().map(|rule| (rule.name(), rule.effect, rule.lists().count())).collect();
    assert_eq!(rules, [("a", Effect::Allow, 0)]);
    assert!(policy("").is_empty());
}

#[test]
fn a_rule_keeps_what_it_is_given() {
    let policy = rule(
        r#"
        effect = "deny"
        scopes = ["mcp", "files:write", "mcp"]
        providers = ["entra", "client"]
        groups = ["engineering", "3C1F9B1E-7A52-4C0B-8F0E-5D7A1B2C3D4E"]
        roles = ["Mcp.User", "a\tb\n3:c"]
        tenants = ["8D1B0F3A-6C2E-4F57-9A41-0C7D5E2B9F10", "Example"]
        clients = ["nightly-report", "https://client.example/metadata.json"]
        subjects = ["entra:urn:alice", "client:nightly-report"]
        methods = ["logging/*"]
        tools = ["delete_***", "3:a"]
        resources = ["file:///secret/*"]
        prompts = ["?ä"]
        "#,
    );
    let [rule] = policy.rules().collect::<Vec<_>>()[..] else { panic!("{policy:?}") };
    assert_eq!((rule.name(), rule.effect), ("a", Effect::Deny));
    let lists: Vec<(_, Vec<_>)> = rule.lists().map(|list| (list.kind.as_str(), list.values().collect())).collect();
    let expected = [
        ("methods", vec!["logging/*"]),
        ("tools", vec!["delete_*", "3:a"]),
        ("resources", vec!["file:///secret/*"]),
        ("prompts", vec!["?ä"]),
        ("scopes", vec!["mcp", "files:write"]),
        ("providers", vec!["entra", "client"]),
        ("groups", vec!["engineering", "3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e"]),
        ("roles", vec!["Mcp.User", "a\tb\n3:c"]),
        ("tenants", vec!["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10", "Example"]),
        ("clients", vec!["nightly-report", "https://client.example/metadata.json"]),
        ("subjects", vec!["entra:urn:alice", "client:nightly-report"]),
    ];
    assert_eq!(lists, expected);
    let means = |kind, name| rule.list(kind).patterns().any(|pattern| pattern.matches(name));
    assert!(means(ListKind::Tools, "delete_all") && !means(ListKind::Tools, "Delete_all"));
    assert!(means(ListKind::Resources, "file:///secret/a/b") && !means(ListKind::Resources, "file:///secret"));
}

#[test]
fn what_could_match_nothing_is_refused_by_its_key() {
    const NAME: &str = "must be 1 to 64 visible ASCII characters without spaces";
    const PATTERN: &str = "must be a pattern of 1 to 256 characters";
    const SUBJECT: &str = "is not a subject: a provider's name (or `client`), a colon and who it is there";
    let long = |key: &str, length: usize| format!("name = \"b\"\n{key} = [\"a\", \"{}\"]", "x".repeat(length));
    for (keys, key, said) in [
        ("name = \"\"".to_owned(), "name", NAME),
        ("name = \"a b\"".to_owned(), "name", NAME),
        ("name = \"a\\nb\"".to_owned(), "name", NAME),
        ("name = \"ä\"".to_owned(), "name", NAME),
        (format!("name = \"{}\"", "x".repeat(65)), "name", NAME),
        ("name = \"first\"".to_owned(), "name", "is \"first\" for a second time"),
        ("name = \"b\"\neffect = \"Deny\"".to_owned(), "effect", "must be allow or deny"),
        (
            "name = \"b\"\nscopes = [\"a b\"]".to_owned(),
            "scopes",
            "holds a value that is no scope: a scope is 1 to 256 characters of visible ASCII without space, quote or backslash",
        ),
        ("name = \"b\"\ngroups = [\"a\", \"\"]".to_owned(), "groups[1]", "must be 1 to 256 bytes"),
        ("name = \"b\"\nroles = [\"\"]".to_owned(), "roles[0]", "must be 1 to 256 bytes"),
        ("name = \"b\"\ntenants = [\"\"]".to_owned(), "tenants[0]", "must be 1 to 256 bytes"),
        (long("groups", 257), "groups[1]", "must be 1 to 256 bytes"),
        (long("roles", 257), "roles[1]", "must be 1 to 256 bytes"),
        (long("tenants", 257), "tenants[1]", "must be 1 to 256 bytes"),
        ("name = \"b\"\nclients = [\"\"]".to_owned(), "clients[0]", "is not a client_id"),
        (long("clients", 2049), "clients[1]", "is not a client_id"),
        ("name = \"b\"\nsubjects = [\"alice\"]".to_owned(), "subjects[0]", SUBJECT),
        ("name = \"b\"\nsubjects = [\"entra:\"]".to_owned(), "subjects[0]", SUBJECT),
        (
            "name = \"b\"\nsubjects = [\"client:a\", \"other:alice\"]".to_owned(),
            "subjects[1]",
            "must begin with the name of an identity provider, or with `client` or `key`",
        ),
        (
            "name = \"b\"\nproviders = [\"entra\", \"other\"]".to_owned(),
            "providers[1]",
            "must be the name of an identity provider, or `client` or `key`",
        ),
        ("name = \"b\"\nmethods = [\"\"]".to_owned(), "methods[0]", PATTERN),
        ("name = \"b\"\ntools = [\"a\\u0000\"]".to_owned(), "tools[0]", PATTERN),
        (long("tools", 257), "tools[1]", PATTERN),
        (long("resources", 257), "resources[1]", PATTERN),
        (long("prompts", 257), "prompts[1]", PATTERN),
    ] {
        assert_eq!(refused(&keys), (key.to_owned(), said.to_owned()), "{keys}");
    }
}

#[test]
fn a_rule_says_of_which_provider_its_groups_and_roles_are_where_there_are_several() {
    let second =
        "[[identity_providers]]\nname = \"partners\"\nissuer = \"https://b.example\"\nclient_id = \"b\"\n\n[[routes]]";
    let first = MINIMAL.replacen("[identity_provider]", "[[identity_providers]]", 1);
    let two =
        |keys: &str| format!("{}\n[[routes.policy]]\nname = \"a\"\n{keys}", first.replacen("[[routes]]", second, 1));
    const MISSING: &str =
        "is missing: with several identity providers, a rule must say whose groups and roles it means";
    for keys in ["groups = [\"a\"]", "roles = [\"a\"]", "effect = \"deny\"\ngroups = [\"a\"]"] {
        assert_eq!(problem_of(&two(keys)), ("routes[0].policy[0].providers".to_owned(), MISSING.to_owned()), "{keys}");
        assert!(Configuration::parse(&two(&format!("{keys}\nproviders = [\"partners\"]"))).is_ok(), "{keys}");
        assert!(
            Configuration::parse(&with(&format!("[[routes.policy]]\nname = \"a\"\n{keys}"))).is_ok(),
            "one is enough"
        );
    }
    for keys in
        ["tenants = [\"a\"]", "subjects = [\"partners:x\"]", "scopes = [\"a\"]", "providers = [\"entra\", \"client\"]"]
    {
        assert!(Configuration::parse(&two(keys)).is_ok(), "{keys}");
    }
}

#[test]
fn the_longest_names_are_taken() {
    rule(&format!("groups = [\"{0}\"]\ntools = [\"{0}\"]\nclients = [\"{1}\"]", "x".repeat(256), "y".repeat(2048)));
    policy(&format!("[[routes.policy]]\nname = \"{}\"", "x".repeat(64)));
}

#[test]
fn a_list_that_would_restrict_nothing_is_refused() {
    for (keys, method, list) in [
        ("methods = [\"tools/call\"]\ntools = [\"read_*\"]", "tools/call", "tools"),
        ("methods = [\"*\"]\ntools = [\"read_*\"]", "tools/call", "tools"),
        ("methods = [\"prompts/*\"]\nprompts = [\"a\"]", "prompts/get", "prompts"),
        ("methods = [\"completion/complete\"]\nprompts = [\"a\"]", "completion/complete", "prompts"),
        ("effect = \"deny\"\nmethods = [\"resources/s*\"]\nresources = [\"a\"]", "resources/subscribe", "resources"),
        ("methods = [\"subscriptions/listen\"]\nresources = [\"a\"]", "subscriptions/listen", "resources"),
    ] {
        let said = format!("has {method}, which already means all {list}: the list `{list}` would restrict nothing");
        assert_eq!(refused(&format!("name = \"b\"\n{keys}")), ("methods".to_owned(), said), "{keys}");
    }
    rule("methods = [\"tools/call\"]\nprompts = [\"a\"]\nresources = [\"b\"]");
    rule("methods = [\"resources/unsubscribe\"]\nresources = [\"b\"]\ntools = [\"c\"]");
}

#[test]
fn a_route_has_at_most_256_rules() {
    let many = |number: usize| {
        (0..number).map(|index| format!("[[routes.policy]]\nname = \"r{index}\"\n")).collect::<String>()
    };
    assert_eq!(policy(&many(256)).rules().count(), 256);
    let refused = problem_of(&with(&many(257)));
    assert_eq!(refused, ("routes[0].policy".to_owned(), "has more than 256 tables".to_owned()));
}

#[test]
fn a_misspelled_key_is_not_a_rule_for_everything() {
    for keys in ["tool = [\"a\"]", "group = [\"a\"]", "tools = \"a\"", "scopes = \"a b\""] {
        let refused = problem_of(&with(&format!("[[routes.policy]]\nname = \"a\"\n{keys}"))).0;
        assert_eq!(refused, format!("routes[0].policy[0].{}", keys.split(' ').next().unwrap()));
    }
    let refused = problem_of(&with("[[routes.policy]]\neffect = \"deny\""));
    assert_eq!(refused.0, "routes[0].policy[0].name");
}

proptest! {
    #[test]
    fn any_rule_is_kept_or_refused_with_its_key(
        name in "[a-z]{0,2}\\PC{0,3}",
        effect in "allow|deny|\\PC{0,3}",
        lists in proptest::collection::btree_map(
            "scopes|providers|groups|roles|tenants|clients|subjects|methods|tools|resources|prompts",
            proptest::collection::vec("[a-z*?/:]{0,6}|entra:[a-z]{1,3}|\\PC{0,4}", 0..3),
            0..4,
        ),
    ) {
        let text = |value: &str| serde_json::Value::String(value.to_owned()).to_string();
        let list = |values: &Vec<String>| values.iter().map(|value| text(value)).collect::<Vec<_>>().join(",");
        let lists: String = lists.iter().map(|(key, values)| format!("{key} = [{}]\n", list(values))).collect();
        let rule = format!("[[routes.policy]]\nname = {}\neffect = {}\n{lists}", text(&name), text(&effect));
        match Configuration::parse(&with(&rule)) {
            Ok(configuration) => {
                let names: Vec<_> = configuration.routes[0].policy.rules().map(Rule::name).collect();
                prop_assert_eq!(names, [name.as_str()]);
            },
            Err(ConfigurationError::Key { key, .. }) => prop_assert!(key.starts_with("routes[0].policy[0]."), "{}", key),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
