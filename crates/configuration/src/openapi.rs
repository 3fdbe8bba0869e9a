//! REST APIs that are served as MCP servers.

use std::fmt::Write as _;

use http::Uri;
use sha2::{Digest as _, Sha256};

/// A REST API behind a route, described by an OpenAPI document. The address of the server is that of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenApi {
    /// Where the document is.
    pub document: OpenApiDocument,
    /// Patterns of the operations that become tools; all do where there is none.
    pub operations: Vec<String>,
    /// Whether tools say what they answer.
    pub output_schemas: bool,
}

/// Where an OpenAPI document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenApiDocument {
    /// It is fetched, and kept for as long as HTTP says.
    At(Uri),
    /// A file of whoever compiles the configuration. What is made of it is a part of the compiled form.
    File(String),
}

impl OpenApi {
    /// What the tools of the API are kept under: another document, another choice or another address makes other tools.
    pub fn id(&self, url: &Uri) -> String {
        let mut hash = Sha256::new();
        let document = match &self.document {
            OpenApiDocument::At(url) => url.to_string(),
            OpenApiDocument::File(name) => format!("@{name}"),
        };
        let output = if self.output_schemas { "output" } else { "" };
        for part in
            [document.as_str(), &url.to_string(), output].into_iter().chain(self.operations.iter().map(String::as_str))
        {
            // With its length in front, no part can be continued by the next one.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(16).fold(String::new(), |mut id, byte| {
            // Writing into a text cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        })
    }
}
