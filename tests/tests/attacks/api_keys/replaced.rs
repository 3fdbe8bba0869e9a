//! Keys that were replaced by others.

use gatehouse_tests::{AttackWorld, Gatehouse};

use super::{FETCH, REGENERATE, call, configured_key, key_of, settings, subject};

/// Azure keeps what it has validated for up to five minutes. Here that is the bound of a former key, and each request asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_former_key_works_to_the_last_second_of_the_bound_and_no_longer_on_every_instance() {
    for seconds in [300, 7] {
        let world = AttackWorld::start_with(settings("", &format!("validation_seconds = {seconds}"), "")).await;
        let beside = world.beside().await;
        let former = key_of(&world, FETCH).await;
        assert_eq!(call(&beside, &former).await.status, 200);
        let key = key_of(&world, REGENERATE).await;
        assert_ne!(key, former);
        for instance in [&world, &beside] {
            assert_eq!((call(instance, &former).await.status, call(instance, &key).await.status), (200, 200));
        }
        world.gatehouse.clock.advance(seconds - 2);
        assert_eq!(call(&beside, &former).await.status, 200, "{seconds}: shortly before the bound");
        world.gatehouse.clock.advance(2);
        let before = world.store().await;
        for instance in [&world, &beside] {
            assert_eq!(call(instance, &former).await.status, 401, "{seconds}: past the bound");
            assert_eq!(subject(&call(instance, &key).await), format!("key:{}", super::POOL));
        }
        assert_eq!(key_of(&beside, FETCH).await, key);
        world.assert_only_changed(&before, &["failures"], "a former key").await;
        beside.gatehouse.stop().await;
        world.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_bound_a_former_key_ends_at_once_on_every_instance() {
    let world = AttackWorld::start_with(settings("", "validation_seconds = 0", "")).await;
    let beside = world.beside().await;
    let former = key_of(&world, FETCH).await;
    assert_eq!(call(&beside, &former).await.status, 200);
    let key = key_of(&world, REGENERATE).await;
    for instance in [&beside, &world] {
        assert_eq!((call(instance, &former).await.status, call(instance, &key).await.status), (401, 200));
    }
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// The key is derived from a server key. A new server key changes nothing, and a retired one ends the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_retired_server_key_ends_the_key_that_was_derived_from_it() {
    let world = AttackWorld::start_with(settings("", "", "")).await;
    let key = key_of(&world, FETCH).await;
    let new = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
    let both = world.beside_with(&[("server_keys", &format!("{new},{}", Gatehouse::SERVER_KEYS))]).await;
    assert_eq!((key_of(&both, FETCH).await, call(&both, &key).await.status), (key.clone(), 200));
    let alone = world.beside_with(&[("server_keys", new)]).await;
    assert_eq!(call(&alone, &key).await.status, 401);
    assert_eq!(call(&alone, &configured_key(1)).await.status, 200, "a key of the configuration needs no server key");
    let next = key_of(&alone, FETCH).await;
    assert_ne!(next, key);
    assert_eq!((call(&alone, &next).await.status, call(&both, &next).await.status), (200, 200));
    assert_eq!(call(&both, &key).await.status, 401, "it does not come back");
    for instance in [alone, both, world] {
        instance.gatehouse.stop().await;
    }
}
