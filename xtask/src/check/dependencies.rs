//! The packages of others, by cargo-deny and `deny.toml`: known faults (RustSec), licences, sources, and yanked or wild versions.
//!
//! The list of known faults is a git repository at GitHub. Where that cannot be reached, the rest is checked, and the summary says
//! what was not.

use std::time::Duration;

use anyhow::Result;

use super::report::Report;
use crate::process::{self, Limited};
use crate::toolchain::cargo_deny;
use crate::workspace::Workspace;

/// Time to fetch the list of known faults, some 10 MB.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// The workspaces whose packages are passed on. Each has a lock file of its own.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "sandboxes/Cargo.toml"];
/// What is no fault: `deny.toml` is for all workspaces, and a licence that one of them needs is in no other one.
const ALLOWED: [&str; 2] = ["license-not-encountered", "license-exception-not-encountered"];

/// Looks at every package of the lock files. What cargo-deny complains of, it prints itself.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let fetched = process::run_limited(cargo_deny::ready(workspace)?.args(["fetch", "db"]), FETCH_LIMIT)?;
    let (what, summary) = parts(fetched == Limited::Succeeded);
    let mut faults = Vec::new();
    for manifest in WORKSPACES {
        let mut deny = cargo_deny::ready(workspace)?;
        deny.args(["--locked", "--all-features", "--manifest-path"]).arg(workspace.path(manifest));
        deny.arg("--config").arg(workspace.path("deny.toml")).args(["check", "--hide-inclusion-graph"]);
        deny.args(ALLOWED.iter().flat_map(|lint| ["--allow", lint])).args(what);
        if !process::succeeds(&mut deny, "asking cargo-deny")? {
            faults.push(format!("{manifest}: cargo-deny found what deny.toml does not allow; its messages are above"));
        }
    }
    Ok(Report { summary: summary.to_owned(), faults })
}

/// What cargo-deny is asked for, and how that is told, by whether there is a list of known faults.
fn parts(has_known_faults: bool) -> (&'static [&'static str], &'static str) {
    if has_known_faults {
        (&["advisories", "bans", "licenses", "sources"], "known faults, licences, sources")
    } else {
        (&["bans", "licenses", "sources"], "licences, sources; the list of known faults could not be fetched")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_list_of_known_faults_the_rest_is_checked_and_the_summary_says_so() {
        let (what, summary) = parts(false);
        assert_eq!(what, ["bans", "licenses", "sources"]);
        assert!(summary.ends_with("could not be fetched"), "{summary}");
        assert!(parts(true).0.contains(&"advisories"));
    }
}
