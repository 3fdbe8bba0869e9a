//! MCP clients of others: each signs in through Gatehouse, lists, calls, outlives its token, and asks for a further scope where a call
//! needs one. docs/clients-tested.md shows what was seen.
//!
//! `cargo xtask world --write` writes its table.

mod life;
mod rows;

use std::collections::BTreeMap;

use gatehouse_tests::{ClientDocuments, Table, World, WorldSettings};
use serde_json::json;

use crate::choice::Choice;
use life::Life;
use rows::{CLIENTS, Row};

/// Each waits most of the time.
const AT_ONCE: usize = 3;

const TABLE: Table = Table {
    document: "docs/clients-tested.md",
    writer: "world/clients",
    columns: &[
        "Client",
        "Version",
        "Its identity",
        "Signs in, lists, calls",
        "Outlives its token",
        "Asks for a further scope",
        "Remarks",
    ],
};

/// One tool needs a further scope.
const SCOPES: &str = r#"
[[routes.policy]]
name = "everybody"
tools = ["echo"]

[[routes.policy]]
name = "those-who-count"
tools = ["get-sum"]
scopes = ["mcp", "sums"]
"#;

/// Where a client with a document listens, at a port of its choice (RFC 8252, section 7.3).
const REDIRECT_URIS: [&str; 1] = ["http://127.0.0.1/callback"];

#[tokio::test(flavor = "multi_thread")]
async fn every_client_works_as_the_table_says() {
    let choice = Choice::of_this_run();
    let names: Vec<_> = CLIENTS.iter().map(|row| row.name).collect();
    choice.announce("MCP clients", &names);
    let chosen: Vec<&'static Row> =
        CLIENTS.iter().enumerate().filter(|(at, row)| choice.takes(*at, row.name)).map(|(_, row)| row).collect();
    let documents = ClientDocuments::serve(&REDIRECT_URIS, &json!({ "keys": [] })).await;
    let document = documents.client_id("/client.json");
    let world = World::start(WorldSettings {
        // A page asks from an origin of its own.
        configuration_head: "allowed_origins = [\"*\"]".to_owned(),
        upstream_lines: SCOPES.to_owned(),
        variables: vec![("client_document_origin".to_owned(), documents.origin.clone())],
        ca_file: Some(documents.ca_file()),
        ..WorldSettings::default()
    });
    let world = world.await;
    let (mut measured, mut faults) = (BTreeMap::new(), Vec::new());
    // The clients of a group wait for each other before their tokens expire: they share a clock.
    for group in chosen.chunks(AT_ONCE) {
        let (url, document) = (world.mcp_url(), document.as_str());
        let begin = |row: &&'static Row| tokio::spawn(Life::begin(row, url.clone(), document.to_owned()));
        let beginning: Vec<_> = group.iter().map(begin).collect();
        let mut lives = Vec::new();
        for (row, life) in group.iter().zip(beginning) {
            match life.await {
                Ok(life) => lives.push((*row, life)),
                Err(_) => faults.push(format!("{} does not sign in, list and call", row.name)),
            }
        }
        world.gatehouse.expire_access_tokens().await;
        let ending: Vec<_> = lives.into_iter().map(|(row, life)| (row, tokio::spawn(life.end()))).collect();
        for (row, life) in ending {
            match life.await {
                Ok(seen) => {
                    faults.extend(seen.faults(row));
                    measured.insert(row.name, seen.cells(row));
                }
                Err(_) => faults.push(format!("{} does not come to an end", row.name)),
            }
        }
    }
    world.gatehouse.stop().await;
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    TABLE.check(&names, &measured);
}
