use gatehouse_protocol::Scopes;

use crate::tests::{MINIMAL, problem_of};
use crate::{Configuration, Revocation, Servers, Unauthenticated};

fn with(headers: &str) -> String {
    MINIMAL.replacen("secret_headers = { \"X-Functions-Key\" = { secret = \"upstream_secret\" } }", headers, 1)
}

#[test]
fn an_upstream_may_get_the_users_token_of_the_identity_provider() {
    for (written, header) in [("Authorization", "authorization"), ("X-User-Token", "x-user-token")] {
        let configuration =
            Configuration::parse(&with(&format!("identity_provider_token_header = {written:?}"))).unwrap();
        let given = configuration.routes[0].upstreams().next().unwrap().identity_provider_token_header.as_ref();
        assert_eq!(given.map(http::HeaderName::as_str), Some(header));
    }
    assert!(
        Configuration::parse(MINIMAL).unwrap().routes[0]
            .upstreams()
            .next()
            .unwrap()
            .identity_provider_token_header
            .is_none()
    );
}

#[test]
fn revocation_is_immediate_unless_the_route_says_at_expiry() {
    let with = |key: &str| MINIMAL.replacen("[[routes]]", &format!("[[routes]]\n{key}"), 1);
    for (key, expected) in [
        ("", Revocation::Immediate),
        ("revocation = \"immediate\"", Revocation::Immediate),
        ("revocation = \"at-expiry\"", Revocation::AtExpiry),
    ] {
        let configuration = Configuration::parse(&with(key)).unwrap();
        assert_eq!(configuration.routes[0].revocation, expected, "{key}");
        assert_eq!(configuration.authorization_server.routes[0].revocation, expected, "{key}");
    }
    let (key, problem) = problem_of(&with("revocation = \"never\""));
    assert!(key.ends_with(".revocation") && problem.contains("immediate or at-expiry"), "{key} {problem}");
}

#[test]
fn a_header_means_one_thing_to_the_upstream() {
    const SECRET: &str = r#"secret_headers = { "X-Key" = { secret = "upstream_secret" } }"#;
    const BEARER: &str = r#"secret_headers = { Authorization = { secret = "upstream_secret" } }"#;
    for (headers, key, said) in [
        ("identity_provider_token_header = \"cookie\"".to_owned(), "identity_provider_token_header", "itself decides"),
        ("identity_provider_token_header = \"a b\"".to_owned(), "identity_provider_token_header", "not a header name"),
        (
            "identity_provider_token_header = \"x-a\"\nsubject_header = \"X-A\"".to_owned(),
            "identity_provider_token_header",
            "must not be subject_header",
        ),
        (
            "identity_provider_token_header = \"x-a\"\nsubject_header = \"x_a\"".to_owned(),
            "identity_provider_token_header",
            "must not be subject_header",
        ),
        (
            format!("identity_provider_token_header = \"x-key\"\n{SECRET}"),
            "identity_provider_token_header",
            "secret_headers",
        ),
        (
            format!("identity_provider_token_header = \"authorization\"\n{BEARER}"),
            "identity_provider_token_header",
            "secret_headers",
        ),
        (
            format!("identity_provider_token_header = \"x-a\"\n{BEARER}"),
            "identity_provider_token_header",
            "two different",
        ),
        (format!("subject_header = \"X-Key\"\n{SECRET}"), "subject_header", "secret_headers"),
    ] {
        let (refused, problem) = problem_of(&with(&headers));
        assert_eq!(refused, format!("routes[0].{key}"), "{headers}");
        assert!(problem.contains(said), "{headers}: {problem}");
    }
    assert!(Configuration::parse(&with(BEARER)).is_ok(), "alone, it is a secret like any other");
}

fn with_route(keys: &str) -> String {
    format!("{MINIMAL}\n[[routes]]\npath = \"/b\"\n{keys}")
}

#[test]
fn a_route_is_one_server_or_several() {
    const MEMBERS: &str = "members = [{ prefix = \"a\", url = \"https://a.example/\" }]";
    let servers = |keys: &str| Configuration::parse(&with_route(keys)).unwrap().routes.remove(1).servers;
    assert!(matches!(servers("url = \"https://a.example/\""), Servers::One(_)));
    assert!(matches!(servers(MEMBERS), Servers::Federated(members) if members.len() == 1));
    assert_eq!(problem_of(&with_route("members = []")), ("routes[1].url".to_owned(), "is missing".to_owned()));
    for (key, given) in [
        ("url", "url = \"https://a.example/\""),
        ("transport", "transport = \"sse\""),
        ("subject_header", "subject_header = \"x-a\""),
        ("secret_headers", "secret_headers = { x-a = { secret = \"a\" } }"),
        ("identity_provider_token_header", "identity_provider_token_header = \"x-a\""),
        ("timeouts", "timeouts = { connect = 1 }"),
    ] {
        let refused = problem_of(&with_route(&format!("{MEMBERS}\n{given}")));
        assert_eq!(
            refused,
            (format!("routes[1].{key}"), "must not be given together with members: each member has its own".to_owned())
        );
    }
}

#[test]
fn what_a_route_does_beyond_forwarding_is_switched_on_by_name() {
    let route = |keys: &str| {
        Configuration::parse(&with_route(&format!("url = \"https://a.example/\"\n{keys}"))).unwrap().routes.remove(1)
    };
    let plain = route("");
    assert_eq!((plain.legacy_sse, plain.validate_arguments, plain.log_arguments), (true, false, false));
    assert_eq!((plain.name.as_str(), plain.scopes.to_string().as_str()), ("/b", "mcp"));
    assert!(plain.policy.is_empty() && plain.rates.is_empty());
    let full = route("legacy_sse = false\nvalidate_arguments = true\nlog_arguments = true\nname = \"B\"");
    assert_eq!((full.legacy_sse, full.validate_arguments, full.log_arguments), (false, true, true));
    assert_eq!(full.name, "B");
    assert!(route("transport = \"sse\"\nlegacy_sse = true").legacy_sse);
}

#[test]
fn a_server_of_the_older_transport_is_not_hidden_from_it() {
    let keys = "url = \"https://a.example/sse\"\ntransport = \"sse\"\nlegacy_sse = false";
    let (key, said) = problem_of(&with_route(keys));
    assert_eq!(
        (key.as_str(), said.as_str()),
        ("routes[1].legacy_sse", "must not be false with transport = \"sse\": the server speaks nothing else")
    );
}

#[test]
fn arguments_are_not_validated_by_a_server_that_cannot_be_asked_for_its_tools() {
    let keys = "url = \"https://a.example/sse\"\ntransport = \"sse\"\nvalidate_arguments = true";
    let (key, said) = problem_of(&with_route(keys));
    assert_eq!(key, "routes[1].validate_arguments");
    assert!(said.starts_with("must not be true with transport"), "{said}");
}

#[test]
fn discovery_of_all_is_for_routes_with_several_servers() {
    let keys = "url = \"https://a.example/\"\ndiscover_needs_all = true";
    let (key, said) = problem_of(&with_route(keys));
    assert_eq!(key, "routes[1].discover_needs_all");
    assert!(said.starts_with("must not be true without members"), "{said}");
    let needs_all = |line: &str| {
        let members = "members = [{ prefix = \"a\", url = \"https://a.example/\" }, { url = \"https://b.example/\" }]";
        Configuration::parse(&with_route(&format!("{members}\n{line}"))).unwrap().routes.remove(1).discover_needs_all
    };
    assert!(needs_all("discover_needs_all = true") && !needs_all(""));
}

#[test]
fn no_path_is_what_another_routes_older_transport_has() {
    let path = |path: &str| problem_of(&MINIMAL.replacen("\"/mcp\"", &format!("{path:?}"), 1));
    for taken in ["/sse", "/message", "/sse/x"] {
        assert_eq!(path(taken), ("routes[0].path".to_owned(), "is one of Gatehouse's own paths".to_owned()), "{taken}");
    }
    for other in ["/mcp/sse", "/mcp/message"] {
        let said = "must not end with /sse or /message: another route's older transport is there";
        assert_eq!(path(other), ("routes[0].path".to_owned(), said.to_owned()), "{other}");
    }
    for free in ["/mcp/sse2", "/ssex", "/SSE"] {
        assert!(Configuration::parse(&MINIMAL.replacen("\"/mcp\"", &format!("{free:?}"), 1)).is_ok(), "{free}");
    }
}

#[test]
fn a_route_needs_a_scope() {
    let refused = problem_of(&with_route("url = \"https://a.example/\"\nscopes = []"));
    assert_eq!(
        refused,
        ("routes[1].scopes".to_owned(), "must not be empty: every request needs at least one scope".to_owned())
    );
}

#[test]
fn a_route_offers_the_scopes_that_it_needs_and_those_by_which_rules_allow_more() {
    let rules = r#"
        url = "https://a.example/"
        scopes = ["mcp", "email"]
        policy = [
            { name = "a", scopes = ["mcp", "write"], tools = ["write_*"] },
            { name = "b", scopes = ["admin", "openid"] },
            { name = "c", effect = "deny", scopes = ["guest"] },
        ]"#;
    let configuration = Configuration::parse(&with_route(rules)).unwrap();
    let route = &configuration.authorization_server.routes[1];
    let offered: Scopes = route.offered_scopes().cloned().collect();
    assert_eq!(offered.to_string(), "mcp email write admin openid");
    assert_eq!(offered, configuration.routes[1].offered_scopes());
    let granted =
        |requested: &str| route.granted(&Scopes::parse(requested).unwrap()).map(|granted| granted.to_string());
    for (requested, expected) in [
        ("", Some("mcp email")),
        ("profile offline_access", Some("mcp email")),
        ("write profile", Some("write")),
        ("openid", Some("openid")),
        ("mcp write admin", Some("mcp write admin")),
        ("mcp guest", None),
        ("other", None),
    ] {
        assert_eq!(granted(requested).as_deref(), expected, "{requested:?}");
    }
}

#[test]
fn a_request_that_shows_nothing_is_challenged_unless_the_route_says_otherwise() {
    const ENABLED: &str = "[browser_sign_in]\nenabled = true\n\n[identity_provider]";
    let with = |key: &str| MINIMAL.replacen("[[routes]]", &format!("[[routes]]\n{key}"), 1);
    let enabled = |key: &str| with(key).replacen("[identity_provider]", ENABLED, 1);
    for (key, expected) in [
        ("", Unauthenticated::Challenge),
        ("unauthenticated = \"401\"", Unauthenticated::Challenge),
        ("unauthenticated = \"403\"", Unauthenticated::Refuse),
        ("unauthenticated = \"redirect\"", Unauthenticated::SignIn),
        ("unauthenticated = \"allow\"", Unauthenticated::Allow),
    ] {
        let configuration = Configuration::parse(&enabled(key)).unwrap();
        assert_eq!(configuration.routes[0].unauthenticated, expected, "{key}");
        let takes_browsers = configuration.authorization_server.routes[0].takes_browsers;
        assert_eq!(takes_browsers, expected == Unauthenticated::SignIn, "{key}");
    }
    for (document, said) in [
        (enabled("unauthenticated = \"302\""), "must be 401, 403, redirect or allow"),
        (with("unauthenticated = \"redirect\""), "without browser_sign_in.enabled"),
        (enabled("unauthenticated = \"allow\"\nallowed_clients = [\"a\"]"), "with allowed_clients"),
    ] {
        let (key, problem) = problem_of(&document);
        assert_eq!(key, "routes[0].unauthenticated");
        assert!(problem.contains(said), "{problem}");
    }
}

#[test]
fn a_browser_is_sent_to_urls_that_every_browser_reads_alike() {
    let with = |keys: &str| {
        MINIMAL.replacen("[identity_provider]", &format!("[browser_sign_in]\n{keys}\n\n[identity_provider]"), 1)
    };
    let sign_in = |keys: &str| Configuration::parse(&with(keys)).unwrap().authorization_server.browser_sign_in;
    assert!(!sign_in("").enabled && sign_in("").lifetime == 3_600 && !sign_in("").tells_token);
    assert_eq!(sign_in("allowed_redirect_urls = [\"https://app.example/a?b=c#d\"]").allowed_redirect_urls.len(), 1);
    for url in [
        "http://app.example/",
        "https://app.example",
        "https://app.example:443/",
        "https://user@app.example/",
        "https://APP.example/",
        "https:app.example/",
        "//app.example/",
        "/app",
        "javascript:alert(1)",
    ] {
        let (key, _) = problem_of(&with(&format!("allowed_redirect_urls = [{url:?}]")));
        assert_eq!(key, "browser_sign_in.allowed_redirect_urls[0]", "{url}");
    }
    for seconds in ["59", "28801"] {
        assert_eq!(problem_of(&with(&format!("lifetime = {seconds}"))).0, "browser_sign_in.lifetime");
    }
}
