use gatehouse_protocol::Scope;
use proptest::prelude::*;
use serde::Deserialize;
use wildmatch::WildMatch;

use super::*;
use crate::Target;
use crate::example::{Somebody, any_action, any_rules, anybody, configuration, route, route_with_rule_text};

fn callers() -> [(&'static str, Somebody); 6] {
    [
        ("anybody", Somebody::new("main:carol", "mcp")),
        ("with x", Somebody::new("main:carol", "mcp x")),
        ("in g", Somebody::new("main:alice", "mcp").in_group("other").in_group("g")),
        ("role r", Somebody::new("main:bob", "mcp").with_role("r")),
        ("tenant t", Somebody::new("partners:dora", "mcp").of_tenant("t")),
        ("robot", Somebody::new("client:robot", "mcp").through("robot")),
    ]
}

fn actions() -> [Action<'static>; 14] {
    let on = |method, target| Action { target: Some(target), ..Action::of(method) };
    [
        Action::of("initialize"),
        Action::of("notifications/initialized"),
        Action::of("tools/list"),
        Action::call("read_file"),
        Action::call("write_file"),
        Action::get("greet"),
        Action::read("file:///public/a"),
        Action::read("file:///public/../a"),
        on("resources/subscribe", Target::Resource("file:///public/a".into())),
        on("completion/complete", Target::ResourceTemplate("file:///public/{name}".into())),
        on("completion/complete", Target::ResourceTemplate("file:///{path}".into())),
        Action::of("subscriptions/listen"),
        on("subscriptions/listen", Target::Resource("file:///secret".into())),
        Action::of("tasks/get"),
    ]
}

/// For each action a letter: allowed (a), denied (-), denied but for the scope x (s).
fn row(rules: &str, somebody: &Somebody) -> String {
    let route = route(rules);
    let letter = |action| match decide(&route.policy, &somebody.caller(), &action) {
        Decision::Allowed { .. } => 'a',
        Decision::Denied { step_up: None, .. } => '-',
        Decision::Denied { step_up: Some(scopes), .. } => {
            assert_eq!(scopes.to_string(), "x");
            's'
        }
    };
    actions().map(letter).iter().collect()
}

#[test]
fn a_rule_that_cannot_be_read_to_its_end_allows_nothing_and_denies_everything() {
    let allowed = |rule: &str| {
        let route = route_with_rule_text(rule);
        let caller = Somebody::new("main:alice", "mcp").in_group("g");
        matches!(decide(&route.policy, &caller.caller(), &Action::call("read_file")), Decision::Allowed { .. })
    };
    assert!(allowed("+* g3:1:gn1:a") && !allowed("-* g3:1:gn1:a"));
    // A letter that is none, a length too small and too large, of the list, of its value and of the name; nothing; and a rest.
    for damaged in [
        "x3:1:gn1:a",
        "g2:1:gn1:a",
        "g4:1:gn1:a",
        "g3:0:gn1:a",
        "g3:2:gn1:a",
        "g3:1:gn2:a",
        "g3:1:g",
        "",
        "g3:1:gn1:ab",
    ] {
        for effect in ['+', '-'] {
            assert!(!allowed(&format!("{effect}* {damaged}")), "{effect} {damaged}");
        }
        // Where a rule is not about the group, a damaged one denies all the same.
        assert!(!allowed(&format!("-* {}", damaged.replace('g', "o"))), "{damaged}");
    }
}

#[test]
fn rules_say_who_may_do_what() {
    const EVERYTHING: &str = "aaaaaaaaaaaaaa";
    const NOTHING: &str = "--------------";
    const PROTOCOL: &str = "aaa--------a--";
    const WITH_X: &str = "aaassssssssass";
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    // What the rules say to everybody, and to whom they say something else.
    let table: &[Row<'_>] = &[
        ("", EVERYTHING, &[]),
        ("{name='a'}", EVERYTHING, &[]),
        ("{name='a', effect='deny'}", NOTHING, &[]),
        ("{name='a', tools=['read_*']}", "aaaa-------a--", &[]),
        ("{name='a', methods=['tools/call']}", "aaaaa------a--", &[]),
        ("{name='a', scopes=['x']}", WITH_X, &[("with x", EVERYTHING)]),
        ("{name='a', scopes=['x'], tools=['*']}", "aaass------a--", &[("with x", "aaaaa------a--")]),
        ("{name='a', groups=['g','h'], prompts=['gr??t']}", PROTOCOL, &[("in g", "aaa--a-----a--")]),
        ("{name='a', groups=['G']}", PROTOCOL, &[]),
        ("{name='a', roles=['r'], resources=['file:///public/*']}", PROTOCOL, &[("role r", "aaa---a-aa-a--")]),
        ("{name='a', tenants=['t'], methods=['resources/*']}", PROTOCOL, &[("tenant t", "aaa---aaa--a--")]),
        ("{name='a', providers=['client'], tools=['*']}", PROTOCOL, &[("robot", "aaaaa------a--")]),
        ("{name='a', providers=['main'], groups=['g'], methods=['tasks/*']}", PROTOCOL, &[("in g", "aaa--------a-a")]),
        ("{name='a', clients=['robot'], methods=['tasks/*']}", PROTOCOL, &[("robot", "aaa--------a-a")]),
        (
            "{name='a', subjects=['client:robot', 'main:alice'], resources=['*']}",
            PROTOCOL,
            &[("robot", "aaa---a-aaaaa-"), ("in g", "aaa---a-aaaaa-")],
        ),
        ("{name='a', groups=['g'], scopes=['x']}", PROTOCOL, &[("in g", WITH_X)]),
        ("{name='a', groups=['g'], roles=['r']}", PROTOCOL, &[]),
        (
            "{name='a', groups=['g']}, {name='b', roles=['r']}",
            PROTOCOL,
            &[("in g", EVERYTHING), ("role r", EVERYTHING)],
        ),
        ("{name='a'}, {name='b', effect='deny', tools=['write_*']}", "aaaa-aaaaaaaaa", &[]),
        ("{name='b', effect='deny', tools=['write_*']}, {name='a'}", "aaaa-aaaaaaaaa", &[]),
        ("{name='a'}, {name='b', effect='deny', groups=['g']}", EVERYTHING, &[("in g", NOTHING)]),
        (
            "{name='a'}, {name='b', effect='deny', methods=['tools/list', 'notifications/*', 'subscriptions/*']}",
            "a--aaaaaaaa--a",
            &[],
        ),
        ("{name='a'}, {name='b', effect='deny', resources=['file:///secret*']}", "aaaaaaa-aa-a-a", &[]),
        (
            "{name='a'}, {name='b', effect='deny', resources=['file:///public/*'], roles=['r']}",
            "aaaaaaa-aaaaaa",
            &[("role r", "aaaaaa-----aaa")],
        ),
        (
            "{name='a', scopes=['x'], tools=['*']}, {name='b', effect='deny', scopes=['x'], tools=['write_*']}",
            "aaas-------a--",
            &[("with x", "aaaa-------a--")],
        ),
    ];
    for (rules, everybody, others) in table {
        for (who, somebody) in callers() {
            let expected = others.iter().find(|(other, _)| *other == who).map_or(*everybody, |(_, row)| row);
            assert_eq!(row(rules, &somebody), expected, "{rules} for {who}");
        }
    }
}

#[test]
fn a_decision_names_the_first_rule_that_made_it() {
    let route = route(
        "{name='readers', tools=['read_*']}, {name='all', groups=['g']}, {name='no', effect='deny', tools=['*_secret']},
        {name='never', effect='deny', tools=['read_secret']}",
    );
    let alice = Somebody::new("main:alice", "mcp").in_group("g");
    let carol = Somebody::new("main:carol", "mcp");
    for (somebody, action, allowed, rule) in [
        (&alice, Action::call("read_a"), true, Some("readers")),
        (&alice, Action::call("write_a"), true, Some("all")),
        (&alice, Action::call("read_secret"), false, Some("no")),
        (&carol, Action::call("write_a"), false, None),
        (&carol, Action::of("ping"), true, None),
        (&alice, Action::of("ping"), true, Some("all")),
    ] {
        let decision = decide(&route.policy, &somebody.caller(), &action);
        let by = decision.rule().map(Rule::name);
        assert_eq!((decision.is_allowed(), by), (allowed, rule), "{action:?}");
    }
}

#[test]
fn a_step_up_asks_for_as_little_as_helps() {
    let asked =
        |rules: &str, somebody: &Somebody| match decide(&route(rules).policy, &somebody.caller(), &Action::call("a")) {
            Decision::Denied { rule: None, step_up } => step_up.map(|scopes| scopes.to_string()),
            other => panic!("{other:?}"),
        };
    let carol = Somebody::new("main:carol", "mcp");
    for (rules, expected) in [
        ("{name='a', scopes=['mcp', 'x', 'y']}", Some("x y")),
        ("{name='a', scopes=['x', 'y']}, {name='b', scopes=['z']}", Some("z")),
        ("{name='a', scopes=['x']}, {name='b', scopes=['z']}", Some("x")),
        ("{name='a', scopes=['x'], groups=['g']}, {name='b', scopes=['y', 'z']}", Some("y z")),
        ("{name='a', scopes=['x'], tools=['b']}", None),
        ("{name='a', scopes=['x']}, {name='b', effect='deny', scopes=['x']}", None),
        (
            "{name='a', scopes=['x']}, {name='b', scopes=['y', 'z']}, {name='c', effect='deny', scopes=['x']}",
            Some("y z"),
        ),
        ("{name='a', scopes=['x']}, {name='b', effect='deny', scopes=['x', 'y']}", Some("x")),
        ("{name='a', scopes=['x']}, {name='b', effect='deny', scopes=['x'], groups=['g']}", Some("x")),
    ] {
        assert_eq!(asked(rules, &carol).as_deref(), expected, "{rules}");
    }
    let with_y = Somebody::new("main:carol", "mcp y");
    assert_eq!(asked("{name='a', scopes=['x', 'y']}, {name='b', scopes=['z', 'x']}", &with_y).as_deref(), Some("x"));
}

#[test]
fn no_scope_helps_where_a_rule_denies() {
    let route = route("{name='a', scopes=['x']}, {name='b', effect='deny', tools=['a']}");
    let decision = decide(&route.policy, &Somebody::new("main:carol", "mcp").caller(), &Action::call("a"));
    assert!(
        matches!(decision, Decision::Denied { rule: Some(rule), step_up: None } if rule.name() == "b"),
        "{decision:?}"
    );
}

#[test]
fn names_are_compared_as_they_are() {
    let may = |rules: &str, action: &Action<'_>| {
        decide(&route(rules).policy, &Somebody::new("main:carol", "mcp").caller(), action).is_allowed()
    };
    for (rules, names, expected) in [
        ("{name='a', tools=['add']}", ["Add", "add ", "ADD", "a\u{301}dd", "ad", "addd"].as_slice(), false),
        ("{name='a', tools=['ä']}", &["a\u{308}"], false),
        ("{name='a', tools=['add', 'sub*']}", &["add", "sub", "subtract"], true),
    ] {
        for name in names {
            assert_eq!(may(rules, &Action::call(name)), expected, "{rules} {name:?}");
        }
    }
    // A tool, a prompt and a resource of the same name are three things.
    assert!(!may("{name='a', tools=['add']}", &Action::get("add")));
    assert!(!may("{name='a', prompts=['add']}", &Action::read("add")));
    assert!(!may("{name='a', resources=['add']}", &Action::call("add")));
}

#[test]
fn what_a_server_may_read_as_something_else_is_denied() {
    const DENY: &str = "{name='a'}, {name='b', effect='deny', resources=['file:///secret*', 'file:///a/secret']}";
    let denied = |action: &Action<'_>| {
        let (route, carol) = (route(DENY), Somebody::new("main:carol", "mcp"));
        !decide(&route.policy, &carol.caller(), action).is_allowed()
    };
    assert!(!denied(&Action::read("file:///public")));
    for uri in ["file:///x/../secret", "file:///%73ecret", "FILE:///secret", "file:///a%2Fsecret", "file:///secret%2Fa"]
    {
        assert!(denied(&Action::read(uri)), "{uri}");
    }
    for method in ["Tools/Call", "tools/call ", "resources/READ", "/tools/call"] {
        assert!(denied(&Action::of(method)), "{method}");
    }
    let longest = format!("urn:{}", "a".repeat(4092));
    assert!(!denied(&Action::read(&longest)));
    assert!(denied(&Action::read(&format!("{longest}a"))));
    for uri in
        ["file:///SECRET", "file:///A/Secret", "file:///a%2FSECRET", "file:///\u{ff53}ecret", "file:///secret\u{200b}"]
    {
        assert!(denied(&Action::read(uri)), "{uri}");
    }
    for method in ["Tools/List", "tasks/get\0", "tasks/ get"] {
        assert!(denied(&Action::of(method)), "{method}");
    }
}

/// docs/cases.md, S20: a server that cleans or folds names does what a rule denies.
#[test]
fn a_denied_name_is_not_to_be_had_by_writing_it_otherwise() {
    let may = |rules: &str, action: &Action<'_>| {
        decide(&route(rules).policy, &Somebody::new("main:carol", "mcp").caller(), action).is_allowed()
    };
    const DENY: &str = "{name='a', tools=['*'], prompts=['*']},
        {name='b', effect='deny', tools=['write_secret', 'Drop_*'], prompts=['secret']}";
    for name in ["read", "Read", "write_secrets", "write-secret", "dro_p", "a.b"] {
        assert!(may(DENY, &Action::call(name)), "{name}");
    }
    for name in [
        "write_secret",
        "Write_Secret",
        "WRITE_SECRET",
        "write_secret\0",
        "\0write_secret",
        "write\0_secret",
        "write_secret ",
        " write_secret",
        "write_secret\n",
        "write_secret\u{a0}",
        "write_secret\u{200b}",
        "\u{ff57}rite_secret",
        "write_\u{17f}ecret",
        "drop_table",
        "DROP_table",
        "",
        "a/b",
        "a b",
    ] {
        assert!(!may(DENY, &Action::call(name)), "{name:?}");
    }
    for (name, expected) in
        [("Review this", true), ("Secret", false), ("secret ", false), ("secret\0", false), ("a\u{e9}", false)]
    {
        assert_eq!(may(DENY, &Action::get(name)), expected, "{name:?}");
    }
}

#[test]
fn a_name_outside_the_alphabet_is_allowed_by_a_rule_that_has_exactly_it() {
    let may = |rules: &str, name: &str| {
        decide(&route(rules).policy, &Somebody::new("main:carol", "mcp").caller(), &Action::call(name)).is_allowed()
    };
    for rules in
        ["{name='a', tools=['repo: read']}", "{name='a', tools=['*']}, {name='b', tools=['repo: read'], groups=['g']}"]
    {
        assert!(may(rules, "repo: read"), "{rules}");
        assert!(!may(rules, "repo: read ") && !may(rules, "Repo: read") && !may(rules, "repo: write"), "{rules}");
    }
    for rules in [
        "{name='a', tools=['*']}",
        "{name='a', tools=['repo: *']}",
        "{name='a', tools=['repo: rea?']}",
        "{name='a'}",
        "{name='a', tools=['repo: read']}, {name='b', effect='deny', tools=['REPO:*']}",
        "{name='a', tools=['*'], prompts=['repo: read']}",
        "{name='a', tools=['*']}, {name='b', effect='deny', tools=['repo: read']}",
    ] {
        assert!(!may(rules, "repo: read"), "{rules}");
    }
}

/// A rule as the document has it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    name: String,
    effect: String,
    scopes: Vec<String>,
    providers: Vec<String>,
    groups: Vec<String>,
    roles: Vec<String>,
    tenants: Vec<String>,
    clients: Vec<String>,
    subjects: Vec<String>,
    methods: Vec<String>,
    tools: Vec<String>,
    resources: Vec<String>,
    prompts: Vec<String>,
}

#[derive(Deserialize)]
struct WrittenRules {
    policy: Vec<Written>,
}

impl Written {
    /// Each rule of the document, in its order.
    fn all(rules: &str) -> Vec<Self> {
        toml::from_str::<WrittenRules>(&format!("policy = [{rules}]")).unwrap().policy
    }

    fn denies(&self) -> bool {
        self.effect == "deny"
    }

    fn names(&self, patterns: &[String], name: &str) -> bool {
        let read = |text: &str| if self.denies() { text.to_ascii_lowercase() } else { text.to_owned() };
        patterns.iter().any(|pattern| WildMatch::new(&read(pattern)).matches(&read(name)))
    }

    fn is_about(&self, action: &Action<'_>) -> bool {
        let Self { methods, tools, resources, prompts, .. } = self;
        let name = action.target.as_ref().map_or("", Target::name);
        let is_about_everything = [methods, tools, resources, prompts].into_iter().all(Vec::is_empty);
        is_about_everything
            || self.names(methods, &action.method)
            || match &action.target {
                Some(Target::Tool(_)) => self.names(tools, name),
                Some(Target::Prompt(_)) => self.names(prompts, name),
                Some(Target::Resource(_)) => self.names(resources, name),
                Some(Target::ResourceTemplate(_)) | None => false,
            }
    }

    fn applies(&self, somebody: &Somebody, action: &Action<'_>) -> bool {
        let claims = &somebody.claims;
        let one_of = |wanted: &[String], own: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == own);
        let any_of = |wanted: &[String], own: &[String]| wanted.is_empty() || own.iter().any(|own| one_of(wanted, own));
        self.scopes.iter().all(|scope| somebody.scopes.iter().any(|own| own.as_str() == scope))
            && one_of(&self.providers, somebody.subject.provider())
            && any_of(&self.groups, &claims.groups)
            && any_of(&self.roles, &claims.roles)
            && any_of(&self.tenants, claims.tenant.as_slice())
            && one_of(&self.clients, somebody.client_id.as_str())
            && one_of(&self.subjects, somebody.subject.as_str())
            && self.is_about(action)
    }
}

/// What is decided by the words of the documentation, as simply as they can be followed: every rule is looked at, in the order
/// of the document. Whether it is allowed, the rule that decides, and the scopes that would help.
fn by_the_words(rules: &[Written], somebody: &Somebody, action: &Action<'_>) -> (bool, Option<String>, Option<String>) {
    let first = |denies, somebody: &Somebody| {
        let rule = rules.iter().find(|rule| rule.denies() == denies && rule.applies(somebody, action));
        rule.map(|rule| rule.name.clone())
    };
    if rules.is_empty() {
        return (true, None, None);
    }
    if let Some(rule) = first(true, somebody) {
        return (false, Some(rule), None);
    }
    if let Some(rule) = first(false, somebody) {
        return (true, Some(rule), None);
    }
    if action.target.is_none() && needs_no_rule(&action.method) {
        return (true, None, None);
    }
    let mut step_up: Option<Vec<String>> = None;
    for rule in rules.iter().filter(|rule| !rule.denies()) {
        let mut more = somebody.clone();
        let mut lacking = Vec::new();
        for scope in &rule.scopes {
            let scope = Scope::parse(scope).unwrap();
            if !more.scopes.iter().any(|own| *own == scope) {
                more.scopes = more.scopes.iter().cloned().chain([scope.clone()]).collect();
                lacking.push(scope.as_str().to_owned());
            }
        }
        let helps = rule.applies(&more, action) && first(true, &more).is_none();
        if helps && step_up.as_ref().is_none_or(|fewest| lacking.len() < fewest.len()) {
            step_up = Some(lacking);
        }
    }
    (false, None, step_up.map(|scopes| scopes.join(" ")))
}

proptest! {
    #[test]
    fn every_decision_is_as_the_documentation_says(rules in any_rules(), somebody in anybody(), action in any_action()) {
        let route = route(&rules);
        let is_template = matches!(action.target, Some(Target::ResourceTemplate(_)));
        let name = action.target.as_ref().map_or("", Target::name);
        let is_clear = route.policy.is_empty() || unclear::check(&route.policy, &action).is_ok();
        let decision = decide(&route.policy, &somebody.caller(), &action);
        let expected = by_the_words(&Written::all(&rules), &somebody, &action);
        if is_clear && !is_template && name.is_ascii() && !name.contains('%') {
            let step_up = match &decision {
                Decision::Denied { step_up, .. } => step_up.as_ref().map(Scopes::to_string),
                Decision::Allowed { .. } => None,
            };
            let rule = decision.rule().map(|rule| rule.name().to_owned());
            prop_assert_eq!((decision.is_allowed(), rule, step_up), expected);
        } else {
            // What is less than clear is never allowed where the same would be denied if it were.
            prop_assert!(!decision.is_allowed() || is_template || expected.0);
        }
    }

    #[test]
    fn a_step_up_leads_to_where_it_says(rules in any_rules(), somebody in anybody(), action in any_action()) {
        let route = route(&rules);
        if let Decision::Denied { step_up: Some(scopes), .. } = decide(&route.policy, &somebody.caller(), &action) {
            let more = |count: usize| {
                let mut somebody = somebody.clone();
                somebody.scopes = somebody.scopes.iter().chain(scopes.iter().take(count)).cloned().collect();
                decide(&route.policy, &somebody.caller(), &action).is_allowed()
            };
            let count = scopes.iter().count();
            prop_assert!(count > 0 && more(count) && !more(count - 1));
            let granting = &configuration(&rules).authorization_server.routes[0];
            prop_assert!(granting.granted(&scopes).is_some(), "the authorization server grants them");
        }
    }

    #[test]
    fn the_order_of_rules_means_nothing(rules in any_rules(), somebody in anybody(), action in any_action()) {
        let reversed: Vec<_> = rules.split_inclusive("}, ").collect();
        let reversed: String = reversed.into_iter().rev().collect();
        let is_allowed = |rules: &str| decide(&route(rules).policy, &somebody.caller(), &action).is_allowed();
        prop_assert_eq!(is_allowed(&rules), is_allowed(&reversed));
    }

    #[test]
    fn a_completion_tells_nothing_of_what_may_not_be_read(
        rules in any_rules(), somebody in anybody(), beginning in "file:///[ab]{0,2}", end in "[ab/.%]{0,3}",
    ) {
        let route = route(&rules);
        let may = |action: &Action<'_>| decide(&route.policy, &somebody.caller(), action).is_allowed();
        let target = Target::ResourceTemplate(format!("{beginning}{{rest}}").into());
        let uri = format!("{beginning}{end}");
        let read = |method| Action { target: Some(Target::Resource(uri.as_str().into())), ..Action::of(method) };
        let is_unclear = unclear::check(&route.policy, &read("resources/read")).is_err();
        if may(&Action { target: Some(target), ..Action::of("completion/complete") }) {
            prop_assert!(may(&read("completion/complete")) || is_unclear);
        }
    }
}

/// Of somebody whom nobody knows, nothing is known to be so, or not to be so.
#[test]
fn what_a_rule_allows_to_some_is_not_for_nobody_and_what_it_denies_to_some_is_denied_to_nobody_too() {
    let nobody = Somebody::new("nobody:anonymous", "");
    let may = |rules: &str| decide(&route(rules).policy, &nobody.caller(), &Action::call("read_file")).is_allowed();
    assert!(may(""), "no rules: everybody who comes in may do everything");
    assert!(may(r#"{ name = "a", tools = ["read_*"] }"#));
    assert!(!may(r#"{ name = "a", tools = ["write_*"] }"#));
    let everything = r#"{ name = "all" }"#;
    for who in [
        r#"subjects = ["main:alice"]"#,
        r#"clients = ["inspector"]"#,
        r#"providers = ["main"]"#,
        r#"groups = ["g"]"#,
        r#"roles = ["r"]"#,
        r#"tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]"#,
        r#"scopes = ["x"]"#,
    ] {
        assert!(!may(&format!(r#"{{ name = "a", {who} }}"#)), "{who}");
        let denial = format!(r#"{{ name = "d", effect = "deny", tools = ["read_*"], {who} }}, {everything}"#);
        assert!(!may(&denial), "{who}");
        let elsewhere = format!(r#"{{ name = "d", effect = "deny", tools = ["write_*"], {who} }}, {everything}"#);
        assert!(may(&elsewhere), "{who}");
    }
}
