//! The identity provider, scripted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Page, fakes, redirect};
use crate::fakes::{Fakes, NOW};
use crate::outbound::{Answer, Sent};
use crate::serve::Reply;
use crate::signing::{key_set, sign};

type Reaction = Box<dyn Fn() -> Answer + Send + Sync>;

/// A provider that signs `alice` in, unless the test changes the claims.
#[derive(Clone)]
pub struct Provider {
    /// The claims of the next id_token; the nonce is filled in when the browser is sent away.
    pub claims: Arc<Mutex<Value>>,
    /// Whether the next id_token's claims are exchanged after it was signed.
    pub forges: Arc<AtomicBool>,
    /// What it answers to a code, besides the id_token.
    pub tokens: Arc<Mutex<Value>>,
    at_refresh: Arc<Mutex<Reaction>>,
}

impl Provider {
    /// Lets the provider answer the component's requests. To a refresh it answers that it is out of order.
    pub fn answering(fakes: &Fakes) -> Self {
        let claims = json!({
            "iss": "https://provider.example", "sub": "alice", "aud": "gatehouse", "iat": NOW, "exp": NOW + 300,
            "groups": ["engineering"], "roles": ["reader"],
        });
        let tokens = json!({
            "token_type": "Bearer",
            "access_token": "providers-access-token",
            "refresh_token": "providers-refresh-token",
            "expires_in": 3600,
        });
        let provider = Self {
            claims: Arc::new(Mutex::new(claims)),
            forges: Arc::default(),
            tokens: Arc::new(Mutex::new(tokens)),
            at_refresh: Arc::new(Mutex::new(Box::new(|| Answer::status(500)))),
        };
        let script = provider.clone();
        fakes.answer(move |sent| script.answer(sent));
        provider
    }

    /// From now on it answers so to a refresh.
    pub fn at_refresh(&self, reaction: impl Fn() -> Answer + Send + Sync + 'static) {
        *self.at_refresh.lock().unwrap() = Box::new(reaction);
    }

    fn answer(&self, sent: &Sent) -> Answer {
        match (sent.method.as_str(), sent.url.as_str()) {
            ("GET", "https://provider.example/.well-known/openid-configuration") => Answer::json(&json!({
                "issuer": "https://provider.example",
                "authorization_endpoint": "https://provider.example/authorize?tenant=1",
                "token_endpoint": "https://provider.example/token",
                "jwks_uri": "https://provider.example/jwks",
                "id_token_signing_alg_values_supported": ["ES256"],
            })),
            ("POST", "https://provider.example/token") if is_refresh(sent) => (self.at_refresh.lock().unwrap())(),
            ("POST", "https://provider.example/token") => {
                let mut tokens = self.tokens.lock().unwrap().clone();
                tokens["id_token"] = self.id_token().into();
                Answer::json(&tokens)
            }
            ("GET", "https://provider.example/jwks") => Answer::json(&key_set()),
            _ => Answer::status(404),
        }
    }

    fn id_token(&self) -> String {
        let mut claims = self.claims.lock().unwrap().clone();
        let token = sign(&claims);
        if !self.forges.load(Ordering::SeqCst) {
            return token;
        }
        claims["sub"] = "mallory".into();
        let parts: Vec<_> = token.split('.').collect();
        [parts[0], &URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2]].join(".")
    }

    /// Notes the nonce of the authorization request to which `reply` sends the browser, and returns the state.
    pub fn sign_in(&self, reply: &Reply) -> String {
        let (_, parameters) = redirect(reply);
        self.claims.lock().unwrap()["nonce"] = parameters["nonce"].as_str().into();
        parameters["state"].clone()
    }
}

/// Whether this is a refresh of the provider's tokens.
pub fn is_refresh(sent: &Sent) -> bool {
    sent.form().get("grant_type").is_some_and(|grant_type| grant_type == "refresh_token")
}

/// A user who has approved and is back from the provider: the fakes, the provider, the browser's cookie and the state.
pub async fn back_from_provider() -> (Arc<Fakes>, Provider, String, String) {
    let fakes = fakes();
    let provider = Provider::answering(&fakes);
    let page = Page::open(&fakes).await;
    let state = provider.sign_in(&page.decide(&fakes, "approve").await);
    (fakes, provider, page.cookie, state)
}
