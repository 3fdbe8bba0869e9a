//! Rates and streams over HTTP.

use gatehouse_tests::{World, WorldSettings};
use reqwest::Method;

use crate::mcp::{Client, ping, send};
use crate::programmed_upstream::{self, ProgrammedUpstream};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_as_many_as_the_rate_allows_reach_the_upstream() {
    let upstream = ProgrammedUpstream::start().await;
    let rates = "rates = [{ per = \"subject\", requests = 8, seconds = 3600 }]";
    let world = World::start(programmed_upstream::beside_mcp(&upstream, rates)).await;
    let alice = programmed_upstream::sign_in(&world, "/programmed", "alice", "").await;
    let asked = (0..24).map(|_| {
        let alice = alice.clone();
        tokio::spawn(async move { send(alice.post(&ping())).await.status().as_u16() })
    });
    let mut statuses = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        statuses.push(asked.await.expect("no panic"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 8], vec![429; 16]].concat());
    assert_eq!(upstream.requests().len(), 8);
    let refused = send(alice.post(&ping())).await;
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    // Another user has another count.
    let bob = programmed_upstream::sign_in(&world, "/programmed", "bob", "").await;
    assert_eq!(send(bob.post(&ping())).await.status(), 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_closed_makes_room_for_another() {
    let world = World::start(WorldSettings {
        upstream: &["conformance-upstream.mjs"],
        upstream_lines: "limits = { streams_per_subject = 1 }".to_owned(),
        ..WorldSettings::default()
    })
    .await;
    let alice = Client::sign_in(&world, "alice").await;
    let session = alice.initialize().await;
    let listen = || crate::mcp::in_session(alice.request(Method::GET).header("accept", "text/event-stream"), &session);
    let first = send(listen()).await;
    assert_eq!(first.status(), 200);
    assert_eq!(send(listen()).await.status(), 429);
    drop(first);
    // It takes a moment until anybody notices.
    let mut status = 429;
    while status == 429 {
        status = send(listen()).await.status().as_u16();
    }
    assert_ne!(status, 429);
    world.gatehouse.stop().await;
}
