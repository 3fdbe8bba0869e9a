use gatehouse_protocol::{ResourceUri, WebOrigin};
use proptest::prelude::*;

use super::*;

pub(crate) const MINIMAL: &str = r#"
public_url = "https://gateway.example"

[identity_provider]
name = "entra"
issuer = "https://login.example/tenant/v2.0"
client_id = "gatehouse"
client_secret = { secret = "identity_provider_secret" }

[[routes]]
path = "/mcp"
url = "http://10.0.0.7:8080/mcp?x=y"
secret_headers = { "X-Functions-Key" = { secret = "upstream_secret" } }
"#;

fn refused(text: &str) -> String {
    Configuration::parse(text).unwrap_err().to_string()
}

/// The key that is refused, and what is said about it. Every example is a text to write.
pub(crate) fn problem_of(text: &str) -> (String, String) {
    match Configuration::parse(text).unwrap_err() {
        ConfigurationError::Key { key, problem, example } => {
            assert!(!example.is_empty() && !problem.0.ends_with('.') && !problem.0.contains('\n'), "{problem}");
            (key, problem.0)
        }
        error => panic!("{error}"),
    }
}

#[test]
fn a_minimal_document_gets_the_documented_defaults() {
    let configuration = Configuration::parse(MINIMAL).unwrap();
    assert_eq!(
        configuration.authorization_server.lifetimes,
        Lifetimes { access_token: 300, session: 86_400, consent: 2_592_000 }
    );
    assert!(
        configuration.authorization_server.registration.enabled
            && configuration.authorization_server.registration.initial_access_token.is_none()
    );
    assert_eq!(configuration.authorization_server.registration.per_hour, 500);
    assert_eq!(configuration.authorization_server.sign_ins.per_minute, 3_000);
    assert_eq!(
        configuration.authorization_server.client_documents,
        ClientDocuments { enabled: true, per_hour: 500, identity_assertions: Vec::new() }
    );
    assert_eq!(configuration.authorization_server.token_page, TokenPage { enabled: false, lifetime: 3_600 });
    assert!(configuration.authorization_server.private_use_schemes.is_empty());
    assert_eq!(configuration.authorization_server.callback_url(), "https://gateway.example/callback");
    let route = &configuration.routes[0];
    assert_eq!(route.limits.request_bytes, 4_194_304);
    assert_eq!(route.scopes.to_string(), "mcp");
    let upstream = route.upstreams().next().unwrap();
    assert_eq!(upstream.secret_headers[0].0.as_str(), "x-functions-key");
    assert_eq!(upstream.secret_headers[0].1.as_str(), "upstream_secret");
    assert_eq!(configuration.authorization_server.identity_providers[0].scopes.to_string(), "openid profile");
}

#[test]
fn the_same_document_may_be_json() {
    let json = r#" {"public_url":"http://127.0.0.1:3000","identity_provider":{"name":"a","issuer":"http://127.0.0.1:1",
        "client_id":"b"},"routes":[{"path":"/a/b","url":"https://c.example/"}]}"#;
    let configuration = Configuration::parse(json).unwrap();
    assert_eq!(configuration.routes[0].path.as_str(), "/a/b");
    assert!(matches!(
        configuration.authorization_server.identity_providers[0].authentication,
        crate::ProviderAuthentication::None
    ));
}

#[test]
fn every_error_names_the_key_the_problem_and_an_example() {
    for (from, to, expected) in [
        (
            r#""https://gateway.example""#,
            r#""http://gateway.example""#,
            "the configuration key `public_url` uses http on a host that is not loopback; use https; for example: public_url = \"https://gateway.example.com\"",
        ),
        (
            r#"name = "entra""#,
            r#"name = "Entra ID""#,
            "the configuration key `identity_provider.name` must be 1 to 32 lower-case letters, digits and -; for example: name = \"entra\"",
        ),
        (
            r#"issuer = "https"#,
            r#"issuer = "http"#,
            "the configuration key `identity_provider.issuer` must use https (http only on a loopback host); for example: issuer = \"https://accounts.example.com\"",
        ),
        (
            r#"path = "/mcp""#,
            r#"path = "/token""#,
            "the configuration key `routes[0].path` is one of Gatehouse's own paths; for example: path = \"/mcp\"",
        ),
        (
            r#""http://10.0.0.7:8080/mcp?x=y""#,
            r#""ftp://10.0.0.7""#,
            "the configuration key `routes[0].url` is not an http(s) URL with one host and without a user; for example: url = \"https://mcp.internal.example/mcp\"",
        ),
        (
            "X-Functions-Key",
            "Host",
            "the configuration key `routes[0].secret_headers.Host` is a header that the gateway itself decides on; for example: \"x-functions-key\" = { secret = \"upstream_secret\" }",
        ),
        (
            r#"secret = "upstream_secret""#,
            r#"secret = "Upstream-Secret""#,
            "the configuration key `routes[0].secret_headers.X-Functions-Key.secret` must name a variable: lower-case letters, digits and _, starting with a letter; for example: { secret = \"upstream_secret\" }",
        ),
    ] {
        let text = MINIMAL.replacen(from, to, 1);
        assert_ne!(text, MINIMAL, "{from}");
        assert_eq!(refused(&text), expected);
    }
}

#[test]
fn unknown_keys_and_syntax_errors_are_one_line_that_says_where() {
    let unknown = refused(&format!("public_uri = 1\n{MINIMAL}"));
    let expected = "the configuration key `public_uri` does not exist; did you mean public_url? (line 1); for example: \
                    public_url = \"https://gateway.example.com\"";
    assert_eq!(unknown, expected);
    let in_json = refused(r#"{"public_url":"https://a.example","limits":{"long_request":1}}"#);
    let expected =
        "the configuration key `limits.long_request` does not exist; did you mean long_requests?; for example: ";
    assert!(in_json.starts_with(expected), "{in_json}");
    let syntax = refused("public_url = \"a\n");
    assert!(syntax.contains("line 1: ") && !syntax.contains('\n'), "{syntax}");
    assert!(refused("{").starts_with("the configuration cannot be read: EOF"));
    for breaking in ["{\"a\\nb\":1}", "\"a\\nb\" = 1", &MINIMAL.replacen("X-Functions-Key", "a\\nb", 1)] {
        assert!(!refused(breaking).contains('\n'), "{breaking}");
    }
}

#[test]
fn paths_that_could_be_spelled_in_two_ways_are_refused() {
    for bad in
        ["mcp", "/", "/mcp/", "//mcp", "/a//b", "/a/../b", "/%6dcp", "/a;b", "/a b", "/.well-known/x", "/token/x"]
    {
        let text = MINIMAL.replacen("\"/mcp\"", &format!("{bad:?}"), 1);
        assert!(refused(&text).contains("routes[0].path"), "{bad}");
    }
}

#[test]
fn lifetimes_are_accepted_at_their_limits_and_refused_past_them() {
    let with = |access: u64, session: u64| {
        Configuration::parse(&format!("{MINIMAL}\n[lifetimes]\naccess_token = {access}\nsession = {session}")).is_ok()
    };
    assert!(with(1, 1) && with(3_600, 7_776_000));
    assert!(!with(0, 10) && !with(3_601, 7_200) && !with(300, 299) && !with(300, 7_776_001));
    let consent = |seconds: u64| Configuration::parse(&format!("{MINIMAL}\n[lifetimes]\nconsent = {seconds}"));
    assert_eq!(consent(0).unwrap().authorization_server.lifetimes.consent, 0);
    assert_eq!(consent(7_776_000).unwrap().authorization_server.lifetimes.consent, 7_776_000);
    assert!(consent(7_776_001).is_err());
}

#[test]
fn a_token_by_hand_lives_as_long_as_the_operator_says_at_most_an_hour_and_no_longer_than_a_session() {
    let page = |lines: &str| {
        let parsed = Configuration::parse(&format!("{MINIMAL}\n[token_page]\n{lines}"));
        parsed.map(|configuration| configuration.authorization_server.token_page)
    };
    for lifetime in [60, 3_600] {
        let expected = TokenPage { enabled: true, lifetime };
        assert_eq!(page(&format!("enabled = true\nlifetime = {lifetime}")).unwrap(), expected);
    }
    for lifetime in [0, 59, 3_601] {
        assert!(page(&format!("lifetime = {lifetime}")).is_err(), "{lifetime}");
    }
    let short = page("enabled = true\n[lifetimes]\nsession = 600").unwrap();
    assert_eq!(short, TokenPage { enabled: true, lifetime: 600 });
}

#[test]
fn registration_and_client_documents_can_be_limited_and_switched_off() {
    let with = |lines: &str| format!("{MINIMAL}\n{lines}");
    let limited = "[registration]\ninitial_access_token = { secret = \"registration_token\" }\nper_hour = 1";
    let registration = Configuration::parse(&with(limited)).unwrap().authorization_server.registration;
    assert!(registration.enabled);
    assert_eq!(registration.initial_access_token.unwrap().as_str(), "registration_token");
    assert_eq!(registration.per_hour, 1);
    let off =
        Configuration::parse(&with("[registration]\nenabled = false\n[client_documents]\nenabled = false")).unwrap();
    assert!(!off.authorization_server.registration.enabled && !off.authorization_server.client_documents.enabled);
    assert!(Configuration::parse(&with("[registration]\nper_hour = 100000")).is_ok());
    for per_hour in [1, 100_000] {
        let documents = Configuration::parse(&with(&format!("[client_documents]\nper_hour = {per_hour}")));
        assert_eq!(
            documents.unwrap().authorization_server.client_documents,
            ClientDocuments { enabled: true, per_hour, identity_assertions: Vec::new() }
        );
    }
    for per_minute in [1, 100_000] {
        let limited = Configuration::parse(&with(&format!("[sign_ins]\nper_minute = {per_minute}"))).unwrap();
        assert_eq!(limited.authorization_server.sign_ins.per_minute, per_minute);
    }
    for (lines, key) in [
        ("[client_documents]\nper_hour = 0", "client_documents.per_hour"),
        ("[client_documents]\nper_hour = 100001", "client_documents.per_hour"),
        ("[sign_ins]\nper_minute = 0", "sign_ins.per_minute"),
        ("[sign_ins]\nper_minute = 100001", "sign_ins.per_minute"),
        ("[registration]\nper_hour = 0", "registration.per_hour"),
        ("[registration]\nper_hour = 100001", "registration.per_hour"),
        ("[registration]\ninitial_access_token = { secret = \"A\" }", "registration.initial_access_token.secret"),
    ] {
        assert_eq!(problem_of(&with(lines)).0, key);
    }
}

#[test]
fn private_use_schemes_are_those_that_no_browser_knows() {
    let with = |schemes: &str| format!("private_use_schemes = {schemes}\n{MINIMAL}");
    assert_eq!(
        Configuration::parse(&with(r#"["cursor", "com.example.app"]"#))
            .unwrap()
            .authorization_server
            .private_use_schemes
            .len(),
        2
    );
    assert_eq!(problem_of(&with(r#"["cursor", "javascript"]"#)).0, "private_use_schemes[1]");
    assert_eq!(problem_of(&with(r#"["cursor://"]"#)).0, "private_use_schemes[0]");
    assert_eq!(problem_of(&with(r#"["cursor", "cursor"]"#)).0, "private_use_schemes[1]");
}

#[test]
fn clients_that_present_identity_assertions_are_named_by_their_documents() {
    let with = |table: &str| format!("{MINIMAL}\n[client_documents]\n{table}");
    let named = |table: &str| {
        Configuration::parse(&with(table)).unwrap().authorization_server.client_documents.identity_assertions
    };
    assert!(named("per_hour = 1").is_empty(), "none by default");
    let agent = named(r#"identity_assertions = ["https://agent.example.com/client.json"]"#);
    assert_eq!(agent.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["https://agent.example.com/client.json"]);
    for (list, place) in [
        (r#"["agent"]"#, "[0]"),
        (r#"["https://a.example/c", "ftp://a.example/c"]"#, "[1]"),
        (r#"["https://a.example/c", "https://a.example/c"]"#, "[1]"),
    ] {
        let (key, text) = problem_of(&with(&format!("identity_assertions = {list}")));
        assert_eq!(key, format!("client_documents.identity_assertions{place}"), "{text}");
    }
    let off = with("enabled = false\nidentity_assertions = [\"https://a.example/c\"]");
    assert_eq!(problem_of(&off).0, "client_documents.identity_assertions");
}

#[test]
fn known_applications_are_allowed_by_name() {
    let schemes = |more: &str| {
        let configuration = Configuration::parse(&format!("{more}\n{MINIMAL}")).unwrap().authorization_server;
        configuration.private_use_schemes.iter().map(|scheme| scheme.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(schemes(r#"applications = ["cursor", "vscode", "vscode-insiders", "warp"]"#).len(), 4);
    assert_eq!(schemes(r#"applications = ["cursor"]"#), ["cursor"]);
    let both = "applications = [\"cursor\"]\nprivate_use_schemes = [\"com.example.app\", \"cursor\"]";
    assert_eq!(schemes(both), ["com.example.app", "cursor"]);
    for (list, place) in [(r#"["Cursor"]"#, 0), (r#"["cursor", "zed"]"#, 1), (r#"["cursor", "cursor"]"#, 1)] {
        let (key, text) = problem_of(&format!("applications = {list}\n{MINIMAL}"));
        assert_eq!(key, format!("applications[{place}]"), "{text}");
    }
}

#[test]
fn a_secret_written_where_its_setting_should_be_named_is_not_repeated() {
    const SECRET: &str = r#"hunter2\", expected "#;
    let toml = MINIMAL.replacen(r#"{ secret = "identity_provider_secret" }"#, &format!("\"{SECRET}\""), 1);
    let json = format!(r#"{{"public_url":"https://a.example","registration":{{"initial_access_token":"{SECRET}"}}}}"#);
    for document in [toml, json] {
        let error = refused(&document);
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains(r#"must be a table { secret = "VARIABLE" }, and is text"#), "{error}");
    }
    for (secret, kind) in
        [("271828", "a whole number"), ("2718.28", "a number with a fraction"), ("[271828]", "a list")]
    {
        let error = refused(&MINIMAL.replacen(r#"{ secret = "identity_provider_secret" }"#, secret, 1));
        assert!(error.contains(&format!("and is {kind} (line ")) && !error.contains("2718"), "{error}");
    }
}

#[test]
fn doubled_routes_and_clients_are_refused() {
    let doubled = format!("{MINIMAL}\n[[routes]]\npath = \"/mcp\"\nurl = \"https://other.example/\"");
    assert!(refused(&doubled).contains("`routes[1].path` is \"/mcp\" for a second time"));
}

#[test]
fn only_our_own_origin_and_the_listed_ones_are_allowed() {
    let own = WebOrigin::parse("https://gateway.example").unwrap();
    let these = AllowedOrigins::These(vec![WebOrigin::parse("http://localhost:6274").unwrap()]);
    assert!(these.allow("https://gateway.example", &own) && these.allow("http://localhost:6274", &own));
    for bad in ["null", "", "http://localhost", "https://gateway.example.evil.example", "https://GATEWAY.example"] {
        assert!(!these.allow(bad, &own), "{bad}");
        assert!(AllowedOrigins::Any.allow(bad, &own));
    }
}

#[test]
fn allowed_origins_are_origins_or_every_page_and_never_both() {
    let with = |origins: &str| format!("allowed_origins = {origins}\n{MINIMAL}");
    for origins in [r#"["https://*.vscode.dev"]"#, r#"["http://localhost:6274", "https://*"]"#] {
        let (key, problem) = problem_of(&with(origins));
        assert!(key.starts_with("allowed_origins["), "{key}");
        assert!(problem.starts_with("has a * in its host"), "{problem}");
    }
    for origins in [r#"["*", "https://x.example"]"#, r#"["https://x.example", "*"]"#, r#"["*", "*"]"#] {
        let (key, problem) = problem_of(&with(origins));
        assert!(key == "allowed_origins" && problem.starts_with("lists other origins beside"), "{key} {problem}");
    }
    assert_eq!(Configuration::parse(&with(r#"["*"]"#)).unwrap().gateway.allowed_origins, AllowedOrigins::Any);
    assert!(Configuration::parse(&with("[]")).is_ok());
}

#[test]
fn a_description_is_of_a_scope_that_the_route_or_one_of_its_rules_has() {
    let with = |scope: &str| format!("{MINIMAL}scope_descriptions = {{ \"{scope}\" = \"Read\" }}\n{FULL}");
    assert!(Configuration::parse(&with("mcp")).is_ok());
    let (key, problem) = problem_of(&with("mpc"));
    assert_eq!(key, "routes[0].scope_descriptions.mpc");
    assert_eq!(problem, "describes no scope of the route or of its rules, which are: mcp");
    let rule = "[[routes.policy]]\nname = \"writers\"\nscopes = [\"files:write\"]\n";
    let of_rule = |scope: &str| format!("{MINIMAL}scope_descriptions = {{ \"{scope}\" = \"Write\" }}\n{rule}");
    assert!(Configuration::parse(&of_rule("files:write")).is_ok());
    assert!(problem_of(&of_rule("files:wriet")).1.ends_with("which are: mcp files:write"));
}

/// A route with something of everything that a route can have.
pub(crate) const FULL: &str = r#"
[[routes]]
path = "/full"
scopes = ["mcp"]
legacy_sse = true
validate_arguments = true
log_arguments = true
limits = { request_bytes = 1000, json_depth = 64, headers = 100, streams_per_subject = 4, streams_per_route = 8, calls_per_subject = 5, calls_per_route = 9, stream_idle = 60, stream_total = 600 }
rates = [{ per = "subject", requests = 10, seconds = 60 }, { per = "tool", tools = ["a*"], requests = 1, seconds = 1 }]

[[routes.members]]
prefix = "files"
url = "https://files.example/mcp"
subject_header = "x-user"
timeouts = { connect = 5, answer = 60 }

[[routes.policy]]
name = "writers"
effect = "deny"
scopes = ["files:write"]
groups = ["engineering"]
subjects = ["entra:alice"]
methods = ["logging/*"]
tools = ["files_write*"]
"#;

/// The document with one piece replaced, so that the checks behind the syntax are reached.
pub(crate) fn nearly_a_document() -> impl Strategy<Value = String> {
    const PIECES: [&str; 22] = [
        "\"",
        "\n",
        "https",
        "entra",
        "/mcp",
        "[",
        "secret",
        "10.0.0.7",
        "=",
        "client_id",
        "1000",
        "64",
        "100",
        "60",
        "tool",
        "\"a*\"",
        "files",
        "deny",
        "engineering",
        "entra:alice",
        "logging/*",
        "true",
    ];
    let document = prop_oneof![Just(MINIMAL.to_owned()), Just(format!("{MINIMAL}{FULL}"))];
    let place = any::<proptest::sample::Index>();
    (document, proptest::sample::select(&PIECES[..]), "[\\PC\n]{0,12}", place).prop_map(|(text, piece, new, index)| {
        let places: Vec<_> = text.match_indices(piece).map(|(at, _)| at).collect();
        let Some(at) = places.get(index.index(places.len().max(1))) else { return text };
        format!("{}{new}{}", &text[..*at], &text[at + piece.len()..])
    })
}

#[test]
fn a_document_may_have_everything() {
    let configuration = Configuration::parse(&format!("{MINIMAL}{FULL}")).unwrap();
    let route = &configuration.routes[1];
    assert_eq!((route.policy.rules().count(), route.rates.len(), route.limits.headers), (1, 2, 100));
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_one_line_that_says_why_not(
        text in prop_oneof![nearly_a_document(), "[\\PC\n]{0,80}", "\\{[\\PC\n]{0,80}"],
    ) {
        match Configuration::parse(&text) {
            Ok(configuration) => prop_assert!(
                !configuration.routes.is_empty() && !configuration.authorization_server.identity_providers.is_empty()
            ),
            Err(error) => {
                let line = error.to_string();
                prop_assert!(line.starts_with("the configuration ") && !line.contains('\n'), "{}", line);
            }
        }
    }
}

#[test]
fn a_route_and_its_resources_lead_to_each_other() {
    let second = "[[routes]]\npath = \"/files\"\nurl = \"https://files.example/\"\nlegacy_sse = false";
    let configuration = Configuration::parse(&format!("{MINIMAL}\n{second}")).unwrap();
    let found = |configuration: &Configuration, url: &str| {
        let route = configuration.authorization_server.route_of(&ResourceUri::parse(url).unwrap());
        route.map(|route| configuration.authorization_server.resource_of(route).unwrap().to_string())
    };
    for (url, resource) in [
        ("https://gateway.example/mcp", Some("https://gateway.example/mcp")),
        ("https://gateway.example/mcp/sse", Some("https://gateway.example/mcp")),
        ("https://gateway.example/files", Some("https://gateway.example/files")),
        ("https://gateway.example/files/sse", None),
        ("https://gateway.example/mcp/message", None),
        ("https://gateway.example/sse", None),
        ("https://elsewhere.example/mcp", None),
    ] {
        assert_eq!(found(&configuration, url).as_deref(), resource, "{url}");
        let audience = configuration.authorization_server.audience_of(ResourceUri::parse(url).unwrap());
        assert_eq!(audience.as_str(), resource.unwrap_or(url), "{url}");
    }
    let alone = Configuration::parse(MINIMAL).unwrap();
    assert_eq!(found(&alone, "https://gateway.example/sse").as_deref(), Some("https://gateway.example/mcp"));
}
