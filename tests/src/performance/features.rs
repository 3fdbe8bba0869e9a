//! What a route costs that does more than forward.

use serde_json::{Value, json};

use super::setup::Setup;
use super::{documents, mcp_server, servers, turns};

/// Of each kind one, with limits that nobody gets to.
const RATES: &str = r#"rates = [
    { per = "subject", requests = 10000000, seconds = 60 }, { per = "tool", tools = ["*"], requests = 10000000, seconds = 60 },
]"#;

const POLICY: &str = r#"policy = [
    { name = "reading", effect = "allow", scopes = ["mcp"], tools = ["echo", "read_*"] },
    { name = "writing", effect = "allow", groups = ["editors"], tools = ["write_*"] },
    { name = "never", effect = "deny", tools = ["delete_*"] },
]"#;

/// The first use, which verifies the signature, is before anything is measured.
const OTHER_ISSUER: &str = "another issuer's token, used again";

/// Measures each beside the plain route.
pub(super) async fn run(setup: &Setup) -> Value {
    let upstream = mcp_server::start().await;
    let federated_call = servers::CALL.replace("\"echo\"", "\"one_echo\"");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned();
    let call = servers::CALL.to_owned();
    let (mut worlds, mut targets) = (Vec::new(), Vec::new());
    for (name, document, message) in [
        ("a plain route", documents::SMALL.to_owned(), call.clone()),
        ("a policy of three rules", documents::with_route_lines(POLICY), call.clone()),
        ("revocation at expiry", documents::with_route_lines(documents::AT_EXPIRY), call.clone()),
        (OTHER_ISSUER, documents::other_issuer(), call.clone()),
        ("two rates", documents::with_route_lines(RATES), call),
        ("one of two members", documents::federation(2), federated_call),
        ("the tools of two members, listed", documents::federation(2), list),
    ] {
        let world = servers::gatehouse(&setup.now, &document, &upstream).await;
        let token = match name {
            OTHER_ISSUER => servers::other_token(&world),
            _ => servers::token(&world, "alice").await,
        };
        targets.push((name.to_owned(), servers::message(&world.gatehouse.url, &token, &message)));
        worlds.push(world);
    }
    let results = turns::compare(setup, &targets).await;
    for world in worlds {
        world.gatehouse.stop().await;
    }
    json!(results)
}
