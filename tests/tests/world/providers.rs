//! Identity providers of others: each signs a user in through the artefact, refreshes, and loses the user; the table in
//! docs/identity-providers/tested.md is what was seen.
//!
//! `cargo xtask world --write` writes the table.

mod page;
mod row;
pub(crate) mod rows;
mod run;
pub(crate) mod visitor;

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehouse_tests::Table;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::choice::{Choice, say};
use rows::PROVIDERS;

/// Each provider waits most of the time, but starting one is work.
const AT_ONCE: usize = 2;

const TABLE: Table = Table {
    document: "docs/identity-providers/tested.md",
    writer: "world/providers",
    columns: &["Provider", "Versions", "Must be set", "Sign-in", "Refresh", "A user who is gone", "Remarks"],
};

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_signs_in_refreshes_and_loses_a_user_as_the_table_says() {
    let choice = Choice::of_this_run();
    let names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    choice.announce("identity providers", &names);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    for (position, provider) in PROVIDERS.iter().enumerate() {
        if !choice.takes(position, provider.name) {
            continue;
        }
        if let Some(reason) = provider.is_missing() {
            say(&format!("{} is skipped: {reason}", provider.name));
            continue;
        }
        let places = Arc::clone(&places);
        runs.spawn(async move {
            let _place = places.acquire_owned().await.expect("a place");
            (provider, run::run(provider).await)
        });
    }
    let mut measured = BTreeMap::new();
    let mut failed = Vec::new();
    while let Some(run) = runs.join_next().await {
        match run.expect("no panic") {
            (provider, Some(outcome)) => {
                measured.insert(provider.name, provider.cells(&outcome));
            }
            (provider, None) => failed.push(provider.name),
        }
    }
    assert!(failed.is_empty(), "these did not do what is expected of them: {}", failed.join(", "));
    TABLE.check(&names, &measured);
}
