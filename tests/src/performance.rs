//! What Gatehouse costs: beside a component that only forwards, beside an earlier commit, and beside what others have made for
//! the same job. `cargo xtask bench` builds and installs what is measured here, and writes the page `docs/performance.md` of
//! what comes out.
//!
//! Everything is on the loopback interface of one machine, and shares its processors. What counts are the ratios within one run.

mod answer;
mod calls;
mod case;
mod counts;
mod documents;
mod features;
mod growth;
mod hosts;
mod load;
mod mcp_server;
mod peers;
mod process;
mod sandboxes;
mod servers;
mod setup;
mod start;
mod statements;
mod statistics;
mod streams;
mod system_calls;
mod turns;

use serde_json::{Map, Value};

use setup::{PARTS, Setup};

/// Measures what the variables of `cargo xtask bench` ask for, and writes the results as JSON: a member for each part.
pub async fn run() {
    let setup = Setup::of_environment();
    crate::allow_descriptors(8_000);
    let mut results = Map::new();
    for part in PARTS.into_iter().filter(|part| setup.measures(part)) {
        // The peers are cases of the main table.
        let part = if part == "peers" { "calls" } else { part };
        if results.contains_key(part) {
            continue;
        }
        eprintln!("==> Measuring: {part}");
        let result = match part {
            "calls" => calls::run(&setup).await,
            "counts" => counts::run(&setup).await,
            "features" => features::run(&setup).await,
            "start" => start::run(&setup).await,
            "growth" => growth::run(&setup).await,
            "hosts" => hosts::run(&setup).await,
            "sandboxes" => sandboxes::run(&setup).await,
            _ => streams::run(&setup).await,
        };
        results.insert(part.to_owned(), result);
    }
    let text = format!("{:#}\n", Value::Object(results));
    std::fs::write(&setup.results, text).expect("the results can be written");
}
