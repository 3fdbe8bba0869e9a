//! What a provider is told to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::endpoint::Endpoint;
use crate::jwt::SigningKey;
use crate::text::unique;

/// What the authorization endpoint does.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// Signs in, and sends the browser back with a code.
    SignIn,
    /// Sends the browser back with this `error`.
    Error(&'static str),
    /// Shows a page, and sends nobody anywhere.
    Page(String),
}

/// What an endpoint does in place of an answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// An empty answer with this status.
    Status(u16),
    /// 200 with this as the body.
    Body(String),
    /// The connection is cut, and nothing is done.
    Cut,
    /// What was asked for is done, and then the connection is cut.
    AnswerLost,
}

type Change<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

/// How a provider behaves. [`Script::default`] is by the book.
#[derive(Clone)]
pub struct Script {
    /// At the authorization endpoint.
    pub authorization: Authorization,
    /// Changes the authorization response.
    pub response: Change<Vec<(String, String)>>,
    /// Changes the metadata document.
    pub metadata: Change<Value>,
    /// Changes the claims of the person that signs in.
    pub claims: Change<Value>,
    /// Makes the id_token of the claims.
    pub id_token: Arc<dyn Fn(&Value) -> String + Send + Sync>,
    /// Makes an access token for a person.
    pub access_token: Arc<dyn Fn(&str) -> String + Send + Sync>,
    /// Changes the token answer.
    pub token_answer: Change<Value>,
    /// The keys of the key set.
    pub keys: Vec<Value>,
    /// `expires_in` of access tokens, in seconds.
    pub access_token_seconds: u64,
    /// The groups of which everybody is a member, for `checkMemberGroups`.
    pub groups: Vec<String>,
    /// Endpoints that fail.
    pub failures: BTreeMap<Endpoint, Failure>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            authorization: Authorization::SignIn,
            response: Arc::new(|_| ()),
            metadata: Arc::new(|_| ()),
            claims: Arc::new(|_| ()),
            id_token: Arc::new(|claims| SigningKey::Rsa.sign(claims)),
            access_token: Arc::new(|_| unique("provider-access-")),
            token_answer: Arc::new(|_| ()),
            keys: vec![SigningKey::Rsa.jwk(), SigningKey::P256.jwk()],
            access_token_seconds: 3600,
            groups: Vec::new(),
            failures: BTreeMap::new(),
        }
    }
}

impl Script {
    /// Changes the claims of whoever signs in.
    pub fn claims(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.claims = Arc::new(change);
    }

    /// Changes the authorization response.
    pub fn response(&mut self, change: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static) {
        self.response = Arc::new(change);
    }

    /// Makes access tokens in another way.
    pub fn access_token(&mut self, make: impl Fn(&str) -> String + Send + Sync + 'static) {
        self.access_token = Arc::new(make);
    }

    /// Makes id_tokens in another way.
    pub fn id_token(&mut self, make: impl Fn(&Value) -> String + Send + Sync + 'static) {
        self.id_token = Arc::new(make);
    }

    /// Changes the metadata document.
    pub fn metadata(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.metadata = Arc::new(change);
    }

    /// Changes the token answer.
    pub fn token_answer(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.token_answer = Arc::new(change);
    }
}
