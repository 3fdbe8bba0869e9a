//! Redis as the store: slow, cut off, read-only, full, and another one after a failure. A proxy stands before it.

use std::time::Duration;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, HostKind, Person, StoreKind, StoreServer, TcpProxy, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::acts::{Act, Ready, Recovery, assert_works};

/// The hosts that have Redis as their store, through a proxy.
const HOSTS: [HostKind; 2] = [HostKind::EmbeddedRedisBehindProxy, HostKind::Wash(StoreKind::RedisBehindProxy)];

/// No act gets so many answers from Redis.
const MANY: u32 = 200;

const ACTS: [Act; 6] = [Act::Registration, Act::Consent, Act::Callback, Act::Redemption, Act::Refresh, Act::Revocation];

/// One host after the other: a wash compiles the artefact with all processors, and serves all of these.
#[tokio::test(flavor = "multi_thread")]
async fn every_host_over_redis_keeps_what_was_acknowledged_and_grants_nothing_else() {
    for host in HOSTS.into_iter().filter(|host| host.is_installed()) {
        let world = AttackWorld::start_with(AttackSettings { host: Some(host), ..AttackSettings::default() }).await;
        a_slow_redis_makes_requests_slow_and_loses_nothing(&world).await;
        a_connection_that_is_cut_before_any_answer_of_redis_is_503_and_the_request_works_later(&world).await;
        a_redis_that_is_read_only_refuses_what_writes_and_what_reads_goes_on(&world).await;
        a_redis_that_is_full_refuses_what_writes_and_what_reads_goes_on(&world).await;
        while_redis_fails_over_to_its_replica_the_answer_is_503_and_then_everything_is_there(&world).await;
        what_a_lagging_replica_did_not_get_costs_a_refresh_or_a_sign_in(&world).await;
        world.gatehouse.stop().await;
    }
}

fn server(world: &AttackWorld) -> &StoreServer {
    world.gatehouse.store_server().expect("it has a store's server")
}

fn proxy(world: &AttackWorld) -> &TcpProxy {
    server(world).proxy().expect("there is a proxy before it")
}

/// Asks the Redis at this port; the line that it answers.
async fn redis(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("Redis listens");
    stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("Redis reads");
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.expect("Redis answers"));
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}

async fn a_slow_redis_makes_requests_slow_and_loses_nothing(world: &AttackWorld) {
    let alice = Person::new("alice");
    proxy(world).delay(Duration::from_millis(50));
    assert_works(world, &world.public(), &world.flow(&alice).finish().await, "slow").await;
    proxy(world).delay(Duration::ZERO);
}

/// Redis may have done what it was asked: the cut comes before its answer.
async fn a_connection_that_is_cut_before_any_answer_of_redis_is_503_and_the_request_works_later(world: &AttackWorld) {
    let alice = Person::new("alice");
    for act in ACTS {
        let mut recoveries = Vec::new();
        for answers in 0..MANY {
            let what = format!("cut after {answers} answers");
            let mut ready = Ready::for_act(act, world, &alice).await;
            proxy(world).cut_after(answers);
            let answer = Answer::of(ready.request(world).send().await.expect("an answer")).await;
            let has_cut = proxy(world).has_cut();
            if ready.is_done(&answer) {
                ready.finish(world, &answer).await;
                if has_cut {
                    continue;
                }
                break;
            }
            assert!(has_cut, "{act:?}, {what}: nothing was cut, and {answer:?}");
            ready.assert_refused_for_now(&answer, &what);
            ready.assert_nothing_is_lost(world, &what).await;
            recoveries.push(ready.recover(world, &what).await);
        }
        eprintln!("    {act:?}: {recoveries:?}");
        let is_signed_in_anew = recoveries.contains(&Recovery::Anew);
        assert!(!is_signed_in_anew || [Act::Callback, Act::Redemption].contains(&act), "{act:?}: {recoveries:?}");
    }
}

/// What writes is refused and works later, and a token is good all the time.
async fn refuses_what_writes(world: &AttackWorld, break_it: &str, mend_it: &str) {
    let (alice, port) = (Person::new("alice"), server(world).port());
    let token = text(&world.flow(&alice).finish().await, "access_token");
    for act in ACTS {
        let ready = Ready::for_act(act, world, &alice).await;
        assert_eq!(redis(port, break_it).await, "+OK");
        let answer = Answer::of(ready.request(world).send().await.expect("an answer")).await;
        ready.assert_refused_for_now(&answer, break_it);
        assert_eq!(world.call("/mcp", &token).await.status, 200, "{break_it}: what reads goes on");
        assert_eq!(redis(port, mend_it).await, "+OK");
        assert_eq!(ready.recover(world, break_it).await, Recovery::Again, "{act:?}");
    }
}

/// As a replica, whose primary is nowhere.
async fn a_redis_that_is_read_only_refuses_what_writes_and_what_reads_goes_on(world: &AttackWorld) {
    refuses_what_writes(world, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE").await;
}

async fn a_redis_that_is_full_refuses_what_writes_and_what_reads_goes_on(world: &AttackWorld) {
    refuses_what_writes(world, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0").await;
}

/// Another Redis, which has everything that the one before the proxy has, and follows it.
async fn replica(world: &AttackWorld, folder: &std::path::Path) -> StoreServer {
    let replica = StoreServer::start(StoreKind::Redis, folder).await;
    let of = server(world).port();
    assert_eq!(redis(replica.port(), &format!("REPLICAOF 127.0.0.1 {of}")).await, "+OK");
    let follows = async { while redis(of, "WAIT 1 100").await != ":1" {} };
    tokio::time::timeout(Duration::from_secs(60), follows).await.expect("it follows");
    replica
}

async fn while_redis_fails_over_to_its_replica_the_answer_is_503_and_then_everything_is_there(world: &AttackWorld) {
    let folder = tempfile::tempdir().expect("a folder");
    let replica = replica(world, folder.path()).await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    assert_eq!(redis(server(world).port(), "WAIT 1 10000").await, ":1");
    server(world).stop().await;
    let refused = world.call("/mcp", &text(&tokens, "access_token")).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let refused = world.refresh(&world.public(), &text(&tokens, "refresh_token")).await;
    assert_eq!((refused.status, refused.error().as_str()), (503, "temporarily_unavailable"), "{refused:?}");
    assert_eq!(redis(replica.port(), "REPLICAOF NO ONE").await, "+OK");
    proxy(world).lead_to(replica.port());
    assert_works(world, &world.public(), &tokens, "at the replica").await;
    // Everything else goes on at the first one, which is empty.
    server(world).start_again().await;
    proxy(world).lead_to(server(world).port());
}

/// Redis replicates after it has answered.
async fn what_a_lagging_replica_did_not_get_costs_a_refresh_or_a_sign_in(world: &AttackWorld) {
    let folder = tempfile::tempdir().expect("a folder");
    let (alice, client) = (Person::new("alice"), world.public());
    let known = world.flow(&alice).finish().await;
    let replica = replica(world, folder.path()).await;
    assert_eq!(redis(replica.port(), "REPLICAOF NO ONE").await, "+OK");
    let refreshed = world.refresh(&client, &text(&known, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let unknown = world.flow(&alice).finish().await;
    server(world).stop().await;
    proxy(world).lead_to(replica.port());
    // A session that it knows, one refresh further than it knows.
    let refreshed = refreshed.json();
    assert_eq!(world.call("/mcp", &text(&refreshed, "access_token")).await.status, 401);
    let again = world.refresh(&client, &text(&refreshed, "refresh_token")).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_works(world, &client, &again.json(), "one refresh further").await;
    // A session that it never heard of.
    assert_eq!(world.call("/mcp", &text(&unknown, "access_token")).await.status, 401);
    let refused = world.refresh(&client, &text(&unknown, "refresh_token")).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{refused:?}");
    assert_works(world, &client, &world.flow(&alice).finish().await, "a new sign-in").await;
    server(world).start_again().await;
    proxy(world).lead_to(server(world).port());
}
