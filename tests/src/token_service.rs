//! A token service that does what a test tells it, and remembers what it was asked: Entra's on-behalf-of flow and the exchange of RFC
//! 8693 with tokens that it verifies, client credentials, and Azure's managed identities.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};

use crate::http_server::{Received, json as answer, serve};
use crate::jwt::SigningKey;
use crate::scripted_provider::ScriptedProvider;
use crate::text::unique;

/// For whom the users' tokens of the identity provider are.
pub const USER_AUDIENCE: &str = "api://gatehouse";
/// The secret of its client `gatehouse`.
pub const SERVICE_SECRET: &str = "token service secret & 100% +more";

/// The service; it ends with the test's runtime.
#[derive(Clone)]
pub struct TokenService {
    origin: String,
    script: Arc<Mutex<TokenServiceScript>>,
    requests: Arc<Mutex<Vec<Received>>>,
    given: Arc<Mutex<Vec<String>>>,
}

/// What it does.
pub struct TokenServiceScript {
    /// `expires_in` of its tokens.
    pub seconds: u64,
    /// What it answers in place of a token.
    pub failure: Option<(u16, Value)>,
    /// Changes what it answers.
    pub answer: Arc<dyn Fn(&mut Value) + Send + Sync>,
}

impl TokenService {
    /// Starts it.
    pub async fn start() -> Self {
        let script = TokenServiceScript { seconds: 3600, failure: None, answer: Arc::new(|_| ()) };
        let script = Arc::new(Mutex::new(script));
        let (requests, given) = (Arc::<Mutex<Vec<Received>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (serving, record, note) = (Arc::clone(&script), Arc::clone(&requests), Arc::clone(&given));
        let origin = serve(move |received: Received| {
            let (status, body) = serving.lock().expect("no panic").answer(&received);
            note.lock().expect("no panic").extend(body["access_token"].as_str().map(str::to_owned));
            record.lock().expect("no panic").push(received);
            let answered: Response<Bytes> = answer(status, &body);
            async move { Some(answered) }
        });
        Self { origin: origin.await, script, requests, given }
    }

    /// `http://127.0.0.1:PORT`. Tokens are at `/token`, managed identities at `/msi`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Changes what it does from now on.
    pub fn script(&self, change: impl FnOnce(&mut TokenServiceScript)) {
        change(&mut self.script.lock().expect("no panic"));
    }

    /// What it was asked since this was last called.
    pub fn asked(&self) -> Vec<Received> {
        std::mem::take(&mut *self.requests.lock().expect("no panic"))
    }

    /// Every token that it has given.
    pub fn given(&self) -> Vec<String> {
        self.given.lock().expect("no panic").clone()
    }

    /// Has the provider's access tokens be JWTs for Gatehouse's API, as Entra's are.
    pub fn trust(provider: &ScriptedProvider) {
        provider.script(|script| {
            script.access_token(|person| {
                SigningKey::P256
                    .sign(&json!({ "sub": person, "aud": USER_AUDIENCE, "exp": u32::MAX, "jti": unique("jti-") }))
            });
        });
    }

    /// The claims of a token, without looking at who has signed it.
    pub fn claims(token: &str) -> Value {
        let part = token.split('.').nth(1).expect("a JWT");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("claims")
    }
}

impl TokenServiceScript {
    fn answer(&self, received: &Received) -> (u16, Value) {
        if let Some((status, body)) = &self.failure {
            return (*status, body.clone());
        }
        let mut answered = match received.path.as_str() {
            "/token" => self.token(received),
            "/msi" if received.header("metadata") == "true" || !received.header("x-identity-header").is_empty() => {
                let resource = received.parameter("resource").unwrap_or_default();
                let token = given("managed-identity", &resource);
                Ok(json!({ "access_token": token, "expires_in": self.seconds.to_string(), "token_type": "Bearer" }))
            }
            _ => Err("invalid_request"),
        };
        if let Ok(answered) = &mut answered {
            (self.answer)(answered);
        }
        answered.map_or_else(|error| (400, json!({ "error": error })), |answered| (200, answered))
    }

    fn token(&self, received: &Received) -> Result<Value, &'static str> {
        let field = |name: &str| received.field(name).unwrap_or_default();
        // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
        let secret =
            url::form_urlencoded::byte_serialize(SERVICE_SECRET.as_bytes()).collect::<String>().replace('+', "%20");
        let credentials = format!("gatehouse:{secret}");
        let expected = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials));
        if received.header("authorization") != expected {
            return Err("invalid_client");
        }
        let (subject, audience) = match field("grant_type").as_str() {
            "client_credentials" => ("gatehouse".to_owned(), field("audience")),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" if field("requested_token_use") == "on_behalf_of" => {
                (user(&field("assertion"))?, field("scope"))
            }
            "urn:ietf:params:oauth:grant-type:token-exchange"
                if field("subject_token_type") == "urn:ietf:params:oauth:token-type:access_token" =>
            {
                (user(&field("subject_token"))?, field("audience"))
            }
            _ => return Err("unsupported_grant_type"),
        };
        Ok(json!({
            "access_token": given(&subject, &audience), "token_type": "Bearer", "expires_in": self.seconds,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }))
    }
}

fn given(subject: &str, audience: &str) -> String {
    SigningKey::Rsa.sign(&json!({ "sub": subject, "aud": audience, "jti": unique("given-") }))
}

/// Whose token of the identity provider it is, by its signature.
fn user(token: &str) -> Result<String, &'static str> {
    let jwk = serde_json::from_value(SigningKey::P256.jwk()).expect("a JWK");
    let key = DecodingKey::from_jwk(&jwk).expect("a key");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[USER_AUDIENCE]);
    let claims = decode::<Value>(token, &key, &validation).map_err(|_| "invalid_grant")?.claims;
    claims["sub"].as_str().map(str::to_owned).ok_or("invalid_grant")
}
