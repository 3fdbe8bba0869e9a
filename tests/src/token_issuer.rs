//! An issuer of access tokens that does what a test tells it, and remembers what it was asked. Tokens are made by the test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::http_server::{Received, json as answer, serve};
use crate::jwt::SigningKey;

/// The tenant of an issuer that is Entra's.
pub const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";

/// The secret of the application that may ask for groups.
pub const GRAPH_SECRET: &str = "graph secret & 100% +more";
const GRAPH_TOKEN: &str = "a-token-for-graph-of-the-application";

/// The issuer; it ends with the test's runtime.
#[derive(Clone)]
pub struct TestIssuer {
    origin: String,
    script: Arc<Mutex<IssuerScript>>,
    requests: Arc<Mutex<Vec<Received>>>,
}

/// What it says.
pub struct IssuerScript {
    /// Its key set, at `/jwks` and for Entra.
    pub keys: Vec<Value>,
    /// What it knows of tokens, at `/introspect`; it says of the others that they are not active.
    pub active: HashMap<String, Value>,
    /// Microsoft Graph, at the same origin: the groups that each user is in, by object id. It tells them to the application whose token it
    /// has given ([`GRAPH_SECRET`]).
    pub groups: HashMap<String, Vec<String>>,
    /// Whether it answers 503 to everything.
    pub is_down: bool,
    /// Where its metadata says that the keys are; at `/jwks` where it is `None`.
    pub jwks_uri: Option<String>,
    /// Whether its metadata is where RFC 8414 has it, and not where OpenID has it.
    pub is_plain_oauth: bool,
}

impl TestIssuer {
    /// Starts one that signs with [`SigningKey::Rsa`] and [`SigningKey::P256`].
    pub async fn start() -> Self {
        let script = IssuerScript {
            keys: vec![SigningKey::Rsa.jwk(), SigningKey::P256.jwk()],
            active: HashMap::new(),
            groups: HashMap::new(),
            is_down: false,
            jwks_uri: None,
            is_plain_oauth: false,
        };
        let (script, requests) = (Arc::new(Mutex::new(script)), Arc::<Mutex<Vec<Received>>>::default());
        let (serving, record) = (Arc::clone(&script), Arc::clone(&requests));
        let origin = serve(move |received: Received| {
            let answer = serving.lock().expect("no panic").answer(&received);
            record.lock().expect("no panic").push(received);
            async move { Some(answer) }
        });
        Self { origin: origin.await, script, requests }
    }

    /// `http://127.0.0.1:PORT`: the issuer.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Changes what it says from now on.
    pub fn script(&self, change: impl FnOnce(&mut IssuerScript)) {
        change(&mut self.script.lock().expect("no panic"));
    }

    /// The paths that it was asked for since this was last called.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().expect("no panic")).into_iter().map(|it| it.path).collect()
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl IssuerScript {
    fn answer(&self, received: &Received) -> Response<Bytes> {
        const OPENID: &str = "/.well-known/openid-configuration";
        let origin = format!("http://{}", received.header("host"));
        if self.is_down {
            return answer(503, &json!({}));
        }
        let keys = |issuer: Option<&str>| {
            let with = |key: &Value| {
                let mut key = key.clone();
                if let Some(issuer) = issuer {
                    key["issuer"] = issuer.into();
                }
                key
            };
            json!({ "keys": self.keys.iter().map(with).collect::<Vec<_>>() })
        };
        let own_place = if self.is_plain_oauth { "/.well-known/oauth-authorization-server" } else { OPENID };
        let (sts, v2) = (format!("https://sts.windows.net/{TENANT}/"), format!("{origin}/{TENANT}/v2.0"));
        match received.path.as_str() {
            path if path == own_place => {
                let jwks_uri = self.jwks_uri.clone().unwrap_or_else(|| format!("{origin}/jwks"));
                answer(200, &json!({ "issuer": origin, "jwks_uri": jwks_uri }))
            }
            "/jwks" => answer(200, &keys(None)),
            path if path == format!("/{TENANT}{OPENID}") => {
                answer(200, &json!({ "issuer": sts, "jwks_uri": format!("{origin}/v1/keys") }))
            }
            path if path == format!("/{TENANT}/v2.0{OPENID}") => {
                answer(200, &json!({ "issuer": v2, "jwks_uri": format!("{origin}/v2/keys") }))
            }
            "/v1/keys" => answer(200, &keys(Some("https://sts.windows.net/{tenantid}/"))),
            "/v2/keys" => answer(200, &keys(Some(&format!("{origin}/{{tenantid}}/v2.0")))),
            "/introspect" => {
                let token = received.field("token").unwrap_or_default();
                answer(200, self.active.get(&token).unwrap_or(&json!({ "active": false })))
            }
            path if path == format!("/{TENANT}/oauth2/v2.0/token") => {
                let is_right = received.field("grant_type").as_deref() == Some("client_credentials")
                    && received.field("client_secret").as_deref() == Some(GRAPH_SECRET)
                    && received.field("scope") == Some(format!("{origin}/.default"));
                match is_right {
                    true => {
                        answer(200, &json!({ "access_token": GRAPH_TOKEN, "token_type": "Bearer", "expires_in": 3599 }))
                    }
                    false => answer(401, &json!({ "error": "invalid_client" })),
                }
            }
            path => match path.strip_prefix("/v1.0/users/").and_then(|path| path.strip_suffix("/checkMemberGroups")) {
                Some(_) if received.header("authorization") != format!("Bearer {GRAPH_TOKEN}") => {
                    answer(401, &json!({ "error": { "code": "InvalidAuthenticationToken" } }))
                }
                Some(user) => answer(200, &json!({ "value": self.member_groups(user, received) })),
                None => answer(404, &json!({})),
            },
        }
    }
    /// Of the groups that are asked for, those that the user is in.
    fn member_groups(&self, user: &str, received: &Received) -> Vec<Value> {
        let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
        let asked = asked["groupIds"].as_array().cloned().unwrap_or_default();
        let member = self.groups.get(user).map(Vec::as_slice).unwrap_or_default();
        asked.into_iter().filter(|group| member.iter().any(|known| *group == **known)).collect()
    }
}
