//! REST APIs behind routes: documents, arguments and answers that attack.

use gatehouse_tests::rest_double::{RestDouble, answer, ask, call, document, json_answer, start, start_with_query};
use gatehouse_tests::serve;
use serde_json::{Value, json};

const SECRET: &str = "secret_headers = { authorization = { secret = \"api_key\" } }";

/// A site that must not be reached; whether it was.
async fn forbidden() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let reached = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let count = std::sync::Arc::clone(&reached);
    let origin = serve(move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async { Some(json_answer(200, &json!({ "inside": true }))) }
    });
    (origin.await, reached)
}

fn has_been_reached(reached: &std::sync::atomic::AtomicUsize) -> bool {
    reached.load(std::sync::atomic::Ordering::SeqCst) > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_of_a_document_and_no_reference_is_ever_asked() {
    let (inside, reached) = forbidden().await;
    let mut hostile = document();
    hostile["servers"] = json!([{ "url": inside }, { "url": "//evil.example" }]);
    for operation in ["get", "delete"] {
        hostile["paths"]["/orders/{id}"][operation]["servers"] = json!([{ "url": inside }]);
    }
    hostile["paths"]["/orders/{id}"]["servers"] = json!([{ "url": inside }]);
    hostile["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"] =
        json!({ "$ref": format!("{inside}/schema.json") });
    hostile["paths"]["/elsewhere"] = json!({ "$ref": format!("{inside}/path.json") });
    hostile["paths"]["/shared"] = json!({ "get": { "operationId": "shared", "parameters": [{ "$ref": format!("{inside}/p.json") }], "responses": {} } });
    hostile["paths"]["//evil.example/x"] = json!({ "get": { "operationId": "slashes", "responses": {} } });
    hostile["paths"]["@evil.example/x"] = json!({ "get": { "operationId": "at", "responses": {} } });
    hostile["paths"]["/../../admin"] = json!({ "get": { "operationId": "dots", "responses": {} } });
    let api = RestDouble::start(&hostile).await;
    let world = start(&api, SECRET).await;
    let (_, listing) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
    let names: Vec<_> =
        listing["result"]["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].clone()).collect();
    for left_out in ["shared", "slashes", "at", "dots"] {
        assert!(!names.contains(&json!(left_out)), "{names:?}");
    }
    for (tool, arguments) in [
        ("getOrder", json!({ "id": "1" })),
        ("deleteOrder", json!({ "id": "1" })),
        ("createOrder", json!({ "body": {} })),
    ] {
        let result = call(&world, tool, arguments).await;
        assert!(
            result["structuredContent"]["path"].as_str().is_none_or(|path| path.starts_with("/v1/orders")),
            "{result}"
        );
    }
    assert_eq!(api.calls().len(), 3);
    assert!(!has_been_reached(&reached), "somebody else was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_of_a_document_and_of_an_api_are_not_followed() {
    let (inside, reached) = forbidden().await;
    let api = RestDouble::start(&document()).await;
    let redirect = |status: u16, to: &str| {
        let mut response = answer(status, "text/html", b"<a>moved</a>".to_vec());
        response.headers_mut().insert("location", to.parse().expect("a header"));
        response
    };
    api.set_document(redirect(302, &format!("{inside}/openapi.json")));
    let world = start(&api, SECRET).await;
    let before = world.store().await;
    let (status, _) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
    assert_eq!(status, 502);
    world.assert_only_changed(&before, &["rest-api-fetch"], "a redirect").await;
    api.set_document(json_answer(200, &document()));
    let to = inside.clone();
    api.answer_with(move |received| {
        let status = if received.method == "POST" { 307 } else { 302 };
        Some(redirect(status, &to))
    });
    world.gatehouse.clock.advance(61);
    for (tool, arguments) in [("getOrder", json!({ "id": "1" })), ("createOrder", json!({ "body": {} }))] {
        let result = call(&world, tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(!result.to_string().contains(&inside), "{result}");
    }
    assert!(!has_been_reached(&reached), "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_argument_leads_to_another_path_host_or_header() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, SECRET).await;
    call(&world, "getOrder", json!({ "id": "first" })).await;
    let before = world.store().await;
    for id in [
        "..",
        ".",
        "../admin",
        "..%2fadmin",
        "%2e%2e/admin",
        "..\\admin",
        "..;/admin",
        "a/../../b",
        "a\r\nHost: evil.example",
        "a\0b",
        "\n",
        "",
    ] {
        let result = call(&world, "getOrder", json!({ "id": id })).await;
        assert_eq!(result["isError"], true, "{id:?}: {result}");
    }
    for value in ["eu\r\nAuthorization: Bearer evil", "eu\nX-Api-Key: evil", "eu\0"] {
        let result = call(&world, "getOrder", json!({ "id": "1", "X-Region": value })).await;
        assert_eq!(result["isError"], true, "{value:?}: {result}");
    }
    for name in
        ["Authorization", "authorization", "Host", "Cookie", "x-forwarded-for", "Content-Length", "url", "servers"]
    {
        let result = call(&world, "getOrder", json!({ "id": "1", name: "evil" })).await;
        assert_eq!(result["isError"], true, "{name}: {result}");
    }
    assert_eq!(api.calls().len(), 1, "nothing that is refused reaches the API");
    for id in ["//evil.example", "http://evil.example/", "@evil.example", "?a=b", "#a", "a&b=c", "%2f", "{id}"] {
        let result = call(&world, "getOrder", json!({ "id": id, "fields": ["x&admin=1#", "y"] })).await;
        assert_eq!(result["isError"], Value::Null, "{id:?}: {result}");
    }
    for received in api.calls().iter().skip(1) {
        assert!(
            received.path.starts_with("/v1/orders/") && received.path.matches('/').count() == 3,
            "{}",
            received.path
        );
        assert_eq!(received.query, "fields=x%26admin%3D1%23&fields=y");
        assert_eq!(received.header("authorization"), "the-key-of-the-api");
        assert_eq!(format!("http://{}", received.header("host")), api.origin());
    }
    world.assert_unchanged(&before, "arguments that attack").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_huge_deep_or_circular_cost_little_and_leave_nothing() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, "").await;
    let before = world.store().await;
    let deep = format!("{{\"openapi\":\"3.0.0\",\"paths\":{}1{}}}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    let bomb = (1..12).fold("openapi: 3.0.0\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, level| {
        format!("{text}a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","))
    });
    let huge = format!("{{\"openapi\":\"3.0.0\",\"x\":\"{}\"}}", "a".repeat(17 << 20));
    for (what, media_type, body) in [
        ("deep", "application/json", deep.into_bytes()),
        ("a bomb", "application/yaml", bomb.into_bytes()),
        ("huge", "application/json", huge.into_bytes()),
        ("no text", "application/json", vec![0xff; 1000]),
        ("a page", "text/html", b"<html></html>".to_vec()),
    ] {
        api.set_document(answer(200, media_type, body));
        world.gatehouse.clock.advance(61);
        let (status, told) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
        assert_eq!((status, told["result"].is_null()), (502, true), "{what}: {told}");
        world.assert_only_changed(&before, &["rest-api-fetch"], what).await;
    }
    // Each schema has twenty of the next one, and the last has the first.
    let schemas: serde_json::Map<_, _> = (0..20)
        .map(|level| {
            let next = json!({ "$ref": format!("#/components/schemas/S{}", (level + 1) % 20) });
            let properties: serde_json::Map<_, _> =
                (0..20).map(|number| (format!("p{number}"), next.clone())).collect();
            (format!("S{level}"), json!({ "type": "object", "properties": properties }))
        })
        .collect();
    let mut circular = document();
    circular["components"]["schemas"] = Value::Object(schemas);
    circular["components"]["schemas"]["Order"] = json!({ "$ref": "#/components/schemas/S0" });
    api.set_document(json_answer(200, &circular));
    world.gatehouse.clock.advance(61);
    let (status, listing) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
    assert_eq!(status, 200);
    assert!(listing.to_string().len() < 200_000, "{}", listing.to_string().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_repeats_its_credentials_gives_them_to_nobody() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, SECRET).await;
    api.answer_with(|received| {
        let told = received.header("authorization").to_owned();
        Some(match received.method.as_str() {
            "DELETE" => answer(500, "text/plain", format!("debug: {told}").into_bytes()),
            "POST" => answer(200, "application/octet-stream", told.into_bytes()),
            _ => json_answer(200, &json!({ "headers": { "authorization": told } })),
        })
    });
    for (tool, arguments) in [
        ("getOrder", json!({ "id": "1" })),
        ("deleteOrder", json!({ "id": "1" })),
        ("createOrder", json!({ "body": {} })),
    ] {
        let result = call(&world, tool, arguments).await.to_string();
        assert!(!result.contains("the-key-of-the-api") && !result.contains("dGhlLWtleS1vZi10aGUtYXBp"), "{result}");
    }
    assert_eq!(api.calls().len(), 3);
    assert!(api.calls().iter().all(|received| received.header("authorization") == "the-key-of-the-api"));
    assert!(!world.gatehouse.log.lines().join("\n").contains("the-key-of-the-api"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_repeats_the_operators_query_tells_nobody_its_values() {
    let api = RestDouble::start(&document()).await;
    let world = start_with_query(&api, "code=the%2Fkey-in-the-query&v=7").await;
    api.answer_with(|received| {
        let query = &received.query;
        let meant = "the/key-in-the-query";
        Some(json_answer(200, &json!({ "written": query, "meant": meant, "version": "7" })))
    });
    let result = call(&world, "getOrder", json!({ "id": "1", "fields": ["x"] })).await;
    let expected = json!({ "written": "code=[removed]&v=7&fields=x", "meant": "[removed]", "version": "7" });
    assert_eq!(result["structuredContent"], expected, "{result}");
    assert!(!result.to_string().contains("key-in-the-query"), "{result}");
    assert_eq!(api.calls()[0].query, "code=the%2Fkey-in-the-query&v=7&fields=x");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_to_the_store_has_no_call_made_that_the_document_does_not_have() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, SECRET).await;
    call(&world, "getOrder", json!({ "id": "1" })).await;
    let kept: Vec<_> = world.store().await.into_iter().filter(|(name, _)| name.starts_with("rest-api.")).collect();
    assert!(kept.len() >= 3, "an index, a list and a piece: {kept:?}");
    for (name, value) in &kept {
        let clear = String::from_utf8_lossy(value);
        assert!(!clear.contains("getOrder") && !clear.contains("/orders"), "{name} is sealed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_makes_no_request_to_an_api() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, SECRET).await;
    call(&world, "getOrder", json!({ "id": "1" })).await;
    let before = world.store().await;
    let message = |id: usize| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "getOrder", "arguments": { "id": "1" } } });
    let batch = Value::Array((0..50).map(message).collect());
    let request = world.mcp_request("/mcp").header("mcp-protocol-version", "2025-03-26").body(batch.to_string());
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 400);
    let told: Value = serde_json::from_str(&response.text().await.expect("a text")).expect("JSON");
    let answers = told.as_array().expect("an answer to each");
    assert!(answers.len() == 50 && answers.iter().all(|answer| answer["error"]["code"] == -32600), "{told}");
    assert_eq!(api.calls().len(), 1, "the first call alone");
    world.assert_unchanged(&before, "a batch").await;
}
