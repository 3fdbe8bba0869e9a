//! `cargo xtask soak`: crowds of users for a long time, while one thing after the other breaks.

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::test;
use crate::workspace::Workspace;

/// In which variable the minutes are.
const MINUTES: &str = "GATEHOUSE_SOAK_MINUTES";
/// In which one the name of the store is.
const STORE: &str = "GATEHOUSE_SOAK_STORE";
/// The test target, and one of the package of `gatehouse up`: without it, cargo does not build that program.
const TARGETS: [&str; 2] = ["soak", "start_up"];
/// The test. It is not among those of `cargo xtask test`.
const NAME: &str = "of_crowds_that_come_while_one_thing_after_the_other_breaks_nothing_is_left";

#[derive(Args)]
pub struct Arguments {
    /// How long the users come; every user comes once, however long that takes
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// What the two instances keep everything in
    #[arg(long, value_enum, default_value_t = Store::Redis)]
    store: Store,
}

/// A store that two instances can share.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Store {
    /// A Redis
    Redis,
    /// A file of SQLite
    Sqlite,
}

impl Store {
    const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Builds Gatehouse and its embedded host, and lets the users come. The figures are in `target/soak.txt` as well.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut cargo_test: Vec<_> = TARGETS.iter().flat_map(|target| ["--test".into(), (*target).into()]).collect();
    cargo_test.extend(["--", "--ignored", "--exact", NAME, "--nocapture"].map(Into::into));
    let settings = [(MINUTES, arguments.minutes.to_string()), (STORE, arguments.store.name().to_owned())];
    test::run_with(workspace, &cargo_test, &settings)
}
