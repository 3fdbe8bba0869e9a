//! What the log says, and what it must not hold.

use gatehouse_tests::AttackWorld;
use serde_json::Value;

/// Fails where the log holds the token, or a part of it that is long enough to be one: its signature.
pub(crate) fn assert_not_logged(world: &AttackWorld, token: &str, what: &str) {
    let log = world.gatehouse.log.lines().join("\n");
    let parts = token.split('.').skip(1).filter(|part| part.len() > 16);
    for part in parts.chain((token.len() > 16).then_some(token)) {
        assert!(!log.contains(part), "{what}: the log holds the token");
    }
}

/// The reason of the last refusal.
pub(crate) fn last_refusal(world: &AttackWorld) -> String {
    let lines = world.gatehouse.log.lines();
    let read = |line: &String| serde_json::from_str::<Value>(line).ok();
    let refused = lines.iter().rev().filter_map(read).find(|line| line["event"] == "refused");
    refused.map(|line| line["reason"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}
