//! The same call on other hosts: what the host costs, and what Gatehouse does there.

use serde_json::{Value, json};

use super::case::{CONNECTIONS, Case, TURN};
use super::setup::Setup;
use super::statistics::Ratio;
use super::{documents, servers};
use crate::{AttackSettings, HostKind, StoreKind};

/// How many turns each case has.
const TURNS: usize = 20;

/// A host that is measured.
struct Host {
    name: &'static str,
    kind: HostKind,
    /// The bare forwarder there, and Gatehouse; `None` where the host is not installed.
    cases: Option<[Case; 2]>,
    running: Vec<servers::Server>,
}

/// Measures the forwarder and Gatehouse on each host that is there, turn by turn.
pub(super) async fn run(setup: &Setup) -> Value {
    let upstream = servers::static_server(setup).await;
    let mut hosts = [
        ("the embedded host", setup.now.host),
        ("wash, Redis", HostKind::Wash(StoreKind::Redis)),
        ("wash, memory", HostKind::Wash(StoreKind::Memory)),
        ("Spin, its own SQLite", HostKind::Spin),
    ]
    .map(|(name, kind)| Host { name, kind, cases: None, running: Vec::new() });
    let mut worlds = Vec::new();
    for host in &mut hosts {
        if !host.kind.is_installed() {
            continue;
        }
        let forwarder = match host.kind {
            HostKind::Wash(_) => servers::forwarder_on_wash(&upstream.origin).await,
            HostKind::Spin | HostKind::SpinRedis => servers::forwarder_on_spin(&upstream.origin).await,
            HostKind::Embedded
            | HostKind::EmbeddedRedis
            | HostKind::EmbeddedRedisBehindProxy
            | HostKind::EmbeddedProcess
            | HostKind::EmbeddedProcessUnder(_)
            | HostKind::Released(_) => servers::forwarder(&setup.now, &upstream.origin).await,
        };
        let settings = AttackSettings::default();
        let world = servers::gatehouse_on(host.kind, documents::SMALL, &upstream.origin, settings).await;
        let token = servers::token(&world, "alice").await;
        let call = servers::call(&world.gatehouse.url, &token);
        host.cases = Some([
            Case::new("forwarder", "bare forwarder", servers::plain(&forwarder), forwarder.processes().to_vec(), None),
            Case::new("gatehouse", "Gatehouse", call, servers::processes(&world), None),
        ]);
        host.running.push(forwarder);
        worlds.push(world);
    }
    for turn in 0..=setup.turns.unwrap_or(TURNS) {
        for case in hosts.iter_mut().filter_map(|host| host.cases.as_mut()).flatten() {
            match turn {
                // The first one only warms it up.
                0 => drop(case.target.turn(CONNECTIONS, 2 * TURN).await),
                _ => case.turn().await,
            }
        }
    }
    let results: Vec<Value> = hosts.iter_mut().map(Host::result).collect();
    for world in worlds {
        world.gatehouse.stop().await;
    }
    for host in hosts {
        for server in host.running {
            server.stop().await;
        }
    }
    upstream.stop().await;
    json!(results)
}

impl Host {
    fn result(&mut self) -> Value {
        let Some([forwarder, gatehouse]) = &mut self.cases else { return json!({ "name": self.name }) };
        let ratio = Ratio::of(&gatehouse.per_second, &forwarder.per_second);
        json!({
            "name": self.name,
            "cases": [forwarder.result(), gatehouse.result()],
            "ratio": ratio.median,
            "half_width": ratio.half_width,
        })
    }
}
