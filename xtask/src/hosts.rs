//! `cargo xtask hosts`: the tests on the hosts and stores of others, all that can be had.

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{test, world};

#[derive(Args)]
pub struct Arguments {
    /// Write what was measured into the table of docs/hosts.md, and do not compare
    #[arg(long)]
    write: bool,
}

/// Builds the components, installs the hosts and runs the tier.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let settings: Vec<_> = arguments.write.then(|| (world::WRITE, "1".to_owned())).into_iter().collect();
    test::run_with(workspace, &["--test".into(), "hosts".into(), "--".into(), "--nocapture".into()], &settings)
}
