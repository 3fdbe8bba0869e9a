//! Accounts of other services that users link: each is its user's, whoever is led to a link, and whatever a service answers.

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::scripted_provider::Failure;
use gatehouse_tests::{
    Answer, AttackSettings, AttackWorld, Endpoint, Form, From, Person, ScriptedProvider, Step, TestIssuer, form,
};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::account;
use crate::answers::{assert_page, assert_shown};

/// Seconds for which the services' access tokens work.
const TOKEN_SECONDS: u64 = 600;
const HEADER: &str = "x-api-token";

struct Scene {
    world: AttackWorld,
    /// The service behind the connection `one`, which is found by discovery.
    one: ScriptedProvider,
    /// The service behind `two`, whose endpoints are configured.
    two: ScriptedProvider,
}

/// What differs: more keys for the connection `one`, for the provider's table, and the name of the route's connection.
async fn scene_with(lines: &str, provider_lines: &str) -> Scene {
    scene_of(lines, AttackSettings { provider_lines: provider_lines.to_owned(), ..AttackSettings::default() }).await
}

/// The same with other settings, whose tables and lines of `/mcp` are added.
async fn scene_of(lines: &str, settings: AttackSettings) -> Scene {
    let (one, two) = (ScriptedProvider::start("one").await, ScriptedProvider::start("two").await);
    for service in [&one, &two] {
        service.script(|script| {
            script.access_token_seconds = TOKEN_SECONDS;
        });
    }
    let tables = format!(
        r#"
[[connections]]
name = "one"
display_name = "Service <One>"
issuer = "{issuer}"
client_id = "gatehouse-at-one"
client_secret = {{ secret = "one_secret" }}
scopes = ["read", "offline_access"]
{lines}

[[connections]]
name = "two"
authorization_endpoint = "{origin}/authorize"
token_endpoint = "{origin}/token"
client_id = "gatehouse-at-two"
scopes = ["offline_access"]

{more}
"#,
        more = settings.tables,
        issuer = one.issuer(),
        origin = two.origin(),
    );
    let settings = AttackSettings {
        tables,
        mcp_lines: format!("backend_token = {{ connection = \"one\", header = \"{HEADER}\" }}\n{}", settings.mcp_lines),
        variables: vec![("one_secret".to_owned(), "very & secret".to_owned())],
        ..settings
    };
    let world = AttackWorld::start_with(settings).await;
    for service in [&one, &two] {
        service.follow(&world.gatehouse.clock);
    }
    Scene { world, one, two }
}

async fn scene() -> Scene {
    scene_with("", "").await
}

impl Scene {
    async fn open(&self, person: &Person, path: &str) -> Answer {
        person.open(&self.world.url(path).parse().unwrap(), From::Nowhere).await
    }

    /// Signs `person` in at the page of linked accounts; the page.
    async fn sign_in(&self, person: &Person) -> Answer {
        let page = self.open(person, "/connections").await;
        let Some(form) = page.form("/sign-in") else { return page };
        let pressed = form.pressed("provider", "test");
        let sent = person.submit(&self.world.gatehouse.url, "/sign-in", &pressed).await;
        let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
        let signed_in = person.open(&returned.location().expect("the callback"), From::OtherSite).await;
        assert_eq!(signed_in.location().expect("our page").path(), "/connections", "{signed_in:?}");
        let page = self.open(person, "/connections").await;
        assert_shown(&page, 200, "the linked accounts");
        page
    }

    /// The form of the page with this button.
    fn button(page: &Answer, name: &str, connection: &str) -> Option<Vec<(String, String)>> {
        let has = |form: &Form| form.buttons.iter().any(|(own, value)| own == name && value == connection);
        page.forms().into_iter().find(has).map(|form| form.pressed(name, connection))
    }

    /// Presses the button of the page: where the browser is sent.
    async fn press(&self, person: &Person, page: &Answer, name: &str, connection: &str) -> Answer {
        let pressed = Self::button(page, name, connection).expect("a button");
        person.submit(&self.world.gatehouse.url, "/connections", &pressed).await
    }

    /// Begins a link and allows it at the service: the address at which the browser comes back.
    async fn returned(&self, person: &Person, connection: &str) -> url::Url {
        let page = self.sign_in(person).await;
        let sent = self.press(person, &page, "link", connection).await;
        assert_eq!(sent.status, 303, "{sent:?}");
        let returned = person.open(&sent.location().expect("the service"), From::OtherSite).await;
        returned.location().expect("the callback")
    }

    /// Links an account of `person`.
    async fn link(&self, person: &Person, connection: &str) {
        let returned = self.returned(person, connection).await;
        let linked = person.open(&returned, From::OtherSite).await;
        assert_eq!(linked.location().expect("our page").path(), "/connections", "{linked:?}");
    }

    async fn token(&self, person: &Person) -> String {
        let tokens: Value = self.world.flow(person).finish().await;
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// A call of a tool at `path` by a client of 2025-11-25.
    async fn call(&self, path: &str, token: &str) -> Answer {
        call_at(&self.world, path, token).await
    }

    /// The token that the server got with the last request.
    fn seen(&self) -> String {
        self.world.upstream.requests().last().expect("a request").header(HEADER).to_owned()
    }

    fn asked(&self) -> usize {
        self.world.upstream.requests().len()
    }

    /// Fails unless the client was told that a link is missing, and the server was not asked.
    async fn assert_link_needed(&self, token: &str) {
        let before = self.asked();
        let answer = self.call("/mcp", token).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (200, &json!(-32042)), "{answer:?}");
        let url = error["data"]["elicitations"][0]["url"].as_str().expect("a URL");
        assert!(url.starts_with(&self.world.url("/connections")), "{url}");
        assert_eq!(self.asked(), before, "the server was asked");
    }
}

async fn call_at(world: &AttackWorld, path: &str, token: &str) -> Answer {
    Answer::of(tool_call(world, path, token).send().await.expect("an answer")).await
}

/// Not sent yet.
fn tool_call(world: &AttackWorld, path: &str, token: &str) -> reqwest::RequestBuilder {
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a", "arguments": {} } });
    let request = world.mcp_request(path).bearer_auth(token).header("mcp-protocol-version", "2025-11-25");
    request.body(message.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_act_in_the_account_that_their_user_linked_and_in_nobody_elses() {
    let scene = scene().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (of_alice, of_bob) = (scene.token(&alice).await, scene.token(&bob).await);
    scene.assert_link_needed(&of_alice).await;
    scene.link(&alice, "one").await;
    assert_eq!(scene.call("/mcp", &of_alice).await.status, 200);
    let first = scene.one.last_access_token();
    assert_eq!(scene.seen(), first);
    // Nobody else's calls, and no other route's.
    scene.assert_link_needed(&of_bob).await;
    let elsewhere = scene.world.flow_of(&alice, scene.world.public(), "/other").finish().await;
    assert_eq!(scene.call("/other", elsewhere["access_token"].as_str().unwrap()).await.status, 200);
    assert_eq!(scene.seen(), "", "a route that does not name the connection");
    scene.link(&bob, "one").await;
    assert_eq!(scene.call("/mcp", &of_bob).await.status, 200);
    assert_ne!(scene.seen(), first);
    assert_eq!(scene.call("/mcp", &of_alice).await.status, 200);
    assert_eq!(scene.seen(), first);
    // What the client sends in the header never arrives.
    let request = scene.world.mcp_request("/mcp").bearer_auth(&of_alice).header(HEADER, "forged");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(scene.seen(), first);
    scene.world.gatehouse.stop().await;
}

/// Such a token goes on after the user has signed out everywhere. A shared account is everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_issuer_with_a_users_subject_does_not_act_in_their_account() {
    for (lines, is_shared) in [("", false), ("shared = true", true)] {
        let (provider, issuer) = (ScriptedProvider::start("test").await, TestIssuer::start().await);
        // The issuer is the identity provider, so the subject is the user's.
        let tables = format!(
            "[[token_issuers]]\nname = \"test\"\nissuer = \"{}\"\njwks_uri = \"{}/jwks\"\n",
            provider.issuer(),
            issuer.origin()
        );
        let claims = json!({ "iss": provider.issuer(), "sub": "alice", "aud": "api://one", "client_id": "an-app", "scope": "mcp files" });
        let settings = AttackSettings {
            provider_lines: "administrator_roles = [\"Admin\"]".to_owned(),
            mcp_lines: "own_tokens = true\ntokens = [{ issuer = \"test\", audiences = [\"api://one\"] }]".to_owned(),
            providers: vec![provider],
            tables,
            ..AttackSettings::default()
        };
        let scene = scene_of(lines, settings).await;
        scene.world.provider().script(|script| {
            script.claims(|claims| claims["roles"] = json!(["Admin"]));
        });
        let alice = Person::new("alice");
        let own = scene.token(&alice).await;
        scene.link(&alice, "one").await;
        assert_eq!(scene.call("/mcp", &own).await.status, 200, "her session");
        let of_alice = scene.seen();
        assert_eq!(of_alice, scene.one.last_access_token());
        let mut claims = claims;
        claims["iat"] = json!(scene.world.now());
        claims["exp"] = json!(scene.world.now() + 600);
        let external = SigningKey::Rsa.sign(&claims);
        let asked = scene.asked();
        let answer = scene.call("/mcp", &external).await;
        if is_shared {
            assert_eq!((answer.status, scene.seen()), (200, of_alice), "{answer:?}");
        } else {
            assert_eq!((answer.status, scene.asked()), (403, asked), "{answer:?}");
            assert!(!answer.body.contains("/connections"), "nothing that this caller could do helps: {}", answer.body);
            // What is no call goes on, in nobody's account.
            let listed = scene.world.call("/mcp", &external).await;
            assert_eq!((listed.status, scene.seen().as_str()), (200, ""), "{listed:?}");
            assert_eq!(scene.call("/mcp", &own).await.status, 200, "her session goes on");
            assert_eq!(scene.seen(), of_alice);
        }
        scene.world.gatehouse.stop().await;
    }
}

/// Without a link, a client still connects and sees what there is: no token is sent, and nobody else's header.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_goes_on_without_a_link_and_without_a_token() {
    let scene = scene().await;
    let token = scene.token(&Person::new("alice")).await;
    let request = scene.world.mcp_request("/mcp").bearer_auth(&token).header(HEADER, "forged");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(scene.seen(), "");
    scene.world.gatehouse.stop().await;
}

/// Phishing (MCP 2025-11-25, elicitation): Alice leads Bob to a link that she has begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_one_user_began_is_finished_by_nobody_else_and_in_no_other_browser() {
    let scene = scene().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (of_alice, of_bob) = (scene.token(&alice).await, scene.token(&bob).await);
    scene.sign_in(&bob).await;
    // Bob opens what Alice's browser was sent to, allows it at the service, and comes back: in his browser.
    let page = scene.sign_in(&alice).await;
    let sent = scene.press(&alice, &page, "link", "one").await.location().unwrap();
    let returned = bob.open(&sent, From::OtherSite).await.location().expect("the callback");
    let before = scene.world.store().await;
    let refused = bob.open(&returned, From::OtherSite).await;
    assert_shown(&refused, 403, "another user's link");
    // Somebody without any sign-in here.
    let stranger = Person::new("mallory");
    assert_shown(&stranger.open(&returned, From::OtherSite).await, 403, "a stranger");
    scene.world.assert_unchanged(&before, "a link of another user").await;
    assert_eq!(scene.one.count(Endpoint::Token), 0, "no code was redeemed");
    scene.assert_link_needed(&of_alice).await;
    scene.assert_link_needed(&of_bob).await;
    // The same browser, in which another user has signed in meanwhile.
    let returned = scene.returned(&alice, "one").await;
    let carol = Person::new("carol");
    for cookie in alice.cookies() {
        if !cookie.name.ends_with("gatehouse-account") {
            carol.set_cookie(&cookie.host, &format!("{}={}", cookie.name, cookie.value));
        }
    }
    scene.sign_in(&carol).await;
    assert_shown(&carol.open(&returned, From::OtherSite).await, 403, "another user in the same browser");
    scene.assert_link_needed(&of_alice).await;
    let of_carol = scene.token(&carol).await;
    scene.assert_link_needed(&of_carol).await;
    // The address that a client shows is nobody's: whoever opens it links their own account to themselves.
    let told = scene.call("/mcp", &of_alice).await.json();
    let url: url::Url = told["error"]["data"]["elicitations"][0]["url"].as_str().unwrap().parse().unwrap();
    assert!(!url.as_str().contains("alice"), "{url}");
    assert_shown(&bob.open(&url, From::OtherSite).await, 200, "the page, in Bob's browser");
    scene.link(&bob, "one").await;
    assert_eq!(scene.call("/mcp", &of_bob).await.status, 200);
    scene.assert_link_needed(&of_alice).await;
    scene.world.gatehouse.stop().await;
}

/// A user who signs out everywhere, because somebody else was at their browser, gets no account that was about to be linked there.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_begun_before_its_user_signed_out_everywhere_is_not_finished() {
    let scene = scene().await;
    let (alice, elsewhere) = (Person::new("alice"), Person::new("alice"));
    let returned = scene.returned(&alice, "one").await;
    let page = account::sign_in(&scene.world, &elsewhere).await;
    assert_shown(&account::sign_out_everywhere(&scene.world, &elsewhere, &page).await, 200, "signed out");
    scene.world.gatehouse.clock.advance(2);
    let before = scene.world.store().await;
    assert_shown(&alice.open(&returned, From::OtherSite).await, 403, "nobody is signed in");
    assert!(scene.open(&alice, "/connections").await.form("/sign-in").is_some(), "she is still signed in");
    scene.world.assert_unchanged(&before, "a link from before").await;
    scene.sign_in(&alice).await;
    let before = scene.world.store().await;
    assert_shown(&alice.open(&returned, From::OtherSite).await, 403, "signed in anew");
    scene.world.assert_unchanged(&before, "a link from before").await;
    assert_eq!(scene.one.count(Endpoint::Token), 0, "a code was redeemed");
    scene.link(&alice, "one").await;
    let token = scene.token(&alice).await;
    assert_eq!(scene.call("/mcp", &token).await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_and_no_state_that_is_made_up_or_old_counts() {
    let scene = scene().await;
    let alice = Person::new("alice");
    let returned = scene.returned(&alice, "one").await;
    let state = |url: &url::Url| url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let linked = alice.open(&returned, From::OtherSite).await;
    assert_eq!(linked.status, 303, "{linked:?}");
    let redeemed = scene.one.count(Endpoint::Token);
    let before = scene.world.store().await;
    assert_shown(&alice.open(&returned, From::OtherSite).await, 400, "again");
    let replayed =
        format!("/connections/callback/one?code=another&iss={}&state={}", scene.one.issuer(), state(&returned));
    assert_shown(&scene.open(&alice, &replayed).await, 400, "the state with another code");
    for query in
        ["", "?code=a", "?state=a&code=b", "?code=a&code=b&state=c", "?error=access_denied", "?code=a&error=b&state=c"]
    {
        let refused = scene.open(&alice, &format!("/connections/callback/one{query}")).await;
        assert_shown(&refused, 400, query);
    }
    // The state of a sign-in is none of a link, and the other way round.
    let mut flow = scene.world.flow(&alice);
    flow.to(Step::Returned).await;
    let login = flow.provider_state();
    assert_shown(&scene.open(&alice, &format!("/connections/callback/one?code=a&state={login}")).await, 400, "a login");
    scene
        .world
        .assert_only_changed(&before, &["login", "login-use", "logins", "consent"], "answers that do not count")
        .await;
    assert_eq!(scene.one.count(Endpoint::Token), redeemed);
    let late = scene.returned(&alice, "one").await;
    scene.world.gatehouse.clock.advance(601);
    let refused = alice.open(&late, From::OtherSite).await;
    assert_shown(&refused, 400, "too late");
    scene.world.gatehouse.stop().await;
}

/// The mix-up attack (RFC 9700, section 4.4): the code of one service must not reach the other.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_one_service_is_not_taken_for_that_of_another() {
    let scene = scene().await;
    let alice = Person::new("alice");
    let returned = scene.returned(&alice, "one").await;
    let query = returned.query().unwrap().to_owned();
    let before = scene.world.store().await;
    for path in ["two", "", "/", "one/", "One", "one%2f..%2ftwo"] {
        let refused = scene.open(&alice, &format!("/connections/callback/{path}?{query}")).await;
        assert!(matches!(refused.status, 400 | 404), "{path}: {refused:?}");
    }
    assert_eq!((scene.one.count(Endpoint::Token), scene.two.count(Endpoint::Token)), (0, 0), "a code went somewhere");
    scene.world.assert_unchanged(&before, "another redirect URI").await;
    // Another issuer, where the service names itself.
    let forged = query.replace(&form(&[("iss", &scene.one.issuer())]), &form(&[("iss", "https://evil.example")]));
    assert_ne!(forged, query);
    let refused = scene.open(&alice, &format!("/connections/callback/one?{forged}")).await;
    assert_page(&refused, "another issuer");
    assert_ne!(refused.status, 303);
    assert_eq!((scene.one.count(Endpoint::Token), scene.two.count(Endpoint::Token)), (0, 0));
    let token = scene.token(&alice).await;
    scene.assert_link_needed(&token).await;
    scene.world.gatehouse.stop().await;
}

/// One page's form, sent again and again, used up the sign-ins of everybody.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_begins_link_after_link_is_stopped_and_keeps_nobody_else_from_signing_in() {
    // So many sign-ins as this test needs.
    let tables = "[sign_ins]\nper_minute = 5".to_owned();
    let scene = scene_of("", AttackSettings { tables, ..AttackSettings::default() }).await;
    // All of it must be in one minute.
    scene.world.gatehouse.clock.advance(60 - scene.world.now() % 60);
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let page = scene.sign_in(&alice).await;
    for number in 1..=20 {
        let sent = scene.press(&alice, &page, "link", "one").await;
        assert_eq!(sent.status, 303, "{number}: {sent:?}");
    }
    let before = scene.world.store().await;
    for _ in 0..3 {
        let refused = scene.press(&alice, &page, "link", "one").await;
        assert_shown(&refused, 503, "one too many");
        assert!(refused.body.contains("You have begun to link an account too often"), "{refused:?}");
        let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    scene.world.assert_only_changed(&before, &["connection-logins"], "links too many").await;
    scene.link(&bob, "one").await;
    scene.world.gatehouse.clock.advance(60);
    scene.link(&alice, "one").await;
    scene.world.gatehouse.stop().await;
}

/// Cross-site request forgery, and a page that leads elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_links_or_removes_an_account_and_the_page_leads_nowhere_else() {
    let scene = scene().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    scene.link(&alice, "one").await;
    let page = scene.open(&alice, "/connections").await;
    let of_bob = scene.sign_in(&bob).await;
    let before = scene.world.store().await;
    let remove = Scene::button(&page, "remove", "one").expect("a button");
    let url = scene.world.url("/connections");
    for (from, origin) in
        [(From::OtherSite, Some("https://evil.example")), (From::OtherSite, None), (From::SameOrigin, Some("null"))]
    {
        let refused = alice.post(&url, &form(&remove), from, origin).await;
        assert_shown(&refused, 403, &format!("{from:?} {origin:?}"));
    }
    // A ticket of another user, in their browser and in hers.
    let of_bob = of_bob.forms().into_iter().next().expect("a form");
    let mut stolen = of_bob.hidden.clone();
    stolen.push(("remove".to_owned(), "one".to_owned()));
    assert_shown(&alice.submit(&scene.world.gatehouse.url, "/connections", &stolen).await, 403, "Bob's ticket");
    for (name, value) in
        [("link", "https://evil.example"), ("link", "three"), ("link", ""), ("remove", "../one"), ("x", "one")]
    {
        let mut pairs = page.forms()[0].hidden.clone();
        pairs.push((name.to_owned(), value.to_owned()));
        let refused = alice.submit(&scene.world.gatehouse.url, "/connections", &pairs).await;
        assert_shown(&refused, 403, &format!("{name}={value}"));
    }
    scene.world.assert_unchanged(&before, "forms that do not count").await;
    for more in
        ["redirect_uri=https://evil.example", "return=//evil.example", "connection=https://evil.example", "next=/other"]
    {
        let shown = scene.open(&alice, &format!("/connections?{more}")).await;
        assert_shown(&shown, 200, more);
        assert!(!shown.body.contains("evil.example"), "{}", shown.body);
    }
    assert!(page.body.contains("Service &#60;One&#62;"), "{}", page.body);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_removed_is_revoked_at_the_service_and_acts_for_nobody() {
    let scene = scene().await;
    let alice = Person::new("alice");
    let token = scene.token(&alice).await;
    scene.link(&alice, "one").await;
    assert_eq!(scene.call("/mcp", &token).await.status, 200);
    let page = scene.open(&alice, "/connections").await;
    let removed = scene.press(&alice, &page, "remove", "one").await;
    assert_eq!(removed.location().unwrap().path(), "/connections");
    scene.assert_link_needed(&token).await;
    let revoked: Vec<_> =
        scene.one.requests(Endpoint::Revoke).iter().map(|it| it.field("token_type_hint").unwrap()).collect();
    assert_eq!(revoked, ["refresh_token", "access_token"]);
    let kinds = ["connection", "connection-tokens", "connection-lease"];
    let left: Vec<_> = scene.world.store().await.into_iter().map(|(name, _)| name).collect();
    assert!(!left.iter().any(|name| kinds.contains(&name.split('.').next().unwrap())), "{left:?}");
    // A service that does not answer keeps nobody from removing their link.
    scene.link(&alice, "one").await;
    scene.one.script(|script| {
        script.failures.insert(Endpoint::Revoke, Failure::Status(500));
    });
    let page = scene.open(&alice, "/connections").await;
    assert_eq!(scene.press(&alice, &page, "remove", "one").await.status, 303);
    scene.assert_link_needed(&token).await;
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_renewed_once_for_all_calls_at_two_instances() {
    let scene = scene().await;
    let alice = Person::new("alice");
    scene.link(&alice, "one").await;
    let beside = scene.world.beside().await;
    for round in 1..=3_usize {
        scene.world.gatehouse.clock.advance(TOKEN_SECONDS);
        let tokens: Value = scene.world.flow(&alice).finish().await;
        let token = tokens["access_token"].as_str().unwrap();
        let mut calls = tokio::task::JoinSet::new();
        for world in [&scene.world, &beside].into_iter().cycle().take(32) {
            calls.spawn(tool_call(world, "/mcp", token).send());
        }
        for answer in calls.join_all().await {
            assert_eq!(answer.expect("an answer").status(), 200);
        }
        assert_eq!(scene.one.refreshes().len(), round, "one for each expiry");
        assert_eq!(scene.seen(), scene.one.last_access_token());
    }
    // The service takes the grant back: the link is over, for the user to make anew.
    scene.world.gatehouse.clock.advance(TOKEN_SECONDS);
    let revoked = scene.one.secrets().into_iter().filter(|text| text.starts_with("provider-refresh-"));
    for refresh_token in revoked {
        let request = reqwest::Client::new().post(format!("{}/revoke", scene.one.origin()));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(form(&[("token", &refresh_token)])).send().await.unwrap();
    }
    let fresh = scene.token(&alice).await;
    scene.assert_link_needed(&fresh).await;
    scene.assert_link_needed(&fresh).await;
    assert_eq!(scene.one.refreshes().len(), 4, "it is asked once, and then the link is gone");
    beside.gatehouse.stop().await;
    scene.world.gatehouse.stop().await;
}

/// While the service does not answer, the link stays: calls go on with the token until it ends, and then clients are told to come again.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_ends_no_link() {
    let scene = scene().await;
    let alice = Person::new("alice");
    scene.link(&alice, "one").await;
    scene.one.script(|script| {
        script.failures.insert(Endpoint::Token, Failure::Status(503));
    });
    scene.world.gatehouse.clock.advance(TOKEN_SECONDS - 10);
    let token = scene.token(&alice).await;
    assert_eq!(scene.call("/mcp", &token).await.status, 200, "it is valid for ten seconds more");
    assert_eq!(scene.one.refreshes().len(), 1, "somebody has asked");
    scene.world.gatehouse.clock.advance(10);
    let before = scene.asked();
    assert_eq!(scene.call("/mcp", &token).await.status, 503);
    assert_eq!(scene.asked(), before);
    scene.one.script(|script| {
        script.failures.clear();
    });
    assert_eq!(scene.call("/mcp", &token).await.status, 200);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_account_is_linked_by_administrators_alone() {
    let scene = scene_with("shared = true", "administrator_roles = [\"Admin\"]").await;
    let (alice, carol) = (Person::new("alice"), Person::new("carol"));
    scene.world.provider().script(|script| {
        script.claims(|claims| {
            if claims["sub"] == "carol" {
                claims["roles"] = json!(["Admin"]);
            }
        });
    });
    let of_alice = scene.token(&alice).await;
    let page = scene.sign_in(&alice).await;
    assert!(Scene::button(&page, "link", "one").is_none(), "{}", page.body);
    let before = scene.world.store().await;
    for name in ["link", "remove"] {
        let mut pairs = page.forms()[0].hidden.clone();
        pairs.push((name.to_owned(), "one".to_owned()));
        assert_shown(&alice.submit(&scene.world.gatehouse.url, "/connections", &pairs).await, 403, name);
    }
    scene.world.assert_unchanged(&before, "a user without the role").await;
    scene.assert_link_needed(&of_alice).await;
    scene.link(&carol, "one").await;
    assert_eq!(scene.call("/mcp", &of_alice).await.status, 200);
    assert_eq!(scene.seen(), scene.one.last_access_token());
    let shown = scene.open(&alice, "/connections").await;
    assert!(!shown.body.contains("carol"), "who linked it is for administrators: {}", shown.body);
    scene.world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_page_nor_log_nor_store_nor_client_holds_a_secret_of_a_link() {
    let scene = scene().await;
    let alice = Person::new("alice");
    let token = scene.token(&alice).await;
    let mut seen = vec![scene.call("/mcp", &token).await];
    let returned = scene.returned(&alice, "one").await;
    seen.push(alice.open(&returned, From::OtherSite).await);
    seen.push(scene.open(&alice, "/connections").await);
    seen.push(scene.call("/mcp", &token).await);
    scene.world.gatehouse.clock.advance(TOKEN_SECONDS);
    let fresh = scene.token(&alice).await;
    seen.push(scene.call("/mcp", &fresh).await);
    let removal = scene.sign_in(&alice).await;
    seen.push(scene.press(&alice, &removal, "remove", "one").await);
    let log = scene.world.gatehouse.log.lines().join("\n");
    let store = scene.world.store().await;
    let secrets = scene.one.secrets();
    assert!(secrets.len() > 6, "{}", secrets.len());
    for secret in secrets.iter().filter(|secret| secret.len() > 8) {
        assert!(!log.contains(secret.as_str()), "in the log");
        for answer in &seen {
            assert!(!answer.body.contains(secret.as_str()), "in an answer: {answer:?}");
        }
        for (name, value) in &store {
            let holds = value.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!holds && !name.contains(secret.as_str()), "{name}");
        }
    }
    scene.world.gatehouse.stop().await;
}
