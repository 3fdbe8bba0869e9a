//! Who makes the store slow, or keeps it from answering, does not make Gatehouse so.

use std::time::Duration;

use gatehouse_host::KeyValueStore;
use gatehouse_storage::Key;
use gatehouse_tests::{AttackWorld, Person, Step};
use rusqlite::Connection;
use serde_json::json;

/// Adds entries that expired long ago, as another process on the same state directory.
async fn add_expired(world: &AttackWorld, count: usize) {
    let store = KeyValueStore::open(&world.gatehouse.state_directory()).unwrap();
    let expiry = world.now() - 600;
    let entries = (0..count).map(|number| (format!("login.{expiry}.{number:043}"), b"x".to_vec())).collect();
    store.set_many("default", entries).await.unwrap();
}

/// Row S2: a sweep that any visitor can begin, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_for_metadata_and_those_that_store_something_sweep_nothing() {
    let world = AttackWorld::start().await;
    add_expired(&world, 500).await;
    let before = world.store().await;
    for _ in 0..1000 {
        assert_eq!(world.get("/.well-known/oauth-authorization-server").await.status, 200);
    }
    assert!(world.store().await == before, "a request removed entries");
    // The host sweeps: a request that writes adds its own entries and removes none.
    let metadata = json!({ "redirect_uris": ["https://client.example/callback"] });
    assert_eq!(world.register(&metadata).await.status, 201);
    let after = world.store().await;
    assert!(before.iter().all(|entry| after.contains(entry)), "a request removed entries");
    assert!(after.iter().all(|(name, _)| !name.starts_with("sweep-")), "a request swept");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_removes_what_has_expired_while_nobody_asks_for_anything() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    add_expired(&world, 1000).await;
    let before = world.store().await;
    // The code has expired by the clock that the tests can move, and five minutes have passed since.
    world.gatehouse.clock.advance(1000);
    let stays = |name: &str| Key::parse(name).is_none_or(|key| world.now() < key.expires_at().plus(300).seconds());
    let (kept, expired): (Vec<_>, Vec<_>) = before.into_iter().partition(|(name, _)| stays(name));
    assert!(expired.iter().any(|(name, _)| name.starts_with("code.")), "{expired:?}");
    let beside = world.beside_adjusted(&[], |options| options.sweep_every = Duration::from_millis(10)).await;
    world.gatehouse.log.wait_for(|line| line.contains("expired entries were removed")).await;
    assert_eq!(world.store().await, kept);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// Row S18: a backup, or somebody with a shell, holds the database's lock.
#[tokio::test(flavor = "multi_thread")]
async fn while_another_process_holds_the_database_what_writes_gets_503_and_what_reads_goes_on() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let tokens = world.token(&flow.client, &flow.redemption()).await.json();
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let beside = world.beside_adjusted(&[], |options| options.limits.store.wait = Duration::from_millis(200)).await;
    let before = world.store().await;
    let other = Connection::open(world.gatehouse.state_directory().join("key-value.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();

    let metadata = json!({ "redirect_uris": ["https://client.example/callback"] });
    let refused = [
        ("registration", beside.register(&metadata).await),
        ("refresh", beside.refresh(&flow.client, refresh).await),
        ("readiness", beside.get("/readyz").await),
    ];
    for (what, answer) in refused {
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_eq!(answer.header("retry-after"), "5", "{what}");
        assert!(!answer.body.contains("key-value"), "{what}: {answer:?}");
    }
    for path in ["/healthz", "/.well-known/oauth-authorization-server"] {
        assert_eq!(beside.get(path).await.status, 200, "{path}");
    }
    assert_eq!(beside.call("/mcp", access).await.status, 200, "a call only reads");
    assert_eq!(world.store().await, before);

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(world.store().await, before, "nothing is done later");
    assert_eq!(beside.refresh(&flow.client, refresh).await.status, 200);
    assert_eq!(beside.get("/readyz").await.status, 200);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}
