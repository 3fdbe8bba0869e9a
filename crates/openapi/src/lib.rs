//! A REST API as an MCP server: what an OpenAPI document describes becomes tools, a call becomes a request, and the answer
//! becomes the tool's result. Nothing here does I/O.
//!
//! 1. [`compile`] makes a [`CompiledDocument`] of a document: an [`Index`] and pieces, so that a call reads one piece and a
//!    listing reads a page ([`Pieces`]).
//! 2. [`RestServer::receive`] answers an MCP message, or says which [`OperationCall`] it is.
//! 3. [`OperationCall::request`] makes the HTTP request, and [`OperationCall::finish`] the tool's result of its answer.
//!
//! A document is somebody else's text, arguments are a client's, and an answer is the API's. None of them says where a request
//! goes: that is the base address, which the operator has set. None sets a header that is the operator's or the connection's.
//! Work and size are bounded: references are followed so often, schemas become so long, and answers are read so far.
//!
//! Sources: OpenAPI 3.0.4 and 3.1.1, JSON Schema 2020-12, MCP 2024-11-05 to 2026-07-28 ("Tools"), RFC 3986, RFC 6570,
//! RFC 8288.

mod answer;
mod arguments;
mod body;
mod compile;
mod describe;
mod document;
mod document_options;
#[cfg(test)]
mod example;
mod media_type;
mod names;
mod note;
mod operation;
mod pagination;
mod parameters;
mod pieces;
mod reading;
mod request;
mod result_schema;
mod schema;
mod security;
mod selection;
mod server;
mod text;
mod unusable_arguments;

pub use answer::{LARGEST_ANSWER, RestAnswer};
pub use compile::{CompiledDocument, compile};
pub use document::{DocumentError, LARGEST_DOCUMENT};
pub use document_options::DocumentOptions;
pub use note::Note;
pub use pieces::{Index, Pieces, call_piece, list_piece};
pub use request::RequestTarget;
pub use selection::Selection;
pub use server::{OperationCall, Protocol, Received, RestServer};
pub use unusable_arguments::UnusableArguments;
