//! Where a request comes from, behind real proxies with the guide's files: one, and two in a row.
//!
//! The proxies connect from `127.0.0.1`. `127.0.0.30` is an attacker who writes headers, `127.0.0.40` is who may come in.

use std::net::IpAddr;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Person};
use serde_json::Value;

use crate::front::{Front, Proxy, ProxyPort};

const FRIEND: &str = "127.0.0.40";
const ATTACKER: &str = "127.0.0.30";

/// Gatehouse that trusts what is at `127.0.0.1`, and a token.
async fn trusting() -> (AttackWorld, String) {
    let settings = AttackSettings {
        mcp_lines: format!("networks = {{ allow = [\"{FRIEND}\"] }}"),
        tables: "[trusted_proxies]\nranges = [\"127.0.0.1\"]\n".to_owned(),
        ..AttackSettings::default()
    };
    let world = AttackWorld::start_with(settings).await;
    let tokens = world.flow(&Person::new("alice")).finish().await;
    let token = tokens["access_token"].as_str().expect("an access token").to_owned();
    (world, token)
}

/// `proxy`, which leads to `next`, an address with its port.
async fn before(proxy: Proxy, next: &str, change: impl FnOnce(String) -> String) -> Option<Front> {
    ProxyPort::take().start(proxy, |port| change(proxy.guided(port, next))).await
}

async fn ping(url: &str, token: &str, address: &str, headers: &[(&str, &str)]) -> Answer {
    let address: IpAddr = address.parse().expect("an address");
    let client = reqwest::Client::builder().local_address(address).build().expect("a client");
    let mut request = client.post(format!("{url}/mcp")).bearer_auth(token).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("accept", "application/json, text/event-stream");
    Answer::of(request.body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).send().await.expect("an answer")).await
}

/// What the log says of where the request came from.
fn logged(world: &AttackWorld, answer: &Answer) -> String {
    let id = answer.header("x-request-id");
    let lines = world.gatehouse.log.lines();
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ours = lines.filter(|line| line["request_id"] == id && line["client_address"].is_string());
    ours.next().map(|line| line["client_address"].as_str().expect("text").to_owned()).unwrap_or_default()
}

async fn knows_its_clients(url: &str, world: &AttackWorld, token: &str, what: &str) {
    let before = world.store().await;
    for forged in [
        [("x-forwarded-for", FRIEND)].as_slice(),
        &[("x-forwarded-for", "127.0.0.40, 127.0.0.1")],
        &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", FRIEND)],
        &[("x-forwarded-for", "garbage"), ("forwarded", "for=127.0.0.40")],
        &[("x-forwarded-for", "")],
        &[("x-real-ip", FRIEND), ("spin-client-addr", "127.0.0.40:1")],
        &[],
    ] {
        let answer = ping(url, token, ATTACKER, forged).await;
        assert_eq!(answer.status, 403, "{what}, {forged:?}: {answer:?}");
        assert_eq!(logged(world, &answer), ATTACKER, "{what}, {forged:?}");
        let answer = ping(url, token, FRIEND, forged).await;
        assert_eq!(answer.status, 200, "{what}, {forged:?}: {answer:?}");
        assert_eq!(logged(world, &answer), FRIEND, "{what}, {forged:?}");
    }
    // haproxy looks at `/readyz`.
    world.assert_only_changed(&before, &["readiness", "readiness-look"], what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_one_proxy_a_client_is_who_connected_to_it_whatever_he_writes() {
    let (world, token) = trusting().await;
    let gatehouse = world.gatehouse.url.trim_start_matches("http://").to_owned();
    for proxy in [Proxy::Nginx, Proxy::Haproxy, Proxy::Caddy] {
        let Some(front) = before(proxy, &gatehouse, |guided| guided).await else { continue };
        knows_its_clients(&front.url, &world, &token, &format!("{proxy:?}")).await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_two_proxies_a_client_is_who_connected_to_the_first() {
    let (world, token) = trusting().await;
    let gatehouse = world.gatehouse.url.trim_start_matches("http://").to_owned();
    for (first, second) in [
        (Proxy::Nginx, Proxy::Haproxy),
        (Proxy::Haproxy, Proxy::Nginx),
        (Proxy::Caddy, Proxy::Nginx),
        (Proxy::Nginx, Proxy::Caddy),
    ] {
        // Caddy forgets what comes from a proxy that it does not know.
        let known = |guided: String| match second {
            Proxy::Caddy => guided.replace("flush_interval -1", "flush_interval -1\n\t\ttrusted_proxies 127.0.0.1/32"),
            Proxy::Nginx | Proxy::Haproxy => guided,
        };
        let Some(inner) = before(second, &gatehouse, known).await else { continue };
        let next = inner.url.trim_start_matches("http://").to_owned();
        let Some(outer) = before(first, &next, |guided| guided).await else { continue };
        knows_its_clients(&outer.url, &world, &token, &format!("{first:?} before {second:?}")).await;
    }
    world.gatehouse.stop().await;
}

/// What the guide's line is for: nginx hands a client's own header on as it is, and whoever trusts nginx would trust the client.
#[tokio::test(flavor = "multi_thread")]
async fn as_it_comes_nginx_lets_a_client_say_who_he_is() {
    const LINE: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    let (world, token) = trusting().await;
    let gatehouse = world.gatehouse.url.trim_start_matches("http://").to_owned();
    let without = |guided: String| {
        assert!(guided.contains(LINE), "the guide's file has no such line");
        guided.replace(LINE, "")
    };
    let Some(front) = before(Proxy::Nginx, &gatehouse, without).await else { return };
    let answer = ping(&front.url, &token, ATTACKER, &[("x-forwarded-for", FRIEND)]).await;
    assert_eq!((answer.status, logged(&world, &answer).as_str()), (200, FRIEND), "{answer:?}");
    // Who writes nothing has no address then, and is let in nowhere.
    assert_eq!(ping(&front.url, &token, FRIEND, &[]).await.status, 403);
    world.gatehouse.stop().await;
}
