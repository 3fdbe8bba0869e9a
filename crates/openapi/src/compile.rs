//! Makes tools of a document.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::describe::{Described, Describer};
use crate::document::{Document, members, object, string};
use crate::names::unique;
use crate::pieces::piece_of;
use crate::security::notes_on_security;
use crate::text::shortened;
use crate::{DocumentError, DocumentOptions, Index, Note, call_piece, list_piece, reading};

/// Tools of one document. Clients give up long before.
const MOST_TOOLS: usize = 2_000;
/// Bytes of all tools, and of what is kept to call them: as much as is read of one server's listing.
const LARGEST_TOOLS: usize = 8 * 1024 * 1024;
/// Bytes of a page of the listing. Some clients read only the first one; some stores hold no more than a mebibyte.
const LARGEST_PAGE: usize = 256 * 1024;
/// Bytes of operations in one piece, on average.
const PIECE: usize = 16 * 1024;
const MOST_PIECES: usize = 256;
/// Characters of what the API says of itself.
const LONGEST_ABOUT: usize = 1_000;
/// Raised with every change of what is made of a document.
const FORMAT: &str = "1";

/// The methods that become tools. The others ask nothing that a model could use.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledDocument {
    /// What the pieces are.
    pub index: Index,
    /// The pieces, by their names.
    pub pieces: Vec<(String, String)>,
    /// The names of the tools, each with its method and path.
    pub tools: Vec<(String, String)>,
    /// What the operator should know.
    pub notes: Vec<Note>,
    /// The addresses of servers that the document names. No request goes there.
    pub servers: Vec<String>,
}

/// Compiles a document, JSON or YAML.
///
/// # Errors
/// Where no tool can be made of it.
pub fn compile(text: &str, options: &DocumentOptions<'_>) -> Result<CompiledDocument, DocumentError> {
    let text = reading::json(text)?;
    let document = Document::parse(&text)?;
    let describer = Describer::new(&document, options);
    let (mut described, mut notes, mut bytes) = (Vec::new(), notes_on_security(&document), 0_usize);
    for (path, item) in members(&document.root, "paths") {
        let Some(item) = document.resolved_object(item) else {
            notes.push(Note::new(path, "is left out: it is not in the document"));
            continue;
        };
        for method in METHODS {
            let Some(operation) = item.get(method).and_then(|operation| object(operation)) else { continue };
            match describer.describe(method, &path, &item, &operation) {
                Some(Ok(tool)) => {
                    bytes = bytes.saturating_add(tool.bytes());
                    described.push(tool);
                }
                Some(Err(note)) => notes.push(note),
                None => {}
            }
            if described.len() > MOST_TOOLS {
                return Err(DocumentError::TooManyOperations(MOST_TOOLS));
            }
            if bytes > LARGEST_TOOLS {
                return Err(DocumentError::ToolsTooLarge(LARGEST_TOOLS));
            }
        }
    }
    if document.root.contains_key("webhooks") {
        notes.push(Note::new("webhooks", "are left out: nobody calls Gatehouse"));
    }
    if described.is_empty() {
        return Err(DocumentError::NoOperation);
    }
    notes.extend(described.iter_mut().flat_map(|tool| std::mem::take(&mut tool.notes)));
    let info = members(&document.root, "info");
    let text_of = |name: &str, most: usize| string(&info, name).map_or_else(String::new, |text| shortened(&text, most));
    let index = Index {
        version: String::new(),
        lists: 0,
        calls: 0,
        title: text_of("title", 100),
        api_version: text_of("version", 40),
        about: text_of("description", LONGEST_ABOUT),
    };
    let servers = servers(&document);
    Ok(divide(described, index, notes, servers))
}

/// Divides the tools into pieces.
fn divide(described: Vec<Described>, mut index: Index, notes: Vec<Note>, servers: Vec<String>) -> CompiledDocument {
    let names: Vec<_> = described.iter().map(|tool| (tool.name.clone(), tool.place.clone())).collect();
    let names = unique(&names);
    let mut pages: Vec<String> = Vec::new();
    let mut operations = Vec::new();
    let mut hasher = Sha256::new();
    hasher.update(FORMAT);
    for (tool, name) in described.iter().zip(&names) {
        let rest = tool.tool.strip_prefix('{').unwrap_or(&tool.tool);
        let text = format!("{{\"name\":{},{rest}", Value::from(name.as_str()));
        hasher.update(&text);
        match pages.last_mut().filter(|page| page.len().saturating_add(text.len()) < LARGEST_PAGE) {
            Some(page) => {
                page.push(',');
                page.push_str(&text);
            }
            None => pages.push(text),
        }
        hasher.update(&tool.operation);
        operations.push((name, tool.operation.as_str()));
    }
    let bytes: usize = operations.iter().map(|(_, operation)| operation.len()).sum();
    index.calls = bytes.div_ceil(PIECE).clamp(1, MOST_PIECES);
    index.lists = pages.len();
    index.version = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut pieces: Vec<_> =
        pages.into_iter().enumerate().map(|(page, tools)| (list_piece(page), format!("[{tools}]"))).collect();
    let mut calls = vec![String::new(); index.calls];
    for (name, operation) in operations {
        if let Some(piece) = calls.get_mut(piece_of(name, index.calls)) {
            let between = if piece.is_empty() { "" } else { "," };
            piece.push_str(&format!("{between}{}:{operation}", Value::from(name.as_str())));
        }
    }
    pieces.extend(
        calls.into_iter().enumerate().map(|(number, operations)| (call_piece(number), format!("{{{operations}}}"))),
    );
    let tools = names.into_iter().zip(described).map(|(name, tool)| (name, tool.place)).collect();
    CompiledDocument { index, pieces, tools, notes, servers }
}

/// The addresses that `servers` names, with the default values of their variables.
fn servers(document: &Document<'_>) -> Vec<String> {
    let servers = crate::document::items(&document.root, "servers").into_iter().filter_map(object);
    servers
        .filter_map(|server| {
            let mut url = string(&server, "url")?;
            for (name, variable) in members(&server, "variables") {
                if let Some(value) = object(variable).and_then(|variable| string(&variable, "default")) {
                    url = url.replace(&format!("{{{name}}}"), &value);
                }
            }
            Some(shortened(&url, 300))
        })
        .take(16)
        .collect()
}

#[cfg(test)]
mod tests;
