use gatehouse_protocol::WebOrigin;

use super::*;

const MINIMAL: &str = r#"
public_url = "https://gateway.example"

[identity_provider]
name = "entra"
issuer = "https://login.example/tenant/v2.0"
client_id = "gatehouse"
client_secret = { secret = "identity_provider_secret" }

[[upstreams]]
path = "/mcp"
url = "http://10.0.0.7:8080/mcp?x=y"
secret_headers = { "X-Functions-Key" = { secret = "upstream_secret" } }
"#;

fn refused(text: &str) -> String {
    Configuration::parse(text).unwrap_err().to_string()
}

#[test]
fn a_minimal_document_gets_the_documented_defaults() {
    let configuration = Configuration::parse(MINIMAL).unwrap();
    assert_eq!(configuration.lifetimes, Lifetimes { access_token: 300, session: 86_400, consent: 2_592_000 });
    assert!(configuration.registration.enabled);
    assert_eq!(configuration.callback_url(), "https://gateway.example/callback");
    let upstream = &configuration.upstreams[0];
    assert_eq!(upstream.max_request_bytes, 4_194_304);
    assert_eq!(upstream.scopes.to_string(), "mcp");
    assert_eq!(upstream.secret_headers[0].0.as_str(), "x-functions-key");
    assert_eq!(upstream.secret_headers[0].1.as_str(), "upstream_secret");
    assert_eq!(configuration.identity_providers[0].scopes.to_string(), "openid profile");
}

#[test]
fn the_same_document_may_be_json() {
    let json = r#" {"public_url":"http://127.0.0.1:3000","identity_provider":{"name":"a","issuer":"http://127.0.0.1:1",
        "client_id":"b"},"upstreams":[{"path":"/a/b","url":"https://c.example/"}]}"#;
    let configuration = Configuration::parse(json).unwrap();
    assert_eq!(configuration.upstreams[0].path.as_str(), "/a/b");
    assert!(matches!(configuration.identity_providers[0].authentication, crate::ProviderAuthentication::None));
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
            "the configuration key `upstreams[0].path` is one of Gatehouse's own paths; for example: path = \"/mcp\"",
        ),
        (
            r#""http://10.0.0.7:8080/mcp?x=y""#,
            r#""ftp://10.0.0.7""#,
            "the configuration key `upstreams[0].url` is not an http(s) URL without a user; for example: url = \"https://mcp.internal.example/mcp\"",
        ),
        (
            "X-Functions-Key",
            "Host",
            "the configuration key `upstreams[0].secret_headers.Host` is a header that the gateway itself decides on; for example: \"x-functions-key\" = { secret = \"upstream_secret\" }",
        ),
        (
            r#"secret = "upstream_secret""#,
            r#"secret = "Upstream-Secret""#,
            "the configuration key `upstreams[0].secret_headers.X-Functions-Key.secret` must name a variable: lower-case letters, digits and _, starting with a letter; for example: { secret = \"upstream_secret\" }",
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
    assert!(unknown.starts_with("the configuration cannot be read: line 1: unknown field `public_uri`"), "{unknown}");
    let syntax = refused("public_url = \"a\n");
    assert!(syntax.contains("line 1: ") && !syntax.contains('\n'), "{syntax}");
    assert!(refused("{").starts_with("the configuration cannot be read: EOF"));
}

#[test]
fn paths_that_could_be_spelled_in_two_ways_are_refused() {
    for bad in
        ["mcp", "/", "/mcp/", "//mcp", "/a//b", "/a/../b", "/%6dcp", "/a;b", "/a b", "/.well-known/x", "/token/x"]
    {
        let text = MINIMAL.replacen("\"/mcp\"", &format!("{bad:?}"), 1);
        assert!(refused(&text).contains("upstreams[0].path"), "{bad}");
    }
}

#[test]
fn lifetimes_are_accepted_at_their_limits_and_refused_past_them() {
    let with = |access: u64, session: u64| {
        Configuration::parse(&format!("{MINIMAL}\n[lifetimes]\naccess_token = {access}\nsession = {session}")).is_ok()
    };
    assert!(with(1, 1) && with(3_600, 7_776_000));
    assert!(!with(0, 10) && !with(3_601, 7_200) && !with(300, 299) && !with(300, 7_776_001));
}

#[test]
fn doubled_routes_and_clients_are_refused() {
    let doubled = format!("{MINIMAL}\n[[upstreams]]\npath = \"/mcp\"\nurl = \"https://other.example/\"");
    assert!(refused(&doubled).contains("`upstreams[1].path` is \"/mcp\" for a second time"));
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
