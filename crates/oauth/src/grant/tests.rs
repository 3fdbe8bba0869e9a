use gatehouse_protocol::SecretString;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client::Client;
use crate::client_authentication::{ClientAuthentication, ClientSecret, SecretDigest};
use crate::credentials::{AtHand, PresentedCredentials};
use crate::example::{
    CONFIGURED, RESOURCE, START, World, client_id, configuration_with_two_upstreams, resource, scopes,
};

/// The configured client with these grants, which has proved who it is where it is confidential.
fn client(world: &World, grant_types: &[GrantType], own_scopes: &str, confidential: bool) -> AuthenticatedClient {
    let found = Client::find(&client_id(CONFIGURED), &world.configuration, &world.keys, &world.store, START);
    let digest = ClientSecret::Digest(SecretDigest::of(&SecretString::new("secret".to_owned())));
    let authentication =
        if confidential { ClientAuthentication::SecretPost(digest) } else { ClientAuthentication::None };
    let client =
        Client { grant_types: grant_types.to_vec(), scopes: scopes(own_scopes), authentication, ..found.unwrap() };
    let form = if confidential { "client_id=conformance&client_secret=secret" } else { "client_id=conformance" };
    let form = gatehouse_protocol::Parameters::parse(form);
    let presented = PresentedCredentials::parse(&http::HeaderMap::new(), &form).unwrap();
    let unproven = presented.of(client).unwrap();
    unproven.prove(&AtHand::Nothing, &world.configuration, &world.store, START).unwrap()
}

fn machine(
    world: &mut World,
    own: &str,
    named: Option<&str>,
    asked: Option<&str>,
) -> Result<Principal, TokenRejection> {
    let client = client(world, &[GrantType::ClientCredentials], own, true);
    let (resource, asked) = (named.map(resource), asked.map(scopes));
    let (configuration, entropy) = (&world.configuration, &mut world.entropy);
    let grant = grant_to_machine(&client, resource.as_ref(), asked.as_ref(), configuration, START, entropy)?;
    assert!(!grant.refreshable && grant.upstream.access_token.is_none());
    assert_eq!(grant.root.expires_at, START.plus(configuration.lifetimes.access_token));
    Ok(grant.principal)
}

#[test]
fn a_machine_is_granted_what_it_may_have_and_what_the_resource_has() {
    for (own, asked, expected) in [
        ("mcp", None, "mcp"),
        ("mcp", Some("mcp"), "mcp"),
        ("mcp files:read other", None, "mcp files:read"),
        ("mcp files:read", Some("files:read"), "files:read"),
        ("mcp", Some("openid offline_access"), "mcp"),
    ] {
        let principal = machine(&mut World::new(), own, Some(RESOURCE), asked).unwrap();
        assert_eq!(principal.scopes.to_string(), expected, "{own} {asked:?}");
        assert_eq!(principal.subject.as_str(), "client:conformance");
        assert_eq!((principal.client_id.as_str(), principal.resource.as_str()), (CONFIGURED, RESOURCE));
    }
    for (own, asked) in [("mcp", "files:read"), ("mcp", "mcp files:read"), ("mcp", "admin"), ("other", "other")] {
        let refused = machine(&mut World::new(), own, Some(RESOURCE), Some(asked)).unwrap_err();
        assert_eq!(refused, TokenRejection::Scope, "{own} {asked}");
    }
    assert_eq!(machine(&mut World::new(), "other", None, None).unwrap_err(), TokenRejection::Scope, "nothing is left");
}

#[test]
fn a_machine_names_its_resource_where_there_are_several() {
    assert_eq!(machine(&mut World::new(), "mcp", None, None).unwrap().resource.as_str(), RESOURCE);
    let mut world = World::new();
    world.configuration = configuration_with_two_upstreams();
    assert_eq!(machine(&mut world, "mcp", None, None).unwrap_err(), TokenRejection::Resource);
    let mail = "https://gateway.example/mail";
    assert_eq!(machine(&mut world, "mail", Some(mail), None).unwrap().resource.as_str(), mail);
    assert_eq!(machine(&mut world, "mcp", Some(mail), None).unwrap_err(), TokenRejection::Scope, "of the other one");
    let foreign = machine(&mut world, "mcp", Some("https://gateway.example/other"), None).unwrap_err();
    assert_eq!(foreign, TokenRejection::Resource);
}

#[test]
fn a_grant_without_a_user_is_for_clients_that_have_it_and_prove_who_they_are() {
    let world = World::new();
    for grant_type in GrantType::ALL {
        let without_user = matches!(grant_type, GrantType::ClientCredentials | GrantType::JwtBearer);
        for confidential in [true, false] {
            let having = client(&world, &[grant_type], "mcp", confidential);
            assert_eq!(may_use(&having, grant_type).is_ok(), confidential || !without_user, "{grant_type:?}");
            let others: Vec<_> = GrantType::ALL.into_iter().filter(|other| *other != grant_type).collect();
            let lacking = client(&world, &others, "mcp", confidential);
            assert_eq!(may_use(&lacking, grant_type), Err(TokenRejection::UnauthorizedClient), "{grant_type:?}");
        }
    }
}

struct Asserted {
    client_id: &'static str,
    resource: &'static str,
    scopes: Option<&'static str>,
    jti: &'static str,
}

const RIGHT: Asserted = Asserted { client_id: CONFIGURED, resource: RESOURCE, scopes: None, jti: "1" };

fn assert_for(
    world: &mut World,
    asserted: &Asserted,
    named: Option<&str>,
    asked: Option<&str>,
) -> Result<Principal, TokenRejection> {
    let client = client(world, &[GrantType::JwtBearer], "", true);
    let subject = Subject::new("demo", "alice").unwrap();
    let (target, allowed) = (resource(asserted.resource), asserted.scopes.map(scopes));
    let identity = AssertedIdentity {
        subject: &subject,
        issuer: "https://login.example",
        jti: asserted.jti,
        refused_from: START.plus(360),
        client_id: asserted.client_id,
        resource: &target,
        scopes: allowed.as_ref(),
    };
    let (named, asked) = (named.map(resource), asked.map(scopes));
    let (configuration, store, entropy) = (&world.configuration, &world.store, &mut world.entropy);
    let (named, asked) = (named.as_ref(), asked.as_ref());
    let grant = grant_to_asserted(&client, &identity, named, asked, configuration, store, START, entropy)?;
    assert!(!grant.refreshable);
    Ok(grant.principal)
}

#[test]
fn an_asserted_user_is_granted_what_provider_request_and_resource_have_in_common() {
    for (allowed, asked, expected) in [
        (None, None, "mcp files:read"),
        (None, Some("mcp"), "mcp"),
        (Some("mcp other"), None, "mcp"),
        (Some("mcp files:read"), Some("files:read"), "files:read"),
    ] {
        let asserted = Asserted { scopes: allowed, ..RIGHT };
        let principal = assert_for(&mut World::new(), &asserted, None, asked).unwrap();
        assert_eq!((principal.scopes.to_string().as_str(), principal.subject.as_str()), (expected, "demo:alice"));
        assert_eq!((principal.resource.as_str(), principal.client_id.as_str()), (RESOURCE, CONFIGURED));
    }
    assert!(assert_for(&mut World::new(), &RIGHT, Some(RESOURCE), None).is_ok(), "the request may repeat the resource");
}

#[test]
fn an_assertion_that_does_not_fit_the_request_is_not_used_up() {
    let mut world = World::new();
    world.configuration = configuration_with_two_upstreams();
    let before = world.store.snapshot();
    let mail = Some("https://gateway.example/mail");
    for (asserted, named, asked, expected) in [
        (Asserted { resource: "https://gateway.example/other", ..RIGHT }, None, None, TokenRejection::Resource),
        (Asserted { resource: "https://other.example/mcp", ..RIGHT }, None, None, TokenRejection::Resource),
        (RIGHT, mail, None, TokenRejection::Resource),
        (RIGHT, None, Some("admin"), TokenRejection::Scope),
        (Asserted { scopes: Some("mcp"), ..RIGHT }, None, Some("mcp files:read"), TokenRejection::Scope),
        (Asserted { scopes: Some("other"), ..RIGHT }, None, None, TokenRejection::Scope),
    ] {
        assert_eq!(assert_for(&mut world, &asserted, named, asked).unwrap_err(), expected);
        assert_eq!(world.store.snapshot(), before);
    }
    let foreign = Asserted { client_id: "other", ..RIGHT };
    let refused = assert_for(&mut world, &foreign, None, None).unwrap_err();
    assert!(matches!(refused, TokenRejection::IdentityAssertion(_)));
    assert_eq!(world.store.snapshot(), before);
    assert!(assert_for(&mut world, &RIGHT, None, None).is_ok());
}

#[test]
fn an_identity_assertion_works_once() {
    let mut world = World::new();
    assert!(assert_for(&mut world, &RIGHT, None, None).is_ok());
    let used = assert_for(&mut world, &RIGHT, None, Some("mcp")).unwrap_err();
    assert!(matches!(used, TokenRejection::IdentityAssertion(_)), "{used:?}");
    assert!(assert_for(&mut world, &Asserted { jti: "2", ..RIGHT }, None, None).is_ok());
    world.store.go_down();
    let down = assert_for(&mut world, &Asserted { jti: "3", ..RIGHT }, None, None).unwrap_err();
    assert_eq!(down.to_wire().0, 503);
}

#[test]
fn assertions_are_of_providers_that_the_operator_trusts_with_them() {
    let key = include_str!("../../../jose/test-keys/p256.pem").to_owned();
    let key = gatehouse_jose::SigningKey::from_pem(&SecretString::new(key)).unwrap();
    let token = |issuer: &str| {
        let text = key.sign(&gatehouse_jose::SigningHeader::default(), &json!({ "iss": issuer })).unwrap();
        SignedToken::parse(text.expose()).unwrap()
    };
    let mut configuration = World::new().configuration;
    assert!(asserting_provider(&token("https://login.example"), &configuration).is_err(), "off by default");
    configuration.identity_providers[0].accepts_identity_assertions = true;
    assert_eq!(asserting_provider(&token("https://login.example"), &configuration).unwrap().name, "demo");
    for other in ["https://login.example/", "https://evil.example", ""] {
        assert!(asserting_provider(&token(other), &configuration).is_err(), "{other}");
    }
}

proptest! {
    #[test]
    fn nobody_is_granted_more_than_is_allowed(own in "[a-d ]{0,8}", asked in proptest::option::of("[a-d ]{0,6}")) {
        let allowed = scopes(&own);
        if let Ok(granted) = narrowed(asked.as_deref().map(scopes).as_ref(), &allowed) {
            prop_assert!(allowed.contains_all(&granted) && !granted.is_empty());
        }
    }
}
