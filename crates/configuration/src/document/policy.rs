//! `[[routes.policy]]`.

use core::fmt;

use gatehouse_protocol::{Claims, ClientId, Subject};
use serde::{Deserialize, Serialize};

use super::values::{Key, scopes, unique, uuid};
use crate::error::problem;
use crate::{ConfigurationError, Effect, ListKind, Pattern, Policy, Rule};

/// Every request is held against every rule.
const MOST_RULES: usize = 256;
/// The effect of a rule that says none.
const ALLOW: &str = "allow";
const NAME: &str = r#"name = "readers""#;

/// A rule: who may, or may not, do what. [policy.md](policy.md) explains how rules work together. A rule without any
/// list of *what* (`methods`, `tools`, `resources`, `prompts`) is about everything.
///
/// ```toml
/// [[routes.policy]]
/// name = "readers"
/// groups = ["engineering"]
/// tools = ["read_*", "search"]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDocument {
    /// The name that the log and `gatehouse explain` use: 1 to 64 visible ASCII characters without spaces, different
    /// for each rule of the route.
    ///
    /// Example: `"readers"`
    name: String,
    /// What the rule does with a request that it matches.
    ///
    /// Default: `"allow"`
    /// Values: `allow`, `deny`
    effect: Option<String>,
    /// *Who*: the token must have all of these scopes. If an allowing rule lacks only scopes, the client is told to
    /// request them.
    ///
    /// Example: `["files:write"]`
    #[serde(default)]
    scopes: Vec<String>,
    /// *Who*: users of one of these identity providers, by `name`. `client` means machine clients. With several
    /// identity providers, a rule with `groups` or `roles` requires it.
    ///
    /// Example: `["main"]`
    #[serde(default)]
    providers: Vec<String>,
    /// *Who*: users in one of these groups.
    ///
    /// Example: `["engineering"]`
    #[serde(default)]
    groups: Vec<String>,
    /// *Who*: users with one of these roles.
    ///
    /// Example: `["Mcp.User"]`
    #[serde(default)]
    roles: Vec<String>,
    /// *Who*: users of one of these Entra tenants.
    ///
    /// Example: `["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]`
    #[serde(default)]
    tenants: Vec<String>,
    /// *Who*: users of one of these OAuth clients, by `client_id`.
    ///
    /// Example: `["nightly-report"]`
    #[serde(default)]
    clients: Vec<String>,
    /// *Who*: one of these users or machines, as the log names them.
    ///
    /// Example: `["main:8f2c1e", "client:nightly-report"]`
    #[serde(default)]
    subjects: Vec<String>,
    /// *What*: MCP methods. All four lists of *what* hold patterns: `*` stands for any characters and `?` for one.
    /// Upper and lower case differ in a rule that allows, and do not differ in a rule that denies.
    ///
    /// Example: `["resources/*"]`
    #[serde(default)]
    methods: Vec<String>,
    /// *What*: tools, by the names that clients see.
    ///
    /// Example: `["read_*", "search"]`
    #[serde(default)]
    tools: Vec<String>,
    /// *What*: resources, by the URIs that clients see.
    ///
    /// Example: `["file:///projects/*"]`
    #[serde(default)]
    resources: Vec<String>,
    /// *What*: prompts, by the names that clients see.
    ///
    /// Example: `["*"]`
    #[serde(default)]
    prompts: Vec<String>,
}

/// The rules in the tables at `table`.
pub(super) fn rules(table: &str, documents: Vec<RuleDocument>) -> Result<Policy, ConfigurationError> {
    if documents.len() > MOST_RULES {
        return Err(problem(table, "has more than 256 tables", NAME));
    }
    let mut policy = Policy::default();
    for (index, rule) in documents.into_iter().enumerate() {
        rule.check(table, index, &mut policy)?;
    }
    unique(table, ".name", policy.rules().map(Rule::name))?;
    Ok(policy)
}

impl RuleDocument {
    /// Adds the rule to those before it. It is one of the tables at `table`.
    fn check(self, table: &str, index: usize, policy: &mut Policy) -> Result<(), ConfigurationError> {
        let key = |name| Key { table, index, name };
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(problem(key("name"), "must be 1 to 64 visible ASCII characters without spaces", NAME));
        }
        let effect = match self.effect.as_deref() {
            None | Some(ALLOW) => Effect::Allow,
            Some("deny") => Effect::Deny,
            Some(_) => return Err(problem(key("effect"), "must be allow or deny", r#"effect = "deny""#)),
        };
        let scopes = scopes(key("scopes"), &self.scopes)?;
        let scopes = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        let groups = ids(claims(key("groups"), self.groups, r#"groups = ["engineering"]"#)?);
        let roles = claims(key("roles"), self.roles, r#"roles = ["Mcp.User"]"#)?;
        const TENANTS: &str = r#"tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]"#;
        let tenants = ids(claims(key("tenants"), self.tenants, TENANTS)?);
        let clients = clients(key("clients"), self.clients)?;
        let subjects = subjects(key("subjects"), self.subjects)?;
        let named = [
            (ListKind::Methods, self.methods),
            (ListKind::Tools, self.tools),
            (ListKind::Resources, self.resources),
            (ListKind::Prompts, self.prompts),
        ];
        let named = named.into_iter().map(|(kind, values)| Ok((kind, patterns(key(kind.as_str()), &values)?)));
        let named = named.collect::<Result<Vec<_>, ConfigurationError>>()?;
        one_meaning(&named, key("methods"))?;
        let texts = |patterns: Vec<Pattern<'_>>| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let mut lists: Vec<_> = named.into_iter().map(|(kind, patterns)| (kind, texts(patterns))).collect();
        lists.extend([
            (ListKind::Scopes, scopes),
            (ListKind::Providers, self.providers),
            (ListKind::Groups, groups),
            (ListKind::Roles, roles),
            (ListKind::Tenants, tenants),
            (ListKind::Clients, clients),
            (ListKind::Subjects, subjects),
        ]);
        policy.push(&self.name, effect, &lists);
        Ok(())
    }
}

/// What no user can have would match nobody: a rule that denies something would do nothing.
fn claims(key: Key<'_>, values: Vec<String>, example: &'static str) -> Result<Vec<String>, ConfigurationError> {
    each(key, values, example, "must be 1 to 256 bytes", |value| !value.is_empty() && value.len() <= Claims::LONGEST)
}

/// As users' claims have them ([`Claims`]), however the operator writes them.
fn ids(values: Vec<String>) -> Vec<String> {
    values.into_iter().map(|value| uuid(&value).unwrap_or(value)).collect()
}

fn clients(key: Key<'_>, values: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    each(key, values, r#"clients = ["nightly-report"]"#, "is not a client_id", |value| ClientId::parse(value).is_ok())
}

fn subjects(key: Key<'_>, values: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    const EXAMPLE: &str = r#"subjects = ["main:8f2c1e", "client:nightly-report"]"#;
    let text = "is not a subject: a provider's name (or `client`), a colon and who it is there";
    each(key, values, EXAMPLE, text, |value| Subject::parse(value).is_ok())
}

fn each(
    key: Key<'_>,
    values: Vec<String>,
    example: &'static str,
    text: &str,
    is_right: impl Fn(&str) -> bool,
) -> Result<Vec<String>, ConfigurationError> {
    match values.iter().position(|value| !is_right(value)) {
        Some(index) => Err(problem(format!("{key}[{index}]"), text, example)),
        None => Ok(values),
    }
}

/// A rule is about whatever any of its lists names. Beside a method that means every tool, a list of tools would look like a
/// restriction and be none.
fn one_meaning(named: &[(ListKind, Vec<Pattern<'_>>)], methods: Key<'_>) -> Result<(), ConfigurationError> {
    const EXAMPLE: &str = "a rule of its own for each";
    const OF_RESOURCES: [&str; 4] =
        ["resources/read", "resources/subscribe", "subscriptions/listen", "completion/complete"];
    let is_meant = |method: &str| {
        let mut lists = named.iter().filter(|(kind, _)| *kind == ListKind::Methods);
        lists.any(|(_, patterns)| patterns.iter().any(|pattern| pattern.matches(method)))
    };
    for (kind, _) in named.iter().filter(|(_, names)| !names.is_empty()) {
        let of_them: &[&str] = match kind {
            ListKind::Tools => &["tools/call"],
            ListKind::Resources => &OF_RESOURCES,
            ListKind::Prompts => &["prompts/get", "completion/complete"],
            _ => &[],
        };
        if let Some(method) = of_them.iter().find(|method| is_meant(method)) {
            let list = kind.as_str();
            let text =
                format!("has {method}, which already means all {list}: the list `{list}` would restrict nothing");
            return Err(problem(methods, text, EXAMPLE));
        }
    }
    Ok(())
}

/// The patterns in the list at `key`.
pub(super) fn patterns(key: impl fmt::Display, values: &[String]) -> Result<Vec<Pattern<'static>>, ConfigurationError> {
    let pattern = |(index, value): (usize, &String)| {
        Pattern::parse(value).map_err(|text| problem(format!("{key}[{index}]"), text, r#"tools = ["read_*"]"#))
    };
    values.iter().enumerate().map(pattern).collect()
}

#[cfg(test)]
mod tests;
