//! Published OpenAPI documents as tools: the official SDKs list and call all of them.

use gatehouse_tests::{AttackSettings, AttackWorld, Program, http};
use serde_json::Value;

/// A document of a package, how many of its operations become tools, and how many it has at least.
struct Published {
    file: &'static str,
    operations: u64,
}

const PUBLISHED: [Published; 3] = [
    // 3.0.3, YAML.
    Published { file: "@blockfrost/openapi/openapi.yaml", operations: 100 },
    // 3.1.0, YAML.
    Published { file: "@figma/rest-api-spec/openapi/openapi.yaml", operations: 50 },
    // 3.1.0, JSON.
    Published { file: "rclone-openapi/openapi.json", operations: 100 },
];

async fn told(url: &str) -> Value {
    let text = http().get(url).send().await.expect("an answer").text().await.expect("a text");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn published_documents_become_tools_that_the_official_clients_list_and_call() {
    for Published { file, operations } in PUBLISHED {
        let mut double = Program::client("rest-double.mjs", &[file]);
        let started = double.json().await;
        let origin = started["url"].as_str().expect("a URL").to_owned();
        assert!(started["operations"].as_u64().is_some_and(|found| found >= operations), "{file}: {started}");
        let document = started["document"].as_str().expect("a URL");
        let route =
            format!("path = \"/mcp\"\nurl = \"{origin}/base\"\nopenapi = \"{document}\"\nunauthenticated = \"allow\"");
        let world = AttackWorld::start_with(AttackSettings {
            document: Some(format!("public_url = \"{{public_url}}\"\n{{provider}}\n[[routes]]\n{route}\n")),
            upstream_origin: Some(origin.clone()),
            ..AttackSettings::default()
        });
        let world = world.await;
        for (path, arguments, version) in [
            ("/mcp", ["--sdk", "legacy", "--transport", "streamable-http"], Some("2025-11-25")),
            ("/mcp/sse", ["--sdk", "legacy", "--transport", "sse"], None),
            ("/mcp", ["--sdk", "modern", "--negotiation", "legacy"], Some("2025-11-25")),
            ("/mcp", ["--sdk", "modern", "--negotiation", "modern"], Some("2026-07-28")),
        ] {
            let before = told(&format!("{origin}/_test/requests")).await["answered"].as_u64().expect("a number");
            let mut client =
                Program::client("rest-tools.mjs", &[[world.url(path).as_str()].as_slice(), &arguments].concat());
            let report = client.json().await;
            client.finish().await;
            let who = format!("{file}, {arguments:?}");
            assert_eq!(report["failed"], Value::Array(Vec::new()), "{who}");
            // The older transport has no header that says it.
            assert_eq!(report["version"].as_str(), version, "{who}");
            // All of them: none of these three has an operation that cannot be called.
            assert_eq!(report["tools"], started["operations"], "{who}");
            let seen = told(&format!("{origin}/_test/requests")).await;
            assert_eq!(seen["strange"], Value::Array(Vec::new()), "{who}");
            let answered = seen["answered"].as_u64().map(|answered| answered - before);
            assert_eq!(answered, report["called"].as_u64(), "{who}");
        }
        world.gatehouse.stop().await;
    }
}
