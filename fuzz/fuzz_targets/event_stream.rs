//! An event stream of an upstream, which arrives in any pieces, and what the gateway writes into one. Reaches `Parser` and
//! `Event`. The first bytes of an input, up to a zero, are the lengths of the pieces; the rest is the stream.
//!
//! What must hold: where the stream is cut makes no difference; what is read and written is read as the same; whatever is
//! put into an event, it is one event, and says no more than was put in; no more is held than is allowed.

#![no_main]

use gatehouse_mcp_wire::event_stream::{COMMENT, Event, Parser, TooLarge};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 256;
const NO_LIMIT: usize = usize::MAX;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (lengths, stream) = data.split_at(end);
    let stream = stream.strip_prefix(b"\0").unwrap_or(stream);
    for limit in [LIMIT, NO_LIMIT] {
        let whole = read(limit, [stream]);
        assert_eq!(read(limit, stream.chunks(1)), whole);
        assert_eq!(read(limit, pieces(stream, lengths)), whole);
        is_written_as_read(&whole.0);
        if limit == LIMIT {
            assert!(whole.0.iter().all(|event| event.data.as_ref().is_none_or(|data| data.len() <= 3 * LIMIT)));
        } else {
            assert!(!whole.1);
        }
    }
    is_one_event(lengths, stream);
});

fn pieces<'a>(stream: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    let mut lengths = lengths.iter();
    std::iter::from_fn(move || {
        let length = lengths.next().map_or(rest.len(), |length| usize::from(*length).min(rest.len()));
        let (piece, after) = rest.split_at(length);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The events of a stream, and whether one was too large.
fn read<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
    let (mut parser, mut events) = (Parser::new(limit), Vec::new());
    for piece in pieces {
        match parser.push(piece) {
            Ok(more) => events.extend(more),
            Err(TooLarge { before }) => {
                events.extend(before);
                assert_eq!(parser.push(b"\n\ndata: x\n\n"), Err(TooLarge { before: Vec::new() }));
                return (events, true);
            }
        }
    }
    (events, false)
}

fn is_written_as_read(events: &[Event]) {
    let written: Vec<Vec<u8>> = events.iter().map(Event::to_bytes).collect();
    assert_eq!(read(NO_LIMIT, written.iter().map(Vec::as_slice)), (events.to_vec(), false));
    // Comments between events change nothing.
    let with_comments = [COMMENT, &written.join(COMMENT)].concat();
    assert_eq!(read(NO_LIMIT, [with_comments.as_slice()]).0, events);
}

/// One event of what the input says, among others.
fn is_one_event(one: &[u8], other: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (event, id, data) in [(one, one, other), (other, other, one), (other, one, other)] {
        let event = Event { event: Some(text(event)), id: Some(text(id)), retry: Some(7), data: Some(text(data)) };
        let written = [Event::message("before").to_bytes(), event.to_bytes(), Event::message("after").to_bytes()];
        let (events, too_large) = read(NO_LIMIT, [written.concat().as_slice()]);
        let [before, found, after] = events.as_slice() else { panic!("not three events: {events:?}") };
        assert!(!too_large && *before == Event::message("before") && *after == Event::message("after"));
        let one_line = |text: &Option<String>| text.as_ref().map(|text| text.replace(['\r', '\n'], ""));
        assert_eq!(found.event, one_line(&event.event).filter(|event| !event.is_empty()));
        assert_eq!(found.id, one_line(&event.id).filter(|id| !id.contains('\0')));
        assert_eq!(found.retry, Some(7));
        assert_eq!(found.data, event.data.map(|data| data.replace("\r\n", "\n").replace('\r', "\n")));
    }
}
