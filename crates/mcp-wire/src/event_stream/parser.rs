//! Events out of the pieces that a connection gives.

use std::mem;

use thiserror::Error;

use crate::event_stream::Event;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const DATA: &[u8] = b"data: ";

/// Reads a stream piece by piece, and holds no more of it than one event.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The bytes of a line whose end has not come.
    line: Vec<u8>,
    event: Event,
    /// The bytes in `event`.
    held: usize,
    /// The last byte was a carriage return: a line feed after it ends no further line.
    after_return: bool,
    /// The first line has not ended: it may begin with a byte order mark.
    at_start: bool,
    failed: bool,
}

/// An event is larger than the reader takes. Nothing after it is read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an event of the stream is larger than allowed")]
pub struct TooLarge {
    /// The whole events of the same piece that came before.
    pub before: Vec<Event>,
}

impl Parser {
    /// A reader at the start of a stream. `limit` is how many bytes of one event it holds at most: the values that are
    /// there and the line that is being read.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            event: Event::default(),
            held: 0,
            after_return: false,
            at_start: true,
            failed: false,
        }
    }

    /// Reads a piece of the stream, which may end anywhere. An event counts when the empty line after it is there; what
    /// has none at the end of the stream is no event.
    ///
    /// # Errors
    /// From the first event on that is too large.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, TooLarge> {
        let mut events = Vec::new();
        let mut rest = piece;
        if self.after_return && !rest.is_empty() {
            self.after_return = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while !self.failed {
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.hold(rest);
                break;
            };
            let (line, ended) = rest.split_at(end);
            self.hold(line);
            if self.failed {
                break;
            }
            rest = match ended {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => ended,
            };
            self.after_return = ended == b"\r";
            events.extend(self.end_line());
        }
        if self.failed { Err(TooLarge { before: events }) } else { Ok(events) }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.failed = self.line.len() + bytes.len() + self.held > self.limit;
        if !self.failed {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Takes the line in; an empty one gives the event.
    fn end_line(&mut self) -> Option<Event> {
        let mut line = mem::take(&mut self.line);
        let marked = if mem::take(&mut self.at_start) { line.strip_prefix(BYTE_ORDER_MARK) } else { None };
        let bytes = marked.unwrap_or(&line);
        if bytes.is_empty() {
            self.held = 0;
            let event = mem::take(&mut self.event);
            return Some(event).filter(|event| event.id.is_some() || event.retry.is_some() || event.data.is_some());
        }
        // What a server says is mostly one line of data. It may be large: then it is not copied.
        if self.event.data.is_none() && marked.is_none() && line.starts_with(DATA) && std::str::from_utf8(&line).is_ok()
        {
            line.drain(..DATA.len());
            self.event.data = String::from_utf8(line).ok();
            self.held = held(&self.event);
            return None;
        }
        let line = String::from_utf8_lossy(bytes);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let event = &mut self.event;
        match name {
            "event" => event.event = Some(value.to_owned()).filter(|value| !value.is_empty()),
            "id" if !value.contains('\0') => event.id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                event.retry = value.parse().ok().or(event.retry)
            }
            "data" => match &mut event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => event.data = Some(value.to_owned()),
            },
            // A comment, or a field that nobody knows.
            _ => {}
        }
        self.held = held(event);
        None
    }
}

/// The bytes in an event.
fn held(event: &Event) -> usize {
    [&event.event, &event.id, &event.data].into_iter().flatten().map(String::len).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1000;

    fn read(stream: &[u8]) -> Vec<Event> {
        Parser::new(LIMIT).push(stream).unwrap()
    }

    fn data(data: &str) -> Event {
        Event { data: Some(data.to_owned()), ..Event::default() }
    }

    fn id(id: &str) -> Event {
        Event { id: Some(id.to_owned()), ..Event::default() }
    }

    fn typed(event: &str, text: &str) -> Event {
        Event { event: Some(event.to_owned()), ..data(text) }
    }

    /// Whole events of a stream in pieces, and whether it came to an end too early.
    fn in_pieces<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
        let (mut parser, mut events) = (Parser::new(limit), Vec::new());
        for piece in pieces {
            match parser.push(piece) {
                Ok(more) => events.extend(more),
                Err(TooLarge { before }) => {
                    events.extend(before);
                    assert_eq!(parser.push(b"\n\ndata: later\n\n"), Err(TooLarge { before: Vec::new() }));
                    return (events, true);
                }
            }
        }
        (events, false)
    }

    #[test]
    fn streams_are_read_as_the_standard_says() {
        let table: &[(&str, Vec<Event>)] = &[
            // The examples of the standard, section 9.2.6.
            ("data: YHOO\ndata: +2\ndata: 10\n\n", vec![data("YHOO\n+2\n10")]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                vec![
                    Event { id: Some("1".to_owned()), ..data("first event") },
                    Event { id: Some(String::new()), ..data("second event") },
                    data(" third event"),
                ],
            ),
            ("data\n\ndata\ndata\n\ndata:", vec![data(""), data("\n")]),
            ("data:test\n\ndata: test\n\n", vec![data("test"), data("test")]),
            // Line ends.
            ("data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r", vec![data("a\nb\nc"), data("d")]),
            ("\n\r\r\n\n", vec![]),
            // A byte order mark counts once, at the start.
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", vec![data("a")]),
            ("\u{feff}\u{feff}data: a\n\n", vec![]),
            ("\n\u{feff}data: a\n\n", vec![]),
            // Types.
            ("event: a\ndata: x\n\ndata: y\n\n", vec![typed("a", "x"), data("y")]),
            ("event: a\nevent: b\ndata: x\n\n", vec![typed("b", "x")]),
            ("event: a\nevent\ndata: x\n\n", vec![data("x")]),
            // What says something only to a relay.
            ("event: a\n\ndata: x\n\n", vec![data("x")]),
            ("id: 7\ndata:\n\n", vec![Event { data: Some(String::new()), ..id("7") }]),
            ("id: 7\n\nretry: 5\n\n", vec![id("7"), Event { retry: Some(5), ..Event::default() }]),
            // Ids with NUL and times that are no number are no fields.
            ("id: a\0b\n\nid: 1\nid: \0\n\n", vec![id("1")]),
            (
                "retry: 1s\nretry: -1\nretry: +1\nretry: \nretry: 1.0\nretry:  1\nretry: 99999999999999999999\n\n",
                vec![],
            ),
            ("retry: 007\nretry: x\n\n", vec![Event { retry: Some(7), ..Event::default() }]),
            // Fields that nobody knows, and names that are not exactly those.
            ("Data: x\n data: x\ndata : x\nfoo: x\nfoo\n: data: x\n\n", vec![]),
            ("data: a: b\n:\n::\ndata::c\n\n", vec![data("a: b\n:c")]),
            // What has not ended is no event.
            ("data: a\n", vec![]),
            ("data: a", vec![]),
            ("", vec![]),
        ];
        for (stream, events) in table {
            assert_eq!(&read(stream.as_bytes()), events, "{stream:?}");
            let bytes = in_pieces(LIMIT, stream.as_bytes().chunks(1));
            assert_eq!(bytes, (events.clone(), false), "{stream:?}, byte by byte");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(read(b"data: a\xFFb\n\n"), [data("a\u{fffd}b")]);
        assert_eq!(in_pieces(LIMIT, [&b"data: \xC3"[..], b"\xA9\n", b"\n"]), (vec![data("é")], false));
    }

    #[test]
    fn an_event_may_be_as_large_as_the_limit_and_no_larger() {
        let line = |length: usize| [b"data: ".to_vec(), vec![b'x'; length - 6], b"\n\n".to_vec()].concat();
        assert_eq!(Parser::new(100).push(&line(100)).unwrap().len(), 1);
        assert_eq!(Parser::new(100).push(&line(101)), Err(TooLarge { before: Vec::new() }));
        // Many lines, and one that never ends.
        assert!(Parser::new(100).push(&b"data\n".repeat(97)).is_ok());
        assert!(Parser::new(100).push(&b"data\n".repeat(99)).is_err());
        assert!(Parser::new(100).push(&[b':'; 101]).is_err());
        // Each event and each comment begins anew.
        assert_eq!(Parser::new(100).push(&line(100).repeat(50)).unwrap().len(), 50);
        assert_eq!(Parser::new(100).push(&b": still there\n".repeat(50)), Ok(Vec::new()));
    }

    #[test]
    fn what_came_before_an_event_that_is_too_large_is_not_lost() {
        let stream = [&b"data: a\n\ndata: "[..], &[b'x'; 200], b"\n\ndata: c\n\n"].concat();
        assert_eq!(in_pieces(100, [&stream[..]]), (vec![data("a")], true));
    }

    proptest! {
        #[test]
        fn where_a_stream_is_split_makes_no_difference(
            lines in prop::collection::vec("(data|id|event|retry|x|\u{feff}data)?[: \0]{0,3}[a-zé0-9:]{0,20}(\r|\n|\r\n|\n\n|)", 0..20),
            cuts in prop::collection::vec(1_usize..9, 1..200),
            limit in 10_usize..80,
        ) {
            let stream = lines.concat().into_bytes();
            let (mut pieces, mut rest, mut cuts) = (Vec::new(), &stream[..], cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(in_pieces(limit, pieces), in_pieces(limit, [&stream[..]]));
        }

        #[test]
        fn any_bytes_are_a_stream(stream in prop::collection::vec(any::<u8>(), 0..400)) {
            let (events, failed) = in_pieces(LIMIT, [&stream[..]]);
            prop_assert!(!failed);
            let written: Vec<u8> = events.iter().flat_map(Event::to_bytes).collect();
            prop_assert_eq!(Parser::new(1 << 16).push(&written), Ok(events));
        }
    }
}
