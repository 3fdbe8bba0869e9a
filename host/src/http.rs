//! Serving HTTP: connections, what is read of a request before a guest runs for it, and what becomes of the answer.

mod body_budget;
mod body_pace;
mod body_refusal;
mod broken_off;
mod callee_body;
mod client_stream;
mod component_call_limits;
mod component_calls;
mod concurrency;
mod connection;
mod connection_state;
mod connections;
mod head_limits;
mod host;
mod http2;
mod http2_body;
mod http2_request;
mod listener;
mod open_files;
mod own_answer;
mod repeated_failures;
mod request;
mod request_body;
mod request_log;
mod response_body;
mod run_guest;
mod spin_headers;
mod started_guest;
mod waiting_clients;
mod worker;
mod workers;

pub use self::listener::Running;
pub(crate) use self::listener::{serve, serve_on};
