//! The server of the sandboxes: MCP on the one side, interpreters that run code on the other, and what is kept between runs in the store.
//!
//! It stands behind Gatehouse, which says who calls and proves with a secret that it is Gatehouse. It believes nothing that an
//! interpreter says: each limit is compared again, and a run whose answer breaks off or cannot be used leaves everything as it was.
//!
//! It speaks all revisions of MCP, without sessions: an environment is named by its id in each call.

mod accept;
mod administration;
mod answers;
mod batch;
mod caller;
mod component;
mod configuration;
mod host;
mod interpreter;
mod log;
mod methods;
mod output;
mod progress;
mod resources;
mod revision;
mod run;
mod sandbox;
mod server;
mod sweep;
mod tools;

#[cfg(test)]
mod tests;
