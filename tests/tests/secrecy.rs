//! What is never written down: after a busy run, everything secret or personal that was used is looked for in the store
//! and in the log, as it is and in the encodings in which it could hide.

#[path = "attacks/parties.rs"]
mod parties;

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use gatehouse_tests::scripted_provider::{Authorization, Failure};
use gatehouse_tests::{
    AttackSettings, AttackWorld, CLIENT_SECRET, ClientAuthentication, Endpoint, Flow, From, Gatehouse, Person, Step,
    TestClient, form,
};
use serde_json::json;
use url::form_urlencoded;

/// Shorter texts occur by chance.
const SHORTEST: usize = 8;
/// Sent wherever a secret goes that is wrong.
const WRONG: &str = "secret-of-a-wrong-request";
/// How long the provider's access tokens live.
const PROVIDER_TOKEN_SECONDS: u64 = 100;
/// The value of the variable `upstream_secret`.
const UPSTREAM_SECRET: &str = "upstream-secret-6f1c0a";

/// Texts that must be nowhere.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, text: impl Into<String>) {
        let text = text.into();
        if text.len() >= SHORTEST {
            self.0.insert(text);
        }
    }

    /// Everything of a sign-in.
    fn add_flow(&mut self, flow: &Flow<'_>) {
        self.add(flow.verifier.as_str());
        for (name, value) in &flow.request {
            if name == "state" {
                self.add(value.as_str());
            }
        }
        for form in flow.page.iter().flat_map(gatehouse_tests::Answer::forms) {
            form.hidden.into_iter().for_each(|(_, value)| self.add(value));
        }
        for url in [&flow.provider_url, &flow.callback_url, &flow.client_url].into_iter().flatten() {
            for (name, value) in url.query_pairs() {
                if ["state", "code", "nonce"].contains(&&*name) {
                    self.add(value);
                }
            }
        }
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = flow.tokens.as_ref().and_then(|tokens| tokens[name].as_str()) {
                self.add(token);
            }
        }
    }

    fn add_person(&mut self, person: &Person) {
        person.cookies().into_iter().for_each(|cookie| self.add(cookie.value));
        let name = person.name();
        let capital = format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..]);
        self.add(format!("{name}@example.test"));
        self.add(format!("{capital} Example"));
        self.add(name);
        self.add(capital);
    }
}

/// The forms in which a text could hide.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut forms = vec![bytes.to_vec()];
    forms.push(form_urlencoded::byte_serialize(bytes).collect::<String>().into_bytes());
    forms.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes());
    forms.push(json!(text).to_string().trim_matches('"').as_bytes().to_vec());
    // Inside a longer text, base64 begins at one of three places; the characters that depend on the neighbours go.
    for before in 0..3 {
        let shifted = [&vec![0; before], bytes].concat();
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            let kept = &encoded[(before * 8).div_ceil(6)..shifted.len() * 8 / 6];
            forms.push(kept.as_bytes().to_vec());
        }
    }
    // What we hand out is base64url of something sealed: its bytes would be as bad.
    forms.extend(URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() >= SHORTEST));
    forms
}

fn holds(haystack: &[u8], text: &str) -> bool {
    AhoCorasick::new(encodings(text)).expect("a search").is_match(haystack)
}

#[test]
fn a_text_is_found_in_every_encoding() {
    let secret = "a secret + 100%";
    for haystack in [
        format!("x{secret}x"),
        "xa+secret+%2B+100%25".to_owned(),
        STANDARD_NO_PAD.encode(format!("{{\"a\":\"{secret}\"}}")),
        URL_SAFE_NO_PAD.encode(format!("x{secret}")),
        URL_SAFE_NO_PAD.encode(format!("xy{secret}z")),
        "612073656372657420 2b20313030250a".replace(' ', ""),
    ] {
        assert!(holds(haystack.as_bytes(), secret), "{haystack}");
    }
    assert!(!holds(b"another secret + 100 %", secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_store_nor_log_holds_anything_secret_or_personal_in_any_encoding() {
    let mut settings = parties::settings();
    settings.variables.push(("upstream_secret".to_owned(), UPSTREAM_SECRET.to_owned()));
    let world = AttackWorld::start_with(AttackSettings {
        mcp_lines: "subject_header = \"x-subject\"\nidentity_provider_token_header = \"authorization\"\n\
                    secret_headers = { x-key = { secret = \"upstream_secret\" } }"
            .to_owned(),
        ..settings
    })
    .await;
    world.provider().script(|script| script.access_token_seconds = PROVIDER_TOKEN_SECONDS);
    // Subjects are in the log; a person's name must not be in them.
    world.provider().script(|script| {
        script.claims(|claims| {
            let number: u32 = claims["sub"].as_str().expect("a name").bytes().map(u32::from).sum();
            claims["sub"] = format!("subject-{number}").into();
        });
    });
    let (alice, bob) = (Person::new("alice.liddell"), Person::new("robert.baratheon"));
    let mut secrets = Secrets::default();
    let mut client_ids = Vec::new();
    let registered = world.registered("https://registered.example/callback").await;
    client_ids.push(registered.client_id.clone());
    let loopback = TestClient::public("public", "http://127.0.0.1:4711/callback");

    let metadata =
        json!({ "redirect_uris": ["https://secret.example/"], "token_endpoint_auth_method": "client_secret_post" });
    let with_secret = world.register(&metadata).await.json();
    let text = |name: &str| with_secret[name].as_str().expect("text").to_owned();
    secrets.add(text("client_secret"));
    client_ids.push(text("client_id"));
    let with_secret = TestClient::public(&text("client_id"), "https://secret.example/")
        .with(ClientAuthentication::Post(text("client_secret")));

    for person in [&alice, &bob] {
        let public = [world.public(), world.other(), loopback.clone(), registered.clone()];
        let confidential = [parties::basic(), parties::post(), parties::signer(), with_secret.clone()];
        for client in public.into_iter().chain(confidential) {
            for remember in [false, true, false] {
                sign_in(&world, person, &client, remember, &mut secrets).await;
            }
        }
        look_at_sessions(&world, person, &mut secrets).await;
    }
    let form = parties::pairs(&[("grant_type", "client_credentials"), ("resource", &world.url("/other"))]);
    let tokens = world.token(&parties::machine(), &form).await;
    secrets.add(tokens.json()["access_token"].as_str().expect("a token"));
    assert_eq!(world.token(&parties::agent(), &form).await.error(), "unauthorized_client");
    for token in secrets.0.clone().iter().filter(|secret| secret.len() > 150).take(5) {
        world.as_client(&parties::basic(), "/introspect", &parties::pairs(&[("token", token)])).await;
        world.as_client(&world.public(), "/revoke", &parties::pairs(&[("token", token)])).await;
    }
    go_wrong(&world, &alice, &mut secrets).await;

    for person in [&alice, &bob] {
        secrets.add_person(person);
    }
    world.provider().secrets().into_iter().for_each(|secret| secrets.add(secret));
    for secret in [
        CLIENT_SECRET,
        // Of the browser's User-Agent, names of products are kept and nothing else.
        "Gecko/20100101",
        UPSTREAM_SECRET,
        WRONG,
        parties::SECRET,
        Gatehouse::SERVER_KEYS.split(':').nth(1).expect("a key"),
    ] {
        secrets.add(secret);
    }
    assert_nowhere(&world, &secrets, &client_ids).await;
    world.gatehouse.stop().await;
}

/// A sign-in, its refreshes and its calls.
async fn sign_in(world: &AttackWorld, person: &Person, client: &TestClient, remember: bool, secrets: &mut Secrets) {
    let mut flow = world.flow_of(person, client.clone(), "/mcp");
    flow.remember = remember;
    for step in [Step::Asked, Step::SentToProvider, Step::Returned, Step::Answered, Step::Redeemed] {
        flow.to(step).await;
        secrets.add_flow(&flow);
    }
    let mut tokens = flow.tokens.clone().expect("tokens");
    let session = world.mcp_session(tokens["access_token"].as_str().expect("text")).await;
    secrets.add(session);
    for _ in 0..2 {
        // The provider's token is refreshed with it.
        world.gatehouse.clock.advance(PROVIDER_TOKEN_SECONDS + 1);
        let answer = world.refresh(client, tokens["refresh_token"].as_str().expect("text")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        tokens = answer.json();
        ["access_token", "refresh_token"].iter().for_each(|name| secrets.add(tokens[*name].as_str().expect("text")));
    }
    assert_eq!(world.call("/mcp", tokens["access_token"].as_str().expect("text")).await.status, 200);
}

/// The account pages, as far as their forms.
async fn look_at_sessions(world: &AttackWorld, person: &Person, secrets: &mut Secrets) {
    let url = world.url("/sessions").parse().expect("a URL");
    let page = person.open(&url, From::Nowhere).await;
    let pressed = page.form("/sign-in").expect("a form").pressed("provider", "test");
    pressed.iter().for_each(|(_, value)| secrets.add(value.as_str()));
    let sent = person.submit(&world.gatehouse.url, "/sign-in", &pressed).await;
    let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
    person.open(&returned.location().expect("the callback"), From::OtherSite).await;
    let page = person.open(&url, From::Nowhere).await;
    assert!(page.body.contains("@example.test"), "the user's own page says who they are: {}", page.body);
    for form in page.forms() {
        // What its buttons call a session or a consent is no secret: it says nothing without its owner.
        form.hidden.into_iter().for_each(|(_, value)| secrets.add(value));
    }
}

/// What went wrong is logged, too, and none of it may be repeated there.
async fn go_wrong(world: &AttackWorld, person: &Person, secrets: &mut Secrets) {
    let pairs = |list: &[(&str, &str)]| {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let public = world.public();
    // At the token endpoint, the MCP endpoint and with a session.
    for form in [
        &[("grant_type", "authorization_code"), ("code", WRONG), ("code_verifier", WRONG)][..],
        &[("grant_type", "authorization_code"), ("code", WRONG), ("code_verifier", &WRONG.repeat(3))],
        &[("grant_type", "refresh_token"), ("refresh_token", WRONG)],
        &[("grant_type", WRONG)],
        &[("grant_type", "refresh_token"), ("refresh_token", WRONG), ("client_secret", WRONG)],
        &[("grant_type", "refresh_token"), ("refresh_token", WRONG), ("scope", "\"secret-of-a-wrong-request\"")],
        &[("token", WRONG), ("token_type_hint", "access_token")],
    ] {
        world.token(&public, &pairs(form)).await;
        for path in ["/revoke", "/introspect", "/consent", "/choose", "/sign-out", "/sign-in", "/sessions"] {
            world.as_client(&public, path, &pairs(form)).await;
        }
        let basic = world.form("/token", form).basic_auth("public", Some(WRONG));
        assert!(basic.send().await.expect("an answer").status().is_client_error());
    }
    world.call("/mcp", WRONG).await;
    let tokens = world.flow(person).finish().await;
    let token = tokens["access_token"].as_str().expect("text");
    secrets.add(token);
    let request = world.mcp_request("/mcp").bearer_auth(token).header("mcp-session-id", WRONG);
    assert_eq!(request.send().await.expect("an answer").status(), 404);
    // At the pages.
    for (path, query) in [
        ("/callback", form(&[("code", WRONG), ("state", WRONG)])),
        ("/callback", form(&[("error", WRONG), ("state", WRONG), ("error_description", WRONG)])),
        (
            "/authorize",
            form(&[("client_id", "public"), ("redirect_uri", "https://evil.example/?secret-of-a-wrong-request")]),
        ),
        ("/authorize", form(&[("client_id", "public"), ("redirect_uri", &public.redirect_uri), ("state", WRONG)])),
    ] {
        person.open(&world.url(&format!("{path}?{query}")).parse().expect("a URL"), From::OtherSite).await;
    }
    // At the provider: refused, broken, an id_token that is not its own, an answer of another issuer.
    let denied = world.flow(person);
    attempt(denied, secrets).await;
    for authorization in [Authorization::Error("access_denied"), Authorization::Error("server_error")] {
        world.provider().script(|script| {
            script.authorization = authorization;
            script.response(|response| response.push(("error_description".to_owned(), WRONG.to_owned())));
        });
        attempt(world.flow(person), secrets).await;
    }
    world.provider().script(|script| {
        script.authorization = Authorization::SignIn;
        script.response(|response| {
            response.retain(|(name, _)| name != "iss");
            response.push(("iss".to_owned(), "https://evil.example".to_owned()));
        });
    });
    attempt(world.flow(person), secrets).await;
    world.provider().script(|script| {
        script.response(|_| ());
        script.id_token(|_| format!("e30.e30.{WRONG}"));
    });
    attempt(world.flow(person), secrets).await;
    for failure in [
        Failure::Cut,
        Failure::Status(400),
        Failure::Body(json!({ "error": "invalid_grant", "error_description": WRONG }).to_string()),
    ] {
        world.provider().script(|script| {
            script.failures.insert(Endpoint::Token, failure);
        });
        attempt(world.flow(person), secrets).await;
    }
}

/// A sign-in that ends with an error.
async fn attempt(mut flow: Flow<'_>, secrets: &mut Secrets) {
    for step in [Step::Asked, Step::SentToProvider, Step::Returned, Step::Answered] {
        flow.to(step).await;
        secrets.add_flow(&flow);
    }
}

async fn assert_nowhere(world: &AttackWorld, secrets: &Secrets, client_ids: &[String]) {
    let lines = world.gatehouse.log.lines();
    let log = lines.join("\n");
    assert!(!world.provider().refreshes().is_empty(), "the provider's tokens were not refreshed");
    for event in ["/callback", "/token", "forwarded", "refused", "failed"] {
        assert!(log.contains(event), "the log says nothing of {event}: was it a busy run?");
    }
    let entries = world.store().await;
    assert!(entries.len() > 20, "only {} entries: was it a busy run?", entries.len());
    // The files as they lie on the disk: what was deleted or overwritten can still be in them.
    let mut store: Vec<u8> =
        entries.iter().flat_map(|(name, value)| [name.as_bytes(), b"\n", value, b"\n"].concat()).collect();
    for file in std::fs::read_dir(world.gatehouse.state_directory())
        .expect("the folder")
        .map(|file| file.expect("a file").path())
    {
        // The manifest of this test lies there, too.
        if file.is_file() && file.file_name().is_some_and(|name| name != "spin.toml") {
            store.extend(std::fs::read(&file).expect("a file"));
        }
    }
    // All at once: one after the other takes a minute.
    let forms: Vec<(&String, Vec<u8>)> =
        secrets.0.iter().flat_map(|secret| encodings(secret).into_iter().map(move |form| (secret, form))).collect();
    let search = AhoCorasick::new(forms.iter().map(|(_, form)| form)).expect("a search");
    for line in &lines {
        let found = search.find(line).map(|found| forms[found.pattern().as_usize()].0);
        assert_eq!(found, None, "it is in the log: {line}");
    }
    let found = search.find(&store).map(|found| forms[found.pattern().as_usize()].0);
    assert_eq!(found, None, "it is in the store");
    // Their shapes, whatever their values.
    for shape in ["eyJ", "code=", "state=", "/callback?", "gatehouse-browser-", "Bearer ", "Basic "] {
        assert!(!log.contains(shape), "{shape} is in the log");
    }
    // The log may name subjects and clients; the store knows nobody in clear, and opens a registered client with its
    // whole id only.
    let in_clear = [
        "subject-",
        "client.example",
        "registered.example",
        "redirect_uri",
        "client_name",
        "scope",
        "http://",
        "https://",
    ];
    for text in in_clear.map(str::to_owned).iter().chain(client_ids) {
        assert!(!holds(&store, text), "{text} is in the store");
    }
    for client_id in client_ids {
        let (_, secret) = client_id.split_once('-').expect("an expiry and a secret");
        assert!(!holds(&store, secret), "the secret of a client id is in the store");
    }
}
