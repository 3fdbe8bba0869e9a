//! One event.

use std::borrow::Cow;
use std::fmt;

/// Bytes that readers skip. Sent now and then, they keep a quiet stream open, and show whether anybody still reads.
pub const COMMENT: &[u8] = b":\n\n";

/// One event, as far as a stream says something about it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type. `None` is `message`.
    pub event: Option<String>,
    /// From here on, `Last-Event-ID` says this. An empty one makes readers forget theirs.
    pub id: Option<String>,
    /// Milliseconds that readers wait before they connect again.
    pub retry: Option<u64>,
    /// What it says, its lines parted by `\n`. `None` where there is no data at all: readers then see no event, only the
    /// id and the time to wait.
    pub data: Option<String>,
}

impl Event {
    /// An event of the type `message`, named as the MCP SDKs name it.
    pub fn message(data: impl Into<String>) -> Self {
        Self { event: Some("message".to_owned()), data: Some(data.into()), ..Self::default() }
    }

    /// The event as it is sent. Line ends in `data` part its lines; in an id or a type they are left out, so that
    /// neither begins a field of its own. An id with a NUL is left out, since readers ignore it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        // Enough for what is one line, as JSON is: what grows is copied.
        let mut text = String::with_capacity(length(&self.data) + length(&self.id) + length(&self.event) + 64);
        let mut field = |name: &str, value: &str| {
            for part in [name, ": ", value, "\n"] {
                text.push_str(part);
            }
        };
        if let Some(event) = self.event.as_deref().map(one_line).filter(|event| !event.is_empty()) {
            field("event", &event);
        }
        if let Some(id) = self.id.as_deref().filter(|id| !id.contains('\0')) {
            field("id", &one_line(id));
        }
        if let Some(retry) = self.retry {
            field("retry", &retry.to_string());
        }
        if let Some(data) = &self.data {
            let data = if data.contains("\r\n") {
                Cow::Owned(data.replace("\r\n", "\n"))
            } else {
                Cow::Borrowed(data.as_str())
            };
            for line in data.split(['\n', '\r']) {
                field("data", line);
            }
        }
        text.push('\n');
        text.into_bytes()
    }
}

fn one_line(value: &str) -> String {
    value.replace(['\r', '\n'], "")
}

/// Says nothing of the content, only how much there is.
impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |text: &Option<String>| text.as_ref().map(String::len);
        formatter
            .debug_struct("Event")
            .field("event", &self.event)
            .field("id", &length(&self.id))
            .field("retry", &self.retry)
            .field("data", &length(&self.data))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event_stream::Parser;

    fn written(event: &Event) -> String {
        String::from_utf8(event.to_bytes()).unwrap()
    }

    fn read(bytes: &[u8]) -> Vec<Event> {
        Parser::new(1 << 20).push(bytes).unwrap()
    }

    #[test]
    fn an_event_is_written_as_fields_and_an_empty_line() {
        let event = Event {
            event: Some("endpoint".to_owned()),
            id: Some("7".to_owned()),
            retry: Some(500),
            data: Some("a\nb".to_owned()),
        };
        assert_eq!(written(&event), "event: endpoint\nid: 7\nretry: 500\ndata: a\ndata: b\n\n");
        assert_eq!(written(&Event::message("{}")), "event: message\ndata: {}\n\n");
        let priming = Event { id: Some("7".to_owned()), data: Some(String::new()), ..Event::default() };
        assert_eq!(written(&priming), "id: 7\ndata: \n\n");
        assert_eq!(written(&Event::default()), "\n");
    }

    #[test]
    fn no_value_begins_a_field_or_an_event_of_its_own() {
        for (end, lines) in [("\n", 2), ("\r", 2), ("\r\n", 2), ("\n\n", 3), ("\r\r", 3), ("\n\r", 3), ("\r\n\r\n", 3)]
        {
            let injected = format!("x{end}data: stolen");
            let event = Event { event: Some(injected.clone()), data: Some("d".to_owned()), ..Event::default() };
            assert_eq!(written(&event), "event: xdata: stolen\ndata: d\n\n", "{end:?}");
            let event = Event { id: Some(injected.clone()), ..Event::default() };
            assert_eq!(written(&event), "id: xdata: stolen\n\n", "{end:?}");
            let event = Event { data: Some(injected), ..Event::default() };
            let [read] = &read(&event.to_bytes())[..] else { panic!("not one event: {end:?}") };
            assert_eq!(read.data.as_ref().unwrap().lines().count(), lines, "{end:?}");
            assert!(read.data.as_ref().unwrap().ends_with("\ndata: stolen"), "{end:?}");
        }
    }

    #[test]
    fn an_id_that_readers_ignore_and_a_type_that_is_none_are_not_written() {
        let event = Event { id: Some("a\0b".to_owned()), event: Some("\n".to_owned()), ..Event::default() };
        assert_eq!(written(&event), "\n");
    }

    #[test]
    fn a_comment_is_no_event_and_ends_none() {
        assert_eq!(read(COMMENT), []);
        assert_eq!(
            read(&[COMMENT, b"data: a\n\n"].concat()),
            [Event { data: Some("a".to_owned()), ..Event::default() }]
        );
    }

    #[test]
    fn what_is_logged_of_an_event_says_nothing_of_its_content() {
        let event = Event { id: Some("secret".to_owned()), ..Event::message("secret") };
        assert!(!format!("{event:?}").contains("secret"));
    }

    prop_compose! {
        fn any_event()(
            event in prop::option::of("[a-z:\r\n \u{feff}é]{0,6}"),
            id in prop::option::of("[a-z:\r\n\0 \u{feff}é]{0,6}"),
            retry in prop::option::of(any::<u64>()),
            data in prop::option::of("[a-z:\r\n\0 \u{feff}é]{0,12}"),
        ) -> Event {
            Event { event, id, retry, data }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_events(events in prop::collection::vec(any_event(), 0..4)) {
            let bytes: Vec<u8> = events.iter().flat_map(Event::to_bytes).collect();
            let expected = events.into_iter().map(|event| Event {
                event: event.event.map(|event| one_line(&event)).filter(|event| !event.is_empty()),
                id: event.id.filter(|id| !id.contains('\0')).map(|id| one_line(&id)),
                retry: event.retry,
                data: event.data.map(|data| data.replace("\r\n", "\n").replace('\r', "\n")),
            });
            let seen = expected.filter(|event| event.id.is_some() || event.retry.is_some() || event.data.is_some());
            prop_assert_eq!(read(&bytes), seen.collect::<Vec<_>>());
        }
    }
}
