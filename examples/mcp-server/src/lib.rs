//! A demo MCP server: the three tools of the Azure sample, with snippets kept per signed-in user.
//!
//! It has no authentication code. Who calls stands in the header that Gatehouse sets, and a key in another header
//! says that it was Gatehouse. It speaks Streamable HTTP without sessions, in both eras of MCP: 2025-03-26 to
//! 2025-11-25 (with `initialize`) and 2026-07-28 (without).

mod answers;
mod caller;
mod component;
mod envelope;
mod json_rpc;
mod server;
mod settings;
mod snippets;
mod tools;

#[cfg(test)]
mod tests;
