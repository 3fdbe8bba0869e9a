//! Answers to requests.

use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::json_rpc::id::whole;
use crate::json_rpc::{Id, Object, Unparsable};

/// The answer to a request (JSON-RPC 2.0, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Which request it answers. Only an error may be without: nobody could read which request was wrong.
    pub id: Option<Id>,
    /// What came of it.
    pub outcome: Outcome,
    /// Members of the envelope that JSON-RPC does not know.
    pub others: Object,
}

/// What came of a request.
#[derive(Clone)]
pub enum Outcome {
    /// A result as MCP has it.
    Result(Object),
    /// A result that is no object.
    OtherResult(Box<RawValue>),
    /// It failed.
    Error(ErrorObject),
}

/// Why a request failed (JSON-RPC 2.0, section 5.1).
#[derive(Clone)]
pub struct ErrorObject {
    /// Which kind of failure; [`crate::json_rpc::code`].
    pub code: i64,
    /// A short sentence.
    pub message: String,
    /// Whatever else is to be said.
    pub data: Option<Box<RawValue>>,
    /// Members that JSON-RPC does not know.
    pub others: Object,
}

impl Reply {
    /// A result. The id is that of the request.
    pub fn result(id: Id, result: Object) -> Self {
        Self { id: Some(id), outcome: Outcome::Result(result), others: Object::new() }
    }

    /// An error. Without an id where nobody could read which request was wrong: it is then written as null.
    pub fn error<T: Serialize>(id: Option<Id>, code: i32, message: &str, data: Option<&T>) -> Self {
        let data = data.and_then(|data| to_raw_value(data).ok());
        let error = ErrorObject { code: code.into(), message: message.to_owned(), data, others: Object::new() };
        Self { id, outcome: Outcome::Error(error), others: Object::new() }
    }

    /// Reads what is left of an envelope without `jsonrpc` and `method`.
    pub(crate) fn read(mut members: Object) -> Result<Self, Unparsable> {
        let id = members.remove("id");
        let outcome = match (members.remove("result"), members.remove("error")) {
            (Some(result), None) => Object::of(&result).map_or(Outcome::OtherResult(result), Outcome::Result),
            (None, Some(error)) => Outcome::Error(ErrorObject::read(&error)?),
            (Some(_), Some(_)) => return Err(Unparsable::NotJsonRpc("it has a result and an error")),
            (None, None) => return Err(Unparsable::NotJsonRpc("it has neither a method nor a result nor an error")),
        };
        let id = match (id, &outcome) {
            (None, Outcome::Error(_)) => None,
            (Some(id), Outcome::Error(_)) if id.get() == "null" => None,
            (Some(id), _) => Some(Id::repeated(&id).ok_or(Unparsable::NotJsonRpc("its id is no string or integer"))?),
            (None, _) => return Err(Unparsable::NotJsonRpc("it has a result without an id")),
        };
        Ok(Self { id, outcome, others: members })
    }

    /// The whole envelope.
    pub fn to_object(&self) -> Object {
        let mut envelope = Object::new();
        envelope.set("jsonrpc", "2.0");
        envelope.set("id", &self.id);
        match &self.outcome {
            Outcome::Result(result) => envelope.set_raw("result", result.to_raw()),
            Outcome::OtherResult(result) => envelope.set_raw("result", result.clone()),
            Outcome::Error(error) => envelope.set_raw("error", error.to_object().to_raw()),
        }
        envelope.extend(self.others.clone());
        envelope
    }
}

impl ErrorObject {
    fn read(error: &RawValue) -> Result<Self, Unparsable> {
        let mut members = Object::of(error).ok_or(Unparsable::NotJsonRpc("its error is no object"))?;
        let code = members.remove("code").and_then(|code| whole(&code));
        let message = members.str("message");
        members.remove("message");
        let data = members.remove("data");
        Ok(Self {
            code: code.ok_or(Unparsable::NotJsonRpc("the code of its error is no integer"))?,
            message: message.ok_or(Unparsable::NotJsonRpc("the message of its error is no string"))?,
            data,
            others: members,
        })
    }

    fn to_object(&self) -> Object {
        let mut error = Object::new();
        error.set("code", &self.code);
        error.set("message", &self.message);
        if let Some(data) = &self.data {
            error.set_raw("data", data.clone());
        }
        error.extend(self.others.clone());
        error
    }
}

/// The same texts.
impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Result(one), Self::Result(other)) => one == other,
            (Self::OtherResult(one), Self::OtherResult(other)) => one.get() == other.get(),
            (Self::Error(one), Self::Error(other)) => one == other,
            (Self::Result(_) | Self::OtherResult(_) | Self::Error(_), _) => false,
        }
    }
}

impl Eq for Outcome {}

/// The same texts.
impl PartialEq for ErrorObject {
    fn eq(&self, other: &Self) -> bool {
        self.to_object() == other.to_object()
    }
}

impl Eq for ErrorObject {}

/// Says nothing of what is in it: results are not for logs.
impl fmt::Debug for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(_) | Self::OtherResult(_) => formatter.write_str("Result"),
            Self::Error(error) => error.fmt(formatter),
        }
    }
}

/// The code alone: servers write what they like into the message.
impl fmt::Debug for ErrorObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Error({})", self.code)
    }
}
