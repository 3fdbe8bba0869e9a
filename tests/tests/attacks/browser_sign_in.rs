//! People who sign in with a browser (`/.auth`), and routes that let nobody or everybody in: what an attacker makes of them.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Endpoint, From, Person, form, text};
use reqwest::Method;
use serde_json::json;

use crate::account::sign_in;
use crate::answers::{assert_page, assert_shown};

const ENABLED: &str = "[browser_sign_in]\nenabled = true\nallowed_redirect_urls = [\"https://app.example/welcome\"]";

async fn world(mcp_lines: &str) -> AttackWorld {
    let (tables, mcp_lines) = (ENABLED.to_owned(), mcp_lines.to_owned());
    AttackWorld::start_with(AttackSettings { tables, mcp_lines, ..AttackSettings::default() }).await
}

async fn open(world: &AttackWorld, person: &Person, path: &str, from: From) -> Answer {
    person.open(&world.url(path).parse().unwrap(), from).await
}

/// Signs in with the browser, and goes to `path`: what is on the screen then.
async fn signed_in(world: &AttackWorld, person: &Person, path: &str) -> Answer {
    let begun =
        open(world, person, &format!("/.auth/login/test?post_login_redirect_uri={path}"), From::OtherSite).await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let returned = person.open(&begun.location().expect("the provider"), From::OtherSite).await;
    person.open(&returned.location().expect("the callback"), From::OtherSite).await
}

/// An MCP request that a script of a page of this site sends.
async fn call(world: &AttackWorld, person: &Person, path: &str, headers: &[(&str, &str)]) -> Answer {
    let cookies = person.cookie_header(&world.url(path).parse().unwrap(), From::SameOrigin, true);
    let request = world.mcp_request(path).header("cookie", cookies);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.unwrap()).await
}

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

async fn me(world: &AttackWorld, person: &Person, site: Option<&str>) -> Answer {
    let url = world.url("/.auth/me").parse().unwrap();
    let request = reqwest::Client::new().get(world.url("/.auth/me"));
    let request = request.header("cookie", person.cookie_header(&url, From::SameOrigin, true));
    let request = site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site));
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_a_browser_uses_a_route_and_signs_out() {
    let world = world("unauthenticated = \"redirect\"\nsubject_header = \"x-gatehouse-subject\"").await;
    let alice = Person::new("alice");
    // The browser opens the route, and is sent to sign in; a program is told how to get a token.
    let sent = open(&world, &alice, "/mcp", From::Nowhere).await;
    assert_eq!(sent.status, 302, "{sent:?}");
    let location = sent.location().unwrap();
    assert_eq!((location.path(), location.query()), ("/.auth/login", Some("post_login_redirect_uri=/mcp")));
    assert_eq!(call(&world, &alice, "/mcp", &[]).await.status, 401);
    let page = signed_in(&world, &alice, "/mcp").await;
    assert_shown(&page, 200, "signed in");
    assert_eq!(page.header("refresh"), format!("0; url={}", world.url("/mcp")));
    let answer = call(&world, &alice, "/mcp", &[OWN]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = world.upstream.requests().pop().unwrap();
    assert_eq!(seen.header("x-gatehouse-subject"), "test:alice");
    assert_eq!(seen.header("cookie"), "", "no server sees the cookie");
    let told = me(&world, &alice, Some("same-origin")).await;
    assert_eq!(told.status, 200, "{told:?}");
    let user = &told.json()[0];
    assert_eq!((user["provider_name"].as_str(), user["user_id"].as_str()), (Some("test"), Some("alice@example.test")));
    assert!(user["user_claims"].as_array().unwrap().iter().any(|claim| claim["val"] == "alice"), "{user}");
    assert!(user.get("access_token").is_none() && user.get("id_token").is_none(), "tokens are left out: {user}");
    let sessions = sign_in(&world, &alice).await;
    assert!(sessions.body.contains("Browser") && sessions.body.contains("end_session"), "{}", sessions.body);
    // Refreshed, it is good for longer.
    world.gatehouse.clock.advance(3_500);
    let refreshed = alice.open(&world.url("/.auth/refresh").parse().unwrap(), From::SameOrigin).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    world.gatehouse.clock.advance(3_500);
    assert_eq!(call(&world, &alice, "/mcp", &[OWN]).await.status, 200);
    let stolen = alice.cookies();
    let out =
        open(&world, &alice, "/.auth/logout?post_logout_redirect_uri=https://app.example/welcome", From::SameOrigin)
            .await;
    assert_eq!(out.location().map(|url| url.to_string()).as_deref(), Some("https://app.example/welcome"));
    assert_eq!(call(&world, &alice, "/mcp", &[OWN]).await.status, 401);
    // The session is over, whoever kept its cookies.
    let thief = Person::new("mallory");
    for cookie in stolen {
        thief.set_cookie("127.0.0.1", &format!("{}={}; path=/", cookie.name, cookie.value));
    }
    assert_eq!(call(&world, &thief, "/mcp", &[OWN]).await.status, 401);
    assert_eq!(me(&world, &thief, Some("same-origin")).await.status, 401);
    world.gatehouse.stop().await;
}

/// Cookies that were copied, and used when their browser has gone on: the session ends, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn the_cookies_of_a_browser_that_are_refreshed_a_second_time_end_its_sign_in() {
    let world = world("").await;
    let (alice, thief) = (Person::new("alice"), Person::new("mallory"));
    signed_in(&world, &alice, "/mcp").await;
    for cookie in alice.cookies() {
        thief.set_cookie("127.0.0.1", &format!("{}={}; path=/", cookie.name, cookie.value));
    }
    let refresh = async |person: &Person| open(&world, person, "/.auth/refresh", From::SameOrigin).await.status;
    // Two generations later, there is no time left that browsers have to try again.
    assert_eq!((refresh(&alice).await, refresh(&alice).await), (200, 200));
    let reused = || world.gatehouse.log.lines().iter().filter(|line| line.contains("\"token\":\"reused\"")).count();
    assert_eq!((me(&world, &alice, Some("same-origin")).await.status, reused()), (200, 0));
    assert_eq!((refresh(&thief).await, reused()), (401, 1));
    let seen = me(&world, &alice, Some("same-origin")).await;
    assert_eq!(seen.status, 401, "of whom it was taken, nobody knows");
    assert_eq!((refresh(&alice).await, reused()), (401, 1));
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_anywhere_but_to_us_and_to_what_the_operator_named() {
    let world = world("").await;
    let alice = Person::new("alice");
    let before = world.store().await;
    let own = &world.gatehouse.url;
    for address in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "https:evil.example",
        "https://evil.example",
        "https://app.example/welcome/",
        "https://app.example/welcome?next=x",
        "https://app.example.evil.example/welcome",
        &format!("{own}.evil.example/"),
        &format!("{own}@evil.example/"),
        &format!("{own}//evil.example"),
        "/mcp\r\nset-cookie: a=b",
        "/mcp\nlocation: https://evil.example",
        "javascript:alert(1)",
        "/.auth/logout",
        "/callback?code=x&state=y",
        "/authorize?client_id=public",
    ] {
        // `%09` once more encoded stays a path of ours, which no browser takes for a tab; decoded it is one.
        let decoded = address.replace("%09", "\t");
        for path in ["/.auth/login/test?post_login_redirect_uri", "/.auth/logout?post_logout_redirect_uri"] {
            let query = form(&[("x".to_owned(), decoded.clone())]);
            let answer = open(&world, &alice, &format!("{path}={}", &query[2..]), From::SameOrigin).await;
            assert_shown(&answer, 400, address);
        }
    }
    for doubled in ["/.auth/login/test", "/.auth/logout"] {
        let name = if doubled.ends_with("logout") { "post_logout_redirect_uri" } else { "post_login_redirect_uri" };
        let answer = open(&world, &alice, &format!("{doubled}?{name}=/mcp&{name}=/other"), From::SameOrigin).await;
        assert_shown(&answer, 400, "doubled");
    }
    world.assert_unchanged(&before, "open redirects").await;
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);
    // What has a backslash in its escaped form stays a path of ours.
    let page = signed_in(&world, &alice, "/%255cevil.example").await;
    assert_eq!(page.header("refresh"), format!("0; url={own}/%5cevil.example"));
    world.gatehouse.stop().await;
}

/// Whoever leads a browser to `/.auth/login` signs in nobody but its user, and an attacker's way back is good in no other browser.
#[tokio::test(flavor = "multi_thread")]
async fn no_browser_is_signed_in_with_somebody_elses_account() {
    let world = world("unauthenticated = \"redirect\"").await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    open(&world, &alice, "/sessions", From::Nowhere).await;
    let begun = open(&world, &mallory, "/.auth/login/test", From::Nowhere).await;
    let returned = mallory.open(&begun.location().unwrap(), From::OtherSite).await;
    let before = world.store().await;
    let answer = alice.open(&returned.location().unwrap(), From::OtherSite).await;
    assert_shown(&answer, 403, "mallory's way back in alice's browser");
    world.assert_unchanged(&before, "another browser").await;
    assert_eq!(me(&world, &alice, Some("same-origin")).await.status, 401);
    // Neither in a frame nor before the user asks for it.
    for (name, value) in [("sec-fetch-dest", "iframe"), ("sec-purpose", "prefetch")] {
        let url = world.url("/.auth/login/test").parse().unwrap();
        let mut request = alice.page(&url, From::OtherSite).build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let answer = Answer::of(reqwest::Client::new().execute(request).await.unwrap()).await;
        assert_shown(&answer, 403, name);
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_neither_signs_a_browser_out_nor_acts_or_reads_with_its_sign_in() {
    let world = world("unauthenticated = \"redirect\"").await;
    let alice = Person::new("alice");
    signed_in(&world, &alice, "/mcp").await;
    let calls = world.upstream.requests().len();
    let before = world.store().await;
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[OWN, ("origin", "null")],
        &[OWN, ("origin", "https://evil.example")],
    ] {
        let status = call(&world, &alice, "/mcp", headers).await.status;
        assert!(status == 401 || status == 403, "{headers:?}: {status}");
    }
    for site in [None, Some("cross-site"), Some("same-site")] {
        assert_eq!(me(&world, &alice, site).await.status, 403, "{site:?}");
    }
    // A link or a redirect of another site: the user is asked, and nothing ends.
    for from in [From::OtherSite, From::Unknown] {
        let page = open(&world, &alice, "/.auth/logout?post_logout_redirect_uri=/mcp", from).await;
        assert_page(&page, "the question");
        assert_eq!(page.status, 200);
        let form_of_page = page.form("/.auth/logout").expect("a form");
        let mut pairs = form_of_page.hidden.clone();
        let forged =
            alice.post(&world.url("/.auth/logout"), &form(&pairs), From::OtherSite, Some("https://evil.example")).await;
        assert_shown(&forged, 403, "a form of another site");
        pairs.retain(|(name, _)| name != "ticket");
        assert_shown(&alice.submit(&world.gatehouse.url, "/.auth/logout", &pairs).await, 403, "without the ticket");
        pairs.push(("ticket".to_owned(), form_of_page.field("ticket").to_owned()));
        pairs.retain(|(name, _)| name != "post_logout_redirect_uri");
        pairs.push(("post_logout_redirect_uri".to_owned(), "//evil.example".to_owned()));
        assert_shown(&alice.submit(&world.gatehouse.url, "/.auth/logout", &pairs).await, 400, "another address");
    }
    world.assert_unchanged(&before, "another site").await;
    assert_eq!(world.upstream.requests().len(), calls, "the server saw nothing");
    assert_eq!(call(&world, &alice, "/mcp", &[OWN]).await.status, 200, "she is still signed in");
    let page = open(&world, &alice, "/.auth/logout", From::OtherSite).await;
    let confirmed = page.form("/.auth/logout").unwrap().hidden;
    assert_shown(&alice.submit(&world.gatehouse.url, "/.auth/logout", &confirmed).await, 200, "she confirms it");
    assert_eq!(call(&world, &alice, "/mcp", &[OWN]).await.status, 401);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_good_at_routes_that_take_browsers_and_is_no_bearer_token_anywhere() {
    let world = world("unauthenticated = \"redirect\"").await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    signed_in(&world, &alice, "/mcp").await;
    let cookie = alice.cookies().into_iter().find(|cookie| cookie.name.ends_with("gatehouse-session")).unwrap();
    assert!(cookie.attributes.contains("httponly") && cookie.attributes.contains("samesite=lax"), "{cookie:?}");
    assert_eq!(call(&world, &alice, "/other", &[OWN]).await.status, 401, "another route");
    for path in ["/mcp", "/other"] {
        assert_eq!(world.call(path, &cookie.value).await.status, 401, "{path}: as a bearer token");
    }
    // An access token of a client in the cookie's place.
    let token = text(&world.flow(&bob).finish().await, "access_token");
    bob.set_cookie("127.0.0.1", &format!("{}={token}; path=/", cookie.name));
    assert_eq!(call(&world, &bob, "/mcp", &[OWN]).await.status, 401, "a client's token");
    // Two of them, one of which somebody tossed in.
    let cookies = format!("{0}={1}; {0}={token}", cookie.name, cookie.value);
    let request = world.mcp_request("/mcp").header("cookie", cookies).header(OWN.0, OWN.1);
    assert_eq!(Answer::of(request.send().await.unwrap()).await.status, 401, "two cookies");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_sign_in_of_browsers_where_the_operator_has_not_allowed_it() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let before = world.store().await;
    for path in ["/.auth/login/test", "/.auth/login", "/.auth/logout", "/.auth/elsewhere", "/.auth"] {
        assert_eq!(open(&world, &alice, path, From::SameOrigin).await.status, 404, "{path}");
    }
    for path in ["/.auth/me", "/.auth/refresh"] {
        assert_eq!(open(&world, &alice, path, From::SameOrigin).await.status, 404, "{path}");
    }
    world.assert_unchanged(&before, "off").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_refuses_what_shows_nothing_answers_403_and_a_wrong_token_is_still_told_so() {
    let world = world("unauthenticated = \"403\"").await;
    let refused = Answer::of(world.mcp_request("/mcp").send().await.unwrap()).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, ""));
    let wrong = world.call("/mcp", "forged").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").contains("invalid_token"), "{wrong:?}");
    let token = text(&world.flow(&Person::new("alice")).finish().await, "access_token");
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_knows_is_let_in_without_an_identity_and_cannot_bring_one() {
    let lines = "unauthenticated = \"allow\"\nsubject_header = \"x-gatehouse-subject\"\n\
                 identity_headers = { app_service = true, claims = { x-roles = \"roles\" } }\n\
                 secret_headers = { x-functions-key = { secret = \"upstream_secret\" } }\n\
                 policy = [{ name = \"public\", tools = [\"read_*\"] }, { name = \"staff\", subjects = [\"test:alice\"] }, \
                 { name = \"not-bob\", effect = \"deny\", tools = [\"read_secret\"], subjects = [\"test:bob\"] }]";
    let world = AttackWorld::start_with(AttackSettings {
        mcp_lines: lines.to_owned(),
        variables: vec![("upstream_secret".to_owned(), "the-key".to_owned())],
        ..AttackSettings::default()
    })
    .await;
    let tool = |name: &str| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } }).to_string()
    };
    let asked = |name: &str| world.mcp_request("/mcp").body(tool(name));
    let spoofed = [
        ("x-gatehouse-subject", "test:alice"),
        ("X_Gatehouse_Subject", "test:alice"),
        ("x-ms-client-principal", "eyJ9"),
        ("X-MS-CLIENT-PRINCIPAL-NAME", "alice"),
        ("x-functions-key", "theirs"),
        ("remote-user", "alice"),
    ];
    let request = spoofed.iter().fold(asked("read_file"), |request, (name, value)| request.header(*name, *value));
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = world.upstream.requests().pop().unwrap();
    assert_eq!((seen.header("x-gatehouse-subject"), seen.header("x-functions-key")), ("", "the-key"));
    for name in ["x_gatehouse_subject", "x-ms-client-principal", "x-ms-client-principal-name", "remote-user"] {
        assert_eq!(seen.header(name), "", "{name}");
    }
    // What a rule allows to some is not theirs, and what one denies to some is denied to them.
    let calls = world.upstream.requests().len();
    for name in ["write_file", "read_secret"] {
        let answer = Answer::of(asked(name).send().await.unwrap()).await;
        assert!(answer.body.contains("You are not allowed to do this here"), "{name}: {answer:?}");
    }
    for value in ["Bearer forged", "Basic YWxpY2U6eA==", "Bearer", "Negotiate x"] {
        let answer = Answer::of(asked("read_file").header("authorization", value).send().await.unwrap()).await;
        assert!(
            [400, 401].contains(&answer.status),
            "{value}: whoever shows something wrong is not nobody: {answer:?}"
        );
    }
    assert_eq!(world.upstream.requests().len(), calls, "the server saw none of it");
    let token = text(&world.flow(&Person::new("alice")).finish().await, "access_token");
    let answer = Answer::of(asked("write_file").bearer_auth(&token).send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.upstream.requests().pop().unwrap().header("x-gatehouse-subject"), "test:alice");
    world.gatehouse.stop().await;
}

/// An own page's script calls as the person does who is signed in; this is the world's way to send such a request.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_to_the_pages_for_programs_is_no_page() {
    let world = world("").await;
    let alice = Person::new("alice");
    for path in ["/.auth/me", "/.auth/refresh", "/.auth/login/test"] {
        let answer = alice.call(Method::POST, &world.url(path).parse().unwrap(), &json!({})).await;
        assert_eq!(answer.status, 405, "{path}");
    }
    world.gatehouse.stop().await;
}
