//! `[[routes.policy]]`.

use gatehouse_protocol::Claims;
use serde::Deserialize;

use super::values::{scopes, unique, uuid};
use crate::error::problem;
use crate::{ConfigurationError, Effect, Pattern, Rule, What, Who};

/// Every request is held against every rule.
const MOST_RULES: usize = 256;
const NAME: &str = r#"name = "readers""#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDocument {
    name: String,
    effect: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    tenants: Vec<String>,
    #[serde(default)]
    clients: Vec<String>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    methods: Vec<String>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    prompts: Vec<String>,
}

/// The rules in the tables at `table`.
pub(super) fn rules(table: &str, documents: Vec<RuleDocument>) -> Result<Vec<Rule>, ConfigurationError> {
    if documents.len() > MOST_RULES {
        return Err(problem(table, "has more than 256 tables", NAME));
    }
    let rules = documents.into_iter().enumerate();
    let rules = rules.map(|(index, rule)| rule.check(&format!("{table}[{index}]")));
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    unique(table, ".name", rules.iter().map(|rule| rule.name.as_str()))?;
    Ok(rules)
}

impl RuleDocument {
    fn check(self, table: &str) -> Result<Rule, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(problem(key("name"), "must be 1 to 64 visible ASCII characters without spaces", NAME));
        }
        let effect = match self.effect.as_deref() {
            None | Some("allow") => Effect::Allow,
            Some("deny") => Effect::Deny,
            Some(_) => return Err(problem(key("effect"), "must be allow or deny", r#"effect = "deny""#)),
        };
        let who = Who {
            scopes: scopes(&key("scopes"), &self.scopes)?,
            groups: names_or_ids(&key("groups"), self.groups)?,
            roles: claimed(&key("roles"), self.roles)?,
            tenants: names_or_ids(&key("tenants"), self.tenants)?,
            clients: named(&key("clients"), self.clients)?,
            subjects: named(&key("subjects"), self.subjects)?,
        };
        let what = What {
            methods: patterns(&key("methods"), &self.methods)?,
            tools: patterns(&key("tools"), &self.tools)?,
            resources: patterns(&key("resources"), &self.resources)?,
            prompts: patterns(&key("prompts"), &self.prompts)?,
        };
        Ok(Rule { name: self.name, effect, who, what })
    }
}

/// An empty name would match a claim that is there and says nothing.
fn named(key: &str, values: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    match values.iter().position(String::is_empty) {
        Some(index) => Err(problem(format!("{key}[{index}]"), "is empty", r#"groups = ["engineering"]"#)),
        None => Ok(values),
    }
}

/// No longer ones are kept of a user's claims.
fn claimed(key: &str, values: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    if let Some(index) = values.iter().position(|value| value.len() > Claims::LONGEST) {
        return Err(problem(format!("{key}[{index}]"), "is longer than 256 bytes", r#"groups = ["engineering"]"#));
    }
    named(key, values)
}

/// As a user's claims have them: ids in lower case.
fn names_or_ids(key: &str, values: Vec<String>) -> Result<Vec<String>, ConfigurationError> {
    let values = claimed(key, values)?.into_iter();
    Ok(values.map(|value| uuid(&value).unwrap_or(value)).collect())
}

/// The patterns in the list at `key`.
pub(super) fn patterns(key: &str, values: &[String]) -> Result<Vec<Pattern>, ConfigurationError> {
    let pattern = |(index, value): (usize, &String)| {
        Pattern::parse(value).map_err(|text| problem(format!("{key}[{index}]"), text, r#"tools = ["read_*"]"#))
    };
    values.iter().enumerate().map(pattern).collect()
}
