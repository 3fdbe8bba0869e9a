use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::{Somebody, any_rules, any_uri, anybody, object, route};
use crate::{Decision, decide};

const READERS: &str = "{name='readers', tools=['read_*'], prompts=['g*'], resources=['file:///public/*']}";

fn filtered(rules: &str, somebody: &Somebody, result: &Value) -> (Value, Filtered) {
    let mut result = object(result);
    let filtered = filter(&route(rules).policy, &somebody.caller(), &mut result);
    (serde_json::from_str(&result.to_string()).unwrap(), filtered)
}

#[test]
fn a_listing_keeps_what_may_be_used_and_everything_about_it() {
    let result = json!({
        "_meta": { "a": 1 },
        "nextCursor": "b",
        "tools": [
            { "name": "write_file", "inputSchema": {} },
            { "inputSchema": { "type": "object", "properties": { "name": {} } }, "name": "read_file", "x": [1.50] },
            { "name": "read_dir" },
        ],
        "prompts": [{ "name": "greet" }, { "name": "bye" }],
        "resources": [{ "uri": "file:///secret", "name": "read_a" }, { "name": "b", "uri": "file:///public/a" }],
        "resourceTemplates": [
            { "name": "all", "uriTemplate": "file:///{path}" },
            { "name": "some", "uriTemplate": "file:///public/{name}" },
            { "name": "other", "uriTemplate": "db://{table}" },
            { "name": "fixed", "uriTemplate": "file:///secret" },
        ],
    });
    let (shown, filtered) = filtered(READERS, &Somebody::new("main:carol", "mcp"), &result);
    assert_eq!(
        shown,
        json!({
            "_meta": { "a": 1 },
            "nextCursor": "b",
            "tools": [
                { "inputSchema": { "type": "object", "properties": { "name": {} } }, "name": "read_file", "x": [1.50] },
                { "name": "read_dir" },
            ],
            "prompts": [{ "name": "greet" }],
            "resources": [{ "name": "b", "uri": "file:///public/a" }],
            "resourceTemplates": [
                { "name": "all", "uriTemplate": "file:///{path}" },
                { "name": "some", "uriTemplate": "file:///public/{name}" },
            ],
        })
    );
    assert_eq!(filtered, Filtered { hidden: 5, made_private: false });
}

#[test]
fn what_is_left_is_the_servers_own_text() {
    let text = r#"{"tools":[{"name":"\u0072ead_a","x":1.0e2 , "y":[ ]},{"name":"b"}],"ttlMs":10}"#;
    let mut result = Object::parse(text).unwrap();
    filter(&route(READERS).policy, &Somebody::new("main:carol", "mcp").caller(), &mut result);
    assert_eq!(result.to_string(), r#"{"tools":[{"name":"\u0072ead_a","x":1.0e2 , "y":[ ]}],"ttlMs":10}"#);
}

#[test]
fn without_rules_and_without_listings_nothing_changes() {
    let anybody = Somebody::new("main:carol", "mcp");
    let odd = json!({ "tools": { "a": 1 }, "resources": [1, { "uri": "a" }], "cacheScope": "public", "ttlMs": 1 });
    assert_eq!(filtered("", &anybody, &odd), (odd.clone(), Filtered::default()));
    let call =
        json!({ "content": [{ "type": "text", "text": "x" }], "structuredContent": { "tools": [{ "name": "b" }] } });
    let (shown, untouched) = filtered(READERS, &anybody, &call);
    assert_eq!((shown, untouched.is_changed()), (call, false));
}

#[test]
fn what_does_not_say_what_it_is_called_is_not_shown() {
    let anybody = Somebody::new("main:carol", "mcp");
    for item in [json!({}), json!({ "name": 1 }), json!({ "uri": "a" }), json!("a"), json!(null), json!(["name", "a"])]
    {
        let (shown, filtered) = filtered("{name='all'}", &anybody, &json!({ "tools": [item, { "name": "a" }] }));
        assert_eq!(shown, json!({ "tools": [{ "name": "a" }] }));
        assert_eq!(filtered, Filtered { hidden: 1, made_private: false });
    }
    for none in [json!({ "a": { "name": "a" } }), json!("a"), json!(null)] {
        let (shown, filtered) = filtered("{name='all'}", &anybody, &json!({ "prompts": none }));
        assert_eq!((shown, filtered.hidden), (json!({ "prompts": [] }), 1));
    }
}

#[test]
fn a_listing_that_depends_on_the_caller_is_for_the_caller_alone() {
    let somebody = Somebody::new("main:carol", "mcp x").in_group("g");
    let scope = |rules: &str, key: &str, before: Value| {
        let (shown, filtered) = filtered(rules, &somebody, &json!({ key: [], "ttlMs": 1, "cacheScope": before }));
        assert_eq!(filtered.made_private, before == "public" && shown["cacheScope"] == "private");
        shown["cacheScope"].clone()
    };
    for (rules, key, expected) in [
        ("{name='a', tools=['a']}", "tools", "public"),
        ("{name='a', tools=['a'], groups=['g']}", "tools", "private"),
        ("{name='a', tools=['a'], groups=['g']}", "prompts", "public"),
        ("{name='a', tools=['a']}, {name='b', effect='deny', tools=['b'], scopes=['x']}", "tools", "private"),
        ("{name='a', clients=['inspector']}", "prompts", "private"),
        ("{name='a', methods=['tools/call'], subjects=['main:carol']}", "tools", "private"),
        ("{name='a', methods=['tools/list'], subjects=['main:carol']}", "tools", "public"),
        ("{name='a', resources=['a'], tenants=['t']}", "resources", "private"),
        ("{name='a', resources=['a'], tenants=['t']}", "resourceTemplates", "private"),
        ("{name='a', resources=['a'], roles=['r']}", "contents", "private"),
        ("{name='a', resources=['a']}", "contents", "public"),
        ("{name='a', resources=['a'], roles=['r']}", "content", "public"),
    ] {
        assert_eq!(scope(rules, key, json!("public")), expected, "{rules} {key}");
        assert_eq!(scope(rules, key, json!("private")), "private", "{rules} {key}");
    }
    // What says nothing of caching is of an older version; what says how long and not for whom may be taken for public.
    const RULE: &str = "{name='a', groups=['g']}";
    assert_eq!(filtered(RULE, &somebody, &json!({ "tools": [] })).0, json!({ "tools": [] }));
    let (shown, _) = filtered(RULE, &somebody, &json!({ "tools": [], "ttlMs": 5 }));
    assert_eq!(shown, json!({ "tools": [], "ttlMs": 5, "cacheScope": "private" }));
}

fn any_items(name: &'static str, names: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<Value>> {
    let item = names.prop_map(move |value| json!({ name: value, "other": value }));
    proptest::collection::vec(prop_oneof![9 => item, 1 => Just(json!({ "other": 1 }))], 0..6)
}

proptest! {
    #[test]
    fn a_listing_shows_exactly_what_may_be_used_or_could_be_with_further_scopes(
        rules in any_rules(),
        somebody in anybody(),
        tools in any_items("name", "[ab]{1,3}|\\PC{0,3}"),
        prompts in any_items("name", "[ab]{1,3}"),
        resources in any_items("uri", any_uri()),
    ) {
        let listed = json!({ "tools": tools, "prompts": prompts, "resources": resources, "cacheScope": "public", "ttlMs": 1 });
        let (shown, filtered) = filtered(&rules, &somebody, &listed);
        let route = route(&rules);
        let mut hidden = 0;
        for (listing, name, action) in [
            ("tools", "name", (|name| Action::call(name)) as fn(&str) -> Action<'_>),
            ("prompts", "name", |name| Action::get(name)),
            ("resources", "uri", |name| Action::read(name)),
        ] {
            let may = |item: &&Value| match item[name].as_str() {
                Some(name) => match decide(&route.policy, &somebody.caller(), &action(name)) {
                    Decision::Allowed { .. } => true,
                    Decision::Denied { step_up, .. } => step_up.is_some(),
                },
                None => route.policy.is_empty(),
            };
            let before = listed[listing].as_array().unwrap();
            let expected: Vec<Value> = before.iter().filter(may).cloned().collect();
            hidden += before.len() - expected.len();
            prop_assert_eq!(shown[listing].as_array().unwrap(), &expected);
        }
        prop_assert_eq!(filtered.hidden, hidden);
    }

    #[test]
    fn a_listing_that_may_be_shared_is_the_same_for_everybody(
        rules in any_rules(), one in anybody(), other in anybody(), tools in any_items("name", "[ab]{1,3}"),
        templates in any_items("uriTemplate", "file:///[ab]{0,2}\\{x\\}"),
    ) {
        for listed in [json!({ "tools": tools, "cacheScope": "public" }), json!({ "resourceTemplates": templates, "cacheScope": "public" })] {
            let (shown, _) = filtered(&rules, &one, &listed);
            if shown["cacheScope"] == "public" {
                prop_assert_eq!(shown, filtered(&rules, &other, &listed).0);
            }
        }
    }

    #[test]
    fn a_template_is_listed_where_something_of_it_may_be_read(
        rules in any_rules(), somebody in anybody(), beginning in any_uri(), end in "[ab/.]{0,4}", rest in "[ab/]{0,2}",
    ) {
        prop_assume!(!beginning.contains(['{', '}']));
        let uri = format!("{beginning}{end}{rest}");
        let may_be_read = decide(&route(&rules).policy, &somebody.caller(), &Action::read(&uri)).is_allowed();
        let template = json!({ "uriTemplate": format!("{beginning}{{+x}}{rest}") });
        let (shown, _) = filtered(&rules, &somebody, &json!({ "resourceTemplates": [template] }));
        prop_assert!(!may_be_read || shown["resourceTemplates"] == json!([template]), "{}", shown);
    }
}
