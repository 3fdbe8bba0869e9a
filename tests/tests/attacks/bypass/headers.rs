//! Header fields that say something else than the body, or that the upstream might take for its own.

use super::{Bypass, call, modern_call};

const JSON: &str = "content-type: application/json";

/// A gzip stream of a call of `delete`, as gzip without compression makes it.
fn gzipped(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a small body");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let checksum = body.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    let sizes = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    let tail = [(!checksum).to_le_bytes(), u32::from(length).to_le_bytes()].concat();
    [head.as_slice(), &sizes, body, &tail].concat()
}

/// The mirrored header is a copy for load balancers. Who decides by it lets the body do what it likes.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_disagrees_with_the_body_is_refused_in_the_newest_era() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let version = "mcp-protocol-version: 2026-07-28";
    let good = [JSON, version, "mcp-method: tools/call", "mcp-name: read"];
    let read = modern_call("read");
    bypass.passes("in agreement", &bypass.post("/mcp", &bypass.lines(&bearer, &good), read.as_bytes())).await;
    let encoded = [JSON, version, "mcp-method: tools/call", "mcp-name: =?base64?cmVhZA==?="];
    bypass.passes("encoded", &bypass.post("/mcp", &bypass.lines(&bearer, &encoded), read.as_bytes())).await;

    let disagreeing: [&[&str]; 15] = [
        &[version, "mcp-method: tools/list", "mcp-name: read"],
        &[version, "mcp-method: Tools/Call", "mcp-name: read"],
        &[version, "mcp-method: ", "mcp-name: read"],
        &[version, "mcp-name: read"],
        &[version, "mcp_method: tools/call", "mcp-name: read"],
        &[version, "mcp-method: tools/call", "mcp-name: delete"],
        &[version, "mcp-method: tools/call", "mcp-name: Read"],
        &[version, "mcp-method: tools/call"],
        &[version, "mcp-method: tools/call", "mcp_name: read"],
        &[version, "mcp-method: tools/call", "mcp-name: =?base64?ZGVsZXRl?="],
        &[version, "mcp-method: tools/call", "mcp-name: =?base64?####?="],
        &["mcp-method: tools/call", "mcp-name: read"],
        &["mcp-protocol-version: 2025-11-25", "mcp-method: tools/call", "mcp-name: read"],
        &["mcp-protocol-version: 2026-07-29", "mcp-method: tools/call", "mcp-name: read"],
        &["mcp_protocol_version: 2026-07-28", "mcp-method: tools/call", "mcp-name: read"],
    ];
    for more in disagreeing {
        let what = more.join(", ");
        let lines = bypass.lines(&bearer, &[&[JSON], more].concat());
        let answer = bypass.refuses(&what, &bypass.post("/mcp", &lines, read.as_bytes()), &[400]).await;
        assert!(answer.body().contains("-32020"), "{what}: {}", answer.text);
        assert!(answer.body().contains("\"id\":1"), "{what}: {}", answer.text);
    }
    let doubled: [&[&str]; 4] = [
        &[version, version, "mcp-method: tools/call", "mcp-name: read"],
        &[version, "mcp-method: tools/call", "mcp-method: tools/call", "mcp-name: read"],
        &[version, "mcp-method: tools/call", "mcp-name: read", "mcp-name: delete"],
        &[version, "mcp-method: tools/call", "mcp-name: read", "Mcp-Name: read"],
    ];
    for more in doubled {
        let lines = bypass.lines(&bearer, &[&[JSON], more].concat());
        bypass.refuses(&more.join(", "), &bypass.post("/mcp", &lines, read.as_bytes()), &[400]).await;
    }
    // However well the headers lie: the body is what is done.
    for more in [&good[..], &[JSON, version, "mcp-method: tools/list"], &[JSON, version], &[JSON]] {
        let lines = bypass.lines(&bearer, more);
        let request = bypass.post("/mcp", &lines, modern_call("delete").as_bytes());
        bypass.refuses(&more.join(", "), &request, &[200, 400]).await;
        let request = bypass.post("/mcp", &lines, call("delete").as_bytes());
        bypass.refuses(&more.join(", "), &request, &[200, 400]).await;
    }
    bypass.end("headers that disagree").await;
}

/// Older servers do not look at these headers, so they must not decide anything either.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_makes_a_call_of_an_older_era_another_one() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    for version in ["", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "9999-99-99", "\u{b2}\u{b0}"] {
        let version_line = format!("mcp-protocol-version: {version}");
        for more in [
            ["mcp-method: tools/list", "mcp-name: read"],
            ["mcp-method: ping", "x-mcp-method: ping"],
            ["x-http-method-override: GET", "x-method-override: GET"],
            ["x-original-url: /healthz", "x-rewrite-url: /healthz"],
            ["x-forwarded-for: 127.0.0.1", "x-forwarded-user: admin"],
            ["x-subject: test:admin", "x_subject: test:admin"],
            ["forwarded: for=127.0.0.1;host=inside", "x-forwarded-host: inside"],
            ["mcp-param-name: read", "mcp-session-id-x: y"],
        ] {
            let mut all = vec![JSON, more[0], more[1]];
            if !version.is_empty() {
                all.push(&version_line);
            }
            let what = all.join(", ");
            let lines = bypass.lines(&bearer, &all);
            bypass.refuses(&what, &bypass.post("/mcp", &lines, call("delete").as_bytes()), &[200, 400]).await;
        }
    }
    bypass.end("headers of an older era").await;
}

/// A body that we do not read is a body that we did not judge.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_reaches_the_upstream_in_a_form_that_we_do_not_read() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let delete = call("delete");
    for kind in [
        "content-type: text/plain",
        "content-type: text/json",
        "content-type: application/x-www-form-urlencoded",
        "content-type: multipart/form-data; boundary=x",
        "content-type: multipart/mixed; boundary=x",
        "content-type: application/json-rpc",
        "content-type: application/json5",
        "content-type: application/cbor",
        "content-type: application/msgpack",
        "content-type: application/grpc",
        "content-type: text/event-stream",
        "content-type: application/jsonx",
        "content-type: application/json; charset=utf-16",
        "content-type: application/json; charset=utf-7",
        "content-type: application/json, text/plain",
        "content-type: text/plain, application/json",
        "content-type: application/json/x",
        "content-type: *",
        "content-type: ",
        "content_type: application/json",
        "x-content-type: application/json",
    ] {
        let lines = bypass.lines(&bearer, &[kind]);
        for body in [&delete, &call("read")] {
            bypass.refuses(kind, &bypass.post("/mcp", &lines, body.as_bytes()), &[400, 415]).await;
        }
    }
    for second in ["text/plain", "application/json; charset=utf-16"] {
        let second = format!("content-type: {second}");
        for lines in [[JSON, second.as_str()], [second.as_str(), JSON]] {
            let request = bypass.post("/mcp", &bypass.lines(&bearer, &lines), call("read").as_bytes());
            bypass.refuses(&second, &request, &[400, 415]).await;
        }
    }
    for coding in
        ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "aes128gcm", "gzip, identity", "identity, gzip"]
    {
        let coding = format!("content-encoding: {coding}");
        for body in [gzipped(delete.as_bytes()), delete.clone().into_bytes(), call("read").into_bytes()] {
            let lines = bypass.lines(&bearer, &[JSON, &coding]);
            bypass.refuses(&coding, &bypass.post("/mcp", &lines, &body), &[415]).await;
        }
    }
    let lines = bypass.lines(&bearer, &[JSON]);
    bypass
        .refuses("gzip that nobody announces", &bypass.post("/mcp", &lines, &gzipped(delete.as_bytes())), &[400])
        .await;
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        let kind = format!("content-type: {kind}");
        let lines = bypass.lines(&bearer, &[&kind]);
        bypass.passes(&kind, &bypass.post("/mcp", &lines, call("read").as_bytes())).await;
    }
    bypass.end("bodies in other forms").await;
}

/// GET and DELETE are for streams and sessions, and have no body that anybody would look into.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_method_carries_a_body_to_the_upstream() {
    let bypass = Bypass::start().await;
    let bearer = bypass.bearer();
    let delete = call("delete");
    let overrides = ["x-http-method-override: POST", "x-http-method: POST", "x-method-override: POST", "x-own: 1"];
    for header in overrides {
        let lines = bypass.lines(&bearer, &[JSON, header]);
        for method in ["PUT", "PATCH", "HEAD", "TRACE", "CONNECT", "QUERY", "PROPFIND", "LINK", "BREW", "post", "POSTX"]
        {
            let what = format!("{method} {header}");
            let request = bypass.request(method, "/mcp", &lines, delete.as_bytes());
            bypass.refuses(&what, &request, &[400, 405, 501]).await;
        }
        for method in ["GET", "DELETE"] {
            let request = bypass.request(method, "/mcp", &lines, delete.as_bytes());
            let (answer, reached) = bypass.send(&request).await;
            assert!(answer.count() <= 1, "{method}: {}", answer.text);
            for received in reached {
                assert_eq!((received.method.as_str(), received.body.len()), (method, 0), "{received:?}");
                assert!(received.headers.get("content-type").is_none(), "{received:?}");
                assert!(received.headers.keys().all(|name| !name.as_str().contains("method")), "{received:?}");
            }
        }
    }
    bypass.end("other methods").await;
}
