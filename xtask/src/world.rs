//! `cargo xtask world`: the tests with programs of others, all of them.

use anyhow::Result;
use clap::Args;

use crate::test;
use crate::workspace::Workspace;

#[derive(Args)]
pub struct Arguments {
    /// Only the rows whose names begin so, such as: canaille oauth2-mock-server
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Write what was measured into the tables of the documents, and do not compare
    #[arg(long)]
    write: bool,
}

/// Writes the tables where it is set.
pub const WRITE: &str = "GATEHOUSE_WRITE_TABLES";

/// Builds the components, installs what the tests need and runs the tier.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let choice = if arguments.rows.is_empty() { "all".to_owned() } else { arguments.rows.join(",") };
    let mut settings = vec![(test::WORLD, choice)];
    settings.extend(arguments.write.then(|| (WRITE, "1".to_owned())));
    test::run_with(workspace, &["--test".into(), "world".into(), "--".into(), "--nocapture".into()], &settings)
}
