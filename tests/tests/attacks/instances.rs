//! Two instances behind a load balancer: what happens once, happens once for both (ContextForge#4557).

use gatehouse_tests::{AttackWorld, Person, Step};

use crate::answers::assert_error;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_a_state_and_a_refresh_token_are_used_up_for_every_instance() {
    let world = AttackWorld::start().await;
    let beside = world.beside().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    // The state was used at the first instance.
    let before = world.store().await;
    let callback = flow.callback_url.as_ref().unwrap().as_str().replace(&world.gatehouse.url, &beside.gatehouse.url);
    let again = alice.open(&callback.parse().unwrap(), gatehouse_tests::From::OtherSite).await;
    assert_eq!(again.status, 400, "{again:?}");
    world.assert_unchanged(&before, "a state at the other instance").await;

    let redeemed = beside.token(&flow.client, &flow.redemption()).await;
    assert_eq!(redeemed.status, 200, "{redeemed:?}");
    let tokens = redeemed.json();
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert_eq!((world.call("/mcp", access).await.status, beside.call("/mcp", access).await.status), (200, 200));
    let next = world.refresh(&flow.client, refresh).await.json();
    world.gatehouse.clock.advance(31);
    assert_error(&beside.refresh(&flow.client, refresh).await, 400, "invalid_grant", "reuse at the other instance");
    // Ended everywhere.
    assert_eq!(world.call("/mcp", next["access_token"].as_str().unwrap()).await.status, 401);
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}
