//! The gateway.

mod batches;
mod begun;
mod eras;
mod federated;
mod forwarding;
mod identity_headers;
mod identity_provider_tokens;
mod ids;
mod legacy;
mod limits;
mod long_requests;
mod memory;
mod networks;
mod own_answers;
mod policy;
mod refusing;
mod schema;
mod streaming;

use std::sync::Arc;

use crate::bindings::imports::gatehouse::auth::sessions::{Claims, Principal, Revocation};
use crate::component::GATEWAY;
use crate::fakes::{Fakes, SessionCall};
use crate::serve::{Reply, request, serve};

const RESOURCE: &str = "https://gateway.example/mcp";
const SERVER_KEYS: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const TOKEN: &str = "a-sealed-access-token";
const SECRET: &str = "the upstream's own secret";
/// A message that every server answers.
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const ORIGIN: &str = "http://localhost:6274";

const CONFIGURATION: &str = r#"
public_url = "https://gateway.example"
allowed_origins = ["http://localhost:6274"]
[identity_provider]
name = "demo"
issuer = "https://provider.example"
client_id = "gatehouse"
[[routes]]
path = "/mcp"
url = "https://upstream.internal.example/server?version=2"
name = "Demo"
scopes = ["mcp"]
subject_header = "x-gatehouse-subject"
secret_headers = { "x-functions-key" = { secret = "upstream_secret" } }
limits = { request_bytes = 1000 }
"#;

/// Everything in order: a valid session, and an upstream that answers in JSON.
fn fakes() -> Arc<Fakes> {
    let fakes = Fakes::new();
    fakes.set("config", CONFIGURATION);
    fakes.set("server_keys", SERVER_KEYS);
    fakes.set("upstream_secret", &format!("{SECRET}\n"));
    *fakes.validated.lock().unwrap() = Some(Ok(principal()));
    fakes.answer_always(200, "application/json", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    fakes
}

fn principal() -> Principal {
    Principal {
        subject: "demo:alice".to_owned(),
        client_id: "a-client".to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["mcp".to_owned()],
        claims: Claims { tenant: None, groups: vec!["engineering".to_owned()], roles: Vec::new(), names: None },
        actors: Vec::new(),
    }
}

/// A call with a token, and these headers besides.
async fn call(fakes: &Arc<Fakes>, headers: &[(&str, &str)], body: &str) -> Reply {
    let authorization = format!("Bearer {TOKEN}");
    let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    serve(&GATEWAY, fakes, request("POST", "/mcp", &all, body)).await
}

/// A request without a token.
async fn ask(fakes: &Arc<Fakes>, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
    serve(&GATEWAY, fakes, request(method, target, headers, "")).await
}

/// Nobody but the settings was asked anything.
fn asked_nobody(fakes: &Fakes) {
    assert_eq!(fakes.session_calls(), [], "sessions were asked");
    sent_nothing(fakes);
}

fn sent_nothing(fakes: &Fakes) {
    assert!(fakes.sent().is_empty(), "a request was sent: {:?}", fakes.sent());
    assert!(fakes.handed_on.lock().unwrap().is_empty(), "the request was handed on");
}

fn validation() -> SessionCall {
    let (token, resource) = (TOKEN.to_owned(), RESOURCE.to_owned());
    SessionCall::Validate { token, resource, revocation: Revocation::Immediate, calls_at: Some("/mcp".to_owned()) }
}

/// An answer that JSON-RPC clients understand, and that tells nothing of what is behind.
fn is_terse_refusal(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.json()["jsonrpc"], "2.0");
    let id = &reply.json()["id"];
    assert!(id.is_null() || *id == 1, "{}", reply.body);
    assert!(!reply.body.contains("internal.example"), "{}", reply.body);
    assert_eq!((reply.header("cache-control"), reply.header("x-content-type-options")), ("no-store", "nosniff"));
}
