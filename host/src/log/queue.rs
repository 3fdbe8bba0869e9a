//! What waits to be written to the log, and what becomes of lines and requests when it is too much.
//!
//! Nothing here writes, waits or locks: see `standard_error` for that.

use std::collections::VecDeque;

/// What happens when the log is not read as fast as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenLogIsFull {
    /// Lines are dropped and counted; requests go on.
    Drop,
    /// New requests are refused, and no line of those that run is dropped: guests that write much wait.
    Refuse,
}

/// How much may wait to be written to the log. It is full at the one or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQueueSize {
    /// Lines.
    pub lines: usize,
    /// Bytes of these lines, as they are written.
    pub bytes: usize,
}

impl Default for LogQueueSize {
    fn default() -> Self {
        Self { lines: 10_000, bytes: 8 << 20 }
    }
}

/// With [`WhenLogIsFull::Refuse`]: guests wait when this many times the size wait to be written.
const WAIT_MULTIPLE: usize = 2;
/// Nothing is kept beyond this many times the size. With [`WhenLogIsFull::Refuse`], the requests that run when the log
/// becomes full would have to leave three times the size behind, although they wait, before one of their lines is lost.
const MOST_MULTIPLE: usize = 4;

/// Bytes that are written at once, unless a single line is longer.
const BATCH: usize = 64 * 1024;

/// What did not happen while the log was full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Missed {
    /// Lines that were dropped.
    pub(crate) lines: u64,
    /// Requests that were refused, of which there is no line.
    pub(crate) requests: u64,
}

/// Lines that are being written. They count as waiting until then.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) text: String,
    lines: usize,
}

/// The lines that wait.
#[derive(Debug)]
pub(crate) struct LogQueue {
    size: LogQueueSize,
    when_full: WhenLogIsFull,
    lines: VecDeque<String>,
    /// Those that are being written among them.
    waiting: LogQueueSize,
    full: bool,
    crowded: bool,
    missed: Missed,
}

impl LogQueue {
    pub(crate) fn new(size: LogQueueSize, when_full: WhenLogIsFull) -> Self {
        let (lines, waiting) = (VecDeque::new(), LogQueueSize { lines: 0, bytes: 0 });
        Self { size, when_full, lines, waiting, full: false, crowded: false, missed: Missed::default() }
    }

    /// Takes a line, with its line break, or counts it as dropped.
    pub(crate) fn push(&mut self, line: String) {
        self.full |= !self.fits(&line, 1);
        let taken = match self.when_full {
            WhenLogIsFull::Drop => !self.full,
            WhenLogIsFull::Refuse => self.fits(&line, MOST_MULTIPLE),
        };
        if !taken {
            self.missed.lines = self.missed.lines.saturating_add(1);
            return;
        }
        self.waiting.lines = self.waiting.lines.saturating_add(1);
        self.waiting.bytes = self.waiting.bytes.saturating_add(line.len());
        self.crowded |= self.when_full == WhenLogIsFull::Refuse && self.is_above(WAIT_MULTIPLE, 1);
        self.lines.push_back(line);
    }

    /// Whether a request may begin; counts it as refused where it may not.
    pub(crate) fn admits_request(&mut self) -> bool {
        let admitted = !self.refuses();
        if !admitted {
            self.missed.requests = self.missed.requests.saturating_add(1);
        }
        admitted
    }

    /// Whether requests are refused.
    pub(crate) fn refuses(&self) -> bool {
        self.full && self.when_full == WhenLogIsFull::Refuse
    }

    /// Whether guests are to wait before they write more.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// How many lines wait, those that are being written among them.
    pub(crate) fn waiting_lines(&self) -> usize {
        self.waiting.lines
    }

    /// Whether no line waits to be taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether there is room for more lines, so that those that wait may wait a little longer.
    pub(crate) fn may_gather(&self) -> bool {
        self.waiting.bytes < BATCH && !self.is_above(1, 2)
    }

    /// The next lines to be written, in their order; `None` when there are none.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        let first = self.lines.pop_front()?;
        let mut batch = Batch { text: first, lines: 1 };
        while let Some(line) = self.lines.pop_front_if(|line| batch.text.len().saturating_add(line.len()) <= BATCH) {
            batch.text.push_str(&line);
            batch.lines = batch.lines.saturating_add(1);
        }
        Some(batch)
    }

    /// Makes the room of lines that were written free again. When the log is no longer full, which is so at half its
    /// size, returns what was missed, to be said before anything else.
    pub(crate) fn written(&mut self, batch: &Batch) -> Option<Missed> {
        self.waiting.lines = self.waiting.lines.saturating_sub(batch.lines);
        self.waiting.bytes = self.waiting.bytes.saturating_sub(batch.text.len());
        self.crowded &= self.is_above(1, 1);
        self.full &= self.is_above(1, 2);
        let said = !self.full && self.missed != Missed::default();
        said.then(|| std::mem::take(&mut self.missed))
    }

    /// Whether `line` may wait, too, where `times` the size may. An empty queue takes any line.
    fn fits(&self, line: &str, times: usize) -> bool {
        self.waiting.lines == 0
            || (self.waiting.lines < self.size.lines.saturating_mul(times)
                && self.waiting.bytes.saturating_add(line.len()) <= self.size.bytes.saturating_mul(times))
    }

    /// Whether more waits than the size, `times` and divided by `part`.
    fn is_above(&self, times: usize, part: usize) -> bool {
        self.waiting.lines > self.size.lines.saturating_mul(times) / part
            || self.waiting.bytes > self.size.bytes.saturating_mul(times) / part
    }
}

#[cfg(test)]
mod tests;
