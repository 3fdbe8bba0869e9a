//! Addresses: what is refused by them asks nobody, and what a counted request asks of the store.

use std::sync::Arc;

use super::{CONFIGURATION, PING, ask, asked_nobody, call, fakes, is_terse_refusal};
use crate::fakes::Fakes;

/// The usual configuration with these lines for its route.
fn configured(lines: &str) -> Arc<Fakes> {
    let fakes = fakes();
    fakes.set("config", &format!("{CONFIGURATION}{lines}\n"));
    fakes
}

const PEER: (&str, &str) = ("spin-client-addr", "198.51.100.7:4000");

#[tokio::test]
async fn an_address_that_may_not_come_costs_no_look_at_a_token_and_none_at_the_store() {
    let fakes = configured(r#"networks = { allow = ["192.0.2.0/24"] }"#);
    for headers in
        [[PEER].as_slice(), &[], &[("spin-client-addr", "192.0.2.1:1"), PEER], &[("spin-client-addr", "junk")]]
    {
        is_terse_refusal(&call(&fakes, headers, PING).await, 403);
        let metadata = ask(&fakes, "GET", "/.well-known/oauth-protected-resource/mcp", headers).await;
        assert_eq!(metadata.status, 403);
    }
    asked_nobody(&fakes);
    assert!(fakes.store.lock().unwrap().take_calls().is_empty(), "the store was asked");
    let lines = fakes.log_lines();
    let reasons: Vec<_> = lines.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert!(reasons[0].ends_with("in none of the ranges that networks allow"), "{reasons:?}");
    assert!(
        reasons[2].ends_with("the client's address is not known: this host does not tell who connects"),
        "{reasons:?}"
    );
    assert_eq!(
        (&lines[0]["client_address"], &lines[2]["client_address"]),
        (&"198.51.100.7".into(), &serde_json::Value::Null)
    );
    // Who may come, comes.
    assert_eq!(call(&fakes, &[("spin-client-addr", "192.0.2.1:1")], PING).await.status, 200);
}

#[tokio::test]
async fn a_request_of_an_address_with_a_rate_is_counted_before_its_token_is_asked_about() {
    let fakes = configured(r#"rates = [{ per = "address", requests = 2, seconds = 60 }]"#);
    for _ in 0..2 {
        assert_eq!(call(&fakes, &[PEER], PING).await.status, 200);
        assert_eq!(fakes.store.lock().unwrap().take_calls(), ["increment", "increment"]);
    }
    let asked = fakes.session_calls().len();
    let reply = call(&fakes, &[PEER], PING).await;
    assert_eq!((reply.status.as_u16(), reply.header("ratelimit-policy")), (429, "\"address\";q=2;w=60"));
    assert_eq!(fakes.store.lock().unwrap().take_calls(), ["increment", "increment", "increment"]);
    assert_eq!(fakes.session_calls().len(), asked, "the token was asked about");
    // No token, no count.
    assert_eq!(ask(&fakes, "POST", "/mcp", &[PEER]).await.status, 401);
    assert!(fakes.store.lock().unwrap().take_calls().is_empty());
    // Where nothing can be counted, nobody is let in.
    fakes.store_goes_down();
    assert_eq!(call(&fakes, &[("spin-client-addr", "192.0.2.1:1")], PING).await.status, 503);
    assert_eq!(fakes.session_calls().len(), asked);
}
