//! The application manifest, `spin.toml` version 2. What this host does not know is an error, never ignored: a key
//! that is not understood may be the one that was meant to protect something.

mod document;
mod route;
mod template;
mod variable_file;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use self::document::{ComponentTable, Document, HttpTrigger, Listen, VariableTable};
pub(crate) use self::route::most_specific;
pub use self::route::{Route, RouteError};
pub(crate) use self::template::check_name;
pub use self::template::{NotAName, Template, TemplateError, UnknownVariable};
pub(crate) use self::variable_file::VariableFile;
pub use self::variables::{Prepare, VariableDeclaration, VariableSources};
use crate::error::{StartError, one_line};
use crate::outbound::AllowedOutboundHosts;
use crate::position::position;

/// A checked application manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Where it was read from.
    pub path: PathBuf,
    /// The application's name.
    pub name: String,
    /// Whether the application may only be served on a loopback address (`[application.tool.gatehouse] listen =
    /// "loopback"`).
    pub loopback_only: bool,
    /// `[variables]`.
    pub variables: BTreeMap<String, VariableDeclaration>,
    /// The routes, each with a component's id.
    pub routes: Vec<(Route, String)>,
    /// The components that only other components reach (`route = { private = true }`).
    pub private: BTreeSet<String>,
    /// `[component.*]` by id.
    pub components: BTreeMap<String, ComponentManifest>,
}

/// A `[component.*]` of the manifest.
#[derive(Debug, Clone)]
pub struct ComponentManifest {
    /// The WebAssembly file.
    pub source: PathBuf,
    /// Labels of the key-value stores that it may open.
    pub key_value_stores: Vec<String>,
    /// Where it may connect to, before templates are resolved; each with its text as written.
    pub allowed_outbound_hosts: Vec<(String, Template)>,
    /// Its variables.
    pub variables: BTreeMap<String, Template>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The command of its `build` table, to name when the file is missing.
    pub build_command: Option<String>,
}

/// Keys of Spin's manifest that change what an application does and that this host does not have.
const SPIN_ONLY_KEYS: [&str; 14] = [
    "ai_models",
    "allowed_http_hosts",
    "components",
    "dependencies",
    "dependencies_inherit_configuration",
    "exclude_files",
    "executor",
    "files",
    "redis",
    "sqlite_databases",
    "sqs",
    "mqtt",
    "command",
    "trigger",
];

impl Manifest {
    /// Reads and checks the manifest at `path`: the file, or the directory that holds a `spin.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong, with line and column.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let path = if path.is_dir() { path.join("spin.toml") } else { path.to_owned() };
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(source) => Err(StartError::ManifestUnreadable { path, source }),
        }
    }

    /// Checks a manifest's text. Relative paths in it count from the directory of `path`.
    ///
    /// # Errors
    /// The first thing that is wrong, with line and column.
    pub fn parse(path: &Path, text: &str) -> Result<Self, StartError> {
        let file = SourceFile { path, text };
        let document: Document =
            toml::from_str(text).map_err(|error| file.error(error.span().unwrap_or(0..0), explain(error.message())))?;
        if *document.spin_manifest_version.get_ref() != 2 {
            return Err(
                file.error(document.spin_manifest_version.span(), "this host reads `spin_manifest_version = 2`")
            );
        }
        let variables = file.variables(document.variables)?;
        let (routes, private) = file.routes(document.trigger.http, &document.component)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let reachable = reachable(&routes, &private);
        let components = (document.component.into_iter())
            .map(|(id, table)| Ok((id, file.component(table, directory, &variables, &reachable)?)))
            .collect::<Result<_, StartError>>()?;
        Ok(Self {
            path: path.to_owned(),
            name: document.application.name,
            loopback_only: document.application.tool.gatehouse.listen == Some(Listen::Loopback),
            variables,
            routes,
            private,
            components,
        })
    }

    /// The ids of the components that something reaches: a client, or another component.
    pub(crate) fn reachable(&self) -> BTreeSet<&str> {
        reachable(&self.routes, &self.private)
    }
}

fn reachable<'a>(routes: &'a [(Route, String)], private: &'a BTreeSet<String>) -> BTreeSet<&'a str> {
    routes.iter().map(|(_, id)| id).chain(private).map(String::as_str).collect()
}

/// Whether the components that `allowed` names can be reached.
///
/// # Errors
/// The first that cannot, in words.
pub(crate) fn check_components(allowed: &AllowedOutboundHosts, reachable: &BTreeSet<&str>) -> Result<(), String> {
    match allowed.components().find(|component| !reachable.contains(component)) {
        Some(id) => Err(format!(
            "no [[trigger.http]] leads to a component `{id}`; one with `route = {{ private = true }}` would do"
        )),
        None => Ok(()),
    }
}

/// Turns a message of the TOML parser into one that says what to do.
fn explain(message: &str) -> String {
    let message = one_line(message);
    let Some((key, expected)) = (message.strip_prefix("unknown field `"))
        .and_then(|rest| rest.split_once('`'))
        .map(|(key, rest)| (key.to_owned(), rest.trim_start_matches(", ").to_owned()))
    else {
        return message;
    };
    if SPIN_ONLY_KEYS.contains(&key.as_str()) {
        format!("`{key}` is a Spin feature that this host does not offer; run this application with Spin, or remove it")
    } else {
        format!("unknown key `{key}`, {expected}")
    }
}

/// A manifest's file, to turn spans into lines and columns.
struct SourceFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl SourceFile<'_> {
    fn error(&self, span: Range<usize>, message: impl ToString) -> StartError {
        let (line, column) = position(self.text, span.start);
        StartError::Manifest { path: self.path.to_owned(), line, column, message: message.to_string() }
    }

    fn variables(
        &self,
        tables: BTreeMap<Spanned<String>, Spanned<VariableTable>>,
    ) -> Result<BTreeMap<String, VariableDeclaration>, StartError> {
        let mut declared = BTreeMap::new();
        for (name, table) in tables {
            check_name(name.get_ref()).map_err(|problem| self.error(name.span(), problem))?;
            let span = table.span();
            let VariableTable { default, required, secret, .. } = table.into_inner();
            if default.is_some() == required {
                let message = format!("variable `{}` needs either a `default` or `required = true`", name.get_ref());
                return Err(self.error(span, message));
            }
            declared.insert(name.into_inner(), VariableDeclaration { default, secret });
        }
        Ok(declared)
    }

    fn routes(
        &self,
        triggers: Vec<HttpTrigger>,
        components: &BTreeMap<String, ComponentTable>,
    ) -> Result<(Vec<(Route, String)>, BTreeSet<String>), StartError> {
        let (mut routes, mut private) = (Vec::new(), BTreeSet::new());
        if triggers.is_empty() {
            return Err(self.error(0..0, "there is no [[trigger.http]], so nothing to serve"));
        }
        for trigger in triggers {
            let id = trigger.component.get_ref();
            let span = trigger.route.span();
            let route = match trigger.route.get_ref() {
                toml::Value::String(route) => Some(Route::parse(route).map_err(|it| self.error(span.clone(), it))?),
                toml::Value::Table(table)
                    if table.len() == 1 && table.get("private") == Some(&toml::Value::Boolean(true)) =>
                {
                    None
                }
                _ => return Err(self.error(span, "`route` is a path, or `{ private = true }`")),
            };
            if let Some(route) = &route
                && routes.iter().any(|(other, _)| other == route)
            {
                return Err(self.error(span, format!("route \"{route}\" is there twice")));
            }
            if !components.contains_key(id) {
                return Err(self.error(trigger.component.span(), format!("there is no [component.{id}]")));
            }
            let is_public = routes.iter().any(|(_, other)| other == id);
            if (route.is_some() && private.contains(id)) || (route.is_none() && is_public) {
                return Err(self.error(span, format!("component `{id}` is private, and has another route, too")));
            }
            match route {
                Some(route) => routes.push((route, trigger.component.into_inner())),
                None => drop(private.insert(trigger.component.into_inner())),
            }
        }
        if routes.is_empty() {
            return Err(self.error(0..0, "all routes are private, so nothing can be served"));
        }
        Ok((routes, private))
    }

    fn component(
        &self,
        table: ComponentTable,
        directory: &Path,
        declared: &BTreeMap<String, VariableDeclaration>,
        reachable: &BTreeSet<&str>,
    ) -> Result<ComponentManifest, StartError> {
        let Some(source) = table.source.get_ref().as_str() else {
            let message = "`source` must be a local path; fetch a component from a URL or registry first";
            return Err(self.error(table.source.span(), message));
        };
        if source.contains("://") {
            return Err(self.error(table.source.span(), "`source` must be a local path, not a URL"));
        }
        for label in &table.key_value_stores {
            if label.get_ref().trim().is_empty() {
                return Err(self.error(label.span(), "a key-value store's label is empty"));
            }
        }
        let mut allowed_outbound_hosts = Vec::new();
        for entry in table.allowed_outbound_hosts {
            let template = self.template(&entry, declared)?;
            if template.variables().next().is_none() {
                let wrong = |problem: String| self.error(entry.span(), problem);
                let allowed = AllowedOutboundHosts::parse([entry.get_ref()]).map_err(|it| wrong(it.to_string()))?;
                check_components(&allowed, reachable).map_err(wrong)?;
            }
            allowed_outbound_hosts.push((entry.into_inner(), template));
        }
        let mut variables = BTreeMap::new();
        for (name, value) in table.variables {
            check_name(name.get_ref()).map_err(|problem| self.error(name.span(), problem))?;
            variables.insert(name.into_inner(), self.template(&value, declared)?);
        }
        let build_command = table.build.as_ref().and_then(|build| build.get("command")).and_then(|command| {
            let first = command.as_array().and_then(|list| list.first());
            first.unwrap_or(command).as_str().map(str::to_owned)
        });
        Ok(ComponentManifest {
            source: directory.join(source),
            key_value_stores: table.key_value_stores.into_iter().map(Spanned::into_inner).collect(),
            allowed_outbound_hosts,
            variables,
            environment: table.environment,
            build_command,
        })
    }

    fn template(
        &self,
        text: &Spanned<String>,
        declared: &BTreeMap<String, VariableDeclaration>,
    ) -> Result<Template, StartError> {
        let template = Template::parse(text.get_ref()).map_err(|problem| self.error(text.span(), problem))?;
        if let Some(name) = template.variables().find(|name| !declared.contains_key(*name)) {
            return Err(self.error(text.span(), format!("variable `{name}` is not declared in [variables]")));
        }
        Ok(template)
    }
}

#[cfg(test)]
mod tests;
