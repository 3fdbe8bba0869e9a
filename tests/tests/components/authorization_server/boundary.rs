//! What the component imports, and what it exports for the gateway.

use std::sync::Arc;

use wasmtime::Store;

use crate::bindings::auth::exports::gatehouse::auth::assertions::Assertion;
use crate::bindings::auth::exports::gatehouse::auth::sessions::{
    OtherIssuers, Principal, ProviderToken, Rejection, RequestIds, Revocation, Validated,
};
use crate::bindings::auth::{Auth, AuthPre};
use crate::component::{AUTHORIZATION_SERVER, Guest, fresh};
use crate::fakes::Fakes;

/// The request to the gateway in whose course it asks.
pub const REQUEST_ID: &str = "000102030405060708090a0b0c0d0e0f";
pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn instance(fakes: &Arc<Fakes>) -> (Store<Guest>, Auth) {
    let mut store = fresh(fakes);
    let pre = AuthPre::new(AUTHORIZATION_SERVER.pre()).expect("it exports both interfaces");
    let auth = pre.instantiate_async(&mut store).await.expect("an instance");
    (store, auth)
}

/// `sessions.validate`, where sessions are looked up.
pub async fn validate(fakes: &Arc<Fakes>, token: &str, resource: &str) -> Result<Principal, Rejection> {
    let validated = validate_at(fakes, token, resource, Revocation::Immediate, None).await;
    validated.map(|validated| validated.principal)
}

/// `sessions.validate`.
pub async fn validate_at(
    fakes: &Arc<Fakes>,
    token: &str,
    resource: &str,
    revocation: Revocation,
    calls_at: Option<&str>,
) -> Result<Validated, Rejection> {
    let (mut store, auth) = instance(fakes).await;
    let sessions = auth.gatehouse_auth_sessions();
    sessions.call_validate(&mut store, token, resource, revocation, calls_at, None).await.expect("no trap")
}

/// `sessions.validate`, at a route that accepts tokens of others.
pub async fn validate_other(
    fakes: &Arc<Fakes>,
    token: &str,
    resource: &str,
    revocation: Revocation,
    calls_at: Option<&str>,
    others: &OtherIssuers,
) -> Result<Validated, Rejection> {
    let (mut store, auth) = instance(fakes).await;
    let sessions = auth.gatehouse_auth_sessions();
    let validated = sessions.call_validate(&mut store, token, resource, revocation, calls_at, Some(others)).await;
    validated.expect("no trap")
}

/// `sessions.identity-provider-token`.
pub async fn identity_provider_token(
    fakes: &Arc<Fakes>,
    token: &str,
    resource: &str,
) -> Result<ProviderToken, Rejection> {
    let (mut store, auth) = instance(fakes).await;
    let ids = RequestIds { request_id: REQUEST_ID.to_owned(), trace_id: Some(TRACE_ID.to_owned()) };
    let sessions = auth.gatehouse_auth_sessions();
    sessions.call_identity_provider_token(&mut store, token, resource, &ids).await.expect("no trap")
}

/// `assertions.sign`.
pub async fn sign(fakes: &Arc<Fakes>, assertion: &Assertion) -> Result<String, String> {
    let (mut store, auth) = instance(fakes).await;
    auth.gatehouse_auth_assertions().call_sign(&mut store, assertion).await.expect("no trap")
}

/// `handles.keys`.
pub async fn handle_keys(fakes: &Arc<Fakes>, subject: &str, resource: &str) -> Result<String, String> {
    let (mut store, auth) = instance(fakes).await;
    auth.gatehouse_auth_handles().call_keys(&mut store, subject, resource).await.expect("no trap")
}

#[test]
fn it_imports_the_store_the_settings_and_the_way_out_and_nothing_else() {
    let imports = AUTHORIZATION_SERVER.own_imports();
    let (http, ours): (Vec<_>, Vec<_>) =
        imports.iter().partition(|name| name.starts_with("wasi:http/outgoing-handler"));
    assert_eq!(http.len(), 1);
    assert_eq!(
        ours,
        [
            "gatehouse:host/configuration@0.3.0",
            "gatehouse:host/peer@0.3.0",
            "gatehouse:host/settings@0.3.0",
            "gatehouse:host/store@0.3.0",
            "gatehouse:host/telemetry@0.3.0"
        ]
    );
}
