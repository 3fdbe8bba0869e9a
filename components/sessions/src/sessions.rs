//! `gatehouse:auth/sessions`.

use gatehouse_protocol::{ClientId, ResourceUri};
use gatehouse_session::{RefreshRequest, Rejection, Sessions};
use host_imports::HostStore;
use http_shell::{SystemEntropy, now};

use crate::SessionKeeper;
use crate::bindings::exports::gatehouse::auth::sessions::{
    Guest, Principal, Rejection as WitRejection, SessionRoot, Tokens, UpstreamTokens,
};
use crate::translate;

impl Guest for SessionKeeper {
    fn open(
        root: SessionRoot,
        principal: Principal,
        upstream: UpstreamTokens,
        access_token_lifetime: u64,
        refreshable: bool,
    ) -> Result<Tokens, WitRejection> {
        with_sessions(|sessions| {
            let (root, principal) = (translate::root(&root)?, translate::principal(&principal)?);
            let upstream = translate::upstream_tokens(upstream);
            sessions.open(&root, principal, upstream, access_token_lifetime, refreshable, &mut SystemEntropy)
        })
        .map(|tokens| translate::tokens_to_wit(&tokens))
    }

    fn validate(access_token: String, resource: String) -> Result<Principal, WitRejection> {
        with_sessions(|sessions| {
            let resource = ResourceUri::parse(&resource).map_err(|_| Rejection::Unrecognised)?;
            sessions.validate(&access_token, &resource)
        })
        .map(|principal| translate::principal_to_wit(&principal))
    }

    fn refresh(
        refresh_token: String,
        client_id: String,
        resource: Option<String>,
        scopes: Option<Vec<String>>,
        access_token_lifetime: u64,
    ) -> Result<Tokens, WitRejection> {
        with_sessions(|sessions| {
            let client_id = ClientId::parse(&client_id).map_err(|_| Rejection::WrongClient)?;
            let resource =
                resource.as_deref().map(ResourceUri::parse).transpose().map_err(|_| Rejection::OtherResource)?;
            let scopes =
                scopes.map(|scopes| translate::scopes(&scopes)).transpose().map_err(|_| Rejection::BeyondGrant)?;
            let request = RefreshRequest {
                refresh_token: &refresh_token,
                client_id: &client_id,
                resource: resource.as_ref(),
                scopes: scopes.as_ref(),
                access_token_lifetime,
            };
            sessions.refresh(&request, &mut SystemEntropy)
        })
        .map(|tokens| translate::tokens_to_wit(&tokens))
    }

    fn end(root: SessionRoot) -> Result<(), WitRejection> {
        with_sessions(|sessions| sessions.end(&translate::root(&root)?))
    }
}

fn with_sessions<T>(act: impl FnOnce(&Sessions<'_, HostStore>) -> Result<T, Rejection>) -> Result<T, WitRejection> {
    let keys = host_imports::server_keys().map_err(|error| WitRejection::Unavailable(error.to_string()))?;
    act(&Sessions { store: &HostStore, keys: &keys, now: now() }).map_err(translate::rejection_to_wit)
}
