//! What goes to the upstream, and what comes back.

use http::Response;

use super::{
    CONFIGURATION, ORIGIN, PING, RESOURCE, SECRET, TOKEN, ask, call, fakes, is_terse_refusal, principal, sent_nothing,
    validation,
};
use crate::bindings::imports::gatehouse::auth::sessions::{Principal, Revocation};
use crate::component::GATEWAY;
use crate::fakes::SessionCall;
use crate::imports::{bound, opened};
use crate::outbound::Answer;
use crate::serve::{request, serve};

#[test]
fn it_imports_sessions_the_store_settings_the_next_handler_and_the_way_out() {
    let expected = [
        "gatehouse:auth/api-keys@0.9.0",
        "gatehouse:auth/assertions@0.9.0",
        "gatehouse:auth/backend-tokens@0.9.0",
        "gatehouse:auth/connections@0.9.0",
        "gatehouse:auth/handles@0.9.0",
        "gatehouse:auth/sessions@0.9.0",
        "gatehouse:host/configuration@0.3.0",
        "gatehouse:host/peer@0.3.0",
        "gatehouse:host/settings@0.3.0",
        "gatehouse:host/store@0.3.0",
        "gatehouse:host/telemetry@0.3.0",
        "wasi:http/incoming-handler@0.2.12",
    ];
    let imports = GATEWAY.own_imports();
    let (http, ours): (Vec<_>, Vec<_>) =
        imports.iter().partition(|name| name.starts_with("wasi:http/outgoing-handler"));
    assert_eq!((http.len(), ours), (1, expected.map(str::to_owned).iter().collect()));
}

#[tokio::test]
async fn a_request_reaches_the_upstream_with_exactly_the_headers_that_it_should_have() {
    let fakes = fakes();
    let sent = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-param-region", "eu"),
        ("user-agent", "a client"),
        ("cookie", "gatehouse-browser=abc"),
        ("origin", ORIGIN),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-gatehouse-subject", "demo:root"),
        ("x_gatehouse_subject", "demo:root"),
        ("x-functions-key", "forged"),
        ("x-ms-client-principal", "forged"),
        ("spin-client-addr", "10.0.0.1:5"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic abc"),
    ];
    let reply = call(&fakes, &sent, PING).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    let sent = fakes.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].method.as_str(), sent[0].url.as_str()),
        ("POST", "https://upstream.internal.example/server?version=2")
    );
    assert_eq!(sent[0].body, PING.as_bytes());
    let expected = [
        ("accept", "application/json, text/event-stream"),
        ("accept-encoding", "identity"),
        ("content-length", "40"),
        ("content-type", "application/json"),
        ("mcp-param-region", "eu"),
        ("mcp-protocol-version", "2025-11-25"),
        ("user-agent", "a client"),
        ("via", "1.1 gatehouse"),
        ("x-functions-key", SECRET),
        ("x-gatehouse-subject", "demo:alice"),
    ];
    let (own, others): (Vec<_>, Vec<_>) = sent[0]
        .header_pairs()
        .into_iter()
        .partition(|(name, _)| ["traceparent", "x-request-id"].contains(&name.as_str()));
    assert_eq!(others, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(own[1].1, reply.header("x-request-id"));
    assert!(fakes.log().contains(own[0].1.split('-').nth(1).unwrap()), "{own:?}: {}", fakes.log());
}

#[tokio::test]
async fn the_route_says_how_a_token_is_validated_and_the_method_whether_calls_may_follow() {
    let fakes = fakes();
    let expected = |revocation, calls_at: Option<&str>| {
        let (token, resource) = (TOKEN.to_owned(), RESOURCE.to_owned());
        [SessionCall::Validate { token, resource, revocation, calls_at: calls_at.map(str::to_owned) }]
    };
    let believing = CONFIGURATION.replacen("[[routes]]", "[[routes]]\nrevocation = \"at-expiry\"", 1);
    for (configuration, revocation) in [(CONFIGURATION, Revocation::Immediate), (&*believing, Revocation::AtExpiry)] {
        fakes.set("config", configuration);
        for (method, calls_at) in [("POST", Some("/mcp")), ("DELETE", None), ("GET", None)] {
            fakes.session_calls.lock().unwrap().clear();
            let (authorization, accept) = (format!("Bearer {TOKEN}"), "text/event-stream");
            ask(&fakes, method, "/mcp", &[("authorization", &authorization), ("accept", accept)]).await;
            assert_eq!(fakes.session_calls()[..1], expected(revocation, calls_at), "{method}");
        }
    }
}

#[tokio::test]
async fn a_request_costs_one_validation_and_one_read_of_each_setting() {
    let fakes = fakes();
    call(&fakes, &[], PING).await;
    assert_eq!(fakes.session_calls(), [validation()]);
    assert_eq!(*fakes.settings_read.lock().unwrap(), ["upstream_secret"]);
    assert_eq!(*fakes.parts_read.lock().unwrap(), ["Route(\"/mcp\")", "Gateway"], "a request pays for its route");
    assert_eq!(fakes.sent().len(), 1);
}

#[tokio::test]
async fn the_query_goes_on_after_the_configured_one_and_a_token_in_it_does_not() {
    let fakes = fakes();
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let target = "/mcp?a=1&access_token=leaked&access%5Ftoken=leaked&b=%2F";
    let reply = serve(&GATEWAY, &fakes, request("POST", target, &headers, PING)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(fakes.sent()[0].url, "https://upstream.internal.example/server?version=2&a=1&b=%2F");
}

#[tokio::test]
async fn the_log_says_who_did_what_and_holds_no_secret() {
    let fakes = fakes();
    let private = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"private"}}}"#;
    call(&fakes, &[("cookie", "c00kie=1"), ("mcp-session-id", "forged")], private).await;
    call(&fakes, &[], private).await;
    let log = fakes.log();
    assert!(log.contains(r#""subject":"demo:alice""#) && log.contains(r#""event":"forwarded""#), "{log}");
    for secret in [TOKEN, SECRET, "c00kie", "private", "forged"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn what_an_upstream_says_in_our_name_does_not_reach_the_client() {
    let fakes = fakes();
    fakes.answer(|_| {
        let response = Response::builder()
            .status(403)
            .header("content-type", "application/json")
            .header("retry-after", "7")
            .header("mcp-protocol-version", "2025-11-25")
            .header("x-of-the-upstream", "theirs")
            .header("cache-control", "public, max-age=600")
            .header("link", "</a>; rel=preload")
            .header("server-timing", "db;dur=5")
            .header("content-security-policy", "default-src *")
            .header("etag", "\"1\"")
            .header("www-authenticate", "Bearer resource_metadata=\"https://evil.example\"")
            .header("set-cookie", "__Host-gatehouse-browser=stolen")
            .header("location", "https://upstream.internal.example/")
            .header("access-control-allow-origin", "*");
        Answer::Whole(response.body(b"{}".to_vec()).unwrap())
    });
    let reply = call(&fakes, &[], PING).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (403, "7"));
    assert_eq!(reply.header("mcp-protocol-version"), "2025-11-25");
    assert_eq!((reply.header("cache-control"), reply.header("x-content-type-options")), ("no-store", "nosniff"));
    for name in [
        "www-authenticate",
        "set-cookie",
        "location",
        "access-control-allow-origin",
        "x-of-the-upstream",
        "link",
        "server-timing",
        "content-security-policy",
        "etag",
    ] {
        assert_eq!(reply.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn the_upstreams_session_id_is_bound_to_the_user_and_opened_again() {
    let fakes = fakes();
    fakes.answer(|_| Answer::Whole(Response::builder().header("mcp-session-id", "abc").body(b"{}".to_vec()).unwrap()));
    let reply = call(&fakes, &[], PING).await;
    let id = reply.header("mcp-session-id").to_owned();
    assert_eq!(opened("demo:alice", RESOURCE, &id), "session abc");
    assert!(!fakes.sent()[0].headers.contains_key("mcp-session-id"));

    call(&fakes, &[("mcp-session-id", &id)], PING).await;
    assert_eq!(fakes.sent()[1].headers["mcp-session-id"], "abc");
    let keys = SessionCall::HandleKeys { subject: "demo:alice".to_owned(), resource: RESOURCE.to_owned() };
    assert_eq!(fakes.session_calls(), [validation(), keys.clone(), validation(), keys], "once in a request");
}

#[tokio::test]
async fn another_users_session_id_is_an_unknown_session_and_the_upstream_hears_nothing() {
    let fakes = fakes();
    *fakes.validated.lock().unwrap() = Some(Ok(Principal { subject: "demo:mallory".to_owned(), ..principal() }));
    for id in
        [bound("demo:alice", RESOURCE, "session abc").as_str(), &bound("demo:mallory", RESOURCE, "abc"), "abc", "a b"]
    {
        let reply = call(&fakes, &[("mcp-session-id", id)], PING).await;
        is_terse_refusal(&reply, 404);
        assert_eq!(reply.json()["error"]["code"], -32001);
    }
    sent_nothing(&fakes);
}

#[tokio::test]
async fn a_session_id_that_cannot_be_bound_is_not_given_out() {
    let fakes = fakes();
    *fakes.handle_keys_failure.lock().unwrap() = Some("no keys".to_owned());
    fakes.answer(|_| Answer::Whole(Response::builder().header("mcp-session-id", "abc").body(b"{}".to_vec()).unwrap()));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 503);
    assert_eq!(reply.header("mcp-session-id"), "");
    assert!(!reply.body.contains("no keys"), "{}", reply.body);
}

#[tokio::test]
async fn in_the_era_without_sessions_no_session_id_passes_in_either_direction() {
    let fakes = fakes();
    fakes.answer(|_| Answer::Whole(Response::builder().header("mcp-session-id", "abc").body(b"{}".to_vec()).unwrap()));
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
        ("mcp-session-id", "whatever"),
        ("last-event-id", "7"),
    ];
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let reply = call(&fakes, &headers, list).await;
    assert_eq!((reply.status.as_u16(), reply.header("mcp-session-id")), (200, ""));
    let sent = &fakes.sent()[0].headers;
    assert!(!sent.contains_key("mcp-session-id") && !sent.contains_key("last-event-id"));
    assert_eq!(fakes.session_calls(), [validation()]);
}

#[tokio::test]
async fn what_is_not_the_gateways_goes_on_to_the_next_component_as_it_came() {
    let fakes = fakes();
    let paths =
        ["/authorize?client_id=a%20b&state=x", "//mcp", "/%6dcp", "/.well-known/oauth-authorization-server", "/"];
    for path in paths {
        let reply = ask(&fakes, "GET", path, &[("authorization", "Bearer x")]).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (218, "from the next component"), "{path}");
    }
    let expected: Vec<_> = paths.iter().map(|path| format!("Method::Get {path}")).collect();
    assert_eq!(*fakes.handed_on.lock().unwrap(), expected);
    assert_eq!((fakes.session_calls().len(), fakes.sent().len()), (0, 0));
}

#[tokio::test]
async fn one_slash_behind_the_path_is_the_same_endpoint() {
    let fakes = fakes();
    let reply = ask(&fakes, "POST", "/mcp/", &[("content-type", "application/json")]).await;
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").contains("/.well-known/oauth-protected-resource/mcp\""), "{reply:?}");
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    assert_eq!(serve(&GATEWAY, &fakes, request("POST", "/mcp/", &headers, PING)).await.status, 200);
    assert_eq!(fakes.sent().len(), 1);
    assert_eq!(fakes.sent()[0].url, "https://upstream.internal.example/server?version=2");
}

#[tokio::test]
async fn a_trace_that_the_message_names_goes_on_where_no_header_names_one() {
    const IN_META: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const IN_HEADER: &str = "0af7651916cd43dd8448eb211c80319c";
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"_meta":{{"traceparent":"00-{IN_META}-00f067aa0ba902b7-01","tracestate":"a=b"}}}}}}"#
    );
    let header = format!("00-{IN_HEADER}-b7ad6b7169203331-01");
    for (headers, trace, state) in
        [(&[][..], IN_META, Some("a=b")), (&[("traceparent", header.as_str())][..], IN_HEADER, None)]
    {
        let fakes = fakes();
        assert_eq!(call(&fakes, headers, &body).await.status, 200);
        let sent = &fakes.sent()[0];
        assert!(sent.headers["traceparent"].to_str().unwrap().starts_with(&format!("00-{trace}-")), "{sent:?}");
        assert_eq!(sent.headers.get("tracestate").map(|state| state.to_str().unwrap()), state);
        assert!(fakes.log().contains(&format!("\"trace_id\":\"{trace}\"")), "{}", fakes.log());
    }
}
