//! Taking tokens back (RFC 7009) and asking about them (RFC 7662).

use gatehouse_tests::{Answer, AttackWorld, ClientAuthentication, Person, flipped, text, unique};
use serde_json::json;

use crate::answers::assert_error;
use crate::parties::{self, pairs};

fn token(token: &str) -> Vec<(String, String)> {
    pairs(&[("token", token)])
}

/// cloudflare/workers-oauth-provider#188: any client could revoke the tokens of all.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_take_back_what_is_not_its_own_and_is_not_told_so() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let registered = world.registered("https://client.example/callback").await;
    let tokens = world.flow(&alice).finish().await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let before = world.store().await;
    let unknown = world.as_client(&world.public(), "/revoke", &token("unknown")).await;
    assert_eq!(unknown.status, 200, "RFC 7009, section 2.2: {unknown:?}");
    for client in [world.other(), registered, parties::basic(), parties::signer()] {
        for value in [&access, &refresh] {
            let answer = world.as_client(&client, "/revoke", &token(value)).await;
            assert_eq!(answer.unmarked(), unknown.unmarked(), "{}", client.client_id);
        }
    }
    let changes: Vec<_> =
        world.changes_since(&before).await.into_iter().filter(|name| !name.starts_with("client-assertion")).collect();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(world.call("/mcp", &access).await.status, 200);
    assert_eq!(world.refresh(&world.public(), &refresh).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_token_takes_nothing_back() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let before = world.store().await;
    for name in ["access_token", "refresh_token"] {
        let value = text(&tokens, name);
        for position in 0..value.len() {
            let answer = world.as_client(&world.public(), "/revoke", &token(&flipped(&value, position))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        for part in [&value[1..], &value[..value.len() - 1], &value[..value.len() / 2]] {
            assert_eq!(world.as_client(&world.public(), "/revoke", &token(part)).await.status, 200);
        }
    }
    world.assert_unchanged(&before, "altered tokens").await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_should_prove_who_it_is_cannot_revoke_without() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let tokens = world.flow_of(&alice, parties::basic(), "/mcp").finish().await;
    let before = world.store().await;
    for authentication in [ClientAuthentication::None, ClientAuthentication::Basic("wrong".to_owned())] {
        let answer = world
            .as_client(&parties::basic().with(authentication), "/revoke", &token(&text(&tokens, "refresh_token")))
            .await;
        assert_error(&answer, 401, "invalid_client", "an impostor");
    }
    let nobody = world.post("/revoke", &token(&text(&tokens, "refresh_token"))).await;
    assert!([400, 401].contains(&nobody.status), "{nobody:?}");
    world.assert_unchanged(&before, "impostors").await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200);
    world.gatehouse.stop().await;
}

/// A stolen token is given back: nothing that came of the same sign-in works any longer, and other sign-ins do.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_back_ends_its_whole_session_and_no_other() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    for name in ["access_token", "refresh_token"] {
        let (tokens, elsewhere) = (world.flow(&alice).finish().await, world.flow(&alice).finish().await);
        let rotated = world.refresh(&world.public(), &text(&tokens, "refresh_token")).await.json();
        let answer = world.as_client(&world.public(), "/revoke", &token(&text(&tokens, name))).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        for tokens in [&tokens, &rotated] {
            assert_eq!(world.call("/mcp", &text(tokens, "access_token")).await.status, 401, "{name}");
            assert_error(
                &world.refresh(&world.public(), &text(tokens, "refresh_token")).await,
                400,
                "invalid_grant",
                name,
            );
        }
        assert_eq!(world.call("/mcp", &text(&elsewhere, "access_token")).await.status, 200, "{name}");
    }
    world.gatehouse.stop().await;
}

/// RFC 7662, section 4: an open endpoint would tell anybody which guessed or stolen tokens are good.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_client_that_may_and_proves_who_it_is_can_ask_about_tokens() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let access = text(&world.flow(&alice).finish().await, "access_token");
    let registered = world.registered("https://client.example/callback").await;
    let before = world.store().await;
    let wrong_secret = parties::basic().with(ClientAuthentication::Basic("wrong".to_owned()));
    let nameless = parties::basic().with(ClientAuthentication::None);
    for client in [world.public(), registered, parties::post(), parties::machine(), wrong_secret, nameless] {
        let answer = world.as_client(&client, "/introspect", &token(&access)).await;
        assert!([400, 401, 403].contains(&answer.status), "{}: {answer:?}", client.client_id);
        assert!(!answer.body.contains("active"), "{answer:?}");
    }
    assert!([400, 401].contains(&world.post("/introspect", &token(&access)).await.status));
    let as_bearer = world.form("/introspect", &token(&access)).bearer_auth(&access).send().await.unwrap();
    assert!(as_bearer.status().is_client_error());
    world.assert_unchanged(&before, "introspection").await;
    world.gatehouse.stop().await;
}

/// RFC 7662, section 2.2: of what is not active nothing is told, whatever the reason.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_active_is_only_said_to_be_inactive() {
    let world = AttackWorld::start_with(parties::settings()).await;
    let alice = Person::new("alice");
    let ask = async |value: &str| world.as_client(&parties::basic(), "/introspect", &token(value)).await;
    let (revoked, expired) = (world.flow(&alice).finish().await, world.flow(&alice).finish().await);
    let mut flow = world.flow(&alice);
    flow.to(gatehouse_tests::Step::Answered).await;
    world.as_client(&world.public(), "/revoke", &token(&text(&revoked, "access_token"))).await;
    let live = world.flow(&alice).finish().await;
    let active = ask(&text(&live, "access_token")).await.json();
    assert_eq!((&active["active"], &active["client_id"]), (&json!(true), &json!("public")), "{active}");
    let personal = ["alice@", "Alice", "provider-access", "provider-refresh"];
    assert!(personal.iter().all(|text| !active.to_string().contains(text)), "{active}");

    let before = world.store().await;
    let inactive: Vec<Answer> = vec![
        ask("unknown").await,
        ask(&unique("")).await,
        ask(&flipped(&text(&live, "access_token"), 40)).await,
        ask(&text(&revoked, "access_token")).await,
        ask(&text(&revoked, "refresh_token")).await,
        ask(&flow.code()).await,
        ask(&flow.provider_state()).await,
        ask(&world.provider().last_access_token()).await,
    ];
    for answer in &inactive {
        assert_eq!(answer.json(), json!({ "active": false }), "{answer:?}");
        assert_eq!(answer.unmarked(), inactive[0].unmarked());
    }
    world.gatehouse.clock.advance(301);
    assert_eq!(ask(&text(&expired, "access_token")).await.unmarked(), inactive[0].unmarked(), "expired");
    world.assert_unchanged(&before, "asking").await;
    world.gatehouse.stop().await;
}
