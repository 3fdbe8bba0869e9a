//! The authorization endpoint: what the user and the client are shown.

use super::{CLIENT, Page, REDIRECT_URI, authorization, fakes, get, nothing_happened, redirect, registration};
use crate::component::AUTHORIZATION_SERVER;
use crate::serve::{request, serve};

#[tokio::test]
async fn the_user_is_asked_on_a_page_that_nobody_can_frame_or_script() {
    let fakes = fakes();
    let reply = get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[]), None).await;
    let policy = reply.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !reply.body.contains("<script"));
    assert_eq!((reply.header("x-frame-options"), reply.header("cache-control")), ("DENY", "no-store"));
    assert_eq!(reply.header("access-control-allow-origin"), "");
    for text in ["Conformance runner", "Demo server", "https://gateway.example/mcp", "127.0.0.1:19311", "Demo provider"]
    {
        assert!(reply.body.contains(text), "{text} is not shown");
    }
    nothing_happened(&fakes);
}

#[tokio::test]
async fn the_browser_gets_one_cookie_that_stays_with_us() {
    let fakes = fakes();
    let first = get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[]), None).await;
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("__Host-gatehouse-browser-"), "{cookie}");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|it| it == attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let page = Page::of(&first);
    let again = Page::of(&get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[]), Some(&page.cookie)).await);
    assert_eq!(again.cookie, page.cookie, "the same browser");
    assert_ne!(again.ticket, page.ticket);
    assert_ne!(Page::open(&fakes).await.cookie, page.cookie, "another browser");
}

#[tokio::test]
async fn a_client_that_calls_itself_markup_is_shown_as_text() {
    let fakes = fakes();
    let name = r#""><script>alert(1)</script><form action='https://evil.example'>"#;
    let redirect_uri = "https://client.example.com/callback";
    let client_id = registration::client(&fakes, name, redirect_uri).await;
    let reply = get(&fakes, &authorization(&client_id, redirect_uri, &[]), None).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.body.contains("<script") && !reply.body.contains("action='https://evil"), "{}", reply.body);
    assert!(reply.body.contains("alert(1)") && reply.body.contains("client.example.com"));
    assert_eq!(reply.body.matches("<form").count(), 1);
}

#[tokio::test]
async fn where_the_answer_should_go_is_not_known_nobody_is_sent_anywhere() {
    let fakes = fakes();
    let evil = "https://evil.example/callback";
    for target in [
        authorization("unknown", REDIRECT_URI, &[]),
        authorization(CLIENT, evil, &[]),
        authorization(CLIENT, "http://127.0.0.1:19311/other", &[]),
        authorization(CLIENT, REDIRECT_URI, &[("redirect_uri", None)]),
        authorization(CLIENT, REDIRECT_URI, &[("client_id", None)]),
        format!("{}&redirect_uri=https%3A%2F%2Fevil.example", authorization(CLIENT, REDIRECT_URI, &[])),
    ] {
        let reply = get(&fakes, &target, None).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("location"), reply.header("set-cookie")),
            (400, "", ""),
            "{target}"
        );
        assert!(!reply.body.contains("evil.example"));
    }
    nothing_happened(&fakes);
}

#[tokio::test]
async fn a_request_that_cannot_be_granted_goes_back_to_the_client() {
    let fakes = fakes();
    for (change, error) in [
        (("code_challenge", None), "invalid_request"),
        (("code_challenge_method", None), "invalid_request"),
        (("code_challenge_method", Some("plain")), "invalid_request"),
        (("response_type", Some("token")), "unsupported_response_type"),
        (("scope", Some("admin")), "invalid_scope"),
        (("resource", Some("https://other.example/mcp")), "invalid_target"),
        (("prompt", Some("none")), "interaction_required"),
        (("request_uri", Some("https://evil.example")), "request_uri_not_supported"),
    ] {
        let (place, parameters) = redirect(&get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[change]), None).await);
        assert_eq!((place.as_str(), parameters["error"].as_str()), (REDIRECT_URI, error), "{change:?}");
        assert_eq!(parameters["state"], "the client's state");
        assert_eq!(parameters["iss"], "https://gateway.example");
    }
    nothing_happened(&fakes);
}

#[tokio::test]
async fn without_settings_the_page_says_so_without_details() {
    for missing in ["config", "server_keys"] {
        let fakes = fakes();
        fakes.unset(missing);
        let reply = get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[]), None).await;
        assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (503, ""));
        assert!(!reply.body.contains(missing) && fakes.log().contains(missing));
        nothing_happened(&fakes);
    }
}

#[tokio::test]
async fn every_answer_has_an_id_that_leads_from_what_people_see_to_the_line_in_the_log() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let theirs = "0123456789abcdef0123456789abcdef";
    let headers = [("x-request-id", theirs), ("traceparent", parent.as_str())];
    let unknown = authorization("nobody", REDIRECT_URI, &[]);
    let mut seen = Vec::new();
    for (method, target) in [
        ("GET", unknown.as_str()),
        ("GET", "/callback?state=forged&code=x"),
        ("POST", "/consent"),
        ("POST", "/token"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("PUT", "/token"),
        ("GET", "/nothing"),
    ] {
        let fakes = fakes();
        let reply = serve(&AUTHORIZATION_SERVER, &fakes, request(method, target, &headers, "")).await;
        let id = reply.header("x-request-id").to_owned();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{method} {target}: {id}");
        assert_ne!(id, theirs, "{method} {target}: a client cannot have its request look like another");
        let is_page = reply.header("content-type").starts_with("text/html");
        assert_eq!(reply.body.contains(&id), is_page, "{method} {target}: {}", reply.body);
        for line in fakes.log_lines() {
            assert_eq!((&line["request_id"], &line["trace_id"]), (&id.as_str().into(), &trace.into()), "{line}");
            assert_eq!(line["component"], "authorization-server", "{line}");
            assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
            assert_eq!((&line["event"], &line["decision"]), (&"refused".into(), &"refused".into()), "{line}");
            seen.push(line["action"].as_str().unwrap_or_default().to_owned());
        }
    }
    assert_eq!(seen, ["authorize", "callback", "consent", "token"]);
}
