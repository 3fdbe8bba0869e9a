//! Calls from end to end through the gateway with an API key, one after the other, beside the same call to a server that does nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::load::Target;
use super::super::servers;
use super::super::setup::Setup;
use super::super::statistics::quantile;
use super::client::{Client, python, shell};
use super::scene::{Application, gateway, with_key};

/// How often each is called, after a call that only warms it up.
const ROUNDS: usize = 50;
/// How many files of 1 MiB the environments have.
const FILES: [u32; 3] = [0, 1, 7];
/// A MiB that does not become shorter when it is packed.
const BYTES: u32 = 1 << 20;

/// A call, and how long it took each time.
struct Case {
    id: &'static str,
    name: &'static str,
    files: u32,
    target: Target,
    latencies: Vec<Duration>,
}

/// Measures them, by turns.
pub(super) async fn run(setup: &Setup, running: &Application) -> Vec<Value> {
    let upstream = servers::static_server(setup).await;
    let (plain, world) = (gateway(&setup.now, &upstream.origin).await, running.gateway(&setup.now).await);
    let client = with_key(&world);
    let case = |id, name, files, target| Case { id, name, files, target, latencies: Vec::new() };
    let call = ("echo", json!({ "text": "hello" }));
    let mut cases = vec![
        case("static", "a call of a server that does nothing", 0, with_key(&plain).target(call, "\"result\"")),
        case("launch", "`launchShell`", 0, client.target(("launchShell", json!({})), "\"environmentId\"")),
    ];
    for files in FILES {
        let id = environment(&client, files).await;
        let echo = client.target(shell(&id, "echo hi"), "\"stdout\":\"hi\\n\"");
        let sum = client.target(python(&id, "print(sum(range(10)))"), "\"stdout\":\"45\\n\"");
        cases.push(case("shell", "`echo hi` in the shell", files, echo));
        cases.push(case("python", "`print(sum(range(10)))` in Python", files, sum));
    }
    for round in 0..=setup.turns.unwrap_or(ROUNDS) {
        for case in &mut cases {
            let turn = case.target.times(1).await;
            if round > 0 {
                case.latencies.extend(turn.latencies);
            }
        }
    }
    for world in [plain, world] {
        world.gatehouse.stop().await;
    }
    upstream.stop().await;
    cases.iter().map(Case::result).collect()
}

/// An environment with so many files of 1 MiB.
async fn environment(client: &Client, files: u32) -> String {
    let id = client.launch().await.unwrap_or_else(|answer| panic!("no environment: {answer}"));
    for number in 0..files {
        let code = format!("import os\nprint(open('/work/{number}', 'wb').write(os.urandom({BYTES})))");
        assert_eq!(client.output(python(&id, &code)).await, format!("{BYTES}\n"));
    }
    id
}

impl Case {
    fn result(&self) -> Value {
        let milliseconds: Vec<f64> = self.latencies.iter().map(|one| one.as_secs_f64() * 1e3).collect();
        json!({
            "id": self.id,
            "name": self.name,
            "files_mebibytes": self.files,
            "times": milliseconds.len(),
            "p50_ms": quantile(&milliseconds, 0.5),
            "p90_ms": quantile(&milliseconds, 0.9),
        })
    }
}
