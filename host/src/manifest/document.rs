//! The tables of `spin.toml` as they are written, before anything about them is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) spin_manifest_version: Spanned<u64>,
    pub(super) application: ApplicationTable,
    #[serde(default)]
    pub(super) variables: BTreeMap<Spanned<String>, Spanned<VariableTable>>,
    #[serde(default)]
    pub(super) trigger: TriggerTable,
    #[serde(default)]
    pub(super) component: BTreeMap<String, ComponentTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationTable {
    pub(super) name: String,
    #[serde(rename = "version", default)]
    _version: Option<String>,
    #[serde(rename = "description", default)]
    _description: Option<String>,
    #[serde(rename = "authors", default)]
    _authors: Option<Vec<String>>,
    #[serde(default)]
    pub(super) tool: ApplicationTools,
}

/// Tables of other tools are theirs to understand; ours is checked.
#[derive(Deserialize, Default)]
pub(super) struct ApplicationTools {
    #[serde(default)]
    pub(super) gatehouse: GatehouseTool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct GatehouseTool {
    pub(super) listen: Option<Listen>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Listen {
    Loopback,
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableTable {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) secret: bool,
    #[serde(rename = "description", default)]
    _description: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct TriggerTable {
    #[serde(default)]
    pub(super) http: Vec<HttpTrigger>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpTrigger {
    #[serde(rename = "id", default)]
    _id: Option<String>,
    /// A path, or a table that says that there is none.
    pub(super) route: Spanned<toml::Value>,
    pub(super) component: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComponentTable {
    #[serde(rename = "description", default)]
    _description: Option<String>,
    pub(super) source: Spanned<toml::Value>,
    #[serde(default)]
    pub(super) key_value_stores: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) allowed_outbound_hosts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) variables: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) build: Option<toml::Table>,
    /// Build-time only: which deployment targets `spin build` checks against.
    #[serde(rename = "targets", default)]
    _targets: Option<toml::Value>,
    #[serde(rename = "tool", default)]
    _tool: Option<toml::Table>,
}
