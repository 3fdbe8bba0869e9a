//! Single messages: requests, notifications and answers.

use std::fmt;

use serde_json::Value;

use crate::json_rpc::object::written;
use crate::json_rpc::{Id, Object, Outcome, Reply, Unparsable};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// It has an id and wants an answer.
    Request(Call),
    /// It has no id and wants none.
    Notification(Call),
    /// An answer to a request of the other side.
    Response(Reply),
}

/// A request or a notification (JSON-RPC 2.0, section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the answer repeats. `None` in a notification.
    pub id: Option<Id>,
    /// What is to be done.
    pub method: String,
    /// With what. MCP names its parameters: there is no list of them.
    pub params: Option<Object>,
    /// Members of the envelope that JSON-RPC does not know.
    pub others: Object,
}

impl Call {
    /// A request.
    pub fn request(id: Id, method: &str, params: Option<Object>) -> Self {
        Self { id: Some(id), method: method.to_owned(), params, others: Object::new() }
    }

    /// A notification.
    pub fn notification(method: &str, params: Option<Object>) -> Self {
        Self { id: None, method: method.to_owned(), params, others: Object::new() }
    }

    /// A parameter that is a string.
    pub fn param(&self, name: &str) -> Option<String> {
        self.params.as_ref()?.str(name)
    }

    /// The parameter `_meta`, where it is an object.
    pub fn meta(&self) -> Option<Object> {
        self.params.as_ref()?.object("_meta")
    }

    /// Reads what is left of an envelope without `jsonrpc`.
    fn read(mut members: Object) -> Result<Self, Unparsable> {
        let method = members.str("method").ok_or(Unparsable::NotJsonRpc("its method is no string"))?;
        members.remove("method");
        let id = members
            .remove("id")
            .map(|id| Id::parse(id.get()).ok_or(Unparsable::NotJsonRpc("its id is no string or integer")));
        let params = members
            .remove("params")
            .map(|params| Object::of(&params).ok_or(Unparsable::NotJsonRpc("its params are no object")));
        Ok(Self { id: id.transpose()?, method, params: params.transpose()?, others: members })
    }

    /// The whole envelope.
    pub fn to_object(&self) -> Object {
        let mut envelope = Object::new();
        envelope.set("jsonrpc", "2.0");
        if let Some(id) = &self.id {
            envelope.set("id", id);
        }
        envelope.set("method", &self.method);
        if let Some(params) = &self.params {
            envelope.set_raw("params", params.to_raw());
        }
        envelope.extend(self.others.clone());
        envelope
    }
}

impl Message {
    /// Reads one message of a text that has been checked.
    pub(crate) fn read(mut members: Object) -> Result<Self, Unparsable> {
        if members.str("jsonrpc").as_deref() != Some("2.0") {
            return Err(Unparsable::NotJsonRpc("its jsonrpc is not \"2.0\""));
        }
        members.remove("jsonrpc");
        if !members.contains("method") {
            return Reply::read(members).map(Self::Response);
        }
        // Some readers look for a method first, others for a result.
        if members.contains("result") || members.contains("error") {
            return Err(Unparsable::NotJsonRpc("it is a call and an answer"));
        }
        Call::read(members).map(Self::from)
    }

    /// The request or the notification.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Request(call) | Self::Notification(call) => Some(call),
            Self::Response(_) => None,
        }
    }

    /// The id of a request, or the one that an answer repeats.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Request(call) | Self::Notification(call) => call.id.as_ref(),
            Self::Response(reply) => reply.id.as_ref(),
        }
    }

    /// The whole envelope.
    pub fn to_object(&self) -> Object {
        match self {
            Self::Request(call) | Self::Notification(call) => call.to_object(),
            Self::Response(reply) => reply.to_object(),
        }
    }

    /// The message as it is sent.
    pub fn to_text(&self) -> String {
        written(self, self.text_length())
    }

    /// About how long its text is.
    pub(crate) fn text_length(&self) -> usize {
        let (carried, others) = self.carried();
        others.text_length().saturating_add(carried.map_or(0, |(_, object)| object.text_length()))
    }

    /// The parameters or the result, under their key, and what follows.
    fn carried(&self) -> (Option<(&'static str, &Object)>, &Object) {
        match self {
            Self::Request(call) | Self::Notification(call) => {
                (call.params.as_ref().map(|params| ("params", params)), &call.others)
            }
            Self::Response(reply) => match &reply.outcome {
                Outcome::Result(result) => (Some(("result", result)), &reply.others),
                Outcome::OtherResult(_) | Outcome::Error(_) => (None, &reply.others),
            },
        }
    }

    /// The envelope up to what it carries.
    fn before_carried(&self) -> Object {
        let mut envelope = Object::new();
        envelope.set("jsonrpc", "2.0");
        if let Some(id) = self.id() {
            envelope.set("id", id);
        }
        if let Some(call) = self.call() {
            envelope.set("method", &call.method);
        }
        envelope
    }
}

/// A call with an id is a request, one without a notification.
impl From<Call> for Message {
    fn from(call: Call) -> Self {
        if call.id.is_some() { Self::Request(call) } else { Self::Notification(call) }
    }
}

impl From<Reply> for Message {
    fn from(reply: Reply) -> Self {
        Self::Response(reply)
    }
}

/// As [`Message::to_object`], without a copy of what it carries.
impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (carried, others) = self.carried();
        let Some((key, carried)) = carried else { return self.to_object().fmt(formatter) };
        // All that stands before it: the envelope without its closing brace.
        let before = self.before_carried().to_string();
        write!(formatter, "{},\"{key}\":{carried}", before.strip_suffix('}').unwrap_or(&before))?;
        for (name, value) in others.iter() {
            write!(formatter, ",{}:{}", Value::from(name), value.get())?;
        }
        formatter.write_str("}")
    }
}
