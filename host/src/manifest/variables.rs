//! Application variables: where their values come from and which source wins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::template::Template;
use crate::error::{StartError, one_line};
use crate::position::position;

/// The environment variable that gives the application variable `config` is `SPIN_VARIABLE_CONFIG`, as with Spin.
const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// A variable as `[variables]` of the manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableDeclaration {
    /// The value to use when no source gives one. `None`: a value is required.
    pub default: Option<String>,
    /// Whether the value must not be shown.
    pub secret: bool,
}

/// Where values come from, strongest first: `given`, `environment`, `file`, then the manifest's defaults.
///
/// There is no `Debug`, because the values may be secrets.
#[derive(Clone, Default)]
pub struct VariableSources {
    /// Values given directly (`--variable`). A name that the manifest does not declare is an error.
    pub given: BTreeMap<String, String>,
    /// Of those in `given`: the file from which the value was read. While the application runs, it is read again when it changes, but for
    /// variables of which something is made (`prepared`).
    pub given_files: BTreeMap<String, PathBuf>,
    /// Values by variable name, from the environment. Undeclared names are ignored.
    pub environment: BTreeMap<String, String>,
    /// A TOML file of `name = "value"`. A name that the manifest does not declare is an error.
    pub file: Option<PathBuf>,
    /// What the application gets in place of a variable's value, by the variable's name, wherever the value comes from.
    pub prepared: BTreeMap<String, Prepare>,
}

/// What is made of a value; `None` leaves it as it is.
pub type Prepare = fn(&str) -> Option<String>;

impl VariableSources {
    /// Reads `SPIN_VARIABLE_*` of this process's environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok()?.strip_prefix(ENVIRONMENT_PREFIX)?.to_lowercase();
                Some((name, value.into_string().ok()?))
            })
            .collect();
        Self { environment, ..Self::default() }
    }

    /// The value of every declared variable.
    pub(crate) fn resolve(
        &self,
        declared: &BTreeMap<String, VariableDeclaration>,
        manifest: &Path,
    ) -> Result<BTreeMap<String, String>, StartError> {
        let file = self.read_file()?;
        let undeclared = |name: &str, origin: &str| {
            let known = declared.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            StartError::Variable(format!(
                "variable `{name}` ({origin}) is not declared in [variables] of {}; declared are: {known}",
                manifest.display()
            ))
        };
        if let Some(name) = self.given.keys().find(|name| !declared.contains_key(*name)) {
            return Err(undeclared(name, "--variable"));
        }
        if let Some(name) = file.keys().find(|name| !declared.contains_key(*name)) {
            return Err(undeclared(name, "--variables-file"));
        }

        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, declaration) in declared {
            let value = (self.given.get(name))
                .or_else(|| self.environment.get(name))
                .or_else(|| file.get(name))
                .or(declaration.default.as_ref());
            match value {
                Some(value) => {
                    let prepared = self.prepared.get(name).and_then(|prepare| prepare(value));
                    values.insert(name.clone(), prepared.unwrap_or_else(|| value.clone()));
                }
                None => missing.push(name.as_str()),
            }
        }
        if missing.is_empty() { Ok(values) } else { Err(missing_variables(&missing, manifest)) }
    }

    /// The file that is read again for the component's variable `template`; `None` where its value stays.
    pub(crate) fn file_of(&self, template: &Template) -> Option<&PathBuf> {
        let name = template.only_variable().filter(|name| !self.prepared.contains_key(*name))?;
        self.given_files.get(name)
    }

    fn read_file(&self) -> Result<BTreeMap<String, String>, StartError> {
        let Some(path) = &self.file else { return Ok(BTreeMap::new()) };
        let text = fs::read_to_string(path).map_err(|error| {
            StartError::Variable(format!("cannot read the variables file {}: {error}", path.display()))
        })?;
        toml::from_str(&text).map_err(|error| {
            let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
            // Only the parser's words: an excerpt of the file could show a secret.
            StartError::Manifest { path: path.clone(), line, column, message: one_line(error.message()) }
        })
    }
}

fn missing_variables(missing: &[&str], manifest: &Path) -> StartError {
    let first = missing.first().copied().unwrap_or_default();
    let list = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, verb) = if missing.len() == 1 { ("variable", "has") } else { ("variables", "have") };
    StartError::Variable(format!(
        "required {noun} {list} of {} {verb} no value; give it with --variable {first}=VALUE (or {first}=@FILE), in the \
         environment as {ENVIRONMENT_PREFIX}{}, or as a line {first} = \"VALUE\" in a --variables-file",
        manifest.display(),
        first.to_uppercase(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn declared(entries: &[(&str, Option<&str>)]) -> BTreeMap<String, VariableDeclaration> {
        entries
            .iter()
            .map(|(name, default)| {
                ((*name).to_owned(), VariableDeclaration { default: default.map(str::to_owned), secret: false })
            })
            .collect()
    }

    #[test]
    fn the_flag_wins_over_the_environment_over_the_file_over_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("variables.toml");
        fs::write(&file, "a = 'file'\nb = 'file'\nc = 'file'\n").unwrap();
        let sources = VariableSources {
            given: map(&[("a", "flag")]),
            environment: map(&[("a", "environment"), ("b", "environment"), ("undeclared", "ignored")]),
            file: Some(file),
            ..VariableSources::default()
        };
        let declared = declared(&[("a", Some("default")), ("b", None), ("c", None), ("d", Some("default"))]);
        let values = sources.resolve(&declared, Path::new("spin.toml")).unwrap();
        assert_eq!(values, map(&[("a", "flag"), ("b", "environment"), ("c", "file"), ("d", "default")]));
    }

    #[test]
    fn a_missing_variable_is_named_with_the_three_ways_to_give_it() {
        let error =
            VariableSources::default().resolve(&declared(&[("config", None)]), Path::new("app/spin.toml")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "required variable `config` of app/spin.toml has no value; give it with --variable config=VALUE (or \
             config=@FILE), in the environment as SPIN_VARIABLE_CONFIG, or as a line config = \"VALUE\" in a --variables-file"
        );
    }

    #[test]
    fn an_undeclared_variable_is_an_error_and_not_ignored() {
        let sources = VariableSources { given: map(&[("confg", "x")]), ..VariableSources::default() };
        let error = sources.resolve(&declared(&[("config", Some(""))]), Path::new("spin.toml")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "variable `confg` (--variable) is not declared in [variables] of spin.toml; declared are: config"
        );
    }

    #[test]
    fn an_error_in_the_variables_file_does_not_show_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("variables.toml");
        fs::write(&file, "a = 'x'\nsecret_thing = hunter2\n").unwrap();
        let sources = VariableSources { file: Some(file.clone()), ..VariableSources::default() };
        let line = sources.resolve(&BTreeMap::new(), Path::new("spin.toml")).unwrap_err().to_string();
        assert!(line.starts_with(&format!("{}:2:", file.display())), "{line}");
        assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn a_value_is_prepared_wherever_it_comes_from_and_left_where_nothing_is_made_of_it() {
        let prepared =
            BTreeMap::from([("config".to_owned(), (|value| value.strip_prefix("raw ").map(str::to_owned)) as Prepare)]);
        let declared = declared(&[("config", Some("raw default")), ("other", Some("raw other"))]);
        for (given, expected) in [(None, "default"), (Some("raw given"), "given"), (Some("given"), "given")] {
            let given = given.map(|value| ("config".to_owned(), value.to_owned())).into_iter().collect();
            let sources = VariableSources { given, prepared: prepared.clone(), ..VariableSources::default() };
            let values = sources.resolve(&declared, Path::new("spin.toml")).unwrap();
            assert_eq!((values["config"].as_str(), values["other"].as_str()), (expected, "raw other"));
        }
    }
}
