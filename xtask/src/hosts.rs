//! `cargo xtask hosts`: the tests on the hosts and stores of others, all that can be had.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{progress, test, world};

/// Set where races are run 50 times, and not 5.
const LONG: &str = "GATEHOUSE_HOSTS_LONG";
/// Names the host of the tests that do not say theirs.
const HOST: &str = "GATEHOUSE_TEST_HOST";
/// The attacks that are tried on wash, too, by parts of the tests' names: those that need no clock that the test moves, and not our own
/// host's log, authorities and limits.
const ATTACKS: [&str; 14] = [
    "bit_flips::",
    "bypass::bodies",
    "bypass::framing",
    "bypass::names",
    "bypass::targets",
    "headers::",
    "pkce::",
    "id_tokens::an_",
    "consent::a_cross_site",
    "consent::a_new_client",
    "consent::a_ticket_that_was_altered",
    "consent::no_form",
    "documents::no_client_id",
    "documents::the_page_does_not_tell",
];
/// What the names above would choose as well, and what reads our own host's log.
const NOT_ON_WASH: &str = "forwarding_headers::";

#[derive(Args)]
pub struct Arguments {
    /// Write what was measured into the table of docs/hosts.md, and do not compare
    #[arg(long)]
    write: bool,
}

/// Builds the components, installs the hosts and runs the tier; then what attackers do, and wrong input, on wash with Redis.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut settings = vec![(LONG, "1".to_owned())];
    settings.extend(arguments.write.then(|| (world::WRITE, "1".to_owned())));
    test::run_with(workspace, &words(["--test", "hosts", "--", "--nocapture"]), &settings)?;
    progress::stage("Wrong input, and what attackers do, on wash with Redis");
    let on_wash = [(HOST, "wash-redis".to_owned())];
    test::run_with(workspace, &words(["--test", "wrong_input"]), &on_wash)?;
    // Each test starts a wash, which compiles the artefact with all processors.
    let attacks = ["--test", "attacks", "--", "--test-threads=2", "--skip", NOT_ON_WASH].into_iter().chain(ATTACKS);
    test::run_with(workspace, &words(attacks), &on_wash)
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}
