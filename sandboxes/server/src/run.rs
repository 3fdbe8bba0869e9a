//! One run in an environment: everything from finding the environment to keeping what has come of the run.

use gatehouse_protocol::Subject;
use gatehouse_storage::Store;
use http::Request;
use sandbox_environments::{
    Contents, Environment, EnvironmentError, EnvironmentId, Language, Loaded, RunLease, RunPlace, Unusable,
};
use sandbox_run::{File, Limit, Outcome, Run, Stream};
use shell_http::Milliseconds;

use crate::host::Host;
use crate::interpreter::{self, Listener, Stopped};
use crate::output::Output;
use crate::sandbox::Sandbox;

/// Milliseconds for which a run waits for another one in the same environment, for a place among the subject's runs, or for one at the
/// interpreter; and between two looks.
const WAIT: Milliseconds = 2_000;
const LOOK: Milliseconds = 100;
/// Sentences of an interpreter that are passed on, and characters of each.
const MOST_NOTES: usize = 20;
const LONGEST_NOTE: usize = 300;
/// What a shell says of a program that was stopped because its time was over, and of one that was killed.
const TIMED_OUT: i32 = 124;
const KILLED: i32 = 137;

/// What is to be run, and where.
#[derive(Clone)]
pub struct Order {
    /// The id of the environment, as the client says it.
    pub environment: String,
    /// The language of the code.
    pub language: Language,
    /// The code.
    pub code: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// The environment's name in the log, once it was found.
    pub environment: Option<String>,
    /// What the client is told.
    pub end: End,
    /// What the log is told, where something is wrong with us.
    pub reason: Option<String>,
}

/// What the client is told.
#[derive(Debug)]
pub enum End {
    /// There is no such environment of this subject.
    Unknown,
    /// Another run was under way for too long.
    Busy,
    /// The subject had as many runs under way as it may, for too long.
    TooMany,
    /// What was kept of the environment cannot be read.
    Damaged,
    /// The store or the interpreter does not answer.
    Failed(&'static str),
    /// The code ran.
    Ran(Ran),
}

/// What came of code that ran, for as long as it did.
#[derive(Debug)]
pub struct Ran {
    /// What it wrote.
    pub output: Output,
    /// As a shell has it.
    pub exit_code: i32,
    /// Why nothing of it was kept.
    pub stopped: Option<Reason>,
    /// Whether the environment is not there any more.
    pub is_gone: bool,
    /// What the interpreter could not keep, in its own words.
    pub notes: Vec<String>,
    /// Milliseconds that it took.
    pub milliseconds: Milliseconds,
}

/// Why nothing of a run was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It hit a limit.
    Limit(Limit),
    /// It was ended by the sandbox, which cannot say more.
    Ended,
    /// What it left behind cannot be kept.
    Unusable,
    /// It ended, and then it could not be kept.
    NotKept,
    /// The client has gone.
    ClientGone,
}

impl<H: Host, S: Store> Sandbox<'_, H, S> {
    /// Runs code of `subject`.
    pub fn run(&self, subject: &Subject, order: &Order, listener: &mut impl Listener) -> Report {
        self.has_written.set(true);
        let id = EnvironmentId::parse(&order.environment);
        let Some(id) = id else { return Report { environment: None, end: End::Unknown, reason: None } };
        match self.lease(subject, &id) {
            Ok(Leased::Unknown) => Report { environment: None, end: End::Unknown, reason: None },
            Ok(Leased::Busy(name)) => Report { environment: Some(name), end: End::Busy, reason: None },
            Ok(Leased::TooMany(name)) => Report { environment: Some(name), end: End::TooMany, reason: None },
            Ok(Leased::Granted(place, lease, environment)) => {
                let name = environment.log_name();
                let (end, reason) = self.run_leased((subject, &id), order, lease, environment, listener);
                let problem = self.environments().give_back_run(subject, place).err();
                Report { environment: Some(name), end, reason: reason.or(problem.map(|error| error.to_string())) }
            }
            Err(error) => {
                let (end, reason) = refused(&error);
                Report { environment: None, end, reason }
            }
        }
    }

    /// The environment, for nobody else to run in. Whoever waits for it counts among the subject's runs, too: an instance waits.
    fn lease(&self, subject: &Subject, id: &EnvironmentId) -> Result<Leased, EnvironmentError> {
        let give_up = self.host.elapsed().saturating_add(WAIT);
        // Nothing is counted for an environment that is not there.
        let Some(mut found) = self.environments().find(subject, id)? else { return Ok(Leased::Unknown) };
        let place = loop {
            if let Some(place) = self.environments().take_run(subject)? {
                break place;
            }
            if self.host.elapsed() >= give_up {
                return Ok(Leased::TooMany(found.log_name()));
            }
            self.host.wait(LOOK);
        };
        let refused = loop {
            match self.environments().begin_run(&found) {
                Ok(Some(lease)) => return Ok(Leased::Granted(place, lease, found)),
                Ok(None) if self.host.elapsed() >= give_up => break Ok(Leased::Busy(found.log_name())),
                Ok(None) => self.host.wait(LOOK),
                Err(error) => break Err(error.into()),
            }
            match self.environments().find(subject, id) {
                Ok(Some(again)) => found = again,
                Ok(None) => break Ok(Leased::Unknown),
                Err(error) => break Err(error),
            }
        };
        self.environments().give_back_run(subject, place)?;
        refused
    }

    fn run_leased(
        &self,
        owner: (&Subject, &EnvironmentId),
        order: &Order,
        lease: RunLease,
        environment: Environment,
        listener: &mut impl Listener,
    ) -> (End, Option<String>) {
        let (clock, entropy) = (|| self.host.now(), &mut self.host.entropy());
        let loaded = match self.environments().load_for_run(owner, environment.clone(), &lease, &clock, entropy) {
            Ok(loaded) => loaded,
            Err(error) => {
                // Where this fails as well, the next run waits until the lease is over.
                let _given_up = self.environments().give_up_run(owner, &environment, lease, entropy);
                return refused(&error);
            }
        };
        let lease = &lease;
        let limits = self.configuration.settings.limits();
        let give_up = self.host.elapsed().saturating_add(WAIT);
        let (ended, output, milliseconds) = loop {
            let Some(request) = self.run_request(order, &loaded) else {
                return (End::Failed("The code cannot be sent to its interpreter."), None);
            };
            let began = self.host.elapsed();
            let mut output = Output::at_most(usize::try_from(limits.output_bytes).unwrap_or(usize::MAX));
            let ended = interpreter::run(self.host, request, &limits, &mut output, listener);
            let now = self.host.elapsed();
            if !matches!(ended, Err(Stopped::NoRoom)) || now >= give_up || !listener.look() {
                break (ended, output, now.saturating_sub(began));
            }
            self.host.wait(LOOK);
        };
        let mut ran = Ran { output, exit_code: KILLED, stopped: None, is_gone: false, notes: Vec::new(), milliseconds };
        let mut reason = None;
        let after = match ended {
            Ok(outcome) => {
                ran.exit_code = outcome.exit_code;
                ran.notes = notes(&outcome);
                let after = contents_after(&loaded, order.language, outcome, &limits);
                after.map_err(|(stopped, text)| (stopped, text.map(str::to_owned)))
            }
            Err(Stopped::Limit(limit)) => Err((Reason::Limit(limit), None)),
            Err(Stopped::BrokenOff) => Err((Reason::Ended, None)),
            Err(Stopped::ClientGone) => Err((Reason::ClientGone, None)),
            Err(Stopped::Unusable(text)) => Err((Reason::Unusable, Some(format!("the interpreter: {text}")))),
            Err(stopped @ (Stopped::Unreachable(_) | Stopped::NoRoom)) => {
                let said = match stopped {
                    Stopped::Unreachable(text) => {
                        reason = Some(format!("the interpreter cannot be reached: {text}"));
                        "The interpreter of this language cannot be reached now."
                    }
                    _ => {
                        reason = Some("the host has no room for an instance of the interpreter".to_owned());
                        "There are as many runs under way as this server can make."
                    }
                };
                return match self.keep(owner, &loaded, &loaded.contents, lease, &mut reason) {
                    Keeping::Gone => (End::Unknown, reason),
                    Keeping::Kept | Keeping::Failed => (End::Failed(said), reason),
                };
            }
        };
        let keeping = match after {
            Ok(after) => {
                let keeping = self.keep(owner, &loaded, &after, lease, &mut reason);
                ran.stopped = matches!(keeping, Keeping::Failed).then_some(Reason::NotKept);
                keeping
            }
            Err((stopped, text)) => {
                reason = text;
                ran.stopped = Some(stopped);
                if matches!(stopped, Reason::Limit(Limit::Time)) && ran.exit_code == KILLED {
                    ran.exit_code = TIMED_OUT;
                }
                // It was a use all the same.
                self.keep(owner, &loaded, &loaded.contents, lease, &mut reason)
            }
        };
        ran.is_gone = matches!(keeping, Keeping::Gone);
        (End::Ran(ran), reason)
    }

    /// The request for a run, with all that the interpreter needs for it.
    fn run_request(&self, order: &Order, loaded: &Loaded) -> Option<Request<Vec<u8>>> {
        let files = loaded.contents.files.iter();
        let files = files.map(|(path, contents)| File { path: path.clone(), contents: contents.clone() }).collect();
        let state = loaded.contents.state(order.language).to_vec();
        let settings = &self.configuration.settings;
        let (limits, egress) = (settings.limits(), settings.egress());
        let run = Run { code: order.code.clone(), state, files, limits, egress };
        interpreter::request(self.configuration.interpreter(order.language), &run)
    }

    fn keep(
        &self,
        owner: (&Subject, &EnvironmentId),
        loaded: &Loaded,
        contents: &Contents,
        lease: &RunLease,
        reason: &mut Option<String>,
    ) -> Keeping {
        let (clock, entropy) = (|| self.host.now(), &mut self.host.entropy());
        let kept = self.environments().keep(owner, loaded, contents, lease, &clock, entropy);
        let problem = match &kept {
            Ok(kept) => kept.swept.as_ref().err().map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        };
        *reason = reason.take().or(problem);
        match kept {
            Ok(_) => Keeping::Kept,
            Err(EnvironmentError::Gone) => Keeping::Gone,
            Err(_) => Keeping::Failed,
        }
    }
}

/// What comes of wanting to run in an environment.
enum Leased {
    Unknown,
    Busy(String),
    TooMany(String),
    Granted(RunPlace, RunLease, Environment),
}

/// What comes of keeping what is in an environment.
enum Keeping {
    Kept,
    /// The former state is there.
    Failed,
    /// The environment is not there any more.
    Gone,
}

/// The contents that are to be kept; or why none are, and what the log is told.
fn contents_after(
    loaded: &Loaded,
    language: Language,
    outcome: Outcome,
    limits: &sandbox_run::Limits,
) -> Result<Contents, (Reason, Option<&'static str>)> {
    if let Some(limit) = outcome.limit {
        return Err((Reason::Limit(limit), None));
    }
    loaded.contents.after(language, outcome, limits).map_err(|unusable| match unusable.limit() {
        // An interpreter compares them itself, and says which limit it was.
        Some(limit) => (Reason::Limit(limit), Some("the interpreter does not keep to its limits")),
        None => (Reason::Unusable, Some(conflict(unusable))),
    })
}

fn conflict(unusable: Unusable) -> &'static str {
    match unusable {
        Unusable::Conflict => "the interpreter says that two files are in each other's place",
        Unusable::Files | Unusable::FileBytes | Unusable::State => "the interpreter does not keep to its limits",
    }
}

fn notes(outcome: &Outcome) -> Vec<String> {
    outcome.notes.iter().take(MOST_NOTES).map(|note| note.chars().take(LONGEST_NOTE).collect()).collect()
}

/// What a client is told where an environment cannot be used.
pub fn refused(error: &EnvironmentError) -> (End, Option<String>) {
    let end = match error {
        EnvironmentError::Gone => End::Unknown,
        EnvironmentError::Store(_) | EnvironmentError::TooLate => {
            End::Failed("The store of the environments does not answer now.")
        }
        EnvironmentError::Damaged(_) => End::Damaged,
    };
    (end, Some(error.to_string()))
}

impl Ran {
    /// Standard output.
    pub fn stdout(&self) -> std::borrow::Cow<'_, str> {
        self.output.text(Stream::Stdout)
    }

    /// Standard error.
    pub fn stderr(&self) -> std::borrow::Cow<'_, str> {
        self.output.text(Stream::Stderr)
    }
}
