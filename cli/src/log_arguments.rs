//! How `gatehouse up` writes its log.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use gatehouse_host::{
    Level, LogFormat, LogOptions, LogQueueSize, LogRecord, LogSink as _, StandardErrorLog, WhenLogIsFull,
    create_private_directory,
};

/// How long the end of the process waits for the log's reader.
const FLUSH: Duration = Duration::from_secs(5);
/// How long anything waits for the reader of standard output.
const STANDARD_OUTPUT: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct LogArguments {
    /// How the log on standard error is written [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,
    /// What happens when the log is not read as fast as it is written: lines are dropped and counted, or new requests
    /// are refused with 503; with `refuse`, the host stops when the log is closed
    #[arg(long, value_name = "CHOICE", default_value = "drop")]
    when_log_is_full: WhenFull,
    /// How many lines of the log may wait for their reader
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = positive)]
    log_queue_lines: usize,
    /// How many bytes of the log may wait for their reader
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20, value_parser = positive)]
    log_queue_bytes: usize,
    /// Leave the requests out of the log
    #[arg(long)]
    quiet: bool,
    /// Write the log to the end of this file, in place of standard error
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhenFull {
    Drop,
    Refuse,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be 1 at least".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

impl LogArguments {
    /// The log that was asked for. From now on, panics are told there, too.
    ///
    /// # Errors
    /// Where the file of `--log-file` cannot be written.
    pub(crate) fn open(&self) -> Result<Arc<StandardErrorLog>> {
        let format = match self.log_format {
            Some(Format::Text) => LogFormat::Text,
            Some(Format::Json) => LogFormat::Json,
            None if self.log_file.is_none() && std::io::stderr().is_terminal() => LogFormat::Text,
            None => LogFormat::Json,
        };
        let when_full = match self.when_log_is_full {
            WhenFull::Drop => WhenLogIsFull::Drop,
            WhenFull::Refuse => WhenLogIsFull::Refuse,
        };
        let queue = LogQueueSize { lines: self.log_queue_lines, bytes: self.log_queue_bytes };
        let options = LogOptions { format, quiet: self.quiet, queue, when_full };
        let log = Arc::new(match &self.log_file {
            None => StandardErrorLog::new(options),
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                StandardErrorLog::in_file(
                    options,
                    file.with_context(|| format!("cannot write the log {}", path.display()))?,
                )
            }
        });
        let panics = Arc::clone(&log);
        // The usual hook writes to standard error itself, and would wait there for the log's reader.
        panic::set_hook(Box::new(move |panic| {
            panics.record(&LogRecord::host(Level::Error, None, format!("the host failed: {panic}")));
        }));
        Ok(log)
    }

    /// Leaves the terminal to what is printed there, if standard error is one and nothing else was asked for: the log goes
    /// into a file in `folder`, as text.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub(crate) fn leave_the_terminal(&mut self, folder: &Path) -> Result<()> {
        if self.log_file.is_none() && std::io::stderr().is_terminal() {
            create_private_directory(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            self.log_file = Some(folder.join("gatehouse.log"));
            self.log_format.get_or_insert(Format::Text);
        }
        Ok(())
    }

    /// The file that the log goes into.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.log_file.as_deref()
    }

    /// Whether the host is to stop when nobody reads the log any more.
    pub(crate) fn needs_reader(&self) -> bool {
        self.when_log_is_full == WhenFull::Refuse
    }
}

/// Writes what the log holds, and says on standard output what could not be written.
pub(crate) fn flush(log: &StandardErrorLog) {
    let lost = log.flush(FLUSH);
    if lost > 0 {
        say_on_standard_output(format!("gatehouse: the last {lost} lines of the log could not be written"));
    }
}

/// Writes one line to standard output, and does not wait long for whoever reads there.
pub(crate) fn say_on_standard_output(line: String) {
    let (done, written) = mpsc::channel();
    let writing = thread::Builder::new().name("standard-output".to_owned()).spawn(move || {
        let mut out = std::io::stdout().lock();
        // There is nowhere else to say it.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        let _ = done.send(());
    });
    if writing.is_ok() {
        let _ = written.recv_timeout(STANDARD_OUTPUT);
    }
}
