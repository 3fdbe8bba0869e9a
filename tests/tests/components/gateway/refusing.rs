//! Requests that go no further.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wasmtime_wasi_http::Error;

use super::{
    ORIGIN, PING, TOKEN, ask, asked_nobody, call, fakes, is_terse_refusal, principal, sent_nothing, validation,
};
use crate::bindings::imports::gatehouse::auth::sessions::{Principal, Rejection};
use crate::component::GATEWAY;
use crate::outbound::Answer;
use crate::serve::{request, serve};

const METADATA: &str = r#"resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp""#;

#[tokio::test]
async fn a_request_without_a_token_is_told_where_to_get_one_and_nobody_is_asked() {
    let fakes = fakes();
    for (method, target) in [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("POST", "/mcp?access_token=abc")] {
        let reply = ask(&fakes, method, target, &[("cookie", "session=abc")]).await;
        is_terse_refusal(&reply, 401);
        assert_eq!(reply.header("www-authenticate"), format!(r#"Bearer scope="mcp", {METADATA}"#));
    }
    asked_nobody(&fakes);
}

#[tokio::test]
async fn an_unusable_authorization_header_asks_nobody() {
    let fakes = fakes();
    for value in ["Bearer", "Bearer a b", "Bearer \u{e9}"] {
        let reply = ask(&fakes, "POST", "/mcp", &[("authorization", value)]).await;
        is_terse_refusal(&reply, 400);
        assert!(reply.header("www-authenticate").contains(r#"error="invalid_request""#), "{value}");
    }
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer a")];
    is_terse_refusal(&ask(&fakes, "POST", "/mcp", &twice).await, 400);
    asked_nobody(&fakes);
}

#[tokio::test]
async fn every_rejected_token_gets_the_same_answer_and_the_upstream_hears_nothing() {
    let fakes = fakes();
    let mut answers = Vec::new();
    for rejection in [Rejection::Unrecognised, Rejection::Expired, Rejection::Revoked] {
        *fakes.validated.lock().unwrap() = Some(Err(rejection));
        let reply = call(&fakes, &[], PING).await;
        is_terse_refusal(&reply, 401);
        answers.push((reply.header("www-authenticate").to_owned(), reply.body));
    }
    assert!(answers[0].0.contains(r#"error="invalid_token""#) && answers[0].0.contains(METADATA), "{answers:?}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(fakes.session_calls(), vec![validation(); 3]);
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_token_that_cannot_be_validated_now_is_not_called_invalid() {
    let fakes = fakes();
    *fakes.validated.lock().unwrap() = Some(Err(Rejection::Unavailable("the disk is full".to_owned())));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 503);
    assert_eq!(reply.header("www-authenticate"), "", "the client would throw its tokens away");
    assert!(!reply.body.contains("disk") && fakes.log().contains("the disk is full"));
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_one() {
    let fakes = fakes();
    *fakes.validated.lock().unwrap() = Some(Ok(Principal { scopes: vec!["other".to_owned()], ..principal() }));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 403);
    let challenge = reply.header("www-authenticate");
    assert!(
        challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(r#"scope="mcp other""#),
        "{challenge}"
    );
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_so() {
    let fakes = fakes();
    let body = format!("{PING:<1001}");
    is_terse_refusal(&call(&fakes, &[("content-length", "1001")], &body).await, 413);
    is_terse_refusal(&call(&fakes, &[], &body).await, 413);
    sent_nothing(&fakes);
    assert_eq!(call(&fakes, &[("content-length", "1000")], &body[..1000]).await.status, 200);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_502_and_one_that_does_not_answer_504() {
    for (error, status) in [
        ((|| Error::ConnectionRefused) as fn() -> Error, 502),
        (|| Error::DestinationUnavailable, 502),
        (|| Error::HttpRequestDenied, 502),
        (|| Error::TlsCertificateError, 502),
        (|| Error::HttpResponseTimeout, 504),
        (|| Error::ConnectionTimeout, 504),
    ] {
        let fakes = fakes();
        fakes.answer(move |_| Answer::Fails(error()));
        is_terse_refusal(&call(&fakes, &[], PING).await, status);
        assert_eq!(fakes.sent().len(), 1, "it is not tried again: a tool may have run");
    }
}

/// A client that gets a 401 throws its own token away, and one that is redirected goes where nobody said it should.
#[tokio::test]
async fn an_upstream_that_refuses_the_gateways_credentials_or_redirects_is_502_whatever_it_was_asked() {
    for status in [401, 407, 301, 307, 308] {
        let fakes = fakes();
        fakes.answer(move |_| Answer::status(status));
        is_terse_refusal(&call(&fakes, &[], PING).await, 502);
        let authorization = format!("Bearer {TOKEN}");
        for method in ["GET", "DELETE"] {
            let headers = [("authorization", authorization.as_str()), ("accept", "text/event-stream")];
            is_terse_refusal(&ask(&fakes, method, "/mcp", &headers).await, 502);
        }
        let asked: Vec<_> = fakes.sent().into_iter().map(|sent| sent.method).collect();
        assert_eq!(asked, ["POST", "GET", "DELETE"], "{status}");
        let reason = if status < 400 { "the upstream redirects" } else { "the upstream answers 401 or 407" };
        assert_eq!(fakes.log().matches(reason).count(), 3, "{}", fakes.log());
    }
}

#[tokio::test]
async fn a_page_that_may_not_call_us_is_refused_before_anyone_is_asked() {
    let fakes = fakes();
    for origin in ["https://evil.example", "null", "http://localhost:6275", "https://gateway.example.evil.example"] {
        let reply = call(&fakes, &[("origin", origin)], PING).await;
        is_terse_refusal(&reply, 403);
        assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        let preflight = [("origin", origin), ("access-control-request-method", "POST")];
        assert_eq!(ask(&fakes, "OPTIONS", "/mcp", &preflight).await.status, 403, "{origin}");
    }
    asked_nobody(&fakes);
}

#[tokio::test]
async fn a_preflight_of_an_allowed_page_needs_no_token_and_asks_nobody() {
    let fakes = fakes();
    let headers = [
        ("origin", ORIGIN),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, mcp-param-region, x-evil"),
    ];
    let reply = ask(&fakes, "OPTIONS", "/mcp", &headers).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (204, ORIGIN));
    let allowed = reply.header("access-control-allow-headers").to_ascii_lowercase();
    assert!(
        allowed.contains("authorization") && allowed.contains("mcp-param-region") && !allowed.contains("x-evil"),
        "{allowed}"
    );
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    asked_nobody(&fakes);
}

#[tokio::test]
async fn an_allowed_page_can_read_refusals_too() {
    let fakes = fakes();
    let reply = ask(&fakes, "POST", "/mcp", &[("origin", ORIGIN)]).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (401, ORIGIN));
    assert!(reply.header("access-control-expose-headers").contains("WWW-Authenticate"));
}

#[tokio::test]
async fn a_doubled_protocol_header_is_refused_and_the_upstream_hears_nothing() {
    let fakes = fakes();
    let twice = [("mcp-protocol-version", "2025-11-25"), ("mcp-protocol-version", "2026-07-28")];
    is_terse_refusal(&call(&fakes, &twice, PING).await, 400);
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_method_that_mcp_does_not_have_is_refused_before_anyone_is_asked() {
    let fakes = fakes();
    let authorization = format!("Bearer {TOKEN}");
    for method in ["PUT", "PATCH", "TRACE", "get"] {
        let headers = [("authorization", authorization.as_str())];
        let reply = serve(&GATEWAY, &fakes, request(method, "/mcp", &headers, "")).await;
        is_terse_refusal(&reply, 405);
        assert_eq!(reply.header("allow"), "GET, POST, DELETE, OPTIONS");
    }
    asked_nobody(&fakes);
}

#[tokio::test]
async fn a_missing_upstream_secret_sends_nothing() {
    let fakes = fakes();
    fakes.unset("upstream_secret");
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 503);
    assert!(!reply.body.contains("upstream_secret") && fakes.log().contains("upstream_secret"));
    sent_nothing(&fakes);
}

/// A body that comes when the test says, and tells whether it was read to its end.
struct Late {
    pieces: UnboundedReceiver<Bytes>,
    is_read: Arc<AtomicBool>,
}

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        self.is_read.fetch_or(piece.is_none(), Ordering::SeqCst);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}

#[tokio::test]
async fn a_small_body_that_comes_late_is_read_before_the_refusal_and_a_slow_one_is_not_waited_for() {
    for (pieces, ends, is_drained) in [(1, true, true), (1, false, false), (3, true, false)] {
        let (sender, pieces_of_body) = unbounded_channel();
        let is_read = Arc::new(AtomicBool::new(false));
        let body = Late { pieces: pieces_of_body, is_read: Arc::clone(&is_read) }.boxed_unsync();
        let request =
            Request::post("/mcp").header("host", "gateway.example").header("content-type", "application/json");
        for _ in 0..pieces {
            sender.send(Bytes::from(vec![b' '; 30_000])).unwrap();
        }
        let sender = Some(sender).filter(|_| !ends);
        let reply = serve(&GATEWAY, &fakes(), request.body(body).unwrap()).await;
        is_terse_refusal(&reply, 401);
        assert_eq!(is_read.load(Ordering::SeqCst), is_drained, "{pieces} pieces, {ends}");
        drop(sender);
    }
}
