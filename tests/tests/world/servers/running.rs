//! A server that runs.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use gatehouse_tests::{HeldPort, is_listened_at, tool};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::rows::{EVERYTHING_PROGRAM, Row};
use crate::installed::node;

/// The slowest imports for a while, on two busy cores.
const PATIENCE: Duration = Duration::from_secs(180);
/// None of these servers says in the same words that it listens, so it is asked.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// It ends with this value, and so does all that it has started.
pub(crate) struct Running {
    /// Where it is reached.
    pub(crate) url: String,
    name: &'static str,
    child: Child,
    folder: TempDir,
}

impl Running {
    /// Starts the server of `row`.
    pub(crate) fn start(row: &Row) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = HeldPort::take().lend().to_string();
        let words = EVERYTHING_PROGRAM.words().into_iter().map(|word| word.display().to_string()).collect::<Vec<_>>();
        let replace = |text: &str| {
            text.replace("{port}", &port)
                .replace("{folder}", &folder.path().display().to_string())
                .replace("{everything}", &format!("{} stdio", words.join(" ")))
                .replace("{everything.js}", &words[1])
                .replace("{node}", &node().display().to_string())
                .replace("{browser}", &tool("GATEHOUSE_TEST_BROWSER", "/usr/bin/chromium"))
        };
        let (arguments, variables) = row.settings(replace);
        let mut command = row.program().command();
        command.args(arguments).envs(variables);
        Self::of(row.name, row.url.replace("{port}", &port), command, folder)
    }

    /// Starts `command` in `folder`; it will be reached at `url`.
    pub(crate) fn of(name: &'static str, url: String, mut command: Command, folder: TempDir) -> Self {
        let log = File::create(folder.path().join("log.txt")).expect("a log");
        command.current_dir(folder.path());
        command.stdout(log.try_clone().expect("a log")).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { url, name, child, folder }
    }

    /// Waits until it listens.
    pub(crate) async fn listens(&mut self) {
        let address = self.url.split('/').nth(2).expect("an address").replace("localhost", "127.0.0.1");
        let begun = Instant::now();
        while !is_listened_at(&address) {
            let ended = self.child.try_wait().expect("a status").is_some();
            assert!(!ended && begun.elapsed() < PATIENCE, "{} does not listen:\n{}", self.name, self.log());
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ended = kill_process_group(group, Signal::KILL);
        }
        let _status = self.child.wait();
    }
}
