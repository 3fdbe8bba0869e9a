//! `/readyz`, asked often, at two instances that share a store.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use gatehouse_tests::{AttackSettings, AttackWorld, http, snapshot};
use tokio::task::JoinSet;

use crate::echoing_upstream::EchoingUpstream;

const REQUESTS: usize = 1_000;
/// Requests that are on their way together.
const AT_ONCE: usize = 8;

/// Asks `/readyz` so often, at one instance after the other, and moves the clock meanwhile: how often each status came.
async fn asked(instances: &[AttackWorld; 2], requests: usize) -> BTreeMap<u16, usize> {
    let urls = [0, 1].map(|number: usize| format!("{}/readyz", instances[number].gatehouse.url));
    let (client, next) = (http(), Arc::new(AtomicUsize::new(0)));
    let mut askers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, next, urls) = (client.clone(), Arc::clone(&next), urls.clone());
        let clock = Arc::clone(&instances[0].gatehouse.clock);
        askers.spawn(async move {
            let mut statuses = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= requests {
                    return statuses;
                }
                // Now and then it is quiet for so long that nothing is known any more.
                match number {
                    _ if number % 250 == 249 => clock.advance(120),
                    _ if number % 20 == 19 => clock.advance(3),
                    _ => {}
                }
                let answer = client.get(&urls[number % 2]).send().await.expect("an answer");
                statuses.push(answer.status().as_u16());
            }
        });
    }
    let mut statuses = BTreeMap::new();
    askers.join_all().await.into_iter().flatten().for_each(|status| *statuses.entry(status).or_default() += 1);
    statuses
}

async fn two(tables: String) -> [AttackWorld; 2] {
    let world = AttackWorld::start_with(AttackSettings { tables, ..AttackSettings::default() }).await;
    let beside = world.beside().await;
    [world, beside]
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_servers_are_up_readyz_is_never_wrong_and_asks_them_seldom() {
    let upstream = EchoingUpstream::start().await;
    let instances = two(upstream.route("/echo", "")).await;
    let before = snapshot(&instances[0].gatehouse.state_directory()).await.len();
    assert_eq!(asked(&instances, REQUESTS).await, BTreeMap::from([(200, REQUESTS)]));
    // 50 times 3 seconds and 4 times 120 have passed: less than 30 periods, in which one looks; and after the long
    // pauses those, too, who have waited for it in vain.
    let looks = upstream.requests();
    assert!((5..=30 + 5 * AT_ONCE).contains(&looks), "{looks}");
    let rows = snapshot(&instances[0].gatehouse.state_directory()).await;
    let of_it = rows.iter().filter(|(name, _)| name.starts_with("readiness")).count();
    assert!(of_it <= rows.len() - before && of_it <= 2 * 30 + 10, "{of_it}");
    for instance in instances {
        instance.gatehouse.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_server_is_down_readyz_never_says_that_all_is_well() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let upstream = EchoingUpstream::start().await;
    let tables = format!("\n[[routes]]\npath = \"/dead\"\nurl = \"http://{dead}/mcp\"\nscopes = [\"mcp\"]\n");
    let instances = two(format!("{tables}{}", upstream.route("/echo", ""))).await;
    for _ in 0..3 {
        for instance in &instances {
            // The servers behind the other routes go on.
            let whole = instance.get("/readyz").await;
            assert_eq!((whole.status, whole.body.as_str()), (200, r#"{"status":"degraded"}"#));
            assert_eq!(instance.get("/readyz/dead").await.status, 503);
            assert_eq!(instance.get("/readyz/echo").await.body, r#"{"status":"ok"}"#);
            assert_eq!(instance.get("/readyz/nothing").await.status, 404);
        }
        instances[0].gatehouse.clock.advance(7);
    }
    instances[0].gatehouse.log.wait_for(|line| line.contains("not-ready") && line.contains("/dead")).await;
    for instance in instances {
        instance.gatehouse.stop().await;
    }
}
