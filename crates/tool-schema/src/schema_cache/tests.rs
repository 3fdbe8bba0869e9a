use proptest::prelude::*;

use super::*;
use crate::SchemaScope;

const NOW: u64 = 1_795_219_200 + 600;
const END: u64 = 1_795_219_200 + 3600;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn published() -> PublishedTool<'static> {
    PublishedTool { route: "/mcp", member: "", server: "https://a.example/", tool: "echo", version: "2026-07-28" }
}

fn caller() -> Audience<'static> {
    Audience::Caller { subject: "demo:alice", client_id: "a-client", session: Some("session abc") }
}

fn entry() -> SchemaCacheEntry {
    SchemaCacheEntry::of(&published(), caller())
}

fn schema() -> ToolSchema {
    ToolSchema::parse(r#"{ "type": "object", "title": "a b" }"#).unwrap()
}

fn directive(seconds: u64) -> CacheDirective {
    CacheDirective { scope: SchemaScope::Subject, seconds }
}

#[test]
fn what_is_kept_is_read_as_long_as_the_server_says_and_no_longer_than_the_hour() {
    for (seconds, until) in [(1, NOW + 1), (60, NOW + 60), (3000, END), (3001, END), (86_400, END), (u64::MAX, END)] {
        let text = entry().text(&schema(), directive(seconds), at(NOW)).unwrap();
        let read = |now| entry().read(&text, at(now)).map(|schema| schema.text().to_owned());
        assert_eq!(read(NOW).as_deref(), Some(schema().text()), "{seconds}");
        assert!(read(until - 1).is_some() && read(until).is_none(), "{seconds}");
    }
    assert_eq!(entry().text(&schema(), directive(0), at(NOW)), None);
}

#[test]
fn the_name_is_the_same_in_the_whole_hour_and_ends_with_it() {
    let key = entry().key(at(NOW)).unwrap();
    assert_eq!((key.kind(), key.expires_at()), ("tool-schema", at(END)));
    assert_eq!(entry().key(at(END - 1)).unwrap(), key);
    assert_ne!(entry().key(at(END)).unwrap(), key);
}

#[test]
fn every_tool_server_route_version_and_audience_has_a_place_of_its_own() {
    let with = |change: fn(&mut PublishedTool<'static>)| {
        let mut published = published();
        change(&mut published);
        SchemaCacheEntry::of(&published, caller())
    };
    let of = |subject, client_id, session| {
        SchemaCacheEntry::of(&published(), Audience::Caller { subject, client_id, session })
    };
    let places = [
        entry(),
        with(|published| published.route = "/other"),
        with(|published| published.member = "files"),
        with(|published| published.server = "https://b.example/"),
        with(|published| published.tool = "Echo"),
        with(|published| published.version = "2025-11-25"),
        of("demo:mallory", "a-client", Some("session abc")),
        of("demo:alice", "another", Some("session abc")),
        of("demo:alice", "a-client", Some("session xyz")),
        of("demo:alice", "a-client", None),
        SchemaCacheEntry::of(&published(), Audience::Everybody),
    ];
    for (index, place) in places.iter().enumerate() {
        assert!(places.iter().skip(index + 1).all(|other| other != place), "{index}");
    }
}

/// Whoever begins sessions has no more kept than there are places.
#[test]
fn a_caller_has_so_many_places_and_no_more_whatever_the_tools_and_sessions_are() {
    let mut keys = std::collections::HashSet::new();
    for session in 0..20_000 {
        let session = format!("session {session}");
        let audience = Audience::Caller { subject: "demo:alice", client_id: "a-client", session: Some(&session) };
        let place = SchemaCacheEntry::of(&published(), audience);
        assert!(place == SchemaCacheEntry::of(&published(), audience) && place != super::tests::entry());
        keys.insert(place.key(at(NOW)).unwrap());
    }
    assert_eq!(keys.len(), usize::from(SLOTS));
    let of = |subject| {
        let audience = Audience::Caller { subject, client_id: "a-client", session: None };
        SchemaCacheEntry::of(&published(), audience).key(at(NOW)).unwrap()
    };
    assert_ne!(of("demo:alice"), of("demo:bob"), "nobody's place is another's");
}

/// Two that meet in one place are not taken for each other.
#[test]
fn what_is_kept_under_the_same_name_is_told_apart() {
    let of = |tool: usize| {
        let tool = format!("tool-{tool}");
        SchemaCacheEntry::of(&PublishedTool { tool: &tool, ..published() }, caller())
    };
    let first = of(0);
    let key = first.key(at(NOW)).unwrap();
    let other = (1..).map(of).find(|other| other.key(at(NOW)).unwrap() == key).unwrap();
    let text = first.text(&schema(), directive(60), at(NOW)).unwrap();
    assert!(first.read(&text, at(NOW)).is_some() && other.read(&text, at(NOW)).is_none());
}

#[test]
fn what_was_kept_in_another_place_is_not_read() {
    let other = SchemaCacheEntry::of(&published(), Audience::Everybody);
    let text = other.text(&schema(), directive(60), at(NOW)).unwrap();
    assert!(other.read(&text, at(NOW)).is_some());
    assert!(entry().read(&text, at(NOW)).is_none());
}

proptest! {
    #[test]
    fn no_text_but_its_own_is_read(text in "(tool-schema )?[A-Za-z0-9_-]{0,43} [0-9]{0,12} .{0,20}") {
        prop_assert!(entry().read(&text, at(NOW)).is_none());
    }
}
