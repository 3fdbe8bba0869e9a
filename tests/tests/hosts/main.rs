//! Gatehouse on the hosts and stores of others: what must happen on each of them does, and docs/hosts.md shows it.
//!
//! `cargo xtask hosts --write` writes the table. A host that is not installed is left out, with a word; its row stays as it is.

mod backend;
mod checks;
mod client_address;
mod development;
mod instances;
mod isolation;
mod over_redis;
mod redis_store;
mod store_contract;
mod streams;
mod wasmtime;

use std::collections::BTreeMap;

use gatehouse_tests::{HostKind, StoreKind, Table};

/// What runs, and the name of its row.
const HOSTS: [(&str, HostKind); 7] = [
    ("the embedded host, SQLite", HostKind::Embedded),
    ("the embedded host, Redis", HostKind::EmbeddedRedis),
    ("wash, Redis", HostKind::Wash(StoreKind::Redis)),
    ("wash, NATS", HostKind::Wash(StoreKind::Nats)),
    ("wash, memory", HostKind::Wash(StoreKind::Memory)),
    ("Spin, its own SQLite", HostKind::Spin),
    ("Spin, Redis", HostKind::SpinRedis),
];

/// Set to a part of the names of those that run.
const ONLY: &str = "GATEHOUSE_HOSTS_ONLY";

const TABLE: Table = Table {
    document: "docs/hosts.md",
    writer: "hosts",
    columns: &[
        "Host and store",
        "A user signs in and calls a tool",
        "64 redemptions of one code at two instances",
        "64 refreshes of one token at two instances",
        "32 requests at once, 5 allowed",
        "The same, after one alone",
        "The store is gone, and comes back",
        "Three users at once at two instances",
        "State of one request in another",
        "Silent streams, while others are served",
    ],
};

/// One after the other: each compiles the artefact with all processors.
#[tokio::test(flavor = "multi_thread")]
async fn every_host_with_every_store_keeps_what_gatehouse_promises() {
    let mut measured = BTreeMap::new();
    let only = std::env::var(ONLY).unwrap_or_default();
    for (name, host) in HOSTS {
        if name.contains(&only) && host.is_installed() {
            eprintln!("==> {name}");
            measured.insert(name, checks::all(host).await);
        }
    }
    TABLE.check(&HOSTS.map(|(name, _)| name), &measured);
}
