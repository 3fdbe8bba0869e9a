//! Events go on as they come, and a client that leaves is followed by the gateway.

use gatehouse_tests::{World, WorldSettings, http, is_listened_at};
use serde_json::{Value, json};

use crate::mcp::{Client, Era, Events};
use crate::programmed_upstream::{self, ProgrammedUpstream};

/// The upstream's counters, as soon as those in `wanted` are reached.
pub(crate) async fn counters(world: &World, wanted: &str) -> Value {
    let url = world.upstream_url.replace("/mcp", &format!("/_test/closed?wait_ms=60000&{wanted}"));
    let text = http().get(url).send().await.expect("an answer").text().await.expect("text");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_arrives_before_the_call_is_over_and_a_client_that_leaves_closes_the_upstreams_request_in_both_eras() {
    let world =
        World::start(WorldSettings { upstream: &["conformance-upstream.mjs"], ..WorldSettings::default() }).await;
    let alice = Client::sign_in(&world, "alice").await;
    for era in [Era::Sessions, Era::Stateless] {
        let before = counters(&world, "").await;

        // Ten thousand events: no buffer between here and there is large enough to hold the first one back until the
        // end of the call, and the call is still running when it has arrived.
        let mut events = alice.stream_progress(era, 10_000, 20).await;
        for expected in 1..=3 {
            assert_eq!(events.progress().await, expected, "{era:?}");
        }
        let during = counters(&world, "").await;
        assert_eq!(during["calls_started"], before["calls_started"].as_u64().unwrap() + 1, "{era:?}");
        for ended in ["calls_completed", "calls_cancelled", "closed_by_client"] {
            assert_eq!(during[ended], before[ended], "{era:?}: {ended}");
        }
        assert_eq!(during["open"], before["open"].as_u64().unwrap() + 1, "{era:?}");

        drop(events);
        let closed = before["closed_by_client"].as_u64().unwrap() + 1;
        let after = counters(&world, &format!("closed_by_client={closed}")).await;
        assert_eq!((&after["closed_by_client"], &after["open"]), (&closed.into(), &before["open"]), "{era:?}: {after}");
        assert_eq!(after["calls_completed"], before["calls_completed"], "{era:?}");
        if era == Era::Stateless {
            // In this era leaving is how a call is cancelled.
            counters(&world, &format!("calls_cancelled={}", before["calls_cancelled"].as_u64().unwrap() + 1)).await;
        }

        let mut events = alice.stream_progress(era, 3, 1).await;
        for expected in 1..=3 {
            assert_eq!(events.progress().await, expected, "{era:?}");
        }
        let result = events.next().await.expect("a result");
        assert_eq!(result["result"]["content"][0]["text"], "Reported progress 3 times.", "{era:?}");
        assert_eq!(events.next().await, None, "{era:?}");
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_nothing_has_been_said_closes_the_upstreams_request() {
    let upstream = ProgrammedUpstream::start().await;
    let world = World::start(programmed_upstream::beside_mcp(&upstream, "")).await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "?silent").await;
    let version = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    let call = crate::mcp::request("tools/call", &json!({ "name": "wait", "_meta": version }));
    let call = alice.post(&call).header("mcp-protocol-version", "2026-07-28");
    let answer = crate::mcp::send(call.header("mcp-method", "tools/call").header("mcp-name", "wait")).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].as_bytes()),
        (200, &b"text/event-stream"[..])
    );
    drop(answer);
    upstream.is_left().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_stream_ends_by_itself_while_gatehouse_stops() {
    let upstream = ProgrammedUpstream::start().await;
    let world = World::start(programmed_upstream::beside_mcp(&upstream, "")).await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "?gated").await;
    let mut events = Events::of(crate::mcp::send(alice.post(&crate::mcp::ping())).await);
    assert_eq!(events.next().await.expect("the first event"), "first");

    let url = world.gatehouse.url.clone();
    let stopping = tokio::spawn(world.gatehouse.stop_within(std::time::Duration::from_secs(60)));
    while is_listened_at(url.trim_start_matches("http://")) {
        tokio::task::yield_now().await;
    }
    upstream.open_the_gate();
    assert_eq!(events.next().await.expect("the second event"), "second");
    assert_eq!(events.next().await, None);
    assert!(stopping.await.expect("no panic"), "the stream had to be ended");
}
