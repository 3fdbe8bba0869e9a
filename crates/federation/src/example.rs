//! Messages for tests.

use gatehouse_mcp_wire::json_rpc::{Body, Message, Reply};
use serde_json::Value;

use crate::naming::naming;
use crate::{Federation, Lifecycle};

pub(crate) fn message(value: &Value) -> Message {
    match Body::parse(value.to_string().as_bytes(), 64).unwrap() {
        Body::Single(message) => message,
        Body::Batch(_) => panic!("a batch"),
    }
}

pub(crate) fn reply(value: &Value) -> Reply {
    match message(value) {
        Message::Response(reply) => reply,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn value(message: &(impl Clone + Into<Message>)) -> Value {
    serde_json::from_str(&message.clone().into().to_string()).unwrap()
}

pub(crate) fn federation(lifecycle: Lifecycle, labels: &[&str]) -> Federation {
    Federation { name: "Everything".to_owned(), naming: naming(labels), lifecycle, discover_needs_all: false }
}
