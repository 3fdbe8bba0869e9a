use super::*;

fn authorize(bench: &Bench, changes: &[(&str, &str)]) -> Response<Vec<u8>> {
    bench.get(&format!("/authorize?{}", encoded(&changed(&request(), changes))))
}

#[test]
fn a_good_request_shows_a_page_that_is_marked_and_cannot_be_framed_or_scripted() {
    let bench = Bench::new();
    let response = authorize(&bench, &[]);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let html = text(&response);
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(policy.contains(&STANDARD.encode(Sha256::digest(style))), "the policy allows the page's own style");
    assert!(html.contains("For development only") && html.contains("anyone can sign in as anyone"));
    assert!(!html.contains("<script"));
    assert!(bench.keeps_nothing(), "nothing is kept until someone signs in");
}

#[test]
fn a_request_may_come_as_a_form() {
    let response = Bench::new().post("/authorize", &request(), None);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(text(&response).contains("Alice Archer"));
}

#[test]
fn the_page_escapes_what_the_client_sent() {
    let hostile = "\"><script>alert('x')</script>";
    let bench = Bench::new();
    let changes = [("state", hostile), ("nonce", hostile), ("login_hint", hostile)];
    let response = authorize(&bench, &changes);
    let html = text(&response);
    assert!(!html.contains("<script"), "{html}");
    assert_eq!(html.matches("&#62;&#60;script&#62;").count(), 3);
}

#[test]
fn an_unknown_client_or_a_wrong_redirect_uri_gets_a_page_and_no_redirect() {
    let bench = Bench::new();
    for changes in [
        ("client_id", ""),
        ("client_id", "someone-else"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1:3000/callback/"),
        ("redirect_uri", "http://127.0.0.1:3000/callback?x"),
        ("redirect_uri", "http://127.0.0.1:3001/callback"),
        ("redirect_uri", "http://localhost:3000/callback"),
    ] {
        for response in [
            authorize(&bench, &[changes]),
            bench.post("/login", &changed(&request(), &[changes, ("login", "alice")]), None),
        ] {
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{changes:?}");
            assert!(!response.headers().contains_key(LOCATION));
            assert!(!text(&response).contains("evil"), "the page does not repeat what was sent");
        }
    }
    assert!(bench.keeps_nothing());
}

#[test]
fn other_errors_go_to_the_client_with_state_and_issuer() {
    let bench = Bench::new();
    for (changes, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", ""), "invalid_scope"),
        (("scope", "profile"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("prompt", "none"), "login_required"),
        (("request", "eyJ"), "request_not_supported"),
        (("request_uri", "https://x.example"), "request_uri_not_supported"),
        (("nonce", &"n".repeat(1025)), "invalid_request"),
    ] {
        let response = authorize(&bench, &[changes]);
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{changes:?}");
        let answer = answer_of(&response);
        assert_eq!(answer["error"], error, "{changes:?}");
        assert_eq!(answer["state"], "a state & more");
        assert_eq!(answer["iss"], "http://127.0.0.1:3001");
    }
    assert!(bench.keeps_nothing());
}

#[test]
fn a_doubled_parameter_is_refused_wherever_it_stands() {
    let bench = Bench::new();
    for (name, value) in request() {
        let query = encoded(&[request(), vec![(name, value)]].concat());
        let response = bench.get(&format!("/authorize?{query}"));
        match name {
            "client_id" | "redirect_uri" => {
                assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}")
            }
            _ => assert_eq!(answer_of(&response)["error"], "invalid_request", "{name}"),
        }
    }
}

#[test]
fn signing_in_sends_a_code_with_state_and_issuer() {
    let bench = Bench::new();
    let response = bench.post("/login", &changed(&request(), &[("login", "alice")]), None);
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let answer = answer_of(&response);
    assert!(!answer["code"].is_empty());
    assert_eq!(answer["state"], "a state & more");
    assert_eq!(answer["iss"], "http://127.0.0.1:3001");
}

#[test]
fn a_sample_person_s_button_counts_before_the_text_field() {
    let bench = Bench::new();
    let form = changed(&request(), &[("login", "typed by mistake"), ("sample", "bob")]);
    let code = answer_of(&bench.post("/login", &form, None))["code"].clone();
    let tokens = json(&bench.redeem(&code, &[]));
    let claims = verified_claims(tokens["id_token"].as_str().unwrap(), &json(&bench.get("/jwks")));
    assert_eq!((&claims["sub"], &claims["name"]), (&"bob".into(), &"Bob Baker".into()));
}

#[test]
fn a_name_that_names_nobody_is_asked_for_again() {
    let bench = Bench::new();
    for login in ["", "   ", "a\nb", "a\u{0}", &"a".repeat(65), &"\u{1f600}".repeat(30)] {
        let mut form = request();
        form.push(("login", login));
        let response = bench.post("/login", &form, None);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{login:?}");
        assert!(text(&response).contains("Type a name"));
        assert!(text(&response).contains(CHALLENGE), "the request goes on from there");
    }
    assert!(bench.keeps_nothing());
}

#[test]
fn what_is_not_a_form_is_refused() {
    let bench = Bench::new();
    for content_type in ["application/json", "text/plain", "multipart/form-data"] {
        for path in ["/login", "/authorize"] {
            let request = Request::post(path)
                .header(HOST, "localhost")
                .header(CONTENT_TYPE, content_type)
                .body(encoded(&request()).into_bytes());
            assert_eq!(bench.send(request.unwrap()).status(), StatusCode::BAD_REQUEST);
        }
    }
}
