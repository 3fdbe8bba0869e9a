//! `gatehouse check`.

mod api_keys;
mod callers;
mod line;
mod manifest;
pub(crate) mod needs;
mod networks;
mod report;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use gatehouse_configuration::Configuration;
use gatehouse_host::Manifest;
use gatehouse_sealed_storage::sealing::KeyRing;
use zeroize::Zeroizing;

use self::line::line;
use self::manifest::{Comparison, Files};
use self::report::describe;
use crate::rest_api;

#[derive(Args)]
pub(crate) struct Check {
    /// The configuration document, TOML or JSON
    #[arg(value_name = "CONFIG")]
    configuration: PathBuf,
    /// The server keys, to be checked too
    #[arg(long, value_name = "FILE")]
    server_keys: Option<PathBuf>,
    /// The application's manifest (spin.toml), or its directory: says what it lacks for this configuration, ready to be pasted,
    /// and ends with 1 if that is anything
    #[arg(long, value_name = "PATH", conflicts_with = "compile")]
    manifest: Option<PathBuf>,
    /// Write the compiled form, which goes into the variable `config` in place of the document: requests then read only
    /// the part that they need. Without -o it goes to standard output, in place of what the configuration means
    #[arg(long)]
    compile: bool,
    /// Where the compiled form goes
    #[arg(short, long, value_name = "FILE", requires = "compile")]
    output: Option<PathBuf>,
}

/// Prints what the configuration means. The error is one line: the key, what is wrong with it and a right example.
pub(crate) fn run(check: &Check) -> Result<ExitCode> {
    let Answer { text, lacks_something } = check.answer()?;
    print!("{text}");
    Ok(if lacks_something { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What goes to standard output.
struct Answer {
    text: String,
    /// Whether the manifest lacks something.
    lacks_something: bool,
}

impl Check {
    fn answer(&self) -> Result<Answer> {
        let (report, comparison) = self.report()?;
        let lacks_something = comparison.is_some_and(|comparison| comparison.lacks_something());
        let right = |text| Ok(Answer { text, lacks_something });
        if !self.compile {
            return right(report);
        }
        let compiled = rest_api::compiled(&self.text()?).with_context(|| self.configuration.display().to_string())?;
        let Some(output) = &self.output else { return right(compiled) };
        fs::write(output, compiled).with_context(|| format!("cannot write {}", output.display()))?;
        right(report)
    }

    fn text(&self) -> Result<String> {
        let file = self.configuration.display();
        fs::read_to_string(&self.configuration).with_context(|| format!("cannot read {file}"))
    }

    /// What the configuration means, and how the manifest fits it, if one is given.
    fn report(&self) -> Result<(String, Option<Comparison>)> {
        let (file, text) = (self.configuration.display(), self.text()?);
        let configuration = Configuration::parse(&text).with_context(|| file.to_string())?;
        let mut report = describe(&configuration, jiff::Timestamp::now());
        networks::describe(&mut report, &configuration);
        for (name, value) in rest_api::describe(&configuration)? {
            line(&mut report, &name, &value);
        }
        if let Some(path) = &self.server_keys {
            let file = path.display();
            let text = fs::read_to_string(path).map(Zeroizing::new);
            let text = text.with_context(|| format!("cannot read {file}"))?;
            let ring = KeyRing::parse(&text).with_context(|| file.to_string())?;
            line(&mut report, "Server keys", &ring.ids().collect::<Vec<_>>().join(", then "));
        }
        let files = Files { configuration: &self.configuration, server_keys: self.server_keys.as_deref() };
        let comparison = match &self.manifest {
            Some(path) => Some(Comparison::of(&Manifest::read(path)?, &configuration)?),
            None => None,
        };
        match &comparison {
            Some(comparison) => report.push_str(&comparison.text(&files)),
            None => report.push_str(&Comparison::of(&manifest::shipped()?, &configuration)?.usual_command(&files)),
        }
        Ok((report, comparison))
    }
}

#[cfg(test)]
mod tests;
