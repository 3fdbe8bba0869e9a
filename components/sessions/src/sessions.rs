//! `gatehouse:auth/sessions`.

use gatehouse_protocol::{ClientId, ClientName, ResourceUri, SecretString, Subject};
use gatehouse_sessions::{Opening, RefreshRequest, Rejection, Sessions};
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;

use crate::bindings::exports::gatehouse::auth::sessions::{
    Guest, Introspection, Listing, Principal, ProviderTokens, Rejection as WitRejection, RequestIds, Revocation,
    SessionRoot, Tokens,
};
use crate::log::RequestLog;
use crate::translate::{self, invalid};
use crate::{SessionsComponent, provider_tokens};

impl Guest for SessionsComponent {
    fn open(
        root: SessionRoot,
        principal: Principal,
        client_name: String,
        provider_tokens: ProviderTokens,
        access_token_lifetime: u64,
        refreshable: bool,
        listed: bool,
    ) -> Result<Tokens, WitRejection> {
        with_sessions(|sessions| {
            let opening = Opening {
                principal: translate::principal(principal)?,
                client_name: ClientName::parse(&client_name).map_err(|_| invalid("client name"))?,
                provider_tokens: translate::provider_tokens(provider_tokens),
                access_token_lifetime,
                refreshable,
                listed,
            };
            sessions.open(&translate::root(&root)?, opening, &mut SystemEntropy)
        })
        .map(|tokens| translate::tokens_to_wit(&tokens))
    }

    fn validate(access_token: String, resource: String) -> Result<Principal, WitRejection> {
        with_sessions(|sessions| sessions.validate(&access_token, &presented_at(&resource)?))
            .map(translate::principal_to_wit)
    }

    fn identity_provider_token(
        access_token: String,
        resource: String,
        ids: RequestIds,
    ) -> Result<Option<String>, WitRejection> {
        let log = RequestLog::of(&ids);
        with_sessions(|sessions| {
            let grant = sessions.provider_grant(&access_token, &presented_at(&resource)?)?;
            provider_tokens::access_token(&grant, &log)
        })
        .map(|token| token.as_ref().map(SecretString::expose).map(str::to_owned))
    }

    fn refresh(
        refresh_token: String,
        client_id: String,
        resource: Option<String>,
        scopes: Option<Vec<String>>,
        access_token_lifetime: u64,
        ids: RequestIds,
    ) -> Result<Tokens, WitRejection> {
        let log = RequestLog::of(&ids);
        let client_id = ClientId::parse(&client_id).map_err(|_| WitRejection::WrongClient)?;
        let resource =
            resource.as_deref().map(ResourceUri::parse).transpose().map_err(|_| WitRejection::OtherResource)?;
        let scopes =
            scopes.map(|scopes| translate::scopes(&scopes)).transpose().map_err(|_| WitRejection::BeyondGrant)?;
        let request = RefreshRequest {
            refresh_token: &refresh_token,
            client_id: &client_id,
            resource: resource.as_ref(),
            scopes: scopes.as_ref(),
            access_token_lifetime,
        };
        with_sessions(|sessions| {
            // The provider first: while it does not answer, the client keeps the refresh token that it has.
            if let Some(grant) = sessions.provider_grant_at_refresh(&request)? {
                provider_tokens::access_token(&grant, &log)?;
            }
            Ok(())
        })?;
        // At a time of its own: the provider may have taken a while.
        with_sessions(|sessions| sessions.refresh(&request, &mut SystemEntropy))
            .map(|tokens| translate::tokens_to_wit(&tokens))
    }

    fn end(root: SessionRoot) -> Result<(), WitRejection> {
        with_sessions(|sessions| sessions.end(&translate::root(&root)?))
    }

    fn introspect(token: String, resources: Vec<String>) -> Result<Option<Introspection>, WitRejection> {
        with_sessions(|sessions| sessions.introspect(&token, &translate::resources(&resources)?))
            .map(|introspection| introspection.map(translate::introspection_to_wit))
    }

    fn revoke(token: String, client_id: String, resources: Vec<String>) -> Result<Revocation, WitRejection> {
        with_sessions(|sessions| {
            let client_id = ClientId::parse(&client_id).map_err(|_| invalid("client id"))?;
            sessions.revoke(&token, &client_id, &translate::resources(&resources)?)
        })
        .map(translate::revocation_to_wit)
    }

    fn list(subject: String) -> Result<Listing, WitRejection> {
        with_sessions(|sessions| sessions.list(&owner(&subject)?)).map(|listing| translate::listing_to_wit(&listing))
    }

    fn end_one(subject: String, id: String) -> Result<bool, WitRejection> {
        with_sessions(|sessions| sessions.end_one(&owner(&subject)?, &id))
    }

    fn end_all(subject: String) -> Result<(), WitRejection> {
        with_sessions(|sessions| sessions.end_all(&owner(&subject)?))
    }
}

fn with_sessions<T>(act: impl FnOnce(&Sessions<'_, HostStore>) -> Result<T, Rejection>) -> Result<T, WitRejection> {
    let keys = shell_configuration::server_keys().map_err(|error| WitRejection::Unavailable(error.to_string()))?;
    act(&Sessions { store: &HostStore, keys, now: now() }).map_err(translate::rejection_to_wit)
}

fn presented_at(resource: &str) -> Result<ResourceUri, Rejection> {
    ResourceUri::parse(resource).map_err(|_| Rejection::Unrecognised)
}

fn owner(subject: &str) -> Result<Subject, Rejection> {
    Subject::parse(subject).map_err(|_| invalid("subject"))
}
