//! `x-mcp-header`: parameters that headers repeat (MCP 2026-07-28, "Custom Headers from Tool Parameters").

use gatehouse_mcp_wire::header::MCP_PARAM_PREFIX;
use gatehouse_mcp_wire::header_value::decoded;
use http::{HeaderMap, HeaderName};
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use thiserror::Error;

const ANNOTATION: &str = "x-mcp-header";
/// The largest integer that every reader holds exactly: 2^53 − 1.
const LARGEST: i64 = 9_007_199_254_740_991;

/// A parameter that a header repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// The header, `mcp-param-…`.
    pub header: HeaderName,
    /// Where the parameter is: the names of properties, from the arguments on. Never empty.
    pub path: Vec<String>,
}

/// A tool's schema has an annotation that MCP does not allow. Clients do not use such a tool over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidAnnotation {
    /// It is no string, or none that a header's name can have.
    #[error("an x-mcp-header is not the end of a header's name")]
    Name,
    /// Two are the same but for case.
    #[error("two x-mcp-header are the same")]
    Doubled,
    /// The parameter is not a string, an integer or a boolean.
    #[error("an x-mcp-header is at a parameter that is not a string, an integer or a boolean")]
    Type,
    /// It is not in a property of a property of … of the schema.
    #[error("an x-mcp-header is where no argument is sure to be")]
    Misplaced,
}

/// A header does not say what the body says (-32020). The text is for the client, and holds no values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderMismatch {
    /// The parameter is there, the header is not.
    #[error("the {0} header is missing")]
    Missing(HeaderName),
    /// The header is there, the parameter is not.
    #[error("the {0} header is there, and its parameter is not")]
    Extra(HeaderName),
    /// The header is there more than once.
    #[error("the {0} header is there more than once")]
    Doubled(HeaderName),
    /// It holds characters that it must not hold, or something in Base64 that is none.
    #[error("the {0} header is malformed")]
    Malformed(HeaderName),
    /// They say different things.
    #[error("the {0} header is not what the body says")]
    Different(HeaderName),
    /// The arguments cannot be read.
    #[error("the arguments are no object")]
    Arguments,
}

/// The annotated parameters of a schema.
pub(crate) fn find(schema: &Value) -> Result<Vec<Mirrored>, InvalidAnnotation> {
    let mut mirrored = Vec::new();
    collect(schema, &mut Vec::new(), &mut mirrored)?;
    let mut headers: Vec<_> = mirrored.iter().map(|found| found.header.as_str()).collect();
    headers.sort_unstable();
    headers.dedup();
    if headers.len() < mirrored.len() {
        return Err(InvalidAnnotation::Doubled);
    }
    // Whatever else has one has it where it means nothing.
    if annotations(schema, AnnotationSite::Schema) > mirrored.len() {
        return Err(InvalidAnnotation::Misplaced);
    }
    Ok(mirrored)
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Mirrored>) -> Result<(), InvalidAnnotation> {
    if let Some(name) = schema.get(ANNOTATION).filter(|_| !path.is_empty()) {
        let name = name.as_str().filter(|name| !name.is_empty()).ok_or(InvalidAnnotation::Name)?;
        let header = HeaderName::from_bytes(format!("{MCP_PARAM_PREFIX}{name}").as_bytes());
        let header = header.map_err(|_| InvalidAnnotation::Name)?;
        if !schema.get("type").is_some_and(is_primitive) {
            return Err(InvalidAnnotation::Type);
        }
        found.push(Mirrored { header, path: path.clone() });
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        path.push(name.clone());
        collect(property, path, found)?;
        path.pop();
    }
    Ok(())
}

/// One primitive type, or several, of which `null` may be one: then there is no header.
fn is_primitive(kind: &Value) -> bool {
    let is = |kind: &Value, also_null| match kind.as_str() {
        Some("string" | "integer" | "boolean") => true,
        Some("null") => also_null,
        Some(_) | None => false,
    };
    match kind {
        Value::Array(kinds) => kinds.iter().all(|kind| is(kind, true)) && kinds.iter().any(|kind| is(kind, false)),
        kind => is(kind, false),
    }
}

/// What the members of an object are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AnnotationSite {
    /// Keywords.
    Schema,
    /// Names, of properties or definitions.
    Names,
}

/// How many annotations there are, in all schemas within a schema.
fn annotations(value: &Value, site: AnnotationSite) -> usize {
    match value {
        Value::Object(members) => {
            let own = usize::from(site == AnnotationSite::Schema && members.contains_key(ANNOTATION));
            let within = members.iter().map(|(key, member)| match (site, key.as_str()) {
                (AnnotationSite::Schema, "enum" | "const" | "default" | "examples") => 0,
                (
                    AnnotationSite::Schema,
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                ) => annotations(member, AnnotationSite::Names),
                (AnnotationSite::Schema | AnnotationSite::Names, _) => annotations(member, AnnotationSite::Schema),
            });
            own + within.sum::<usize>()
        }
        Value::Array(items) => items.iter().map(|item| annotations(item, AnnotationSite::Schema)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Holds headers against arguments.
pub(crate) fn check(
    mirrored: &[Mirrored],
    headers: &HeaderMap,
    arguments: Option<&RawValue>,
) -> Result<(), HeaderMismatch> {
    if mirrored.is_empty() {
        return Ok(());
    }
    let arguments: Value = match arguments {
        Some(arguments) => serde_json::from_str(arguments.get()).map_err(|_| HeaderMismatch::Arguments)?,
        None => Value::Null,
    };
    if !(arguments.is_object() || arguments.is_null()) {
        return Err(HeaderMismatch::Arguments);
    }
    mirrored.iter().try_for_each(|Mirrored { header, path }| {
        let parameter = path.iter().try_fold(&arguments, |value, name| value.get(name));
        let mut values = headers.get_all(header).iter();
        let (value, another) = (values.next(), values.next());
        if another.is_some() {
            return Err(HeaderMismatch::Doubled(header.clone()));
        }
        match (value, parameter.filter(|parameter| !parameter.is_null())) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(HeaderMismatch::Missing(header.clone())),
            (Some(_), None) => Err(HeaderMismatch::Extra(header.clone())),
            (Some(value), Some(parameter)) => {
                let text = decoded(value).ok_or_else(|| HeaderMismatch::Malformed(header.clone()))?;
                if says(&text, parameter) { Ok(()) } else { Err(HeaderMismatch::Different(header.clone())) }
            }
        }
    })
}

/// Whether a header's text is the value that the body has.
fn says(text: &str, parameter: &Value) -> bool {
    match parameter {
        Value::String(parameter) => text == parameter,
        Value::Bool(parameter) => text == if *parameter { "true" } else { "false" },
        // As numbers: `42.0` is `42` ("Server Validation").
        Value::Number(parameter) => {
            let number = serde_json::from_str::<Number>(text).ok();
            number.as_ref().and_then(whole).is_some_and(|number| whole(parameter) == Some(number))
        }
        // No header can say it.
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The integer that a number is, in the range that a header may repeat.
fn whole(number: &Number) -> Option<i64> {
    let integer = number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        // The cast saturates, and the range is checked below.
        Some(float as i64)
    });
    integer.filter(|integer| (-LARGEST..=LARGEST).contains(integer))
}

#[cfg(test)]
mod tests;
