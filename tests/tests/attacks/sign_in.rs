//! What every attack is measured against: a sign-in that works.

use gatehouse_tests::{AttackWorld, Person};

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_sign_in_ends_with_tokens_that_work_and_refresh() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.call("/mcp", access_token).await.status, 200);
    assert_eq!(world.upstream.requests().len(), 1);
    let refreshed = world.refresh(&world.public(), tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(world.call("/mcp", refreshed.json()["access_token"].as_str().unwrap()).await.status, 200);
    world.gatehouse.stop().await;
}
