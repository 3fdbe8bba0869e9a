//! What must happen once happens once: 64 requests at the same time, shared between two instances, 50 times, on the
//! SQLite store.

use std::collections::BTreeMap;

use gatehouse_storage::Key;
use gatehouse_tests::{
    Answer, AttackSettings, AttackWorld, From, Person, SERVICE_SECRET, Step, TestClient, TokenService, text,
};
use serde_json::Value;
use tokio::task::JoinSet;

const ROUNDS: u64 = 50;
const AT_ONCE: usize = 64;

/// Everybody at once, each at one of the instances in turn; the answers, in no order.
async fn all_at_once<Asked>(instances: [&AttackWorld; 2], ask: impl Fn(&AttackWorld) -> Asked) -> Vec<Answer>
where
    Asked: Future<Output = reqwest::Result<reqwest::Response>> + Send + 'static,
{
    let mut asked = JoinSet::new();
    for number in 0..AT_ONCE {
        let answer = ask(instances[number % 2]);
        asked.spawn(async move { Answer::of(answer.await.expect("an answer")).await });
    }
    asked.join_all().await
}

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    answers.iter().for_each(|answer| *counts.entry(answer.status).or_default() += 1);
    counts
}

/// How many entries of each kind are in the store.
async fn kinds(world: &AttackWorld) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (name, _) in world.store().await {
        *counts.entry(Key::parse(&name).map_or(name, |key| key.kind().to_owned())).or_default() += 1;
    }
    counts
}

fn refresh_form(client: &TestClient, refresh_token: &str) -> Vec<(String, String)> {
    [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", &client.client_id)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_redemptions_of_one_code_exactly_one_gets_tokens() {
    let world = AttackWorld::start().await;
    let beside = world.beside().await;
    let alice = Person::new("alice");
    for round in 0..ROUNDS {
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        let mut form = flow.redemption();
        form.push(("client_id".to_owned(), flow.client.client_id.clone()));
        let answers = all_at_once([&world, &beside], |instance| instance.form("/token", &form).send()).await;
        assert_eq!(statuses(&answers), BTreeMap::from([(200, 1), (400, AT_ONCE - 1)]), "round {round}");
        assert!(answers.iter().filter(|answer| answer.status == 400).all(|answer| answer.error() == "invalid_grant"));
        // The code was presented twice with the right verifier: what it opened has ended (OAuth 2.1, section 4.1.3).
        let tokens = answers.iter().find(|answer| answer.status == 200).expect("tokens").json();
        assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401, "round {round}");
        let refreshed = world.refresh(&flow.client, &text(&tokens, "refresh_token")).await;
        assert_eq!((refreshed.status, refreshed.error().as_str()), (400, "invalid_grant"), "round {round}");
    }
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_callbacks_of_one_login_exactly_one_gets_a_code() {
    let world = AttackWorld::start().await;
    let beside = world.beside().await;
    let alice = Person::new("alice");
    for round in 0..ROUNDS / 5 {
        let mut flow = world.flow(&alice);
        flow.to(Step::Returned).await;
        let callback = flow.callback_url.clone().expect("a URL");
        let cookies = alice.cookie_header(&callback, From::OtherSite, true);
        let answers = all_at_once([&world, &beside], |instance| {
            let url = callback.as_str().replace(&world.gatehouse.url, &instance.gatehouse.url);
            gatehouse_tests::http().get(url).header("cookie", &cookies).send()
        });
        assert_eq!(statuses(&answers.await), BTreeMap::from([(303, 1), (400, AT_ONCE - 1)]), "round {round}");
    }
    assert_eq!(kinds(&world).await["code"] as u64, ROUNDS / 5, "codes");
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_refreshes_of_one_token_all_lead_to_one_successor_and_nobody_is_signed_out() {
    let world = AttackWorld::start().await;
    let beside = world.beside().await;
    let alice = Person::new("alice");
    let client = world.public();
    let mut tokens = world.flow(&alice).finish().await;
    let mut entries = None;
    for round in 0..ROUNDS {
        let form = refresh_form(&client, &text(&tokens, "refresh_token"));
        let answers = all_at_once([&world, &beside], |instance| instance.form("/token", &form).send()).await;
        assert_eq!(statuses(&answers), BTreeMap::from([(200, AT_ONCE)]), "round {round}");
        let answers: Vec<Value> = answers.iter().map(Answer::json).collect();
        for answer in &answers {
            assert_eq!(beside.call("/mcp", &text(answer, "access_token")).await.status, 200, "round {round}");
        }
        // One lineage: 50 times 64 refreshes leave what one leaves, two access tokens and the last two generations.
        let now = kinds(&world).await;
        assert_eq!((now["access"], now["session"]), (2, 2), "round {round}: {now:?}");
        let rows: usize = now.values().sum();
        assert!(rows <= *entries.get_or_insert(rows), "round {round}: {now:?}");
        // Whichever of the twins the client kept, it goes on with it.
        tokens = answers[(round as usize * 7) % AT_ONCE].clone();
    }
    // One successor: two twins refresh into the same generation again, and after the grace the one that was left behind
    // is a reuse, which ends them all.
    let form = refresh_form(&client, &text(&tokens, "refresh_token"));
    let twins = all_at_once([&world, &beside], |instance| instance.form("/token", &form).send()).await;
    let (one, other) = (twins[0].json(), twins[1].json());
    let next = world.refresh(&client, &text(&one, "refresh_token")).await.json();
    let last = world.refresh(&client, &text(&next, "refresh_token")).await.json();
    world.gatehouse.clock.advance(31);
    assert_eq!(world.refresh(&client, &text(&other, "refresh_token")).await.status, 400, "a twin was another lineage");
    assert_eq!(world.call("/mcp", &text(&last, "access_token")).await.status, 401);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// Single-use refresh tokens of the provider: who asks twice loses the session there (LibreChat#15977,
/// cloudflare/mcp#136). The scripted provider is that strict.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_requests_with_an_expired_provider_token_one_refreshes_it_and_all_use_the_new_one() {
    const PROVIDER_TOKEN_SECONDS: u64 = 120;
    let world = AttackWorld::start_with(AttackSettings {
        mcp_lines: "identity_provider_token_header = \"authorization\"".to_owned(),
        ..AttackSettings::default()
    })
    .await;
    let beside = world.beside().await;
    world.provider().script(|script| script.access_token_seconds = PROVIDER_TOKEN_SECONDS);
    let alice = Person::new("alice");
    for round in 0..ROUNDS {
        let tokens = world.flow(&alice).finish().await;
        let token = text(&tokens, "access_token");
        let first = world.provider().last_access_token();
        world.gatehouse.clock.advance(PROVIDER_TOKEN_SECONDS + 1);
        let (refreshes, asked) = (world.provider().refreshes().len(), world.upstream.requests().len());

        let answers =
            all_at_once([&world, &beside], |instance| instance.mcp_request("/mcp").bearer_auth(&token).send());
        assert_eq!(statuses(&answers.await), BTreeMap::from([(200, AT_ONCE)]), "round {round}");
        assert_eq!(world.provider().refreshes().len() - refreshes, 1, "round {round}: refreshes at the provider");
        let second = world.provider().last_access_token();
        assert_ne!(first, second, "round {round}");
        let expected = format!("Bearer {second}");
        let received = world.upstream.requests();
        assert_eq!(received.len() - asked, AT_ONCE, "round {round}");
        for request in &received[asked..] {
            assert_eq!(request.header("authorization"), expected, "round {round}");
        }
    }
    // The provider narrows a refresh that names no scopes (Entra refuses it, AADSTS90014): they are sent.
    let request = world.provider().refreshes().pop().expect("a refresh");
    assert_eq!(request.field("scope").as_deref(), Some("openid profile email offline_access"));
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// Ten thousand requests of a hundred users, shared between two instances, over tokens that end again and again: the token service is asked
/// once for each token, by its own count. So is it for the gateway's own token.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_of_a_hundred_users_cause_one_request_to_the_token_service_for_each_expiry() {
    const USERS: usize = 100;
    const EXPIRIES: u64 = 10;
    const REQUESTS_OF_USER: usize = 10;
    const TOKEN_SECONDS: u64 = 120;
    let service = TokenService::start().await;
    let own = "backend_token = { flow = \"client-credentials\", token_service = \"apis\", audience = \"own\" }";
    let world = AttackWorld::start_with(AttackSettings {
        tables: format!(
            "[[token_services]]\nname = \"apis\"\ntoken_endpoint = \"{}/token\"\nclient_id = \"gatehouse\"\n\
             client_secret = {{ secret = \"token_service_secret\" }}\n\
             [[routes]]\npath = \"/own\"\nurl = \"http://127.0.0.1:1/own\"\n{own}\n",
            service.origin()
        ),
        mcp_lines: "backend_token = { flow = \"token-exchange\", token_service = \"apis\", audience = \"orders\" }"
            .to_owned(),
        variables: vec![("token_service_secret".to_owned(), SERVICE_SECRET.to_owned())],
        access_token_seconds: 3600,
        ..AttackSettings::default()
    })
    .await;
    TokenService::trust(world.provider());
    world.provider().script(|script| script.access_token_seconds = 7200);
    service.script(|script| script.seconds = TOKEN_SECONDS);
    let beside = world.beside().await;
    let mut tokens = Vec::new();
    for number in 0..USERS {
        let person = Person::new(&format!("user-{number}"));
        tokens.push(text(&world.flow(&person).finish().await, "access_token"));
    }
    let of_own = {
        let person = Person::new("user-0");
        text(&world.flow_of(&person, world.public(), "/own").finish().await, "access_token")
    };
    let mut sent = 0;
    for expiry in 0..EXPIRIES {
        // So that all of one user come together, and those of all users, too.
        for part in tokens.chunks(10) {
            let mut asked = JoinSet::new();
            for number in 0..REQUESTS_OF_USER {
                for token in part {
                    let instance = [&world, &beside][number % 2];
                    let request = instance.mcp_request("/mcp").bearer_auth(token).send();
                    asked.spawn(async move { Answer::of(request.await.expect("an answer")).await.status });
                }
            }
            let answered = asked.join_all().await;
            sent += answered.len();
            assert!(answered.iter().all(|status| *status == 200), "expiry {expiry}: {answered:?}");
        }
        let answers =
            all_at_once([&world, &beside], |instance| instance.mcp_request("/own").bearer_auth(&of_own).send());
        // Nobody listens there: what counts is that there was a token.
        assert_eq!(statuses(&answers.await), BTreeMap::from([(502, AT_ONCE)]), "expiry {expiry}");

        let mut counts = BTreeMap::<String, usize>::new();
        for received in service.asked() {
            let whose = match received.field("subject_token") {
                Some(token) => TokenService::claims(&token)["sub"].to_string(),
                None => "the gateway".to_owned(),
            };
            *counts.entry(whose).or_default() += 1;
        }
        assert_eq!(counts.len(), USERS + 1, "expiry {expiry}: {counts:?}");
        assert!(counts.values().all(|count| *count == 1), "expiry {expiry}: {counts:?}");
        world.gatehouse.clock.advance(TOKEN_SECONDS + 1);
    }
    assert_eq!(sent as u64, 10_000);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}
