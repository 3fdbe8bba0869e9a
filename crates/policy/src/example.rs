//! Rules and callers for tests.

use gatehouse_configuration::{Configuration, Part, Route, Source, compile};
use gatehouse_mcp_wire::json_rpc::{Body, Message, Object};
use gatehouse_protocol::{Claims, ClientId, Scopes, Subject};
use proptest::prelude::*;
use serde_json::Value;

use crate::{Action, Caller, Target};

/// A route at `/mcp` that needs the scope `mcp`, with the rules of a list in TOML: as it is read of the compiled form.
pub(crate) fn route(rules: &str) -> Route {
    let source = Source::read(compile(&document(rules)).unwrap()).unwrap();
    Route::from_part(&source.part(&Part::OnlyRoute).unwrap().unwrap()).unwrap()
}

/// The route with these as the text of its only rule, as a part that was damaged behind its checksum would have it.
pub(crate) fn route_with_rule_text(rule: &str) -> Route {
    let source = Source::read(compile(&document("")).unwrap()).unwrap();
    let part = source.part(&Part::OnlyRoute).unwrap().unwrap();
    let rules = format!("{}:{rule}", rule.len());
    Route::from_part(&format!("{}:{rules}{}", rules.len(), part.strip_prefix("0:").unwrap())).unwrap()
}

/// The configuration of that one route.
pub(crate) fn configuration(rules: &str) -> Configuration {
    Configuration::parse(&document(rules)).unwrap()
}

fn document(rules: &str) -> String {
    format!(
        r#"public_url = "https://gateway.example"
        identity_provider = {{ name = "main", issuer = "https://login.example", client_id = "gatehouse" }}
        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7/"
        policy = [{rules}]"#
    )
}

/// Somebody, and what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct Somebody {
    pub(crate) subject: Subject,
    pub(crate) client_id: ClientId,
    pub(crate) scopes: Scopes,
    pub(crate) claims: Claims,
}

impl Somebody {
    pub(crate) fn new(subject: &'static str, scopes: &str) -> Self {
        let (subject, scopes) = (Subject::parse(subject).unwrap(), Scopes::parse(scopes).unwrap());
        Self { subject, client_id: ClientId::parse("inspector").unwrap(), scopes, claims: Claims::default() }
    }

    pub(crate) fn in_group(mut self, group: &str) -> Self {
        self.claims.groups.push(group.to_owned());
        self
    }

    pub(crate) fn with_role(mut self, role: &str) -> Self {
        self.claims.roles.push(role.to_owned());
        self
    }

    pub(crate) fn of_tenant(mut self, tenant: &str) -> Self {
        self.claims.tenant = Some(tenant.to_owned());
        self
    }

    pub(crate) fn through(mut self, client_id: &'static str) -> Self {
        self.client_id = ClientId::parse(client_id).unwrap();
        self
    }

    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { subject: &self.subject, client_id: &self.client_id, scopes: &self.scopes, claims: &self.claims }
    }
}

pub(crate) fn message(value: &Value) -> Message {
    let Body::Single(message) = Body::parse(value.to_string().as_bytes(), 64).unwrap() else { panic!("{value}") };
    message
}

pub(crate) fn object(value: &Value) -> Object {
    Object::parse(&value.to_string()).unwrap()
}

/// Lists of rules in TOML over few names, so that they often meet.
pub(crate) fn any_rules() -> impl Strategy<Value = String> {
    let list = |key: &'static str, values: &'static str| {
        let values = proptest::collection::vec(values, 0..3);
        let some = prop_oneof![3 => Just(Vec::new()), 2 => values];
        some.prop_map(move |values| {
            let values = values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
            if values.is_empty() { String::new() } else { format!("{key} = [{values}], ") }
        })
    };
    let names = "[ab]?[ab*?]{1,2}";
    let who = (
        list("scopes", "[xyz]"),
        list("providers", "main|client"),
        list("groups", "[gh]"),
        list("roles", "[rs]"),
        list("tenants", "[tu]"),
        list("clients", "inspector|robot"),
        list("subjects", "main:(alice|bob)|client:robot"),
    );
    // A rule whose methods mean all of a kind has no list of that kind.
    let methods = prop_oneof![
        list("methods", "ping|tools/list|tasks/\\*|logging/set\\*|initialize|resources/unsubscribe"),
        list("methods", "tools/\\*|tools/call|\\*|prompts/get|resources/\\*|completion/\\*|subscriptions/listen"),
    ];
    let what = prop_oneof![
        methods,
        (list("tools", names), list("resources", "(file:///)?[ab*?/%.]{1,4}"), list("prompts", names))
            .prop_map(|(tools, resources, prompts)| format!("{tools}{resources}{prompts}")),
    ];
    let effect = prop_oneof![3 => Just("allow"), 2 => Just("deny")];
    let rule = (effect, who, what).prop_map(
        |(effect, (scopes, providers, groups, roles, tenants, clients, subjects), what)| {
            format!("effect = {effect:?}, {scopes}{providers}{groups}{roles}{tenants}{clients}{subjects}{what}")
        },
    );
    proptest::collection::vec(rule, 0..6).prop_map(|rules| {
        let numbered = rules.iter().enumerate().map(|(index, rule)| format!("{{ {rule}name = \"r{index}\" }}, "));
        numbered.collect()
    })
}

pub(crate) fn anybody() -> impl Strategy<Value = Somebody> {
    let some = |values: &'static [&'static str]| proptest::sample::subsequence(values, 0..=values.len());
    let subject = proptest::sample::select(&["main:alice", "main:bob", "client:robot"][..]);
    let client = proptest::sample::select(&["inspector", "robot"][..]);
    let tenant = proptest::option::of("[tu]");
    (subject, client, some(&["mcp", "x", "y", "z"]), some(&["g", "h"]), some(&["r", "s"]), tenant).prop_map(
        |(subject, client_id, scopes, groups, roles, tenant)| {
            let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let claims = Claims { tenant, groups: owned(groups), roles: owned(roles), names: None };
            Somebody {
                subject: Subject::parse(subject).unwrap(),
                client_id: ClientId::parse(client_id).unwrap(),
                scopes: Scopes::parse(&scopes.join(" ")).unwrap(),
                claims,
            }
        },
    )
}

pub(crate) fn any_uri() -> impl Strategy<Value = String> {
    prop_oneof!["(file:///)?[ab/.]{1,4}", "file:///[ab/.%2eEfF]{1,8}", "FILE:///[ab]", "\\PC{0,6}"]
}

pub(crate) fn any_action() -> impl Strategy<Value = Action<'static>> {
    let methods = "ping|initialize|tools/list|tasks/get|logging/setLevel|notifications/a|Tools/Call|[a-z]{1,3}";
    let of = |method: String, target| Action { method: method.into(), target };
    let owned = std::borrow::Cow::Owned;
    prop_oneof![
        methods.prop_map(move |method| of(method, None)),
        "[ab]{1,3}|\\PC{0,4}".prop_map(move |name| of("tools/call".to_owned(), Some(Target::Tool(owned(name))))),
        ("prompts/get|completion/complete", "[ab]{1,3}")
            .prop_map(move |(method, name)| of(method, Some(Target::Prompt(owned(name))))),
        ("resources/(read|subscribe|unsubscribe)|subscriptions/listen", any_uri())
            .prop_map(move |(method, uri)| of(method, Some(Target::Resource(owned(uri))))),
        (any_uri(), "[ab/]{0,2}").prop_map(move |(beginning, end)| {
            let template = Target::of_template(owned(format!("{beginning}{{x}}{end}")));
            of("completion/complete".to_owned(), Some(template))
        }),
    ]
}
