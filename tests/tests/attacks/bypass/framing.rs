//! Request smuggling: what one server takes for a body and the next one for a request (RFC 9112, section 11.2).

use super::{Bypass, assert_harmless, call};

/// A request by nobody in particular, to hide in another one.
fn smuggled() -> String {
    let body = call("delete");
    format!(
        "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\nx-subject: test:alice\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_framing_hides_a_request_in_another_one() {
    let bypass = Bypass::start().await;
    let (read, hidden) = (call("read"), smuggled());
    let length = format!("content-length: {}", read.len());
    let all = format!("content-length: {}", read.len() + hidden.len());
    let folded = format!(" {}", read.len());
    let chunk = format!("{:x}\r\n{read}\r\n", read.len());
    let chunks = format!("{chunk}0\r\n\r\n");
    let head = |framing: &[&str]| {
        format!(
            "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\n{}\r\naccept: application/json, text/event-stream\r\n\
             content-type: application/json\r\n{}\r\n\r\n",
            bypass.bearer(),
            framing.join("\r\n")
        )
    };
    // The framing, and the body behind it. Whoever reads the framing otherwise finds the hidden request.
    let ambiguous: Vec<(&str, Vec<&str>, String)> = vec![
        ("CL.TE", vec![&all, "transfer-encoding: chunked"], format!("0\r\n\r\n{hidden}")),
        ("TE.CL", vec!["transfer-encoding: chunked", "content-length: 4"], format!("{chunks}{hidden}")),
        ("CL.CL", vec![&length, &all], format!("{read}{hidden}")),
        ("CL.CL, the larger first", vec![&all, &length], format!("{read}{hidden}")),
        ("CL.0", vec!["content-length: 0", &length], format!("{read}{hidden}")),
        ("a list of lengths", vec!["content-length: 0, 5"], hidden.clone()),
        ("TE.TE with a tab", vec!["transfer-encoding:\tchunked", &length], format!("{read}{hidden}")),
        ("TE.TE with a name before", vec!["transfer-encoding: x, chunked", &length], format!("{read}{hidden}")),
        ("TE.TE twice", vec!["transfer-encoding: chunked", "transfer-encoding: x"], format!("{chunks}{hidden}")),
        ("chunked twice", vec!["transfer-encoding: chunked, chunked"], format!("{chunks}{hidden}")),
        ("not chunked at last", vec!["transfer-encoding: chunked, identity"], format!("{chunks}{hidden}")),
        ("identity", vec!["transfer-encoding: identity", &length], format!("{read}{hidden}")),
        ("gzip", vec!["transfer-encoding: gzip, chunked"], format!("{chunks}{hidden}")),
        ("xchunked", vec!["transfer-encoding: xchunked"], format!("{chunks}{hidden}")),
        ("a space before the colon", vec!["transfer-encoding : chunked", &length], format!("{read}{hidden}")),
        ("a length with a space before", vec!["content-length : 0", &length], format!("{read}{hidden}")),
        ("a vertical tab", vec!["transfer-encoding: \u{b}chunked", &length], format!("{read}{hidden}")),
        ("a folded line", vec!["transfer-encoding:", " chunked", &length], format!("{chunks}{hidden}")),
        ("a folded length", vec!["content-length: 0", &folded], format!("{read}{hidden}")),
        ("a signed length", vec!["content-length: +0"], hidden.clone()),
        ("a negative length", vec!["content-length: -1"], hidden.clone()),
        ("a hexadecimal length", vec!["content-length: 0x0"], hidden.clone()),
        ("a length of two numbers", vec!["content-length: 0 5"], hidden.clone()),
        ("an empty length", vec!["content-length: "], hidden.clone()),
        ("a length beyond 64 bits", vec!["content-length: 18446744073709551616"], hidden.clone()),
        ("a bare line feed in a value", vec!["x: y\ntransfer-encoding: chunked", &length], format!("{chunks}{hidden}")),
        ("a bare carriage return", vec!["x: y\rtransfer-encoding: chunked", &length], format!("{read}{hidden}")),
        ("a NUL", vec!["transfer-encoding: chunked\0", &length], format!("{read}{hidden}")),
        ("a chunk's size with a sign", vec!["transfer-encoding: chunked"], format!("+0\r\n\r\n{hidden}")),
        ("a chunk's size in other digits", vec!["transfer-encoding: chunked"], format!("0x0\r\n\r\n{hidden}")),
        ("a chunk's size with a space", vec!["transfer-encoding: chunked"], format!("0 0\r\n\r\n{hidden}")),
        ("a chunk's size beyond 64 bits", vec!["transfer-encoding: chunked"], format!("10000000000000000\r\n{hidden}")),
        ("a chunk that is longer", vec!["transfer-encoding: chunked"], format!("1\r\n{read}\r\n0\r\n\r\n{hidden}")),
        ("a chunk's end without a feed", vec!["transfer-encoding: chunked"], format!("1\r\n{{XX0\r\n\r\n{hidden}")),
        ("a chunk after a line feed", vec!["transfer-encoding: chunked"], format!("0\n\r\n{hidden}")),
        (
            "a chunk extension with a line feed",
            vec!["transfer-encoding: chunked"],
            format!("{:x};\n0\r\n\r\n{hidden}", read.len()),
        ),
        (
            "a trailer that frames",
            vec!["transfer-encoding: chunked"],
            format!("{chunk}0\r\ncontent-length: 0\r\n{hidden}"),
        ),
    ];
    for (what, framing, body) in &ambiguous {
        let (answer, reached) = bypass.send((head(framing) + body).as_bytes()).await;
        for received in &reached {
            assert_harmless(received, what);
        }
        assert!(reached.len() <= 1, "{what}: {reached:?}");
        // One answer at most is a success, and where there is another one, it asks for a token.
        let statuses: Vec<&str> =
            answer.text.match_indices("HTTP/1.1 ").map(|(at, _)| &answer.text[at + 9..at + 12]).collect();
        assert!(statuses.len() <= 2, "{what}: {}", answer.text);
        assert!(statuses.iter().skip(1).all(|status| ["400", "401"].contains(status)), "{what}: {}", answer.text);
        assert!(!answer.text.contains("delete"), "{what}: {}", answer.text);
        if reached.is_empty() {
            assert!(statuses.first().is_none_or(|status| status.starts_with('4') || *status == "501"), "{what}");
        }
    }
    bypass.end("ambiguous framing").await;
}

/// What is framed well is one request each, and each has to say who sends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_the_request_that_has_it_and_not_for_the_connection() {
    let bypass = Bypass::start().await;
    let read = call("read");
    let good = format!(
        "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\n{}\r\naccept: application/json, text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{read}",
        bypass.bearer(),
        read.len()
    );
    let (answer, reached) = bypass.send(format!("{good}{good}{}", smuggled()).as_bytes()).await;
    assert_eq!(answer.text.matches("HTTP/1.1 200").count(), 2, "{}", answer.text);
    assert_eq!(answer.text.matches("HTTP/1.1 401").count(), 1, "{}", answer.text);
    assert_eq!(reached.len(), 2, "{reached:?}");

    // In chunks, with an extension and a trailer that would be somebody: neither goes on.
    let chunked = format!(
        "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\n{}\r\ntrailer: x-subject\r\n\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n{:x};extension=\"x\"\r\n{read}\r\n0\r\nx-subject: test:admin\r\n\r\n",
        bypass.bearer(),
        read.len()
    );
    let received = bypass.passes("chunks", chunked.as_bytes()).await;
    assert_eq!(received.body, read.as_bytes());

    // HTTP/1.0 has no chunks, and closes.
    let old = good.replace("HTTP/1.1", "HTTP/1.0");
    let (answer, reached) = bypass.send(format!("{old}{}", smuggled()).as_bytes()).await;
    assert!(reached.len() <= 1 && !answer.text.contains(" 401 "), "{}", answer.text);
    let old = chunked.replace("HTTP/1.1", "HTTP/1.0").replace("connection: close\r\n", "");
    let (answer, reached) = bypass.send(format!("{old}{}", smuggled()).as_bytes()).await;
    assert!(reached.len() <= 1, "{}", answer.text);

    // What is not HTTP at all, or another protocol on the same port.
    for upgrade in ["websocket", "h2c", "TLS/1.2", "HTTP/2.0"] {
        let line = format!("upgrade: {upgrade}");
        let bearer = bypass.bearer();
        let lines = [bearer.as_str(), "connection: upgrade", "http2-settings: AAMAAABkAAQAAP__", &line];
        let request = bypass.request("GET", "/mcp", &lines, b"");
        let (answer, _) = bypass.send(&request).await;
        assert_ne!(answer.status, Some(101), "{upgrade}: {}", answer.text);
    }
    bypass.end("several requests on a connection").await;
}
