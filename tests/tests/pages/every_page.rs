//! Every page that Gatehouse has, in every language.

use gatehouse_tests::rest_double::json_answer;
use gatehouse_tests::scripted_provider::{Authorization, Failure};
use gatehouse_tests::{
    AttackSettings, AttackWorld, ClientDocuments, Endpoint, Flow, Person, ScriptedProvider, TestClient, serve,
};
use serde_json::json;

use crate::chromium::Chromium;
use crate::inspection::{LANGUAGES, inspect};
use crate::scene::{self, PROVIDERS, asked, cursor, native};

const LONG_NAME: &str = "Averylongnamewithoutanyspacetobreakitat";
const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
const SITE: &str = "https://notes.example/callback";
const OPERATOR: &str = "Contoso Werkzeuge";

/// A client that has registered under this name.
async fn registered(world: &AttackWorld, name: &str, redirect_uri: &str) -> TestClient {
    let answer = world.register(&json!({ "client_name": name, "redirect_uris": [redirect_uri] })).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    TestClient::public(answer.json()["client_id"].as_str().expect("an id"), redirect_uri)
}

fn url_of(flow: &Flow<'_>) -> String {
    flow.authorization_url().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_for_everybody() {
    let documents = ClientDocuments::serve(&[SITE], &json!({ "keys": [] })).await;
    let settings = AttackSettings {
        variables: vec![("client_document_origin".to_owned(), documents.origin.clone())],
        ca_file: Some(documents.ca_file()),
        ..AttackSettings::default()
    };
    let world = scene::start(&PROVIDERS, settings).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let long_uri = format!("https://notes.example/callback/{}", "deep/".repeat(40));
    let web = registered(&world, "Notes & <b>more</b>", SITE).await;
    let long = registered(&world, &LONG_NAME.repeat(3), &long_uri).await;
    let document = TestClient::public(&documents.client_id("/client.json"), SITE);
    for language in LANGUAGES {
        chromium.speak(language).await;
        chromium.open(&url_of(&asked(&world, &alice, &native(LOOPBACK)))).await;
        let names = [OPERATOR, "Visual Studio Code", "Provider contoso", "Provider northwind"];
        inspect(&mut chromium, language, "choose", &names, &["How do you want to sign in?"]).await;
        for (name, client, names, words) in [
            (
                "consent-native",
                native(LOOPBACK),
                &["Visual Studio Code", "127.0.0.1:33418"][..],
                &["this computer"][..],
            ),
            ("consent-web", web.clone(), &["notes.example", "&lt;b&gt;more"], &["nobody has checked it"]),
            ("consent-long", long.clone(), &[LONG_NAME, "notes.example"], &[]),
            (
                "consent-document",
                document.clone(),
                &["Client with a document", "notes.example"],
                &["It is described by"],
            ),
            ("consent-private-use", cursor(), &["Cursor", "cursor://"], &["the program on this computer that opens"]),
        ] {
            chromium.open(&url_of(&asked(&world, &alice, &client))).await;
            chromium.click("button[value=contoso]").await;
            // What the operator has configured stays as it is.
            let own =
                [OPERATOR, "First server", "Use the tools of the first server", "Read your files", "Provider contoso"];
            let asked = ["Allow and sign in", "Deny", "Do not ask again in this browser"];
            inspect(&mut chromium, language, name, &[&own, names].concat(), &[&asked, words].concat()).await;
        }
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_for_everybody() {
    let settings = AttackSettings {
        lifetimes: "consent = 0".to_owned(),
        provider_lines: "[identity_provider.access]\nroles = [\"snippets\"]".to_owned(),
        ..AttackSettings::default()
    };
    let world = scene::start(&["contoso"], settings).await;
    let (mut chromium, bob) = (Chromium::start().await, Person::new("bob"));
    let (url, sessions) = (url_of(&asked(&world, &bob, &native(LOOPBACK))), world.url("/sessions"));
    let foreign = url_of(&asked(&world, &bob, &native("https://evil.example/")));
    let wrong = registered(&world, "Notes", SITE).await;
    let wrong = url_of(&asked(&world, &bob, &wrong).with("scope", Some("none-of-ours")));
    chromium.be("bob").await;
    for language in LANGUAGES {
        chromium.speak(language).await;
        world.provider().script(|script| {
            script.failures.insert(Endpoint::Discovery, Failure::Status(500));
        });
        chromium.open(&sessions).await;
        chromium.click("button[name=provider]").await;
        let words = ["Signing in does not work at the moment", "give them this number", "Your sessions"];
        inspect(&mut chromium, language, "error-out-of-order", &[OPERATOR], &words).await;
        world.provider().script(|script| script.failures.clear());

        let page = chromium.open(&url).await;
        assert!(!page.html.contains("checkbox"), "{}", page.html);
        let names = ["Provider contoso"];
        inspect(&mut chromium, language, "consent-not-remembered", &names, &["Allow and sign in"]).await;
        chromium.click("button[value=approve]").await;
        let names = ["Provider contoso", "Visual Studio Code"];
        let words = ["lacks the role", "Use another account", "Back to "];
        inspect(&mut chromium, language, "denied", &names, &words).await;

        chromium.open(&sessions).await;
        inspect(&mut chromium, language, "sign-in-one-provider", &["Provider contoso"], &["Sign in with"]).await;
        chromium.click("button[name=provider]").await;
        let words = ["lacks the role", "Use another account"];
        inspect(&mut chromium, language, "denied-account", &names[..1], &words).await;

        for (name, url, names, words) in [
            ("error-link", foreign.clone(), &[][..], &["This sign-in link does not work", "named before"][..]),
            ("error-rejected", wrong.clone(), &["Notes", "notes.example"], &["asks for a permission", "Back to"]),
            ("error-client", foreign.replace("client_id=native", "client_id=1-a"), &[], &["not known here"]),
            (
                "error-callback",
                world.url("/callback?state=forged&code=forged"),
                &[],
                &["This sign-in cannot be completed", "Go back to your application"],
            ),
        ] {
            chromium.open(&url).await;
            inspect(&mut chromium, language, name, names, words).await;
        }
        chromium.open(&url).await;
        world.gatehouse.clock.advance(3600);
        chromium.click("button[value=approve]").await;
        inspect(&mut chromium, language, "error-decision", &[OPERATOR], &["This decision does not count"]).await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_page_is_for_everybody() {
    let world = scene::start(&PROVIDERS, AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let sessions = world.url("/sessions");
    let notes = registered(&world, "Notes & <b>more</b>", SITE).await;
    for (client, resource, remember) in [
        (native(LOOPBACK), "/mcp", true),
        (notes, "/mcp", true),
        (world.other(), "/other", false),
        (native(LOOPBACK), "/mcp", false),
    ] {
        let mut flow = world.flow_of(&alice, client, resource);
        flow.provider = Some("contoso".to_owned());
        flow.remember = remember;
        flow.finish().await;
        world.gatehouse.clock.advance(3 * 3600);
    }
    for language in LANGUAGES {
        chromium.speak(language).await;
        chromium.be("bob").await;
        chromium.open(&sessions).await;
        let providers = ["Provider contoso", "Provider northwind"];
        let words = ["Sign in to see your sessions", "Sign in with"];
        inspect(&mut chromium, language, "sign-in", &providers, &words).await;
        chromium.click("button[value=contoso]").await;
        let words = ["No application can act in your name at the moment", "You are signed in with"];
        inspect(&mut chromium, language, "sessions-none", &["bob@example.test"], &words).await;
        chromium.click("button[value=here]").await;
        inspect(&mut chromium, language, "signed-out", &[OPERATOR], &["You are signed out of this page"]).await;

        chromium.be("alice").await;
        chromium.open(&sessions).await;
        chromium.click("button[value=contoso]").await;
        let names = [
            "alice@example.test",
            "Visual Studio Code",
            "Notes &amp; &lt;b&gt;more",
            "Other client",
            "Second server",
            "Firefox",
            "Use the tools of the first server; Read your files",
        ];
        let words = [
            "4 sessions let applications act in your name",
            "Firefox on Linux",
            "hours ago",
            "in 17 hours",
            "November",
            "End this session",
            "Sign out everywhere",
            "You are not asked again about",
            "Ask me again",
        ];
        // November is November in German, too.
        let words = words.iter().copied().filter(|word| language != "de" || *word != "November").collect::<Vec<_>>();
        inspect(&mut chromium, language, "sessions", &names, &words).await;
        chromium.click("button[value=everywhere]").await;
        let words = ["Sign out everywhere?", "All your sessions end", ">Cancel<"];
        inspect(&mut chromium, language, "confirm-sign-out", &[OPERATOR], &words).await;
        chromium.click("a.button").await.assert_says(&["alice@example.test", "end_session"]);
        world.gatehouse.clock.advance(15 * 60 + 1);
        chromium.click("button[name=end_session]").await;
        let words = ["You are not signed in here, or no longer", "Nothing was changed"];
        inspect(&mut chromium, language, "sign-in-again", &[OPERATOR], &words).await;

        // Somebody who has no sessions that could end.
        chromium.be("carol").await;
        chromium.open(&sessions).await;
        chromium.click("button[value=contoso]").await;
        open_one(&world, "carol").await;
        chromium.open(&sessions).await;
        chromium.click("button[value=everywhere]").await;
        chromium.click("button[value=all]").await;
        let words = ["You are signed out everywhere", "Your sessions"];
        inspect(&mut chromium, language, "signed-out-everywhere", &[OPERATOR], &words).await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_administrators_and_of_browsers_is_for_everybody() {
    let settings = AttackSettings {
        tables: "[browser_sign_in]\nenabled = true".to_owned(),
        provider_lines: "administrator_roles = [\"Admin\"]".to_owned(),
        ..AttackSettings::default()
    };
    let world = scene::start(&PROVIDERS, settings).await;
    for provider in &world.providers {
        provider.script(|script| {
            script.claims = std::sync::Arc::new(|claims| {
                if claims["email"] == "carol@example.test" {
                    claims["roles"] = json!(["Admin"]);
                }
            });
        });
    }
    let (mut chromium, carol) = (Chromium::start().await, Person::new("carol"));
    let (sessions, consents) = (world.url("/sessions"), world.url("/consents"));
    let client = native(&scene::client_page().await);
    for language in LANGUAGES {
        chromium.speak(language).await;
        chromium.be("bob").await;
        chromium.open(&sessions).await;
        chromium.click("button[value=contoso]").await;
        chromium.open(&consents).await;
        inspect(
            &mut chromium,
            language,
            "no-administrator",
            &[OPERATOR],
            &["lacks the role that is needed to see this"],
        )
        .await;

        chromium.open(&sessions).await;
        chromium.click("button[value=here]").await;
        chromium.be("carol").await;
        chromium.open(&sessions).await;
        chromium.click("button[value=contoso]").await;
        chromium.open(&consents).await;
        let words = ["Allowed for everybody", "is asked about every application"];
        inspect(&mut chromium, language, "consents-none", &["Provider contoso"], &words).await;
        chromium.open(&url_of(&asked(&world, &carol, &client))).await;
        chromium.click("button[value=contoso]").await;
        let words =
            ["For everybody who signs in with this account", "Nobody will be asked about this application again"];
        inspect(&mut chromium, language, "consent-for-everybody", &["Visual Studio Code"], &words).await;
        chromium.tab_to_control("for_everybody", "yes").await;
        chromium.press(crate::chromium::Key::Space).await;
        chromium.click("button[value=approve]").await;
        chromium.open(&consents).await;
        let names = ["Visual Studio Code", "native", "carol@example.test", "First server", "127.0.0.1"];
        let words = ["Allowed for everybody", "is asked about these applications", "Allowed by", "Take back"];
        inspect(&mut chromium, language, "consents", &names, &words).await;
        chromium.click("button[name=take_back]").await.assert_says(&["/sessions"]);

        chromium.open(&world.url("/.auth/login?post_login_redirect_uri=/")).await;
        let names = ["Provider contoso", "Provider northwind"];
        inspect(&mut chromium, language, "browser-choose", &names, &["How do you want to sign in?"]).await;
        chromium.open(&sessions).await;
        chromium.click("button[value=here]").await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_operator_is_for_everybody() {
    // What answers in the place of a sandbox.
    let environment = json!({
        "handle": "5984064.1.abcdefghijkl", "name": "abcdefghijkl", "subject": "key:nightly-report",
        "launchedAt": 1_795_219_200, "usedAt": 1_795_219_260, "endsAt": 1_795_219_560, "runs": 7, "isRunning": true,
    });
    let listing = json!({ "count": 1, "most": 1000, "environments": [environment], "next": "5984063.9" });
    let sandbox = serve(move |_| {
        let answer = json_answer(200, &listing);
        async move { Some(answer) }
    });
    let environments =
        format!("environments = {{ url = \"{}/environments\", secret = \"sandbox_administration\" }}\n", sandbox.await);
    let settings = AttackSettings {
        provider_lines: "operator_roles = [\"Ops\"]".to_owned(),
        mcp_lines: environments
            + "own_tokens = true\nrates = [{ per = \"route\", requests = 1000, seconds = 60 }]\n\
                    policy = [{ name = \"readers\", tools = [\"read_*\"] }]\n\
                    [routes.api_keys]\nsession_pool = \"code-pool\"\n\
                    administrators = [{ label = \"operations\", secret = \"administrator_token\" }]",
        variables: [
            ("administrator_token", "token-of-an-administrator-5d1f0c7a"),
            ("sandbox_administration", "secret-of-administrators-1c93"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        ..AttackSettings::default()
    };
    let world = scene::start(&PROVIDERS, settings).await;
    for provider in &world.providers {
        provider.script(|script| script.claims = std::sync::Arc::new(|claims| claims["roles"] = json!(["Ops"])));
    }
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let notes = registered(&world, "Notes & <b>more</b>", SITE).await;
    let id = notes.client_id.clone();
    for client in [native(LOOPBACK), notes] {
        let mut flow = world.flow_of(&alice, client, "/mcp");
        flow.provider = Some("contoso".to_owned());
        flow.finish().await;
        world.gatehouse.clock.advance(60);
    }
    chromium.be("carol").await;
    for language in LANGUAGES {
        chromium.speak(language).await;
        chromium.open(&world.url("/sessions")).await;
        chromium.click("button[value=contoso]").await;
        chromium.click("a[href='/admin']").await;
        let names = [
            "carol@example.test",
            "/mcp",
            "code-pool",
            "public_url = http",
            "$identity_provider_secret",
            "key:nightly-report",
        ];
        let words = [
            "Administration of this server",
            "Sessions of a user",
            "Nobody has asked it lately",
            "Ask about a tool",
            "Environments of sandboxes",
            "End this environment",
        ];
        inspect(&mut chromium, language, "administration", &names, &words).await;
        chromium.fill("input[name=subject]", "contoso:alice").await;
        chromium.click("button[value=find-sessions]").await;
        let names = ["contoso:alice", "Visual Studio Code", "Notes &amp; &lt;b&gt;more"];
        let words = ["End this session", "End all sessions of this user"];
        inspect(&mut chromium, language, "administration-sessions", &names, &words).await;
        chromium.fill("input[name=client_id]", &id).await;
        chromium.click("button[value=find-client]").await;
        let words = ["Remove this application", "It has registered itself"];
        inspect(&mut chromium, language, "administration-client", &["Notes &amp; &lt;b&gt;more", SITE], &words).await;
        chromium.open(&world.url("/sessions")).await;
        chromium.click("button[value=here]").await;
    }
    // With the keyboard alone: what is typed, and the button.
    chromium.speak("en").await;
    chromium.open(&world.url("/sessions")).await;
    chromium.click("button[value=contoso]").await;
    chromium.click("a[href='/admin']").await;
    chromium.fill("input[name=subject]", "contoso:alice").await;
    chromium.tab_to_control("act", "find-sessions").await;
    chromium.follow(crate::chromium::Key::Enter).await.assert_says(&["Sessions of"]);
    chromium.tab_to_control("act", "end-sessions").await;
    let page = chromium.follow(crate::chromium::Key::Enter).await;
    page.assert_says(&["It is done."]);
    assert!(!page.html.contains("end-session\""), "{}", page.html);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_about_a_token_by_hand_and_about_nothing_is_for_everybody() {
    let settings = AttackSettings {
        tables: "[token_page]\nenabled = true".to_owned(),
        mcp_lines: "policy = [{ name = \"writers\", scopes = [\"files:write\"] }]".to_owned(),
        ..AttackSettings::default()
    };
    let world = scene::start(&PROVIDERS, settings).await;
    let mut chromium = Chromium::start().await;
    for language in LANGUAGES {
        chromium.speak(language).await;
        chromium.be("alice").await;
        for (name, path, words) in [
            ("home", "/", "This server lets applications use tools in your name"),
            ("not-found", "/nowhere", "There is no such page here"),
        ] {
            chromium.open(&world.url(path)).await;
            inspect(&mut chromium, language, name, &[OPERATOR], &[words]).await;
        }
        chromium.open(&world.url("/access-token")).await;
        let names = [OPERATOR, "First server", "Second server", "files:write", "Provider contoso"];
        let words = ["Get an access token", "It may also", "Sign in with"];
        inspect(&mut chromium, language, "token-page", &names, &words).await;
        chromium.click("button[value=contoso]").await;
        let names = ["First server", "Authorization: Bearer ", "/mcp"];
        let words = ["Your access token", "It is shown only now"];
        inspect(&mut chromium, language, "access-token", &names, &words).await;
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_linked_accounts_is_for_everybody_and_a_link_is_made_with_the_buttons() {
    let service = ScriptedProvider::start("service").await;
    let tables = format!(
        "[[connections]]\nname = \"wiki\"\ndisplay_name = \"Wiki & <b>more\"\nissuer = \"{}\"\nclient_id = \"us\"\n\
         scopes = [\"pages:read\", \"offline_access\"]\n[[connections]]\nname = \"mail\"\ndisplay_name = \"Company mail\"\n\
         preset = \"microsoft-graph\"\nclient_id = \"us\"\nshared = true\nadministrators_of = \"contoso\"",
        service.issuer()
    );
    let provider_lines = "administrator_roles = [\"Admin\"]".to_owned();
    let world = scene::start(&PROVIDERS, AttackSettings { tables, provider_lines, ..AttackSettings::default() }).await;
    service.follow(&world.gatehouse.clock);
    let (mut chromium, connections) = (Chromium::start().await, world.url("/connections"));
    for language in LANGUAGES {
        chromium.speak(language).await;
        chromium.be("alice").await;
        chromium.open(&connections).await;
        let words = ["Sign in to link your accounts", "Nobody else can use it"];
        inspect(&mut chromium, language, "sign-in-connections", &["Provider contoso"], &words).await;
        let page = chromium.click("button[value=contoso]").await;
        page.assert_says(&["name=\"link\" value=\"wiki\""]);
        assert!(!page.html.contains("value=\"mail\""), "she is no administrator: {}", page.html);
        let names = ["alice@example.test", "Wiki &amp; &lt;b&gt;more", "Company mail", "pages:read"];
        let words = ["Linked accounts", "Not linked", ">Link<", "an administrator links it"];
        inspect(&mut chromium, language, "connections", &names, &words).await;
        chromium.click("button[name=link]").await;
        let words = ["Linked accounts", ">Link again<", ">Remove<", "also revoked at the service"];
        inspect(&mut chromium, language, "connections-linked", &names, &words).await;
        service.script(|script| script.authorization = Authorization::Error("access_denied"));
        chromium.click("button[name=link]").await;
        let words = ["The account was not linked", "did not allow it", "Linked accounts"];
        inspect(&mut chromium, language, "link-refused", &[OPERATOR], &words).await;
        service.script(|script| script.authorization = Authorization::SignIn);
        chromium.open(&world.url("/connections/callback/wiki?code=forged&state=forged")).await;
        let words = ["The account was not linked", "Nothing was changed"];
        inspect(&mut chromium, language, "not-linked", &[OPERATOR], &words).await;
        chromium.open(&connections).await;
        chromium.click("button[name=remove]").await.assert_says(&["name=\"link\" value=\"wiki\""]);
        chromium.open(&world.url("/sessions")).await;
        chromium.click("button[value=here]").await;
    }
    world.gatehouse.stop().await;
}

/// A session of this person, in another browser.
async fn open_one(world: &AttackWorld, name: &str) {
    let person = Person::new(name);
    let mut flow = world.flow_of(&person, native(LOOPBACK), "/mcp");
    flow.provider = Some("contoso".to_owned());
    flow.finish().await;
}

/// The phone of the row: an iPhone SE, whose window is 375 by 667.
#[tokio::test(flavor = "multi_thread")]
async fn both_answers_to_the_question_are_seen_on_a_small_phone_without_scrolling() {
    let world = scene::start(&["contoso"], AttackSettings::default()).await;
    let (mut chromium, alice) = (Chromium::start().await, Person::new("alice"));
    let web = registered(&world, &LONG_NAME.repeat(3), SITE).await;
    for language in LANGUAGES {
        chromium.speak(language).await;
        for client in [native(LOOPBACK), web.clone(), cursor()] {
            chromium.resize(375, 667).await;
            let page = chromium.open(&url_of(&asked(&world, &alice, &client))).await;
            assert_eq!((page.width, page.overflow), (375, 0), "{language}");
            let heading = chromium.placed("h1").await;
            assert!(heading.top >= 0.0 && heading.bottom <= 667.0, "{language}: {heading:?}");
            for answer in ["approve", "deny"] {
                let placed = chromium.placed(&format!("button[value={answer}]")).await;
                let is_seen = placed.top >= 0.0 && placed.bottom <= 667.0 && !placed.is_covered;
                assert!(is_seen, "{language} {}: {answer}: {placed:?}", client.client_id);
                assert!(heading.bottom <= placed.top, "{language}: the answers cover the question");
            }
            chromium
                .screenshot_of_window(&format!("small-{}-{language}", client.client_id.split('-').next().unwrap()))
                .await;
        }
    }
    world.gatehouse.stop().await;
}
