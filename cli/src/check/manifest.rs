//! Whether a manifest (`spin.toml`) gives Gatehouse what a configuration needs, and how Gatehouse is then started.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use gatehouse_configuration::{Configuration, SERVER_KEYS_SETTING, SETTING};
use gatehouse_host::{AllowedOutboundHosts, ComponentManifest, Manifest, Permission};
use http::Uri;

use super::needs::{EVERY_CLIENT_DOCUMENT, Purpose, outbound_origins, settings};

/// The label of the store in which Gatehouse keeps everything.
const STORE: &str = "default";

/// The manifest that comes with Gatehouse.
pub(super) fn shipped() -> Result<Manifest> {
    Ok(Manifest::parse(Path::new("spin.toml"), include_str!("../../../spin.toml"))?)
}

/// The files that are given to `check`.
pub(super) struct Files<'a> {
    pub(super) configuration: &'a Path,
    pub(super) server_keys: Option<&'a Path>,
}

/// What a manifest has, and lacks, for a configuration.
pub(super) struct Comparison {
    /// Where the manifest is.
    path: String,
    /// The id of Gatehouse's component.
    component: String,
    /// Its labels of stores, and its entries for hosts, as they are written.
    stores: Vec<String>,
    hosts: Vec<String>,
    lacks: Lacks,
    /// The variables of the application that must be given a value, each with what it is for.
    given: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Lacks {
    /// Names that `[variables]` does not declare.
    declarations: Vec<String>,
    /// Names that the component's variables do not have.
    variables: Vec<String>,
    /// Places that are not in `allowed_outbound_hosts`.
    hosts: Vec<String>,
    /// Whether the component may open its store.
    store: bool,
    /// Whether client ID metadata documents cannot be fetched. An operator may want that.
    client_documents: bool,
}

/// What a variable is given.
enum Value {
    /// The configuration, the server keys or a secret, by the name of the setting.
    Setting(String),
    /// A place.
    Origin(String),
}

impl Comparison {
    /// Compares them.
    ///
    /// # Errors
    /// Where the manifest has no component that could be Gatehouse, or an entry for a host that is none.
    pub(super) fn of(manifest: &Manifest, configuration: &Configuration) -> Result<Self> {
        let (id, component) = component(manifest)?;
        let mut comparison = Self {
            path: manifest.path.display().to_string(),
            component: id.to_owned(),
            stores: component.key_value_stores.clone(),
            hosts: component.allowed_outbound_hosts.iter().map(|(text, _)| text.clone()).collect(),
            lacks: Lacks { store: !component.key_value_stores.iter().any(|label| label == STORE), ..Lacks::default() },
            given: BTreeMap::new(),
        };
        comparison.compare_variables(manifest, component, configuration);
        comparison.compare_hosts(manifest, component, configuration)?;
        Ok(comparison)
    }

    fn compare_variables(&mut self, manifest: &Manifest, component: &ComponentManifest, configuration: &Configuration) {
        for setting in settings(configuration).into_keys() {
            let Some(template) = component.variables.get(&setting) else {
                if !manifest.variables.contains_key(&setting) {
                    self.lacks.declarations.push(setting.clone());
                }
                self.lacks.variables.push(setting.clone());
                self.given.insert(setting.clone(), Value::Setting(setting));
                continue;
            };
            let mut names = template.variables();
            if let (Some(name), None) = (names.next(), names.next()) {
                self.given.insert(name.to_owned(), Value::Setting(setting));
            }
        }
    }

    fn compare_hosts(
        &mut self,
        manifest: &Manifest,
        component: &ComponentManifest,
        configuration: &Configuration,
    ) -> Result<()> {
        let defaults = manifest.variables.iter();
        let defaults = defaults.filter_map(|(name, declared)| Some((name.clone(), declared.default.clone()?)));
        let defaults: BTreeMap<_, _> = defaults.collect();
        let (mut fixed, mut open) = (Vec::new(), Vec::new());
        for (text, template) in &component.allowed_outbound_hosts {
            match template.resolve(&defaults) {
                Ok(entry) => fixed.push(entry),
                Err(_) => open.push((text, template)),
            }
        }
        let allowed = AllowedOutboundHosts::parse(fixed.iter().filter(|entry| !entry.trim().is_empty()))
            .with_context(|| self.path.clone())?;
        let needed = outbound_origins(configuration);
        // What only `*` allows leads to public addresses alone.
        let is_named =
            |origin: &str| matches!(permission(&allowed, origin), Permission::Anywhere | Permission::Component);
        let mut missing: Vec<_> = needed.iter().filter(|(origin, _)| !is_named(origin)).collect();
        for (_, template) in open {
            for name in template.variables().filter(|name| !defaults.contains_key(*name)) {
                let fits = |purposes: &[Purpose]| purposes.iter().any(|purpose| is_meant(name, purpose));
                let place = missing.iter().position(|(_, purposes)| fits(purposes));
                let of_all = || needed.iter().find(|(_, purposes)| fits(purposes)).or_else(|| needed.iter().next());
                if let Some((origin, _)) = place.map(|index| missing.remove(index)).or_else(of_all) {
                    self.given.insert(name.to_owned(), Value::Origin(origin.clone()));
                }
            }
        }
        self.lacks.hosts = missing.into_iter().map(|(origin, _)| origin.clone()).collect();
        self.lacks.client_documents = configuration.authorization_server.client_documents.enabled
            && permission(&allowed, "https://some-client.example") == Permission::Denied;
        Ok(())
    }

    /// Whether the manifest must be changed.
    pub(super) fn lacks_something(&self) -> bool {
        let Lacks { declarations, variables, hosts, store, client_documents: _ } = &self.lacks;
        *store || !(declarations.is_empty() && variables.is_empty() && hosts.is_empty())
    }

    /// What is to be added to the manifest, and the command.
    pub(super) fn text(&self, files: &Files<'_>) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = if self.lacks_something() {
            self.write_lacks(&mut text)
        } else {
            writeln!(text, "\n{} has all of it.", self.path)
        };
        if self.lacks.client_documents {
            let _ = writeln!(
                text,
                "\nThe documents of clients can be fetched from no host but those that {} allows; \"{EVERY_CLIENT_DOCUMENT}\" \
                 in allowed_outbound_hosts is for all. To do without them: client_documents = {{ enabled = false }}",
                self.path
            );
        }
        text + &self.command(files)
    }

    fn write_lacks(&self, text: &mut String) -> std::fmt::Result {
        let Lacks { declarations, variables, hosts, store, client_documents: _ } = &self.lacks;
        writeln!(
            text,
            "\n{} lacks what follows. Add the lines to their tables; a list stands in place of the one that is there:",
            self.path
        )?;
        if !declarations.is_empty() {
            writeln!(text, "\n[variables]")?;
            for name in declarations {
                let secret = if name == SETTING { "" } else { ", secret = true" };
                writeln!(text, "{name} = {{ required = true{secret} }}")?;
            }
        }
        if *store || !hosts.is_empty() {
            writeln!(text, "\n[component.{}]", self.component)?;
        }
        if *store {
            let stores: Vec<_> = self.stores.iter().map(String::as_str).chain([STORE]).map(quoted).collect();
            writeln!(text, "key_value_stores = [{}]", stores.join(", "))?;
        }
        if !hosts.is_empty() {
            writeln!(text, "allowed_outbound_hosts = [")?;
            for host in self.hosts.iter().chain(hosts) {
                writeln!(text, "  {},", quoted(host))?;
            }
            writeln!(text, "]")?;
        }
        if !variables.is_empty() {
            writeln!(text, "\n[component.{}.variables]", self.component)?;
            for name in variables {
                writeln!(text, "{name} = \"{{{{ {name} }}}}\"")?;
            }
        }
        Ok(())
    }

    /// The command, where the manifest is the one that comes with Gatehouse and the operator's is not known.
    pub(super) fn usual_command(&self, files: &Files<'_>) -> String {
        let lacks = if self.lacks_something() {
            "\nThe spin.toml that comes with Gatehouse lacks something for it; --manifest spin.toml says what\n"
        } else {
            ""
        };
        self.command(files) + lacks
    }

    /// The command that serves it: each value from a file or as it is.
    fn command(&self, files: &Files<'_>) -> String {
        let mut lines = vec![format!("gatehouse up --from {}", word(&self.path))];
        let is_first = |name: &str| name == SETTING || name == SERVER_KEYS_SETTING;
        let (first, others): (Vec<_>, Vec<_>) = self.given.iter().partition(|(name, _)| is_first(name));
        for (name, value) in first.into_iter().chain(others) {
            let value = match value {
                Value::Origin(origin) => origin.clone(),
                Value::Setting(setting) => match (setting.as_str(), files.server_keys) {
                    (SETTING, _) => format!("@{}", files.configuration.display()),
                    (SERVER_KEYS_SETTING, Some(file)) => format!("@{}", file.display()),
                    (other, _) => format!("@{}", other.replace('_', "-")),
                },
            };
            lines.push(format!("  --variable {}", word(&format!("{name}={value}"))));
        }
        format!("\nThe command, with a file for each secret:\n\n{}\n", lines.join(" \\\n"))
    }
}

/// The component that is Gatehouse: it has the variable of the configuration.
fn component(manifest: &Manifest) -> Result<(&str, &ComponentManifest)> {
    let with_configuration = || manifest.components.iter().filter(|(_, it)| it.variables.contains_key(SETTING));
    let mut found = with_configuration();
    match (found.next(), found.next()) {
        (Some((id, component)), None) => return Ok((id, component)),
        (Some(_), Some(_)) => {
            bail!("{}: several components have a variable `{SETTING}`", manifest.path.display())
        }
        (None, _) => {}
    }
    let mut all = manifest.components.iter();
    match (all.next(), all.next()) {
        (Some((id, component)), None) => Ok((id, component)),
        _ => bail!("{}: no component has the variable `{SETTING}`, so none is Gatehouse", manifest.path.display()),
    }
}

fn permission(allowed: &AllowedOutboundHosts, origin: &str) -> Permission {
    origin.parse::<Uri>().map_or(Permission::Denied, |uri| allowed.permission(&uri))
}

/// Whether a variable of this name is for such a place.
fn is_meant(name: &str, purpose: &Purpose) -> bool {
    match purpose {
        Purpose::Provider(_) => name.contains("provider") || name.contains("issuer"),
        Purpose::Tokens(_) => name.contains("issuer"),
        Purpose::TokenService(_) => name.contains("token"),
        Purpose::Connection(..) => name.contains("connection"),
        Purpose::Groups(_) => name.contains("graph"),
        Purpose::Assertions(_) => name.contains("assertion"),
        Purpose::OpenApiDocument(_) => name.contains("openapi"),
        Purpose::Route(_) => ["upstream", "server", "mcp"].iter().any(|word| name.contains(word)),
        Purpose::Environments(_) => name.contains("sandbox"),
        Purpose::ClientKeys(_) => name.contains("client"),
    }
}

/// The text as TOML has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The text as one word of a shell.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
