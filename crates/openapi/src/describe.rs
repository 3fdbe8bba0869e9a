//! One operation of a document: the tool that a client sees, and what is kept to call it.

use std::collections::HashSet;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::document::{Document, Members, is_true, items, members, object, string};
use crate::media_type::{default_type, is_bytes, is_form, is_json, is_text};
use crate::names::{argument_name, digest, tool_name};
use crate::operation::{Body, BodyFormat, Operation, Parameter, ParameterLocation, Style};
use crate::request::names;
use crate::result_schema::output_schema;
use crate::schema::{Direction, SchemaWriter, text_length};
use crate::text::shortened;
use crate::{DocumentOptions, Note};

/// Bytes of an input schema, and of an output schema, beyond which they are written less deep.
const LARGEST_INPUT: usize = 24 * 1024;
const LARGEST_OUTPUT: usize = 6 * 1024;
/// Levels of an input schema and of an output schema: the first that leads to no more bytes than that.
const INPUT_DEPTHS: [usize; 6] = [8, 6, 4, 3, 2, 1];
const OUTPUT_DEPTHS: [usize; 4] = [5, 3, 2, 1];
/// Characters of a tool's description.
const LONGEST_DESCRIPTION: usize = 1_024;
const LONGEST_TITLE: usize = 120;
const MOST_PARAMETERS: usize = 100;
/// Bytes of a parameter's name. A longer one makes addresses that no server reads.
const LONGEST_NAME: usize = 200;

/// An operation.
pub(crate) struct Described {
    /// What it would be called if it were alone.
    pub(crate) name: String,
    /// `GET /users/{id}`.
    pub(crate) place: String,
    /// As clients see it, without its name: the text of an object, because many of them are held at once.
    pub(crate) tool: String,
    /// What is kept to call it, as text too.
    pub(crate) operation: String,
    pub(crate) notes: Vec<Note>,
}

impl Described {
    /// Bytes of what is kept of it.
    pub(crate) fn bytes(&self) -> usize {
        self.name.len().saturating_add(self.tool.len()).saturating_add(self.operation.len())
    }
}

/// Describes the operations of a document.
pub(crate) struct Describer<'d, 'a> {
    document: &'d Document<'a>,
    options: &'d DocumentOptions<'d>,
    requests: SchemaWriter<'d, 'a>,
    responses: SchemaWriter<'d, 'a>,
    fixed_query: Vec<String>,
}

/// The properties of a tool's input, as they come together.
#[derive(Default)]
struct Input {
    properties: Map<String, Value>,
    required: Vec<Value>,
    names: HashSet<String>,
}

impl Input {
    /// A name that no other argument has.
    fn name(&mut self, wanted: String, location: &str) -> String {
        let candidates = [wanted.clone(), format!("{wanted}_{location}"), format!("{location}_{}", digest(&wanted))];
        let free = candidates.into_iter().find(|name| name.len() <= 64 && !self.names.contains(name)).unwrap_or(wanted);
        self.names.insert(free.clone());
        free
    }
}

impl<'d, 'a> Describer<'d, 'a> {
    pub(crate) fn new(document: &'d Document<'a>, options: &'d DocumentOptions<'d>) -> Self {
        Self {
            document,
            options,
            requests: SchemaWriter::new(document, Direction::Request),
            responses: SchemaWriter::new(document, Direction::Response),
            fixed_query: names(options.fixed_query).collect(),
        }
    }

    /// The tool, or why there is none. `None` where it was not chosen.
    pub(crate) fn describe(
        &self,
        method: &str,
        path: &str,
        item: &Members<'a>,
        operation: &Members<'a>,
    ) -> Option<Result<Described, Note>> {
        let method = method.to_ascii_uppercase();
        let place = format!("{method} {path}");
        let id = string(operation, "operationId");
        let tags =
            items(operation, "tags").into_iter().filter_map(|tag| serde_json::from_str::<String>(tag.get()).ok());
        let names =
            id.iter().cloned().chain([place.clone()]).chain(tags.map(|tag| format!("tag:{tag}"))).collect::<Vec<_>>();
        if !self.options.selection.has(&names) {
            return None;
        }
        let mut notes = Vec::new();
        if operation.contains_key("callbacks") {
            notes.push(Note::new(&place, "its callbacks are left out: nobody calls Gatehouse"));
        }
        let described =
            check_path(path).and_then(|()| self.operation(&method, path, item, operation, &place, &mut notes));
        Some(match described {
            Ok((mut kept, input)) => {
                let name = tool_name(id.as_deref(), &method, path);
                let output = self.output(operation);
                kept.has_output = output.is_some();
                let tool = Value::Object(tool(&method, &place, operation, input, output)).to_string();
                let operation = serde_json::to_string(&kept).unwrap_or_default();
                Ok(Described { name, place, tool, operation, notes })
            }
            Err(reason) => Err(Note::new(place, format!("is left out: {reason}"))),
        })
    }

    fn operation(
        &self,
        method: &str,
        path: &str,
        item: &Members<'a>,
        operation: &Members<'a>,
        place: &str,
        notes: &mut Vec<Note>,
    ) -> Result<(Operation, Input), String> {
        let mut input = Input::default();
        let mut parameters = Vec::new();
        for parameter in self.parameters(item, operation)? {
            if let Some(parameter) = self.parameter(&parameter, &mut input, place, notes)? {
                parameters.push(parameter);
            }
        }
        let placeholders = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        for placeholder in placeholders {
            if !parameters
                .iter()
                .any(|parameter| parameter.location == ParameterLocation::Path && parameter.name == placeholder)
            {
                return Err(format!("its path parameter {placeholder} is not described"));
            }
        }
        let body = match operation.get("requestBody") {
            Some(body) => self.body(body, &mut input, place, notes)?,
            None => None,
        };
        let accept = self.accept(operation);
        Ok((
            Operation { method: method.to_owned(), path: path.to_owned(), parameters, body, accept, has_output: false },
            input,
        ))
    }

    /// The parameters of the path and of the operation; of two for the same, the operation's.
    fn parameters(&self, item: &Members<'a>, operation: &Members<'a>) -> Result<Vec<Members<'a>>, String> {
        let (of_path, own) = (items(item, "parameters"), items(operation, "parameters"));
        let too_many = || Err(format!("it has more than {MOST_PARAMETERS} parameters"));
        // Neither list has one twice (OpenAPI 3.1.1, "Operation Object").
        if of_path.len().max(own.len()) > MOST_PARAMETERS {
            return too_many();
        }
        let mut parameters: IndexMap<_, Members<'a>> = IndexMap::new();
        for part in of_path.into_iter().chain(own) {
            let Some(parameter) = self.document.resolved_object(part) else {
                return Err("a parameter is not in the document".to_owned());
            };
            let name = string(&parameter, "name").ok_or("a parameter has no name")?;
            if name.len() > LONGEST_NAME {
                return Err(format!("the name of a parameter has more than {LONGEST_NAME} bytes"));
            }
            let key = (name, string(&parameter, "in"));
            parameters.shift_remove(&key);
            parameters.insert(key, parameter);
            if parameters.len() > MOST_PARAMETERS {
                return too_many();
            }
        }
        Ok(parameters.into_values().collect())
    }

    /// `None` for a parameter that a call does not set.
    fn parameter(
        &self,
        parameter: &Members<'a>,
        input: &mut Input,
        operation: &str,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Parameter>, String> {
        let name = string(parameter, "name").ok_or("a parameter has no name")?;
        let required = is_true(parameter, "required");
        let location = match string(parameter, "in").as_deref() {
            Some("path") => ParameterLocation::Path,
            Some("query") if names(&name).any(|name| self.fixed_query.contains(&name)) => return Ok(None),
            Some("query") => ParameterLocation::Query,
            Some("header") => match self.header(&name) {
                Some(true) => ParameterLocation::Header,
                Some(false) => return Ok(None),
                None if required => {
                    notes.push(Note::new(
                        operation,
                        format!("needs the header {name}, which a call cannot set: set it in secret_headers"),
                    ));
                    return Ok(None);
                }
                None => return Ok(None),
            },
            Some("cookie") if required => return Err(format!("it needs the cookie {name}, and cookies are not sent")),
            Some("cookie") => {
                notes.push(Note::new(operation, format!("its cookie {name} is left out")));
                return Ok(None);
            }
            _ => return Err(format!("its parameter {name} is in no location that OpenAPI 3.0 or 3.1 knows")),
        };
        let (schema, style) = match parameter.get("schema") {
            Some(schema) => (*schema, self.style(parameter, location)?),
            None => {
                let content = members(parameter, "content");
                let media =
                    content.iter().find(|(media_type, _)| is_json(media_type)).and_then(|(_, media)| object(media));
                let schema = media.as_ref().and_then(|media| media.get("schema").copied());
                match (schema, content.is_empty()) {
                    (Some(schema), _) => (schema, Style::Json),
                    // Neither: OpenAPI forbids it, and a text fits.
                    (None, true) => (RawValue::NULL, self.style(parameter, location)?),
                    (None, false) => return Err(format!("its parameter {name} is not JSON")),
                }
            }
        };
        let explode = match parameter.get("explode") {
            Some(explode) => explode.get() == "true",
            None => style == Style::Form,
        };
        let argument = input.name(argument_name(&name), location.as_str());
        let mut written = self.requests.write(&value(schema), &INPUT_DEPTHS, LARGEST_INPUT);
        if let (Some(text), Some(written)) = (string(parameter, "description"), written.as_object_mut()) {
            written.insert("description".to_owned(), shortened(&text, 500).into());
        }
        input.properties.insert(argument.clone(), written);
        let required = required || location == ParameterLocation::Path;
        if required {
            input.required.push(argument.clone().into());
        }
        Ok(Some(Parameter { argument, name, location, style, explode, required }))
    }

    /// Whether a call sets this header: `Some(false)` for what OpenAPI itself leaves out, `None` for what is the operator's.
    fn header(&self, name: &str) -> Option<bool> {
        let Ok(name) = HeaderName::try_from(name) else { return Some(false) };
        if [ACCEPT, CONTENT_TYPE].contains(&name) {
            return Some(false);
        }
        (![AUTHORIZATION, COOKIE].contains(&name) && (self.options.may_set)(&name)).then_some(true)
    }

    fn style(&self, parameter: &Members<'a>, location: ParameterLocation) -> Result<Style, String> {
        match (string(parameter, "style").as_deref(), location) {
            (None, ParameterLocation::Query) | (Some("form"), ParameterLocation::Query) => Ok(Style::Form),
            (None, ParameterLocation::Path | ParameterLocation::Header)
            | (Some("simple"), ParameterLocation::Path | ParameterLocation::Header) => Ok(Style::Simple),
            (Some("label"), ParameterLocation::Path) => Ok(Style::Label),
            (Some("matrix"), ParameterLocation::Path) => Ok(Style::Matrix),
            (Some("spaceDelimited"), ParameterLocation::Query) => Ok(Style::SpaceDelimited),
            (Some("pipeDelimited"), ParameterLocation::Query) => Ok(Style::PipeDelimited),
            (Some("deepObject"), ParameterLocation::Query) => Ok(Style::DeepObject),
            (Some(style), _) => Err(format!("the style {} is not known there", shortened(style, 40))),
        }
    }

    fn body(
        &self,
        body: &'a RawValue,
        input: &mut Input,
        operation: &str,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Body>, String> {
        let body = self.document.resolved_object(body).ok_or("its body is not in the document")?;
        let required = is_true(&body, "required");
        let content = members(&body, "content");
        let found = |wanted: fn(&str) -> bool| content.iter().find(|(media_type, _)| wanted(media_type));
        let chosen = found(is_json)
            .map(|found| (found, BodyFormat::Json))
            .or_else(|| found(is_form).map(|found| (found, BodyFormat::Form)))
            .or_else(|| found(is_text).map(|found| (found, BodyFormat::Text)))
            .or_else(|| found(is_bytes).map(|found| (found, BodyFormat::Bytes)));
        let Some(((media_type, media), format)) = chosen else {
            let known: Vec<_> = content.keys().map(|media_type| shortened(media_type, 60)).take(4).collect();
            if required {
                return Err(format!("a body of {} cannot be sent", known.join(", ")));
            }
            if !content.is_empty() {
                notes.push(Note::new(operation, format!("its body of {} is left out", known.join(", "))));
            }
            return Ok(None);
        };
        // A range is no media type to send.
        let sent = if media_type.contains('*') { default_type(format) } else { media_type.as_str() };
        HeaderValue::from_str(sent).map_err(|_| "the media type of its body cannot be sent".to_owned())?;
        let media = object(media).unwrap_or_default();
        let wanted = if input.names.contains("body") { "request_body" } else { "body" };
        let argument = input.name(wanted.to_owned(), "request");
        let written = match (format, media.get("schema")) {
            (BodyFormat::Bytes, _) => {
                json!({ "type": "string", "contentEncoding": "base64", "description": format!("{sent}, in base64") })
            }
            (BodyFormat::Text, _) => json!({ "type": "string", "description": sent }),
            (_, Some(schema)) => self.requests.write(&value(schema), &INPUT_DEPTHS, LARGEST_INPUT),
            (BodyFormat::Form, None) => json!({ "type": "object" }),
            (BodyFormat::Json, None) => json!({}),
        };
        let mut written = written;
        if let (Some(text), Some(written)) = (string(&body, "description"), written.as_object_mut()) {
            written.entry("description").or_insert_with(|| shortened(&text, 300).into());
        }
        input.properties.insert(argument.clone(), written);
        if required {
            input.required.push(argument.clone().into());
        }
        let encoding =
            members(&media, "encoding").into_iter().filter_map(|(field, encoding)| Some((field, object(encoding)?)));
        let deep = encoding.filter(|(_, encoding)| string(encoding, "style").as_deref() == Some("deepObject"));
        let deep_fields = deep.map(|(field, _)| field).collect();
        Ok(Some(Body { argument, media_type: sent.to_owned(), format, required, deep_fields }))
    }

    /// The answers of success.
    fn successes(&self, operation: &Members<'a>) -> Vec<Members<'a>> {
        let responses = members(operation, "responses");
        let is_success = |status: &&String| status.starts_with('2');
        let mut statuses: Vec<_> = responses.keys().filter(is_success).collect();
        statuses.sort();
        statuses.into_iter().filter_map(|status| self.document.resolved_object(responses.get(status)?)).collect()
    }

    /// What the operation can answer with, JSON first.
    fn accept(&self, operation: &Members<'a>) -> String {
        let mut media_types: Vec<String> = Vec::new();
        for success in self.successes(operation) {
            for media_type in members(&success, "content").into_keys() {
                let is_usable = !media_types.contains(&media_type) && HeaderValue::from_str(&media_type).is_ok();
                if is_usable && media_type.contains('/') && media_type.len() < 100 && !media_type.contains(',') {
                    media_types.push(media_type);
                }
            }
        }
        media_types.sort_by_key(|media_type| !is_json(media_type));
        media_types.truncate(1);
        media_types.retain(|media_type| media_type != "*/*");
        // Errors have types of their own.
        media_types.push(if media_types.is_empty() { "*/*".to_owned() } else { "*/*;q=0.1".to_owned() });
        media_types.join(", ")
    }

    fn output(&self, operation: &Members<'a>) -> Option<Value> {
        if !self.options.with_output_schemas {
            return None;
        }
        let content = self.successes(operation).into_iter().map(|success| members(&success, "content"));
        let media = content.flatten().find(|(media_type, _)| is_json(media_type))?.1;
        let schema = object(media)?.get("schema").map(|schema| value(schema))?;
        let longest = LARGEST_OUTPUT.saturating_mul(2);
        for depth in OUTPUT_DEPTHS {
            let output = output_schema(&self.responses.write(&schema, &[depth], longest.saturating_mul(4)));
            if text_length(&output) <= LARGEST_OUTPUT {
                return Some(output);
            }
        }
        Some(json!({ "type": "object" }))
    }
}

/// The tool as clients see it, without its name.
fn tool(method: &str, place: &str, operation: &Members<'_>, input: Input, output: Option<Value>) -> Map<String, Value> {
    let summary =
        string(operation, "summary").map(|text| shortened(&text, LONGEST_TITLE)).filter(|text| !text.is_empty());
    let about = string(operation, "description")
        .map(|text| shortened(&text, LONGEST_DESCRIPTION))
        .filter(|text| !text.is_empty());
    let mut description: Vec<String> = Vec::new();
    if is_true(operation, "deprecated") {
        description.push("Deprecated.".to_owned());
    }
    description.extend(summary.clone());
    description.extend(about.filter(|about| Some(about) != summary.as_ref()));
    description.push(place.to_owned());
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), Value::Object(input.properties));
    if !input.required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(input.required));
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    let mut tool = Map::new();
    tool.insert("description".to_owned(), description.join("\n\n").into());
    tool.insert("inputSchema".to_owned(), Value::Object(schema));
    if let Some(output) = output {
        tool.insert("outputSchema".to_owned(), output);
    }
    let (reads, repeats) = (method == "GET", matches!(method, "GET" | "PUT" | "DELETE"));
    let mut annotations = Map::new();
    let hints =
        [("readOnlyHint", reads), ("destructiveHint", !reads), ("idempotentHint", repeats), ("openWorldHint", true)];
    annotations.extend(hints.map(|(hint, value)| (hint.to_owned(), value.into())));
    if let Some(title) = summary {
        annotations.insert("title".to_owned(), title.clone().into());
        tool.insert("title".to_owned(), title.into());
    }
    tool.insert("annotations".to_owned(), Value::Object(annotations));
    tool
}

/// A path that is one: it begins with a slash, has no query, and leads nowhere else.
fn check_path(path: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%{}".contains(&byte);
    if !path.starts_with('/') || path.len() > 1_000 || !path.bytes().all(is_plain) {
        return Err("its path has characters that no path has".to_owned());
    }
    let leads_elsewhere = |segment: &str| {
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
        matches!(decoded.split(';').next().unwrap_or_default(), "." | "..")
    };
    if path.contains("//") || path.split('/').any(leads_elsewhere) {
        return Err("its path leads to another one".to_owned());
    }
    Ok(())
}

fn value(part: &RawValue) -> Value {
    serde_json::from_str(part.get()).unwrap_or_default()
}
