//! MCP servers of others: what each answers directly is what comes through a route, field by field; the differences are
//! explained, or a fault. docs/servers-tested.md shows what was seen.
//!
//! `cargo xtask world --write` writes its tables.

mod behind;
mod differences;
mod events;
mod exchange;
mod explained;
mod federation;
mod rows;
pub(crate) mod running;
mod script;
mod seen;

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehouse_tests::Table;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::choice::Choice;
use behind::gatehouse_with;
use exchange::Client;
use explained::EXPLAINED;
use rows::{Row, SERVERS};
use running::Running;
use seen::{Seen, status};

/// Each server waits most of the time, but starting one is work.
const AT_ONCE: usize = 3;

const SERVERS_TABLE: Table = Table {
    document: "docs/servers-tested.md",
    writer: "world/servers",
    columns: &["Server", "Package", "Version", "Revisions", "Sessions", "Tools", "Own stream", "Remarks"],
};

const DIFFERENCES_TABLE: Table =
    Table { document: "docs/servers-tested.md", writer: "world/differences", columns: &["Header", "Why it differs"] };

/// Three routes for each server: a plain one, one where a policy allows the one call, and one that validates arguments.
fn routes(row: &Row, url: &str) -> String {
    let route = |suffix: &str, lines: &str| {
        let path = row.path;
        format!("\n[[routes]]\npath = \"/{path}{suffix}\"\nurl = \"{url}\"\nscopes = [\"mcp\"]\n{lines}")
    };
    let policy = format!("\n[[routes.policy]]\nname = \"one\"\ntools = [\"{}\"]\n", row.call.0);
    route("", "") + &route("-policy", &policy) + &route("-validated", "validate_arguments = true\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_answers_through_a_route_as_it_answers_directly() {
    let choice = Choice::of_this_run();
    let names: Vec<_> = SERVERS.iter().map(|row| row.name).collect();
    choice.announce("MCP servers", &names);
    let chosen = SERVERS.iter().enumerate().filter(|(at, row)| choice.takes(*at, row.name));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    for (_, row) in chosen {
        let places = Arc::clone(&places);
        runs.spawn(async move {
            let _place = places.acquire_owned().await.expect("a place");
            // What a panic said is on the standard error already.
            (row, tokio::spawn(run(row)).await.ok())
        });
    }
    let (mut measured, mut explained, mut faults) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    while let Some(run) = runs.join_next().await {
        match run.expect("no panic") {
            (row, Some(seen)) => {
                measured.insert(row.name, seen.cells(row));
                for at in seen.explained {
                    explained.insert(EXPLAINED[at].name, vec![EXPLAINED[at].reason.to_owned()]);
                }
                faults.extend(seen.faults.iter().map(|fault| format!("{}: {fault}", row.name)));
            }
            (row, None) => faults.push(format!("{} did not do what is expected of it", row.name)),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    if choice == Choice::All {
        let unused = EXPLAINED.iter().filter(|kind| !kind.is_of_the_moment() && !explained.contains_key(kind.name));
        let unused: Vec<_> = unused.map(|kind| kind.name).collect();
        assert!(unused.is_empty(), "these explain nothing any more: {unused:?}");
    }
    let kinds: Vec<_> = EXPLAINED.iter().map(|kind| kind.name).collect();
    // What depends on the moment is in the document, whether it was seen this time or not.
    for kind in EXPLAINED.iter().filter(|kind| kind.is_of_the_moment()) {
        explained.insert(kind.name, vec![kind.reason.to_owned()]);
    }
    SERVERS_TABLE.check(&names, &measured);
    DIFFERENCES_TABLE.check(&kinds, &explained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_redirects_to_its_address_with_a_slash_is_answered_for_with_502() {
    let (at, row) = SERVERS.iter().enumerate().find(|(_, row)| row.path == "mounted").expect("the row");
    if !Choice::of_this_run().takes(at, row.name) {
        return;
    }
    let mut server = Running::start(row);
    server.listens().await;
    let without_slash = server.url.trim_end_matches('/');
    let world = gatehouse_with(routes(row, without_slash)).await;
    let token = world.access_token_at("/mounted", "alice").await;
    let answer = Client::new(&format!("{}/mounted", world.gatehouse.url), Some(&token)).initialize().await;
    assert_eq!(status(&answer), "502", "{answer:?}");
    assert!(answer.values().any(|value| value.contains("redirects")), "{answer:?}");
    world.gatehouse.stop().await;
}

/// One server, directly and through its routes.
async fn run(row: &'static Row) -> Seen {
    if row.has_events_alone() {
        return events::run(row).await;
    }
    let mut server = Running::start(row);
    server.listens().await;
    let world = gatehouse_with(routes(row, &server.url)).await;
    let at = |suffix: &str| format!("/{}{suffix}", row.path);
    let url = |suffix: &str| format!("{}{}", world.gatehouse.url, at(suffix));

    let direct = script::both_eras(row, &server.url, None).await;
    let again = script::both_eras(row, &server.url, None).await;
    let token = world.access_token_at(&at(""), "alice").await;
    let through = script::both_eras(row, &url(""), Some(&token)).await;
    let mut seen = Seen::of(&direct, &again, &through);

    let calls = [script::call(row.call), script::call(("no_such_tool", "{}"))];
    let direct = script::session(&server.url, None, &calls).await;
    let token = world.access_token_at(&at("-policy"), "alice").await;
    let through = script::session(&url("-policy"), Some(&token), &calls).await;
    seen.policy(row, &direct, &through);

    let calls = [script::call(row.call), script::call(row.wrong_call)];
    let token = world.access_token_at(&at("-validated"), "alice").await;
    let through = script::session(&url("-validated"), Some(&token), &calls).await;
    seen.validated(&direct, &through);
    world.gatehouse.stop().await;
    seen
}
