//! Every page, rendered. They are left in `target/pages/`, to be looked at.

use std::fs;
use std::path::Path;

use gatehouse_authorization_server::authorization::{AuthorizationRejection, AuthorizationRequest, BoundRequest};
use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_authorization_server::remembered_consent::ListedConsent;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::AccessRejection;
use gatehouse_protocol::{ClientId, ClientName, PrivateUseScheme, RedirectUri, ResourceUri, Scopes, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{Listing, Summary};
use gatehouse_storage::memory::MemoryStore;

use super::*;

/// 2026-11-21, 05:00 UTC.
const NOW: u64 = 1_795_237_200;
const SITE: &str = "https://notes.example/callback";
const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
const LOOPBACK_IPV6: &str = "http://[::1]:33418/callback";
const PRIVATE_USE: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

fn id() -> RequestId {
    RequestId::parse("000102030405060708090a0b0c0d0e0f").unwrap()
}

fn configuration() -> Configuration {
    let document = r#"
        public_url = "https://gateway.example"
        [[clients]]
        client_id = "client"
        client_name = "Visual Studio Code"
        redirect_uris = ["https://notes.example/callback", "http://127.0.0.1/callback", "http://[::1]/callback"]
        [identity_provider]
        name = "contoso"
        display_name = "Contoso"
        issuer = "https://login.contoso.example"
        client_id = "gatehouse"
        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7:8080/mcp"
        name = "Snippet server"
        scopes = ["read", "write"]
        scope_descriptions = { read = "Read your snippets", write = "Write and delete snippets in your name" }"#;
    let mut configuration = Configuration::parse(document).unwrap();
    configuration.private_use_schemes = vec![PrivateUseScheme::parse("cursor").unwrap()];
    let private_use = RedirectUri::parse(PRIVATE_USE, &configuration.redirect_rules()).unwrap();
    configuration.clients[0].redirect_uris.push(private_use);
    let mut other = configuration.identity_providers[0].clone();
    other.name = "demo".to_owned();
    other.display_name = "Demo identity provider".to_owned();
    other.issuer = "http://127.0.0.1:8081".to_owned();
    configuration.identity_providers.push(other);
    configuration
}

fn request(configuration: &Configuration, redirect_uri: &str) -> AuthorizationRequest {
    let query = format!(
        "response_type=code&client_id=client&redirect_uri={redirect_uri}&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    let now = UnixTime::from_seconds(NOW);
    let keys = KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap();
    let bound = BoundRequest::parse(&query, configuration, &keys, &MemoryStore::at(now), now).unwrap();
    bound.validate(configuration).unwrap()
}

/// One that is not in the configuration.
fn stranger(mut request: AuthorizationRequest, client_id: &str, name: &str) -> AuthorizationRequest {
    request.client.client_id = ClientId::parse(client_id).unwrap();
    request.client.client_name = ClientName::parse(name).unwrap();
    request.client.is_configured = false;
    request
}

fn consent_page(configuration: &Configuration, request: AuthorizationRequest) -> Response<Vec<u8>> {
    let provider = configuration.identity_provider("contoso").unwrap();
    consent(&id(), configuration, &ConsentRequest { request, provider, approved: None }, "the-ticket")
}

fn rejected_page(request: AuthorizationRequest) -> Response<Vec<u8>> {
    let AuthorizationRequest { client, redirect_uri, state, .. } = request;
    let location = redirect_uri.location(&[("error", "invalid_scope"), ("state", "\"><b>x</b>")]);
    rejected(
        &id(),
        &RejectedRequest { client, redirect_uri, state, rejection: AuthorizationRejection::Scope },
        &location,
    )
}

fn text(page: &Response<Vec<u8>>) -> String {
    String::from_utf8(page.body().clone()).unwrap()
}

fn policy(page: &Response<Vec<u8>>) -> String {
    page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
}

fn form_action(page: &Response<Vec<u8>>) -> String {
    let policy = policy(page);
    policy.split("; ").find_map(|it| it.strip_prefix("form-action ")).unwrap().to_owned()
}

fn session(id: &str, client_name: &str, resource: &str) -> Summary {
    Summary {
        id: id.to_owned(),
        client_id: ClientId::parse("client").unwrap(),
        client_name: ClientName::parse(client_name).unwrap(),
        resource: ResourceUri::parse(resource).unwrap(),
        scopes: Scopes::parse("read").unwrap(),
        opened_at: UnixTime::from_seconds(NOW - 7_200),
        last_used_at: UnixTime::from_seconds(NOW),
        expires_at: UnixTime::from_seconds(NOW + 79_200),
    }
}

fn listed_consent(client_name: &str) -> ListedConsent {
    ListedConsent {
        id: "the-consent".to_owned(),
        client_id: "client".to_owned(),
        client_name: client_name.to_owned(),
        redirect_host: "127.0.0.1:33418".to_owned(),
        resource: "https://gateway.example/mcp".to_owned(),
        scopes: "read write".to_owned(),
        given_at: NOW,
    }
}

fn every_page() -> Vec<(&'static str, Response<Vec<u8>>)> {
    let configuration = configuration();
    let request = |uri| request(&configuration, uri);
    let provider = configuration.identity_provider("contoso").unwrap();
    let sessions_page = |listed: &[Summary], consents: &[ListedConsent]| {
        let total = u32::try_from(listed.len()).unwrap();
        sessions(&configuration, provider, &Listing { newest: listed.to_vec(), total }, consents, "the-ticket")
    };
    let many = Listing {
        newest: vec![session("first", "Visual Studio Code", "https://gateway.example/mcp"); 200],
        total: 205,
    };
    let rejection = AccessRejection::Group;
    let mcp = "https://gateway.example/mcp";
    let two = [
        session("first", "Visual Studio Code", mcp),
        session("second", "Notes & <b>more</b>", "https://gateway.example/gone"),
    ];
    vec![
        ("choose", choose(&id(), &configuration, &configuration.identity_providers, &request(SITE), "the-ticket")),
        ("consent-loopback", consent_page(&configuration, request(LOOPBACK))),
        ("consent-private-use", consent_page(&configuration, request(PRIVATE_USE))),
        ("consent-configured", consent_page(&configuration, request(SITE))),
        ("consent-unverified", consent_page(&configuration, stranger(request(SITE), "1-a", "Notes & <b>more</b>"))),
        (
            "consent-document",
            consent_page(&configuration, stranger(request(SITE), "https://app.example.com/client.json", "App")),
        ),
        ("sessions-none", sessions_page(&[], &[])),
        ("sessions-one", sessions_page(&two[..1], &[])),
        ("sessions-two", sessions_page(&two, &[listed_consent("Visual Studio Code")])),
        ("sessions-many", sessions(&configuration, provider, &many, &[], "the-ticket")),
        (
            "denied",
            not_let_in(
                &id(),
                &ConsentRequest { request: request(SITE), provider, approved: None },
                &rejection,
                "the-ticket",
            ),
        ),
        ("denied-account", not_let_in_to_sessions_page(&id(), provider, &rejection, "the-ticket")),
        ("sign-in", sign_in(&configuration, "the-ticket", 200)),
        ("sign-in-again", sign_in(&configuration, "the-ticket", 403)),
        ("signed-out", signed_out()),
        (
            "error",
            error(&id(), 400, "This sign-in link does not work", "The application sent something that cannot be used."),
        ),
        ("rejected", rejected_page(stranger(request(SITE), "1-a", "Notes & <b>more</b>"))),
        ("out-of-order", out_of_order(&id())),
        ("too-many", too_many(&id(), 60)),
        ("withdrawn-provider", withdrawn_provider(&id())),
    ]
}

#[test]
fn every_page_works_without_scripts_and_for_those_who_do_not_see_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    fs::create_dir_all(&folder).unwrap();
    for (name, page) in every_page() {
        let text = text(&page);
        fs::write(folder.join(format!("{name}.html")), &text).unwrap();
        assert!(text.contains("<html lang=\"en\">") && text.contains("name=\"viewport\""), "{name}");
        assert_eq!((text.matches("<h1>").count(), text.matches("<main>").count()), (1, 1), "{name}");
        assert!(!text.contains("<title></title>") && !text.contains("<script") && !text.contains(" style="), "{name}");
        assert_eq!(
            text.matches("<form").count(),
            text.matches("name=\"ticket\" value=\"the-ticket\"").count(),
            "{name}"
        );
        assert_eq!(text.matches("<form").count(), text.matches("<form method=\"post\" action=\"/").count(), "{name}");
        assert_eq!(text.matches("type=\"checkbox\"").count(), text.matches("<label for=").count(), "{name}");
        assert!(!text.contains("<b>more") && !text.contains("http://www"), "{name}: markup of others");
        let policy = policy(&page);
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{name}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{name}: {policy}");
        assert_eq!(page.headers()[X_FRAME_OPTIONS], "DENY", "{name}");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-store", "{name}");
        assert_eq!(text.contains("<form"), form_action(&page) != "'none'", "{name}: {policy}");
    }
}

/// Chromium stops a redirect that the policy of the page with the form does not allow.
#[test]
fn forms_lead_where_the_redirects_of_their_page_end_and_nowhere_else() {
    let configuration = configuration();
    let of_consent = |uri| form_action(&consent_page(&configuration, request(&configuration, uri)));
    for (redirect_uri, expected) in [
        (SITE, "'self' https:"),
        (LOOPBACK, "'self' http://127.0.0.1:33418 https:"),
        ("http://127.0.0.1/callback", "'self' http://127.0.0.1 https:"),
        (LOOPBACK_IPV6, "'self' http: https:"),
        (PRIVATE_USE, "'self' cursor: https:"),
    ] {
        assert_eq!(of_consent(redirect_uri), expected, "{redirect_uri}");
    }
    let providers = &configuration.identity_providers;
    let of_choice = choose(&id(), &configuration, providers, &request(&configuration, PRIVATE_USE), "t");
    assert_eq!(form_action(&of_choice), "'self' cursor: http://127.0.0.1:8081 https:");
    assert_eq!(form_action(&sign_in(&configuration, "t", 200)), "'self' http://127.0.0.1:8081 https:");
    assert_eq!(
        form_action(&sessions(
            &configuration,
            &providers[0],
            &Listing { newest: Vec::new(), total: 0 },
            &[listed_consent("a")],
            "t"
        )),
        "'self'"
    );
}

#[test]
fn the_consent_page_says_who_asks_for_what_and_who_vouches_for_it() {
    let configuration = configuration();
    let page = |request| text(&consent_page(&configuration, request));
    let of = |uri| request(&configuration, uri);
    for (text, words) in [
        (
            page(of(SITE)),
            &["Visual Studio Code", "Snippet server", "notes.example", "Contoso", "Read your snippets"][..],
        ),
        (page(of(LOOPBACK)), &["127.0.0.1:33418", "this computer", "Write and delete snippets in your name"]),
        (page(of(PRIVATE_USE)), &["the program on this computer that opens <code>cursor://</code> links"]),
        (page(stranger(of(SITE), "1-a", "Notes")), &["nobody has checked it", "only if you trust <code>notes.example"]),
        (
            page(stranger(of(SITE), "https://app.example.com/client.json", "App")),
            &["It is described by", "<code>app.example.com</code> and <code>notes.example</code>"],
        ),
    ] {
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    let configured = page(of(SITE));
    // "The registered redirect_uri where tokens will be sent" (MCP 2026-07-28, security best practices).
    assert!(
        configured.contains(SITE)
            && page(of(LOOPBACK)).contains(LOOPBACK)
            && page(of(PRIVATE_USE)).contains(PRIVATE_USE)
    );
    assert!(!configured.contains("class=\"note\"") && configured.contains("Do not ask again in this browser"));
}

#[test]
fn a_long_redirect_uri_does_not_push_the_rest_of_the_page_away() {
    let mut configuration = configuration();
    for (length, is_shortened) in [(160, false), (161, true), (2_000, true)] {
        let long = format!("{SITE}?{}", "x".repeat(length - SITE.len() - 1));
        let registered = RedirectUri::parse(&long, &configuration.redirect_rules()).unwrap();
        configuration.clients[0].redirect_uris.push(registered);
        let page = text(&consent_page(&configuration, request(&configuration, &long)));
        assert_eq!(page.contains(&long), !is_shortened, "{length}");
        assert_eq!(page.contains(&format!("{}…", &long[..160])), is_shortened, "{length}");
    }
}

#[test]
fn whoever_is_told_that_something_went_wrong_is_told_the_id_of_the_request_that_did() {
    for (name, page) in every_page() {
        let is_failure = !page.status().is_success() && name != "sign-in-again";
        assert_eq!(text(&page).contains(id().as_str()), is_failure, "{name}");
    }
}

#[test]
fn where_no_consent_is_remembered_nobody_is_offered_it() {
    let mut configuration = configuration();
    configuration.lifetimes.consent = 0;
    let page = text(&consent_page(&configuration, request(&configuration, SITE)));
    assert!(!page.contains("remember") && !page.contains("checkbox"), "{page}");
}

#[test]
fn the_sessions_page_names_clients_servers_and_times() {
    let pages = every_page();
    let page = |wanted| pages.iter().find(|(name, _)| *name == wanted).map(|(_, page)| text(page)).unwrap();
    let two = page("sessions-two");
    for word in [
        "signed in with Contoso",
        "2 sessions let applications act in your name",
        "21 November 2026, 05:00 UTC",
        "21 November 2026, 03:00 UTC",
        "22 November 2026, 03:00 UTC",
        "uses Snippet server",
        "uses https://gateway.example/gone",
        "name=\"end_session\" value=\"first\"",
        "name=\"end_session\" value=\"second\"",
        "name=\"forget_consent\" value=\"the-consent\"",
        "Read your snippets; Write and delete snippets in your name",
        "Sign out everywhere",
    ] {
        assert!(two.contains(word), "{word}: {two}");
    }
    assert!(page("sessions-one").contains("One application can act in your name"));
    let many = page("sessions-many");
    for word in ["205 sessions let applications", "Here are the newest 200 of 205", "ends the others as well"] {
        assert!(many.contains(word), "{word}");
    }
    assert!(!two.contains("Here are the newest"));
    let none = page("sessions-none");
    assert!(
        none.contains("No application can act in your name")
            && !none.contains("end_session")
            && none.contains(">Sign out<"),
        "{none}"
    );
}
