//! Targets that two readers find at different places.

use gatehouse_tests::raw;

use super::{Bypass, INSIDE, call};

/// A token for `/other` is worth nothing at `/mcp`, and one for `/mcp` is held to the policy, however the path is
/// written: Kong, Traefik and oauth2-proxy (CVE-2025-54576) compared another spelling than the one that they sent on.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_leads_to_another_route() {
    let bypass = Bypass::start().await;
    let targets = [
        "/other/../mcp",
        "/other/..%2fmcp",
        "/other%2f..%2fmcp",
        "/other/%2e%2e/mcp",
        "/other/..;/mcp",
        "/other;/../mcp",
        "/other//../mcp",
        "/other\\..\\mcp",
        "/other/..%5cmcp",
        "/other%00/mcp",
        "/other%0d%0a/mcp",
        "/other/mcp",
        "/other;mcp",
        "/./mcp",
        "//mcp",
        "///mcp",
        "//127.0.0.1/mcp",
        "/mcp",
        "/mcp//",
        "/mcp/.",
        "/mcp/..",
        "/mcp;/other",
        "/mcp%3b/other",
        "/mcp?/other",
        "/mcp%3f/other",
        "/mcp#/other",
        "/mcp%23/other",
        "/mcp%20",
        "/mcp%00",
        "/mcp%2f",
        "/mcp.json",
        "/%6d%63%70",
        "/%6Dcp",
        "/m%63p",
        "/MCP",
        "/Mcp",
        "/mc\u{fe6e}p",
        "/mcp\u{2028}",
        "/inside",
        "/other-inside",
        "/mcp/inside",
        "/mcp/sse",
        "/mcp/message",
        "/mcp/SSE",
        "/mcp//sse",
        "/mcp%2fsse",
        "/mcp/%73se",
        "/mcp/sse/",
        "/mcp/message?session=x",
        "/mcp/message?session=../../other",
        "/mcp/message?sessionId=x",
        "/other/message?session=x",
        "/sse",
        "/message",
        "/sse/../mcp",
    ];
    for (token, mine) in [(&bypass.token, INSIDE), (&bypass.other_token, "/other-inside")] {
        let bearer = format!("authorization: Bearer {token}");
        let lines = bypass.lines(&bearer, &["content-type: application/json"]);
        for target in targets {
            for method in ["POST", "GET", "DELETE", "OPTIONS", "PUT"] {
                let request = bypass.request(method, target, &lines, call("delete").as_bytes());
                let (answer, reached) = bypass.send(&request).await;
                let what = format!("{method} {target} with the token of {mine}");
                assert!(answer.count() <= 1, "{what}: {}", answer.text);
                assert!(answer.status.is_none_or(|status| status < 500), "{what}: {}", answer.text);
                for received in reached {
                    // Nothing but a token's own route, and there nothing that its policy forbids.
                    assert_eq!(received.path, mine, "{what}: {received:?}");
                    assert!(mine != INSIDE || received.body.is_empty(), "{what}: {received:?}");
                }
            }
        }
    }
    // The one who may do so reaches exactly what the configuration says, with the query and nothing of the path.
    let bearer = bypass.bearer();
    let lines = bypass.lines(&bearer, &["content-type: application/json"]);
    let received = bypass.passes("a query", &bypass.post("/mcp?a=/../b&c=%2f", &lines, call("read").as_bytes())).await;
    assert_eq!(received.query, "a=/../b&c=%2f");
    bypass.world.gatehouse.stop().await;
}

/// Without a token no method, path, host or header gets anything to the upstream, on the new endpoints neither.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_without_a_token_reaches_any_endpoint_of_a_route() {
    let bypass = Bypass::start().await;
    let hosts = ["gatehouse", "inside", "127.0.0.1", "localhost", "gatehouse:80", "GATEHOUSE", "evil.example"];
    let targets = ["/mcp", "/mcp/sse", "/mcp/message?session=x", "/other", "/other/sse", "/sse", "/message", "//mcp"];
    for target in targets {
        for (number, method) in ["POST", "GET", "DELETE", "PUT", "PATCH", "HEAD"].into_iter().enumerate() {
            for host in hosts {
                let what = format!("{method} {target} at {host}");
                let body = call("read");
                let request = format!(
                    "{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-forwarded-host: {host}\r\n\
                     x-subject: test:alice\r\nx-forwarded-user: alice\r\nx-forwarded-for: 127.0.0.{number}\r\n\
                     content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
                     mcp-method: tools/call\r\nmcp-name: read\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let answer = raw(&bypass.world.gatehouse.url, request.as_bytes()).await;
                assert!(answer.count() <= 1, "{what}: {}", answer.text);
                assert!(answer.status.is_some_and(|status| (400..500).contains(&status)), "{what}: {}", answer.text);
            }
        }
    }
    assert!(bypass.world.upstream.requests().is_empty(), "{:?}", bypass.world.upstream.requests());
    bypass.end("requests without a token").await;
}

/// The target's own authority is a way to say another host than `Host` does (RFC 9112, section 3.2.2).
#[tokio::test(flavor = "multi_thread")]
async fn no_host_leads_anywhere_but_to_the_configured_upstream() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let upstream = bypass.world.upstream.origin().to_owned();
    let lines = bypass.lines(&bearer, &["content-type: application/json"]);
    for target in [
        format!("{upstream}/other-inside"),
        format!("{upstream}/inside"),
        format!("{upstream}/mcp"),
        "http://evil.example/mcp".to_owned(),
        "http://evil.example/inside".to_owned(),
        "https://gatehouse/mcp".to_owned(),
        "file:///mcp".to_owned(),
        "//evil.example/mcp".to_owned(),
        "/@evil.example/mcp".to_owned(),
    ] {
        let (answer, reached) = bypass.send(&bypass.post(&target, &lines, call("delete").as_bytes())).await;
        assert!(reached.is_empty(), "{target}: {reached:?}");
        // Where the path is ours, whatever is said of the host, the policy says no.
        let is_denied = answer.status == Some(200) && answer.body().contains("\"code\":403");
        let is_refused = answer.status.is_some_and(|status| (400..500).contains(&status));
        assert!(is_denied || is_refused, "{target}: {}", answer.text);
    }
    for host in ["evil.example", "inside", upstream.trim_start_matches("http://"), "127.0.0.1:1"] {
        let request = String::from_utf8(bypass.post("/mcp", &lines, call("read").as_bytes())).expect("text");
        let (answer, reached) =
            bypass.send(request.replace("host: gatehouse", &format!("host: {host}")).as_bytes()).await;
        // A host that is not ours may be refused as well.
        assert!([Some(200), Some(400), Some(403), Some(421)].contains(&answer.status), "{host}: {}", answer.text);
        for received in reached {
            assert_eq!(received.header("host"), upstream.trim_start_matches("http://"), "{host}");
        }
    }
    bypass.end("other hosts").await;
}
