//! Answers that arrive bit by bit.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{PING, TOKEN, fakes};
use crate::component::GATEWAY;
use crate::fakes::Fakes;
use crate::outbound::{Answer, Pieces};
use crate::serve::{begin, request};

type Upstream = UnboundedSender<Result<Bytes, Error>>;

/// An upstream whose event stream the test writes.
fn event_stream(fakes: &Fakes) -> Upstream {
    let (sender, receiver) = unbounded_channel();
    let body = Mutex::new(Some(Pieces(receiver)));
    fakes.answer(move |_| {
        let body = body.lock().unwrap().take().expect("one request");
        let response = Response::builder().header("content-type", "text/event-stream");
        Answer::Stream(response.body(body.boxed_unsync()).unwrap())
    });
    sender
}

fn call() -> Request<WasiBody> {
    request(
        "POST",
        "/mcp",
        &[("authorization", &format!("Bearer {TOKEN}")), ("content-type", "application/json")],
        PING,
    )
}

async fn next(body: &mut WasiBody) -> Option<Result<Bytes, Error>> {
    Some(body.frame().await?.map(|frame| frame.into_data().expect("no trailers")))
}

fn setup() -> (Arc<Fakes>, Upstream) {
    let fakes = fakes();
    let upstream = event_stream(&fakes);
    (fakes, upstream)
}

#[tokio::test]
async fn every_event_is_passed_on_before_the_next_one_is_there() {
    let (fakes, upstream) = setup();
    let (response, guest) = begin(&GATEWAY, &fakes, call()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut body = response.into_body();
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        upstream.send(Ok(Bytes::from_static(event.as_bytes()))).unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), event);
    }
    drop(upstream);
    assert!(next(&mut body).await.is_none(), "the stream ends as the upstream's does");
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_that_breaks_off_does_not_look_like_one_that_ended() {
    let (fakes, upstream) = setup();
    let (response, guest) = begin(&GATEWAY, &fakes, call()).await;
    let mut body = response.into_body();
    upstream.send(Ok(Bytes::from_static(b"data: 1\n\n"))).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: 1\n\n");
    upstream.send(Err(Error::ConnectionTerminated)).unwrap();
    assert!(next(&mut body).await.expect("no regular end").is_err());
    guest.await.unwrap().unwrap();
    assert!(fakes.log().contains("stream-broken"), "{}", fakes.log());
}

#[tokio::test]
async fn a_client_that_leaves_during_silence_frees_the_upstream() {
    let (fakes, upstream) = setup();
    let (response, guest) = begin(&GATEWAY, &fakes, call()).await;
    let mut body = response.into_body();
    upstream.send(Ok(Bytes::from_static(b"data: 1\n\n"))).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: 1\n\n");
    drop(body);
    upstream.closed().await;
    guest.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upstream_that_answers_without_reading_the_request_is_heard() {
    let fakes = fakes();
    fakes.set("config", &super::CONFIGURATION.replace("request_bytes = 1000", "request_bytes = 16777216"));
    fakes.leaves_bodies_unread.store(true, std::sync::atomic::Ordering::SeqCst);
    fakes.answer_always(413, "text/plain", "too much for me");
    // More than any buffer between here and there holds.
    let reply = super::call(&fakes, &[], &format!("{PING}{}", " ".repeat((16 << 20) - PING.len()))).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (413, "too much for me"));
}

#[tokio::test]
async fn a_stream_ends_when_nothing_comes_for_too_long_and_when_it_has_lasted_long_enough() {
    for limits in ["stream_idle = 1", "stream_total = 1"] {
        let (fakes, upstream) = setup();
        let limits = format!("request_bytes = 1000, {limits}");
        fakes.set("config", &super::CONFIGURATION.replace("request_bytes = 1000", &limits));
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
        let (response, guest) = begin(&GATEWAY, &fakes, request("GET", "/mcp", &headers, "")).await;
        let mut body = response.into_body();
        upstream.send(Ok(Bytes::from_static(b"data: 1\n\n"))).unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: 1\n\n", "{limits}");
        assert!(next(&mut body).await.is_none(), "{limits}: it ends as it should");
        upstream.closed().await;
        guest.await.unwrap().unwrap();
        let entries = fakes.snapshot();
        let came = entries.iter().filter(|(name, _)| name.starts_with("places."));
        let left = |name: &str| entries.get(&name.replacen("places.", "places-left.", 1));
        assert!(came.clone().count() > 0 && came.clone().all(|(name, count)| left(name) == Some(count)), "{entries:?}");
    }
}
