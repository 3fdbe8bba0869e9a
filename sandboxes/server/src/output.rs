//! What a run writes, as it comes.

use std::borrow::Cow;

use sandbox_run::Stream;

/// Standard output and standard error, up to a limit for both together.
#[derive(Debug)]
pub struct Output {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    left: usize,
}

/// More was written than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

impl Output {
    /// Nothing yet, and at most so many bytes.
    pub const fn at_most(bytes: usize) -> Self {
        Self { stdout: Vec::new(), stderr: Vec::new(), left: bytes }
    }

    /// Takes what was written, as far as there is room; that part.
    ///
    /// # Errors
    /// Where there was more than room. What there was room for is kept nonetheless.
    pub fn push<'b>(&mut self, stream: Stream, bytes: &'b [u8]) -> (&'b [u8], Result<(), TooMuch>) {
        let taken = bytes.get(..self.left).unwrap_or(bytes);
        self.left = self.left.saturating_sub(taken.len());
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(taken),
            Stream::Stderr => self.stderr.extend_from_slice(taken),
        }
        (taken, if taken.len() < bytes.len() { Err(TooMuch) } else { Ok(()) })
    }

    /// What was written, as text: what is no UTF-8 is replaced.
    pub fn text(&self, stream: Stream) -> Cow<'_, str> {
        match stream {
            Stream::Stdout => String::from_utf8_lossy(&self.stdout),
            Stream::Stderr => String::from_utf8_lossy(&self.stderr),
        }
    }
}

/// Makes text of bytes that come in pieces: a character that was cut waits for its rest.
#[derive(Debug, Default)]
pub struct Text {
    cut: Vec<u8>,
}

impl Text {
    /// The text that is whole with this piece.
    pub fn push(&mut self, piece: &[u8]) -> String {
        self.cut.extend_from_slice(piece);
        let mut text = String::new();
        let mut rest = self.cut.as_slice();
        loop {
            match core::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                }
                Err(error) => {
                    let (whole, after) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
                    text.push_str(&String::from_utf8_lossy(whole));
                    rest = after;
                    if let Some(wrong) = error.error_len() {
                        text.push(char::REPLACEMENT_CHARACTER);
                        rest = rest.get(wrong..).unwrap_or_default();
                        continue;
                    }
                }
            }
            break;
        }
        self.cut = rest.to_vec();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_up_to_the_limit_of_both_streams_together() {
        let mut output = Output::at_most(10);
        assert_eq!(output.push(Stream::Stdout, b"12345"), (b"12345".as_slice(), Ok(())));
        assert_eq!(output.push(Stream::Stderr, b"67890"), (b"67890".as_slice(), Ok(())));
        assert_eq!(output.push(Stream::Stdout, b""), (b"".as_slice(), Ok(())));
        assert_eq!(output.push(Stream::Stdout, b"1"), (b"".as_slice(), Err(TooMuch)));
        let mut output = Output::at_most(3);
        assert_eq!(output.push(Stream::Stdout, b"12345"), (b"123".as_slice(), Err(TooMuch)));
        assert_eq!((output.text(Stream::Stdout), output.text(Stream::Stderr)), ("123".into(), "".into()));
    }

    #[test]
    fn a_character_that_is_cut_anywhere_comes_whole_and_what_is_none_is_replaced() {
        let all = "a\u{e4}\u{20ac}\u{1f600}z".as_bytes();
        for size in 1..=all.len() {
            let mut text = Text::default();
            let together: String = all.chunks(size).map(|piece| text.push(piece)).collect();
            assert_eq!(together.as_bytes(), all, "{size}");
        }
        let mut text = Text::default();
        assert_eq!(text.push(b"\xffa\xe2\x82"), "\u{fffd}a");
        assert_eq!(text.push(b"b\xe2"), "\u{fffd}b");
        assert_eq!(text.push(b"\x82\xac"), "\u{20ac}");
    }
}
