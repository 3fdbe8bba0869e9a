//! OpenAPI documents, JSON and YAML, as somebody else's site serves them.
//!
//! What must hold of every document that is accepted: its pieces are JSON, names of tools are unique and of letters that clients
//! take, each tool is found by its name, and no call of one goes anywhere but to the operator's address, whatever the document says.

#![no_main]

use std::collections::HashSet;

use gatehouse_fuzz::rest::{Compiled, arguments_for, assert_is_at_the_operators, call, compile};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(compiled) = compile(text) else { return };
    for (name, piece) in &compiled.pieces {
        assert!(serde_json::from_str::<Value>(piece).is_ok(), "{name}: {piece}");
    }
    let compiled = Compiled(compiled);
    let tools = compiled.tools();
    let names: HashSet<_> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names.len(), tools.len(), "a name is there twice");
    for tool in &tools {
        let name = tool["name"].as_str().expect("a name");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!((1..=64).contains(&name.len()) && name.bytes().all(is_plain), "{name}");
        let properties = tool["inputSchema"]["properties"].as_object().expect("properties");
        for required in tool["inputSchema"]["required"].as_array().into_iter().flatten() {
            assert!(properties.contains_key(required.as_str().expect("a name")));
        }
        let call = call(&compiled, name, &arguments_for(tool)).expect("the tool is there");
        if let Ok(request) = gatehouse_fuzz::rest::request(&call) {
            assert_is_at_the_operators(&request);
        }
    }
});
