//! What a program prints: gathered into pieces of the answer, and cut at its limit.
//!
//! A loop that prints ten thousand lines is not ten thousand pieces, of which each would be one of HTTP, too. What is printed after a
//! silence goes out at once; what follows waits until there is enough of it, or for [`WAIT`], or until the program itself waits or ends. An
//! interpreter that traps takes with it what waits.

use sandbox_run::{Frame, Stream};

/// Bytes that are passed on without waiting for more.
const PIECE: usize = 16 << 10;
/// How long after the piece before it a smaller one is passed on, in nanoseconds.
const WAIT: u64 = 100_000_000;
/// The most bytes of output in a frame.
const FRAME: usize = 32 << 10;

/// The output of a run. What it returns is to be sent now; it is empty where nothing is.
pub struct Output {
    left: usize,
    dropped: usize,
    /// Frames that wait.
    frames: Vec<u8>,
    /// What will be the next one.
    stream: Stream,
    bytes: Vec<u8>,
    /// When something was sent.
    sent: Option<u64>,
}

impl Output {
    /// Output of at most so many bytes, of both streams together.
    pub fn new(most_bytes: usize) -> Self {
        let stream = Stream::Stdout;
        Self { left: most_bytes, dropped: 0, frames: Vec::new(), stream, bytes: Vec::new(), sent: None }
    }

    /// Takes what a program has printed, in so many nanoseconds of the monotonic clock. What is past the limit is dropped.
    pub fn print(&mut self, stream: Stream, bytes: &[u8], now: u64) -> Vec<u8> {
        let taken = bytes.get(..self.left).unwrap_or(bytes);
        self.left -= taken.len();
        self.dropped = self.dropped.saturating_add(bytes.len() - taken.len());
        if stream != self.stream {
            self.end_frame();
            self.stream = stream;
        }
        self.bytes.extend_from_slice(taken);
        if self.frames.len() + self.bytes.len() >= PIECE { self.take(now) } else { self.take_due(now) }
    }

    /// What has waited for long enough.
    pub fn take_due(&mut self, now: u64) -> Vec<u8> {
        self.take_before(now, now)
    }

    /// What waits, where the program itself waits until then for longer than it may.
    pub fn take_before(&mut self, until: u64, now: u64) -> Vec<u8> {
        let is_due = self.sent.is_none_or(|sent| until.saturating_sub(sent) >= WAIT);
        if is_due { self.take(now) } else { Vec::new() }
    }

    /// What waits.
    pub fn take(&mut self, now: u64) -> Vec<u8> {
        self.end_frame();
        if !self.frames.is_empty() {
            self.sent = Some(now);
        }
        std::mem::take(&mut self.frames)
    }

    /// How many bytes were past the limit.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    fn end_frame(&mut self) {
        for piece in self.bytes.chunks(FRAME) {
            if let Ok(frame) = sandbox_run::frame(&Frame::Output { stream: self.stream, bytes: piece.to_vec() }) {
                self.frames.extend_from_slice(&frame);
            }
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use sandbox_run::FrameReader;

    use super::*;

    const MOST: usize = 100_000;

    /// What is in frames, with the stream as `o` or `e`.
    fn read(frames: &[u8]) -> Vec<(char, String)> {
        let read = FrameReader::new(FRAME + 100).push(frames).unwrap();
        let text = |frame| match frame {
            Frame::Output { stream, bytes } => {
                (if stream == Stream::Stdout { 'o' } else { 'e' }, String::from_utf8(bytes).unwrap())
            }
            Frame::Ended(_) => unreachable!(),
        };
        read.into_iter().map(text).collect()
    }

    fn frames(list: &[(char, &str)]) -> Vec<(char, String)> {
        list.iter().map(|(stream, text)| (*stream, (*text).to_owned())).collect()
    }

    #[test]
    fn what_comes_after_a_silence_goes_out_at_once_and_the_rest_together_and_in_order() {
        let mut output = Output::new(MOST);
        assert_eq!(read(&output.print(Stream::Stdout, b"a", 5)), frames(&[('o', "a")]));
        for (stream, text) in
            [(Stream::Stdout, "b"), (Stream::Stdout, "c"), (Stream::Stderr, "d"), (Stream::Stdout, "e")]
        {
            assert!(output.print(stream, text.as_bytes(), 5 + WAIT - 1).is_empty(), "{text}");
        }
        assert!(output.take_due(5 + WAIT - 1).is_empty());
        let rest = frames(&[('o', "bc"), ('e', "d"), ('o', "e")]);
        assert_eq!(read(&output.take_due(5 + WAIT)), rest);
        assert!(output.take(5 + WAIT).is_empty());
        // From then on, it waits again.
        assert!(output.print(Stream::Stdout, b"f", 5 + 2 * WAIT - 1).is_empty());
        assert_eq!(read(&output.print(Stream::Stderr, b"g", 5 + 2 * WAIT)), frames(&[('o', "f"), ('e', "g")]));
    }

    #[test]
    fn enough_goes_out_at_once_whichever_streams_it_is_for() {
        let mut output = Output::new(MOST);
        output.print(Stream::Stdout, b"a", 0);
        let text = "x".repeat(PIECE - 1);
        assert!(output.print(Stream::Stdout, text.as_bytes(), 0).is_empty());
        assert_eq!(read(&output.print(Stream::Stdout, b"y", 0)), frames(&[('o', &(text + "y"))]));
        let mut pieces = 0;
        for number in 0..PIECE {
            let stream = if number % 2 == 0 { Stream::Stdout } else { Stream::Stderr };
            pieces += usize::from(!output.print(stream, b"z", 0).is_empty());
        }
        assert!((1..20).contains(&pieces), "{pieces}");
        let large = "l".repeat(FRAME + 1);
        let read = read(&output.print(Stream::Stdout, large.as_bytes(), 0));
        assert_eq!(read.last().unwrap().1, "l");
    }

    #[test]
    fn a_program_that_waits_for_longer_waits_after_its_output() {
        let mut output = Output::new(MOST);
        output.print(Stream::Stdout, b"a", 0);
        output.print(Stream::Stdout, b"b", 1);
        assert!(output.take_before(WAIT - 1, 2).is_empty() && output.take_before(0, 2).is_empty());
        assert_eq!(read(&output.take_before(WAIT, 2)), frames(&[('o', "b")]));
        output.print(Stream::Stdout, b"c", 3);
        assert_eq!(read(&output.take_due(2 + WAIT)), frames(&[('o', "c")]));
    }

    #[test]
    fn output_at_the_limit_is_whole_and_what_is_past_it_is_counted() {
        for (text, dropped) in [("12345", 0), ("123456", 1), ("1234567", 2)] {
            let mut output = Output::new(5);
            assert_eq!(read(&output.print(Stream::Stderr, text.as_bytes(), 0)), frames(&[('e', "12345")]));
            assert!(output.print(Stream::Stdout, b"", WAIT).is_empty());
            assert_eq!(output.dropped(), dropped, "{text}");
        }
    }
}
