//! What is checked on each host.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse_tests::storm::silent_server;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, HostKind, Person, Step, StoreKind, text};
use tokio::task::JoinSet;

use crate::{backend, isolation, streams};

/// So often what must happen once is raced for.
const ROUNDS: usize = 50;
/// The same in short. The document says what the long form has shown.
const ROUNDS_IN_SHORT: usize = 5;
/// Set for the long form; a table is never written in short.
const LONG: [&str; 2] = ["GATEHOUSE_HOSTS_LONG", "GATEHOUSE_WRITE_TABLES"];
const AT_ONCE: usize = 64;

/// The rate of the route `/mcp`, and how many come at once.
const ALLOWED: usize = 5;
const REQUESTS: usize = 32;

fn rounds() -> usize {
    let is_long = LONG.iter().any(|variable| std::env::var_os(variable).is_some());
    if is_long { ROUNDS } else { ROUNDS_IN_SHORT }
}

/// The cells of a host's row.
pub(crate) async fn all(host: HostKind) -> Vec<String> {
    let rates = format!("rates = [{{ per = \"subject\", requests = {ALLOWED}, seconds = 3600 }}]");
    let world =
        AttackWorld::start_with(AttackSettings { host: Some(host), mcp_lines: rates, ..AttackSettings::default() })
            .await;
    // A store in the host's own memory is that of one host.
    let beside = match has_one_instance(host) {
        true => None,
        false => Some(world.beside().await),
    };
    let instances = [&world, beside.as_ref().unwrap_or(&world)];
    let mut cells = vec![signs_in(&world).await];
    backend::is_found_out(&world, host).await;
    cells.push(redemptions(instances).await);
    cells.push(refreshes(instances).await);
    cells.push(rate(instances, false).await);
    cells.push(rate(instances, true).await);
    cells.push(without_store(&world, host).await);
    if let Some(beside) = beside {
        beside.gatehouse.stop().await;
    }
    world.gatehouse.stop().await;
    cells.extend(without_rates(host).await);
    cells
}

/// What a rate would disturb.
async fn without_rates(host: HostKind) -> [String; 3] {
    let settings = AttackSettings {
        host: Some(host),
        top: streams::top(host),
        tables: streams::route(&silent_server().await, host),
        mcp_lines: "subject_header = \"x-subject\"".to_owned(),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    let beside = match has_one_instance(host) {
        true => None,
        false => Some(world.beside().await),
    };
    let users = isolation::of_users([&world, beside.as_ref().unwrap_or(&world)]).await;
    if let Some(beside) = beside {
        beside.gatehouse.stop().await;
    }
    let cells = [users, isolation::of_requests(&world, host).await, streams::stay_open(&world, host).await];
    world.gatehouse.stop().await;
    cells
}

fn has_one_instance(host: HostKind) -> bool {
    match host {
        HostKind::Embedded
        | HostKind::EmbeddedRedis
        | HostKind::EmbeddedRedisBehindProxy
        | HostKind::EmbeddedProcess
        | HostKind::EmbeddedProcessUnder(_)
        | HostKind::SpinRedis
        | HostKind::Released(_) => false,
        HostKind::Spin => true,
        HostKind::Wash(store) => store == StoreKind::Memory,
    }
}

/// What stands behind a number that one instance alone has counted.
pub(crate) fn of(instances: [&AttackWorld; 2]) -> &'static str {
    if std::ptr::eq(instances[0], instances[1]) { " (one instance)" } else { "" }
}

/// Everybody at once, each at one of the instances in turn; how many got which status, and the answers.
pub(crate) async fn all_at_once<Asked>(
    instances: &[&AttackWorld],
    number: usize,
    ask: impl Fn(&AttackWorld) -> Asked,
) -> (BTreeMap<u16, usize>, Vec<Answer>)
where
    Asked: Future<Output = reqwest::Result<reqwest::Response>> + Send + 'static,
{
    let mut asked = JoinSet::new();
    for number in 0..number {
        let answer = ask(instances[number % instances.len()]);
        asked.spawn(async move { Answer::of(answer.await.expect("an answer")).await });
    }
    let answers = asked.join_all().await;
    let mut counts = BTreeMap::new();
    answers.iter().for_each(|answer| *counts.entry(answer.status).or_default() += 1);
    (counts, answers)
}

async fn signs_in(world: &AttackWorld) -> String {
    let tokens = world.flow_of(&Person::new("alice"), world.public(), "/other").finish().await;
    let token = text(&tokens, "access_token");
    assert_eq!(world.call("/other", &token).await.status, 200);
    assert_eq!(world.call("/mcp", &token).await.status, 401, "a token is for one server");
    let refreshed = world.refresh(&world.public(), &text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed.status, 200);
    assert_eq!(world.call("/other", &text(&refreshed.json(), "access_token")).await.status, 200);
    assert_eq!(world.call("/other", &gatehouse_tests::flipped(&token, token.len() / 2)).await.status, 401);
    "yes".to_owned()
}

async fn redemptions(instances: [&AttackWorld; 2]) -> String {
    let alice = Person::new("alice");
    for round in 0..rounds() {
        let mut flow = instances[0].flow(&alice);
        flow.to(Step::Answered).await;
        let mut form = flow.redemption();
        form.push(("client_id".to_owned(), flow.client.client_id.clone()));
        let (statuses, _) = all_at_once(&instances, AT_ONCE, |instance| instance.form("/token", &form).send()).await;
        assert_eq!(statuses, BTreeMap::from([(200, 1), (400, AT_ONCE - 1)]), "round {round}");
    }
    format!("1 succeeds, {ROUNDS} times{}", of(instances))
}

async fn refreshes(instances: [&AttackWorld; 2]) -> String {
    let client = instances[0].other();
    let bob = Person::new("bob");
    let flow = instances[0].flow_of(&bob, client.clone(), "/other");
    let mut tokens = flow.finish().await;
    for round in 0..rounds() {
        let refresh_token = text(&tokens, "refresh_token");
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
            ("client_id", client.client_id.as_str()),
        ];
        let (statuses, answers) =
            all_at_once(&instances, AT_ONCE, |instance| instance.form("/token", &form).send()).await;
        assert_eq!(statuses, BTreeMap::from([(200, AT_ONCE)]), "round {round}");
        // One lineage: whichever of the twins a client kept, it works, and it goes on with it.
        for answer in &answers {
            let token = text(&answer.json(), "access_token");
            assert_eq!(instances[1].call("/other", &token).await.status, 200, "round {round}");
        }
        tokens = answers[(round * 7) % AT_ONCE].json();
    }
    format!("one successor, {ROUNDS} times{}", of(instances))
}

/// Also where all of them are the first of their window, so that nothing is counted yet.
async fn rate(instances: [&AttackWorld; 2], alone_first: bool) -> String {
    for round in 0..rounds() {
        let person = Person::new(&format!("rated-{alone_first}-{round}"));
        let tokens = instances[0].flow(&person).finish().await;
        let token = text(&tokens, "access_token");
        let call = |instance: &AttackWorld| instance.mcp_request("/mcp").bearer_auth(&token).send();
        let before = if alone_first { all_at_once(&instances, 1, call).await.0 } else { BTreeMap::new() };
        let (statuses, _) = all_at_once(&instances, REQUESTS, call).await;
        let count = |statuses: &BTreeMap<u16, usize>, status| statuses.get(&status).copied().unwrap_or(0);
        let within = count(&statuses, 200);
        assert_eq!(count(&statuses, 429), REQUESTS - within, "round {round}: {statuses:?}");
        let within = within + count(&before, 200);
        assert_eq!(within, ALLOWED, "round {round}");
    }
    format!("exactly {ALLOWED} pass, {ROUNDS} times{}", of(instances))
}

/// Until a host must have said that its store is gone. A Spin waits for its Redis for as long as that takes.
const WITHOUT_STORE: Duration = Duration::from_secs(30);

/// Only where the store is a server of its own. What Redis held is gone with it, so somebody else signs in afterwards.
async fn without_store(world: &AttackWorld, host: HostKind) -> String {
    let Some(server) = world.gatehouse.store_server().filter(|server| server.process_id().is_some()) else {
        return "–".to_owned();
    };
    let sign_in = async |name: &str| {
        let tokens = world.flow_of(&Person::new(name), world.public(), "/other").finish().await;
        text(&tokens, "access_token")
    };
    let token = sign_in("carol").await;
    assert_eq!(world.call("/other", &token).await.status, 200);
    server.stop().await;
    let refused = match tokio::time::timeout(WITHOUT_STORE, world.call("/other", &token)).await {
        Ok(answer) => {
            assert!(answer.status >= 500, "{answer:?}");
            answer.status.to_string()
        }
        Err(_) => {
            assert_eq!(host, HostKind::SpinRedis, "no answer within {WITHOUT_STORE:?}");
            "no answer".to_owned()
        }
    };
    assert_eq!(world.get("/healthz").await.status, 200);
    server.start_again().await;
    assert_eq!(world.call("/other", &sign_in("dave").await).await.status, 200);
    format!("{refused}; then all works again")
}
