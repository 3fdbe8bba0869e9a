//! What sessions, lists and pages leave in the store, however often somebody comes: 1,000 refreshes, 205 sign-ins, a form
//! that is sent 1,000 times.

use std::collections::BTreeMap;

use gatehouse_storage::Key;
use gatehouse_tests::scripted_provider::Failure;
use gatehouse_tests::{AttackSettings, AttackWorld, Endpoint, From, Person, Step, form, parameter, text};

use crate::account::{open, sign_in, sign_out_everywhere};
use crate::answers::assert_shown;

/// How many entries of each kind there are that have not expired.
async fn kinds(world: &AttackWorld) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (name, _) in world.store().await {
        let key = Key::parse(&name).expect("a key");
        if key.expires_at().seconds() > world.now() {
            *counts.entry(key.kind().to_owned()).or_default() += 1;
        }
    }
    counts
}

fn total(kinds: &BTreeMap<String, usize>) -> usize {
    kinds.values().sum()
}

/// S15: each refresh left a counter until the session ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_refreshes_of_one_session_leave_the_rows_of_one_and_a_replay_still_ends_it() {
    let world = AttackWorld::start().await;
    let (alice, client) = (Person::new("alice"), world.public());
    let mut tokens = world.flow(&alice).finish().await;
    let stolen = text(&tokens, "refresh_token");
    let before = kinds(&world).await;
    for number in 1..=1_000 {
        world.gatehouse.clock.advance(1);
        let answer = world.refresh(&client, &text(&tokens, "refresh_token")).await;
        assert_eq!(answer.status, 200, "refresh {number}: {answer:?}");
        tokens = answer.json();
    }
    let after = kinds(&world).await;
    assert!(total(&after) <= total(&before) + 10, "{before:?}, then {after:?}");
    assert_eq!((after["access"], after["session"]), (2, 2), "{after:?}");
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200);
    assert_eq!(world.refresh(&client, &stolen).await.status, 400, "the first of them, by a thief");
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401, "the family has ended");
    let last = world.refresh(&client, &text(&tokens, "refresh_token")).await;
    assert_eq!((last.status, last.error().as_str()), (400, "invalid_grant"));
    world.gatehouse.stop().await;
}

/// A client that refreshes in a tight loop.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_refreshes_without_end_is_told_to_wait_and_nothing_is_rotated_or_written() {
    let world = AttackWorld::start().await;
    let (alice, client) = (Person::new("alice"), world.public());
    let mut tokens = world.flow(&alice).finish().await;
    let mut refreshed = 0;
    let refused = loop {
        let answer = world.refresh(&client, &text(&tokens, "refresh_token")).await;
        if answer.status != 200 {
            break answer;
        }
        tokens = answer.json();
        refreshed += 1;
        assert!(refreshed < 500, "there is no end");
    };
    assert!(refreshed >= 60, "{refreshed}");
    assert_eq!((refused.status, refused.error().as_str()), (429, "temporarily_unavailable"), "{refused:?}");
    assert_eq!((refused.header("retry-after"), refused.header("content-type")), ("1", "application/json"));
    // The clock goes on while requests come, so that now and then one is in time.
    let asked = world.provider().refreshes().len();
    for _ in 0..20 {
        let before = world.store().await;
        let answer = world.refresh(&client, &text(&tokens, "refresh_token")).await;
        if answer.status == 429 {
            world.assert_unchanged(&before, "a refresh too many").await;
        } else {
            tokens = answer.json();
        }
    }
    assert_eq!(world.provider().refreshes().len(), asked);
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200, "nobody is signed out");
    world.gatehouse.clock.advance(5);
    assert_eq!(world.refresh(&client, &text(&tokens, "refresh_token")).await.status, 200);
    world.gatehouse.stop().await;
}

/// S11: the five oldest sessions went on, while the page said "everywhere".
#[tokio::test(flavor = "multi_thread")]
async fn everywhere_is_everywhere_after_205_sign_ins_and_a_page_that_shows_not_all_says_so() {
    let world =
        AttackWorld::start_with(AttackSettings { access_token_seconds: 3_600, ..AttackSettings::default() }).await;
    let (alice, bob, client) = (Person::new("alice"), Person::new("bob"), world.public());
    let of_bob = world.flow(&bob).finish().await;
    let mut opened = Vec::new();
    for _ in 0..205 {
        opened.push(world.flow(&alice).finish().await);
    }
    let page = sign_in(&world, &alice).await;
    assert!(page.body.contains("205 sessions let applications act in your name"), "{}", page.body);
    assert!(page.body.contains("Here are the newest 200 of 205"), "{}", page.body);
    for tokens in &opened[..5] {
        assert_eq!(world.call("/mcp", &text(tokens, "access_token")).await.status, 200, "the oldest are there");
    }
    assert_shown(&sign_out_everywhere(&world, &alice, &page).await, 200, "signed out");
    for tokens in &opened {
        assert_eq!(world.call("/mcp", &text(tokens, "access_token")).await.status, 401);
        assert_eq!(world.refresh(&client, &text(tokens, "refresh_token")).await.status, 400);
    }
    assert_eq!(world.call("/mcp", &text(&of_bob, "access_token")).await.status, 200, "somebody else");
    world.gatehouse.stop().await;
}

/// S16: each time a login of its own, with two rows, and a look at the provider's documents.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_sent_a_thousand_times_begins_one_login_and_leads_to_one_address() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let decision = flow.decision("approve");
    let first = alice.submit(&world.gatehouse.url, "/consent", &decision).await;
    let (before, asked) = (world.store().await, world.provider().count(Endpoint::Discovery));
    for _ in 1..1_000 {
        let again = alice.submit(&world.gatehouse.url, "/consent", &decision).await;
        assert_eq!((again.status, again.location()), (303, first.location()));
    }
    world.assert_unchanged(&before, "the same form").await;
    let now = kinds(&world).await;
    assert_eq!((now["login"], now["login-use"]), (1, 1), "{now:?}");
    assert_eq!(world.provider().count(Endpoint::Discovery), asked, "the provider was asked");
    // The user goes on, and is let in, once.
    flow.to(Step::Redeemed).await;
    for _ in 0..3 {
        assert_shown(&alice.submit(&world.gatehouse.url, "/consent", &decision).await, 403, "a page of the past");
    }
    let now = kinds(&world).await;
    assert_eq!((now.get("login"), now["login-use"]), (None, 1), "{now:?}");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_not_asked_each_time_that_somebody_wants_to_sign_in() {
    let world = AttackWorld::start().await;
    world.provider().script(|script| {
        script.failures.insert(Endpoint::Discovery, Failure::Status(503));
    });
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    world.gatehouse.clock.advance(60 - world.now() % 60);
    let minute = world.now() / 60;
    for _ in 0..200 {
        let answer = flow.decide("approve").await;
        let location = answer.location().expect("the client is told");
        assert_eq!(parameter(&location, "error").as_deref(), Some("temporarily_unavailable"), "{location}");
    }
    let minutes = usize::try_from(world.now() / 60 - minute).unwrap() + 1;
    assert!(world.provider().count(Endpoint::Discovery) <= 60 * minutes, "{minutes} minutes");
    let now = kinds(&world).await;
    assert_eq!((now.get("login"), now.get("login-use")), (None, None), "{now:?}");
    // When it is up again, the same page leads there.
    world.provider().script(|script| script.failures.clear());
    world.gatehouse.clock.advance(60);
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

/// A double click: both are under way at once.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_consents_with_one_ticket_all_lead_to_one_login_which_any_of_them_finishes_once() {
    let world = AttackWorld::start().await;
    let beside = world.beside().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let url = world.url("/consent");
    let (body, cookies) =
        (form(&flow.decision("approve")), alice.cookie_header(&flow.authorization_url(), From::Nowhere, true));
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..64 {
        let url = if number % 2 == 0 { url.clone() } else { url.replace(&world.gatehouse.url, &beside.gatehouse.url) };
        let request = gatehouse_tests::http().post(url).header("cookie", &cookies);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.clone());
        asked.spawn(async move { gatehouse_tests::Answer::of(request.send().await.expect("an answer")).await });
    }
    let answers = asked.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 303), "{answers:?}");
    let now = kinds(&world).await;
    assert_eq!((now["login"], now["login-use"]), (1, 1), "{now:?}");
    let mut codes = 0;
    for answer in answers.iter().step_by(16) {
        let returned = alice.open(&answer.location().unwrap(), From::OtherSite).await;
        let arrived = alice.open(&returned.location().unwrap(), From::OtherSite).await;
        codes += usize::from(arrived.status == 303 && arrived.location().unwrap().as_str().contains("code="));
    }
    assert_eq!(codes, 1);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// The same page, in another window or by going back.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_denies_what_they_approved_before_is_let_in_by_no_login_of_that_page() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let (approve, deny) = (flow.decision("approve"), flow.decision("deny"));
    let sent = alice.submit(&world.gatehouse.url, "/consent", &approve).await;
    for _ in 0..2 {
        let denied = alice.submit(&world.gatehouse.url, "/consent", &deny).await;
        assert_eq!(parameter(&denied.location().unwrap(), "error").as_deref(), Some("access_denied"));
    }
    let before = world.store().await;
    let returned = alice.open(&sent.location().unwrap(), From::OtherSite).await;
    assert_shown(&alice.open(&returned.location().unwrap(), From::OtherSite).await, 400, "the login that was denied");
    world.assert_unchanged(&before, "a callback of it").await;
    assert_eq!(world.provider().count(Endpoint::Token), 0, "the provider was asked");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_form_that_is_sent_a_thousand_times_begins_one_login() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let pressed = open(&world, &alice).await.form("/sign-in").expect("a form").pressed("provider", "test");
    let first = alice.submit(&world.gatehouse.url, "/sign-in", &pressed).await;
    let before = world.store().await;
    for _ in 1..1_000 {
        let again = alice.submit(&world.gatehouse.url, "/sign-in", &pressed).await;
        assert_eq!((again.status, again.location()), (303, first.location()));
    }
    world.assert_unchanged(&before, "the same form").await;
    world.gatehouse.stop().await;
}

/// Nobody has to approve anything twice to begin many logins: pages cost nothing, and each begins one.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_sign_ins_begin_in_a_minute_than_the_operator_allows_whichever_instance_is_asked() {
    let tables = "[sign_ins]\nper_minute = 5".to_owned();
    let world = AttackWorld::start_with(AttackSettings { tables, ..AttackSettings::default() }).await;
    let beside = world.beside().await;
    // The test's minute begins with a minute of the clock.
    world.gatehouse.clock.advance(60 - world.now() % 60);
    let people: Vec<_> = (0..7).map(|number| Person::new(&format!("person-{number}"))).collect();
    let mut flows = Vec::new();
    for person in &people {
        let mut flow = world.flow(person);
        flow.to(Step::Asked).await;
        flows.push(flow);
    }
    for (flow, instance) in flows[..5].iter_mut().zip([&world, &beside].into_iter().cycle()) {
        let person_answer = gatehouse_tests::Answer::of(
            instance
                .form("/consent", &flow.decision("approve"))
                .header("cookie", flow.person.cookie_header(&flow.authorization_url(), From::Nowhere, true))
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(person_answer.status, 303, "{person_answer:?}");
    }
    let asked = world.provider().count(Endpoint::Discovery);
    let logins = |kinds: BTreeMap<String, usize>| (kinds["login"], kinds["login-use"], kinds["logins"]);
    for flow in &flows[5..] {
        let refused = flow.decide("approve").await;
        assert_shown(&refused, 503, "one too many");
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    let people_page = open(&world, &people[6]).await.form("/sign-in").unwrap().pressed("provider", "test");
    assert_shown(&people[6].submit(&world.gatehouse.url, "/sign-in", &people_page).await, 503, "the account pages");
    assert_eq!(logins(kinds(&world).await), (5, 5, 1), "nothing but the count");
    assert_eq!(world.provider().count(Endpoint::Discovery), asked, "the provider was asked");
    // Denying is always possible, and who is under way goes on.
    assert_eq!(flows[5].decide("deny").await.status, 303);
    assert_eq!(flows[0].decide("approve").await.status, 303);
    world.gatehouse.clock.advance(60);
    assert_eq!(flows[6].decide("approve").await.status, 303, "the next minute");
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}
