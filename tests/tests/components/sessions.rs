//! Sessions at the authorization server: opened, refreshed and ended over HTTP, and validated as the gateway does it.

mod caller_assertions;
mod external;
mod handles_and_keys;
mod life;
mod names;
mod owners;
mod provider_tokens;
mod revocation;

use std::sync::Arc;

use crate::authorization_server::client::{Refused, Tokens, code, outcome, redeem, refresh, revoke};
use crate::authorization_server::provider::Provider;
use crate::authorization_server::{CLIENT, RESOURCE, boundary, fakes};
use crate::bindings::auth::exports::gatehouse::auth::sessions::{Claims, Principal, ProviderToken, Rejection};
use crate::fakes::Fakes;

const SCOPE: &str = "mcp files";
/// Seconds for which an access token is good, as the configuration has it.
const LIFETIME: u64 = 300;
/// Seconds for which an access token is taken behind its announced end.
const GRACE: u64 = 10;
/// Seconds until a session is over, as the configuration has it.
const SESSION: u64 = 86_400;

/// Whom the provider signs in, and what they allow the client.
fn principal() -> Principal {
    Principal {
        subject: "demo:alice".to_owned(),
        client_id: CLIENT.to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["mcp".to_owned(), "files".to_owned()],
        claims: Claims {
            tenant: None,
            groups: vec!["engineering".to_owned()],
            roles: vec!["reader".to_owned()],
            names: None,
        },
        actors: Vec::new(),
    }
}

/// The component over a fake store, and the provider.
struct Server {
    fakes: Arc<Fakes>,
    provider: Provider,
}

impl Server {
    /// The provider's tokens live for so long that it need not be asked before a session is over.
    fn new() -> Self {
        Self::with_provider_tokens_for(2 * SESSION)
    }

    /// The provider's tokens live for this many seconds.
    fn with_provider_tokens_for(seconds: u64) -> Self {
        let fakes = fakes();
        let provider = Provider::answering(&fakes);
        provider.tokens.lock().unwrap()["expires_in"] = seconds.into();
        Self { fakes, provider }
    }

    /// A user signs in; the code that the client is sent.
    async fn code(&self) -> String {
        code(&self.fakes, &self.provider, SCOPE).await
    }

    async fn redeem(&self, code: &str) -> Result<Tokens, Refused> {
        outcome(&redeem(&self.fakes, code, &[]).await, &self.fakes)
    }

    /// A user signs in, and the client redeems the code.
    async fn open(&self) -> Tokens {
        self.redeem(&self.code().await).await.expect("tokens")
    }

    async fn refresh_with(&self, refresh_token: &str, changes: &[(&str, &str)]) -> Result<Tokens, Refused> {
        outcome(&refresh(&self.fakes, refresh_token, changes).await, &self.fakes)
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, Refused> {
        self.refresh_with(tokens.refresh_token(), &[]).await
    }

    /// The client gives a token back.
    async fn revoke(&self, token: &str) {
        assert_eq!(revoke(&self.fakes, token, CLIENT).await.status, 200);
    }

    async fn validate_at(&self, token: &str, resource: &str) -> Result<Principal, Rejection> {
        boundary::validate(&self.fakes, token, resource).await
    }

    async fn validate(&self, tokens: &Tokens) -> Result<Principal, Rejection> {
        self.validate_at(&tokens.access_token, RESOURCE).await
    }

    async fn identity_provider_token(&self, tokens: &Tokens) -> Result<ProviderToken, Rejection> {
        boundary::identity_provider_token(&self.fakes, &tokens.access_token, RESOURCE).await
    }

    fn take_calls(&self) -> Vec<&'static str> {
        self.fakes.store.lock().unwrap().take_calls()
    }

    /// How many entries of a kind there are in the store.
    fn count(&self, kind: &str) -> usize {
        self.fakes.store.lock().unwrap().count(kind)
    }
}
