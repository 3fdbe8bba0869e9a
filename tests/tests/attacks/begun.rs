//! Whoever gets rid of the instance that serves them is in the log nevertheless: what is done is announced there first.

use gatehouse_tests::{AttackWorld, From, Person};
use serde_json::{Value, json};

use crate::account;
use crate::parties::pairs;

/// The first `count` lines of the authorization server about `action`: event, client and subject.
async fn lines(world: &AttackWorld, action: &str, count: usize) -> Vec<(String, Value, Value)> {
    let read = |line: &String| serde_json::from_str::<Value>(line).ok().filter(|line| line["action"] == action);
    loop {
        let lines: Vec<_> = world.gatehouse.log.lines().iter().filter_map(read).collect();
        if lines.len() >= count {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            return lines
                .iter()
                .map(|line| (text(&line["event"]), line["client_id"].clone(), line["subject"].clone()))
                .collect();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_issued_opened_refreshed_or_ended_is_in_the_log_before_it_is_done() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let begun = |client: Value, subject: Value| ("begun".to_owned(), client, subject);
    let completed = |client: Value, subject: Value| ("completed".to_owned(), client, subject);
    let (nobody, public, subject) = (Value::Null, json!("public"), json!("test:alice"));

    let registered = world.registered("https://client.example/callback").await;
    let expected = [begun(nobody.clone(), nobody.clone()), completed(json!(registered.client_id), nobody.clone())];
    assert_eq!(lines(&world, "register", 2).await, expected);

    let tokens = world.flow(&alice).finish().await;
    let expected = [begun(public.clone(), subject.clone()), completed(public.clone(), subject.clone())];
    assert_eq!(lines(&world, "callback", 2).await, expected);
    let opened = [begun(public.clone(), subject.clone()), completed(public.clone(), nobody.clone())];
    assert_eq!(lines(&world, "token", 2).await, opened);

    let refreshed = world.refresh(&world.public(), tokens["refresh_token"].as_str().unwrap()).await.json();
    let expected = [begun(public.clone(), nobody.clone()), completed(public.clone(), nobody.clone())];
    assert_eq!(lines(&world, "token", 4).await[2..], expected);

    let token = pairs(&[("token", refreshed["refresh_token"].as_str().unwrap())]);
    assert_eq!(world.as_client(&world.public(), "/revoke", &token).await.status, 200);
    assert_eq!(lines(&world, "revoke", 2).await, expected);

    account::sign_in(&world, &alice).await;
    let page = alice.open(&world.url("/sessions").parse().unwrap(), From::Nowhere).await;
    assert_eq!(account::sign_out_everywhere(&world, &alice, &page).await.status, 200);
    let expected = [begun(nobody.clone(), subject.clone()), completed(nobody.clone(), subject.clone())];
    assert_eq!(lines(&world, "sign-out", 2).await, expected);
    world.gatehouse.stop().await;
}
