//! Several providers at once: which one is meant is decided by the user, once, in their own browser.

use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, From, Person, ScriptedProvider, Step, flipped, form};

use crate::answers::assert_shown;

async fn world() -> AttackWorld {
    let providers = vec![ScriptedProvider::start("first").await, ScriptedProvider::start("second").await];
    let mcp_lines = "subject_header = \"x-subject\"".to_owned();
    AttackWorld::start_with(AttackSettings { providers, mcp_lines, ..AttackSettings::default() }).await
}

/// RFC 9700, section 4.4: the user chooses the attacker's provider, which sends them on to the honest one.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_one_provider_is_never_sent_to_another() {
    let world = world().await;
    let alice = Person::new("alice");
    let [honest, evil] = [&world.providers[0], &world.providers[1]];
    let mut flow = world.flow(&alice);
    flow.provider = Some("second".to_owned());
    flow.to(Step::SentToProvider).await;
    assert!(flow.provider_url.as_ref().unwrap().as_str().starts_with(evil.origin()));
    let redirected = flow.provider_url.as_ref().unwrap().as_str().replace(evil.origin(), honest.origin());
    flow.provider_url = Some(redirected.parse().unwrap());
    flow.to(Step::Answered).await;
    assert_eq!((flow.response("code"), flow.response("error").is_some()), (None, true), "{:?}", flow.client_url);
    assert_eq!((honest.count(Endpoint::Token), evil.count(Endpoint::Token)), (0, 0), "a code was sent somewhere");
    world.gatehouse.stop().await;
}

/// The same `sub` at two providers is two people.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_of_one_provider_is_not_the_subject_of_another() {
    let world = world().await;
    for provider in ["first", "second"] {
        let alice = Person::new("alice");
        let mut flow = world.flow(&alice);
        flow.provider = Some(provider.to_owned());
        let tokens = flow.finish().await;
        let answer = world.call("/mcp", tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(answer.json()["result"]["subject"], format!("{provider}:alice"));
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_counts_only_from_its_own_page_in_its_own_browser_and_for_a_known_provider() {
    let world = world().await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let (mut of_alice, mut of_mallory) = (world.flow(&alice), world.flow(&mallory));
    of_alice.to(Step::Choosing).await;
    of_mallory.to(Step::Choosing).await;
    assert_shown(of_alice.page.as_ref().unwrap(), 200, "the choice");
    let (url, own) = (world.url("/choose"), world.gatehouse.url.clone());
    let pressed = of_alice.form("/choose").pressed("provider", "first");
    let good = form(&pressed);
    let before = world.store().await;
    for origin in ["https://evil.example", "null", &own.replace("http:", "https:"), &format!("{own}.evil.example")] {
        assert_shown(&alice.post(&url, &good, From::SameOrigin, Some(origin)).await, 403, origin);
    }
    assert_shown(&alice.post(&url, &good, From::OtherSite, Some(&own)).await, 403, "another site");
    let theirs = form(&of_mallory.form("/choose").pressed("provider", "first"));
    assert_shown(&alice.post(&url, &theirs, From::SameOrigin, Some(&own)).await, 403, "the attacker's page");
    assert_shown(&mallory.post(&url, &good, From::SameOrigin, Some(&own)).await, 403, "the victim's page");
    let (ticket_name, ticket) = of_alice.form("/choose").hidden[0].clone();
    for position in 0..ticket.len() {
        let altered = [(ticket_name.clone(), flipped(&ticket, position)), ("provider".to_owned(), "first".to_owned())];
        assert_shown(&alice.submit(&own, "/choose", &altered).await, 403, "an altered ticket");
    }
    for provider in ["third", "", "first second", "FIRST", "https://evil.example", "../second"] {
        let pairs = [(ticket_name.clone(), ticket.clone()), ("provider".to_owned(), provider.to_owned())];
        let answer = alice.submit(&own, "/choose", &pairs).await;
        assert!([400, 403].contains(&answer.status) && answer.header("location").is_empty(), "{provider}: {answer:?}");
    }
    // The choice is no consent.
    let skipped = [("ticket".to_owned(), ticket.clone()), ("decision".to_owned(), "approve".to_owned())];
    assert_shown(&alice.submit(&own, "/consent", &skipped).await, 403, "a choice as a consent");
    world.assert_unchanged(&before, "choices").await;
    assert_eq!(world.providers.iter().map(|provider| provider.count(Endpoint::Authorize)).sum::<usize>(), 0);
    of_alice.to(Step::Asked).await;
    assert!(of_alice.page.as_ref().unwrap().body.contains("Provider first"), "the page names the provider");
    of_alice.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}
