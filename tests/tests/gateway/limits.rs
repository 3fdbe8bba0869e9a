//! Limits at, below and past the edge, at two instances that share a store.

use std::collections::BTreeMap;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, raw};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::echoing_upstream::EchoingUpstream;
use crate::isolation::User;
use crate::mcp::{Era, in_session, request, send};

/// Two instances, before an upstream with one route for each of these tables.
struct Two {
    upstream: EchoingUpstream,
    instances: [AttackWorld; 2],
}

impl Two {
    async fn start(routes: &[(&str, &str)]) -> Self {
        let upstream = EchoingUpstream::start().await;
        let tables = routes.iter().map(|(path, lines)| upstream.route(path, lines)).collect();
        let world = AttackWorld::start_with(AttackSettings { tables, ..AttackSettings::default() }).await;
        let beside = world.beside().await;
        Self { upstream, instances: [world, beside] }
    }

    async fn sign_in(&self, path: &str, name: &str) -> User {
        User::sign_in(&self.instances[0], path, name).await
    }

    /// The user's requests at one instance after the other.
    async fn ask(&self, user: &User, path: &str, number: usize, message: &Value) -> Answer {
        Answer::of(send(user.at(&self.instances[number % 2], path).post(message)).await).await
    }

    fn advance(&self, seconds: u64) {
        self.instances[0].gatehouse.clock.advance(seconds);
    }

    async fn stop(self) {
        for instance in self.instances {
            instance.gatehouse.stop().await;
        }
    }
}

fn ping() -> Value {
    request("ping", &json!({}))
}

fn call(tool: &str) -> Value {
    request("tools/call", &json!({ "name": tool, "arguments": {} }))
}

/// 429 with all that says when to come again.
fn assert_exceeded(answer: &Answer, path: &str, policy: &str, quota: u32) -> u64 {
    assert_eq!(answer.status, 429, "{answer:?}");
    let body = answer.json();
    assert_eq!(
        (&body["id"], &body["error"]["message"]),
        (&json!(null), &json!(format!("Too many requests at {path}")))
    );
    let policies = answer.header("ratelimit-policy");
    assert!(policies.contains(&format!("\"{policy}\";q={quota};w=3600")), "{policies}");
    assert!(answer.header("ratelimit").contains(&format!("\"{policy}\";r=0;t=")), "{answer:?}");
    let seconds = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=7200).contains(&seconds), "{answer:?}");
    seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_lets_through_what_it_says_and_no_more_wherever_the_requests_come_in() {
    let rate = |per: &str| format!("rates = [{{ per = \"{per}\", requests = 5, seconds = 3600 }}]");
    let rates = [rate("subject"), rate("client"), rate("route")];
    let tools = "rates = [{ per = \"tool\", tools = [\"write_*\"], requests = 5, seconds = 3600 }]";
    let two = Two::start(&[
        ("/by-subject", &rates[0]),
        ("/by-client", &rates[1]),
        ("/by-route", &rates[2]),
        ("/by-tool", tools),
    ])
    .await;

    // Below and at the edge; the sixth is past it.
    let (alice, bob) = (two.sign_in("/by-subject", "alice").await, two.sign_in("/by-subject", "bob").await);
    for number in 0..5 {
        let answer = two.ask(&alice, "/by-subject", number, &ping()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("ratelimit-policy"), "\"subject\";q=5;w=3600");
        let left = format!("\"subject\";r={};t=", 4 - number);
        assert!(answer.header("ratelimit").starts_with(&left), "{left}: {answer:?}");
    }
    let seen = two.upstream.requests();
    let mut wait = 0;
    for number in 0..4 {
        wait = assert_exceeded(&two.ask(&alice, "/by-subject", number, &ping()).await, "/by-subject", "subject", 5);
    }
    assert_eq!(two.upstream.requests(), seen, "the upstream was asked");
    for number in 0..5 {
        assert_eq!(two.ask(&bob, "/by-subject", number, &ping()).await.status, 200, "bob has a rate of his own");
    }
    // When it is time again, it is; what was refused did not count.
    two.advance(wait);
    let alice = two.sign_in("/by-subject", "alice").await;
    assert_eq!(two.ask(&alice, "/by-subject", 1, &ping()).await.status, 200);

    // A client's users share, and so does everybody at a route.
    for (path, policy) in [("/by-client", "client"), ("/by-route", "route")] {
        let (alice, bob) = (two.sign_in(path, "alice").await, two.sign_in(path, "bob").await);
        for number in 0..5 {
            let user = if number % 2 == 0 { &alice } else { &bob };
            assert_eq!(two.ask(user, path, number / 2, &ping()).await.status, 200, "{path}");
        }
        for user in [&alice, &bob] {
            assert_exceeded(&two.ask(user, path, 0, &ping()).await, path, policy, 5);
        }
    }

    // Each tool by itself; what is no such tool is not counted.
    let alice = two.sign_in("/by-tool", "alice").await;
    for tool in ["write_a", "write_b"] {
        for number in 0..5 {
            assert_eq!(two.ask(&alice, "/by-tool", number, &call(tool)).await.status, 200, "{tool}");
        }
        let answer = two.ask(&alice, "/by-tool", 1, &call(tool)).await;
        assert_eq!((answer.status, answer.header("retry-after").is_empty()), (429, false), "{answer:?}");
    }
    for number in 0..10 {
        assert_eq!(two.ask(&alice, "/by-tool", number, &call("read")).await.status, 200);
    }
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_requests_at_once_at_two_instances_as_many_pass_as_the_rate_says() {
    const PATH: &str = "/rated";
    const PASS: usize = 20;
    let two = Two::start(&[(PATH, "rates = [{ per = \"subject\", requests = 20, seconds = 3600 }]")]).await;
    let alice = two.sign_in(PATH, "alice").await;
    let mut asked = JoinSet::new();
    for number in 0..64 {
        let post = alice.at(&two.instances[number % 2], PATH).post(&ping());
        asked.spawn(async move { send(post).await.status().as_u16() });
    }
    let mut statuses = BTreeMap::<u16, usize>::new();
    asked.join_all().await.into_iter().for_each(|status| *statuses.entry(status).or_default() += 1);
    // Whoever is over takes his own increment back: for that moment another one may be refused as well, never let in.
    let passed = statuses.get(&200).copied().unwrap_or_default();
    assert!(passed <= PASS && passed > 0, "{statuses:?}");
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [200, 429]);
    for number in passed..PASS {
        assert_eq!(two.ask(&alice, PATH, number, &ping()).await.status, 200, "{number}");
    }
    assert_eq!(two.ask(&alice, PATH, 0, &ping()).await.status, 429);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_has_as_many_streams_as_are_allowed_at_all_instances_together() {
    const PATH: &str = "/streams";
    let two = Two::start(&[(PATH, "[routes.limits]\nstreams_per_subject = 3")]).await;
    let (alice, bob) = (two.sign_in(PATH, "alice").await, two.sign_in(PATH, "bob").await);
    let sessions = [alice.initialize().await, alice.initialize().await];
    let session = alice.initialize().await;
    let mut open = Vec::new();
    for (number, (era, key)) in
        [(Era::Sessions, sessions[0].as_str()), (Era::Stateless, "a"), (Era::Sessions, &sessions[1])]
            .into_iter()
            .enumerate()
    {
        let mut answer = alice.at(&two.instances[number % 2], PATH).listen(era, key).await;
        assert_eq!(answer.status(), 200);
        answer.chunk().await.expect("an unbroken stream").expect("an event");
        open.push(answer);
    }
    let seen = two.upstream.requests();
    for number in 0..4 {
        let alice = alice.at(&two.instances[number % 2], PATH);
        let key = if number < 2 { session.as_str() } else { "b" };
        let era = if number < 2 { Era::Sessions } else { Era::Stateless };
        let answer = Answer::of(alice.listen(era, key).await).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.json()["error"]["message"], "More than the 3 open streams allowed at /streams");
    }
    assert_eq!(two.upstream.requests(), seen, "the upstream was asked");
    // Other requests go on, and other people have their own.
    assert_eq!(send(in_session(alice.post(&ping()), &session)).await.status(), 200);
    let his = bob.initialize().await;
    assert_eq!(bob.listen(Era::Sessions, &his).await.status(), 200);

    // A stream that is over makes room, at the other instance too, as soon as the gateway has noticed.
    drop(open.remove(0));
    let noticed = async {
        loop {
            let answer = alice.at(&two.instances[1], PATH).listen(Era::Stateless, "c").await;
            if answer.status() == 200 {
                break answer;
            }
        }
    };
    let answer = tokio::time::timeout(core::time::Duration::from_secs(60), noticed).await.expect("room for a stream");
    drop((answer, open));
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_it_has_been_silent_or_open_for_long_enough() {
    let limits = |lines: &str| format!("[routes.limits]\n{lines}");
    let two = Two::start(&[("/idle", &limits("stream_idle = 1")), ("/total", &limits("stream_total = 1"))]).await;
    for path in ["/idle", "/total"] {
        let alice = two.sign_in(path, "alice").await;
        let session = alice.initialize().await;
        let answer = alice.listen(Era::Sessions, &session).await;
        assert_eq!(answer.status(), 200);
        let whole = tokio::time::timeout(core::time::Duration::from_secs(60), answer.text()).await;
        let whole = whole.expect("the stream ends").expect("it ends well");
        assert!(whole.contains("test:alice"), "{path}: {whole}");
    }
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn size_depth_and_number_of_headers_are_allowed_up_to_the_limit() {
    const PATH: &str = "/limited";
    let limits = "[routes.limits]\nrequest_bytes = 2000\njson_depth = 8\nheaders = 20";
    let two = Two::start(&[(PATH, limits)]).await;
    let alice = two.sign_in(PATH, "alice").await;
    // The message and `params` are the first two levels.
    let nested = |depth: usize| {
        let inner = (2..depth)
            .fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) });
        request("ping", &json!({ "a": inner }))
    };
    let sized = |bytes: usize| {
        let empty = request("ping", &json!({ "a": "" })).to_string().len();
        request("ping", &json!({ "a": "x".repeat(bytes - empty) }))
    };
    for number in 0..2 {
        for (message, status) in [
            (nested(7), 200),
            (nested(8), 200),
            (nested(9), 400),
            (nested(100), 400),
            (sized(1999), 200),
            (sized(2000), 200),
            (sized(2001), 413),
            (sized(100_000), 413),
        ] {
            let seen = two.upstream.requests();
            let answer = two.ask(&alice, PATH, number, &message).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(two.upstream.requests() - seen, usize::from(status == 200), "{answer:?}");
        }
        for (headers, status) in [(19, 200), (20, 200), (21, 431), (90, 431)] {
            let seen = two.upstream.requests();
            let instance = &two.instances[number].gatehouse.url;
            let answer = raw(instance, &with_headers(&alice, headers)).await;
            assert_eq!(answer.status, Some(status), "{headers}: {}", answer.text);
            assert_eq!(two.upstream.requests() - seen, usize::from(status == 200), "{headers}");
        }
    }
    two.stop().await;
}

/// A ping with so many header fields, and one for the connection, which ends at the host.
fn with_headers(user: &User, count: usize) -> Vec<u8> {
    let built = user.ask(Method::POST).build().expect("a request");
    let token = built.headers()["authorization"].to_str().expect("text").to_owned();
    let body = ping().to_string();
    let mut lines = vec![
        "host: gatehouse".to_owned(),
        "connection: close".to_owned(),
        "content-type: application/json".to_owned(),
        "accept: application/json, text/event-stream".to_owned(),
        format!("authorization: {token}"),
        format!("content-length: {}", body.len()),
    ];
    lines.extend((lines.len() - 1..count).map(|number| format!("x-{number}: 1")));
    assert_eq!(lines.len(), count + 1);
    format!("POST {} HTTP/1.1\r\n{}\r\n\r\n{body}", built.url().path(), lines.join("\r\n")).into_bytes()
}
