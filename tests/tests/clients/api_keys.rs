//! Real clients at a route that takes API keys. They have no OAuth provider: a key that is not good is an error, and nobody is
//! sent to sign in.

use gatehouse_tests::{Program, World, WorldSettings};
use serde_json::{Value, json};

const KEY: &str = "gatehouse_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const WRONG: &str = "gatehouse_HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

const PROGRAMS: [(&str, &[&str]); 3] =
    [("api-key.mjs", &["--sdk", "legacy"]), ("api-key.mjs", &["--sdk", "modern"]), ("api_key.py", &[])];

async fn says(program: &str, more: &[&str], url: &str, key: &str, said: &str) -> Value {
    let mut program = Program::client(program, &[&[url, "--key", key], more].concat());
    let step = program.step(said).await;
    program.step("done").await;
    program.finish().await;
    step
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_work_with_a_key_in_a_header_and_are_not_sent_to_sign_in_without() {
    let hash: String = gatehouse_api_keys::digest(KEY).expose().iter().map(|byte| format!("{byte:02x}")).collect();
    let upstream_lines = format!("[[routes.api_keys.keys]]\nlabel = \"robot\"\nsha256 = \"{hash}\"");
    let world = World::start(WorldSettings { upstream_lines, ..WorldSettings::default() }).await;
    for (program, more) in PROGRAMS {
        let called = says(program, more, &world.mcp_url(), KEY, "called").await;
        assert_eq!(called["text"], "Echo: hello", "{program} {more:?}: {called}");
        assert!(called["tools"].as_u64().is_some_and(|tools| tools > 1), "{program} {more:?}: {called}");
        let refused = says(program, more, &world.mcp_url(), WRONG, "refused").await;
        assert_eq!(refused["asked"], json!(["/mcp"]), "{program} {more:?}: {refused}");
    }
    world.gatehouse.stop().await;
}
