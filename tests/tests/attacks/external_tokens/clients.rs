//! Clients of other issuers that are called like clients of ours.

use gatehouse_tests::Answer;
use gatehouse_tests::jwt::SigningKey;
use serde_json::json;

use super::Scene;

impl Scene {
    /// A good token of the partner, got by a client that is called so there.
    fn of_client(&self, client_id: &str) -> String {
        SigningKey::Rsa.sign(&self.claims_with("client_id", json!(client_id)))
    }

    async fn calls_tool(&self, path: &str, token: &str) -> Answer {
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "echo", "arguments": {} } });
        let request = self.world.mcp_request(path).bearer_auth(token).body(message.to_string());
        Answer::of(request.send().await.unwrap()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_issuer_passes_for_none_of_ours_whatever_it_is_called_there() {
    let scene = Scene::start().await;
    let names = [
        "public",
        "gatehouse:browser",
        "gatehouse:access-token-page",
        "gatehouse:nobody",
        "workload:deploy",
        "key:robot",
    ];
    for name in names {
        let (token, asked) = (scene.of_client(name), scene.world.upstream.requests().len());
        let listed = scene.world.call("/listed", &token).await;
        assert_eq!(listed.status, 403, "{name}: {listed:?}");
        assert!(scene.reason().contains("none of the route's allowed_clients"), "{name}: {}", scene.reason());
        let ruled = scene.calls_tool("/ruled", &token).await;
        assert!(ruled.json()["error"].is_object(), "{name}: {ruled:?}");
        assert_eq!(scene.world.upstream.requests().len(), asked, "{name}: the server was asked");
        assert!(scene.world.call("/partner", &token).await.status == 200, "{name}: elsewhere it is as good as any");
    }
    // The one that is meant is named with its issuer, and another issuer's client of this name is another one.
    let meant = scene.of_client("an-app");
    assert_eq!(scene.world.call("/listed", &meant).await.status, 200, "{}", scene.reason());
    assert_eq!(scene.calls_tool("/ruled", &meant).await.json()["result"]["path"], "/inside");
    assert_eq!(scene.world.call("/listed", &scene.second()).await.status, 403);
    scene.world.gatehouse.stop().await;
}
