//! `cargo xtask check`: what must hold of the repository as a whole, and what no compiler and no test of one crate looks at.
//!
//! Each check is a function that returns what it found; none changes a file. `CHECKS` is the list of them, the cheap ones first.

pub mod budgets;
mod circles;
mod dependencies;
mod documents;
#[cfg(test)]
mod example;
mod fuzz_targets;
mod packages;
mod report;
mod symbolic_links;
mod tree;
mod vendored_wit;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::progress;
use crate::workspace::Workspace;

use report::Report;

/// A check: the name by which it is asked for, what it makes sure of, and the function that does it. An error of the function
/// means that the check could not be made, which fails as well.
struct Check {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<Report>,
}

const CHECKS: [Check; 8] = [
    Check { name: "links", about: "no file is a symbolic link", run: symbolic_links::run },
    Check { name: "circles", about: "no module and no crate depends on itself by way of others", run: circles::run },
    Check { name: "wit", about: "wit/deps is as published", run: vendored_wit::run },
    Check { name: "packages", about: "no package is linked into the artefacts in two versions", run: packages::run },
    Check {
        name: "documents",
        about: "pages, headings, files and tests that documents name are there, and README leads to every page",
        run: documents::run,
    },
    Check {
        name: "dependencies",
        about: "known faults, licences and sources of the packages of others (cargo-deny)",
        run: dependencies::run,
    },
    Check { name: "fuzz", about: "the fuzz targets compile", run: fuzz_targets::run },
    Check {
        name: "budgets",
        about: "size, core instances and initial memory of target/gatehouse.wasm, which is built for it",
        run: budgets::run,
    },
];

#[derive(Args)]
#[command(after_help = list_of_checks())]
pub struct Arguments {
    /// The checks to run; all of them if none is named
    #[arg(value_name = "NAME", value_parser = names())]
    names: Vec<String>,
}

fn names() -> clap::builder::PossibleValuesParser {
    CHECKS.iter().map(|check| check.name).collect::<Vec<_>>().into()
}

fn list_of_checks() -> String {
    let lines = CHECKS.iter().map(|check| format!("\n  {:<12}  {}", check.name, check.about));
    std::iter::once("Checks:".to_owned()).chain(lines).collect()
}

/// Runs the named checks, or all; each runs, also after another has failed.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut failed = Vec::new();
    for check in &CHECKS {
        if !arguments.names.is_empty() && !arguments.names.iter().any(|name| name == check.name) {
            continue;
        }
        progress::stage(&format!("Check {}: {}", check.name, check.about));
        let started = Instant::now();
        match (check.run)(workspace) {
            Ok(report) => {
                for fault in &report.faults {
                    progress::say(fault);
                }
                progress::note(&format!(
                    "    {} ({}, {} faults)",
                    report.summary,
                    progress::elapsed(started),
                    report.faults.len()
                ));
                if !report.faults.is_empty() {
                    failed.push(check.name);
                }
            }
            Err(error) => {
                progress::failure(&error);
                failed.push(check.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("these checks failed: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_check_once() {
        let help = list_of_checks();
        for check in &CHECKS {
            assert_eq!(help.matches(&format!("  {} ", check.name)).count(), 1, "{}", check.name);
        }
    }
}
