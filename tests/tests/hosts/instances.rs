//! Three instances of the embedded host over one Redis, behind a balancer that gives each request to the next one.

use std::collections::BTreeMap;

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{
    AttackSettings, AttackWorld, Endpoint, HeldPort, HostKind, Person, RoundRobin, Step, http, text,
};
use serde_json::{Value, json};

use crate::checks::all_at_once;

const ROUNDS: usize = 10;
const AT_ONCE: usize = 64;
const INSTANCES: usize = 3;

/// The instances, and what is in front of them.
struct Cluster {
    /// Reached through the balancer.
    world: AttackWorld,
    /// Each instance, reached directly.
    origins: [String; INSTANCES],
    others: Vec<AttackWorld>,
    balancer: RoundRobin,
}

impl Cluster {
    /// Starts them; nothing where there is no Redis on this machine.
    async fn start(settings: AttackSettings) -> Option<Self> {
        let host = HostKind::EmbeddedRedis;
        if !host.is_installed() {
            return None;
        }
        let front = HeldPort::take();
        let public_url = format!("http://127.0.0.1:{}", front.number());
        let settings = AttackSettings { host: Some(host), public_url: Some(public_url.clone()), ..settings };
        let mut world = AttackWorld::start_with(settings).await;
        let others = vec![world.beside().await, world.beside().await];
        let origins = [&world, &others[0], &others[1]].map(|instance| instance.gatehouse.url.clone());
        let balancer = RoundRobin::start(front, &[&origins[0], &origins[1], &origins[2]]);
        world.gatehouse.url = public_url;
        Some(Self { world, origins, others, balancer })
    }

    /// The statuses of an MCP request with this token at each instance.
    async fn calls(&self, token: &str) -> [u16; INSTANCES] {
        let mut statuses = [0; INSTANCES];
        for (origin, status) in self.origins.iter().zip(&mut statuses) {
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
            let call = http().post(format!("{origin}/mcp")).header("content-type", "application/json").body(message);
            let call = call.header("accept", "application/json, text/event-stream").bearer_auth(token);
            *status = call.send().await.expect("an answer").status().as_u16();
        }
        statuses
    }

    async fn stop(self) {
        for other in self.others {
            other.gatehouse.stop().await;
        }
        self.world.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_whose_every_request_reaches_another_instance_is_as_one_at_a_single_one() {
    let Some(cluster) = Cluster::start(AttackSettings::default()).await else { return };
    let world = &cluster.world;
    let client = world.registered("https://client.example/callback").await;
    let alice = Person::new("alice");
    let tokens = world.flow_of(&alice, client.clone(), "/mcp").finish().await;
    let served = cluster.balancer.served();
    let steps: Vec<&str> = served.iter().map(|served| served.what.as_str()).collect();
    assert_eq!(steps, ["POST /register", "GET /authorize", "POST /consent", "GET /callback", "POST /token"]);
    let instances: Vec<usize> = served.iter().map(|served| served.instance).collect();
    assert_eq!(instances, [0, 1, 2, 0, 1]);

    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert_eq!(cluster.calls(&access).await, [200; INSTANCES]);
    let refreshed = world.refresh(&client, &refresh).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let next = text(&refreshed.json(), "access_token");
    assert_eq!(cluster.calls(&next).await, [200; INSTANCES]);

    // What one instance takes back is taken back everywhere, at once.
    let form = [("token".to_owned(), text(&refreshed.json(), "refresh_token"))];
    assert_eq!(world.as_client(&client, "/revoke", &form).await.status, 200);
    assert_eq!(cluster.calls(&next).await, [401; INSTANCES]);
    for _ in 0..INSTANCES {
        assert_eq!(world.refresh(&client, &text(&refreshed.json(), "refresh_token")).await.status, 400);
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_its_user_ends_is_over_at_every_instance_at_once() {
    let Some(cluster) = Cluster::start(AttackSettings::default()).await else { return };
    let world = &cluster.world;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Redeemed).await;
    let tokens = flow.tokens.clone().expect("tokens");
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    // A used refresh token, long after its successor, ends the session.
    let refreshed = world.refresh(&flow.client, &refresh).await.json();
    world.gatehouse.clock.advance(31);
    let again = world.refresh(&flow.client, &refresh).await;
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(cluster.calls(&access).await, [401; INSTANCES]);
    assert_eq!(cluster.calls(&text(&refreshed, "access_token")).await, [401; INSTANCES]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_redemptions_and_refreshes_at_three_instances_there_is_one_success_and_one_lineage() {
    let Some(cluster) = Cluster::start(AttackSettings::default()).await else { return };
    let (world, alice) = (&cluster.world, Person::new("alice"));
    for round in 0..ROUNDS {
        let mut flow = world.flow(&alice);
        flow.to(Step::Answered).await;
        let mut form = flow.redemption();
        form.push(("client_id".to_owned(), flow.client.client_id.clone()));
        let (statuses, _) = all_at_once(&[&cluster.world], AT_ONCE, |world| world.form("/token", &form).send()).await;
        assert_eq!(statuses, BTreeMap::from([(200, 1), (400, AT_ONCE - 1)]), "round {round}");
    }
    let (client, bob) = (world.other(), Person::new("bob"));
    let mut tokens = world.flow_of(&bob, client.clone(), "/other").finish().await;
    for round in 0..ROUNDS {
        let refresh = text(&tokens, "refresh_token");
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
            ("client_id", client.client_id.as_str()),
        ];
        let (statuses, answers) =
            all_at_once(&[&cluster.world], AT_ONCE, |world| world.form("/token", &form).send()).await;
        assert_eq!(statuses, BTreeMap::from([(200, AT_ONCE)]), "round {round}");
        for answer in &answers {
            assert_eq!(world.call("/other", &text(&answer.json(), "access_token")).await.status, 200, "round {round}");
        }
        tokens = answers[(round * 7) % AT_ONCE].json();
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_requests_at_once_at_three_instances_exactly_as_many_pass_as_the_rate_allows() {
    const ALLOWED: usize = 5;
    const REQUESTS: usize = 32;
    let rates = format!("rates = [{{ per = \"subject\", requests = {ALLOWED}, seconds = 3600 }}]");
    let settings = AttackSettings { mcp_lines: rates, ..AttackSettings::default() };
    let Some(cluster) = Cluster::start(settings).await else { return };
    for round in 0..ROUNDS {
        let tokens = cluster.world.flow(&Person::new(&format!("rated-{round}"))).finish().await;
        let token = text(&tokens, "access_token");
        let call = |world: &AttackWorld| world.mcp_request("/mcp").bearer_auth(&token).send();
        let (statuses, _) = all_at_once(&[&cluster.world], REQUESTS, call).await;
        assert_eq!(statuses, BTreeMap::from([(200, ALLOWED), (429, REQUESTS - ALLOWED)]), "round {round}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_calls_at_three_instances_one_refreshes_the_providers_token_and_all_use_it() {
    const PROVIDER_TOKEN_SECONDS: u64 = 120;
    let settings = AttackSettings {
        mcp_lines: "identity_provider_token_header = \"authorization\"".to_owned(),
        ..AttackSettings::default()
    };
    let Some(cluster) = Cluster::start(settings).await else { return };
    let world = &cluster.world;
    world.provider().script(|script| script.access_token_seconds = PROVIDER_TOKEN_SECONDS);
    let alice = Person::new("alice");
    for round in 0..ROUNDS {
        let token = text(&world.flow(&alice).finish().await, "access_token");
        world.gatehouse.clock.advance(PROVIDER_TOKEN_SECONDS + 1);
        let (refreshes, asked) = (world.provider().refreshes().len(), world.upstream.requests().len());
        let call = |world: &AttackWorld| world.mcp_request("/mcp").bearer_auth(&token).send();
        let (statuses, _) = all_at_once(&[&cluster.world], AT_ONCE, call).await;
        assert_eq!(statuses, BTreeMap::from([(200, AT_ONCE)]), "round {round}");
        assert_eq!(world.provider().refreshes().len() - refreshes, 1, "round {round}: refreshes at the provider");
        let expected = format!("Bearer {}", world.provider().last_access_token());
        for request in &world.upstream.requests()[asked..] {
            assert_eq!(request.header("authorization"), expected, "round {round}");
        }
    }
    cluster.stop().await;
}

/// The stream is open at one instance, and what is posted comes in at the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_2024_11_05_posts_to_other_instances_than_the_one_that_has_its_stream() {
    let Some(cluster) = Cluster::start(AttackSettings::default()).await else { return };
    let world = &cluster.world;
    let token = text(&world.flow(&Person::new("alice")).finish().await, "access_token");
    let events = http().get(world.url("/mcp/sse")).bearer_auth(&token).header("accept", "text/event-stream");
    let mut stream = events.send().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    let mut unread = String::new();
    let mut next_event = async || loop {
        while let Some((event, rest)) = unread.clone().split_once("\n\n") {
            rest.clone_into(&mut unread);
            let data: Vec<_> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            if !data.is_empty() {
                return data.join("\n");
            }
        }
        let piece = stream.chunk().await.expect("an unbroken stream").expect("the stream goes on");
        unread.push_str(core::str::from_utf8(&piece).expect("UTF-8"));
    };
    let endpoint = world.url(&next_event().await);
    for id in 1..=2 * INSTANCES {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string();
        let post = http().post(&endpoint).bearer_auth(&token).header("content-type", "application/json").body(message);
        assert_eq!(post.send().await.expect("an answer").status(), 202);
        let answer: Value = serde_json::from_str(&next_event().await).expect("JSON");
        assert!(answer["result"].is_object(), "{answer}");
    }
    let posted = cluster.balancer.served();
    let posted: std::collections::BTreeSet<usize> =
        posted.iter().filter(|served| served.what == "POST /mcp/message").map(|served| served.instance).collect();
    assert_eq!(posted.len(), INSTANCES, "each instance took some");
    drop(stream);
    cluster.stop().await;
}

/// What one instance has read of the provider counts for all of them, and for no longer than an hour where the provider does not
/// say for how long.
#[tokio::test(flavor = "multi_thread")]
async fn the_providers_documents_are_read_once_for_all_instances_and_its_new_key_counts_at_once() {
    let Some(cluster) = Cluster::start(AttackSettings::default()).await else { return };
    let world = &cluster.world;
    let sign_in = async |name: &str| drop(world.flow(&Person::new(name)).finish().await);
    let asked = || [Endpoint::Discovery, Endpoint::Keys].map(|endpoint| world.provider().count(endpoint));
    for number in 0..2 * INSTANCES {
        sign_in(&format!("before-{number}")).await;
    }
    assert_eq!(asked(), [1, 1]);
    // None of them has ever seen the key that signs now.
    world.provider().script(|script| {
        script.keys = vec![SigningKey::OtherRsa.jwk()];
        script.id_token(|claims| SigningKey::OtherRsa.sign(claims));
    });
    world.gatehouse.clock.advance(120);
    for number in 0..2 * INSTANCES {
        sign_in(&format!("after-{number}")).await;
    }
    assert_eq!(asked(), [1, 2]);
    world.gatehouse.clock.advance(3600);
    for number in 0..2 * INSTANCES {
        sign_in(&format!("later-{number}")).await;
    }
    assert_eq!(asked(), [2, 3]);
    cluster.stop().await;
}
