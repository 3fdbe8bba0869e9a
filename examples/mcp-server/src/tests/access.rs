use super::*;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[test]
fn a_request_that_names_no_user_is_refused() {
    let bench = Bench::new();
    for subject in ["", &"s".repeat(513)] {
        let response = bench.post(PING, &[("x-gatehouse-subject", subject)]);
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(json_of(&response)["error"]["message"].as_str().unwrap().contains("behind Gatehouse"));
    }
    let doubled = [("x-gatehouse-subject", "demo:alice"), ("x-gatehouse-subject", "demo:bob")];
    assert_eq!(bench.post(PING, &doubled).status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn with_a_key_set_a_request_needs_it() {
    let bench = Bench::with_key(Some("k3y"));
    assert_eq!(bench.post(PING, &[("x-functions-key", "k3y")]).status(), StatusCode::OK);
    for key in ["", "k3", "k3yy", "K3Y"] {
        assert_eq!(bench.post(PING, &[("x-functions-key", key)]).status(), StatusCode::UNAUTHORIZED, "{key:?}");
    }
    let doubled = [("x-functions-key", "k3y"), ("x-functions-key", "k3y")];
    assert_eq!(bench.post(PING, &doubled).status(), StatusCode::UNAUTHORIZED);
    // The key says that the gateway asks; where the browser that uses the gateway came from is the gateway's matter.
    let elsewhere = [("x-functions-key", "k3y"), ("host", "mcp.internal"), ("origin", "https://client.example")];
    assert_eq!(bench.post(PING, &elsewhere).status(), StatusCode::OK);
}

#[test]
fn without_a_key_only_this_machine_is_answered() {
    let bench = Bench::new();
    for host in ["", "mcp.example", "127.0.0.1.nip.io:3002", "192.168.1.2"] {
        assert_eq!(bench.post(PING, &[("host", host)]).status(), StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1.nip.io"] {
        assert_eq!(bench.post(PING, &[("origin", origin)]).status(), StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(bench.post(PING, &[("origin", "http://localhost:6274")]).status(), StatusCode::OK);
}

#[test]
fn other_paths_methods_and_media_types_are_refused_with_a_body() {
    let bench = Bench::new();
    for method in ["GET", "DELETE", "PUT"] {
        let mut request = request(&changed(&[]), "");
        *request.method_mut() = method.parse().unwrap();
        let response = bench.send(request);
        assert_eq!(
            (response.status(), &response.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
        );
        assert_eq!(code_of(&response), -32000);
    }
    let mut elsewhere = request(&changed(&[]), PING);
    *elsewhere.uri_mut() = "/other".parse().unwrap();
    assert_eq!(bench.send(elsewhere).status(), StatusCode::NOT_FOUND);
    for content_type in ["", "text/plain", "application/jsonp"] {
        let response = bench.post(PING, &[("content-type", content_type)]);
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    assert_eq!(bench.post(PING, &[("accept", "text/event-stream")]).status(), StatusCode::NOT_ACCEPTABLE);
    for accept in ["", "*/*", "text/html, application/json;q=0.9"] {
        assert_eq!(bench.post(PING, &[("accept", accept)]).status(), StatusCode::OK, "{accept}");
    }
}
