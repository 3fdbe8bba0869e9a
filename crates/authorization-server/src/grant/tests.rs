use gatehouse_configuration::{EntraProfile, ProviderProfile};
use gatehouse_jose::{KeySet, SigningHeader, SigningKey, TimeClaims};
use gatehouse_openid::{IdentityAssertion, ProviderMetadata};
use gatehouse_protocol::SecretString;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client::Client;
use crate::client_authentication::{ClientAuthentication, ClientSecret, SecretDigest};
use crate::credentials::{CredentialMaterial, PresentedCredentials};
use crate::example::{
    CONFIGURED, Counting, RESOURCE, START, World, client_id, configuration_with, configuration_with_two_upstreams,
    resource, scopes,
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
    let unauthenticated = presented.of(client).unwrap();
    unauthenticated.prove(&CredentialMaterial::Nothing, &world.configuration, &world.store, START).unwrap()
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
    assert!(!grant.refreshable && grant.provider_tokens.access_token.is_none());
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
        assert_eq!((principal.subject.as_str(), principal.claims), ("client:conformance", Claims::default()));
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
    for (own, asked) in
        [("mcp mail", None), ("mcp mail", Some("mcp mail")), ("mcp mail", Some("openid")), ("other", None)]
    {
        assert_eq!(machine(&mut world, own, None, asked).unwrap_err(), TokenRejection::Resource, "{own} {asked:?}");
    }
    // Where all that is asked for, or all that it may have, belongs to one of them, that one is meant.
    for (own, asked, expected) in [
        ("mcp", None, RESOURCE),
        ("mcp mail", Some("mcp"), RESOURCE),
        ("mcp mail", Some("mail"), "https://gateway.example/mail"),
        ("mcp mail", Some("mcp offline_access"), RESOURCE),
    ] {
        let granted = machine(&mut world, own, None, asked).unwrap();
        assert_eq!(granted.resource.as_str(), expected, "{own} {asked:?}");
    }
    assert_eq!(machine(&mut world, "mcp", None, Some("mail")).unwrap_err(), TokenRejection::Scope, "not its own");
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
        let without_user =
            matches!(grant_type, GrantType::ClientCredentials | GrantType::JwtBearer | GrantType::TokenExchange);
        for confidential in [true, false] {
            let having = client(&world, &[grant_type], "mcp", confidential);
            assert_eq!(may_use(&having, grant_type).is_ok(), confidential || !without_user, "{grant_type:?}");
            let others: Vec<_> = GrantType::ALL.into_iter().filter(|other| *other != grant_type).collect();
            let lacking = client(&world, &others, "mcp", confidential);
            assert_eq!(may_use(&lacking, grant_type), Err(TokenRejection::UnauthorizedClient), "{grant_type:?}");
        }
    }
}

/// An assertion for alice, with these changes, as its provider's key signs it.
fn asserted(world: &World, changes: serde_json::Value) -> AssertedIdentity {
    let mut claims = json!({ "iss": "https://login.example", "sub": "alice", "aud": "https://gateway.example",
        "client_id": CONFIGURED, "jti": "1", "resource": RESOURCE, "iat": START.seconds(),
        "exp": START.plus(300).seconds() });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let key = SecretString::new(include_str!("../../../jose/test-keys/p256.pem").to_owned());
    let header = SigningHeader { typ: Some("oauth-id-jag+jwt"), kid: Some("p256"), x5t_s256: None };
    let key = SigningKey::from_pem(&key).unwrap();
    let text = key.sign(&header, &TimeClaims::default(), &claims, &mut Counting::default()).unwrap();
    let metadata = json!({ "issuer": "https://login.example", "authorization_endpoint": "https://login.example/authorize",
        "token_endpoint": "https://login.example/token", "jwks_uri": "https://login.example/jwks",
        "id_token_signing_alg_values_supported": ["ES256"] });
    let mut answer = http::Response::new(metadata.to_string().into_bytes());
    answer.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    let metadata = ProviderMetadata::parse(&answer, "https://login.example").unwrap();
    let keys = KeySet::from_json(include_bytes!("../../../jose/test-keys/jwks.json")).unwrap();
    let assertion = IdentityAssertion::parse(text.expose()).unwrap();
    let our_issuer = world.configuration.public_url.as_str();
    assertion.verify(&provider(world), &metadata, &keys, our_issuer, CONFIGURED, START).unwrap()
}

fn provider(world: &World) -> IdentityProvider {
    IdentityProvider { accepts_identity_assertions: true, ..world.configuration.identity_providers[0].clone() }
}

fn present(
    world: &mut World,
    asserted: &AssertedIdentity,
    named: Option<&str>,
    asked: Option<&str>,
) -> Result<Principal, TokenRejection> {
    let client = client(world, &[GrantType::JwtBearer], "", true);
    let (named, asked) = (named.map(resource), asked.map(scopes));
    let request = AssertionRequest { resource: named.as_ref(), scopes: asked.as_ref() };
    let (provider, configuration, entropy) = (provider(world), &world.configuration, &mut world.entropy);
    let grant = grant_to_asserted(&client, asserted, &provider, &request, configuration, &world.store, START, entropy)?;
    assert!(!grant.refreshable && grant.provider_tokens.access_token.is_none());
    Ok(grant.principal)
}

#[test]
fn an_asserted_user_is_granted_what_provider_request_and_resource_have_in_common() {
    for (allowed, asked, expected) in [
        (json!({}), None, "mcp files:read"),
        (json!({}), Some("mcp"), "mcp"),
        (json!({ "scope": "mcp other" }), None, "mcp"),
        (json!({ "scope": "mcp files:read" }), Some("files:read"), "files:read"),
    ] {
        let mut world = World::new();
        let asserted = asserted(&world, allowed);
        let principal = present(&mut world, &asserted, None, asked).unwrap();
        assert_eq!((principal.scopes.to_string().as_str(), principal.subject.as_str()), (expected, "demo:alice"));
        assert_eq!((principal.resource.as_str(), principal.client_id.as_str()), (RESOURCE, CONFIGURED));
    }
    let mut world = World::new();
    let asserted = asserted(&world, json!({}));
    assert!(present(&mut world, &asserted, Some(RESOURCE), None).is_ok(), "the request may repeat the resource");
}

#[test]
fn an_assertion_that_does_not_fit_the_request_is_not_used_up() {
    let mut world = World::new();
    world.configuration = configuration_with_two_upstreams();
    let before = world.store.snapshot();
    let mail = Some("https://gateway.example/mail");
    for (changes, named, asked, expected) in [
        (json!({ "resource": "https://gateway.example/other" }), None, None, TokenRejection::AssertedResource),
        (json!({ "resource": "https://other.example/mcp" }), None, None, TokenRejection::AssertedResource),
        (json!({ "resource": "mcp" }), None, None, TokenRejection::AssertedResource),
        (json!({ "resource": null }), None, None, TokenRejection::Resource),
        (json!({ "resource": null }), Some("https://gateway.example/other"), None, TokenRejection::Resource),
        (json!({}), mail, None, TokenRejection::Resource),
        (json!({}), None, Some("admin"), TokenRejection::Scope),
        (json!({ "scope": "mcp" }), None, Some("mcp files:read"), TokenRejection::Scope),
        (json!({ "scope": "other" }), None, None, TokenRejection::AssertedScope),
        (json!({ "scope": "a\"b" }), None, None, TokenRejection::AssertedScope),
    ] {
        let asserted = asserted(&world, changes);
        assert_eq!(present(&mut world, &asserted, named, asked).unwrap_err(), expected, "{asserted:?}");
        assert_eq!(world.store.snapshot(), before);
    }
    let asserted_without = asserted(&world, json!({ "resource": null, "jti": "2" }));
    let principal = present(&mut world, &asserted_without, Some(RESOURCE), None).unwrap();
    assert_eq!(principal.resource.as_str(), RESOURCE, "what the provider left open, the request says");
    let asserted = asserted(&world, json!({}));
    assert!(present(&mut world, &asserted, None, None).is_ok());
}

#[test]
fn an_assertion_without_a_resource_is_for_the_route_that_has_its_scopes() {
    let mail = "https://gateway.example/mail";
    for (scope, asked, expected) in [
        (json!("mcp"), None, Ok(RESOURCE)),
        (json!("mail"), None, Ok(mail)),
        (json!("mail email"), Some("mail"), Ok(mail)),
        (json!(null), Some("mail"), Ok(mail)),
        (json!("mcp mail"), Some("mail"), Ok(mail)),
        (json!("mcp mail"), None, Err(TokenRejection::Resource)),
        (json!("mcp"), Some("mail"), Err(TokenRejection::AssertedScope)),
        (json!("admin"), None, Err(TokenRejection::Resource)),
    ] {
        let mut world = World::new();
        world.configuration = configuration_with_two_upstreams();
        let before = world.store.snapshot();
        let asserted = asserted(&world, json!({ "resource": null, "scope": scope }));
        let granted = present(&mut world, &asserted, None, asked).map(|principal| principal.resource.to_string());
        assert_eq!(granted.as_deref(), expected.as_ref().map(|text| *text), "{scope} {asked:?}");
        assert_eq!(world.store.snapshot() == before, granted.is_err());
    }
}

#[test]
fn an_asserted_user_comes_in_by_the_providers_access_rules() {
    for (roles, allowed) in [(json!(["mcp-user"]), true), (json!(["other"]), false), (json!([]), false)] {
        let mut world = World::new();
        world.configuration.identity_providers[0].access.roles = vec!["mcp-user".to_owned()];
        let before = world.store.snapshot();
        let asserted = asserted(&world, json!({ "roles": roles }));
        let outcome = present(&mut world, &asserted, None, None);
        assert_eq!(outcome.is_ok(), allowed, "{roles}");
        if let Err(rejection) = outcome {
            assert_eq!(rejection, TokenRejection::Access(AccessRejection::Role));
            assert_eq!(world.store.snapshot(), before);
        }
    }
}

#[test]
fn policies_judge_an_asserted_user_by_what_the_assertion_says() {
    let mut world = World::new();
    let said = asserted(&world, json!({ "groups": ["engineering"], "roles": "reader", "tid": "a-tenant" }));
    let claims = present(&mut world, &said, None, None).unwrap().claims;
    let (groups, roles) = (vec!["engineering".to_owned()], vec!["reader".to_owned()]);
    let expected = Claims { tenant: None, groups, roles, names: None };
    assert!(claims == expected, "{claims:?}");
}

/// With an assertion comes no token to ask for groups with.
#[test]
fn an_asserted_user_whose_groups_must_be_known_and_are_not_gets_nothing_and_uses_nothing_up() {
    let mut world = World::new();
    let before = world.store.snapshot();
    let elsewhere = json!({ "groups": null, "_claim_names": { "groups": "src1" } });
    let too_many = asserted(&world, elsewhere);
    let rule = "name = \"staff\"\ngroups = [\"3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e\"]";
    let with = |effect: &str| {
        let rule = format!("[[routes.policy]]\n{rule}\neffect = \"{effect}\"\n");
        configuration_with(
            "scopes = [\"mcp\", \"files:read\"]\n",
            &format!("scopes = [\"mcp\", \"files:read\"]\n{rule}"),
        )
    };
    world.configuration = with("deny");
    let refused = present(&mut world, &too_many, None, None).unwrap_err();
    assert_eq!(refused, AccessRejection::from(GroupsUnknown::NoLookup).into());

    world.configuration.identity_providers[0].profile = ProviderProfile::Entra(EntraProfile {
        authority: "https://login.example".to_owned(),
        tenant: "organizations".to_owned(),
        graph: "https://graph.example".to_owned(),
    });
    let refused = present(&mut world, &too_many, None, None).unwrap_err();
    assert_eq!(refused, AccessRejection::from(GroupsUnknown::NoAccessToken).into());
    assert_eq!(world.store.snapshot(), before);

    world.configuration = with("allow");
    let claims = present(&mut world, &too_many, None, None).unwrap().claims;
    assert!(claims.groups.is_empty(), "an allowing rule allows nothing by a group that is not known");
}

#[test]
fn an_identity_assertion_works_once() {
    let mut world = World::new();
    let (first, second, third) =
        (asserted(&world, json!({})), asserted(&world, json!({ "jti": "2" })), asserted(&world, json!({ "jti": "3" })));
    assert!(present(&mut world, &first, None, None).is_ok());
    assert_eq!(present(&mut world, &first, None, Some("mcp")).unwrap_err(), TokenRejection::AssertionReplayed);
    assert!(present(&mut world, &second, None, None).is_ok());
    world.store.go_down();
    assert_eq!(present(&mut world, &third, None, None).unwrap_err().to_wire().0, 503);
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
