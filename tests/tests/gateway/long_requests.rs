//! Requests that last, at two instances that share a store: users and routes do not hurt each other.

use std::collections::BTreeMap;

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{Answer, AttackSettings, AttackWorld, TestIssuer, http, snapshot};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::echoing_upstream::EchoingUpstream;
use crate::isolation::User;
use crate::mcp::{Era, in_session, request, send};

const PATH: &str = "/slow";
const OTHER: &str = "/other-slow";

struct Two {
    upstream: EchoingUpstream,
    instances: [AttackWorld; 2],
}

impl Two {
    /// Two routes with the same limits.
    async fn start(limits: &str, top: &str) -> Self {
        let upstream = EchoingUpstream::start().await;
        let lines = format!("[routes.limits]\n{limits}");
        let tables = upstream.route(PATH, &lines) + &upstream.route(OTHER, &lines);
        let settings = AttackSettings { tables, top: top.to_owned(), ..AttackSettings::default() };
        let world = AttackWorld::start_with(settings).await;
        let beside = world.beside().await;
        Self { upstream, instances: [world, beside] }
    }

    async fn sign_in(&self, path: &str, name: &str) -> User {
        User::sign_in(&self.instances[0], path, name).await
    }

    /// A call that takes its time, at one of the instances.
    fn call(&self, user: &User, path: &str, number: usize) -> JoinHandle<Answer> {
        let post = user.at(&self.instances[number % 2], path).post(&wait());
        tokio::spawn(async move { Answer::of(send(post).await).await })
    }

    /// Waits until so many requests have a place. Where nobody has one, there is also no note any more that all are taken.
    async fn taken(&self, places: i64) {
        let taken = async {
            while self.counts().await != 4 * places || (places == 0 && self.has_notes().await) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(core::time::Duration::from_secs(60), taken).await.expect("so many places in time");
    }

    /// What the requests that have a place count, each four times in a minute: for its subject at the route and at all, for its
    /// route and for all. The counters change one after the other.
    async fn counts(&self) -> i64 {
        let mut minutes = BTreeMap::<u64, i64>::new();
        // An entry ends with the minute after its own. Who leaves does not look at minutes that are over.
        let end_of_current = (self.instances[0].now() / 60 + 2) * 60;
        for (name, value) in snapshot(&self.instances[0].gatehouse.state_directory()).await {
            let parts: Vec<_> = name.split('.').collect();
            let sign = match parts[0] {
                "places" => 1,
                "places-left" => -1,
                _ => continue,
            };
            let end = parts[1].parse().expect("a time");
            let count = i64::from_le_bytes(value.try_into().expect("a counter"));
            if end >= end_of_current {
                *minutes.entry(end).or_default() += sign * count;
            }
        }
        minutes.into_values().max().unwrap_or_default()
    }

    async fn has_notes(&self) -> bool {
        has_notes(&self.instances[0]).await
    }

    async fn stop(self) {
        self.upstream.release();
        for instance in self.instances {
            instance.gatehouse.stop().await;
        }
    }
}

/// Whether a note says that somebody's places are all taken. One that has ended may still be in the store.
async fn has_notes(world: &AttackWorld) -> bool {
    let now = world.now();
    let entries = snapshot(&world.gatehouse.state_directory()).await;
    let end = |name: &str| name.strip_prefix("calls-full.")?.split('.').next()?.parse::<u64>().ok();
    entries.iter().any(|(name, _)| end(name).is_some_and(|end| end > now))
}

fn wait() -> Value {
    request("tools/call", &json!({ "name": "wait", "arguments": {} }))
}

fn quick() -> Value {
    request("tools/call", &json!({ "name": "quick", "arguments": {} }))
}

fn is_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json()["error"]["message"], message);
    assert_eq!(answer.header("retry-after"), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_has_as_many_slow_calls_as_are_allowed_at_all_instances_and_hurts_nobody_else() {
    let two = Two::start("calls_per_subject = 3", "").await;
    let (alice, bob) = (two.sign_in(PATH, "alice").await, two.sign_in(PATH, "bob").await);
    let calls: Vec<_> = (0..3).map(|number| two.call(&alice, PATH, number)).collect();
    two.upstream.waits_for(3).await;
    two.taken(3).await;
    // Past the limit: refused at both, and where the note has not just ended, the server is not asked.
    let seen = two.upstream.requests();
    for number in 0..4 {
        let answer = Answer::of(send(alice.at(&two.instances[number % 2], PATH).post(&wait())).await).await;
        is_refused(&answer, 429, "More than the 3 calls at once allowed at /slow");
        assert_eq!(answer.json()["id"], 1);
    }
    let asked = two.upstream.requests() - seen;
    assert!(asked < 4, "the server was asked {asked} times");
    two.upstream.waits_for(3).await;
    two.instances[0].gatehouse.log.wait_for(|line| line.contains("limits.calls_per_subject")).await;

    // Another user, and the same one at another route.
    assert_eq!(send(bob.at(&two.instances[1], PATH).post(&quick())).await.status(), 200);
    let elsewhere = two.sign_in(OTHER, "alice").await;
    assert_eq!(send(elsewhere.at(&two.instances[0], OTHER).post(&quick())).await.status(), 200);
    let his = two.call(&bob, PATH, 0);
    let hers = two.call(&elsewhere, OTHER, 1);
    two.upstream.waits_for(5).await;
    two.taken(5).await;

    // What is over makes room.
    two.upstream.release();
    for call in calls.into_iter().chain([his, hers]) {
        assert_eq!(call.await.expect("no panic").status, 200);
    }
    two.taken(0).await;
    let next = two.call(&alice, PATH, 1);
    two.upstream.waits_for(1).await;
    two.taken(1).await;
    two.upstream.release();
    assert_eq!(next.await.expect("no panic").status, 200);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_gives_its_place_back() {
    let two = Two::start("calls_per_subject = 1", "").await;
    let alice = two.sign_in(PATH, "alice").await;
    let post = alice.at(&two.instances[0], PATH).stateless("tools/call", json!({ "name": "wait", "arguments": {} }));
    // In this era the answer begins by itself, and leaving is cancelling.
    let answer = send(post).await;
    assert_eq!(answer.status(), 200);
    two.taken(1).await;
    drop(answer);
    two.taken(0).await;
    two.upstream.waits_for(0).await;
    let mut next = two.call(&alice, PATH, 1);
    tokio::select! {
        answer = &mut next => panic!("the server was not asked: {answer:?}"),
        () = two.upstream.waits_for(1) => {}
    }
    two.taken(1).await;
    two.upstream.release();
    assert_eq!(next.await.expect("no panic").status, 200);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_leaves_room_for_what_is_short_at_all_routes_together() {
    let two = Two::start("calls_per_subject = 2", "limits = { long_requests = 3 }").await;
    let (alice, bob) = (two.sign_in(PATH, "alice").await, two.sign_in(OTHER, "bob").await);
    let (carol, dave) = (two.sign_in(PATH, "carol").await, two.sign_in(OTHER, "dave").await);
    let session = alice.initialize().await;
    let mut stream = alice.listen(Era::Sessions, &session).await;
    assert_eq!(stream.status(), 200);
    stream.chunk().await.expect("an unbroken stream").expect("an event");
    let calls = [two.call(&carol, PATH, 0), two.call(&bob, OTHER, 1)];
    two.upstream.waits_for(2).await;
    two.taken(3).await;
    // Neither a stream nor a slow call more, of nobody and nowhere.
    let seen = two.upstream.requests();
    for number in 0..2 {
        let listen = dave.at(&two.instances[number], OTHER).listen(Era::Stateless, "b").await;
        is_refused(&Answer::of(listen).await, 503, "Too many requests are under way at this gateway");
    }
    assert_eq!(two.upstream.requests(), seen, "the server was asked");
    let late = two.call(&dave, OTHER, 0).await.expect("no panic");
    is_refused(&late, 503, "Too many requests are under way at this gateway");
    two.upstream.waits_for(2).await;
    // What is short goes on.
    for (user, path) in [(&alice, PATH), (&bob, OTHER)] {
        for number in 0..10 {
            assert_eq!(send(user.at(&two.instances[number % 2], path).post(&quick())).await.status(), 200);
        }
    }
    two.upstream.release();
    for call in calls {
        assert_eq!(call.await.expect("no panic").status, 200);
    }
    drop(stream);
    two.taken(0).await;
    assert_eq!(bob.listen(Era::Stateless, "b").await.status(), 200);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_has_a_quarter_of_all_places_at_all_routes_and_instances_together() {
    const LIMIT: &str = "More than the 2 open streams and calls at once allowed to one user";
    let two = Two::start("calls_per_subject = 9", "limits = { long_requests = 5 }").await;
    let (here, there) = (two.sign_in(PATH, "alice").await, two.sign_in(OTHER, "alice").await);
    let mut stream = here.listen(Era::Stateless, "a").await;
    assert_eq!(stream.status(), 200);
    stream.chunk().await.expect("an unbroken stream").expect("an event");
    let call = two.call(&there, OTHER, 1);
    two.upstream.waits_for(1).await;
    two.taken(2).await;
    for (user, path) in [(&here, PATH), (&there, OTHER)] {
        for number in 0..2 {
            let listen = user.at(&two.instances[number], path).listen(Era::Stateless, "b").await;
            is_refused(&Answer::of(listen).await, 429, LIMIT);
            is_refused(&two.call(user, path, number).await.expect("no panic"), 429, LIMIT);
        }
    }
    two.instances[0].gatehouse.log.wait_for(|line| line.contains("a quarter of limits.long_requests")).await;
    // What is short goes on, and somebody else has his own.
    assert_eq!(send(here.at(&two.instances[1], PATH).post(&quick())).await.status(), 200);
    let bob = two.sign_in(OTHER, "bob").await;
    let his = two.call(&bob, OTHER, 0);
    two.taken(3).await;
    two.upstream.release();
    for call in [call, his] {
        assert_eq!(call.await.expect("no panic").status, 200);
    }
    drop(stream);
    two.taken(0).await;
    assert_eq!(there.listen(Era::Stateless, "c").await.status(), 200);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_call_leaves_the_store_as_it_was() {
    let two = Two::start("calls_per_subject = 3", "").await;
    let alice = two.sign_in(PATH, "alice").await;
    let session = alice.initialize().await;
    let before = snapshot(&two.instances[0].gatehouse.state_directory()).await;
    for number in 0..10 {
        let post = in_session(alice.at(&two.instances[number % 2], PATH).post(&quick()), &session);
        assert_eq!(send(post).await.status(), 200);
    }
    assert_eq!(snapshot(&two.instances[0].gatehouse.state_directory()).await, before);
    two.stop().await;
}

/// Callers of whom the store is asked in another way than of those with tokens of ours, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_a_key_a_foreign_token_or_nothing_is_stopped_before_the_server_is_asked() {
    const KEY: &str = "gatehouse_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    const ADMINISTRATOR: &str = "token-of-an-administrator-5d1f0c7a";
    let (upstream, issuer) = (EchoingUpstream::start().await, TestIssuer::start().await);
    let digest: String = gatehouse_api_keys::digest(KEY).expose().iter().map(|byte| format!("{byte:02x}")).collect();
    let limits = "[routes.limits]\ncalls_per_subject = 1";
    let keys = format!(
        "api_keys = {{ session_pool = \"pool\", administrators = [{{ label = \"operations\", secret = \"administrator_token\" }}], \
         keys = [{{ label = \"robot\", sha256 = \"{digest}\" }}] }}\n{limits}"
    );
    let tokens = format!("tokens = [{{ issuer = \"partner\", audiences = [\"api://one\"] }}]\n{limits}");
    let anybody = format!("unauthenticated = \"allow\"\n{limits}");
    let tables = format!(
        "[[token_issuers]]\nname = \"partner\"\nissuer = \"{}\"\n{}{}{}",
        issuer.origin(),
        upstream.route("/keys", &keys),
        upstream.route("/tokens", &tokens),
        upstream.route("/anybody", &anybody)
    );
    let variables = vec![("administrator_token".to_owned(), ADMINISTRATOR.to_owned())];
    let world = AttackWorld::start_with(AttackSettings { tables, variables, ..AttackSettings::default() }).await;
    let fetch = "/subscriptions/a/resourceGroups/b/providers/Microsoft.App/sessionPools/pool/fetchMCPServerCredentials";
    let fetched = http().post(world.url(fetch)).bearer_auth(ADMINISTRATOR).send().await.expect("an answer");
    let fetched = Answer::of(fetched).await.json()["apiKey"].as_str().expect("a key").to_owned();
    let now = world.now();
    let token = SigningKey::Rsa.sign(&json!({
        "iss": issuer.origin(), "sub": "alice", "aud": "api://one", "client_id": "an-app", "scope": "mcp", "iat": now,
        "exp": now + 3_600,
    }));
    let bearer = format!("Bearer {token}");
    for (path, header) in [
        ("/keys", Some(("x-ms-apikey", KEY))),
        ("/keys", Some(("x-ms-apikey", fetched.as_str()))),
        ("/tokens", Some(("authorization", bearer.as_str()))),
        ("/anybody", None),
    ] {
        let call = |message: &Value| {
            let post = world.mcp_request(path).body(message.to_string());
            header.into_iter().fold(post, |post, (name, value)| post.header(name, value))
        };
        let slow = call(&wait());
        let slow = tokio::spawn(async move { Answer::of(send(slow).await).await });
        upstream.waits_for(1).await;
        let is_noted = async {
            while !has_notes(&world).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(core::time::Duration::from_secs(60), is_noted).await.expect("a note in time");
        let seen = upstream.requests();
        for _ in 0..4 {
            let answer = Answer::of(send(call(&wait())).await).await;
            is_refused(&answer, 429, &format!("More than the 1 calls at once allowed at {path}"));
        }
        // Where the note has just ended, one is let through, and ended after a second.
        let asked = upstream.requests() - seen;
        assert!(asked < 4, "{path} {header:?}: the server was asked {asked} times");
        assert_eq!(send(call(&request("ping", &json!({})))).await.status(), 200, "{path}: what is no call");
        upstream.release();
        assert_eq!(slow.await.expect("no panic").status, 200);
        let is_gone = async {
            while has_notes(&world).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(core::time::Duration::from_secs(60), is_gone).await.expect("no note any more");
    }
    world.gatehouse.stop().await;
}
