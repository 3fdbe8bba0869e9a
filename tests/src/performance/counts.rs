//! What is counted, and comes out the same on every machine: operations of the store, and system calls of the host's process.

use std::time::Duration;

use serde_json::{Value, json};

use super::load::Target;
use super::setup::Setup;
use super::{documents, mcp_server, servers, statements, system_calls};

/// Requests before anything is counted: modules are loaded, connections opened, caches filled.
const WARM_UP: usize = 20;
/// A message that no tool's schema is looked at for.
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
/// With a token of another issuer, which was verified while the host was warmed up.
const OTHER_ISSUER: &str = "tools/call, another issuer's token used again";

/// Counts both.
pub(super) async fn run(setup: &Setup) -> Value {
    let requests = if setup.quick { 50 } else { 400 };
    json!({
        "requests": requests,
        "store": store_operations(setup, requests).await,
        "system_calls": all_system_calls(setup, requests).await,
    })
}

/// The operations of the store for a request, by its kind: asked of SQLite itself, in a host within this process.
async fn store_operations(setup: &Setup, requests: usize) -> Value {
    let counter = statements::count();
    let upstream = mcp_server::start().await;
    let mut results = Vec::new();
    let believing = documents::with_route_lines(documents::AT_EXPIRY);
    let other_issuer = documents::other_issuer();
    let kinds = [
        (documents::SMALL, &["tools/call", "ping", "a bad token"][..]),
        (&believing, &["tools/call, revocation at expiry"]),
        (&other_issuer, &[OTHER_ISSUER]),
    ];
    for (document, kinds) in kinds {
        let world = servers::gatehouse(&setup.now.in_this_process(), document, &upstream).await;
        let token = match *kinds {
            [OTHER_ISSUER] => servers::other_token(&world),
            _ => servers::token(&world, "alice").await,
        };
        let url = &world.gatehouse.url;
        for kind in kinds {
            let target = match *kind {
                "ping" => servers::message(url, &token, PING),
                "a bad token" => servers::call(url, &crate::flipped(&token, token.len() / 2)).refused(),
                _ => servers::call(url, &token),
            };
            target.times(WARM_UP).await;
            let before = counter.so_far();
            target.times(requests).await;
            let after = counter.so_far();
            let each = |after: u64, before: u64| (after - before) as f64 / requests as f64;
            results.push(json!({
                "kind": kind, "reads": each(after.reads, before.reads), "writes": each(after.writes, before.writes),
            }));
        }
        world.gatehouse.stop().await;
    }
    results.into()
}

/// The system calls for a `tools/call`, by case; nothing where they cannot be counted.
async fn all_system_calls(setup: &Setup, requests: usize) -> Value {
    if setup.strace.is_none() {
        return json!([]);
    }
    let upstream = mcp_server::start().await;
    let mut results = Vec::new();
    let checkouts = [("", Some(setup.now)), ("-base", setup.base.filter(|_| !setup.quick))];
    for (suffix, checkout) in checkouts.into_iter().filter_map(|(suffix, checkout)| Some((suffix, checkout?))) {
        if !setup.quick {
            let forwarder = servers::forwarder(&checkout, &upstream).await;
            let target = Target::post(&forwarder.origin, "/mcp", &[servers::VERSION], servers::CALL);
            results
                .extend(case(setup, &format!("forwarder{suffix}"), forwarder.processes()[0], &target, requests).await);
            forwarder.stop().await;
        }
        let world = servers::gatehouse(&checkout, documents::SMALL, &upstream).await;
        let target = servers::call(&world.gatehouse.url, &servers::token(&world, "alice").await);
        let process = world.gatehouse.process_id().expect("it runs in a process of its own");
        results.extend(case(setup, &format!("small{suffix}"), process, &target, requests).await);
        world.gatehouse.stop().await;
    }
    let world = servers::gatehouse(&setup.now, &documents::other_issuer(), &upstream).await;
    let target = servers::call(&world.gatehouse.url, &servers::other_token(&world));
    let process = world.gatehouse.process_id().expect("it runs in a process of its own");
    results.extend(case(setup, "other-issuer", process, &target, requests).await);
    world.gatehouse.stop().await;
    results.into()
}

async fn case(setup: &Setup, id: &str, process: u32, target: &Target, requests: usize) -> Option<Value> {
    target.times(WARM_UP).await;
    // What the process does while nobody asks is taken off.
    let idle = Duration::from_secs(if setup.quick { 1 } else { 3 });
    let strace = setup.strace.as_ref()?;
    let resting = system_calls::count(strace, process, tokio::time::sleep(idle)).await;
    let resting = match resting {
        Ok((calls, ())) => calls,
        Err(problem) => {
            eprintln!("    the system calls are not counted: {problem}");
            return None;
        }
    };
    let (calls, turn) = system_calls::count(strace, process, target.times(requests)).await.ok()?;
    let share = turn.elapsed.as_secs_f64() / idle.as_secs_f64();
    let mut each: Vec<(String, bool, f64)> = calls
        .into_iter()
        .map(|(call, count)| {
            let rest = resting.get(&call).copied().unwrap_or(0) as f64 * share;
            (call.name, call.of_connections, (count as f64 - rest).max(0.0) / requests as f64)
        })
        .filter(|(_, _, each)| *each >= 0.005)
        .collect();
    each.sort_by(|one, other| other.2.total_cmp(&one.2));
    let sum =
        |of_connections: bool| each.iter().filter(|call| call.1 == of_connections).map(|call| call.2).sum::<f64>();
    let named: Vec<Value> = each
        .iter()
        .map(|(name, of_connections, each)| json!({ "name": name, "of_connections": of_connections, "each": each }))
        .collect();
    Some(json!({ "id": id, "of_connections": sum(true), "others": sum(false), "calls": named }))
}
