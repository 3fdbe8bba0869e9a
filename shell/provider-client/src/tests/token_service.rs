//! Who is asked for tokens for servers, and who is not.

use gatehouse_configuration::{BackendFlow, BackendGrant, TokenService, TokenServiceKind};
use gatehouse_openid::{BackendRejection, TokenRefusal};
use gatehouse_protocol::{Scopes, SecretString};

use super::provider::World;
use crate::{BackendFailure, BackendTokens, UserToken};

/// Two identity providers, and a token service that is the first one.
fn world() -> World {
    let mut world = World::of_openid();
    let (mut first, mut second) = (world.provider.clone(), world.provider.clone());
    first.name = "first".to_owned();
    second.name = "second".to_owned();
    second.issuer = "https://second.example".to_owned();
    world.configuration.identity_providers = vec![first, second];
    let kind = TokenServiceKind::IdentityProvider("first".to_owned());
    world.configuration.token_services = vec![TokenService { name: "apis".to_owned(), kind }];
    world
}

fn grant(service: Option<&str>) -> BackendGrant {
    BackendGrant {
        path: "/mcp".to_owned(),
        fingerprint: "f".to_owned(),
        flow: BackendFlow::TokenExchange,
        service: service.map(str::to_owned),
        scopes: Scopes::default(),
        audience: Some("orders".to_owned()),
        resource: None,
    }
}

#[test]
fn the_token_of_a_user_is_shown_to_the_provider_that_gave_it_and_to_no_other() {
    let world = world();
    let token = SecretString::new("of-the-user".to_owned());
    let tokens = BackendTokens::on(&world.host, &world.configuration, &world.keys, world.now);
    let get = |provider, service| tokens.get(&grant(service), Some(&UserToken { provider, token: &token }));

    for stranger in ["second", "", "First", "first "] {
        let Err(BackendFailure::Rejected(BackendRejection::Refused { of, .. })) = get(stranger, Some("apis")) else {
            panic!("{stranger:?} is not refused");
        };
        assert_eq!(of, TokenRefusal::User, "{stranger:?}");
        assert!(world.asked().is_empty(), "{stranger:?}: something was sent");
    }
    for service in [Some("apis"), None] {
        let given = get("first", service).unwrap();
        assert_eq!(given.access_token.expose(), "provider-access");
        assert_eq!(world.token_form().get("subject_token").map(String::as_str), Some("of-the-user"));
    }
}

#[test]
fn a_token_of_the_gateway_itself_is_got_at_any_provider() {
    let world = world();
    let tokens = BackendTokens::on(&world.host, &world.configuration, &world.keys, world.now);
    let own = BackendGrant { flow: BackendFlow::ClientCredentials, ..grant(Some("apis")) };
    tokens.get(&own, None).unwrap();
    assert!(!world.token_form().contains_key("subject_token"));
}
