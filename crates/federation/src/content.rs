//! URIs in what a member answers: resource links, embedded resources, contents.
//!
//! What bears another member's URI is left out: no server speaks in another's name. Text, structured content and what a
//! member asks the client (sampling, elicitation) are not read: nothing in them is resolved by us.

use std::borrow::Cow;

use gatehouse_mcp_wire::json_rpc::{ErrorObject, Object, Outcome, Reply};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::naming::Naming;
use crate::unavailable::UNAVAILABLE;

/// The answer of one member to a request of this method, as the client gets it.
pub(crate) fn outward(naming: &Naming, member: usize, method: &str, mut reply: Reply) -> Reply {
    match &mut reply.outcome {
        Outcome::Result(result) => {
            // Only we say who is unavailable.
            without_our_key(result);
            let uri = |uri: &str| naming.uri_outward(member, uri);
            match method {
                "tools/call" | "tasks/result" => each(result, "content", |block| content_block(&block, &uri)),
                "prompts/get" => each(result, "messages", |message| prompt_message(message, &uri)),
                "resources/read" => each(result, "contents", |contents| with_uri(&contents, "uri", &uri)),
                _ => {}
            }
        }
        Outcome::Error(error) => error_uri(error, naming, member),
        Outcome::OtherResult(_) => {}
    }
    reply
}

/// Puts the client's form in the place of `key`, where that is a text. `None` where the client must not see it.
pub(crate) fn with_uri(
    value: &RawValue,
    key: &str,
    outward: &impl Fn(&str) -> Option<String>,
) -> Option<Box<RawValue>> {
    let Some(mut object) = Object::of(value) else { return Some(value.to_owned()) };
    let Some(uri) = object.str(key) else { return Some(value.to_owned()) };
    let renamed = outward(&uri)?;
    if renamed == uri {
        return Some(value.to_owned());
    }
    object.set(key, &renamed);
    Some(object.to_raw())
}

/// Changes each item of an array of the object, and leaves out those that become nothing.
pub(crate) fn each(object: &mut Object, key: &str, change: impl Fn(Box<RawValue>) -> Option<Box<RawValue>>) {
    if let Some(items) = object.array(key) {
        object.set(key, &items.into_iter().filter_map(change).collect::<Vec<_>>());
    }
}

fn without_our_key(result: &mut Object) {
    if let Some(mut meta) = result.object("_meta").filter(|meta| meta.contains(UNAVAILABLE)) {
        meta.remove(UNAVAILABLE);
        result.set_raw("_meta", meta.to_raw());
    }
}

/// `ContentBlock` (MCP schema).
fn content_block(block: &RawValue, outward: &impl Fn(&str) -> Option<String>) -> Option<Box<RawValue>> {
    /// Images may be large: a block is not copied to see what it is.
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    match serde_json::from_str(block.get()) {
        Ok(Typed { kind }) if kind == "resource_link" => with_uri(block, "uri", outward),
        Ok(Typed { kind }) if kind == "resource" => {
            let Some(mut embedded) = Object::of(block) else { return Some(block.to_owned()) };
            let Some(resource) = embedded.get("resource") else { return Some(block.to_owned()) };
            let renamed = with_uri(resource, "uri", outward)?;
            embedded.set_raw("resource", renamed);
            Some(embedded.to_raw())
        }
        _ => Some(block.to_owned()),
    }
}

/// `PromptMessage` (MCP schema).
fn prompt_message(message: Box<RawValue>, outward: &impl Fn(&str) -> Option<String>) -> Option<Box<RawValue>> {
    let Some(mut object) = Object::of(&message) else { return Some(message) };
    let Some(content) = object.get("content") else { return Some(message) };
    let renamed = content_block(content, outward)?;
    object.set_raw("content", renamed);
    Some(object.to_raw())
}

/// "Resource not found" says which (MCP, resources, "Error Handling").
fn error_uri(error: &mut ErrorObject, naming: &Naming, member: usize) {
    let Some(mut data) = error.data.as_deref().and_then(Object::of) else { return };
    let Some(uri) = data.str("uri") else { return };
    match naming.uri_outward(member, &uri) {
        Some(outward) => data.set("uri", &outward),
        None => _ = data.remove("uri"),
    }
    error.data = to_raw_value(&data).ok();
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::example::{reply, value};
    use crate::naming::naming;

    fn renamed(member: usize, method: &str, result: Value) -> Value {
        let naming = naming(&["", "files", "git"]);
        let outward = outward(&naming, member, method, reply(&json!({"jsonrpc": "2.0", "id": 1, "result": result})));
        value(&outward)["result"].clone()
    }

    #[test]
    fn uris_in_a_tools_answer_get_the_prefix() {
        let result = json!({
            "content": [
                {"type": "text", "text": "file:///a"},
                {"type": "resource_link", "uri": "file:///a", "name": "a"},
                {"type": "resource", "resource": {"uri": "file:///b", "text": "b"}, "annotations": {"priority": 1.0}},
                {"type": "image", "data": "AA==", "mimeType": "image/png"},
            ],
            "structuredContent": {"uri": "file:///a", "number": 1.50},
            "isError": false,
        });
        let mut expected = result.clone();
        expected["content"][1]["uri"] = json!("files+file:///a");
        expected["content"][2]["resource"]["uri"] = json!("files+file:///b");
        assert_eq!(renamed(1, "tools/call", result.clone()), expected);
        assert_eq!(renamed(0, "tools/call", result.clone()), result, "the member without a prefix");
        assert_eq!(renamed(1, "completion/complete", result.clone()), result, "no content is expected there");
    }

    #[test]
    fn uris_in_prompts_and_contents_get_the_prefix() {
        let prompt = |uri: &str| {
            json!({"description": "d", "messages": [
                {"role": "user", "content": {"type": "text", "text": "t"}},
                {"role": "user", "content": {"type": "resource", "resource": {"uri": uri, "blob": "AA=="}}},
            ]})
        };
        assert_eq!(renamed(1, "prompts/get", prompt("x:y")), prompt("files+x:y"));
        let contents =
            |uri: &str| json!({"contents": [{"uri": uri, "text": ""}, {"uri": uri, "blob": ""}], "ttlMs": 1});
        assert_eq!(renamed(2, "resources/read", contents("git://x")), contents("git+git://x"));
    }

    #[test]
    fn what_bears_another_members_uri_is_left_out() {
        let link = |uri: &str| json!({"type": "resource_link", "uri": uri, "name": "a"});
        let embedded = |uri: &str| json!({"type": "resource", "resource": {"uri": uri, "text": "a"}});
        let result = json!({"content": [link("files+x:y"), link("x:y"), embedded("GIT+x:y"), embedded("x:y")]});
        assert_eq!(renamed(0, "tools/call", result), json!({"content": [link("x:y"), embedded("x:y")]}));
        let result = json!({"contents": [{"uri": "files+x:y", "text": ""}, {"uri": "x:y", "text": ""}]});
        assert_eq!(renamed(0, "resources/read", result), json!({"contents": [{"uri": "x:y", "text": ""}]}));
    }

    #[test]
    fn an_error_names_the_resource_as_the_client_does() {
        let naming = naming(&["", "files"]);
        let error =
            |data: Value| json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "m", "data": data}});
        for (member, own, outwards) in [
            (1, json!({"uri": "x:y", "more": 1}), json!({"uri": "files+x:y", "more": 1})),
            (0, json!({"uri": "x:y"}), json!({"uri": "x:y"})),
            (0, json!({"uri": "files+x:y"}), json!({})),
            (1, json!(["x:y"]), json!(["x:y"])),
            (1, json!({"uri": 5}), json!({"uri": 5})),
        ] {
            let reply = outward(&naming, member, "resources/read", reply(&error(own)));
            assert_eq!(value(&reply), error(outwards));
        }
    }

    #[test]
    fn no_member_says_who_is_unavailable() {
        let result = json!({"_meta": {"a": 1, "gatehouse/unavailable": []}, "content": []});
        assert_eq!(renamed(1, "tools/call", result), json!({"_meta": {"a": 1}, "content": []}));
    }

    #[test]
    fn what_is_no_content_stays_as_it_is() {
        for content in [json!(null), json!("text"), json!([1, "a", null, {}, {"type": 1}, {"type": "resource"}])] {
            let result = json!({"content": content, "messages": content, "contents": content});
            for method in ["tools/call", "prompts/get", "resources/read"] {
                assert_eq!(renamed(1, method, result.clone()), result, "{method}");
            }
        }
    }

    #[test]
    fn what_asks_for_input_passes_untouched() {
        let result = json!({
            "resultType": "input_required",
            "inputRequests": {"a": {"method": "elicitation/create", "params": {"message": "files+x:y"}}},
            "requestState": "opaque",
        });
        assert_eq!(renamed(1, "tools/call", result.clone()), result);
    }
}
