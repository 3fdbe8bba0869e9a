//! Administrators who come at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatehouse_tests::AttackWorld;
use tokio::task::JoinSet;

use super::{FETCH, REGENERATE, call, key_of, settings};

const AT_ONCE: usize = 64;

async fn two(keys: &str) -> [Arc<AttackWorld>; 2] {
    let world = AttackWorld::start_with(settings("", keys, "")).await;
    let beside = world.beside().await;
    [Arc::new(world), Arc::new(beside)]
}

async fn stop(instances: [Arc<AttackWorld>; 2]) {
    let [world, beside] = instances.map(|instance| Arc::into_inner(instance).expect("nobody asks any more"));
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// What each of so many is told, at both instances in turn.
async fn at_once(instances: &[Arc<AttackWorld>; 2], what: impl Fn(usize) -> &'static str) -> Vec<String> {
    let mut asking = JoinSet::new();
    for place in 0..AT_ONCE {
        let (instance, what) = (Arc::clone(&instances[place % 2]), what(place));
        asking.spawn(async move { key_of(&instance, what).await });
    }
    asking.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_fetch_the_first_key_at_once_they_are_told_one() {
    let instances = two("").await;
    let told: BTreeSet<_> = at_once(&instances, |_| FETCH).await.into_iter().collect();
    assert_eq!(told.len(), 1);
    stop(instances).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_replace_the_key_at_once_one_is_left() {
    let instances = two("").await;
    let first = key_of(&instances[0], FETCH).await;
    let told: BTreeSet<_> = at_once(&instances, |_| REGENERATE).await.into_iter().collect();
    let key = key_of(&instances[0], FETCH).await;
    assert_eq!(key_of(&instances[1], FETCH).await, key);
    assert!(told.contains(&key) && !told.contains(&first), "whoever was last was told the key that is left");
    for former in told.iter().chain([&first]) {
        assert_eq!(call(&instances[1], former).await.status, 200, "each that was told is good within the bound");
    }
    instances[0].gatehouse.clock.advance(300);
    for former in told.iter().chain([&first]).filter(|former| **former != key) {
        assert_eq!(call(&instances[1], former).await.status, 401, "and none but the last one past it");
    }
    assert_eq!(call(&instances[0], &key).await.status, 200);
    stop(instances).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fetches_while_others_replace_is_told_a_key_that_was_current_meanwhile() {
    let instances = two("").await;
    let first = key_of(&instances[0], FETCH).await;
    let told = at_once(&instances, |place| if place % 8 == 0 { REGENERATE } else { FETCH }).await;
    let key = key_of(&instances[1], FETCH).await;
    assert_ne!(key, first);
    for told in told.iter().collect::<BTreeSet<_>>() {
        assert_eq!(call(&instances[0], told).await.status, 200, "good within the bound");
    }
    instances[0].gatehouse.clock.advance(300);
    let good: Vec<_> = {
        let mut good = Vec::new();
        for told in told.iter().collect::<BTreeSet<_>>() {
            if call(&instances[0], told).await.status == 200 {
                good.push(told.clone());
            }
        }
        good
    };
    assert!(good.iter().all(|good| *good == key), "{good:?}");
    stop(instances).await;
}
