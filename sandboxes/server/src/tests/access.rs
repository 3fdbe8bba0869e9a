use super::*;
use crate::configuration::ConfigurationError;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[test]
fn whoever_is_not_the_gateway_or_does_not_say_who_calls_gets_401_and_changes_nothing() {
    let bench = Bench::new();
    let launch = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"launchShell"}}"#;
    for headers in [
        &[("x-sandbox-key", "")][..],
        &[("x-sandbox-key", "a-secret-of-the-gatewaY")],
        &[("x-sandbox-key", "a-secret-of-the-gateway2")],
        &[("x-sandbox-key", SECRET), ("x-sandbox-key", SECRET)],
        &[("x-gatehouse-subject", "")],
        &[("x-gatehouse-subject", "alice")],
        &[("x-gatehouse-subject", "key:")],
        &[("x-gatehouse-subject", "nobody:anonymous")],
        &[("x-gatehouse-subject", "key:alice"), ("x-gatehouse-subject", "key:bob")],
    ] {
        for body in [LIST, launch, "no JSON"] {
            let response = bench.post(body, headers);
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{headers:?}");
        }
    }
    assert!(bench.store.values().is_empty() && bench.store.counters().is_empty());
    assert!(bench.log().iter().all(|line| line["decision"] == "refused" && line["subject"].is_null()));
    assert_eq!(bench.post(LIST, &[]).status(), StatusCode::OK);
}

#[test]
fn without_any_of_its_settings_or_with_a_wrong_one_nothing_is_served() {
    let read = |changed: &str, value: Option<&str>| {
        let changed_setting = |name: &str| if name == changed { value.map(str::to_owned) } else { setting(name, "") };
        Configuration::read(|name| Ok(changed_setting(name))).map(drop).map_err(|error| error.to_string())
    };
    for (name, value, said) in [
        ("server_keys", None, "`server_keys` is missing"),
        ("server_keys", Some("a:short"), "`server_keys`"),
        ("gateway_secret", None, "`gateway_secret` is missing"),
        ("gateway_secret", Some("fifteen-bytes.."), "fewer than 16"),
        ("gateway_secret", Some("  \n"), "`gateway_secret` is missing"),
        ("administration_secret", Some("fifteen-bytes.."), "`administration_secret` has fewer than 16"),
        ("administration_secret", Some(SECRET), "the same as `gateway_secret`"),
        ("shell_url", None, "`shell_url` is missing"),
        ("shell_url", Some("shell.example"), "`shell_url`"),
        ("python_url", Some("ftp://python.example"), "`python_url`"),
        ("python_url", Some("http://python.example/?a"), "`python_url`"),
        ("settings", Some("cool_down_seconds = 1"), "cool_down_seconds is 60 to 86400"),
        ("settings", Some("egress.hosts = [\"a.example/\"]"), "\"a.example/\" is no origin"),
        ("settings", Some("egress.hosts = [\"http://shell.example\"]"), "names the address of an interpreter"),
        (
            "settings",
            Some("egress.hosts = [\"a.example\", \"http://PYTHON.example:8080\"]"),
            "address of an interpreter",
        ),
    ] {
        let error = read(name, value).unwrap_err();
        assert!(error.contains(said), "{name}: {error}");
        assert!(!error.contains("fifteen") && !error.contains("short"), "{error}");
    }
    assert_eq!(read("nothing", None), Ok(()));
    assert_eq!(read("settings", Some("egress.hosts = [\"https://shell.example\", \"http://python.example\"]")), Ok(()));
    let beside = |shell: &str, settings: &str| {
        let setting = |name: &str| if name == "shell_url" { Some(shell.to_owned()) } else { setting(name, settings) };
        Configuration::read(|name| Ok(setting(name))).map(drop)
    };
    let shells = ["http://127.0.0.1:8081", "http://localhost:8081/", "http://[::1]:8081"];
    for host in ["localhost:8081", "127.0.0.2:8081", "[::1]:8081", "[::ffff:127.0.0.1]:8081", "0.0.0.0:8081"] {
        for (shell, scheme) in shells.into_iter().flat_map(|shell| [(shell, "http"), (shell, "https")]) {
            let refused = beside(shell, &format!("egress.hosts = [\"{scheme}://{host}\"]"));
            assert_eq!(refused, Err(ConfigurationError::EgressToInterpreter), "{shell} {scheme}://{host}");
        }
    }
    assert_eq!(beside("http://127.0.0.1:8081", "egress.hosts = [\"http://127.0.0.1:8082\"]"), Ok(()));
    assert_eq!(read("gateway_secret", Some("a secret of a file\n")), Ok(()));
    assert_eq!(read("administration_secret", None), Ok(()));
    let unavailable = Configuration::read(|_| Err("the vault is sealed".to_owned())).unwrap_err().to_string();
    assert!(unavailable.contains("the vault is sealed"));
}

#[test]
fn what_is_no_request_of_mcp_is_refused_by_the_transport() {
    let bench = Bench::new();
    for method in ["GET", "DELETE", "PUT"] {
        let mut other = request(&[], "");
        *other.method_mut() = method.parse().unwrap();
        let response = bench.send(&other);
        assert_eq!(
            (response.status(), &response.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
        );
    }
    let mut elsewhere = request(&[], LIST);
    *elsewhere.uri_mut() = "/run".parse().unwrap();
    assert_eq!(bench.send(&elsewhere).status(), StatusCode::NOT_FOUND);
    for (headers, status) in [
        ([("content-type", "")], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ([("content-type", "text/plain")], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ([("accept", "text/event-stream")], StatusCode::NOT_ACCEPTABLE),
        ([("accept", "text/html")], StatusCode::NOT_ACCEPTABLE),
        ([("content-type", "application/json; charset=utf-8")], StatusCode::OK),
        ([("accept", "")], StatusCode::OK),
        ([("accept", "*/*")], StatusCode::OK),
        ([("accept", "application/*;q=0.5")], StatusCode::OK),
    ] {
        assert_eq!(bench.post(LIST, &headers).status(), status, "{headers:?}");
    }
    for body in
        ["", "{", "[]", "1", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, r#"{"jsonrpc":"2.0","method":"ping"}"#]
    {
        assert_eq!(bench.post(body, &[]).status(), StatusCode::BAD_REQUEST, "{body}");
    }
}
