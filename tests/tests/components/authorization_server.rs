//! The authorization server.

pub mod boundary;
pub mod client;
mod client_documents;
mod pages;
pub mod provider;
mod registration;
mod sign_in;
mod tokens;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::component::AUTHORIZATION_SERVER;
use crate::fakes::Fakes;
use crate::serve::{Reply, request, serve};

const CALLBACK: &str = "https://gateway.example/callback";
pub const RESOURCE: &str = "https://gateway.example/mcp";
pub const CLIENT: &str = "conformance";
const REDIRECT_URI: &str = "http://127.0.0.1:19311/callback";
const VERIFIER: &str = "a-verifier-of-the-client-that-is-43-chars-long";
const SECRET: &str = "gatehouse's secret & 100% +more";

pub const CONFIGURATION: &str = r#"
public_url = "https://gateway.example"
[lifetimes]
access_token = 300
session = 86400
[[clients]]
client_id = "conformance"
client_name = "Conformance runner"
redirect_uris = ["http://127.0.0.1:19311/callback"]
[[clients]]
client_id = "another"
client_name = "Another client"
redirect_uris = ["http://127.0.0.1:19312/callback"]
[[clients]]
client_id = "machine"
client_name = "Machine"
token_endpoint_auth_method = "client_secret_post"
client_secret = { secret = "machine_secret" }
grant_types = ["client_credentials"]
scopes = ["mcp"]
may_introspect = true
[identity_provider]
name = "demo"
display_name = "Demo provider"
issuer = "https://provider.example"
client_id = "gatehouse"
client_secret = { secret = "provider_secret" }
scopes = ["openid", "profile"]
[[routes]]
path = "/mcp"
url = "https://upstream.internal.example/mcp"
name = "Demo server"
scopes = ["mcp", "files"]
"#;

/// Everything in order, except that nobody answers the component's own requests yet.
pub fn fakes() -> Arc<Fakes> {
    let fakes = Fakes::new();
    fakes.set("config", CONFIGURATION);
    fakes.set("server_keys", &format!("a:{}", URL_SAFE_NO_PAD.encode([1; 32])));
    // A secret that is kept in a file often ends with a line break.
    fakes.set("provider_secret", &format!("{SECRET}\n"));
    fakes.set("machine_secret", client::MACHINE_SECRET);
    fakes
}

pub async fn get(fakes: &Arc<Fakes>, target: &str, cookie: Option<&str>) -> Reply {
    let headers: Vec<_> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
    serve(&AUTHORIZATION_SERVER, fakes, request("GET", target, &headers, "")).await
}

pub async fn post_form(fakes: &Arc<Fakes>, target: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Reply {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    serve(&AUTHORIZATION_SERVER, fakes, request("POST", target, &all, query(fields))).await
}

pub fn query(parameters: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A good authorization request of `client_id`, with some parameters changed (`None`: left out).
fn authorization(client_id: &str, redirect_uri: &str, changes: &[(&str, Option<&str>)]) -> String {
    let challenge = challenge();
    let mut parameters = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("state", "the client's state"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("scope", "mcp"),
        ("resource", RESOURCE),
    ]);
    for (name, value) in changes {
        match value {
            Some(value) => parameters.insert(name, value),
            None => parameters.remove(name),
        };
    }
    format!("/authorize?{}", query(&parameters.into_iter().collect::<Vec<_>>()))
}

/// A page with a form, such as that which asks for consent, as a browser keeps it: its cookie and its ticket.
pub struct Page {
    pub cookie: String,
    pub ticket: String,
}

impl Page {
    pub fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.body);
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        let (_, rest) = reply.body.split_once(r#"name="ticket" value=""#).expect("a ticket");
        Self { cookie, ticket: rest.split('"').next().unwrap().to_owned() }
    }

    /// A consent page for the configured client.
    async fn open(fakes: &Arc<Fakes>) -> Self {
        Self::of(&get(fakes, &authorization(CLIENT, REDIRECT_URI, &[]), None).await)
    }

    async fn decide(&self, fakes: &Arc<Fakes>, decision: &str) -> Reply {
        let headers = [("cookie", self.cookie.as_str()), ("origin", "https://gateway.example")];
        post_form(fakes, "/consent", &headers, &[("ticket", &self.ticket), ("decision", decision)]).await
    }
}

/// Where a reply sends the browser, and the parameters.
pub fn redirect(reply: &Reply) -> (String, BTreeMap<String, String>) {
    assert_eq!(reply.status, 303, "{}", reply.body);
    let mut url = Url::parse(reply.header("location")).expect("an absolute location");
    let parameters = url.query_pairs().into_owned().collect();
    url.set_query(None);
    (url.into(), parameters)
}

/// Nothing was sent or stored.
fn nothing_happened(fakes: &Fakes) {
    assert!(fakes.sent().is_empty(), "something was sent: {:?}", fakes.sent());
    assert!(fakes.snapshot().is_empty(), "something was stored: {:?}", fakes.snapshot().keys());
}
