use super::*;

fn error_of(response: &Response<Vec<u8>>) -> String {
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    json(response)["error"].as_str().unwrap().to_owned()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[test]
fn a_code_is_redeemed_for_tokens_that_say_who_signed_in() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    let response = bench.redeem(&code, &[]);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let tokens = json(&response);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "openid profile email offline_access");

    let claims = verified_claims(tokens["id_token"].as_str().unwrap(), &json(&bench.get("/jwks")));
    for (name, value) in [
        ("iss", "http://127.0.0.1:3001"),
        ("aud", "gatehouse"),
        ("sub", "alice"),
        ("name", "Alice Archer"),
        ("preferred_username", "alice"),
        ("email", "alice@people.test"),
        ("nonce", "n-1"),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["iat"], 1_795_000_000_u64);
    assert_eq!(claims["exp"], 1_795_000_300_u64);

    let token = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let userinfo = bench.post("/userinfo", &[], Some(&token));
    assert_eq!(json(&userinfo)["name"], "Alice Archer");
    bench.later(300);
    assert_eq!(bench.post("/userinfo", &[], Some(&token)).status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn the_claims_are_those_of_the_scope() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[("scope", "openid unheard-of")]);
    let tokens = json(&bench.redeem(&code, &[]));
    assert_eq!(tokens["scope"], "openid");
    assert_eq!(tokens.get("refresh_token"), None, "only offline_access gives one");
    let claims = verified_claims(tokens["id_token"].as_str().unwrap(), &json(&bench.get("/jwks")));
    assert_eq!((claims.get("name"), claims.get("email")), (None, None));
}

#[test]
fn a_typed_name_becomes_a_sub_of_visible_ascii() {
    let bench = Bench::new();
    let code = bench.code_for("  Dörte Müller ", &[]);
    let tokens = json(&bench.redeem(&code, &[]));
    let claims = verified_claims(tokens["id_token"].as_str().unwrap(), &json(&bench.get("/jwks")));
    assert_eq!(claims["sub"], "d%C3%B6rte+m%C3%BCller");
    assert_eq!(claims["name"], "Dörte Müller");
}

#[test]
fn a_replayed_code_is_refused() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    assert_eq!(bench.redeem(&code, &[]).status(), StatusCode::OK);
    for _ in 0..2 {
        let response = bench.redeem(&code, &[]);
        assert_eq!((response.status(), error_of(&response).as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    }
}

#[test]
fn an_expired_an_unknown_or_a_changed_code_is_refused() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    let (expiry, random) = code.split_once('.').unwrap();
    let postponed = format!("{}.{random}", expiry.parse::<u64>().unwrap() + 60);
    let padded = format!("0{expiry}.{random}");
    let before = bench.store.snapshot();
    for bad in ["x", ".", "99999999999999999999999.x", "1795000060.AAAA", &postponed, &padded] {
        assert_eq!(error_of(&bench.redeem(bad, &[])), "invalid_grant", "{bad}");
    }
    bench.later(60);
    assert_eq!(error_of(&bench.redeem(&code, &[])), "invalid_grant");
    assert_eq!(bench.store.snapshot(), before);
}

#[test]
fn a_wrong_request_does_not_use_the_code_up() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    let before = bench.store.snapshot();
    for (change, error) in [
        (("code_verifier", ""), "invalid_request"),
        (("code_verifier", "short"), "invalid_request"),
        (("code_verifier", CHALLENGE), "invalid_grant"),
        (("redirect_uri", ""), "invalid_request"),
        (("redirect_uri", "http://127.0.0.1:3000/other"), "invalid_grant"),
        (("client_secret", "wrong"), "invalid_client"),
        (("client_secret", ""), "invalid_client"),
        (("client_id", "someone-else"), "invalid_client"),
        (("grant_type", ""), "invalid_request"),
        (("grant_type", "password"), "unsupported_grant_type"),
        (("code", ""), "invalid_request"),
    ] {
        assert_eq!(error_of(&bench.redeem(&code, &[change])), error, "{change:?}");
        assert_eq!(bench.store.snapshot(), before, "{change:?}");
    }
    let doubled = [redemption(&code), vec![("code", code.as_str())]].concat();
    assert_eq!(error_of(&bench.post("/token", &doubled, None)), "invalid_request");
    assert_eq!(bench.redeem(&code, &[]).status(), StatusCode::OK);
}

#[test]
fn the_client_may_authenticate_with_basic_encoded_or_not() {
    let bench = Bench::new();
    for secret in [form_encoded(SECRET), SECRET.replace('%', "%25")] {
        let code = bench.code_for("alice", &[]);
        let form = changed(&redemption(&code), &[("client_id", ""), ("client_secret", "")]);
        let response = bench.post("/token", &form, Some(&basic("gatehouse", &secret)));
        assert_eq!(response.status(), StatusCode::OK, "{secret}");
    }
}

#[test]
fn wrong_basic_credentials_are_refused_with_a_challenge() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    let form = changed(&redemption(&code), &[("client_id", ""), ("client_secret", "")]);
    for header in [&basic("gatehouse", "wrong"), &basic("other", &form_encoded(SECRET)), "Basic !", "Basic", "Bearer x"]
    {
        let response = bench.post("/token", &form, Some(header));
        assert_eq!((response.status(), error_of(&response).as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
        assert!(response.headers().contains_key("www-authenticate"));
    }
    let twice = bench.post("/token", &redemption(&code), Some(&basic("gatehouse", &form_encoded(SECRET))));
    assert_eq!(error_of(&twice), "invalid_request");
}

#[test]
fn a_token_request_that_is_not_a_form_is_refused() {
    let bench = Bench::new();
    let request = Request::post("/token")
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, basic("gatehouse", &form_encoded(SECRET)))
        .body(b"{}".to_vec());
    assert_eq!(error_of(&bench.send(request.unwrap())), "invalid_request");
}

#[test]
fn a_refresh_token_is_rotated_and_the_old_one_refused() {
    let bench = Bench::new();
    let code = bench.code_for("alice", &[]);
    let first = json(&bench.redeem(&code, &[]));
    bench.later(1000);
    let refresh = |token: &Value, scope: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str().unwrap()),
            ("client_id", "gatehouse"),
            ("client_secret", SECRET),
            ("scope", scope),
        ];
        bench.post("/token", &form, None)
    };
    assert_eq!(error_of(&refresh(&first["refresh_token"], "openid everything")), "invalid_scope");
    let second = json(&refresh(&first["refresh_token"], "openid profile"));
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let claims = verified_claims(second["id_token"].as_str().unwrap(), &json(&bench.get("/jwks")));
    assert_eq!((&claims["sub"], &claims["auth_time"]), (&"alice".into(), &1_795_000_000_u64.into()));
    assert_eq!(claims.get("nonce"), None);
    assert_eq!(error_of(&refresh(&first["refresh_token"], "")), "invalid_grant");
    assert!(json(&refresh(&second["refresh_token"], "")).get("access_token").is_some());
    assert_eq!(error_of(&refresh(&first["access_token"], "")), "invalid_grant", "an access token is not one");
}

#[test]
fn userinfo_without_a_token_or_with_a_wrong_one_is_refused() {
    let bench = Bench::new();
    let none = bench.get("/userinfo");
    assert_eq!(
        (none.status(), &none.headers()["www-authenticate"]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap())
    );
    let wrong = bench.post("/userinfo", &[], Some("Bearer 1795000300.AAAA"));
    assert_eq!((wrong.status(), error_of(&wrong).as_str()), (StatusCode::UNAUTHORIZED, "invalid_token"));
}
