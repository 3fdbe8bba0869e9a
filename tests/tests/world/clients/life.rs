//! The life of a client.

use gatehouse_tests::{Program as Running, tool};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::rows::{Ability, Row};
use crate::installed::{Program, Registry, node};

/// Longer than a token lives in this test, and its grace.
const LET_PASS: &str = "400";

/// Halfway.
pub(crate) struct Life {
    program: Running,
    listed: Value,
    _home: TempDir,
}

/// What was seen of a client.
pub(crate) struct Seen {
    outlived: Value,
    stepped_up: Value,
    listed: Value,
}

impl Life {
    /// As far as its tokens expire.
    pub(crate) async fn begin(row: &Row, url: String, document: String) -> Self {
        let script = match row.registry {
            Registry::Npm => Program::Ours(row.registry, "clients.mjs"),
            Registry::PyPi | Registry::PyPiSdk1 => Program::Ours(row.registry, "clients.py"),
        };
        // What it keeps on its disk.
        let home = tempfile::tempdir().expect("a folder");
        let mut command = script.command();
        command.env("HOME", home.path()).arg(row.name).arg(url);
        match row.registry {
            Registry::Npm => command.args([
                "--document",
                &document,
                "--browser",
                &tool("GATEHOUSE_TEST_BROWSER", "/usr/bin/chromium"),
            ]),
            Registry::PyPi | Registry::PyPiSdk1 => {
                command.arg("--node").arg(node()).args(["--expire-seconds", LET_PASS])
            }
        };
        let mut program = Running::start(row.name, Command::from(command));
        let signed_in = program.step("signed-in").await;
        assert_eq!(signed_in["opened"], 1, "{}: {signed_in}", row.name);
        let listed = program.step("listed").await;
        // What it could use with a further scope is shown, so that it asks for it.
        assert_eq!(listed["tools"], json!(["echo", "get-sum"]), "{}: {listed}", row.name);
        let called = program.step("called").await;
        assert!(called["text"].as_str().is_some_and(|text| text.contains("Echo: hello")), "{}: {called}", row.name);
        program.step("expire").await;
        Self { program, listed, _home: home }
    }

    /// From there to its end.
    pub(crate) async fn end(mut self) -> Seen {
        self.program.say("continue").await;
        let outlived = self.program.step("outlived").await;
        let stepped_up = self.program.step("stepped-up").await;
        self.program.step("done").await;
        Seen { outlived, stepped_up, listed: self.listed }
    }
}

impl Seen {
    fn outlives(&self) -> bool {
        let same = self.outlived["tools"] == self.listed["tools"];
        same && self.outlived["opened"] == 1
    }

    fn steps_up(&self) -> bool {
        self.stepped_up["text"].as_str().is_some_and(|text| text.contains('5')) && self.stepped_up["reason"].is_null()
    }

    /// What is not as the row says.
    pub(crate) fn faults(&self, row: &Row) -> Vec<String> {
        let mut faults = Vec::new();
        for (what, known, does, said) in [
            ("outlives its token", row.outlives, self.outlives(), &self.outlived),
            ("steps up", row.steps_up, self.steps_up(), &self.stepped_up),
        ] {
            if does != (known == Ability::Yes) {
                faults.push(format!("{}: {what}: expected {known:?}, but {does}: {said}", row.name));
            }
        }
        faults
    }

    /// The cells of its row, without the first.
    pub(crate) fn cells(&self, row: &Row) -> Vec<String> {
        let cell = |known: Ability, does: bool| match known {
            Ability::No(reason) if !does => format!("no: {reason}"),
            _ => "yes".to_owned(),
        };
        vec![
            format!("{} ({})", row.registry.version(row.package), row.registry.name()),
            row.identity.to_owned(),
            "yes".to_owned(),
            cell(row.outlives, self.outlives()),
            cell(row.steps_up, self.steps_up()),
            row.remark.to_owned(),
        ]
    }
}
