//! How much strangers can make us fetch, and keep, by naming clients whose ids are URLs.

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, ClientAuthentication, From, Person, Step, TestClient};

use tokio::task::JoinSet;
use url::Url;

use crate::answers::{assert_error, assert_page, assert_shown};
use crate::document_site::{
    Documents, Gate, JSON, assert_only_counted, document, world_that_reads_loopback, world_that_reads_loopback_with,
};
use crate::parties::pairs;

const REDIRECT_URI: &str = "https://client.example/callback";

async fn authorize(world: &AttackWorld, person: &Person, client_id: &str) -> Answer {
    authorize_at(world, world, person, client_id).await
}

/// The same request to another instance of `world`.
async fn authorize_at(instance: &AttackWorld, world: &AttackWorld, person: &Person, client_id: &str) -> Answer {
    let flow = world.flow(person).with("client_id", Some(client_id));
    let url = flow.authorization_url().as_str().replacen(&world.gatehouse.url, &instance.gatehouse.url, 1);
    person.open(&Url::parse(&url).expect("a URL"), From::Nowhere).await
}

/// Too much at this moment, or in this hour: a page that says so, and when to come again.
fn assert_try_again(answer: &Answer, what: &str) -> u64 {
    assert_eq!((answer.status, answer.header("location")), (503, ""), "{what}: {answer:?}");
    assert_page(answer, what);
    answer.header("retry-after").parse().expect("seconds")
}

/// How many entries there are of each kind that documents have.
async fn rows(world: &AttackWorld) -> [usize; 5] {
    let names: Vec<String> = world.store().await.into_iter().map(|(name, _)| name).collect();
    ["client-document", "client-keys", "known-client", "fetch-failures", "client-documents"]
        .map(|kind| names.iter().filter(|name| name.split('.').next() == Some(kind)).count())
}

/// S5: 5.9 KB for each page, and 48.8 KB for each assertion, for a day or two.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_approved_is_not_kept_however_many_are_named() {
    let documents = Documents::serve(|origin, path| {
        let mut document = document(&format!("{origin}{path}"));
        document["token_endpoint_auth_method"] = "private_key_jwt".into();
        document["jwks_uri"] = format!("{origin}/jwks.json").into();
        (200, JSON, document.to_string())
    })
    .await;
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    let before = world.store().await;
    for number in 0..40 {
        let answer = authorize(&world, &alice, &format!("{}/doc/{number}", documents.origin)).await;
        assert_eq!(answer.status, 200, "{number}: {answer:?}");
    }
    assert_eq!(documents.asked(), 40);
    assert_only_counted(&world, &before, "pages that nobody answered").await;
    assert_eq!(rows(&world).await, [0, 0, 0, 0, 1]);
    // Nobody has approved them, so they can have nothing to present: nothing is fetched for them.
    let before = world.store().await;
    for number in 0..40 {
        let client = TestClient::public(&format!("{}/doc/{number}", documents.origin), REDIRECT_URI)
            .with(ClientAuthentication::PrivateKeyJwt(SigningKey::P256));
        for path in ["/token", "/revoke", "/introspect"] {
            let form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")]);
            let answer = world.as_client(&client, path, &form).await;
            assert_error(&answer, 401, "invalid_client", path);
        }
    }
    world.assert_unchanged(&before, "assertions").await;
    assert_eq!(documents.asked(), 40);
    world.gatehouse.stop().await;
}

/// What an honest client's document costs: one fetch for a page, and none for what follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_reads_its_document_once_and_keeps_it_once_the_user_is_back() {
    let documents = Documents::good().await;
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    let client = TestClient::public(&format!("{}/client", documents.origin), REDIRECT_URI);
    let mut flow = world.flow_of(&alice, client.clone(), "/mcp");
    flow.to(Step::Returned).await;
    assert_eq!(rows(&world).await, [0, 0, 0, 0, 1], "approved, but nobody has signed in");
    flow.to(Step::Redeemed).await;
    assert_eq!((documents.asked(), rows(&world).await), (1, [1, 0, 1, 0, 1]));
    let refresh_token = flow.tokens.as_ref().expect("tokens")["refresh_token"].as_str().expect("a token").to_owned();
    assert_eq!(world.refresh(&client, &refresh_token).await.status, 200);
    let bob = Person::new("bob");
    world.flow_of(&bob, client.clone(), "/mcp").finish().await;
    assert_eq!((documents.asked(), rows(&world).await), (1, [1, 0, 1, 0, 1]), "it is known");
    // A denial keeps nothing.
    let denied = TestClient::public(&format!("{}/denied", documents.origin), REDIRECT_URI);
    let mut flow = world.flow_of(&bob, denied, "/mcp");
    flow.to(Step::Asked).await;
    let _back_at_the_client = flow.decide("deny").await;
    assert_eq!((documents.asked(), rows(&world).await), (2, [1, 0, 1, 0, 1]));
    world.gatehouse.stop().await;
}

/// Each page carries what was read for it.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_sign_in_to_a_new_client_at_the_same_time_both_come_in() {
    let documents = Documents::good().await;
    let world = world_that_reads_loopback().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let client = TestClient::public(&format!("{}/client", documents.origin), REDIRECT_URI);
    let mut open = world.flow_of(&alice, client.clone(), "/mcp");
    open.to(Step::Asked).await;
    world.flow_of(&bob, client, "/mcp").finish().await;
    open.to(Step::Redeemed).await;
    assert_eq!((documents.asked(), rows(&world).await), (2, [1, 0, 1, 0, 1]));
    world.gatehouse.stop().await;
}

/// An amplifier in our name.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_not_asked_for_again_for_two_minutes() {
    let documents = Documents::serve(|_, _| (404, JSON, String::new())).await;
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    let missing = |number: usize| format!("{}/missing/{number}", documents.origin);
    for _ in 0..5 {
        assert_shown(&authorize(&world, &alice, &missing(0)).await, 400, "missing");
    }
    assert_eq!(documents.asked(), 1);
    world.gatehouse.clock.advance(120);
    assert_shown(&authorize(&world, &alice, &missing(0)).await, 400, "missing");
    assert_eq!(documents.asked(), 2);
    // Another URL is another document, until the host has failed for so many.
    let before = world.store().await;
    for number in 1..32 {
        assert_shown(&authorize(&world, &alice, &missing(number)).await, 400, "missing");
    }
    for number in 32..60 {
        // That URL may be fine; somebody has named others.
        let seconds = assert_try_again(&authorize(&world, &alice, &missing(number)).await, "not asked for");
        assert_eq!(seconds, 120);
    }
    assert_shown(&authorize(&world, &alice, &missing(5)).await, 400, "it is known to be missing");
    assert_eq!(documents.asked(), 1 + 32);
    assert_only_counted(&world, &before, "what is missing").await;
    assert!(rows(&world).await[3] <= 2, "one entry for the host, in each of two days");
    world.gatehouse.stop().await;
}

/// Nothing was sent, so nothing is known of the host: neither it nor the hour is used up by what strangers invent.
#[tokio::test(flavor = "multi_thread")]
async fn what_our_own_host_does_not_let_us_ask_for_keeps_no_client_out() {
    let documents = Documents::good().await;
    let variables = vec![("client_document_origin".to_owned(), documents.origin.clone())];
    let tables = "[client_documents]\nper_hour = 3".to_owned();
    let world = AttackWorld::start_with(AttackSettings { variables, tables, ..AttackSettings::default() }).await;
    let alice = Person::new("alice");
    let before = world.store().await;
    // The host lets us connect to the providers, which are all at http://127.0.0.1.
    let other_scheme = documents.origin.replacen("http:", "https:", 1);
    let other_name = documents.origin.replacen("127.0.0.1", "localhost", 1);
    for origin in [&other_name, &other_scheme] {
        for number in 0..40 {
            let page = authorize(&world, &alice, &format!("{origin}/{number}")).await;
            assert_shown(&page, 400, "what cannot be had");
        }
    }
    assert_only_counted(&world, &before, "what was not asked for").await;
    assert_eq!(documents.asked(), 0);
    let client = TestClient::public(&format!("{}/client", documents.origin), REDIRECT_URI);
    world.flow_of(&alice, client, "/mcp").finish().await;
    world.gatehouse.stop().await;
}

/// The URL that was asked for cannot be had, and another one there may be fine in a moment.
#[tokio::test(flavor = "multi_thread")]
async fn who_names_another_document_of_a_host_that_did_not_answer_is_told_to_come_again() {
    let world = world_that_reads_loopback().await;
    let alice = Person::new("alice");
    let origin = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    for _ in 0..2 {
        assert_shown(&authorize(&world, &alice, &format!("{origin}/first")).await, 400, "nobody answers");
    }
    let page = authorize(&world, &alice, &format!("{origin}/second")).await;
    assert_eq!(assert_try_again(&page, "another URL"), 120);
    assert!(page.body.contains("in a few minutes"), "{page:?}");
    let elsewhere = Documents::good().await;
    assert_eq!(authorize(&world, &alice, &format!("{}/client", elsewhere.origin)).await.status, 200, "another port");
    world.gatehouse.stop().await;
}

/// Instances wait while they fetch: whoever publishes a document that does not come would hold them all.
#[tokio::test(flavor = "multi_thread")]
async fn one_document_of_a_host_is_fetched_at_a_time_and_nobody_waits() {
    let gate = Gate::closed();
    let good = |origin: &str, path: &str| (200, JSON, document(&format!("{origin}{path}")).to_string());
    let held = Documents::serve_behind(&gate, good).await;
    let others = Documents::good().await;
    let world = world_that_reads_loopback().await;
    let instance = world.beside().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (first, second) = (format!("{}/first", held.origin), format!("{}/second", held.origin));
    let (page, ()) = tokio::join!(authorize(&world, &alice, &first), async {
        gate.arrived(1).await;
        for number in 0..5 {
            let seconds = assert_try_again(&authorize(&world, &bob, &second).await, "the host is being asked");
            assert_eq!(seconds, 10);
            assert_try_again(
                &authorize_at(&instance, &world, &bob, &format!("{second}/{number}")).await,
                "another instance",
            );
        }
        assert_eq!(authorize(&world, &bob, &format!("{}/client", others.origin)).await.status, 200, "another host");
        assert_eq!(held.asked(), 1);
        gate.open();
    });
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(authorize(&world, &bob, &second).await.status, 200, "the turn was given back");
    for gatehouse in [instance.gatehouse, world.gatehouse] {
        gatehouse.stop().await;
    }
}

/// At sixteen, and past it. Those that are known, and clients of the configuration, come in meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_hold_sixteen_fetches_at_once_for_ten_seconds_and_no_more() {
    let world = world_that_reads_loopback().await;
    let known = Documents::good().await;
    let known = TestClient::public(&format!("{}/client", known.origin), REDIRECT_URI);
    let bob = Person::new("bob");
    world.flow_of(&bob, known.clone(), "/mcp").finish().await;
    let gate = Gate::closed();
    let mut pages = JoinSet::new();
    for _ in 0..40 {
        let host = Documents::serve_behind(&gate, |_, _| (200, JSON, String::new())).await;
        let flow = world.flow(&bob).with("client_id", Some(&format!("{}/client", host.origin)));
        let url = flow.authorization_url();
        pages.spawn(async move { Person::new("alice").open(&url, From::Nowhere).await });
    }
    // Two hosts may share a counter, so some of the first sixteen may be told to come again.
    gate.arrived(10).await;
    world.flow_of(&bob, known, "/mcp").finish().await;
    world.flow(&bob).finish().await;
    for page in pages.join_all().await {
        assert!([400, 503].contains(&page.status), "{page:?}");
    }
    assert!((10..=16).contains(&gate.most_held()), "{}", gate.most_held());
    world.gatehouse.stop().await;
}

/// As registrations are: at the number, and past it, whichever instance is asked.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_new_documents_are_read_in_an_hour_than_the_operator_allows() {
    let documents = Documents::good().await;
    let world = world_that_reads_loopback_with("[client_documents]\nper_hour = 3").await;
    let instance = world.beside().await;
    let alice = Person::new("alice");
    let id = |name: &str| format!("{}/{name}", documents.origin);
    // So that the hour does not end meanwhile.
    let into_the_hour = 3600 - world.now() % 3600 + 1;
    world.gatehouse.clock.advance(into_the_hour);
    let known = TestClient::public(&id("known"), REDIRECT_URI);
    world.flow_of(&alice, known.clone(), "/mcp").finish().await;
    assert_eq!(authorize(&world, &alice, &id("second")).await.status, 200);
    assert_eq!(authorize_at(&instance, &world, &alice, &id("third")).await.status, 200);
    let before = world.store().await;
    for asked in [&world, &instance] {
        let page = authorize_at(asked, &world, &alice, &id("fourth")).await;
        let seconds = assert_try_again(&page, "the fourth");
        assert!((1..=3600).contains(&seconds), "{seconds}");
        assert!(page.body.contains("Too many new applications have come in this hour"), "{page:?}");
    }
    assert_eq!(documents.asked(), 3);
    assert_only_counted(&world, &before, "the fourth").await;
    world.flow_of(&alice, known, "/mcp").finish().await;
    world.flow(&alice).finish().await;
    let registered = world.registered(REDIRECT_URI).await;
    world.flow_of(&alice, registered, "/mcp").finish().await;
    world.gatehouse.clock.advance(3600);
    assert_eq!(authorize(&world, &alice, &id("fourth")).await.status, 200, "the next hour");
    for gatehouse in [instance.gatehouse, world.gatehouse] {
        gatehouse.stop().await;
    }
}
