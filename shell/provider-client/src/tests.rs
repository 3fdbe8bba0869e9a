mod external_groups;
mod provider;
mod token_service;
mod unknown_tokens;

use gatehouse_configuration::{AccessRules, AssertionSource, ProviderAuthentication};
use gatehouse_openid::{AccessRejection, ClientError, IdentityAssertion, RefreshRejection};
use gatehouse_protocol::{Claims, SecretString, Subject};
use http::{HeaderName, StatusCode};
use serde_json::json;
use shell_http::outbound::NoAnswer;

use crate::{AssertionFailure, Failure, RefreshFailure};
use provider::{GROUP, NOW, ROTATED, TENANT, World, elliptic_key, with_policy};

const OTHER: &str = "11111111-7a52-4c0b-8f0e-5d7a1b2c3d4e";
const UNASKED: &str = "22222222-7a52-4c0b-8f0e-5d7a1b2c3d4e";

#[test]
fn a_user_signs_in_and_the_second_one_costs_one_request() {
    let world = World::of_openid();
    let signed_in = world.sign_in().unwrap();
    assert_eq!(signed_in.identity.subject().as_str(), "main:alice");
    assert_eq!(signed_in.tokens.access_token.expose(), "provider-access");
    assert_eq!(world.asked(), ["GET /.well-known/openid-configuration", "POST /token", "GET /jwks"]);
    world.sign_in().unwrap();
    assert_eq!(world.asked(), ["POST /token"]);
}

#[test]
fn documents_are_kept_for_as_long_as_they_say_and_a_day_at_most() {
    for (cache_control, kept, gone) in [
        (None, 3599, 3600),
        (Some("max-age=60"), 59, 60),
        (Some("max-age=99999999"), 86_399, 86_400),
        (Some("max-age=86400, private"), 86_399, 86_400),
        (Some("Private,max-age=60"), 59, 60),
    ] {
        let mut world = World::of_openid();
        world.host.cache_control.set(cache_control);
        let written = world.now;
        world.sign_in().unwrap();
        world.asked();
        world.set_now(written.plus(kept));
        world.client().metadata().unwrap();
        assert!(world.asked().is_empty(), "{cache_control:?}");
        world.set_now(written.plus(gone));
        world.client().metadata().unwrap();
        assert_eq!(world.asked().len(), 1, "{cache_control:?}");
    }
    for never in ["no-store", "no-cache", "max-age=0", "private, no-store"] {
        let world = World::of_openid();
        world.host.cache_control.set(Some(never));
        world.sign_in().unwrap();
        assert_eq!(world.host.store.values().len(), 0, "{never}");
    }
}

#[test]
fn an_error_is_never_kept() {
    for (status, told) in [
        (StatusCode::BAD_GATEWAY, ClientError::TemporarilyUnavailable),
        (StatusCode::NOT_FOUND, ClientError::ServerError),
        (StatusCode::FOUND, ClientError::ServerError),
    ] {
        let world = World::of_openid();
        world.host.fail.set(Some(("/.well-known/openid-configuration", status)));
        assert_eq!(world.client().metadata().unwrap_err().to_wire(), told);
        assert_eq!(world.host.store.values().len(), 0);
        world.host.fail.set(Some(("/jwks", status)));
        assert_eq!(world.sign_in().unwrap_err().to_wire(), told);
        assert_eq!(world.host.store.values().len(), 1, "only the metadata is kept");
        world.host.fail.set(None);
        world.sign_in().unwrap();
        assert_eq!(world.host.store.values().len(), 2);
    }
}

#[test]
fn what_is_kept_is_sealed_and_of_no_use_when_changed() {
    let world = World::of_openid();
    world.sign_in().unwrap();
    for value in world.host.store.values() {
        let text = String::from_utf8_lossy(&value).into_owned();
        assert!(!text.contains("op.example") && !text.contains("kty") && !text.contains("alice"), "{text}");
    }
    let snapshot = world.host.store.snapshot();
    assert!(snapshot.contains("provider-metadata") && snapshot.contains("provider-keys"), "{snapshot}");
}

#[test]
fn an_unknown_key_is_looked_for_once_in_a_minute() {
    let mut world = World::of_openid();
    world.sign_in().unwrap();
    world.host.signs_with.set(ROTATED);
    world.host.publishes.set(ROTATED);
    world.asked();
    world.sign_in().unwrap();
    assert_eq!(world.asked(), ["POST /token", "GET /jwks"]);
    world.sign_in().unwrap();
    assert_eq!(world.asked(), ["POST /token"], "the new keys are kept");

    // A key that is nowhere.
    world.host.signs_with.set("p384");
    for again in [&["POST /token"][..], &["POST /token"]] {
        assert_eq!(world.sign_in().unwrap_err().to_wire(), ClientError::ServerError);
        assert_eq!(world.asked(), again);
    }
    world.set_now(world.now.plus(60));
    assert!(world.sign_in().is_err());
    assert_eq!(world.asked(), ["POST /token", "GET /jwks"]);
}

#[test]
fn keys_that_were_just_fetched_are_not_fetched_again() {
    let world = World::of_openid();
    world.host.signs_with.set(ROTATED);
    assert!(world.sign_in().is_err());
    assert_eq!(world.asked().iter().filter(|asked| asked.as_str() == "GET /jwks").count(), 1);
}

#[test]
fn a_store_that_is_down_lets_nobody_in() {
    let world = World::of_openid();
    world.sign_in().unwrap();
    world.asked();
    world.host.store.go_down();
    let failure = world.client().metadata().unwrap_err();
    assert!(matches!(failure, Failure::Store(_)));
    assert_eq!(failure.to_wire(), ClientError::TemporarilyUnavailable);
    assert!(world.asked().is_empty());
}

#[test]
fn every_credential_is_read_where_the_configuration_says() {
    let mut world = World::of_openid();
    let name = world.secret_name();
    world.host.secret.set(Some("hunter2"));
    world.provider.authentication = ProviderAuthentication::Secret(name.clone());
    world.sign_in().unwrap();
    assert_eq!(world.token_form().get("client_secret").map(String::as_str), Some("hunter2"));

    world.provider.authentication = ProviderAuthentication::PrivateKey {
        key: name.clone(),
        key_id: Some("ours".to_owned()),
        certificate_thumbprint: None,
    };
    assert_eq!(world.sign_in().unwrap_err().to_wire(), ClientError::ServerError, "hunter2 is no key");
    world.host.secret.set(Some(elliptic_key()));
    world.sign_in().unwrap();
    assert_eq!(world.token_form()["client_assertion"].split('.').count(), 3);

    world.provider.authentication = ProviderAuthentication::Assertion(AssertionSource::Setting(name.clone()));
    world.host.secret.set(Some("a.b.c"));
    world.sign_in().unwrap();
    assert_eq!(world.token_form()["client_assertion"], "a.b.c");
    world.host.secret.set(None);
    assert!(matches!(world.sign_in(), Err(Failure::Settings(_))));
}

#[test]
fn an_assertion_is_read_at_its_endpoint_each_time_and_never_kept() {
    let mut world = World::of_openid();
    world.host.secret.set(Some("identity-header"));
    world.provider.authentication = ProviderAuthentication::Assertion(AssertionSource::Endpoint {
        url: "http://169.254.169.254/assertion?resource=api".parse().unwrap(),
        headers: [("Metadata".to_owned(), "true".to_owned())].into(),
        secret_headers: vec![(HeaderName::from_static("x-identity-header"), world.secret_name())],
    });
    for _ in 0..2 {
        world.sign_in().unwrap();
        assert!(world.asked().contains(&"GET /assertion?resource=api".to_owned()));
        assert_eq!(world.token_form()["client_assertion"], "managed.identity.assertion");
    }
    assert_eq!(world.host.store.values().len(), 2, "metadata and keys");
    world.host.fail.set(Some(("/assertion?resource=api", StatusCode::INTERNAL_SERVER_ERROR)));
    let failure = world.sign_in().unwrap_err();
    assert_eq!(failure.to_wire(), ClientError::TemporarilyUnavailable);
    assert!(!world.asked().contains(&"POST /token".to_owned()), "without it, the code is not spent");
}

#[test]
fn a_user_who_may_not_come_in_is_told_so() {
    let mut world = World::of_openid();
    world.provider.access = AccessRules { roles: vec!["boss".to_owned()], ..AccessRules::default() };
    let failure = world.sign_in().unwrap_err();
    assert_eq!(failure.access(), Some(&AccessRejection::Role));
    assert_eq!(failure.to_wire(), ClientError::AccessDenied);
}

#[test]
fn groups_that_did_not_fit_into_the_token_are_asked_for_with_the_users_own_token() {
    let world = World::of_entra_with_groups();
    world.host.member_of.replace(vec![GROUP.to_owned()]);
    let signed_in = world.sign_in().unwrap();
    assert!(signed_in.identity.subject().as_str().starts_with("main:8d1b0f3a-"));
    let asked =
        world.host.requests.borrow().iter().find(|request| request.uri().path().ends_with("MemberGroups")).cloned();
    assert_eq!(asked.unwrap().headers()["authorization"], "Bearer provider-access");

    world.host.member_of.replace(Vec::new());
    assert_eq!(world.sign_in().unwrap_err().access(), Some(&AccessRejection::Group));
}

#[test]
fn groups_that_cannot_be_known_let_nobody_in() {
    let world = World::of_entra_with_groups();
    world.host.member_of.replace(vec![GROUP.to_owned()]);
    for (status, told) in [
        (StatusCode::FORBIDDEN, ClientError::AccessDenied),
        (StatusCode::BAD_GATEWAY, ClientError::TemporarilyUnavailable),
    ] {
        world.host.fail.set(Some(("/v1.0/me/checkMemberGroups", status)));
        let failure = world.sign_in().unwrap_err();
        assert!(matches!(failure.access(), Some(AccessRejection::GroupsUnknown(_))), "{failure}");
        assert_eq!(failure.to_wire(), told);
    }
    world.host.fail.set(None);
    world.host.unreachable.set(Some("graph.microsoft.com"));
    assert_eq!(world.sign_in().unwrap_err().to_wire(), ClientError::TemporarilyUnavailable);
}

#[test]
fn groups_that_only_a_policy_names_are_asked_for_too_and_become_claims() {
    let mut world = World::of_entra_with_groups();
    world.provider.access = AccessRules::default();
    assert!(world.sign_in().unwrap().claims.groups.is_empty());
    let asked_graph = |world: &World| world.asked().iter().any(|asked| asked.ends_with("checkMemberGroups"));
    assert!(!asked_graph(&world), "no rule names any");

    let rule =
        format!("[[routes.policy]]\nname = \"staff\"\ngroups = [\"{}\", \"{OTHER}\"]", GROUP.to_ascii_uppercase());
    world.configuration = with_policy(&rule);
    world.host.member_of.replace(vec![GROUP.to_owned(), UNASKED.to_owned()]);
    let claims = world.sign_in().unwrap().claims;
    assert_eq!((claims.groups, claims.tenant.as_deref()), (vec![GROUP.to_owned()], Some(TENANT)));
    assert!(asked_graph(&world));

    world.host.fail.set(Some(("/v1.0/me/checkMemberGroups", StatusCode::BAD_GATEWAY)));
    let failure = world.sign_in().unwrap_err();
    assert!(matches!(failure.access(), Some(AccessRejection::GroupsUnknown(_))), "{failure}");
}

#[test]
fn what_the_provider_says_of_the_user_is_known_after_each_id_token() {
    let world = World::of_openid();
    world.host.claims.replace(json!({ "groups": ["engineering"], "roles": ["reader"] }));
    let claims = world.sign_in().unwrap().claims;
    assert_eq!((&*claims.groups, &*claims.roles), (&["engineering".to_owned()][..], &["reader".to_owned()][..]));
    let alice = Subject::new("main", "alice").unwrap();
    let refreshed = || world.client().refresh(&refresh_token(), &alice).unwrap().verdict.unwrap();
    assert_eq!(refreshed(), Some(claims));
    world.host.claims.replace(json!({ "groups": [] }));
    assert_eq!(refreshed(), Some(Claims::default()));
    world.host.without_id_token.set(true);
    assert_eq!(refreshed(), None);
}

fn refresh_token() -> SecretString {
    SecretString::new("provider-refresh".to_owned())
}

#[test]
fn tokens_are_refreshed_for_the_user_of_the_session_only() {
    let world = World::of_openid();
    let alice = Subject::new("main", "alice").unwrap();
    let refreshed = world.client().refresh(&refresh_token(), &alice).unwrap();
    assert_eq!(refreshed.tokens.access_token.expose(), "provider-access");
    assert!(refreshed.verdict.is_ok());
    assert_eq!(world.asked(), ["GET /.well-known/openid-configuration", "POST /token", "GET /jwks"]);
    assert_eq!(world.token_form()["scope"], "openid profile");

    let bob = Subject::new("main", "bob").unwrap();
    let verdict = world.client().refresh(&refresh_token(), &bob).unwrap().verdict.unwrap_err();
    assert!(verdict.ends_the_session(), "{verdict}");

    world.host.without_id_token.set(true);
    assert!(world.client().refresh(&refresh_token(), &bob).unwrap().verdict.is_ok(), "there is nothing to judge by");
}

#[test]
fn new_tokens_are_not_lost_whatever_the_verdict_on_their_user_is() {
    let mut world = World::of_openid();
    let alice = Subject::new("main", "alice").unwrap();
    let refreshed = |world: &World| {
        let refreshed = world.client().refresh(&refresh_token(), &alice).unwrap();
        assert_eq!(refreshed.tokens.access_token.expose(), "provider-access");
        assert_eq!(refreshed.tokens.refresh_token.expose(), "provider-refresh");
        refreshed.verdict.unwrap_err()
    };
    world.host.fail.set(Some(("/jwks", StatusCode::BAD_GATEWAY)));
    assert!(!refreshed(&world).ends_the_session(), "the keys may be there the next time");
    world.host.fail.set(None);
    world.host.signs_with.set(ROTATED);
    assert!(!refreshed(&world).ends_the_session(), "somebody else's token says nothing of the user");
    world.host.signs_with.set("p256");
    world.provider.access = AccessRules { roles: vec!["boss".to_owned()], ..AccessRules::default() };
    let verdict = refreshed(&world);
    assert!(matches!(&verdict, RefreshFailure::Rejected(RefreshRejection::Access(AccessRejection::Role))));
    assert!(verdict.ends_the_session(), "who lost the role is out");
}

#[test]
fn only_the_providers_own_word_ends_a_session() {
    let world = World::of_openid();
    let alice = Subject::new("main", "alice").unwrap();
    let refused = |error, status| {
        world.host.token_error.set(Some((error, status)));
        world.client().refresh(&refresh_token(), &alice).unwrap_err()
    };
    assert!(refused("invalid_grant", StatusCode::BAD_REQUEST).ends_the_session());
    assert!(!refused("temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE).ends_the_session());
    assert!(!refused("invalid_client", StatusCode::UNAUTHORIZED).ends_the_session());
    world.host.unreachable.set(Some("op.example"));
    let failure = world.client().refresh(&refresh_token(), &alice).unwrap_err();
    let RefreshFailure::Conversation(Failure::At { reason, .. }) = &failure else { panic!("{failure}") };
    assert!(matches!(**reason, Failure::NoAnswer(_, NoAnswer::TimedOut)));
    assert!(!failure.ends_the_session());
}

#[test]
fn an_identity_assertion_is_verified_with_the_providers_keys() {
    let mut world = World::of_openid();
    world.provider.accepts_identity_assertions = true;
    let text = world.host.signed(
        "oauth-id-jag+jwt",
        &json!({
            "iss": "https://op.example", "sub": "alice", "aud": "https://gateway.example", "client_id": "agent",
            "jti": "1", "resource": "https://gateway.example/mcp", "iat": NOW.seconds(), "exp": NOW.seconds() + 300,
        }),
    );
    let assertion = IdentityAssertion::parse(text.expose()).unwrap();
    let verify =
        |world: &World, client_id| world.client().verify_assertion(&assertion, "https://gateway.example", client_id);
    assert_eq!(verify(&world, "agent").unwrap().identity.subject().as_str(), "main:alice");
    assert!(matches!(verify(&world, "another"), Err(AssertionFailure::Rejected(_))));
}

#[test]
fn nothing_secret_is_in_a_failure() {
    let mut world = World::of_openid();
    world.host.secret.set(Some("hunter2"));
    world.provider.authentication = ProviderAuthentication::Assertion(AssertionSource::Setting(world.secret_name()));
    let mut failures = vec![world.sign_in().unwrap_err()];
    world.provider.authentication = ProviderAuthentication::None;
    world.host.signs_with.set(ROTATED);
    failures.push(world.sign_in().unwrap_err());
    world.host.token_error.set(Some(("invalid_grant", StatusCode::BAD_REQUEST)));
    failures.push(world.sign_in().unwrap_err());
    for failure in failures {
        let printed = format!("{failure} {failure:?}");
        for secret in ["hunter2", "provider-access", "provider-refresh", "the-code", "alice", "eyJ"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}

#[test]
fn the_client_prints_only_the_providers_name() {
    let world = World::of_openid();
    assert_eq!(format!("{:?}", world.client()), r#"ProviderClient { provider: "main", .. }"#);
}

/// Anybody can begin a sign-in; whoever does it again and again must not have us ask a provider that is down each time.
#[test]
fn a_provider_whose_metadata_cannot_be_had_is_asked_sixty_times_in_a_minute_and_then_left_in_peace() {
    let mut world = World::of_openid();
    world.host.fail.set(Some(("/.well-known/openid-configuration", StatusCode::BAD_GATEWAY)));
    let now = gatehouse_protocol::UnixTime::from_seconds(world.now.seconds() / 60 * 60);
    world.set_now(now);
    for _ in 0..200 {
        let failure = world.client().metadata().unwrap_err();
        assert_eq!(failure.to_wire(), ClientError::TemporarilyUnavailable);
    }
    assert_eq!(world.asked().len(), 60);
    // A provider that is up again is asked in the next minute.
    world.host.fail.set(None);
    assert!(world.client().metadata().is_err() && world.asked().is_empty());
    world.set_now(now.plus(60));
    assert!(world.client().metadata().is_ok());
    assert_eq!(world.asked().len(), 1);
}
