//! Nobody gets what is another's, and no request what is left of another.

use gatehouse_tests::{Answer, AttackWorld, HostKind, Person, StoreKind, text};
use serde_json::json;
use tokio::task::JoinSet;

use crate::checks::of;

/// Requests of all users together, and how many are on their way at once.
const REQUESTS: usize = 600;
const AT_ONCE: usize = 32;
const USERS: [&str; 3] = ["anna", "boris", "chloe"];
/// Requests of which each must have an instance of its own.
const ALONE: u64 = 20;

/// Users at the same time at both instances: each gets its own answers, and nobody uses the session of another.
pub(crate) async fn of_users(instances: [&AttackWorld; 2]) -> String {
    let mut tokens = Vec::new();
    for name in USERS {
        tokens.push(text(&instances[0].flow(&Person::new(name)).finish().await, "access_token"));
    }
    let mut sessions = Vec::new();
    for token in &tokens {
        sessions.push(instances[0].mcp_session(token).await);
    }
    let mut asked = JoinSet::new();
    for number in 0..REQUESTS {
        let (user, instance) = (number % USERS.len(), instances[number % 2]);
        // Every other one tries to use the session of another.
        let of_another = number % 4 == 3;
        let session = &sessions[(user + usize::from(of_another)) % USERS.len()];
        let message = json!({ "jsonrpc": "2.0", "id": number, "method": "ping" }).to_string();
        let request = instance.mcp_request("/mcp").bearer_auth(&tokens[user]).body(message);
        let request = request.header("x-asked", number.to_string()).header("mcp-session-id", session);
        asked.spawn(
            async move { (number, user, of_another, Answer::of(request.send().await.expect("an answer")).await) },
        );
        if asked.len() == AT_ONCE {
            look_at(asked.join_next().await.expect("some are asked").expect("no panic"));
        }
    }
    asked.join_all().await.into_iter().for_each(look_at);
    format!("{REQUESTS} answers, each to who asked{}", of(instances))
}

fn look_at((number, user, of_another, answer): (usize, usize, bool, Answer)) {
    if of_another {
        assert_eq!(answer.status, 404, "{answer:?}");
        return;
    }
    let result = &answer.json()["result"];
    assert_eq!(result["subject"], format!("test:{}", USERS[user]), "{answer:?}");
    assert_eq!(result["asked"], number.to_string(), "{answer:?}");
}

/// An instance opens the store once, and on wash each opening is a connection to Redis. So where there are fewer connections than
/// requests, one request had what was left of another.
pub(crate) async fn of_requests(world: &AttackWorld, host: HostKind) -> String {
    let (HostKind::Wash(StoreKind::Redis), Some(redis)) = (host, world.gatehouse.store_server()) else {
        return "–".to_owned();
    };
    let token = text(&world.flow(&Person::new("alone")).finish().await, "access_token");
    let before = redis.connections().await;
    for _ in 0..ALONE {
        assert_eq!(world.call("/mcp", &token).await.status, 200);
    }
    // Each question of ours is a connection, too.
    let connections = redis.connections().await - before - 1;
    assert!(connections >= ALONE, "{ALONE} requests had {connections} instances");
    "an instance for each".to_owned()
}
