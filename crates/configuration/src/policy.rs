//! Who may do what at a route, as the operator says it. `gatehouse-policy` decides by it.

use gatehouse_protocol::Scopes;

/// The rules of a route.
///
/// Without any, whoever has the route's scopes may do everything. With some: what a rule denies is denied; else what a
/// rule allows is allowed; else it is denied. Their order does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Each with a name of its own.
    pub rules: Vec<Rule>,
}

/// A rule: an effect on what certain callers do.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What the log and `gatehouse explain` call it.
    pub name: String,
    /// What it means.
    pub effect: Effect,
    /// Whom it is about.
    pub who: Who,
    /// What it is about.
    pub what: What,
}

/// What a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What it matches is allowed, where nothing denies it.
    Allow,
    /// What it matches is denied, whatever else allows it.
    Deny,
}

/// Whom a rule is about: callers who have something of every list that is not empty, and every scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// All of which the token must have. An allowing rule that lacks nothing but these is what a step-up asks for.
    pub scopes: Scopes,
    /// Of the identity provider, as it names them; ids (UUIDs) in lower case, as [`gatehouse_protocol::Claims`] has them.
    pub groups: Vec<String>,
    /// Of the identity provider, as it names them.
    pub roles: Vec<String>,
    /// Of the identity provider; ids (UUIDs) in lower case.
    pub tenants: Vec<String>,
    /// OAuth clients, by their `client_id`.
    pub clients: Vec<String>,
    /// Users and machines, as the log names them.
    pub subjects: Vec<String>,
}

/// What a rule is about: whatever one of its lists names, or everything where all are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct What {
    /// Methods of MCP, such as `resources/*`.
    pub methods: Vec<Pattern>,
    /// Tools, by their names as clients see them.
    pub tools: Vec<Pattern>,
    /// Resources, by their URIs as clients see them.
    pub resources: Vec<Pattern>,
    /// Prompts, by their names as clients see them.
    pub prompts: Vec<Pattern>,
}

/// A glob: `*` stands for any characters, `?` for one; everything else for itself, case and all.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(wildmatch::WildMatch);

impl Pattern {
    /// Bytes. Names are shorter, and matching takes time by the product of both lengths.
    const LONGEST: usize = 256;

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > Self::LONGEST || text.chars().any(char::is_control) {
            return Err("must be a pattern of 1 to 256 characters");
        }
        Ok(Self(wildmatch::WildMatch::new(text)))
    }

    /// Whether `name` is one of those meant.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}
