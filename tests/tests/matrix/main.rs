//! Real clients of each era and transport before real servers of each: what the specification's compatibility matrix
//! says (2026-07-28, basic/versioning) is what happens through Gatehouse, and docs/conformance.md shows it.
//!
//! `GATEHOUSE_WRITE_MATRIX=1 cargo xtask test -- --test matrix` writes the table.

mod clients;
mod outcome;
mod table;
mod upstreams;

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehouse_tests::{World, WorldSettings};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use clients::CLIENTS;
use outcome::{Outcome, expected};
use upstreams::{UPSTREAMS, Upstreams};

/// Each program waits most of the time.
const AT_ONCE: usize = 4;

/// Each client listens at one of these, at a port of its choice (RFC 8252, section 7.3). Registration is tested elsewhere.
const PUBLIC_CLIENT: &str = r#"
[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["http://127.0.0.1/callback", "http://127.0.0.1/oauth/callback"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_of_a_client_and_a_server_works_or_fails_as_the_specification_says() {
    let upstreams = Upstreams::start().await;
    let world = World::start(WorldSettings {
        upstream_lines: upstreams.routes(),
        tables: PUBLIC_CLIENT.to_owned(),
        // The manifest has three places for allowed hosts; nobody publishes a client document here.
        variables: vec![("client_document_origin".to_owned(), "http://127.0.0.1:*".to_owned())],
        ..WorldSettings::default()
    });
    let world = world.await;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut pairs = JoinSet::new();
    for (row, client) in CLIENTS.iter().enumerate() {
        for (column, upstream) in UPSTREAMS.iter().enumerate() {
            let (url, places) = (format!("{}{}", world.gatehouse.url, upstream.path), Arc::clone(&places));
            pairs.spawn(async move {
                let _place = places.acquire_owned().await.expect("a place");
                ((row, column), client.meets(&url).await)
            });
        }
    }
    let mut outcomes = BTreeMap::new();
    while let Some(pair) = pairs.join_next().await {
        let ((row, column), outcome) = pair.expect("no panic");
        outcomes.insert((row, column), outcome);
    }
    world.gatehouse.stop().await;

    let unexpected: Vec<String> = outcomes
        .iter()
        .filter_map(|((row, column), outcome)| {
            let (client, upstream) = (&CLIENTS[*row], &UPSTREAMS[*column]);
            let expected = expected(client, upstream);
            (!outcome.is(&expected)).then(|| {
                format!(
                    "{} before {}: expected {expected:?}, but it {}",
                    client.name,
                    upstream.name,
                    outcome.in_words()
                )
            })
        })
        .collect();
    assert!(unexpected.is_empty(), "{} of {}:\n{}", unexpected.len(), outcomes.len(), unexpected.join("\n\n"));
    table::check(&outcomes.values().map(Outcome::cell).collect::<Vec<_>>());
}
