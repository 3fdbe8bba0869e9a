//! OpenAPI documents, as an operator's commands read them: the tools that become of them, and what does not.

use std::fs;

use anyhow::{Context as _, Result};
use gatehouse_configuration::{Configuration, OpenApi, OpenApiDocument, Upstream, compile_with, piece_name};
use gatehouse_gateway::is_reserved;
use gatehouse_openapi::{CompiledDocument, DocumentError, DocumentOptions, Selection, compile};
use http::HeaderName;

/// Notes that are told of one document. Who has more reads these first.
const MOST_NOTES: usize = 20;

/// Makes the tools of a document, as Gatehouse makes them.
pub(crate) fn tools(
    text: &str,
    configuration: &Configuration,
    upstream: &Upstream,
    api: &OpenApi,
) -> Result<CompiledDocument, DocumentError> {
    let selection = Selection::of(api.operations.iter().map(String::as_str));
    let options = DocumentOptions {
        selection: &selection,
        fixed_query: upstream.url.query().unwrap_or_default(),
        may_set: &|name: &HeaderName| !is_reserved(name, &configuration.gateway, upstream),
        with_output_schemas: api.output_schemas,
    };
    compile(text, &options)
}

/// The compiled form of a configuration, with the tools of the documents that it names as files.
pub(crate) fn compiled(text: &str) -> Result<String> {
    // What is compiled already has its tools, and is refused below.
    let Ok(configuration) = Configuration::parse(text) else { return Ok(gatehouse_configuration::compile(text)?) };
    let mut pieces = Vec::new();
    for (upstream, api) in apis(&configuration) {
        let OpenApiDocument::File(file) = &api.document else { continue };
        let document = read(file)?;
        let compiled = tools(&document, &configuration, upstream, api).with_context(|| file.clone())?;
        let id = api.id(&upstream.url);
        let index = serde_json::to_string(&compiled.index)?;
        let named = [("index".to_owned(), index)].into_iter().chain(compiled.pieces);
        let named = named.map(|(name, text)| (piece_name(&id, &name), text)).collect::<Vec<_>>();
        // Two routes may have the same API.
        pieces.extend(
            named.into_iter().filter(|(name, _)| !pieces.iter().any(|(other, _)| other == name)).collect::<Vec<_>>(),
        );
    }
    Ok(compile_with(text, &pieces)?)
}

/// Lines about the documents that are files; those at an address are asked for by `gatehouse doctor`.
pub(crate) fn describe(configuration: &Configuration) -> Result<Vec<(String, String)>> {
    let mut lines = Vec::new();
    for (upstream, api) in apis(configuration) {
        let name = format!("REST API {}", upstream.url);
        match &api.document {
            OpenApiDocument::At(url) => lines.push((name, format!("described by {url}; `gatehouse doctor` reads it"))),
            OpenApiDocument::File(file) => {
                let compiled = tools(&read(file)?, configuration, upstream, api).with_context(|| file.clone())?;
                lines.push((name.clone(), format!("{}, compiled in from {file}", summary(&compiled))));
                lines.extend(notes(upstream, &compiled).into_iter().map(|note| (name.clone(), note)));
            }
        }
    }
    Ok(lines)
}

/// How many tools there are.
pub(crate) fn summary(compiled: &CompiledDocument) -> String {
    let count = compiled.tools.len();
    format!("{count} {} of {:?}", if count == 1 { "tool" } else { "tools" }, compiled.index.title)
}

/// What the operator should know of a document.
pub(crate) fn notes(upstream: &Upstream, compiled: &CompiledDocument) -> Vec<String> {
    let mut notes: Vec<_> = compiled.notes.iter().take(MOST_NOTES).map(ToString::to_string).collect();
    if compiled.notes.len() > MOST_NOTES {
        notes.push(format!("and {} more like these", compiled.notes.len().saturating_sub(MOST_NOTES)));
    }
    let base = upstream.url.to_string();
    let is_base = |server: &String| {
        server.trim_end_matches('/') == base.split('?').next().unwrap_or_default().trim_end_matches('/')
    };
    let are_absolute = |server: &&String| server.contains("://");
    if !compiled.servers.iter().any(is_base) && compiled.servers.iter().any(|server| are_absolute(&server)) {
        let servers: Vec<_> = compiled.servers.iter().filter(are_absolute).map(String::as_str).collect();
        notes.push(format!("servers: the document names {}; requests go to {base} alone", servers.join(", ")));
    }
    notes
}

/// The REST APIs of a configuration.
fn apis(configuration: &Configuration) -> impl Iterator<Item = (&Upstream, &OpenApi)> {
    let upstreams = configuration.routes.iter().flat_map(|route| route.upstreams());
    upstreams.filter_map(|upstream| Some((upstream, upstream.openapi.as_deref()?)))
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read the OpenAPI document {file}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use gatehouse_configuration::{Part, Source};

    use super::*;

    const DOCUMENT: &str = r#"{
        "openapi": "3.0.0", "info": { "title": "Orders", "version": "1" }, "servers": [{ "url": "https://public.example/v1" }],
        "paths": { "/orders": { "get": { "operationId": "listOrders", "responses": {} } },
                   "/upload": { "post": { "requestBody": { "required": true, "content": { "multipart/form-data": {} } }, "responses": {} } } } }"#;

    fn configuration(file: &str) -> String {
        format!(
            "public_url = \"https://gateway.example\"\n[identity_provider]\nname = \"main\"\nissuer = \"https://login.example\"\nclient_id = \"gatehouse\"\n\
             [[routes]]\npath = \"/mcp\"\nurl = \"http://10.0.0.7/v1\"\nopenapi = \"@{file}\"\n"
        )
    }

    #[test]
    fn a_document_in_a_file_is_compiled_in_and_described() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.json").display().to_string();
        fs::write(&file, DOCUMENT).unwrap();
        let text = configuration(&file);
        let parsed = Configuration::parse(&text).unwrap();
        let lines: Vec<_> = describe(&parsed).unwrap().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines[0], format!("1 tool of \"Orders\", compiled in from {file}"));
        assert!(lines[1].starts_with("POST /upload: is left out"), "{lines:?}");
        assert_eq!(
            lines[2],
            "servers: the document names https://public.example/v1; requests go to http://10.0.0.7/v1 alone"
        );
        let source = Source::read(compiled(&text).unwrap()).unwrap();
        let upstream = parsed.routes[0].upstreams().next().unwrap();
        let id = upstream.openapi.as_ref().unwrap().id(&upstream.url);
        for (piece, holds) in [("index", "Orders"), ("list-0", "listOrders"), ("call-0", "/orders")] {
            let name = piece_name(&id, piece);
            let found = source.part(&Part::Piece(&name)).unwrap().unwrap();
            assert!(found.contains(holds), "{piece}: {found}");
        }
        assert_eq!(source.part(&Part::Piece("openapi-other")).unwrap(), None);
        assert_eq!(source.part(&Part::Piece("gateway")).unwrap(), None);
    }

    #[test]
    fn a_document_that_is_not_there_is_said() {
        let text = configuration("/nowhere/orders.json");
        assert!(
            compiled(&text).unwrap_err().to_string().contains("cannot read the OpenAPI document /nowhere/orders.json")
        );
        assert!(describe(&Configuration::parse(&text).unwrap()).is_err());
    }
}
