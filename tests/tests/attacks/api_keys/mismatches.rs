//! Callers who mix up keys and tokens (Container Apps, "Common authentication mismatches"), and what is beside the key.

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, From, Person};
use http::Method;
use serde_json::json;

use super::{FETCH, REGENERATE, call, call_with, configured_key, key_of, settings, subject, table, world};

async fn token_for(world: &AttackWorld, path: &str) -> String {
    let tokens = world.flow_of(&Person::new("alice"), world.public(), path).finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

/// "`x-ms-apikey` header sent to standalone app: header is ignored; request hits built-in authentication and returns `401`" and
/// "`Authorization: Bearer` sent to sessions MCP: key validation fails and returns `401`".
#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_mismatches_is_exact_and_each_answer_says_what_was_mixed_up_and_no_more() {
    let world = world().await;
    let (key, token) = (configured_key(1), token_for(&world, "/other").await);
    let bearer = format!("Bearer {token}");

    let mut told = Vec::new();
    for key in [key.as_str(), "wrong"] {
        let answer = call_with(&world, "/other", &[("x-ms-apikey", key)]).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(
            answer.header("www-authenticate").starts_with("Bearer scope=\"mcp\", resource_metadata="),
            "{answer:?}"
        );
        assert!(message(&answer).contains("no API key is accepted here"), "{answer:?}");
        told.push(answer.body);
    }
    assert_eq!(told[0], told[1], "nothing is said of the key");
    // Ignored: the token decides.
    let both = call_with(&world, "/other", &[("x-ms-apikey", "wrong"), ("authorization", &bearer)]).await;
    assert_eq!(both.status, 200, "{both:?}");

    let mut told = Vec::new();
    for bearer in [bearer.as_str(), "Bearer wrong", &format!("Bearer {key}")] {
        let answer = call_with(&world, "/mcp", &[("authorization", bearer)]).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"/mcp\", header=\"x-ms-apikey\"");
        assert!(message(&answer).contains("x-ms-apikey: no bearer token is accepted here"), "{answer:?}");
        told.push(answer.body);
    }
    assert!(told.iter().all(|body| *body == told[0]), "nothing is said of the token");
    let both = call_with(&world, "/mcp", &[("x-ms-apikey", key.as_str()), ("authorization", "Bearer wrong")]).await;
    assert_eq!(subject(&both), "key:robot");
    let neither = call_with(&world, "/mcp", &[]).await;
    assert_eq!((neither.status, message(&neither).as_str()), (401, "An API key is required in the header x-ms-apikey"));
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_with_both_ways_takes_either_and_refuses_both_at_once() {
    let world = AttackWorld::start_with(settings("own_tokens = true", "", "")).await;
    let (key, token) = (configured_key(1), token_for(&world, "/mcp").await);
    let bearer = format!("Bearer {token}");
    assert_eq!(subject(&call(&world, &key).await), "key:robot");
    assert_eq!(subject(&call_with(&world, "/mcp", &[("authorization", &bearer)]).await), "test:alice");
    for (key, bearer) in [(key.as_str(), bearer.as_str()), ("wrong", &bearer), (&key, "Bearer wrong"), ("x", "y")] {
        let answer = call_with(&world, "/mcp", &[("x-ms-apikey", key), ("authorization", bearer)]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(message(&answer), "Only one of Authorization and x-ms-apikey is allowed");
    }
    // Clients that can sign in are told where, whatever they have shown.
    for headers in [&[][..], &[("x-ms-apikey", "wrong")]] {
        let answer = call_with(&world, "/mcp", headers).await;
        assert!(answer.status == 401 && answer.header("www-authenticate").contains("resource_metadata="), "{answer:?}");
    }
    world.gatehouse.stop().await;
}

/// A client must not be sent to an authorization server that cannot help it.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_with_keys_alone_is_no_resource_that_tokens_are_for() {
    let world = world().await;
    let metadata = world.get("/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(metadata.status, 404, "{metadata:?}");
    assert_eq!(world.get("/.well-known/oauth-protected-resource/other").await.status, 200);
    let before = world.store().await;
    let alice = Person::new("alice");
    let flow = world.flow_of(&alice, world.public(), "/mcp");
    let answer = alice.open(&flow.authorization_url(), From::Nowhere).await;
    let error = answer
        .location()
        .and_then(|url| url.query_pairs().find(|(name, _)| name == "error").map(|(_, error)| error.into_owned()));
    assert_eq!(error.as_deref(), Some("invalid_target"), "{answer:?}");
    world.assert_unchanged(&before, "a token for a route with keys").await;
    world.gatehouse.stop().await;
}

/// A label is the operator's, and so is a client's id: whoever wrote one of them did not mean the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_labelled_like_a_client_is_not_that_client() {
    let lines = "own_tokens = true\nallowed_clients = [\"public\", \"robot\", \"key:writer\"]";
    let keys = table("public", 2, "") + &table("writer", 3, "");
    let world = AttackWorld::start_with(settings(lines, "", &keys)).await;
    for byte in [1, 2] {
        let answer = call(&world, &configured_key(byte)).await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert!(world.upstream.requests().is_empty());
    assert_eq!(subject(&call(&world, &configured_key(3)).await), "key:writer");
    let bearer = format!("Bearer {}", token_for(&world, "/mcp").await);
    assert_eq!(subject(&call_with(&world, "/mcp", &[("authorization", &bearer)]).await), "test:alice");
    world.gatehouse.stop().await;
}

/// No spelling of the header of any route reaches any server.
#[tokio::test(flavor = "multi_thread")]
async fn no_server_sees_a_key_whatever_its_route() {
    let world = AttackWorld::start_with(settings("", "header = \"ocp-apim-subscription-key\"", "")).await;
    let (key, token) = (configured_key(1), token_for(&world, "/other").await);
    let bearer = format!("Bearer {token}");
    let names = [
        "ocp-apim-subscription-key",
        "Ocp_Apim_Subscription_Key",
        "ocp.apim.subscription.key",
        "x-ms-apikey",
        "X_MS_APIKEY",
    ];
    for name in names {
        let at_keys: &[_] =
            if name == names[0] { &[(name, key.as_str())] } else { &[(names[0], key.as_str()), (name, key.as_str())] };
        assert_eq!(call_with(&world, "/mcp", at_keys).await.status, 200, "{name}");
        let at_tokens = [(name, key.as_str()), ("authorization", bearer.as_str()), ("x-kept", "kept")];
        assert_eq!(call_with(&world, "/other", &at_tokens).await.status, 200, "{name}");
    }
    for request in world.upstream.requests() {
        assert!(request.headers.values().all(|value| value.as_bytes() != key.as_bytes()), "{:?}", request.headers);
    }
    assert_eq!(world.upstream.requests().last().unwrap().header("x-kept"), "kept");
    // The usual header is not the one of this route.
    assert_eq!(call(&world, &key).await.status, 401);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_allowed_may_send_the_key_and_others_may_not() {
    let settings =
        AttackSettings { top: "allowed_origins = [\"https://page.example\"]".to_owned(), ..settings("", "", "") };
    let world = AttackWorld::start_with(settings).await;
    let preflight = |path: &str, origin: &'static str| {
        let request = gatehouse_tests::http().request(Method::OPTIONS, world.url(path)).header("origin", origin);
        request.header("access-control-request-method", "POST").header("access-control-request-headers", "x-ms-apikey")
    };
    let allowed = |answer: &Answer| answer.header("access-control-allow-headers").contains("x-ms-apikey");
    let keys = Answer::of(preflight("/mcp", "https://page.example").send().await.unwrap()).await;
    assert!(keys.status == 204 && allowed(&keys), "{keys:?}");
    let tokens = Answer::of(preflight("/other", "https://page.example").send().await.unwrap()).await;
    assert!(tokens.status == 204 && !allowed(&tokens), "{tokens:?}");
    let evil = Answer::of(preflight("/mcp", "https://evil.example").send().await.unwrap()).await;
    assert!(evil.status == 403 && !allowed(&evil), "{evil:?}");
    let key = configured_key(1);
    let evil = call_with(&world, "/mcp", &[("x-ms-apikey", &key), ("origin", "https://evil.example")]).await;
    assert_eq!(evil.status, 403, "{evil:?}");
    world.gatehouse.stop().await;
}

/// Policies, rates, sealed sessions and the log know the caller like any other.
#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_a_key_is_a_caller_like_any_other() {
    let route = "policy = [{ name = \"reports\", providers = [\"key\"], subjects = [\"key:robot\"], tools = [\"read\"] }, \
                 { name = \"writers\", tools = [\"write\"], scopes = [\"write\"] }]\n\
                 rates = [{ per = \"subject\", requests = 8, seconds = 60 }]";
    let more = table("writer", 2, "scopes = [\"mcp\", \"files\", \"write\"]");
    let world = AttackWorld::start_with(settings(route, "", &more)).await;
    let (robot, writer) = (configured_key(1), configured_key(2));
    let post = |key: &str, session: Option<&str>, message: serde_json::Value| {
        let mut request = world.mcp_request("/mcp").header("x-ms-apikey", key).body(message.to_string());
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        async move { Answer::of(request.send().await.unwrap()).await }
    };
    let tool = |name: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } });
    assert_eq!(subject(&post(&robot, None, tool("read")).await), "key:robot");
    // A key has the scopes that it has: nobody is told to ask for another one.
    let denied = post(&robot, None, tool("write")).await;
    assert!(denied.json()["error"]["code"] == 403 && denied.header("www-authenticate").is_empty(), "{denied:?}");
    assert_eq!(subject(&post(&writer, None, tool("write")).await), "key:writer");
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} });
    let answer = post(&robot, None, initialize).await;
    let session = answer.header("mcp-session-id");
    assert!(!session.is_empty() && !session.contains("upstream-session"), "{answer:?}");
    assert_eq!(post(&robot, Some(session), tool("read")).await.status, 200);
    assert_eq!(post(&writer, Some(session), tool("write")).await.status, 404, "the session of another key");
    let line = |line: &str| {
        [r#""credential":"api-key""#, r#""subject":"key:robot""#, r#""client_id":"key:robot""#, r#""rule":"reports""#]
            .iter()
            .all(|part| line.contains(part))
    };
    world.gatehouse.log.wait_for(line).await;
    let mut last = 200;
    for _ in 0..8 {
        last = post(&robot, None, tool("read")).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(post(&writer, None, tool("write")).await.status, 200, "another caller");
    world.gatehouse.stop().await;
}

/// In none of the encodings in which something hides at first sight.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_and_no_token_of_an_administrator_is_in_the_log_or_in_the_store() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let world = world().await;
    let keys = [key_of(&world, FETCH).await, key_of(&world, REGENERATE).await, configured_key(1), configured_key(9)];
    for key in &keys {
        call(&world, key).await;
        call_with(&world, "/other", &[("x-ms-apikey", key)]).await;
        call_with(&world, "/mcp", &[("authorization", &format!("Bearer {key}"))]).await;
        call_with(&world, &format!("/mcp?key={key}"), &[]).await;
    }
    super::ask(&world, &super::action(super::POOL, FETCH), Some("Bearer wrong-administrator-token-0000000000")).await;
    let log = world.gatehouse.log.lines().join("\n");
    assert!(log.contains("api-key"), "{log}");
    let mut haystack = log.into_bytes();
    for (name, value) in world.store().await {
        haystack.extend(name.into_bytes());
        haystack.extend(value);
    }
    let secrets = keys.iter().map(|key| key.rsplit('_').next().unwrap());
    for secret in secrets.chain([super::ADMINISTRATOR, "wrong-administrator-token-0000000000"]) {
        let bytes = URL_SAFE_NO_PAD.decode(secret).unwrap_or_default();
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for form in [
            secret.as_bytes(),
            &bytes,
            hexadecimal.as_bytes(),
            STANDARD_NO_PAD.encode(&bytes).as_bytes(),
            STANDARD_NO_PAD.encode(secret).as_bytes(),
        ] {
            let is_there = form.len() > 16 && haystack.windows(form.len()).any(|window| window == form);
            assert!(!is_there, "a secret is in the log or in the store");
        }
    }
    world.gatehouse.stop().await;
}
