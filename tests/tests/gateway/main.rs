//! What the gateway does with real requests: what it streams, forwards, refuses and keeps to itself.

mod audit;
mod azure_example;
mod backend_tokens;
mod configuration;
mod connections;
mod echoing_upstream;
mod federation;
mod forwarding;
mod identity_headers;
mod isolation;
mod legacy_sse;
mod limits;
mod long_requests;
mod mcp;
mod on_behalf_of;
mod probes;
mod programmed_upstream;
mod real_entra;
mod real_token_issuer;
mod rest_api;
mod streaming;
mod tls;
mod tokens;
mod upstream_answers;
