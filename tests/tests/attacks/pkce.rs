//! PKCE, misused (RFC 7636; OAuth 2.1, section 4.1; RFC 9700, section 2.1.1).

use gatehouse_tests::{AttackWorld, From, Person, Step, challenge_of};

use crate::answers::assert_error;

/// CVE-2025-4144: a server that checks PKCE only where a verifier is sent. Obot `fe8b191` did, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_without_its_verifier_or_with_another_is_refused_and_not_used_up() {
    let world = AttackWorld::start().await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let mut of_mallory = world.flow(&mallory);
    of_mallory.to(Step::Answered).await;
    let before = world.store().await;
    let challenge = challenge_of(&flow.verifier);
    let shortest = &flow.verifier[..43];
    let verifiers = [
        (None, "invalid_request"),
        (Some(""), "invalid_request"),
        (Some("short"), "invalid_request"),
        (Some(challenge.as_str()), "invalid_grant"),
        (Some(shortest), "invalid_grant"),
        (Some(of_mallory.verifier.as_str()), "invalid_grant"),
    ];
    for (verifier, error) in verifiers {
        let mut pairs = flow.redemption();
        pairs.retain(|(name, _)| name != "code_verifier");
        pairs.extend(verifier.map(|verifier| ("code_verifier".to_owned(), verifier.to_owned())));
        assert_error(&world.token(&flow.client, &pairs).await, 400, error, &format!("verifier {verifier:?}"));
        world.assert_unchanged(&before, &format!("verifier {verifier:?}")).await;
    }
    // A code injected into another session (RFC 9700, section 4.5): its verifier is not there.
    let mut injected = of_mallory.redemption();
    injected.iter_mut().filter(|(name, _)| name == "code").for_each(|(_, code)| *code = flow.code());
    assert_error(&world.token(&flow.client, &injected).await, 400, "invalid_grant", "an injected code");
    world.assert_unchanged(&before, "an injected code").await;
    assert_eq!(flow.redeem().await.status, 200, "the owner can still redeem");
    world.gatehouse.stop().await;
}

/// RFC 9700, section 2.1.1: a verifier counts only where there was a challenge, and none begins without one. Sigbit
/// `ec9e857` allowed `plain`.
#[tokio::test(flavor = "multi_thread")]
async fn no_sign_in_begins_without_an_s256_challenge_nor_with_plain() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let before = world.store().await;
    let challenge = "x".repeat(43);
    for (challenge, method) in [
        (None, None),
        (None, Some("S256")),
        (Some(""), Some("S256")),
        (Some(challenge.as_str()), None),
        (Some(challenge.as_str()), Some("plain")),
        (Some(challenge.as_str()), Some("PLAIN")),
        (Some(challenge.as_str()), Some("s256")),
        (Some(challenge.as_str()), Some("S256 plain")),
        (Some(&challenge[1..]), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256")),
    ] {
        let flow = world.flow(&alice).with("code_challenge", challenge).with("code_challenge_method", method);
        let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
        let location = answer.location().unwrap_or_else(|| panic!("{challenge:?} {method:?}: {answer:?}"));
        assert!(location.as_str().starts_with("https://client.example/callback?error=invalid_request&"), "{location}");
        world.assert_unchanged(&before, &format!("{challenge:?} {method:?}")).await;
    }
    // Twice, once of each kind: a reader that takes the last one would be downgraded.
    let mut flow = world.flow(&alice);
    flow.request.push(("code_challenge_method".to_owned(), "plain".to_owned()));
    let location = alice.open(&flow.authorization_url(), From::Nowhere).await.location().unwrap();
    assert!(location.as_str().contains("error=invalid_request"), "{location}");
    world.assert_unchanged(&before, "two methods").await;
    world.gatehouse.stop().await;
}
