//! Programs that tests start and talk to by lines.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::paths::{repository, tool};

/// No single step of any program takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_secs(180);

/// Until a server that says nothing is looked at and started again.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a server is started, at most.
const STARTS: u32 = 3;

/// A running program; it ends with the test.
pub struct Program {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    errors: Errors,
}

/// Where standard error goes.
enum Errors {
    /// It is read all the time: a full pipe would stop the program.
    Read(JoinHandle<String>),
    /// The program writes a file, and nobody spends time on it meanwhile.
    File(PathBuf),
    /// It was asked for.
    Taken,
}

impl Program {
    /// Starts `tests/clients/NAME` with Node.js or Python, as its name asks for.
    pub fn client(name: &str, arguments: &[&str]) -> Self {
        let interpreter = match name.rsplit_once('.') {
            Some((_, "py")) => tool("GATEHOUSE_TEST_PYTHON", "python3"),
            _ => tool("GATEHOUSE_TEST_NODE", "node"),
        };
        let script = repository().join("tests/clients").join(name);
        let mut command = Command::new(interpreter);
        command.arg(script).args(arguments);
        Self::start(name, command)
    }

    /// Starts the server `tests/clients/NAME`, which says where it listens as `{KEY: URL}`; the URL.
    ///
    /// In CI it happened once that Node.js printed nothing for three minutes, on an idle machine, while the same script served other tests. A
    /// server that is silent is therefore started again. What the kernel knows of it is printed, so that the cause can be found.
    pub async fn server(name: &str, arguments: &[&str], key: &str) -> (Self, String) {
        for _ in 1..STARTS {
            let mut program = Self::client(name, arguments);
            if let Ok(line) = tokio::time::timeout(SILENCE, program.json()).await {
                return (program, url_of(&line, key));
            }
            let threads = program.id().map(threads_of).unwrap_or_default();
            println!("{name} said nothing for {SILENCE:?}:\n{}\n{threads}", program.errors().await);
        }
        let mut program = Self::client(name, arguments);
        let url = url_of(&program.json().await, key);
        (program, url)
    }

    /// Starts `command`.
    pub fn start(name: &str, command: Command) -> Self {
        let mut program = Self::spawn(name, command, Stdio::piped(), Errors::Taken);
        let mut stderr = program.child.stderr.take().expect("a piped stderr");
        program.errors = Errors::Read(tokio::spawn(async move {
            let mut text = Vec::new();
            let _ended = stderr.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).into_owned()
        }));
        program
    }

    /// Starts `command`, which writes its standard error to `file`.
    pub fn start_with_errors_in(name: &str, command: Command, file: &Path) -> Self {
        let opened = std::fs::File::create(file).expect("the file can be written");
        Self::spawn(name, command, opened.into(), Errors::File(file.to_owned()))
    }

    fn spawn(name: &str, mut command: Command, stderr: Stdio, errors: Errors) -> Self {
        command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let lines = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
        let input = child.stdin.take().expect("a piped stdin");
        Self { name: name.to_owned(), child, lines, input, errors }
    }

    /// The next line of standard output.
    pub async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        match line {
            Ok(Ok(Some(line))) => line,
            Ok(_) => {
                let errors = self.errors().await;
                panic!("{} ended early:\n{errors}", self.name)
            }
            Err(_) => panic!("{} said nothing for {PATIENCE:?}", self.name),
        }
    }

    /// The next line, as JSON.
    pub async fn json(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{} printed {line:?}: {error}", self.name))
    }

    /// The next line, which must be the step `name`.
    pub async fn step(&mut self, name: &str) -> Value {
        let step = self.json().await;
        assert_eq!(step["step"], name, "{}: {step}", self.name);
        step
    }

    /// Writes a line to standard input.
    pub async fn say(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("the program reads its input");
        self.input.flush().await.expect("the program reads its input");
    }

    /// Waits for the end, which must be a success.
    pub async fn finish(mut self) {
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("the program ends").expect("a status");
        let errors = self.errors().await;
        assert!(status.success(), "{} failed:\n{errors}", self.name);
    }

    /// Reads its steps until it ends: all of them, or what it said where it failed.
    pub async fn steps(mut self) -> Result<Vec<Value>, String> {
        let mut steps = Vec::new();
        let reading = async {
            while let Some(line) = self.lines.next_line().await.expect("its output can be read") {
                let step = serde_json::from_str(&line);
                steps.push(step.unwrap_or_else(|error| panic!("{} printed {line:?}: {error}", self.name)));
            }
            self.child.wait().await.expect("a status")
        };
        let status = tokio::time::timeout(PATIENCE, reading).await;
        let errors = self.errors().await;
        match status {
            Ok(status) if status.success() => Ok(steps),
            Ok(_) => Err(errors),
            Err(_) => {
                panic!("{} did not end within {PATIENCE:?}; its last step was {:?}:\n{errors}", self.name, steps.last())
            }
        }
    }

    /// The id of its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Asks the program to end, as Ctrl-C does, and waits for it.
    pub async fn interrupt(&mut self) {
        if let Some(id) = self.child.id() {
            let _sent = Command::new("kill").args(["-INT", &id.to_string()]).status().await;
        }
        let _status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
    }

    /// Ends the program at once, as SIGKILL does, and waits until it has ended.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Ends the program: what it has said on standard error, for who looks into a failure.
    pub async fn errors(&mut self) -> String {
        let _killed = self.child.start_kill();
        match std::mem::replace(&mut self.errors, Errors::Taken) {
            Errors::Read(reading) => reading.await.unwrap_or_default(),
            Errors::File(file) => std::fs::read_to_string(file).unwrap_or_default(),
            Errors::Taken => String::new(),
        }
    }
}

fn url_of(line: &Value, key: &str) -> String {
    line[key].as_str().unwrap_or_else(|| panic!("{line} names no {key}")).to_owned()
}

/// What each thread of a process waits for: its name, its state, the kernel's function and the system call.
fn threads_of(id: u32) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let about = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let state = read("status").lines().find_map(|line| line.strip_prefix("State:").map(str::to_owned));
        let (name, waits, call) = (read("comm"), read("wchan"), read("syscall"));
        format!("{}:{} {waits} {}", name.trim(), state.unwrap_or_default(), call.trim())
    };
    tasks.map(about).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_of_a_process_is_told_with_what_it_waits_for() {
        let threads = threads_of(std::process::id());
        let own = std::thread::current().name().unwrap_or_default().chars().take(15).collect::<String>();
        assert!(threads.lines().any(|line| line.starts_with(&own) && line.contains("(running)")), "{own}: {threads}");
    }
}
