//! The log on standard error, through a queue and a thread that writes: a reader that is slow or gone holds no request up.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::watch;

use super::event::{Level, LogEvent, LogFormat};
use super::queue::{Batch, LogQueue, LogQueueSize, Missed, WhenLogIsFull};
use super::record::LogRecord;
use super::sink::{LogSink, LogState};

/// How long lines are gathered before they are written together: a write for each line, and a thread that is woken for each, would
/// cost a request more than its own work at the log. While lines come, the thread that writes looks for them this often, and is
/// woken by none.
const GATHER: Duration = Duration::from_millis(10);
/// How often an idle log looks whether its reader is still there.
const LOOK_FOR_READER: Duration = Duration::from_secs(1);
/// How long a write that failed for a reason that may pass, such as a full disk, is not tried again.
const RETRY: Duration = Duration::from_millis(100);

/// How the log on standard error is written.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// How lines are written.
    pub format: LogFormat,
    /// Leaves the request lines out.
    pub quiet: bool,
    /// How much may wait to be written.
    pub queue: LogQueueSize,
    /// What happens when that much waits.
    pub when_full: WhenLogIsFull,
}

impl Default for LogOptions {
    fn default() -> Self {
        let queue = LogQueueSize::default();
        Self { format: LogFormat::Json, quiet: false, queue, when_full: WhenLogIsFull::Drop }
    }
}

/// Where a log's lines go.
trait LogOutput: Write + Send {
    /// Whether somebody can read what is written.
    fn has_reader(&self) -> bool;
}

/// Writes to standard error, on a thread of its own that starts with the first line. Before the process ends,
/// [`StandardErrorLog::flush`] must be called, or the last lines may be lost.
pub struct StandardErrorLog(Arc<Shared>);

struct Shared {
    options: LogOptions,
    state: Mutex<State>,
    /// There is something to write, or nothing more will come.
    work: Condvar,
    /// Something was written, or the log is closed.
    progress: Condvar,
    crowded: watch::Sender<bool>,
    closed: watch::Sender<bool>,
}

struct State {
    queue: LogQueue,
    /// Until the thread that writes has it.
    output: Option<Box<dyn LogOutput>>,
    closed: bool,
    ended: bool,
    /// How many wait until all is written.
    flushing: usize,
    /// Whether the thread that writes waits for work, or gathers some.
    asleep: bool,
    gathering: bool,
}

impl StandardErrorLog {
    /// A log on this process's standard error.
    #[must_use]
    pub fn new(options: LogOptions) -> Self {
        Self::with_output(options, Box::new(StandardError(None)))
    }

    /// The same in a file, at its end.
    #[must_use]
    pub fn in_file(options: LogOptions, file: File) -> Self {
        Self::with_output(options, Box::new(LogFile(file)))
    }

    fn with_output(options: LogOptions, output: Box<dyn LogOutput>) -> Self {
        let queue = LogQueue::new(options.queue, options.when_full);
        Self(Arc::new(Shared {
            options,
            state: Mutex::new(State {
                queue,
                output: Some(output),
                closed: false,
                ended: false,
                flushing: 0,
                asleep: false,
                gathering: false,
            }),
            work: Condvar::new(),
            progress: Condvar::new(),
            crowded: watch::Sender::new(false),
            closed: watch::Sender::new(false),
        }))
    }

    /// Waits until whoever read the log is gone.
    pub async fn closed(&self) {
        self.0.start(&mut self.0.lock());
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.0.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Waits until all lines are written, for `limit` at most. Returns how many are not. Blocks the thread.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> usize {
        let (deadline, mut state) = (Instant::now() + limit, self.0.lock());
        state.flushing += 1;
        self.0.work.notify_all();
        while state.queue.waiting_lines() > 0 && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.0.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.flushing -= 1;
        state.queue.waiting_lines()
    }
}

impl Drop for StandardErrorLog {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.work.notify_all();
    }
}

impl LogSink for StandardErrorLog {
    fn record(&self, record: &LogRecord) {
        let Shared { options, work, .. } = &*self.0;
        if options.quiet && matches!(record.event, LogEvent::Request { .. }) {
            return;
        }
        let line = record.to_line(options.format) + "\n";
        let mut state = self.0.lock();
        if state.closed {
            return;
        }
        state.queue.push(line);
        self.0.crowded.send_if_modified(|crowded| change(crowded, state.queue.is_crowded()));
        self.0.start(&mut state);
        // Who gathers goes on with it while there is room.
        let wakes = std::mem::take(&mut state.asleep) || (state.gathering && !state.queue.may_gather());
        drop(state);
        if wakes {
            work.notify_one();
        }
    }

    fn state(&self) -> LogState {
        let state = self.0.lock();
        match (state.closed, state.queue.refuses()) {
            (true, _) => LogState::Closed,
            (false, true) => LogState::Full,
            (false, false) => LogState::Open,
        }
    }

    fn admits_request(&self) -> bool {
        let mut state = self.0.lock();
        match (state.closed, self.0.options.when_full) {
            (true, when_full) => when_full == WhenLogIsFull::Drop,
            (false, _) => state.queue.admits_request(),
        }
    }

    fn has_room(&self) -> bool {
        !*self.0.crowded.borrow()
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut crowded = self.0.crowded.subscribe();
        Box::pin(async move {
            // Without a log, nobody has to wait for it.
            let _ = crowded.wait_for(|crowded| !*crowded).await;
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread that writes, unless it runs.
    fn start(self: &Arc<Self>, state: &mut State) {
        let Some(output) = state.output.take() else { return };
        let shared = Arc::clone(self);
        // Without a thread, the next line tries again; the output is that of the process in any case.
        if thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_all(output)).is_err() {
            state.output = Some(Box::new(StandardError(None)));
        }
    }

    fn write_all(&self, mut output: Box<dyn LogOutput>) {
        loop {
            match self.next() {
                Next::Batch(batch) if self.write(&mut *output, &batch) => self.written(&batch),
                Next::Nothing if output.has_reader() => {}
                Next::Batch(_) | Next::Nothing => return self.close(),
                Next::End => return,
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.lock();
        loop {
            // Also where nothing waits yet: who has just written expects more.
            state.gathering = true;
            let may_gather = |state: &mut State| !state.ended && state.flushing == 0 && state.queue.may_gather();
            let gathered = self.work.wait_timeout_while(state, GATHER, may_gather);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
            state.gathering = false;
            if let Some(batch) = state.queue.take() {
                return Next::Batch(batch);
            }
            if state.ended {
                return Next::End;
            }
            state.asleep = true;
            let (guard, waited) =
                self.work.wait_timeout(state, LOOK_FOR_READER).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.asleep = false;
            if waited.timed_out() && state.queue.is_empty() {
                return Next::Nothing;
            }
        }
    }

    /// Writes all of `batch`, however long that takes. Returns whether that can be done.
    fn write(&self, output: &mut dyn LogOutput, batch: &Batch) -> bool {
        let mut left = batch.text.as_bytes();
        while !left.is_empty() {
            match output.write(left) {
                Ok(length) => left = left.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_final(&error) => return false,
                // The disk is full, or somebody made the pipe one that does not wait.
                Err(_) if self.lock().ended => return false,
                Err(_) => thread::sleep(RETRY),
            }
        }
        true
    }

    fn written(&self, batch: &Batch) {
        let mut state = self.lock();
        if let Some(missed) = state.queue.written(batch) {
            for message in explain(missed) {
                let record = LogRecord::host(Level::Warn, None, message);
                state.queue.push(record.to_line(self.options.format) + "\n");
            }
        }
        self.crowded.send_if_modified(|crowded| change(crowded, state.queue.is_crowded()));
        // To tell nobody would be a system call as well.
        let is_awaited = state.flushing > 0;
        drop(state);
        if is_awaited {
            self.progress.notify_all();
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue = LogQueue::new(self.options.queue, self.options.when_full);
        drop(state);
        self.progress.notify_all();
        self.crowded.send_replace(false);
        self.closed.send_replace(true);
    }
}

/// What the thread that writes has to do.
enum Next {
    Batch(Batch),
    /// Nothing came for a while.
    Nothing,
    /// Nothing will come any more.
    End,
}

fn change(value: &mut bool, new: bool) -> bool {
    std::mem::replace(value, new) != new
}

fn explain(missed: Missed) -> impl Iterator<Item = String> {
    let lines = (missed.lines > 0)
        .then(|| format!("{} lines were dropped here: the log was not read as fast as it was written", missed.lines));
    let requests = (missed.requests > 0)
        .then(|| format!("{} requests were refused: the log was not read as fast as it was written", missed.requests));
    lines.into_iter().chain(requests)
}

/// Whether nothing will ever be read of what is written.
fn is_final(error: &io::Error) -> bool {
    let gone = [Errno::PIPE, Errno::CONNRESET, Errno::NOTCONN, Errno::BADF, Errno::IO, Errno::NXIO];
    error.raw_os_error().is_some_and(|code| gone.iter().any(|errno| errno.raw_os_error() == code))
}

/// A file has a reader whenever somebody opens it.
struct LogFile(File);

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl LogOutput for LogFile {
    fn has_reader(&self) -> bool {
        true
    }
}

/// This process's standard error, by a descriptor of its own: the lock of [`io::stderr`] would make whoever else writes
/// there wait for the reader, a panic's message among them.
struct StandardError(Option<File>);

impl StandardError {
    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.0 {
            Some(file) => Ok(file),
            none => {
                let descriptor: OwnedFd = io::stderr().as_fd().try_clone_to_owned()?;
                Ok(none.insert(File::from(descriptor)))
            }
        }
    }
}

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogOutput for StandardError {
    fn has_reader(&self) -> bool {
        let stderr = io::stderr();
        let mut asked = [PollFd::new(&stderr, PollFlags::empty())];
        // What cannot be asked is found out by the next line.
        let _ = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let [answer] = &asked;
        !answer.revents().intersects(PollFlags::ERR | PollFlags::HUP)
    }
}

#[cfg(test)]
mod tests;
