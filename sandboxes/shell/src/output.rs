//! What a program prints: gathered into pieces, cut at its limit.

use sandbox_run::Stream;

/// Bytes that are passed on at once, without waiting for [`Output::flush`].
const PIECE_BYTES: usize = 16 * 1024;

/// Nobody reads the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct ReaderGone;

/// Who reads what a program prints.
pub trait Sink: Send + 'static {
    /// Takes the next bytes, at most 16 KiB and a command's output at once.
    ///
    /// # Errors
    /// Where nobody reads them: the program is ended.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), ReaderGone>;
}

/// The output of a run, on its way to a [`Sink`]. A loop that prints ten thousand lines is not ten thousand pieces: what is printed waits
/// until there is enough of it, or for [`Output::flush`].
pub struct Output<S> {
    sink: Option<S>,
    stream: Stream,
    waiting: Vec<u8>,
    left: usize,
    is_cut: bool,
    is_read: bool,
    printed: [usize; 2],
}

impl<S: Sink> Output<S> {
    /// Output of at most so many bytes, of both streams together.
    pub fn new(sink: S, most_bytes: usize) -> Self {
        Self {
            sink: Some(sink),
            stream: Stream::Stdout,
            waiting: Vec::new(),
            left: most_bytes,
            is_cut: false,
            is_read: true,
            printed: [0; 2],
        }
    }

    /// Takes what a program has printed. What is past the limit is dropped.
    pub fn print(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some(printed) = self.printed.get_mut(place(stream)) {
            *printed = printed.saturating_add(bytes.len());
        }
        let taken = bytes.get(..self.left).unwrap_or(bytes);
        self.is_cut |= taken.len() < bytes.len();
        self.left = self.left.saturating_sub(taken.len());
        if taken.is_empty() {
            return;
        }
        if stream != self.stream {
            self.flush();
            self.stream = stream;
        }
        self.waiting.extend_from_slice(taken);
        if self.waiting.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    /// Passes on what waits.
    pub fn flush(&mut self) {
        if let Some(sink) = &mut self.sink
            && !self.waiting.is_empty()
            && self.is_read
        {
            self.is_read = sink.write(self.stream, &self.waiting).is_ok();
        }
        self.waiting.clear();
    }

    /// How many bytes the program has printed there, with those that were dropped.
    pub fn printed(&self, stream: Stream) -> usize {
        self.printed.get(place(stream)).copied().unwrap_or(0)
    }

    /// Whether something was dropped.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the reader is still there, as far as is known.
    pub const fn is_read(&self) -> bool {
        self.is_read
    }

    /// The reader, after everything was passed on. What is printed later is dropped.
    pub fn take_sink(&mut self) -> Option<S> {
        self.flush();
        self.sink.take()
    }
}

const fn place(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Piece = (Stream, Vec<u8>);

    #[derive(Clone, Default)]
    struct Pieces {
        read: Arc<Mutex<Vec<Piece>>>,
        most: Option<usize>,
    }

    impl Sink for Pieces {
        fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), ReaderGone> {
            let mut read = self.read.lock().unwrap();
            if self.most.is_some_and(|most| read.len() >= most) {
                return Err(ReaderGone);
            }
            read.push((stream, bytes.to_vec()));
            Ok(())
        }
    }

    #[test]
    fn small_pieces_of_one_stream_go_out_together_and_in_the_order_of_both() {
        let pieces = Pieces::default();
        let mut output = Output::new(pieces.clone(), 100);
        output.print(Stream::Stdout, b"a");
        output.print(Stream::Stdout, b"b");
        assert!(pieces.read.lock().unwrap().is_empty());
        output.print(Stream::Stderr, b"c");
        output.print(Stream::Stdout, b"d");
        output.take_sink();
        let read = pieces.read.lock().unwrap().clone();
        let expected =
            [(Stream::Stdout, b"ab".to_vec()), (Stream::Stderr, b"c".to_vec()), (Stream::Stdout, b"d".to_vec())];
        assert_eq!(read, expected);
    }

    #[test]
    fn output_at_the_limit_is_whole_and_one_byte_more_is_cut() {
        for (bytes, is_cut) in [(&b"12345"[..], false), (b"123456", true)] {
            let pieces = Pieces::default();
            let mut output = Output::new(pieces.clone(), 5);
            output.print(Stream::Stderr, bytes);
            assert_eq!((output.is_cut(), output.printed(Stream::Stderr)), (is_cut, bytes.len()));
            output.take_sink();
            assert_eq!(pieces.read.lock().unwrap().clone(), [(Stream::Stderr, b"12345".to_vec())]);
        }
    }

    #[test]
    fn a_reader_that_goes_is_noticed_and_gets_nothing_more() {
        let pieces = Pieces { most: Some(1), ..Pieces::default() };
        let mut output = Output::new(pieces.clone(), 100);
        for _ in 0..3 {
            output.print(Stream::Stdout, b"a");
            output.flush();
        }
        assert!(!output.is_read());
        assert_eq!(pieces.read.lock().unwrap().len(), 1);
    }
}
