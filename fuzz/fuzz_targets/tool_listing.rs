//! What the embedded host reads of a server's answer to `tools/list`, for the labels of metrics: an answer, or a stream of events with one.
//!
//! What must hold: there are no more names than the body has room for, each is in the body, and a listing has the same names in either
//! form.

#![no_main]

use gatehouse_fuzz::reread;
use gatehouse_telemetry::tool_names;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let names = tool_names(data);
    let Ok(text) = core::str::from_utf8(data) else { return assert!(names.is_empty()) };
    // `{"name":""}`
    assert!(names.len() * 11 <= data.len(), "{names:?}");
    for name in names.iter().filter(|_| !text.contains('\\')) {
        assert!(text.contains(&format!("\"{name}\"")), "{name}");
    }
    let Some(answer) = reread(data).filter(|answer| answer.is_object()) else { return };
    let is_listing = answer["result"].is_object();
    let line = answer.to_string();
    let events = format!("event: message\r\nid: 1\r\ndata: {line}\r\n\r\n: comment\n\ndata: {{\"result\":null}}\n\n");
    assert_eq!(tool_names(line.as_bytes()), names, "{line}");
    assert_eq!(tool_names(events.as_bytes()), names, "{line}");
    assert!(is_listing || names.is_empty() || answer["result"].is_array(), "{line}");
});
