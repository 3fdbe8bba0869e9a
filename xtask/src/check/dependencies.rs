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

/// Looks at every package of the lock file. What cargo-deny complains of, it prints itself.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let fetched = process::run_limited(cargo_deny::ready(workspace)?.args(["fetch", "db"]), FETCH_LIMIT)?;
    let (what, summary): (&[&str], _) = if fetched == Limited::Succeeded {
        (&["advisories", "bans", "licenses", "sources"], "known faults, licences, sources")
    } else {
        (&["bans", "licenses", "sources"], "licences, sources; the list of known faults could not be fetched")
    };
    let mut deny = cargo_deny::ready(workspace)?;
    deny.args(["--locked", "--all-features", "check", "--hide-inclusion-graph"]).args(what);
    let faults = if process::succeeds(&mut deny, "asking cargo-deny")? {
        Vec::new()
    } else {
        vec!["cargo-deny found what deny.toml does not allow; its messages are above".to_owned()]
    };
    Ok(Report { summary: summary.to_owned(), faults })
}
