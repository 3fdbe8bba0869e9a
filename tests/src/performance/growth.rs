//! What a request costs when there is more of something: each curve beside its own first point.

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::setup::Setup;
use super::{documents, mcp_server, servers, turns};
use crate::{AttackSettings, AttackWorld, ScriptedProvider};

/// No route may have many more.
const RULES_OF_A_ROUTE: usize = 250;
/// The size of a record of a session, in bytes.
const RECORD: i64 = 300;

/// Measures all curves.
pub(super) async fn run(setup: &Setup) -> Value {
    let upstream = mcp_server::start().await;
    let mut curves = Vec::new();
    for (id, x, points) in [
        ("sessions", "sessions in the store", &[100, 10_000, 1_000_000][..]),
        ("routes", "routes", &[1, 10, 100]),
        ("rules", "rules, at most 250 for a route", &[1, 20, 100, 1000]),
        ("tools-call", "tools of a federation, one called", &[10, 100, 500, 2000]),
        ("tools-list", "tools of a federation, all listed", &[10, 100, 500, 2000]),
        ("groups", "groups of the user", &[0, 10, 100, 1000]),
    ] {
        eprintln!("    {x}");
        curves.push(curve(setup, &upstream, id, x, points).await);
    }
    curves.into()
}

async fn curve(setup: &Setup, upstream: &str, id: &str, x: &str, points: &[usize]) -> Value {
    let (mut worlds, mut targets) = (Vec::new(), Vec::new());
    for &point in points {
        let world = world(setup, upstream, id, point).await;
        let token = servers::token(&world, "alice").await;
        if id == "sessions" {
            fill(&world, point);
        }
        let call = servers::CALL.to_owned();
        let message = match id {
            "tools-call" => call.replace("\"echo\"", "\"one_echo\""),
            "tools-list" => r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(),
            _ => call,
        };
        targets.push((point.to_string(), servers::message(&world.gatehouse.url, &token, &message)));
        worlds.push(world);
    }
    let results = turns::compare(setup, &targets).await;
    for world in worlds {
        world.gatehouse.stop().await;
    }
    let points: Vec<Value> = points
        .iter()
        .zip(results)
        .map(|(point, result)| {
            json!({ "x": point, "per_second": result["per_second"], "ratio": result["ratio"], "half_width": result["half_width"] })
        })
        .collect();
    json!({ "id": id, "x": x, "points": points })
}

async fn world(setup: &Setup, upstream: &str, id: &str, point: usize) -> AttackWorld {
    match id {
        "routes" => servers::gatehouse(&setup.now, &documents::document(point - 1, 0), upstream).await,
        "rules" => {
            let routes = point.div_ceil(RULES_OF_A_ROUTE);
            servers::gatehouse(&setup.now, &documents::document(routes - 1, point / routes), upstream).await
        }
        "tools-call" | "tools-list" => servers::gatehouse(&setup.now, &documents::federation(point), upstream).await,
        "groups" => {
            let provider = ScriptedProvider::start("test").await;
            provider.script(|script| {
                script.claims(move |claims| {
                    claims["groups"] = (0..point).map(|group| format!("group-{group}")).collect::<Vec<_>>().into();
                });
            });
            // A rule names the last one, so that all are looked through.
            let rule = format!(
                "policy = [{{ name = \"member\", effect = \"allow\", groups = [\"group-{}\"], tools = [\"read_*\"] }},\n\
                 {{ name = \"everybody\", effect = \"allow\", scopes = [\"mcp\"], tools = [\"echo\"] }}]",
                point.saturating_sub(1)
            );
            let document = documents::with_route_lines(&rule);
            let settings = AttackSettings { providers: vec![provider], ..AttackSettings::default() };
            servers::gatehouse_with(&setup.now, &document, upstream, settings).await
        }
        _ => servers::gatehouse(&setup.now, documents::SMALL, upstream).await,
    }
}

/// Writes so many records of sessions that last for a day, in one statement, into the store's own table.
fn fill(world: &AttackWorld, sessions: usize) {
    let database = world.gatehouse.state_directory().join("key-value.db");
    let connection = Connection::open(database).expect("the store opens");
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time to wait");
    let sql = "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2)
        INSERT INTO entries (store, key, value)
        SELECT 'default', printf('session.%d.%043d', ?1, number), randomblob(?3) FROM numbers";
    let expiry = i64::try_from(world.now() + 86_400).expect("a time");
    let count = i64::try_from(sessions).expect("a small number");
    connection.execute(sql, params![expiry, count, RECORD]).expect("the entries are written");
    // Sessions that came one by one are long in the database, and not in its log.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("the log is written back");
}
