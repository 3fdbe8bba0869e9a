//! `docs/audit.schema.json`: a JSON Schema (2020-12) of every line of the log, from the types in `crates/audit-log`; and whether
//! `docs/audit.md` has a row for each field and each event.
//!
//! What the embedded host adds to a line, and its own lines, have no type of their own: they are in [`of_host`].

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use syn::{Attribute, Expr, ExprLit, Fields, Item, ItemEnum, ItemStruct, Lit, Type};

use super::document::{argument_of, code, comment};
use super::files::{files, read};

/// Where the types are.
const CODE: &str = "crates/audit-log/src";
/// The type of a line.
const RECORD: &str = "AuditRecord";
/// The page on which each field has a row.
pub const PAGE: &str = "docs/audit.md";

/// The types of a line.
pub struct AuditLine {
    structs: BTreeMap<String, ItemStruct>,
    enums: BTreeMap<String, ItemEnum>,
    /// The name and the version of the schema.
    schema: String,
}

/// A field of a line.
struct Field {
    name: String,
    is_required: bool,
    /// What it holds, with its description.
    property: Map<String, Value>,
}

impl AuditLine {
    /// Reads the types.
    pub fn read(root: &Path) -> Result<Self> {
        let (mut structs, mut enums, mut schema) = (BTreeMap::new(), BTreeMap::new(), None);
        for file in files(&root.join(CODE), ".rs")? {
            let parsed = syn::parse_file(&read(&file)?);
            for item in parsed.with_context(|| format!("cannot parse {}", file.display()))?.items {
                match item {
                    Item::Struct(it) => drop(structs.insert(it.ident.to_string(), it)),
                    Item::Enum(it) => drop(enums.insert(it.ident.to_string(), it)),
                    Item::Const(it) if it.ident == "SCHEMA" => schema = text_of(&it.expr),
                    _ => {}
                }
            }
        }
        Ok(Self { structs, enums, schema: schema.context("the audit log has no constant SCHEMA")? })
    }

    /// The schema, with a line break at its end.
    pub fn schema(&self) -> Result<String> {
        let fields = self.fields(RECORD)?;
        let required: Vec<_> = fields.iter().filter(|field| field.is_required).map(|field| &field.name).collect();
        let own = fields.iter().map(|field| (field.name.clone(), Value::Object(field.property.clone())));
        let properties: Map<_, _> = own.chain(of_host("added")?).collect();
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "A line of Gatehouse's log",
            "description": format!("The lines of the audit log ({}), and those of the embedded host beside them. {PAGE} explains them.", self.schema),
            "oneOf": [{ "$ref": "#/$defs/audit" }, { "$ref": "#/$defs/request-ended" }, { "$ref": "#/$defs/notice" }, { "$ref": "#/$defs/output" }],
            "$defs": {
                "audit": {
                    "description": "A line of the audit log: what one of Gatehouse's components decided or did. The embedded host adds level, guest and stream.",
                    "type": "object", "properties": properties, "required": required, "additionalProperties": false,
                    "allOf": promises(),
                },
                "request-ended": of_host_alone("A request has ended, as the embedded host saw it.", &["component", "request_id", "event", "method", "path", "total_ms", "bytes", "complete"], "request-ended")?,
                "notice": of_host_alone("What the embedded host itself has to say.", &["component", "event", "message"], "notice")?,
                "output": of_host_alone("A line of a component that is no JSON object.", &["request_id", "guest", "stream", "event", "message"], "output")?,
            },
        });
        // The same whether or not some other crate has serde_json keep the order of members.
        schema.sort_all_objects();
        Ok(serde_json::to_string_pretty(&schema)? + "\n")
    }

    /// What the page lacks, or has too much: a row for each field and each event, and the mark of each personal field.
    pub fn faults(&self, page: &str) -> Result<Vec<String>> {
        let rows = |column: &str| rows(page, column);
        let mut faults = Vec::new();
        let fields = self.fields(RECORD)?;
        let hosts: Vec<_> =
            ["added", "request-ended", "notice", "output"].into_iter().map(of_host).collect::<Result<_>>()?;
        let hosts: BTreeMap<_, _> = hosts.into_iter().flatten().collect();
        let mut names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        names.extend(hosts.keys().map(String::as_str));
        faults.extend(differences("field", &names, &rows("Field")));
        let events = self.words("Event")?;
        let mut events: Vec<_> = events.iter().map(|(word, _)| word.as_str()).collect();
        events.extend(["request-ended", "notice", "output"]);
        faults.extend(differences("event", &events, &rows("Event")));
        for field in &fields {
            let is_personal = field.property.contains_key("x-personal");
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", field.name)));
            let says = row.is_some_and(|row| !row.trim_end_matches([' ', '|']).ends_with("| no"));
            if is_personal != says {
                faults.push(format!(
                    "{PAGE} does not say of the field {} what the code says: whether it is personal",
                    field.name
                ));
            }
        }
        Ok(faults)
    }

    fn fields(&self, name: &str) -> Result<Vec<Field>> {
        let source = self.structs.get(name).with_context(|| format!("the audit log has no type {name}"))?;
        let Fields::Named(fields) = &source.fields else { bail!("{name} has no fields") };
        let mut found = Vec::new();
        for field in &fields.named {
            let key = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            let serde = Serde::of(&field.attrs)?;
            if serde.is_flattened {
                found.extend(self.fields(&type_name(&field.ty)?)?);
                continue;
            }
            let optional = argument_of(&field.ty, "Option");
            let mut property = self.kind(optional.unwrap_or(&field.ty), serde.written_by.as_deref())?;
            let (meaning, personal) = meaning(&comment(&field.attrs));
            ensure!(!meaning.is_empty(), "{name}.{key} has no doc comment");
            property.insert("description".to_owned(), json!(meaning));
            if let Some(why) = personal {
                property.insert("x-personal".to_owned(), json!(why));
            }
            found.push(Field { name: key, is_required: !serde.may_be_left_out, property });
        }
        Ok(found)
    }

    /// What a value of this type is in JSON, where `written_by` writes it.
    fn kind(&self, ty: &Type, written_by: Option<&str>) -> Result<Map<String, Value>> {
        if argument_of(ty, "Vec").is_some() {
            return Ok(object(json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })));
        }
        let ty = if let Type::Reference(reference) = ty { &*reference.elem } else { ty };
        let name = type_name(ty)?;
        Ok(object(match (name.as_str(), written_by) {
            ("Schema", _) => json!({ "const": self.schema }),
            ("LogTime", _) => time(),
            ("RequestId" | "TraceId", _) => json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
            ("u16" | "u64" | "usize", _) => json!({ "type": "integer", "minimum": 0 }),
            ("RawValue", Some("one_line")) => json!({}),
            // One more than what is kept: the mark that something was cut.
            ("str" | "String", Some("bounded")) => json!({ "type": "string", "maxLength": 1025 }),
            ("str" | "String", Some("cleaned")) => json!({ "type": "string", "pattern": "^[!-~]{0,128}$" }),
            ("str" | "String", None) => json!({ "type": "string" }),
            (name, None) if self.enums.contains_key(name) => {
                let words = self.words(name)?;
                let words: Vec<_> =
                    words.iter().map(|(word, meaning)| json!({ "const": word, "description": meaning })).collect();
                json!({ "oneOf": words })
            }
            (name, how) => bail!("{name}, written by {how:?}, has no form here"),
        }))
    }

    /// The words of an enum, each with its meaning.
    fn words(&self, name: &str) -> Result<Vec<(String, String)>> {
        let source = self.enums.get(name).with_context(|| format!("the audit log has no words {name}"))?;
        let word =
            |variant: &syn::Variant| (kebab_case(&variant.ident.to_string()), meaning(&comment(&variant.attrs)).0);
        Ok(source.variants.iter().map(word).collect())
    }
}

/// What a reader may rely on beside the fields themselves: a line with this event has these fields.
fn promises() -> Value {
    let then =
        |event: &str, then: Value| json!({ "if": { "properties": { "event": { "const": event } } }, "then": then });
    json!([
        then("forwarded", json!({
            "required": ["request_id", "trace_id", "decision", "route", "method", "status", "credential", "total_ms"],
            "properties": { "component": { "const": "gateway" }, "decision": { "const": "allowed" } },
        })),
        then("begun", json!({ "required": ["request_id", "decision"], "properties": { "decision": { "const": "allowed" } } })),
        then("refused", json!({ "required": ["request_id", "decision", "reason"] })),
        then("failed", json!({ "required": ["reason"] })),
        { "if": { "properties": { "component": { "const": "authorization-server" } } }, "then": { "required": ["request_id", "action", "decision"] } },
    ])
}

/// The fields that the embedded host writes itself into a line of this kind.
fn of_host(kind: &str) -> Result<Vec<(String, Value)>> {
    let fields = match kind {
        "added" => json!({
            "level": { "enum": ["info", "warn", "error"], "description": "How much the line matters. Only on the embedded host." },
            "guest": { "type": "string", "description": "The component's id in `spin.toml`. Only on the embedded host." },
            "stream": { "enum": ["stderr", "stdout"], "description": "To which output the component wrote the line. Only on the embedded host." },
        }),
        "request-ended" => json!({
            "path": { "type": "string", "description": "The path of the request, without the query." },
            "bytes": { "type": "integer", "minimum": 0, "description": "Bytes of the answer's body." },
            "complete": { "type": "boolean", "description": "Whether the whole answer was handed to the connection." },
        }),
        "notice" => json!({
            "limit": { "type": "string", "description": "The limit because of which the host refused a request, as `--limit` names it." },
            "message": { "type": "string", "description": "What the embedded host has to say." },
        }),
        "output" => json!({ "message": { "type": "string", "description": "The line as the component wrote it." } }),
        _ => bail!("the host has no lines of the kind {kind}"),
    };
    Ok(object(fields).into_iter().collect())
}

/// The schema of a line that is the host's own, or has its form.
fn of_host_alone(description: &str, required: &[&str], event: &str) -> Result<Value> {
    let mut properties = object(json!({
        "time": time(),
        "component": { "const": "host" },
        "request_id": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
        "event": { "const": event },
    }));
    if event == "request-ended" {
        properties.extend(object(json!({
            "method": { "type": "string" }, "status": { "type": "integer" }, "total_ms": { "type": "number", "minimum": 0 },
        })));
    }
    properties.extend(of_host("added")?);
    properties.extend(of_host(event)?);
    let required: Vec<_> = ["time", "level"].iter().chain(required).collect();
    Ok(
        json!({ "description": description, "type": "object", "properties": properties, "required": required, "additionalProperties": false }),
    )
}

/// RFC 3339, in UTC with three digits behind the second.
fn time() -> Value {
    json!({ "type": "string", "format": "date-time", "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$" })
}

/// What `#[serde(…)]` says of a field.
#[derive(Default)]
struct Serde {
    is_flattened: bool,
    may_be_left_out: bool,
    written_by: Option<String>,
}

impl Serde {
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut serde = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| {
                let value = |meta: &syn::meta::ParseNestedMeta<'_>| {
                    meta.value()?.parse::<syn::LitStr>().map(|text| text.value())
                };
                if meta.path.is_ident("flatten") {
                    serde.is_flattened = true;
                } else if meta.path.is_ident("skip_serializing_if") {
                    serde.may_be_left_out = !value(&meta)?.is_empty();
                } else if meta.path.is_ident("serialize_with") {
                    serde.written_by = Some(value(&meta)?);
                }
                Ok(())
            })?;
        }
        Ok(serde)
    }
}

/// The meaning in one line, without the brackets of links; and why it is personal, where it is.
fn meaning(comment: &str) -> (String, Option<String>) {
    let plain = |text: &str| text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
    let mut paragraphs = comment.split("\n\n").map(plain);
    let meaning = paragraphs.next().unwrap_or_default();
    (meaning, paragraphs.find_map(|text| text.strip_prefix("Personal: ").map(str::to_owned)))
}

fn type_name(ty: &Type) -> Result<String> {
    let Type::Path(path) = ty else { bail!("a field has a type that is not known here") };
    Ok(path.path.segments.last().context("a type has no name")?.ident.to_string())
}

fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// As `#[serde(rename_all = "kebab-case")]` has it.
fn kebab_case(name: &str) -> String {
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What stands between backticks in the first column of the tables whose first column has this title.
fn rows(page: &str, title: &str) -> Vec<String> {
    let (mut found, mut is_in_one) = (Vec::new(), false);
    for line in page.lines() {
        let first = line.strip_prefix('|').and_then(|row| row.split('|').next()).map(str::trim);
        match first {
            None => is_in_one = false,
            Some(first) if first == title => is_in_one = true,
            Some(first) if is_in_one => found.extend(code(first)),
            Some(_) => {}
        }
    }
    found
}

fn differences(what: &str, expected: &[&str], found: &[String]) -> Vec<String> {
    let missing = expected.iter().filter(|name| !found.iter().any(|row| row == *name));
    let missing = missing.map(|name| format!("{PAGE} has no row for the {what} {name}"));
    let unknown = found.iter().filter(|row| !expected.contains(&row.as_str()));
    missing.chain(unknown.map(|row| format!("{PAGE} has a row for the {what} {row}, which there is not"))).collect()
}
