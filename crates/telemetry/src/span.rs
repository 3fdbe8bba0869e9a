//! Spans: what took which time in the course of one request.

use crate::label::Label;
use crate::metric::{HTTP_STATUS, SERVER_PORT};
use crate::moment::Moment;
use crate::trace_context::{SpanId, TraceId};

/// A part of what happened for one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span that it is a part of, perhaps the caller's.
    pub parent_id: Option<SpanId>,
    /// What was done.
    pub name: String,
    /// On which side of a request it is.
    pub kind: SpanKind,
    /// When it began.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// What else there is to say.
    pub attributes: Vec<Attribute>,
    /// Whether it failed.
    pub failed: bool,
}

/// On which side of a request a span is; the numbers are those of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Within Gatehouse.
    Internal = 1,
    /// A client's request.
    Server = 2,
    /// A request or a call of ours.
    Client = 3,
}

/// A name and its value. Empty values are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: Label,
}

/// Attributes that are numbers by the conventions.
const NUMBERS: [&str; 2] = [HTTP_STATUS, SERVER_PORT];

impl Attribute {
    /// The value as a number, where the conventions want one.
    pub fn number(&self) -> Option<i64> {
        if NUMBERS.contains(&self.name) { self.value.parse().ok() } else { None }
    }

    pub(crate) fn new(name: &'static str, value: impl Into<Label>) -> Self {
        Self { name, value: value.into() }
    }
}
