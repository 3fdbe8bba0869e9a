//! The embedded host over a Redis: what it says about it, what it does while Redis is not there, and what it looks after.

use std::time::{Duration, Instant};

use gatehouse_host::{KeyValueStore, StoreLimits};
use gatehouse_tests::{AttackSettings, AttackWorld, HostKind, Person};
use redis::AsyncCommands as _;

use crate::redis_store::{MARGIN, now};

/// The embedded host on a Redis; nothing where there is none on this machine.
async fn world() -> Option<AttackWorld> {
    let host = HostKind::EmbeddedRedis;
    if !host.is_installed() {
        return None;
    }
    Some(AttackWorld::start_with(AttackSettings { host: Some(host), ..AttackSettings::default() }).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_beside_it_has_the_same_redis() {
    let Some(world) = world().await else { return };
    let process = world.process_beside().await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    assert_eq!(process.call("/mcp", tokens["access_token"].as_str().unwrap()).await.status, 200);
    assert!(!world.gatehouse.state_directory().join("key-value.db").exists(), "nothing is in SQLite");
    process.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_host_has_left_without_a_time_to_live_gets_one_and_nothing_else_does() {
    let Some(world) = world().await else { return };
    let mut redis = world.gatehouse.store_server().expect("a Redis").redis().await;
    let keys: Vec<String> = (0..1500).map(|number| format!("login.{}.{number:043}", now() + 60)).collect();
    for key in keys.iter().map(String::as_str).chain(["config", "a.2024.b"]) {
        redis.set::<_, _, ()>(key, b"by Spin").await.unwrap();
    }
    let beside = world.beside().await;
    // The first host may still be at its own first look.
    let found = || -> usize {
        let lines = world.gatehouse.log.lines();
        let number =
            |line: &String| line.split_once(" entries in Redis had no")?.0.rsplit_once('"')?.1.parse::<usize>().ok();
        lines.iter().filter_map(number).sum()
    };
    let all_found = async {
        while found() < keys.len() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_found).await.expect("both have looked");
    for key in &keys {
        assert!(redis.ttl::<_, i64>(key).await.unwrap() > 60, "{key}");
    }
    for key in ["config", "a.2024.b"] {
        assert_eq!(redis.ttl::<_, i64>(key).await.unwrap(), -1, "{key}");
    }
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_of_a_busy_run_carries_an_expiry_and_has_a_time_to_live() {
    let Some(world) = world().await else { return };
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let refreshed = world.refresh(&world.public(), tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    world.registered("https://client.example/callback").await;
    let mut redis = world.gatehouse.store_server().expect("a Redis").redis().await;
    let stored = world.store().await;
    assert!(stored.len() > 10, "{} entries", stored.len());
    for (name, _) in stored {
        let expiry: u64 = name.split('.').nth(1).and_then(|expiry| expiry.parse().ok()).expect("an expiry");
        let left: i64 = redis.ttl(&name).await.unwrap();
        let expected = i64::try_from(expiry.saturating_sub(now()) + MARGIN).unwrap();
        assert!((expected - 5..=expected + 5).contains(&left), "{name}: {left} and not {expected}");
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_starts_without_its_redis_says_so_and_serves_when_it_comes() {
    let Some(world) = world().await else { return };
    let server = world.gatehouse.store_server().expect("a Redis");
    server.stop().await;
    let beside = world.beside().await;
    world.gatehouse.log.wait_for(|line| line.contains("does not answer, which is tried again")).await;
    assert_eq!(beside.get("/healthz").await.status, 200);
    assert_eq!(beside.get("/readyz").await.status, 503);
    let metadata = serde_json::json!({ "redirect_uris": ["https://client.example/callback"] });
    assert_eq!(beside.register(&metadata).await.status, 503);
    server.start_again().await;
    assert_eq!(beside.register(&metadata).await.status, 201);
    assert_eq!(beside.get("/readyz").await.status, 200);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_hangs_clients_get_503_within_six_seconds_and_probes_are_answered() {
    let Some(world) = world().await else { return };
    let server = world.gatehouse.store_server().expect("a Redis");
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let token = tokens["access_token"].as_str().unwrap();
    server.pause();
    for most in [Duration::from_secs(8), Duration::from_secs(4)] {
        let began = Instant::now();
        let answer = world.call("/mcp", token).await;
        assert_eq!((answer.status, answer.header("retry-after").is_empty()), (503, false), "{answer:?}");
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
    }
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.get("/readyz").await.status, 503);
    server.resume();
    while world.call("/mcp", token).await.status == 503 {}
    assert_eq!(world.call("/mcp", token).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_configuration_can_name_a_file_beside_it_for_the_database() {
    let (world, folder) = (AttackWorld::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("runtime-config.toml");
    std::fs::write(&file, "[key_value_store.default]\ntype = \"spin\"\npath = \"data/sessions.db\"\n").unwrap();
    let before = world.store().await;
    let elsewhere = world.beside_adjusted(&[], |options| options.runtime_config_file = Some(file)).await;
    elsewhere.registered("https://client.example/callback").await;
    world.assert_unchanged(&before, "a client of another store").await;
    let store = KeyValueStore::in_file(&folder.path().join("data/sessions.db"), StoreLimits::default()).unwrap();
    let keys = store.list_keys("default", None).await.unwrap().keys;
    assert!(keys.iter().any(|key| key.starts_with("client.")), "{keys:?}");
    for world in [elsewhere, world] {
        world.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_where_the_store_is_what_is_wrong_with_it_and_no_password() {
    let Some(world) = world().await else { return };
    let (server, folder) = (world.gatehouse.store_server().expect("a Redis"), tempfile::tempdir().unwrap());
    let mut administrator = server.redis().await;
    for (setting, value) in
        [("maxmemory", "64mb"), ("maxmemory-policy", "allkeys-lru"), ("requirepass", "correct-horse")]
    {
        let set: String =
            redis::cmd("CONFIG").arg(&["SET", setting, value]).query_async(&mut administrator).await.unwrap();
        assert_eq!(set, "OK", "{setting}");
    }
    let with = async |password: &str| {
        let url = server.redis_url().replace("redis://", &format!("redis://:{password}@"));
        let file = folder.path().join("runtime-config.toml");
        std::fs::write(&file, format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n")).unwrap();
        world.beside_adjusted(&[], |options| options.runtime_config_file = Some(file)).await
    };
    let right = with("correct-horse").await;
    let log = &world.gatehouse.log;
    log.wait_for(|line| line.contains(&format!("the key-value store is {}/0", server.redis_url()))).await;
    log.wait_for(|line| line.contains("drops entries when it is full (maxmemory-policy allkeys-lru)")).await;
    let wrong = with("wrong-horse").await;
    log.wait_for(|line| line.contains("does not answer, which is tried again")).await;
    assert_eq!(wrong.get("/readyz").await.status, 503);
    assert!(log.lines().iter().all(|line| !line.contains("horse")), "{:?}", log.lines());
    for beside in [right, wrong] {
        beside.gatehouse.stop().await;
    }
    world.gatehouse.stop().await;
}
