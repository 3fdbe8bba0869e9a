//! The keeper of sessions.

mod handles_and_keys;
mod life;
mod owners;
mod provider_tokens;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bindings::keeper::exports::gatehouse::auth::sessions::{
    Claims, Introspection, Principal, ProviderTokens, Rejection, RequestIds, Revocation, SessionRoot, Summary, Tokens,
};
use crate::bindings::keeper::{Keeper, KeeperPre};
use crate::component::{Guest, SESSIONS, fresh};
use crate::fakes::{Fakes, NOW};
use gatehouse_sealed_storage::sealing::HandleKeys;

const RESOURCE: &str = "https://gateway.example/mcp";
const CLIENT: &str = "a-client";
const CLIENT_NAME: &str = "An Editor";
const LIFETIME: u64 = 300;
const REQUEST_ID: &str = "000102030405060708090a0b0c0d0e0f";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Of the request on whose behalf the component is called.
fn ids() -> RequestIds {
    RequestIds { request_id: REQUEST_ID.to_owned(), trace_id: Some(TRACE_ID.to_owned()) }
}
const SESSION: u64 = 86_400;

/// An entry of the setting `server_keys`.
fn server_key(id: &str, byte: u8) -> String {
    format!("{id}:{}", URL_SAFE_NO_PAD.encode([byte; 32]))
}

fn principal() -> Principal {
    Principal {
        subject: "demo:alice".to_owned(),
        client_id: CLIENT.to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["mcp".to_owned(), "files".to_owned()],
        claims: Claims {
            tenant: Some("a-tenant".to_owned()),
            groups: vec!["engineering".to_owned()],
            roles: vec!["reader".to_owned()],
        },
    }
}

fn root() -> SessionRoot {
    SessionRoot { secret: b"0123456789abcdef0123456789abcdef".to_vec(), expires_at: NOW + SESSION }
}

/// The component, over a fake store.
struct Subject {
    fakes: Arc<Fakes>,
}

impl Subject {
    fn new() -> Self {
        let fakes = Fakes::new();
        fakes.set("server_keys", &server_key("a", 1));
        Self { fakes }
    }

    async fn instance(&self) -> (wasmtime::Store<Guest>, Keeper) {
        let mut store = fresh(&self.fakes);
        let pre = KeeperPre::new(SESSIONS.pre()).expect("it exports both interfaces");
        let keeper = pre.instantiate_async(&mut store).await.expect("an instance");
        (store, keeper)
    }

    async fn open_with(
        &self,
        root: &SessionRoot,
        principal: &Principal,
        refreshable: bool,
    ) -> Result<Tokens, Rejection> {
        let provider_tokens = ProviderTokens {
            access_token: Some("upstream-access".to_owned()),
            refresh_token: Some("upstream-refresh".to_owned()),
            // Long enough for a session to be over before the provider must be asked.
            expires_at: Some(NOW + 2 * SESSION),
        };
        self.open_as(root, principal, &provider_tokens, refreshable, true).await
    }

    async fn open_as(
        &self,
        root: &SessionRoot,
        principal: &Principal,
        provider_tokens: &ProviderTokens,
        refreshable: bool,
        listed: bool,
    ) -> Result<Tokens, Rejection> {
        let (mut store, keeper) = self.instance().await;
        keeper
            .gatehouse_auth_sessions()
            .call_open(&mut store, root, principal, CLIENT_NAME, provider_tokens, LIFETIME, refreshable, listed)
            .await
            .expect("no trap")
    }

    async fn open(&self) -> Tokens {
        self.open_with(&root(), &principal(), true).await.expect("tokens")
    }

    async fn validate_at(&self, token: &str, resource: &str) -> Result<Principal, Rejection> {
        let (mut store, keeper) = self.instance().await;
        keeper.gatehouse_auth_sessions().call_validate(&mut store, token, resource).await.expect("no trap")
    }

    async fn validate(&self, tokens: &Tokens) -> Result<Principal, Rejection> {
        self.validate_at(&tokens.access_token, RESOURCE).await
    }

    async fn refresh_as(
        &self,
        token: &str,
        client: &str,
        resource: Option<&str>,
        scopes: Option<&[&str]>,
    ) -> Result<Tokens, Rejection> {
        let scopes: Option<Vec<_>> = scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect());
        let (mut store, keeper) = self.instance().await;
        let sessions = keeper.gatehouse_auth_sessions();
        let scopes = scopes.as_deref();
        sessions.call_refresh(&mut store, token, client, resource, scopes, LIFETIME, &ids()).await.expect("no trap")
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, Rejection> {
        self.refresh_as(refresh_token(tokens), CLIENT, None, None).await
    }

    async fn end(&self, root: &SessionRoot) -> Result<(), Rejection> {
        let (mut store, keeper) = self.instance().await;
        keeper.gatehouse_auth_sessions().call_end(&mut store, root).await.expect("no trap")
    }

    async fn identity_provider_token(&self, tokens: &Tokens) -> Result<Option<String>, Rejection> {
        let (mut store, keeper) = self.instance().await;
        let sessions = keeper.gatehouse_auth_sessions();
        let token = &tokens.access_token;
        sessions.call_identity_provider_token(&mut store, token, RESOURCE, &ids()).await.expect("no trap")
    }

    async fn introspect(&self, token: &str) -> Result<Option<Introspection>, Rejection> {
        let (mut store, keeper) = self.instance().await;
        let resources = ["https://gateway.example/other".to_owned(), RESOURCE.to_owned()];
        keeper.gatehouse_auth_sessions().call_introspect(&mut store, token, &resources).await.expect("no trap")
    }

    async fn revoke(&self, token: &str, client_id: &str) -> Result<Revocation, Rejection> {
        let (mut store, keeper) = self.instance().await;
        let resources = [RESOURCE.to_owned()];
        keeper.gatehouse_auth_sessions().call_revoke(&mut store, token, client_id, &resources).await.expect("no trap")
    }

    async fn list(&self, subject: &str) -> Result<Vec<Summary>, Rejection> {
        let (mut store, keeper) = self.instance().await;
        let listing = keeper.gatehouse_auth_sessions().call_list(&mut store, subject).await.expect("no trap")?;
        assert_eq!(listing.newest.len(), listing.total as usize);
        Ok(listing.newest)
    }

    async fn end_one(&self, subject: &str, id: &str) -> Result<bool, Rejection> {
        let (mut store, keeper) = self.instance().await;
        keeper.gatehouse_auth_sessions().call_end_one(&mut store, subject, id).await.expect("no trap")
    }

    async fn end_all(&self, subject: &str) -> Result<(), Rejection> {
        let (mut store, keeper) = self.instance().await;
        keeper.gatehouse_auth_sessions().call_end_all(&mut store, subject).await.expect("no trap")
    }

    async fn handle_keys(&self, owner: &Principal) -> Result<HandleKeys, String> {
        let (mut store, keeper) = self.instance().await;
        let Principal { subject, resource, .. } = owner;
        let keys = keeper.gatehouse_auth_handles().call_keys(&mut store, subject, resource).await.expect("no trap");
        keys.map(|keys| HandleKeys::parse(&keys).unwrap())
    }

    fn take_calls(&self) -> Vec<&'static str> {
        self.fakes.store.lock().unwrap().take_calls()
    }
}

fn refresh_token(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_deref().expect("a refresh token")
}

/// The text in the clear, in the decoded token or in the whole store must not say who it is about.
fn tells_nothing(text: &str) {
    let secrets = [
        "alice",
        CLIENT,
        CLIENT_NAME,
        "gateway.example",
        "files",
        "upstream-access",
        "upstream-refresh",
        "0123456789abcdef",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}
