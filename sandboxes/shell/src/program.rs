//! A run: from its message to its outcome.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bashkit::{Bash, Builtin, Error, ExecResult, FileSystem, SessionLimits};
use sandbox_egress::Egress;
use sandbox_run::{File, Limit, Limits, Outcome, Run, Stream, TreePath, WORK_FOLDER};
use tokio::time::MissedTickBehavior;

use crate::disk::Disk;
use crate::kept::{self, Kept, Shape};
use crate::network::{Curl, Network, SendRequest, Wget};
use crate::output::{Output, Sink};
use crate::{limits, tree};

/// How long printed bytes wait for more while a program waits itself.
const FLUSH: Duration = Duration::from_millis(100);
/// The exit code of a program that was stopped at its time limit, as `timeout` has it, and at another one, as a killed process has it.
const TIMED_OUT: i32 = 124;
const KILLED: i32 = 137;
/// What bash exits with where it cannot read a program.
const MISUSED: i32 = 2;

/// Bytes that are kept for the last frame, besides those of the state in it.
const RESERVE: usize = 128 * 1024;
/// How long after its time limit a run is ended from outside: bashkit ends what it can at the limit itself.
const GRACE: Duration = Duration::from_millis(500);

/// How long after its time limit a request of a run is ended: a moment later, so that the limit has passed for bashkit, too, and no command follows.
const LATER: Duration = Duration::from_millis(100);

/// Runs a program. What it prints goes to the sink while it runs; the sink is given back, unless it was taken by the [`Stop`] that `started` is
/// given before the program begins. Requests of HTTP are sent by `send`, where the run may send any.
///
/// A program that a limit stops changes nothing: its files and the shell's variables are those of before. A program whose output was cut, or that
/// found the file system full, is not stopped.
pub fn run<S: Sink>(run: Run, sink: S, send: SendRequest, started: impl FnOnce(Stop<S>)) -> (Outcome, Option<S>) {
    let Run { code, state, files, limits, egress } = run;
    let most = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
    let output = Shared(Arc::new(Mutex::new(Output::new(sink, most))));
    let time = Duration::from_secs(u64::from(limits.seconds));
    let reserve = Vec::with_capacity(state.len().saturating_add(RESERVE));
    started(Stop { output: output.clone(), state: state.clone(), reserve, started: Instant::now(), time });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(in_shell(&code, &state, files, limits, (egress, send), &output)),
        Err(_) => stopped(state, KILLED, None, "The shell could not be started.".to_owned()),
    };
    (outcome, output.with(Output::take_sink))
}

/// Ends a run from outside, while its program works on: bashkit looks at the clock between two commands, and not in each of them.
pub struct Stop<S> {
    output: Shared<S>,
    state: Vec<u8>,
    /// Memory for the last frame, where there is no other.
    reserve: Vec<u8>,
    started: Instant,
    time: Duration,
}

impl<S: Sink> Stop<S> {
    /// Whether the run is past its time.
    pub fn is_late(&self) -> bool {
        self.started.elapsed() > self.time.saturating_add(GRACE)
    }

    /// Takes the sink, after everything that was printed, and says how the run ended. Nothing where something is being printed just now, or
    /// the run is over. Whoever calls this lets the program go no further.
    pub fn stop(&mut self, limit: Limit) -> Option<(Outcome, S)> {
        self.reserve = Vec::new();
        let sink = self.output.0.try_lock().ok()?.take_sink()?;
        let exit_code = if limit == Limit::Time { TIMED_OUT } else { KILLED };
        let note = "The program was stopped in the middle of a command.".to_owned();
        Some((stopped(std::mem::take(&mut self.state), exit_code, Some(limit), note), sink))
    }
}

async fn in_shell<S: Sink>(
    code: &str,
    state: &[u8],
    files: Vec<File>,
    limits: Limits,
    network: (Egress, SendRequest),
    output: &Shared<S>,
) -> Outcome {
    let begun = Instant::now();
    let mut notes = Vec::new();
    let kept = Kept::from_bytes(state).unwrap_or_else(|error| {
        notes.push(forgotten(&error));
        Kept::default()
    });
    let (tree, disk) = match tree::load(files, kept.shape, &limits).await {
        Ok(loaded) => loaded,
        Err(error) => {
            return stopped(
                state.to_vec(),
                KILLED,
                Some(Limit::Files),
                format!("The files could not be loaded: {error}."),
            );
        }
    };
    let disk = Arc::new(disk);
    let mut bash = shell(&disk, &limits, commands(network, begun, &limits, output));
    if !kept.shell.is_empty() {
        match kept::read(&kept.shell) {
            Ok(known) => bash.restore_shell_state(&known),
            Err(error) => notes.push(forgotten(&error)),
        }
    }
    return_home(&mut bash, &disk, &mut notes).await;

    let started = Instant::now();
    let ended = execute(&mut bash, code, output).await;
    let is_late = started.elapsed() >= Duration::from_secs(u64::from(limits.seconds));
    let exit_code = match ended {
        Ok(result) => {
            output.print_rest(&result);
            result.exit_code
        }
        Err(Error::ResourceLimit(limit)) => {
            let exceeded = limits::exceeded(&limit);
            let exit_code = if exceeded == Limit::Time { TIMED_OUT } else { KILLED };
            return stopped(state.to_vec(), exit_code, Some(exceeded), format!("The program was stopped: {limit}."));
        }
        Err(Error::Execution(text)) if limits::is_of_depth(&text) => {
            return stopped(state.to_vec(), KILLED, Some(Limit::Compute), format!("The program was stopped: {text}."));
        }
        Err(Error::Cancelled) => {
            return stopped(
                state.to_vec(),
                KILLED,
                None,
                "The program was stopped: nobody reads its output.".to_owned(),
            );
        }
        Err(error) => {
            let text = error.syntax_report("bash", code).unwrap_or_else(|| format!("bash: {error}\n"));
            output.print(Stream::Stderr, text.as_bytes());
            MISUSED
        }
    };
    // In handlers of traps and in background jobs bashkit takes its time limit for an error like others.
    if is_late {
        return stopped(
            state.to_vec(),
            TIMED_OUT,
            Some(Limit::Time),
            "The program was stopped at its time limit.".to_owned(),
        );
    }
    let mut changes = tree.changes(&disk);
    notes.append(&mut changes.notes);
    let mut limit = output.is_cut().then_some(Limit::Output);
    if disk.was_full() {
        limit = Some(Limit::Files);
    }
    let most_state = usize::try_from(limits.state_bytes).unwrap_or(usize::MAX);
    let state = match state_of(&bash, changes.shape, &mut notes) {
        Some(new) if new.len() <= most_state => new,
        Some(_) => {
            limit = Some(Limit::State);
            notes.push(
                "The shell's variables and functions are too large to be kept. Those of before the program were kept."
                    .to_owned(),
            );
            state.to_vec()
        }
        None => {
            notes.push(
                "The shell's variables and functions could not be kept. Those of before the program were kept."
                    .to_owned(),
            );
            state.to_vec()
        }
    };
    Outcome { exit_code, state, changed: changes.changed, removed: changes.removed, limit, notes }
}

/// The commands that send requests; none where the run may send nothing.
fn commands<S: Sink>(
    (egress, send): (Egress, SendRequest),
    begun: Instant,
    limits: &Limits,
    output: &Shared<S>,
) -> Vec<(&'static str, Box<dyn Builtin>)> {
    if egress.is_off() {
        return Vec::new();
    }
    let output = output.clone();
    let time = Duration::from_secs(u64::from(limits.seconds)).saturating_add(LATER);
    let deadline = begun.checked_add(time).unwrap_or(begun);
    // Nobody waits for what was printed until an answer is there.
    let network = Network::new(egress, deadline, send, move || output.flush());
    vec![("curl", Box::new(Curl(Arc::clone(&network)))), ("wget", Box::new(Wget(network)))]
}

/// A new shell over these files, with these commands beside its own.
fn shell(disk: &Arc<Disk>, limits: &Limits, commands: Vec<(&'static str, Box<dyn Builtin>)>) -> Bash {
    let builder = Bash::builder()
        .fs(Arc::clone(disk) as Arc<dyn FileSystem>)
        .username("user")
        .hostname("sandbox")
        .env("HOME", WORK_FOLDER)
        .cwd(WORK_FOLDER)
        .limits(limits::execution(limits))
        .memory_limits(limits::memory())
        // An instance serves one run; a session of thousands is many instances.
        .session_limits(SessionLimits::unlimited());
    commands.into_iter().fold(builder, |builder, (name, command)| builder.builtin(name, command)).build()
}

/// Goes back to the home folder where the working folder is no longer there: Python may have removed it.
async fn return_home(bash: &mut Bash, disk: &Disk, notes: &mut Vec<String>) {
    let mut state = bash.shell_state();
    let is_there = match bash.fs().stat(&state.cwd).await {
        Ok(found) => found.file_type.is_dir(),
        Err(_) => false,
    };
    if !is_there {
        disk.add_folder(Path::new(WORK_FOLDER));
        notes.push(format!("The working folder was removed. The shell is in {WORK_FOLDER}."));
        state.cwd = WORK_FOLDER.into();
        bash.restore_shell_state(&state);
    }
}

async fn execute<S: Sink>(bash: &mut Bash, code: &str, output: &Shared<S>) -> Result<ExecResult, Error> {
    let cancel = bash.cancellation_token();
    let printed = output.clone();
    let running = bash.exec_streaming(
        code,
        Box::new(move |stdout, stderr| {
            printed.print(Stream::Stdout, stdout.as_bytes());
            printed.print(Stream::Stderr, stderr.as_bytes());
            if !printed.is_read() {
                cancel.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }),
    );
    let mut running = std::pin::pin!(running);
    let mut ticks = tokio::time::interval(FLUSH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = &mut running => return ended,
            _ = ticks.tick() => output.flush(),
        }
    }
}

fn state_of(bash: &Bash, shape: Shape, notes: &mut Vec<String>) -> Option<Vec<u8>> {
    let (shell, lost) = kept::written(&bash.shell_state()).ok()?;
    if lost > 0 {
        notes.push(format!("{lost} functions of the shell could not be kept."));
    }
    Kept { shell, shape }.to_bytes().ok()
}

fn stopped(state: Vec<u8>, exit_code: i32, limit: Option<Limit>, note: String) -> Outcome {
    let (changed, removed): (Vec<File>, Vec<TreePath>) = Default::default();
    Outcome { exit_code, state, changed, removed, limit, notes: vec![note] }
}

fn forgotten(error: &dyn std::fmt::Display) -> String {
    format!("Variables and functions of former programs are lost: {error}.")
}

/// The output, which the shell's callback and the run both reach.
struct Shared<S>(Arc<Mutex<Output<S>>>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Sink> Shared<S> {
    fn with<T>(&self, act: impl FnOnce(&mut Output<S>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn print(&self, stream: Stream, bytes: &[u8]) {
        self.with(|output| output.print(stream, bytes));
    }

    /// What a result holds and was not streamed.
    fn print_rest(&self, result: &ExecResult) {
        for (stream, all) in [(Stream::Stdout, &result.stdout), (Stream::Stderr, &result.stderr)] {
            let printed = self.with(|output| output.printed(stream));
            self.print(stream, all.as_bytes().get(printed..).unwrap_or_default());
        }
    }

    fn flush(&self) {
        self.with(Output::flush);
    }

    fn is_read(&self) -> bool {
        self.with(|output| output.is_read())
    }

    fn is_cut(&self) -> bool {
        self.with(|output| output.is_cut())
    }
}
