//! One operation, as it is kept: what a call needs, and nothing else.

use serde::{Deserialize, Serialize};

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// `GET`.
    #[serde(rename = "m")]
    pub(crate) method: String,
    /// `/users/{id}`; it begins with a slash.
    #[serde(rename = "p")]
    pub(crate) path: String,
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parameters: Vec<Parameter>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Body>,
    /// `Accept`.
    #[serde(rename = "t")]
    pub(crate) accept: String,
    /// Whether the tool has an output schema: then its result has structured content, whatever was answered.
    #[serde(rename = "o", default, skip_serializing_if = "is_false")]
    pub(crate) has_output: bool,
}

/// One parameter in the path, the query or a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameter {
    /// What the tool calls it.
    #[serde(rename = "k")]
    pub(crate) argument: String,
    /// What the API calls it.
    #[serde(rename = "n")]
    pub(crate) name: String,
    #[serde(rename = "i")]
    pub(crate) location: ParameterLocation,
    #[serde(rename = "s")]
    pub(crate) style: Style,
    #[serde(rename = "e", default, skip_serializing_if = "is_false")]
    pub(crate) explode: bool,
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub(crate) required: bool,
}

/// Where a parameter stands: its `in`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ParameterLocation {
    #[serde(rename = "p")]
    Path,
    #[serde(rename = "q")]
    Query,
    #[serde(rename = "h")]
    Header,
}

impl ParameterLocation {
    /// As OpenAPI says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// How a value is written (OpenAPI 3.1.1, "Style Values").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Style {
    #[serde(rename = "s")]
    Simple,
    #[serde(rename = "l")]
    Label,
    #[serde(rename = "m")]
    Matrix,
    #[serde(rename = "f")]
    Form,
    #[serde(rename = "_")]
    SpaceDelimited,
    #[serde(rename = "|")]
    PipeDelimited,
    #[serde(rename = "d")]
    DeepObject,
    /// The value's JSON text: a parameter with `content`.
    #[serde(rename = "j")]
    Json,
}

/// What is sent as the request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    #[serde(rename = "k")]
    pub(crate) argument: String,
    /// `Content-Type`.
    #[serde(rename = "t")]
    pub(crate) media_type: String,
    #[serde(rename = "f")]
    pub(crate) format: BodyFormat,
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub(crate) required: bool,
    /// Of a form: the fields whose arrays and objects are written with brackets.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deep_fields: Vec<String>,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BodyFormat {
    /// The argument's own text.
    #[serde(rename = "j")]
    Json,
    /// `application/x-www-form-urlencoded`.
    #[serde(rename = "f")]
    Form,
    /// A text as it is.
    #[serde(rename = "t")]
    Text,
    /// Bytes; the argument has them in base64.
    #[serde(rename = "b")]
    Bytes,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_false(value: &bool) -> bool {
    !value
}
