mod spellings;

use proptest::prelude::*;

use super::*;

/// The rules of a server at `own`.
fn rules_at(own: &str) -> RedirectRules {
    RedirectRules { own: WebOrigin::parse(own).unwrap(), private_use_schemes: Vec::new() }
}

fn rules() -> RedirectRules {
    rules_at("https://gateway.example")
}

/// The rules with the private-use schemes `cursor` and `com.example.app`.
fn with_schemes() -> RedirectRules {
    let schemes = ["cursor", "com.example.app"];
    let private_use_schemes = schemes.iter().map(|scheme| PrivateUseScheme::parse(scheme).unwrap()).collect();
    RedirectRules { private_use_schemes, ..rules() }
}

fn private_use(text: &str) -> RedirectUri {
    RedirectUri::parse(text, &with_schemes()).unwrap()
}

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text, &rules()).unwrap()
}

#[test]
fn redirect_uris_are_https_or_loopback_http() {
    for good in [
        "https://client.example/cb",
        "https://client.example/cb?a=b",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:33418/",
        "http://[::1]:80/cb",
        "http://localhost/callback",
    ] {
        assert_eq!(uri(good).as_str(), good);
    }
    for (bad, reason) in [
        ("", InvalidRedirectUri::Malformed),
        ("/cb", InvalidRedirectUri::Malformed),
        ("https:client.example/cb", InvalidRedirectUri::Malformed),
        ("https:/client.example/cb", InvalidRedirectUri::Malformed),
        ("https:evil", InvalidRedirectUri::Malformed),
        ("https://client.example\\@evil.example/", InvalidRedirectUri::Malformed),
        ("https://client.example/\tcb", InvalidRedirectUri::Malformed),
        ("https://client.example/c b", InvalidRedirectUri::Malformed),
        ("https://clïent.example/", InvalidRedirectUri::Malformed),
        ("http://client.example/cb", InvalidRedirectUri::Scheme),
        ("http://127.0.0.1.evil.example/", InvalidRedirectUri::Scheme),
        ("JaVaScRiPt://x/%0aalert(1)", InvalidRedirectUri::Scheme),
        ("JaVaScRiPt:alert(1)", InvalidRedirectUri::Scheme),
        ("java\tscript:alert(1)", InvalidRedirectUri::Malformed),
        (" javascript:alert(1)", InvalidRedirectUri::Malformed),
        ("http:127.0.0.1/cb", InvalidRedirectUri::Malformed),
        ("cursor://anysphere.cursor-mcp/oauth/callback", InvalidRedirectUri::Scheme),
        ("data://text/html,x", InvalidRedirectUri::Scheme),
        ("file:///etc/passwd", InvalidRedirectUri::Scheme),
        ("https://client.example/#x", InvalidRedirectUri::Fragment),
        ("https://client.example@evil.example/", InvalidRedirectUri::UserInfo),
        ("https://@evil.example/", InvalidRedirectUri::UserInfo),
        ("https://gateway.example/callback", InvalidRedirectUri::OwnOrigin),
        ("https://gateway.example:443/callback?x=y", InvalidRedirectUri::OwnOrigin),
        ("https://client%2eexample/cb", InvalidRedirectUri::Host),
        ("https://cl%69ent.example/cb", InvalidRedirectUri::Host),
        ("http://127.1/cb", InvalidRedirectUri::Host),
        ("http://0x7f.0.0.1:5000/cb", InvalidRedirectUri::Host),
        ("http://2130706433/cb", InvalidRedirectUri::Host),
        ("http://[0:0:0:0:0:0:0:1]/cb", InvalidRedirectUri::Host),
        ("https://192.0.2.01/cb", InvalidRedirectUri::Host),
    ] {
        assert_eq!(RedirectUri::parse(bad, &rules()).unwrap_err(), reason, "{bad}");
    }
}

/// Whatever a browser takes for us, and more: a redirect there is a request to us in our own name.
#[test]
fn no_redirect_uri_leads_to_ourselves_however_it_is_written() {
    for (own, texts) in [
        (
            "https://gateway.example",
            &[
                "https://gateway.example/authorize?client_id=victim&redirect_uri=http://127.0.0.1:31337/cb",
                "https://gateway.example",
                "https://gateway.example?x",
                "https://gateway.example/anything",
                "HTTPS://GATEWAY.Example/",
                "https://gateway.example:443/",
                "https://gateway.example:0443/",
                "https://gateway.example:/",
                "https://gateway.example:80/",
                "https://gateway.example./",
                "https://g%61teway.example/",
                "https://gateway%2Eexample/",
                "https://%67%61%74%65%77%61%79.example/",
                "https://gate%C2%ADway.example/",
                "https://%EF%BD%87ateway.example/",
                "https://gateway%E3%80%82example/",
            ][..],
        ),
        ("https://gateway.example:8443", &["https://gateway.example:8443/", "https://GATEWAY.example.:08443/"]),
        ("https://xn--bcher-kva.example", &["https://xn--bcher-kva.example/", "https://b%C3%BCcher.example/"]),
        (
            "https://192.0.2.1",
            &["https://192.0.2.1/", "https://3221225985/", "https://0xc0.0.2.1/", "https://[::ffff:192.0.2.1]/"],
        ),
        (
            "http://127.0.0.1:3000",
            &[
                "http://127.0.0.1:3000/authorize",
                "http://127.0.0.1:03000/",
                "http://127.0.0.2:3000/",
                "http://127.1:3000/",
                "http://0x7f.0.0.1:3000/",
                "http://0177.0.0.1:3000/",
                "http://2130706433:3000/",
                "http://%31%32%37.0.0.1:3000/",
                "http://localhost:3000/",
                "http://LOCALHOST:3000/",
                "https://localhost.:3000/",
                "https://x.localhost:3000/",
                "http://[::1]:3000/",
                "http://[0:0::1]:3000/",
                "https://[::ffff:127.0.0.1]:3000/",
                "https://[::]:3000/",
                "https://0.0.0.0:3000/",
                "https://0:3000/",
                "https://127.0.0.1:3000/",
            ],
        ),
        ("http://localhost:3000", &["http://127.0.0.1:3000/", "http://[::1]:3000/", "http://localhost:3000/"]),
        ("http://[::1]:3000", &["http://127.0.0.1:3000/", "http://[::1]:3000/", "http://localhost:3000/"]),
        ("https://localhost:8443", &["http://127.0.0.1:8443/", "https://[::1]:8443/"]),
        ("http://127.0.0.1", &["http://127.0.0.1/", "http://localhost:80/", "http://[::1]:080/"]),
    ] {
        for text in texts {
            assert_eq!(RedirectUri::parse(text, &rules_at(own)), Err(InvalidRedirectUri::OwnOrigin), "{own} {text}");
        }
    }
    // With a user, a backslash or a tab in it, it is refused for that.
    for text in [
        "https://user@gateway.example/",
        "https://evil.example@gateway.example/",
        "https://evil.example:443@gateway.example/",
        "https:\\\\gateway.example/",
        "https:/gateway.example/",
        "https:gateway.example/",
        "https:///gateway.example/",
        "https://gate\tway.example/",
        "https://gateway.example\n/",
        "\u{0}https://gateway.example/",
        "https://gateway\u{3002}example/",
        "//gateway.example/",
        "/authorize",
        "http://gateway.example/",
        "http://0.0.0.0/",
    ] {
        assert!(RedirectUri::parse(text, &rules()).is_err(), "{text}");
    }
}

#[test]
fn what_is_next_to_us_may_be_a_clients() {
    for (own, text) in [
        ("https://gateway.example", "https://www.gateway.example/"),
        ("https://gateway.example", "https://example/"),
        ("https://gateway.example", "https://gateway.example.client.example/"),
        ("https://gateway.example", "https://client.example/https://gateway.example/"),
        ("https://gateway.example", "https://client.example/?u=https://gateway.example/"),
        ("https://gateway.example", "http://127.0.0.1/cb"),
        // Another origin, and another server's, which a user's browser gives the same cookies all the same.
        ("https://gateway.example", "https://gateway.example:8443/"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3001/"),
        ("http://127.0.0.1:3000", "http://127.0.0.1/"),
        ("http://127.0.0.1:3000", "http://localhost:30000/"),
    ] {
        assert_eq!(RedirectUri::parse(text, &rules_at(own)).as_ref().map(RedirectUri::as_str), Ok(text), "{own}");
    }
}

/// A registered loopback URI may be used with any port (RFC 8252, section 7.3), but not with ours.
#[test]
fn a_loopback_redirect_uri_is_not_used_with_our_own_port_under_any_name() {
    let rules = rules_at("http://127.0.0.1:3000");
    for host in ["127.0.0.1", "localhost", "[::1]", "127.0.0.2"] {
        let registered = RedirectUri::parse(&format!("http://{host}/cb"), &rules).unwrap();
        let with_port = |port| RedirectUri::parse(&format!("http://{host}:{port}/cb"), &rules);
        assert!(with_port("3001").unwrap().bind(&[registered]).is_some(), "{host}");
        for port in ["3000", "03000", "0003000"] {
            assert_eq!(with_port(port), Err(InvalidRedirectUri::OwnOrigin), "{host} {port}");
        }
    }
}

#[test]
fn a_redirect_uri_binds_to_an_equal_one_and_to_any_port_of_a_loopback_one() {
    for (requested, registered) in [
        ("https://a.example/cb", "https://a.example/cb"),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:33418/cb"),
        ("http://localhost:5000/callback", "http://localhost/callback"),
        ("http://[::1]/cb", "http://[::1]:7/cb"),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1:5000/cb"),
    ] {
        assert!(uri(requested).bind(&[uri(registered)]).is_some(), "{requested} {registered}");
    }
    for (requested, registered) in [
        ("https://a.example/cb/", "https://a.example/cb"),
        ("https://a.example/CB", "https://a.example/cb"),
        ("https://A.example/cb", "https://a.example/cb"),
        ("https://a.example/cb?x", "https://a.example/cb"),
        ("https://a.example/./cb", "https://a.example/cb"),
        ("https://a.example/%63b", "https://a.example/cb"),
        ("https://a.example:444/cb", "https://a.example/cb"),
        ("http://localhost:5000/cb", "http://127.0.0.1:5000/cb"),
        ("http://127.0.0.1:5000/other", "http://127.0.0.1:5000/cb"),
        ("http://127.0.0.1:5000/cb?:80", "http://127.0.0.1/cb"),
    ] {
        assert!(uri(requested).bind(&[uri(registered)]).is_none(), "{requested} {registered}");
    }
    assert!(uri("https://a.example/cb").bind(&[]).is_none());
}

#[test]
fn a_response_is_added_to_the_query_and_cannot_leave_it() {
    let bound = |text| uri(text).bind(&[uri(text)]).unwrap();
    let state = "a&b=c#d\r\nSet-Cookie: x";
    assert_eq!(
        bound("https://a.example/cb").location(&[("state", state)]),
        "https://a.example/cb?state=a%26b%3Dc%23d%0D%0ASet-Cookie%3A+x"
    );
    assert_eq!(bound("https://a.example/cb?x=y").location(&[("code", "1")]), "https://a.example/cb?x=y&code=1");
    assert_eq!(bound("https://a.example/cb?").location(&[("code", "1")]), "https://a.example/cb?code=1");
}

#[test]
fn an_allowed_private_use_scheme_is_taken_in_its_two_forms_and_letter_by_letter() {
    for good in [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback?x=y",
        "cursor://Anysphere/",
        "cursor:/callback",
        "com.example.app:/oauth2redirect",
        "com.example.app:/oauth2redirect/a@b",
    ] {
        let uri = private_use(good);
        assert_eq!(uri.as_str(), good);
        assert!(uri.is_private_use() && !uri.is_loopback(), "{good}");
        assert_eq!(RedirectUri::parse(good, &rules()), Err(InvalidRedirectUri::Scheme), "{good}");
    }
    for (bad, reason) in [
        ("vscode://vscode.github-authentication/did-authenticate", InvalidRedirectUri::Scheme),
        ("cursor2://a/b", InvalidRedirectUri::Scheme),
        ("com.example.app.evil:/x", InvalidRedirectUri::Scheme),
        ("javascript://a/%0aalert(1)", InvalidRedirectUri::Scheme),
        ("Cursor://anysphere.cursor-mcp/oauth/callback", InvalidRedirectUri::PrivateUseForm),
        ("CURSOR:/callback", InvalidRedirectUri::PrivateUseForm),
        ("cursor:", InvalidRedirectUri::PrivateUseForm),
        ("cursor:callback", InvalidRedirectUri::PrivateUseForm),
        ("cursor://", InvalidRedirectUri::PrivateUseForm),
        ("cursor:///callback", InvalidRedirectUri::PrivateUseForm),
        ("cursor://anysphere.cursor-mcp", InvalidRedirectUri::PrivateUseForm),
        ("cursor://anysphere.cursor-mcp?/", InvalidRedirectUri::PrivateUseForm),
        ("cursor://anysphere.cursor-mcp#/", InvalidRedirectUri::PrivateUseForm),
        ("cursor:\\\\anysphere\\callback", InvalidRedirectUri::Malformed),
        ("cursor://anysphere.cursor-mcp/call back", InvalidRedirectUri::Malformed),
        ("cursor:\t//anysphere.cursor-mcp/callback", InvalidRedirectUri::Malformed),
        ("cursor://änysphere/callback", InvalidRedirectUri::Malformed),
        ("cursor://anysphere.cursor-mcp/callback#", InvalidRedirectUri::Fragment),
        ("cursor:/callback#x", InvalidRedirectUri::Fragment),
        ("cursor://anysphere@evil/callback", InvalidRedirectUri::UserInfo),
        ("cursor://:x@evil/callback", InvalidRedirectUri::UserInfo),
    ] {
        assert_eq!(RedirectUri::parse(bad, &with_schemes()).unwrap_err(), reason, "{bad}");
    }
}

#[test]
fn a_private_use_redirect_uri_binds_only_to_its_own_text_even_where_it_looks_like_loopback() {
    for (requested, registered) in [
        ("cursor://localhost:2/cb", "cursor://localhost:1/cb"),
        ("cursor://localhost/cb", "cursor://localhost:1/cb"),
        ("cursor://LOCALHOST/cb", "cursor://localhost/cb"),
        ("cursor://a/CB", "cursor://a/cb"),
        ("cursor://a/./cb", "cursor://a/cb"),
        ("cursor:/cb", "cursor://cb/"),
        ("cursor:/cb", "com.example.app:/cb"),
    ] {
        assert!(private_use(requested).bind(&[private_use(registered)]).is_none(), "{requested} {registered}");
        assert!(private_use(requested).bind(&[private_use(requested)]).is_some(), "{requested}");
    }
}

#[test]
fn a_person_is_shown_where_the_code_really_goes() {
    for (text, shown) in [
        ("https://Client.Example:443/cb", "client.example"),
        ("https://client.example:8443/cb", "client.example:8443"),
        ("http://127.0.0.1:33418/cb", "127.0.0.1:33418"),
        ("http://[::1]:7/cb", "[::1]:7"),
        ("cursor://accounts.bank.example/oauth/callback", "cursor://"),
        ("com.example.app:/oauth2redirect", "com.example.app://"),
    ] {
        assert_eq!(private_use(text).host_and_port(), shown);
    }
}

#[test]
fn a_content_security_policy_names_the_smallest_source_that_it_can() {
    for (text, source) in [
        ("https://client.example:8443/cb", None),
        ("https://localhost/cb", None),
        ("http://127.0.0.1:33418/cb", Some("http://127.0.0.1:33418")),
        ("http://127.0.0.1/cb", Some("http://127.0.0.1")),
        ("http://LOCALHOST:80/cb", Some("http://localhost")),
        ("http://localhost:7/cb", Some("http://localhost:7")),
        ("http://[::1]:7/cb", Some("http:")),
        ("http://127.0.0.2:7/cb", Some("http:")),
        ("cursor://anysphere.cursor-mcp/oauth/callback", Some("cursor:")),
        ("com.example.app:/oauth2redirect", Some("com.example.app:")),
    ] {
        assert_eq!(private_use(text).csp_source().as_deref(), source, "{text}");
    }
}

#[test]
fn only_a_loopback_uri_is_compared_without_its_port() {
    for (text, comparable) in [
        ("http://127.0.0.1:33418/cb?x=:1", "http://127.0.0.1/cb?x=:1"),
        ("http://localhost/cb", "http://localhost/cb"),
        ("http://[::1]:7/cb", "http://[::1]/cb"),
        ("https://client.example:8443/cb", "https://client.example:8443/cb"),
        ("cursor://localhost:7/cb", "cursor://localhost:7/cb"),
    ] {
        assert_eq!(private_use(text).comparable(), comparable);
    }
}

/// Texts near to redirect URIs, so that many of them are taken and every refusal is reached.
fn nearly_a_uri() -> impl Strategy<Value = String> {
    let start = "(https|http|cursor|com\\.example\\.app|JaVaScRiPt|Cursor|data):?/{0,3}";
    let host = "(127\\.0\\.0\\.1|\\[::1\\]|localhost|a\\.example|[a-z@:.\\\\ä]{0,6})(:[0-9]{0,5})?";
    let rest = "[/?#@a-zA-Z0-9%.:\\\\\t é]{0,12}";
    (start, host, rest).prop_map(|(start, host, rest)| format!("{start}{host}{rest}"))
}

proptest! {
    #[test]
    fn any_text_is_refused_or_kept_as_it_is_and_then_binds_to_itself(text in prop_oneof![nearly_a_uri(), ".{0,80}"]) {
        if let Ok(uri) = RedirectUri::parse(&text, &with_schemes()) {
            prop_assert_eq!(uri.as_str(), text.as_str());
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#'));
            prop_assert!(!authority(&text).contains('@'));
            let lower = text.to_ascii_lowercase();
            prop_assert!(
                lower.starts_with("https://")
                    || (lower.starts_with("http://") && uri.is_loopback())
                    || (uri.is_private_use() && (text.starts_with("cursor:/") || text.starts_with("com.example.app:/")))
            );
            prop_assert!(uri.clone().bind(&[uri]).is_some());
        }
    }

    #[test]
    fn the_comparable_form_is_a_redirect_uri_of_the_same_place(text in nearly_a_uri()) {
        if let Ok(uri) = RedirectUri::parse(&text, &with_schemes()) {
            let comparable = private_use(&uri.comparable());
            prop_assert_eq!(comparable.comparable(), uri.comparable());
            prop_assert_eq!(comparable.is_loopback(), uri.is_loopback());
            prop_assert!(comparable.bind(&[uri]).is_some());
        }
    }

    #[test]
    fn parameters_never_change_where_a_response_goes(text in nearly_a_uri(), value in ".{0,40}") {
        if let Some(bound) = RedirectUri::parse(&text, &with_schemes()).ok().and_then(|uri| uri.clone().bind(&[uri])) {
            let location = bound.location(&[("state", &value)]);
            prop_assert!(location.starts_with(&text));
            let (before, after) = (Url::parse(&text).unwrap(), Url::parse(&location).unwrap());
            prop_assert_eq!((before.scheme(), before.host(), before.port(), before.path()),
                            (after.scheme(), after.host(), after.port(), after.path()));
            prop_assert!(after.query_pairs().any(|(name, given)| name == "state" && given == value.as_str()));
        }
    }
}
