//! Server keys change while users are signed in (`docs/security.md`, "Rotating the server keys").

use gatehouse_tests::{AttackWorld, Gatehouse, Person};

use crate::answers::assert_error;

const NEW_KEY: &str = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_with_overlap_signs_nobody_out_and_a_retired_key_opens_nothing() {
    let world = AttackWorld::start().await;
    let client = world.public();
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let text = |tokens: &serde_json::Value, name: &str| tokens[name].as_str().expect("text").to_owned();
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));

    // The new key in front, the old one behind it: what the old one sealed still opens, and a refresh moves on to the new.
    let overlap = [NEW_KEY, Gatehouse::SERVER_KEYS].join(",");
    let during = world.beside_with(&[("server_keys", &overlap)]).await;
    assert_eq!(during.call("/mcp", &access).await.status, 200);
    let next = during.refresh(&client, &refresh).await;
    assert_eq!(next.status, 200, "{next:?}");
    let (next_access, next_refresh) = (text(&next.json(), "access_token"), text(&next.json(), "refresh_token"));

    // An instance that does not have the new key yet refuses what it cannot open, and spoils nothing.
    let before = world.store().await;
    assert_eq!(world.call("/mcp", &next_access).await.status, 401);
    assert_error(&world.refresh(&client, &next_refresh).await, 400, "invalid_grant", "a key that is not there yet");
    world.assert_unchanged(&before, "tokens of a key that is not there yet").await;

    let after = world.beside_with(&[("server_keys", NEW_KEY)]).await;
    assert_eq!(after.call("/mcp", &access).await.status, 401);
    assert_error(&after.refresh(&client, &refresh).await, 400, "invalid_grant", "a retired key");
    world.assert_unchanged(&before, "tokens of a retired key").await;
    assert_eq!(after.call("/mcp", &next_access).await.status, 200);
    assert_eq!(after.refresh(&client, &next_refresh).await.status, 200);
    for world in [after, during, world] {
        world.gatehouse.stop().await;
    }
}
