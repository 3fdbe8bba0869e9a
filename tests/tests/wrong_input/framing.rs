//! What is not HTTP, or could be read as two different requests (RFC 9112).

use crate::row::Row;
use crate::setting::Setting;

/// The connection was closed without an answer.
const CLOSED: u16 = 0;

pub(crate) fn rows(setting: &Setting) -> Vec<Row> {
    let head = |lines: &[&str]| (lines.join("\r\n") + "\r\n\r\n").into_bytes();
    let token = format!("authorization: Bearer {}", setting.access_token);
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\n\r\n";
    let many: Vec<String> = (0..1_100).map(|number| format!("x-{number}: 1")).collect();
    let many: Vec<&str> =
        ["GET /healthz HTTP/1.1", "host: g"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let large = format!("x: {}", "x".repeat(100_000));
    let bad: &[u16] = &[400];
    let mut rows = vec![
        Row::of_bytes("no request line", b"\r\n\r\n\r\nGET\r\n\r\n", bad),
        Row::of_bytes("no target", &head(&["GET HTTP/1.1", "host: g"]), bad),
        Row::of_bytes("a space in the target", &head(&["GET /a b HTTP/1.1", "host: g"]), bad),
        Row::of_bytes(
            "a target without a slash",
            &head(&["GET healthz HTTP/1.1", "host: g", "connection: close"]),
            &[400, 404],
        ),
        Row::of_bytes("a NUL in the target", &head(&["GET /\0 HTTP/1.1", "host: g"]), bad),
        Row::of_bytes("another version", &head(&["GET /healthz HTTP/3.0", "host: g"]), &[400, 505]),
        Row::of_bytes("no version", &head(&["GET /healthz", "host: g"]), bad),
        Row::of_bytes("HTTP/2 without agreement", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[CLOSED, 400, 505]),
        Row::of_bytes("no host", &head(&["GET /healthz HTTP/1.1", "connection: close"]), bad).on_wash(500),
        Row::of_bytes("two hosts", &head(&["GET /healthz HTTP/1.1", "host: g", "host: g", "connection: close"]), bad)
            .on_wash(200),
        Row::of_bytes("two hosts in one", &head(&["GET /healthz HTTP/1.1", "host: g, h", "connection: close"]), bad),
        Row::of_bytes("a host that is none", &head(&["GET /healthz HTTP/1.1", "host: a/b", "connection: close"]), bad),
        Row::of_bytes("a space before the colon", &head(&["GET /healthz HTTP/1.1", "host: g", "x : 1"]), bad),
        Row::of_bytes("a header over two lines", &head(&["GET /healthz HTTP/1.1", "host: g", "x: 1", " 2"]), bad),
        Row::of_bytes("a header name of nothing", &head(&["GET /healthz HTTP/1.1", "host: g", ": 1"]), bad),
        Row::of_bytes("a NUL in a header", &head(&["GET /healthz HTTP/1.1", "host: g", "x: a\0b"]), bad),
        Row::of_bytes("a carriage return in a header", &head(&["GET /healthz HTTP/1.1", "host: g", "x: a\rb"]), bad),
        Row::of_bytes("1,100 headers", &head(&many), &[431]),
        Row::of_bytes(
            "a header of 100 kB",
            &head(&["GET /healthz HTTP/1.1", "host: g", &large, "connection: close"]),
            &[431],
        )
        .on_wash(200),
        Row::of_bytes(
            "a tunnel",
            &head(&["CONNECT evil.example:443 HTTP/1.1", "host: evil.example:443", "connection: close"]),
            &[400, 405],
        )
        .on_wash(404),
        Row::of_bytes(
            "the server as a whole",
            &head(&["OPTIONS * HTTP/1.1", "host: g", "connection: close"]),
            &[400, 404],
        ),
        Row::of_bytes("a fragment", &head(&["POST /mcp#x HTTP/1.1", "host: g", "connection: close"]), &[400, 401, 404]),
        Row::of_bytes(
            "a foreign absolute target",
            &head(&[
                "POST http://evil.example/mcp HTTP/1.1",
                "host: g",
                "connection: close",
                &token,
                "content-type: application/json",
                "content-length: 4194305",
            ]),
            &[400, 404, 413],
        ),
    ];
    // A proxy in front that read the other of the two would see another request here.
    for (name, framing, body) in [
        ("content-length and transfer-encoding", vec!["content-length: 5", "transfer-encoding: chunked"], "0\r\n\r\n"),
        ("transfer-encoding and content-length", vec!["transfer-encoding: chunked", "content-length: 5"], "0\r\n\r\n"),
        ("two lengths", vec!["content-length: 0", "content-length: 5"], ""),
        ("two lengths in one", vec!["content-length: 0, 5"], ""),
        ("a negative length", vec!["content-length: -1"], ""),
        ("a length with a sign", vec!["content-length: +5"], "hello"),
        ("a length in hex", vec!["content-length: 0x5"], "hello"),
        ("a length beyond 64 bits", vec!["content-length: 18446744073709551616"], ""),
        ("an empty length", vec!["content-length: "], ""),
        ("an unknown coding", vec!["transfer-encoding: x"], ""),
        ("chunked is not last", vec!["transfer-encoding: chunked, identity"], "0\r\n\r\n"),
        ("almost chunked", vec!["transfer-encoding: xchunked"], "0\r\n\r\n"),
        ("almost chunked, with a length", vec!["transfer-encoding: \u{b}chunked", "content-length: 5"], "0\r\n\r\n"),
    ] {
        let lines: Vec<&str> = ["POST /token HTTP/1.1", "host: gatehouse"].into_iter().chain(framing).collect();
        let bytes = [head(&lines), body.as_bytes().to_vec(), smuggled.as_bytes().to_vec()].concat();
        rows.push(Row::of_bytes(name, &bytes, &[400, 501]));
    }
    // Not a length, and not an encoding: only names that resemble them. The body is empty, and that is what is wrong.
    for name in ["content_length: 5", "transfer_encoding: chunked", "x-content-length: 5"] {
        let lines = ["POST /token HTTP/1.1", "host: gatehouse", "connection: close", name];
        rows.push(Row::of_bytes(name, &head(&lines), bad));
    }
    for (name, chunks) in [
        ("a chunk's size that is none", "x\r\nhello\r\n0\r\n\r\n"),
        ("a chunk's size beyond 64 bits", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        ("a chunk's negative size", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a chunk that is longer than its size", "3\r\nhello\r\n0\r\n\r\n"),
    ] {
        let lines = [
            "POST /token HTTP/1.1",
            "host: gatehouse",
            "connection: close",
            "content-type: application/x-www-form-urlencoded",
            "transfer-encoding: chunked",
        ];
        rows.push(Row::of_bytes(name, &[head(&lines), chunks.as_bytes().to_vec()].concat(), bad));
    }
    rows
}
