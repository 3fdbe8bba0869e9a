//! The body of a POST, an answer or an event: what a client or an upstream says. Reaches `Body` and `Object`.
//!
//! What must hold: a body that is accepted says the same to readers that take the first of two members, the last, or one
//! that is spelled a little differently; what is written of it is read as the same; what nothing looks at keeps its text.
//! What is refused as no JSON, as too deep, as too long a batch or for a doubled key is so for an independent reader too. What
//! has no id and passes is no request by its name, and what has one no notification.

#![no_main]

use std::fmt;

use gatehouse_mcp_wire::json_rpc::{
    Body, Call, MOST_MESSAGES, Message, Object, Unparsable, is_misspelt_request, is_notification, is_request,
};
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

const DEPTH: usize = 16;

fuzz_target!(|data: &[u8]| {
    let body = match Body::parse(data, DEPTH) {
        Ok(body) => body,
        Err(refused) => return is_refused_rightly(data, &refused),
    };
    assert!(body.messages().len() <= MOST_MESSAGES);
    assert_eq!(Body::parse_answer(data).as_ref(), Ok(&body));
    body.messages().iter().filter_map(Message::call).for_each(has_the_id_that_it_should);
    let written = body.to_bytes();
    // An id that was left out is written as null; nothing else changes, and from then on nothing at all.
    let again = Body::parse(&written, DEPTH).expect("what is written is read");
    assert_eq!(again, body);
    assert_eq!(again.to_bytes(), written);
    for text in [data, &written] {
        reads_alike(text, &body);
    }
    for message in body.messages() {
        keeps_its_text(message);
    }
});

/// No message that could be a request passes for a notification.
fn has_the_id_that_it_should(call: &Call) {
    let method = call.method.as_str();
    let text = serde_json::to_value(&call.id).expect("an id");
    if call.check_id().is_ok() {
        assert!(!text.is_null() || !is_request(method) && !is_misspelt_request(method));
        assert!(text.is_null() || !is_notification(method) && text != "");
    } else {
        assert!(text == "" || is_request(method.trim_matches('/')) || is_misspelt_request(method) || !text.is_null());
    }
}

/// Three readers and ours find the same in all that is decided by.
fn reads_alike(text: &[u8], body: &Body) {
    let last: Value = serde_json::from_slice(text).expect("JSON");
    let first: First = serde_json::from_slice(text).expect("JSON");
    assert!(!first.has_doubled_keys());
    assert_eq!(first.value(), last);
    assert!(first.depth() <= DEPTH);
    let envelopes = match &last {
        Value::Array(envelopes) => envelopes.as_slice(),
        envelope => std::slice::from_ref(envelope),
    };
    assert_eq!(envelopes.len(), body.messages().len());
    for (envelope, message) in envelopes.iter().zip(body.messages()) {
        for path in DECIDES {
            assert_eq!(at(envelope, path, exactly), at(envelope, path, forgivingly), "{path:?}");
        }
        match message {
            Message::Request(call) => {
                assert_eq!(envelope.get("id"), Some(&serde_json::to_value(&call.id).expect("an id")));
                says_the_same(call, envelope);
            }
            Message::Notification(call) => {
                assert!(call.id.is_none() && envelope.get("id").is_none());
                says_the_same(call, envelope);
            }
            Message::Response(reply) => {
                assert!(envelope.get("method").is_none());
                assert!(envelope.get("result").is_some() != envelope.get("error").is_some());
                let id = envelope.get("id").filter(|id| !id.is_null());
                assert_eq!(id.is_some(), reply.id.is_some());
            }
        }
    }
}

fn says_the_same(call: &Call, envelope: &Value) {
    assert!(envelope.get("result").is_none() && envelope.get("error").is_none());
    assert_eq!(envelope["jsonrpc"], "2.0");
    assert_eq!(envelope["method"], call.method.as_str());
    let params = envelope.get("params");
    assert_eq!(params.is_some_and(Value::is_object), call.params.is_some());
    for name in ["name", "uri", "cursor"] {
        assert_eq!(call.param(name).as_deref(), params.and_then(|params| params.get(name)?.as_str()));
    }
    let version = |meta: Object| meta.str("io.modelcontextprotocol/protocolVersion");
    let found = at(envelope, &["params", "_meta", "io.modelcontextprotocol/protocolVersion"], exactly);
    assert_eq!(call.meta().and_then(version).as_deref(), found.and_then(Value::as_str));
}

fn keeps_its_text(message: &Message) {
    let written = message.to_string();
    if let Some(params) = message.call().and_then(|call| call.params.as_ref()) {
        assert!(params.iter().all(|(_, value)| written.contains(value.get())));
        assert_eq!(Object::parse(&params.to_string()).as_ref(), Ok(params));
    }
}

fn is_refused_rightly(data: &[u8], refused: &Unparsable) {
    let first = serde_json::from_slice::<First>(data);
    match (refused, first) {
        (Unparsable::NotUtf8, _) => assert!(core::str::from_utf8(data).is_err()),
        (Unparsable::NotJson(_), first) => assert!(first.is_err()),
        (Unparsable::TooDeep, Ok(first)) => assert!(first.depth() > DEPTH),
        (Unparsable::DoubledKey, Ok(first)) => assert!(first.has_doubled_keys()),
        (Unparsable::EmptyBatch, first) => assert!(matches!(first, Ok(First::Array(items)) if items.is_empty())),
        (Unparsable::TooManyMessages, Ok(First::Array(items))) => assert!(items.len() > MOST_MESSAGES),
        (Unparsable::TooManyMessages, Ok(_)) => panic!("it is no batch"),
        // All may come before the place where it is no JSON any more.
        (Unparsable::TooDeep | Unparsable::DoubledKey | Unparsable::TooManyMessages, Err(_)) => {}
        (Unparsable::AmbiguousKey | Unparsable::NotJsonRpc(_), _) => {}
    }
}

/// By what is decided, and by what messages are changed.
const DECIDES: &[&[&str]] = &[
    &["jsonrpc"],
    &["id"],
    &["method"],
    &["result"],
    &["error"],
    &["params", "name"],
    &["params", "uri"],
    &["params", "arguments"],
    &["params", "cursor"],
    &["params", "requestId"],
    &["params", "taskId"],
    &["params", "protocolVersion"],
    &["params", "ref", "type"],
    &["params", "ref", "name"],
    &["params", "ref", "uri"],
    &["params", "notifications", "resourceSubscriptions"],
    &["params", "_meta", "progressToken"],
    &["params", "_meta", "io.modelcontextprotocol/protocolVersion"],
    &["result", "tools"],
    &["result", "resources"],
    &["result", "resourceTemplates"],
    &["result", "prompts"],
    &["error", "code"],
];

fn at<'a>(value: &'a Value, path: &[&str], is: fn(&str, &str) -> bool) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| {
        let mut found = value.as_object()?.iter().filter(|(key, _)| is(key, name)).map(|(_, value)| value);
        let value = found.next();
        assert!(found.next().is_none(), "two members are both {name}");
        value
    })
}

fn exactly(key: &str, name: &str) -> bool {
    key == name
}

/// As readers do that fold case, the dashes and underscores of other languages' names included.
fn forgivingly(key: &str, name: &str) -> bool {
    let folded = |text: &str| -> String {
        let upper = |character: char| {
            let mut all = character.to_uppercase();
            if all.len() == 1 { all.next().unwrap_or(character) } else { character }
        };
        text.chars().filter(|character| !"_-".contains(*character)).map(upper).flat_map(char::to_lowercase).collect()
    };
    folded(key) == folded(name)
}

/// A value as a reader sees it who takes the first of two members.
enum First {
    Leaf(Value),
    Array(Vec<First>),
    Object(Vec<(String, First)>, bool),
}

impl First {
    fn value(&self) -> Value {
        match self {
            Self::Leaf(value) => value.clone(),
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Object(members, _) => members.iter().map(|(name, value)| (name.clone(), value.value())).collect(),
        }
    }

    fn has_doubled_keys(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Array(items) => items.iter().any(Self::has_doubled_keys),
            Self::Object(members, doubled) => *doubled || members.iter().any(|(_, value)| value.has_doubled_keys()),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members, _) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
        }
    }
}

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = First;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<First, E> {
        Ok(First::Leaf(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<First, E> {
        Ok(First::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<First, E> {
        Ok(First::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<First, E> {
        Ok(First::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<First, E> {
        Ok(First::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<First, E> {
        Ok(First::Leaf(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<First, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            found.push(item);
        }
        Ok(First::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<First, A::Error> {
        let (mut found, mut doubled) = (Vec::<(String, First)>::new(), false);
        while let Some((name, value)) = members.next_entry::<String, First>()? {
            if found.iter().any(|(other, _)| *other == name) {
                doubled = true;
            } else {
                found.push((name, value));
            }
        }
        Ok(First::Object(found, doubled))
    }
}
