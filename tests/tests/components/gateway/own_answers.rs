//! What the gateway answers by itself.

use gatehouse_protocol::{OwnPath, ServedBy};
use serde_json::json;

use super::{CONFIGURATION, ORIGIN, RESOURCE, TOKEN, ask, asked_nobody, fakes};

#[tokio::test]
async fn the_protected_resource_metadata_leads_to_the_authorization_server() {
    let fakes = fakes();
    let document = json!({
        "resource": RESOURCE,
        "authorization_servers": ["https://gateway.example"],
        "scopes_supported": ["mcp"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Demo",
    });
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let reply = ask(&fakes, "GET", path, &[("origin", ORIGIN)]).await;
        assert_eq!((reply.status.as_u16(), reply.json()), (200, document.clone()));
        assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
    }
    asked_nobody(&fakes);
}

#[tokio::test]
async fn every_path_that_is_kept_for_the_gateway_is_answered_by_it_and_every_other_is_handed_on() {
    for path in OwnPath::ALL {
        let fakes = fakes();
        let reply = ask(&fakes, "GET", path.as_str(), &[]).await;
        let is_handed_on = !fakes.handed_on.lock().unwrap().is_empty();
        assert_eq!(is_handed_on, path.served_by() == ServedBy::AuthorizationServer, "{path}");
        assert!(is_handed_on || reply.status != 404, "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn health_is_ok_where_the_configuration_is_usable() {
    let fakes = fakes();
    let reply = ask(&fakes, "GET", "/healthz", &[]).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, r#"{"status":"ok"}"#));
    asked_nobody(&fakes);
}

#[tokio::test]
async fn with_a_wrong_configuration_nothing_is_served_and_the_log_says_why() {
    let authorization = format!("Bearer {TOKEN}");
    let typo = CONFIGURATION.replace("public_url", "public_ulr");
    for (configuration, reason) in [(None, "the setting `config` is missing"), (Some(typo.as_str()), "public_ulr")] {
        let fakes = fakes();
        match configuration {
            Some(text) => fakes.set("config", text),
            None => fakes.unset("config"),
        }
        let health = ask(&fakes, "GET", "/healthz", &[]).await;
        assert_eq!((health.status.as_u16(), health.body.as_str()), (503, r#"{"status":"unavailable"}"#));
        for path in ["/mcp", "/readyz", "/nothing", "/.well-known/oauth-protected-resource/mcp"] {
            let reply = ask(&fakes, "GET", path, &[("authorization", &authorization)]).await;
            assert_eq!(reply.status, 503, "{path}");
            assert!(!reply.body.contains(reason), "{}", reply.body);
        }
        assert!(fakes.log().contains(reason), "{}", fakes.log());
        asked_nobody(&fakes);
    }
}

#[tokio::test]
async fn a_damaged_compiled_form_serves_nothing_of_what_is_damaged_and_the_log_says_why() {
    let compiled = gatehouse_configuration::compile(CONFIGURATION).unwrap();
    let authorization = format!("Bearer {TOKEN}");
    let call = |configuration: String, path: &'static str| {
        let authorization = authorization.clone();
        async move {
            let fakes = fakes();
            fakes.set("config", &configuration);
            let reply = ask(&fakes, "GET", path, &[("authorization", &authorization)]).await;
            (reply.status.as_u16(), fakes.log())
        }
    };
    assert_eq!(call(compiled.clone(), "/healthz").await.0, 200);
    assert_ne!(call(compiled.clone(), "/mcp").await.0, 503);
    let cut = compiled.trim_end().strip_suffix('}').unwrap().to_owned();
    let newer = format!("gatehouse-configuration/9 {}", compiled.split_once(' ').unwrap().1);
    for (damaged, reason) in [(cut, "bytes instead of"), (newer, "its format is")] {
        for path in ["/healthz", "/readyz", "/readyz/mcp", "/mcp", "/.well-known/oauth-protected-resource"] {
            let (status, log) = call(damaged.clone(), path).await;
            assert!(status == 503 && log.contains(reason), "{path}: {status} {log}");
        }
    }
    let edited = compiled.replacen("\"name\":\"Demo\"", "\"name\":\"Dema\"", 2);
    assert_ne!(edited, compiled);
    let (status, log) = call(edited, "/mcp").await;
    assert!(status == 503 && log.contains("is damaged"), "{status} {log}");
}

#[tokio::test]
async fn what_is_never_the_gateways_goes_on_without_a_look_at_the_configuration() {
    for path in ["/token", "/authorize?a=b", "/.well-known/oauth-authorization-server", "/sessions"] {
        let fakes = fakes();
        fakes.unset("config");
        let reply = ask(&fakes, "GET", path, &[]).await;
        assert_ne!(reply.status, 503, "{path}: {}", reply.body);
        assert!(fakes.parts_read.lock().unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn each_path_reads_its_own_parts_of_the_configuration() {
    for (path, parts) in [
        ("/healthz", ["Gateway"].as_slice()),
        ("/readyz", &["Gateway", "Servers"]),
        ("/readyz/mcp", &["Gateway", "Servers"]),
        ("/nothing", &["Route(\"/nothing\")"]),
        ("/.well-known/oauth-protected-resource/nothing", &["Route(\"/nothing\")"]),
        ("/.well-known/oauth-protected-resource", &["OnlyRoute", "Gateway"]),
        ("/mcp", &["Route(\"/mcp\")", "Gateway"]),
    ] {
        let fakes = fakes();
        ask(&fakes, "GET", path, &[]).await;
        assert_eq!(*fakes.parts_read.lock().unwrap(), parts, "{path}");
    }
}

#[tokio::test]
async fn with_settings_that_cannot_be_read_nothing_is_served() {
    let fakes = fakes();
    *fakes.settings_failure.lock().unwrap() = Some("the vault is sealed".to_owned());
    for path in ["/healthz", "/readyz", "/mcp"] {
        let reply = ask(&fakes, "GET", path, &[("authorization", "Bearer x")]).await;
        assert_eq!(reply.status, 503, "{path}");
        assert!(!reply.body.contains("vault"));
    }
    asked_nobody(&fakes);
}

#[tokio::test]
async fn readiness_asks_the_upstreams_once_and_tells_nobody_which_routes_there_are() {
    let fakes = fakes();
    for _ in 0..3 {
        let reply = ask(&fakes, "GET", "/readyz", &[]).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, r#"{"status":"ok"}"#));
    }
    let sent = fakes.sent();
    assert_eq!((sent.len(), sent[0].method.as_str()), (1, "OPTIONS"));
    assert!(!sent[0].headers.contains_key("x-functions-key"), "a secret went out");

    fakes.advance(20);
    fakes.answer(|_| crate::outbound::Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused));
    for _ in 0..2 {
        let reply = ask(&fakes, "GET", "/readyz", &[]).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (503, r#"{"status":"unavailable"}"#));
    }
    assert_eq!(fakes.sent().len(), 2);
    assert!(fakes.log().contains(r#""route":"/mcp""#), "{}", fakes.log());

    fakes.store_goes_down();
    assert_eq!(ask(&fakes, "GET", "/readyz", &[]).await.status, 503);
}

/// docs/cases.md, O1.
#[tokio::test]
async fn without_usable_keys_and_secrets_nothing_is_ready_and_the_log_names_the_variable() {
    let with_secret = CONFIGURATION.replace(
        "client_id = \"gatehouse\"",
        "client_id = \"gatehouse\"\nclient_secret = { secret = \"provider_secret\" }",
    );
    for (variable, value) in [
        ("server_keys", Some("hunter2")),
        ("server_keys", Some("")),
        ("server_keys", None),
        ("provider_secret", Some(" \n")),
        ("provider_secret", None),
        ("upstream_secret", Some("\n")),
        ("upstream_secret", None),
    ] {
        let fakes = fakes();
        fakes.set("config", &with_secret);
        fakes.set("provider_secret", "a secret");
        for path in ["/readyz", "/readyz/mcp", "/healthz"] {
            assert_eq!(ask(&fakes, "GET", path, &[]).await.status, 200, "{path}: {}", fakes.log());
        }
        match value {
            Some(value) => fakes.set(variable, value),
            None => fakes.unset(variable),
        }
        for path in ["/readyz", "/readyz/mcp"] {
            let reply = ask(&fakes, "GET", path, &[]).await;
            assert_eq!(
                (reply.status.as_u16(), reply.body.as_str()),
                (503, r#"{"status":"unavailable"}"#),
                "{variable}"
            );
        }
        let log = fakes.log();
        assert!(log.contains("not-ready") && log.contains(variable) && !log.contains("hunter2"), "{variable}: {log}");
        // Nothing that starting anew could mend.
        assert_eq!(ask(&fakes, "GET", "/healthz", &[]).await.status, 200, "{variable}");
    }
}

/// docs/cases.md, O3.
#[tokio::test]
async fn a_route_that_is_not_ready_leaves_the_others_and_the_instance_ready() {
    let fakes = fakes();
    let dead = "[[routes]]\npath = \"/dead\"\nurl = \"https://dead.internal.example/mcp\"\n";
    let keyless = "[[routes]]\npath = \"/keyless\"\nurl = \"https://upstream.internal.example/server?version=2\"\n\
                   secret_headers = { x-key = { secret = \"no_such_secret\" } }\n";
    fakes.set("config", &format!("{CONFIGURATION}{dead}{keyless}"));
    fakes.answer(|sent| match sent.url.contains("dead") {
        true => crate::outbound::Answer::Fails(wasmtime_wasi_http::Error::ConnectionRefused),
        false => crate::outbound::Answer::Whole(http::Response::new(Vec::new())),
    });
    for (path, status, body) in [
        ("/readyz", 200, r#"{"status":"degraded"}"#),
        ("/readyz/mcp", 200, r#"{"status":"ok"}"#),
        ("/readyz/dead", 503, r#"{"status":"unavailable"}"#),
        ("/readyz/keyless", 503, r#"{"status":"unavailable"}"#),
        ("/readyz/nothing", 404, r#"{"status":"not found"}"#),
    ] {
        let reply = ask(&fakes, "GET", path, &[]).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (status, body), "{path}");
    }
    assert_eq!(ask(&fakes, "POST", "/readyz/mcp", &[]).await.status, 405);
    assert_eq!(fakes.sent().len(), 2, "one look, at each server once");
    assert!(fakes.log().contains(r#""route":"/dead""#) && fakes.log().contains("no_such_secret"), "{}", fakes.log());
}
