//! The keys of the session pool, as the articles have them.

use crate::scene::{Caller, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_an_administrator_fetches_works_until_five_minutes_after_it_was_replaced() {
    let scene = Scene::start("").await;
    let former = scene.administer("fetchMCPServerCredentials").await;
    assert_eq!(scene.status_with(Some(&former)).await, 200);
    let current = scene.administer("regenerateCredentials").await;
    assert_ne!(current, former);
    scene.world.gatehouse.clock.advance(299);
    assert_eq!((scene.status_with(Some(&former)).await, scene.status_with(Some(&current)).await), (200, 200));
    scene.world.gatehouse.clock.advance(2);
    assert_eq!((scene.status_with(Some(&former)).await, scene.status_with(Some(&current)).await), (401, 200));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_and_a_wrong_key_get_401_and_reach_no_sandbox() {
    let scene = Scene::start("").await;
    let wrong = Caller::Alice.key().replace('A', "B");
    assert_eq!((scene.status_with(None).await, scene.status_with(Some(&wrong)).await), (401, 401));
    assert_eq!(scene.status_with(Some(&Caller::Alice.key())).await, 200);
    let log = scene.stop_and_read_log().await;
    assert_eq!(log.matches("\"event\":\"launch\"").count(), 1, "{log}");
}
