use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const TIME: &str = "2026-11-21T10:00:00.123Z";
const ID: &str = "abababababababababababababababab";

fn line(event: LogEvent, format: LogFormat) -> String {
    LogRecord { time: "2026-11-21T10:00:00.1234Z".parse().unwrap(), event }.to_line(format)
}

fn guest(line: &str) -> LogEvent {
    LogEvent::Guest { request_id: RequestId::example(), guest: "c".to_owned(), stream: "stderr", line: line.to_owned() }
}

fn json_of(event: LogEvent) -> Value {
    serde_json::from_str(&line(event, LogFormat::Json)).unwrap()
}

fn request(path: &str, guest: Option<&str>) -> LogEvent {
    LogEvent::Request {
        request_id: RequestId::example(),
        method: "GET".to_owned(),
        path: path.to_owned(),
        status: guest.map(|_| 200),
        duration: Duration::from_micros(1500),
        bytes: 12,
        guest: guest.map(str::to_owned),
        complete: true,
    }
}

#[test]
fn a_request_is_one_json_object_with_the_audit_logs_names() {
    assert_eq!(
        line(request("/a\n\"b", Some("gatehouse")), LogFormat::Json),
        format!(
            r#"{{"time":"{TIME}","level":"info","component":"host","request_id":"{ID}","event":"request-ended","method":"GET","path":"/a\n\"b","status":200,"total_ms":1.5,"bytes":12,"guest":"gatehouse","complete":true}}"#
        )
    );
    let without_answer = json_of(request("/", None));
    assert_eq!((without_answer.get("status"), without_answer.get("guest")), (None, None));
}

#[test]
fn what_the_host_says_has_a_level_and_what_it_is_about() {
    let record = LogRecord::about(RequestId::example(), Level::Warn, Some("c"), "refused");
    assert_eq!(
        json_of(record.event),
        json!({
            "time": TIME, "level": "warn", "component": "host", "request_id": ID, "event": "notice", "guest": "c",
            "message": "refused",
        })
    );
    let text = line(LogRecord::host(Level::Error, None, "it failed").event, LogFormat::Text);
    assert_eq!(text, format!("{TIME} error: it failed"));
}

#[test]
fn a_guests_object_is_merged_into_the_hosts_and_text_is_a_message() {
    let audit = r#"{"schema":"gatehouse-audit/1","time":"2026-11-21T09:59:59.999Z","component":"gateway","request_id":"abababababababababababababababab","event":"refused","status":401,"further":["a b"]}"#;
    assert_eq!(
        line(guest(audit), LogFormat::Json),
        format!(
            r#"{{"time":"{TIME}","level":"info","request_id":"{ID}","guest":"c","stream":"stderr","schema":"gatehouse-audit/1","component":"gateway","event":"refused","status":401,"further":["a b"]}}"#
        )
    );
    let json = json_of(guest(r#"{"level":"warn","message":"a","event":"b"}"#));
    assert_eq!((&json["level"], &json["message"]), (&json!("warn"), &json!("a")));
    for text in [
        "alice may",
        "",
        "{",
        "[1]",
        "1",
        r#"{"a":1}b"#,
        r#"{"a":1,"a":2}"#,
        &format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200)),
    ] {
        let json = json_of(guest(text));
        assert_eq!((&json["event"], &json["message"]), (&json!("output"), &json!(text)), "{text}");
    }
}

#[test]
fn a_guest_cannot_forge_what_only_the_host_says_and_nothing_that_it_says_is_lost() {
    let forged = r#"{"time":0,"level":"none","component":"host","request_id":"other","guest":"d","stream":"none","Component":"host","guest_guest":"twice","event":"request-ended"}"#;
    assert_eq!(
        json_of(guest(forged)),
        json!({
            "time": TIME, "level": "info", "request_id": ID, "guest": "c", "stream": "stderr", "event": "request-ended",
            "guest_time": 0, "guest_level": "none", "guest_component": "host", "guest_request_id": "other",
            "guest_guest": "d", "guest_stream": "none", "guest_Component": "host",
        })
    );
}

#[test]
fn people_read_a_guests_object_as_words() {
    let audit = r#"{"schema":"gatehouse-audit/1","time":"2026-11-21T09:59:59.999Z","component":"gateway","event":"refused","decision":"refused","status":401,"reason":"no token","tool":"","subject":"a:b"}"#;
    assert_eq!(
        line(guest(audit), LogFormat::Text),
        format!(
            r#"{TIME} abababab [c] gateway refused decision=refused status=401 reason="no token" tool="" subject=a:b"#
        )
    );
    assert_eq!(
        line(request("/mcp", Some("gatehouse")), LogFormat::Text),
        format!("{TIME} abababab 200 GET /mcp 1.5 ms 12 bytes gatehouse")
    );
    assert_eq!(line(guest("alice may"), LogFormat::Text), format!("{TIME} abababab [c] alice may"));
}

#[test]
fn a_guest_cannot_forge_a_line_or_move_the_cursor_in_the_text_form() {
    let text = line(guest("a\r\n2026 error: forged\u{1b}[2J"), LogFormat::Text);
    assert_eq!(text, format!("{TIME} abababab [c] a\u{fffd}\u{fffd}2026 error: forged\u{fffd}[2J"));
    let object = line(guest("{\"a\":\"b\\r\\n\\u001b[2J\",\r\"\u{202e}\":1}"), LogFormat::Text);
    assert_eq!(object, format!("{TIME} abababab [c] a=\"b\\r\\n\\u001b[2J\" \u{fffd}=1"));
}

/// Readers that take other characters than a line break for the end of a line see one line, too.
fn lines(text: &str) -> usize {
    text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}']).count()
}

proptest! {
    #[test]
    fn whatever_a_guest_writes_it_is_one_line_of_that_guest_about_that_request(
        words in prop::collection::vec(prop_oneof![
            ".{0,10}", Just("\n".to_owned()), Just("\u{2028}".to_owned()), Just("\u{85}".to_owned()), Just("\",\"".to_owned()),
            Just("\"component\":\"host\"".to_owned()), Just("request_id\":\"000000ab-8".to_owned()), Just("}\r\n{".to_owned()),
            Just("{".to_owned()), Just("}".to_owned()), Just(",\r".to_owned()), Just("\"stream\":1".to_owned()),
        ], 0..8),
    ) {
        let text = words.concat();
        let json = line(guest(&text), LogFormat::Json);
        prop_assert_eq!(lines(&json), 1);
        let object: Map<String, Value> = serde_json::from_str(&json).unwrap();
        for (name, value) in
            [("time", TIME), ("request_id", ID), ("guest", "c"), ("stream", "stderr")]
        {
            prop_assert_eq!(&object[name], value);
        }
        prop_assert_ne!(object.get("component"), Some(&json!("host")));
        let fields = serde_json::from_str::<Map<String, Value>>(&text);
        prop_assert!(fields.is_ok() || object["message"] == json!(text));
        let line = line(guest(&text), LogFormat::Text);
        prop_assert_eq!(lines(&line), 1);
        let begin = format!("{TIME} abababab [c] ");
        prop_assert!(line.starts_with(&begin));
    }

    #[test]
    fn whatever_fields_a_guests_object_has_none_is_lost_and_none_is_the_hosts(
        fields in prop::collection::btree_map(
            prop_oneof!["[a-z_]{1,8}", Just("component".to_owned()), Just("guest".to_owned()), Just("STREAM".to_owned())],
            prop_oneof![any::<i64>().prop_map(Value::from), ".{0,6}".prop_map(Value::from), Just(json!("host"))],
            0..6,
        ),
    ) {
        let written = json_of(guest(&json!(fields).to_string()));
        for (name, value) in &fields {
            let found = [name.clone(), format!("guest_{name}")].iter().any(|name| written[name.as_str()] == *value);
            prop_assert!(found, "{} is lost: {}", name, written);
        }
        prop_assert_ne!(written.get("component"), Some(&json!("host")));
        prop_assert_eq!((&written["guest"], &written["stream"]), (&json!("c"), &json!("stderr")));
    }
}

#[test]
fn a_request_that_a_limit_has_refused_says_which_one() {
    let refused = LogRecord::about(RequestId::example(), Level::Warn, Some("c"), "the request was refused: x");
    let line = |record: &LogRecord| serde_json::from_str::<Value>(&record.to_line(LogFormat::Json)).unwrap();
    assert_eq!(line(&refused).get("limit"), None);
    assert_eq!(line(&refused.at_limit("connections"))["limit"], "connections");
}
