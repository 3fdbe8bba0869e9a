//! The main table: the same call through everything that is compared, turn by turn.

use serde_json::{Value, json};

use super::case::{CONNECTIONS, Case, TURN};
use super::load::Target;
use super::setup::Setup;
use super::statistics::{Ratio, median};
use super::{documents, mcp_server, peers, servers};
use crate::{AttackSettings, AttackWorld};

/// How many turns each case has at least and at most.
const FEWEST_TURNS: usize = 12;
const MOST_TURNS: usize = 40;
/// Ratios whose half-width is below this are steady.
const STEADY: f64 = 0.03;
/// The same of a case that is so slow that a turn has fewer requests than these.
const STEADY_IF_SLOW: f64 = 0.1;
const FEW_REQUESTS: f64 = 100.0;
/// What every case is compared with.
const FLOOR: &str = "forwarder";

/// Further pairs of cases that are compared.
const PAIRS: [(&str, &str); 9] = [
    ("forwarder", "forwarder-base"),
    ("small", "small-base"),
    ("large", "large-base"),
    ("refused", "refused-base"),
    ("small", "workers-oauth-provider"),
    ("small", "fastmcp"),
    ("large", "small"),
    ("refused", "small"),
    ("measured", "small"),
];

/// What runs meanwhile.
#[derive(Default)]
struct Running {
    servers: Vec<servers::Server>,
    worlds: Vec<AttackWorld>,
    cases: Vec<Case>,
}

/// Measures the cases that the parts `calls` and `peers` have.
pub(super) async fn run(setup: &Setup) -> Value {
    let upstream = servers::static_server(setup).await;
    let mut running = Running::default();
    running.start(setup, &upstream.origin).await;
    for case in &mut running.cases {
        case.target.turn(CONNECTIONS, 2 * TURN).await;
    }
    let most = setup.turns.unwrap_or(MOST_TURNS);
    let mut turns = 0;
    let ratios = loop {
        for case in &mut running.cases {
            case.turn().await;
        }
        turns += 1;
        let ratios = running.ratios();
        let steady = ratios.iter().all(|(one, other, ratio)| ratio.is_steady(running.widest(one, other)));
        if turns >= most || (turns >= FEWEST_TURNS && steady) {
            break ratios;
        }
        eprintln!("    turn {turns}");
    };
    let cases: Vec<Value> = running.cases.iter_mut().map(|case| case.result()).collect();
    let ratios: Vec<Value> = ratios
        .iter()
        .map(|(one, other, ratio)| {
            json!({ "of": one, "to": other, "median": ratio.median, "half_width": ratio.half_width })
        })
        .collect();
    running.stop().await;
    upstream.stop().await;
    json!({
        "turns": turns, "connections": CONNECTIONS, "turn_ms": TURN.as_millis() as u64, "cases": cases, "ratios": ratios,
    })
}

impl Running {
    async fn start(&mut self, setup: &Setup, upstream: &str) {
        let (calls, with_peers) = (setup.measures("calls"), setup.measures("peers"));
        if with_peers {
            let nginx = servers::reverse_proxy(setup, upstream).await;
            self.server("nginx", "nginx, a plain reverse proxy", nginx, None);
        }
        let forwarder = servers::forwarder(&setup.now, upstream).await;
        self.server(FLOOR, "bare forwarder, this host", forwarder, None);
        self.world("small", "Gatehouse", setup.now, documents::SMALL, upstream, Some("refused")).await;
        if calls {
            self.measured(setup, upstream).await;
            let large = documents::large();
            self.world("large", "Gatehouse, large configuration", setup.now, &large, upstream, None).await;
            if let Some(base) = setup.base {
                let forwarder = servers::forwarder(&base, upstream).await;
                self.server("forwarder-base", "bare forwarder, host of the base", forwarder, None);
                let refused = Some("refused-base");
                self.world("small-base", "the base", base, documents::SMALL, upstream, refused).await;
                self.world("large-base", "the base, large configuration", base, &large, upstream, None).await;
            }
        }
        if with_peers {
            let (server, call) = peers::workers_oauth_provider(upstream).await;
            self.server("workers-oauth-provider", "workers-oauth-provider on workerd", server, Some(call));
            let mcp_server = mcp_server::start().await;
            let (server, call) = peers::fastmcp(setup, &mcp_server, CONNECTIONS).await;
            self.server("fastmcp", "FastMCP's OAuth proxy", server, Some(call));
        }
    }

    /// Adds a case of a server; the plain call where it needs no token.
    fn server(&mut self, id: &'static str, name: &'static str, server: servers::Server, call: Option<Target>) {
        let target = call.unwrap_or_else(|| servers::plain(&server));
        self.cases.push(Case::new(id, name, target, server.processes().to_vec(), None));
        self.servers.push(server);
    }

    /// Adds a case of Gatehouse; and one more with a bad token at the same process, if it is named.
    async fn world(
        &mut self,
        id: &'static str,
        name: &'static str,
        checkout: super::setup::Checkout,
        document: &str,
        upstream: &str,
        refused: Option<&'static str>,
    ) {
        let world = servers::gatehouse(&checkout, document, upstream).await;
        let token = servers::token(&world, "alice").await;
        let (bytes, processes) = (world.gatehouse.variable("config").len(), servers::processes(&world));
        let call = servers::call(&world.gatehouse.url, &token);
        self.cases.push(Case::new(id, name, call, processes.clone(), Some(bytes)));
        if let Some(id) = refused {
            let name = if id == "refused" { "Gatehouse, a bad token" } else { "the base, a bad token" };
            let target = servers::call(&world.gatehouse.url, &crate::flipped(&token, token.len() / 2)).refused();
            self.cases.push(Case::new(id, name, target, processes, Some(bytes)));
        }
        self.worlds.push(world);
    }

    /// Adds the case in which metrics are counted.
    async fn measured(&mut self, setup: &Setup, upstream: &str) {
        let arguments = ["--metrics-listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        let settings = AttackSettings { arguments, ..AttackSettings::default() };
        let world = servers::gatehouse_with(&setup.now, documents::SMALL, upstream, settings).await;
        let token = servers::token(&world, "alice").await;
        let (bytes, processes) = (world.gatehouse.variable("config").len(), servers::processes(&world));
        let call = servers::call(&world.gatehouse.url, &token);
        self.cases.push(Case::new("measured", "Gatehouse, with metrics", call, processes, Some(bytes)));
        self.worlds.push(world);
    }

    /// Every case to the floor, and the pairs.
    fn ratios(&self) -> Vec<(&'static str, &'static str, Ratio)> {
        let case = |id: &str| self.cases.iter().find(|case| case.id == id);
        let to_floor = self.cases.iter().map(|case| (case.id, FLOOR)).filter(|(id, _)| *id != FLOOR);
        let pairs = to_floor.chain(PAIRS);
        pairs
            .filter_map(|(one, other)| {
                let ratio = Ratio::of(&case(one)?.per_second, &case(other)?.per_second);
                Some((one, other, ratio))
            })
            .collect()
    }

    /// How wide a ratio may be.
    fn widest(&self, one: &str, other: &str) -> f64 {
        let of_a_turn = |case: &Case| median(&case.per_second) * TURN.as_secs_f64();
        let cases = self.cases.iter().filter(|case| case.id == one || case.id == other);
        let fewest = cases.map(of_a_turn).fold(f64::INFINITY, f64::min);
        if fewest < FEW_REQUESTS { STEADY_IF_SLOW } else { STEADY }
    }

    async fn stop(self) {
        for world in self.worlds {
            world.gatehouse.stop().await;
        }
        for server in self.servers {
            server.stop().await;
        }
    }
}
