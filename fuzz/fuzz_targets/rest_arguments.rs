//! Arguments of tools that are operations of a REST API, and what the API answers. The input is both, with an empty line between.
//!
//! What must hold: whatever is said, a request goes to the operator's address and to a path that the document has, sets no header that
//! is the operator's, and holds no line break in its head. Whatever is answered, the result is one message, without the secret.

#![no_main]

use gatehouse_fuzz::rest::{Compiled, SECRET, assert_is_at_the_operators, call, compile, finish, request};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Every place and style.
const DOCUMENT: &str = include_str!("../src/rest/every_style.json");

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (arguments, answer) = text.split_once("\n\n").unwrap_or((&text, ""));
    let compiled = Compiled(compile(DOCUMENT).expect("the document is one"));
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({ "id": arguments }));
    if !arguments.is_object() {
        return;
    }
    for tool in ["read", "write", "form"] {
        let Some(call) = call(&compiled, tool, &arguments) else { continue };
        if let Ok(request) = request(&call) {
            assert_is_at_the_operators(&request);
            let path = request.uri().path();
            assert!(path.starts_with("/base/things/") && path.matches('/').count() == 3 + usize::from(tool == "read"), "{path}");
            let decoded = percent_decoded(path);
            assert!(!decoded.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")), "{path}");
        }
        for (status, media_type) in [(200, "application/json"), (200, "text/plain"), (200, "application/zip"), (500, "application/json")] {
            let message = finish(&call, status, media_type, answer);
            assert!(!message.contains(SECRET), "{message}");
        }
    }
});

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = (*first == b'%').then(|| behind.get(..2)).flatten().and_then(|digits| core::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
