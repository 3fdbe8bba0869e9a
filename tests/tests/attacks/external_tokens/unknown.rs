//! Tokens that somebody makes up, so that an issuer is asked about them without end, or about nobody's any more.

use serde_json::json;

use super::Scene;
use crate::from::from;

impl Scene {
    /// The status of a call at `/asked` from this address.
    async fn shown(&self, address: &str, token: &str) -> u16 {
        let request = from(address).post(self.world.url("/asked")).bearer_auth(token);
        let request = request.header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        let answer = request.body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).send().await.unwrap();
        let (status, waits) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        assert_eq!(waits, status == 503, "{answer:?}");
        status
    }

    /// Goes to the first second of the minute after the next one, when nothing that is said now is kept.
    fn begin_minute(&self) {
        self.world.gatehouse.clock.advance(120 - self.world.now() % 60);
    }

    /// Shows a token that its issuer knows, at a time from which on its place in the store lasts for a while.
    async fn show_active(&self, address: &str, token: &str) {
        loop {
            self.knows(token, self.active());
            assert_eq!(self.shown(address, token).await, 200, "{}", self.reason());
            let entries = self.world.store().await;
            let keys = entries.iter().filter_map(|(name, _)| gatehouse_storage::Key::parse(name));
            let ends = keys.filter(|key| key.kind() == "external-token").map(|key| key.expires_at().seconds());
            let left = ends.max().expect("something is kept").saturating_sub(self.world.now());
            if left > 600 {
                return;
            }
            self.world.gatehouse.clock.advance(left);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_makes_tokens_up_stops_his_own_address_and_nobody_elses_token() {
    const ATTACKER: &str = "127.0.0.66";
    let scene = Scene::start().await;
    scene.show_active(ATTACKER, "an-opaque-token-of-alice").await;
    scene.begin_minute();
    scene.knows("an-opaque-token-of-alice", scene.active());
    scene.issuer.asked();
    let before = scene.world.store().await;
    for number in 0..60 {
        assert_eq!(scene.shown(ATTACKER, &format!("made-up-{number}")).await, 401, "{number}");
    }
    // At the limit: nobody is asked any more about what comes from there, however often.
    for number in 60..70 {
        assert_eq!(scene.shown(ATTACKER, &format!("made-up-{number}")).await, 503, "{number}");
    }
    assert_eq!(scene.issuer.asked().len(), 60);
    scene.world.assert_only_changed(&before, &["document-failures"], "tokens that nobody has issued").await;
    assert_eq!(scene.world.changes_since(&before).await.len(), 2, "one counter for the address, and one for all");
    // A token that was active before goes on there, and everybody's elsewhere.
    assert_eq!(scene.shown(ATTACKER, "an-opaque-token-of-alice").await, 200, "{}", scene.reason());
    let mut of_bob = scene.active();
    of_bob["sub"] = json!("bob");
    scene.knows("an-opaque-token-of-bob", of_bob);
    assert_eq!(scene.shown(ATTACKER, "an-opaque-token-of-bob").await, 503, "it was never seen");
    assert_eq!(scene.shown("127.0.0.67", "an-opaque-token-of-bob").await, 200, "{}", scene.reason());
    scene.begin_minute();
    assert_eq!(scene.shown(ATTACKER, "made-up-99").await, 401, "the next minute");
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_active_and_is_revoked_is_as_any_that_is_made_up() {
    const ATTACKER: &str = "127.0.0.68";
    let scene = Scene::start().await;
    scene.show_active(ATTACKER, "an-opaque-token-of-alice").await;
    scene.knows("an-opaque-token-of-alice", json!({ "active": false }));
    scene.begin_minute();
    scene.issuer.asked();
    for _ in 0..61 {
        assert_eq!(scene.shown(ATTACKER, "an-opaque-token-of-alice").await, 401);
    }
    assert_eq!(scene.shown(ATTACKER, "an-opaque-token-of-alice").await, 503);
    assert_eq!(scene.issuer.asked().len(), 61, "once for the token that was active, and then as for any other");
    scene.world.gatehouse.stop().await;
}
