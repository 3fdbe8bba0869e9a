//! An environment as the server keeps it, and the two ways to run a program in it: by the library, and by the component on a host.

#![allow(dead_code, reason = "each test file needs another part")]

mod served;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox_egress::Egress;
use sandbox_run::{File, Limits, Outcome, Run, Stream, TreePath};
use sandbox_shell::{ReaderGone, SendRequest, Sink};

pub use served::Host;

/// The limits that an operator has by default.
pub const LIMITS: Limits = Limits {
    seconds: 30,
    output_bytes: 256 * 1024,
    file_bytes: 8 * 1024 * 1024,
    files: 1000,
    state_bytes: 2 * 1024 * 1024,
};

/// The stack of a thread that runs the library without optimisation.
const STACK: usize = 256 * 1024 * 1024;

/// What runs programs.
pub enum Interpreter {
    /// The library, in this process.
    Library,
    /// The component, on a host.
    Served(Host),
}

/// An environment between two runs.
pub struct Environment<'a> {
    interpreter: &'a Interpreter,
    pub egress: Egress,
    /// Who answers requests that the library sends. The component's go to the host.
    pub send: SendRequest,
    pub state: Vec<u8>,
    pub files: BTreeMap<TreePath, Vec<u8>>,
    pub limits: Limits,
}

/// What a run has answered.
pub struct Answer {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// When the first byte was there.
    pub first: Option<Duration>,
    pub took: Duration,
    /// Nothing where the instance was ended.
    pub outcome: Option<Outcome>,
}

impl Answer {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    pub fn outcome(&self) -> &Outcome {
        self.outcome.as_ref().unwrap_or_else(|| panic!("the run was cut: {:?} {:?}", self.stdout(), self.stderr()))
    }
}

impl<'a> Environment<'a> {
    pub fn new(interpreter: &'a Interpreter) -> Self {
        let send: SendRequest = Arc::new(|_request, _room| panic!("nothing is sent"));
        let egress = Egress::off();
        Self { interpreter, egress, send, state: Vec::new(), files: BTreeMap::new(), limits: LIMITS }
    }

    pub fn with_file(mut self, path: &str, contents: &[u8]) -> Self {
        self.files.insert(TreePath::parse(path).unwrap(), contents.to_vec());
        self
    }

    /// Runs a program, and keeps what is to be kept as the server does.
    pub fn run(&mut self, code: &str) -> Answer {
        let files = self.files.iter().map(|(path, contents)| File { path: path.clone(), contents: contents.clone() });
        let (state, files, egress) = (self.state.clone(), files.collect(), self.egress.clone());
        let run = Run { code: code.to_owned(), state, files, limits: self.limits, egress };
        let answer = match self.interpreter {
            Interpreter::Library => by_library(run, Arc::clone(&self.send)),
            Interpreter::Served(host) => host.run(&run),
        };
        if let Some(outcome) = &answer.outcome {
            self.state.clone_from(&outcome.state);
            for file in &outcome.changed {
                self.files.insert(file.path.clone(), file.contents.clone());
            }
            for path in &outcome.removed {
                assert!(self.files.remove(path).is_some(), "{path:?} was removed and had not been there");
            }
        }
        answer
    }

    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(&TreePath::parse(path).unwrap()).map(Vec::as_slice)
    }
}

/// Gathers output.
pub struct Gathered {
    started: Instant,
    first: Option<Duration>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Gathered {
    pub fn new() -> Self {
        Self { started: Instant::now(), first: None, stdout: Vec::new(), stderr: Vec::new() }
    }

    pub fn answer(self, outcome: Option<Outcome>) -> Answer {
        let took = self.started.elapsed();
        Answer { stdout: self.stdout, stderr: self.stderr, first: self.first, took, outcome }
    }
}

impl Sink for Gathered {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), ReaderGone> {
        self.first.get_or_insert(self.started.elapsed());
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(bytes),
            Stream::Stderr => self.stderr.extend_from_slice(bytes),
        }
        Ok(())
    }
}

fn by_library(run: Run, send: SendRequest) -> Answer {
    let thread = std::thread::Builder::new().stack_size(STACK);
    let running = thread.spawn(move || sandbox_shell::run(run, Gathered::new(), send, |_stop| {})).unwrap();
    let (outcome, gathered) = running.join().unwrap();
    gathered.unwrap().answer(Some(outcome))
}
