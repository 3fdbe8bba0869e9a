//! Servers as child processes: started one after the other, watched together, stopped in order.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{process, progress};

/// What the embedded host prints, among other things, once it accepts connections.
const SERVING: &str = "Serving ";
/// The host compiles a component it has not seen before it serves it; on a slow and busy machine that takes a while.
const START_LIMIT: Duration = Duration::from_secs(180);
/// The host gives running streams 30 seconds to end. A server that still runs after this time is killed.
const STOP_LIMIT: Duration = Duration::from_secs(35);
const POLL: Duration = Duration::from_millis(50);
/// So many of the last lines of a server that ended are shown.
const LAST_LINES: usize = 20;

/// What becomes of a server's standard output once it serves. Everything goes into its log, and before that to the
/// terminal, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The terminal is for the guide.
    Logged,
    /// It is the guide.
    Shown,
}

/// What happens while the servers run.
#[derive(Debug)]
pub enum Event {
    /// The server of this name accepts connections.
    Serving(&'static str),
    /// The user wants everything to stop.
    Interrupted,
}

/// How the servers' common life ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Interrupted,
    /// This one ended by itself.
    Died(&'static str, String),
}

struct Server {
    name: &'static str,
    child: Child,
    lines: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// What becomes of the lines of one server.
#[derive(Clone)]
struct Lines(Arc<Mutex<LinesState>>);

struct LinesState {
    log: File,
    last: VecDeque<String>,
    serves: bool,
}

impl Lines {
    fn new(log: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let log = options.open(log).with_context(|| format!("cannot write {}", log.display()))?;
        Ok(Self(Arc::new(Mutex::new(LinesState { log, last: VecDeque::new(), serves: false }))))
    }

    /// Whether the server served before this line.
    fn add(&self, line: &str) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk is no reason to stop a demo.
        let _ = writeln!(state.log, "{line}");
        state.last.push_back(line.to_owned());
        if state.last.len() > LAST_LINES {
            state.last.pop_front();
        }
        let before = state.serves;
        state.serves |= line.contains(SERVING);
        before
    }

    /// Shows the last lines, where they were not shown when they came.
    fn show_last(&self, name: &str) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in state.last.iter().filter(|_| state.serves) {
            progress::note(&format!("[{name}] {line}"));
        }
    }
}

/// Running servers, in the order in which they were started. Dropping them kills what still runs.
pub struct Servers {
    running: Vec<Server>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Servers {
    /// None yet. Whatever reads `events` must be the other end of `sender`, where the interrupt handler sends, too.
    pub fn new(sender: Sender<Event>, events: Receiver<Event>) -> Self {
        Self { running: Vec::new(), sender, events }
    }

    /// Starts a server and waits until it says that it serves. Until then, its lines are shown with its name in front; all of
    /// them go into the file `log`.
    pub fn start(
        &mut self,
        name: &'static str,
        command: &mut Command,
        log: &Path,
        output: Output,
    ) -> Result<Option<Ended>> {
        let lines = Lines::new(log)?;
        own_process_group(command);
        let shown = process::shown(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        let stdout = child.stdout.take().map(|out| read_lines(name, out, lines.clone(), output, self.sender.clone()));
        let stderr =
            child.stderr.take().map(|out| read_lines(name, out, lines.clone(), Output::Logged, self.sender.clone()));
        let readers = stdout.into_iter().chain(stderr).collect();
        self.running.push(Server { name, child, lines, readers });
        self.until_serving(name)
    }

    fn until_serving(&mut self, name: &'static str) -> Result<Option<Ended>> {
        let started = Instant::now();
        let mut reported = Instant::now();
        while started.elapsed() < START_LIMIT {
            match self.next_event()? {
                Some(Event::Serving(served)) if served == name => return Ok(None),
                Some(Event::Interrupted) => return Ok(Some(Ended::Interrupted)),
                Some(Event::Serving(_)) | None => {}
            }
            if let Some(died) = self.dead()? {
                return Ok(Some(died));
            }
            if reported.elapsed() >= progress::HEARTBEAT {
                progress::note(&format!("    … waiting for {name}: {} so far", progress::elapsed(started)));
                reported = Instant::now();
            }
        }
        bail!("{name} did not start to serve within {} s", START_LIMIT.as_secs())
    }

    /// Waits until the user interrupts or a server ends.
    pub fn watch(&mut self) -> Result<Ended> {
        loop {
            if let Some(Event::Interrupted) = self.next_event()? {
                return Ok(Ended::Interrupted);
            }
            if let Some(died) = self.dead()? {
                return Ok(died);
            }
        }
    }

    /// Stops the servers, the one started last first: nothing loses what it depends on. A second interrupt kills what
    /// is left.
    pub fn stop(&mut self) -> Result<()> {
        while let Some(mut server) = self.running.pop() {
            if server.child.try_wait()?.is_some() {
                continue;
            }
            progress::note(&format!("Stopping {} …", server.name));
            ask_to_end(&mut server.child)?;
            let asked = Instant::now();
            while server.child.try_wait()?.is_none() {
                let hurried = matches!(self.next_event()?, Some(Event::Interrupted));
                if hurried || asked.elapsed() >= STOP_LIMIT {
                    server.child.kill()?;
                    server.child.wait()?;
                }
            }
        }
        Ok(())
    }

    fn next_event(&self) -> Result<Option<Event>> {
        match self.events.recv_timeout(POLL) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("nobody watches the servers any more"),
        }
    }

    fn dead(&mut self) -> Result<Option<Ended>> {
        for server in &mut self.running {
            if let Some(status) = server.child.try_wait()? {
                for reader in server.readers.drain(..) {
                    // It has read to the end, or has nothing to say.
                    let _ = reader.join();
                }
                server.lines.show_last(server.name);
                return Ok(Some(Ended::Died(server.name, how(status))));
            }
        }
        Ok(None)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for server in &mut self.running {
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
    }
}

fn how(status: ExitStatus) -> String {
    status.to_string()
}

fn read_lines(
    name: &'static str,
    from: impl Read + Send + 'static,
    lines: Lines,
    output: Output,
    events: Sender<Event>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        // Bytes, not `lines`: one line that is not UTF-8 must not end the reading, which would block the server.
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            match (lines.add(text), output) {
                (false, _) => progress::note(&format!("[{name}] {text}")),
                (true, Output::Shown) => progress::say(text),
                (true, Output::Logged) => {}
            }
            if text.contains(SERVING) {
                // Nobody listens any more when everything is being stopped.
                let _ = events.send(Event::Serving(name));
            }
            line.clear();
        }
    })
}

/// A Ctrl-C in the terminal goes to its whole process group; the servers are stopped by us, in order.
#[cfg(unix)]
fn own_process_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_process_group(_: &mut Command) {}

#[cfg(unix)]
fn ask_to_end(child: &mut Child) -> Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    // The child has not been waited for, so its id is still its own.
    if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process(id, Signal::TERM).context("cannot ask a server to stop")?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn ask_to_end(child: &mut Child) -> Result<()> {
    child.kill().context("cannot stop a server")
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use std::sync::mpsc;

    use super::*;

    /// Starts a shell under the name of a server; its log is in `folder`.
    fn start(servers: &mut Servers, folder: &Path, name: &'static str, script: &str) -> Option<Ended> {
        servers.start(name, &mut shell(script), &folder.join(format!("{name}.log")), Output::Logged).unwrap()
    }

    fn servers() -> (Servers, Sender<Event>) {
        let (sender, events) = mpsc::channel();
        (Servers::new(sender.clone(), events), sender)
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_is_started_once_it_says_that_it_serves() {
        let (mut servers, _) = servers();
        let folder = tempfile::tempdir().unwrap();
        let script = "echo; echo Serving http://127.0.0.1:1; echo request >&2; exec sleep 60";
        assert_eq!(start(&mut servers, folder.path(), "one", script), None);
        // What it says later is in its log, too. Once it is stopped, it may never say it.
        let (log, begun) = (folder.path().join("one.log"), Instant::now());
        while !std::fs::read_to_string(&log).unwrap().contains("request") {
            assert!(begun.elapsed() < Duration::from_secs(60), "the line does not come");
            thread::yield_now();
        }
        servers.stop().unwrap();
    }

    #[test]
    fn a_server_that_ends_before_it_serves_is_named_with_its_status() {
        let (mut servers, _) = servers();
        let folder = tempfile::tempdir().unwrap();
        let ended = start(&mut servers, folder.path(), "one", "echo no such file >&2; exit 7");
        assert_eq!(ended, Some(Ended::Died("one", "exit status: 7".to_owned())));
    }

    #[test]
    fn the_server_that_dies_is_told_apart_from_those_that_live() {
        let (mut servers, _) = servers();
        let folder = tempfile::tempdir().unwrap();
        start(&mut servers, folder.path(), "one", "echo Serving it; exec sleep 60");
        start(&mut servers, folder.path(), "two", "echo Serving it; exit 3");
        assert_eq!(servers.watch().unwrap(), Ended::Died("two", "exit status: 3".to_owned()));
        servers.stop().unwrap();
    }

    #[test]
    fn an_interrupt_ends_the_watch_and_servers_stop_the_last_one_first() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("stopped");
        let (mut servers, sender) = servers();
        for name in ["first", "second"] {
            let log = log.display();
            let script = format!("trap 'echo {name} >> {log}; kill $!; exit 0' TERM; echo Serving it; sleep 60 & wait");
            assert_eq!(start(&mut servers, folder.path(), name, &script), None);
        }
        sender.send(Event::Interrupted).unwrap();
        assert_eq!(servers.watch().unwrap(), Ended::Interrupted);
        servers.stop().unwrap();
        assert_eq!(std::fs::read_to_string(log).unwrap(), "second\nfirst\n");
    }

    #[test]
    fn a_second_interrupt_kills_a_server_that_does_not_stop() {
        let (mut servers, sender) = servers();
        let folder = tempfile::tempdir().unwrap();
        start(&mut servers, folder.path(), "stubborn", "trap '' TERM; echo Serving it; while :; do sleep 1; done");
        sender.send(Event::Interrupted).unwrap();
        let asked = Instant::now();
        servers.stop().unwrap();
        assert!(asked.elapsed() < STOP_LIMIT);
    }
}
