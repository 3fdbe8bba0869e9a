//! Every page, rendered. They are left in `target/pages/`, to be looked at.

use std::fs;
use std::path::Path;

use gatehouse_audit_log::RequestId;
use gatehouse_authorization_server::authorization::{
    AuthorizationRejection, AuthorizationRequest, BoundRequest, RejectedRequest,
};
use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_authorization_server::fetches::NotNow;
use gatehouse_authorization_server::language::Language;
use gatehouse_authorization_server::remembered_consent::ListedConsent;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{Branding, Logo};
use gatehouse_openid::AccessRejection;
use gatehouse_protocol::{
    ClientId, ClientName, LogText, PrivateUseScheme, RedirectUri, ResourceUri, Scopes, TooManyClaims, UnixTime,
};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{Device, Listing, SessionBrowser, Summary};
use gatehouse_storage::memory::MemoryStore;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, VARY, X_FRAME_OPTIONS};

use super::*;
use crate::texts::Texts;

/// 2026-11-21, 05:00 UTC.
const NOW: u64 = 1_795_237_200;
const SITE: &str = "https://notes.example/callback";
const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
const LOOPBACK_IPV6: &str = "http://[::1]:33418/callback";
const PRIVATE_USE: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

const ID: &str = "000102030405060708090a0b0c0d0e0f";
const ADDRESS: &str = "/authorize?client_id=a&state=\"<b>more";

/// What is around a page in this language.
fn layout(language: Language, configuration: &Configuration) -> Layout<'_> {
    let id: &'static RequestId = Box::leak(Box::new(RequestId::parse(ID).unwrap()));
    Layout::new(language, Some(configuration), id, Some(ADDRESS))
}

fn english(configuration: &Configuration) -> Layout<'_> {
    layout(Language::English, configuration)
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
    consent_page_in(english(configuration), configuration, request)
}

fn consent_page_in(
    layout: Layout<'_>,
    configuration: &Configuration,
    request: AuthorizationRequest,
) -> Response<Vec<u8>> {
    let provider = configuration.identity_provider("contoso").unwrap();
    consent(layout, configuration, &ConsentRequest { request, provider, approved: None }, "the-ticket")
}

fn rejected_page(layout: Layout<'_>, request: AuthorizationRequest) -> Response<Vec<u8>> {
    let AuthorizationRequest { client, redirect_uri, state, .. } = request;
    let location = redirect_uri.location(&[("error", "invalid_scope"), ("state", "\"><b>x</b>")]);
    let rejection = AuthorizationRejection::Scope;
    rejected(layout, &RejectedRequest { client, redirect_uri, state, rejection }, &location)
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
        browser: Some(SessionBrowser {
            digest: id.to_owned(),
            device: Device::of("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"),
        }),
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

/// Every page in this language, with its name.
fn every_page(language: Language, configuration: &Configuration) -> Vec<(&'static str, Response<Vec<u8>>)> {
    let layout = layout(language, configuration);
    let request = |uri| request(configuration, uri);
    let provider = configuration.identity_provider("contoso").unwrap();
    let asked = |request| ConsentRequest { request, provider, approved: None };
    let sessions_page = |newest: &[Summary], total: u32, consents: &[ListedConsent]| {
        let listing = Listing { newest: newest.to_vec(), total };
        let view = SessionsView {
            configuration,
            provider,
            user: "alice@contoso.example <b>more",
            browser: "first",
            listing: &listing,
            consents,
            ticket: "the-ticket",
            now: UnixTime::from_seconds(NOW),
        };
        sessions(layout, &view)
    };
    let mcp = "https://gateway.example/mcp";
    let two = [
        session("first", "Visual Studio Code", mcp),
        session("second", "Notes & <b>more</b>", "https://gateway.example/gone"),
    ];
    let many = vec![two[0].clone(); 200];
    let notes = || stranger(request(SITE), "1-a", "Notes & <b>more</b>");
    let document = stranger(request(SITE), "https://app.example.com/client.json", "App");
    let mut pages = vec![
        ("choose", choose(layout, configuration, &configuration.identity_providers, &request(SITE), "the-ticket")),
        ("consent-loopback", consent_page_in(layout, configuration, request(LOOPBACK))),
        ("consent-private-use", consent_page_in(layout, configuration, request(PRIVATE_USE))),
        ("consent-configured", consent_page_in(layout, configuration, request(SITE))),
        ("consent-unverified", consent_page_in(layout, configuration, notes())),
        ("consent-document", consent_page_in(layout, configuration, document)),
        ("sessions-none", sessions_page(&[], 0, &[])),
        ("sessions-one", sessions_page(&two[..1], 1, &[])),
        ("sessions-two", sessions_page(&two, 2, &[listed_consent("Visual Studio Code")])),
        ("sessions-many", sessions_page(&many, 205, &[])),
        ("sign-in", sign_in(layout, configuration, "the-ticket", 200)),
        ("sign-in-again", sign_in(layout, configuration, "the-ticket", 403)),
        ("confirm-sign-out", confirm_sign_out(layout, "the-ticket")),
        ("signed-out", signed_out(layout)),
        ("signed-out-everywhere", signed_out_everywhere(layout)),
        ("rejected", rejected_page(layout, notes())),
    ];
    for (name, rejection) in [
        ("denied-tenant", AccessRejection::Tenant(LogText::new("a-tenant"))),
        ("denied-domain", AccessRejection::Domain),
        ("denied-domain-unverified", AccessRejection::DomainUnverified),
        ("denied-role", AccessRejection::Role),
        ("denied-group", AccessRejection::Group),
        ("denied-unknown", AccessRejection::Unreadable("roles")),
        ("denied-too-many", TooManyClaims::Groups.into()),
    ] {
        pages.push((name, not_let_in(layout, &asked(request(SITE)), &rejection, "the-ticket")));
    }
    let of_account = not_let_in_to_sessions_page(layout, provider, &AccessRejection::Group, "the-ticket");
    pages.push(("denied-account", of_account));
    for (name, problem) in [
        ("out-of-order", Problem::OutOfOrder),
        ("wait-unreachable", Problem::NotNow(NotNow::HostFailedLately)),
        ("wait-busy", Problem::NotNow(NotNow::Busy)),
        ("wait-hour", Problem::NotNow(NotNow::TooMany { retry_after: 60 })),
        ("too-many", Problem::TooManySignIns(60)),
        ("withdrawn-provider", Problem::WithdrawnProvider),
        ("incomplete", Problem::Unbound(Unbound::Incomplete)),
        ("unknown-client", Problem::Unbound(Unbound::UnknownClient)),
        ("redirect-uri", Problem::Unbound(Unbound::RedirectUri)),
        ("withdrawn-resource", Problem::Unbound(Unbound::WithdrawnResource)),
        ("form", Problem::Form { status: 403 }),
        ("unreadable", Problem::UnreadableForm { status: 413 }),
        ("answered-before", Problem::AnsweredBefore),
        ("refused-by-provider", Problem::RefusedByProvider),
        ("not-completed", Problem::NotCompleted { status: 400 }),
    ] {
        pages.push((name, error(layout, problem)));
    }
    pages
}

#[test]
fn every_page_works_without_scripts_and_for_those_who_do_not_see_it_in_every_language() {
    let configuration = configuration();
    for language in Language::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages").join(language.tag());
        fs::create_dir_all(&folder).unwrap();
        for (name, page) in every_page(language, &configuration) {
            let (text, policy) = (text(&page), policy(&page));
            fs::write(folder.join(format!("{name}.html")), &text).unwrap();
            let name = format!("{name} in {language:?}");
            assert!(text.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
            assert_eq!(page.headers()[CONTENT_LANGUAGE], language.tag(), "{name}");
            assert_eq!(page.headers()[VARY], "accept-language", "{name}");
            assert!(text.contains("name=\"viewport\""), "{name}");
            assert_eq!((text.matches("<h1>").count(), text.matches("<main>").count()), (1, 1), "{name}");
            assert!(!text.contains("<title> ") && !text.contains("<script") && !text.contains(" style="), "{name}");
            let forms = text.matches("<form").count();
            assert_eq!(forms, text.matches("name=\"ticket\" value=\"the-ticket\"").count(), "{name}");
            assert_eq!(forms, text.matches("<form method=\"post\" action=\"/").count(), "{name}");
            assert_eq!(text.matches("type=\"checkbox\"").count(), text.matches("<label for=").count(), "{name}");
            assert!(!text.contains("<b>more") && !text.contains("http://www"), "{name}: markup of others");
            let body = text.split_once("</style>").unwrap().1;
            assert!(!body.contains(['{', '}']), "{name}: a place that nobody filled: {body}");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{name}");
            assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("img-src"), "{name}");
            assert_eq!(page.headers()[X_FRAME_OPTIONS], "DENY", "{name}");
            assert_eq!(page.headers()[CACHE_CONTROL], "no-store", "{name}");
            assert_eq!(text.contains("<form"), form_action(&page) != "'none'", "{name}: {policy}");
        }
    }
}

/// Beside what [`Texts`] promise: no text stands in a template, where nobody would translate it.
#[test]
fn no_template_has_words_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for template in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if template.extension().is_some_and(|extension| extension == "html") {
            let mut text = fs::read_to_string(&template).unwrap();
            for (start, end) in [("{%", "%}"), ("{{", "}}"), ("<", ">")] {
                while let Some((before, rest)) = text.clone().split_once(start) {
                    text = format!("{before}{}", rest.split_once(end).unwrap().1);
                }
            }
            assert!(!text.contains(|character: char| character.is_alphabetic()), "{template:?}: {text}");
        }
    }
}

#[test]
fn every_page_says_whose_it_is_and_shows_no_picture_but_theirs() {
    let mut configuration = configuration();
    for (name, page) in every_page(Language::German, &configuration) {
        let text = text(&page);
        assert!(text.contains("<header><p>gateway.example</p></header>"), "{name}: {text}");
        assert!(!text.contains("<footer>") && !text.contains("<img"), "{name}");
    }
    let own_path = "/brand/logo.svg".to_owned();
    for (logo, shown, source) in [
        (Logo::Data("data:image/png;base64,AAAA".to_owned()), "data:image/png;base64,AAAA", "data:"),
        (Logo::OwnPath(own_path.clone()), own_path.as_str(), "https://gateway.example/brand/logo.svg"),
    ] {
        configuration.branding = Branding {
            name: Some("Contoso & <b>Söhne".to_owned()),
            logo: Some(logo),
            contact: Some("mailto:help@contoso.example?subject=a&body=\"b".to_owned()),
            privacy: Some("https://contoso.example/privacy".to_owned()),
        };
        for (name, page) in every_page(Language::German, &configuration) {
            let (text, policy) = (text(&page), policy(&page));
            for expected in [
                &format!("<header><img src=\"{shown}\" alt=\"\"><p>Contoso &#38; &#60;b&#62;Söhne</p></header>"),
                " · Contoso &#38; &#60;b&#62;Söhne</title>",
                "<a href=\"mailto:help@contoso.example?subject=a&#38;body=&#34;b\" rel=\"noreferrer\">Kontakt</a>",
                "<a href=\"https://contoso.example/privacy\" rel=\"noreferrer\">Datenschutz</a>",
            ] {
                assert!(text.contains(expected), "{name}: {expected}: {text}");
            }
            assert!(policy.contains(&format!("; img-src {source};")), "{name}: {policy}");
        }
    }
}

/// Where the configuration cannot be read, nothing is known of the operator.
#[test]
fn a_page_can_be_made_without_a_configuration() {
    let configuration = configuration();
    let without = Layout { configuration: None, address: None, ..english(&configuration) };
    let page = error(without, Problem::OutOfOrder);
    let text = text(&page);
    assert!(page.status() == 503 && text.contains(ID) && !text.contains("<header>"), "{text}");
}

#[test]
fn whoever_gets_no_further_is_told_what_to_do_and_has_a_way_back() {
    let configuration = configuration();
    for language in Language::ALL {
        for (name, page) in every_page(language, &configuration) {
            let (text, status) = (text(&page), page.status().as_u16());
            if status == 200 {
                continue;
            }
            let is_retried = text.contains("href=\"/authorize?client_id=a&#38;state=&#34;&#60;b&#62;more\"");
            assert_eq!(is_retried, status == 503, "{name}: {text}");
            let has_way = text.contains("<a href=\"") || text.contains("<button");
            assert!(has_way, "{name} in {language:?}: {text}");
        }
        let retry = |name| {
            let pages = every_page(language, &configuration);
            let page = pages.into_iter().find(|(own, _)| *own == name).unwrap().1;
            page.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!((retry("too-many").as_deref(), retry("wait-hour").as_deref()), (Some("60"), Some("60")));
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
    let layout = english(&configuration);
    let of_choice = choose(layout, &configuration, providers, &request(&configuration, PRIVATE_USE), "t");
    assert_eq!(form_action(&of_choice), "'self' cursor: http://127.0.0.1:8081 https:");
    assert_eq!(form_action(&sign_in(layout, &configuration, "t", 200)), "'self' http://127.0.0.1:8081 https:");
    let pages = every_page(Language::English, &configuration);
    for name in ["sessions-two", "confirm-sign-out"] {
        let page = &pages.iter().find(|(own, _)| *own == name).unwrap().1;
        assert_eq!(form_action(page), "'self'", "{name}");
    }
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
    for (name, page) in every_page(Language::English, &configuration()) {
        let is_failure = !page.status().is_success() && name != "sign-in-again";
        assert_eq!(text(&page).contains(ID), is_failure, "{name}");
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
fn the_sessions_page_tells_sessions_apart_and_who_is_signed_in() {
    let pages = every_page(Language::English, &configuration());
    let page = |wanted| pages.iter().find(|(name, _)| *name == wanted).map(|(_, page)| text(page)).unwrap();
    let two = page("sessions-two");
    for word in [
        "signed in with Contoso as <strong>alice@contoso.example &#60;b&#62;more</strong>",
        "2 sessions let applications act in your name",
        "just now</time> <span class=\"utc\">21 November 2026, 05:00 UTC",
        "2 hours ago</time> <span class=\"utc\">21 November 2026, 03:00 UTC",
        "in 22 hours</time> <span class=\"utc\">22 November 2026, 03:00 UTC",
        "uses Snippet server",
        "uses https://gateway.example/gone",
        "<dd>Firefox on Windows</dd>",
        "<dd>Read your snippets</dd>",
        "name=\"end_session\" value=\"first\"",
        "name=\"end_session\" value=\"second\"",
        "name=\"forget_consent\" value=\"the-consent\"",
        "Read your snippets; Write and delete snippets in your name",
        "name=\"sign_out\" value=\"everywhere\"",
        "name=\"sign_out\" value=\"here\"",
    ] {
        assert!(two.contains(word), "{word}: {two}");
    }
    let (first, second) = two.split_once("value=\"first\"").unwrap();
    assert!(first.contains("this browser</span>") && !second.contains("this browser"), "{two}");
    assert!(!two.contains("class=\"primary\""), "nothing here is what most people want to do");
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
            && none.contains("value=\"here\"")
            && !none.contains("value=\"everywhere\""),
        "{none}"
    );
    assert!(page("confirm-sign-out").contains("name=\"sign_out\" value=\"all\""));
}

/// A session from before browsers were noted, or one that an organisation allowed, has none.
#[test]
fn a_browser_that_is_not_known_is_not_made_up() {
    let configuration = configuration();
    let mut listed =
        [session("a", "A", "https://gateway.example/mcp"), session("b", "B", "https://gateway.example/mcp")];
    listed[0].browser = None;
    listed[1].browser = Some(SessionBrowser { digest: "x".to_owned(), device: Device::default() });
    let listing = Listing { newest: listed.to_vec(), total: 2 };
    let view = SessionsView {
        configuration: &configuration,
        provider: &configuration.identity_providers[0],
        user: "alice",
        browser: "the-browser",
        listing: &listing,
        consents: &[],
        ticket: "t",
        now: UnixTime::from_seconds(NOW),
    };
    let page = text(&sessions(english(&configuration), &view));
    assert_eq!(page.matches("Allowed in").count(), 1, "{page}");
    assert!(page.contains("<dd>an unknown browser</dd>") && !page.contains("this browser"), "{page}");
}

/// What the operator has written stays as it is, and so do names.
#[test]
fn texts_of_the_operator_are_in_every_language_as_they_are_configured() {
    let configuration = configuration();
    for language in Language::ALL {
        let page =
            text(&consent_page_in(layout(language, &configuration), &configuration, request(&configuration, SITE)));
        for word in ["Read your snippets", "Snippet server", "Contoso", "Visual Studio Code"] {
            assert!(page.contains(word), "{language:?} {word}");
        }
        assert!(page.contains(Texts::of(language).consent_deny), "{language:?}");
    }
}
