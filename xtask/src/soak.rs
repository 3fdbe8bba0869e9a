//! `cargo xtask soak`: crowds of users for a long time, while one thing after the other breaks.

use anyhow::Result;
use clap::Args;

use crate::test;
use crate::workspace::Workspace;

/// In which variable the minutes are.
const MINUTES: &str = "GATEHOUSE_SOAK_MINUTES";
/// The test target, and one of the package of `gatehouse up`: without it, cargo does not build that program.
const TARGETS: [&str; 2] = ["soak", "start_up"];
/// The test. It is not among those of `cargo xtask test`.
const NAME: &str = "of_crowds_that_come_while_one_thing_after_the_other_breaks_nothing_is_left";

#[derive(Args)]
pub struct Arguments {
    /// How long the users come; every user comes once, however long that takes
    #[arg(long, default_value_t = 30)]
    minutes: u64,
}

/// Builds Gatehouse and its embedded host, and lets the users come. The figures are in `target/soak.txt` as well.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut cargo_test: Vec<_> = TARGETS.iter().flat_map(|target| ["--test".into(), (*target).into()]).collect();
    cargo_test.extend(["--", "--ignored", "--exact", NAME, "--nocapture"].map(Into::into));
    test::run_with(workspace, &cargo_test, &[(MINUTES, arguments.minutes.to_string())])
}
