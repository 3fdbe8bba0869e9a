//! REST APIs behind routes: their documents become tools, and calls become requests.

use std::fs;

use gatehouse_tests::rest_double::{RestDouble, answer, ask, call, document, json_answer, start};
use gatehouse_tests::{AttackSettings, AttackWorld, HeldPort, HostKind, ScriptedProvider, artefact};
use serde_json::{Value, json};
use tokio::process::Command;

fn names(listing: &Value) -> Vec<&str> {
    let tools = listing["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
}

const ALL: [&str; 5] = ["getOrder", "deleteOrder", "listOrders", "createOrder", "picture"];

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_api_is_served_in_every_version_of_mcp() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, "").await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        if version == "2026-07-28" {
            let (status, answer) = ask(&world, version, "server/discover", json!({})).await;
            assert_eq!(status, 200, "{answer}");
            assert!(answer["result"]["supportedVersions"].as_array().unwrap().contains(&json!(version)), "{answer}");
            assert_eq!(answer["result"]["resultType"], "complete");
        } else {
            let client = json!({ "name": "test", "version": "1" });
            let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": client });
            let (status, answer) = ask(&world, version, "initialize", params).await;
            assert_eq!((status, &answer["result"]["protocolVersion"]), (200, &json!(version)), "{answer}");
            assert_eq!(answer["result"]["serverInfo"], json!({ "name": "Orders", "version": "7" }));
        }
        let (status, listing) = ask(&world, version, "tools/list", json!({})).await;
        assert_eq!(status, 200, "{listing}");
        let mut listed = names(&listing);
        listed.sort_unstable();
        let mut expected = ALL.to_vec();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{version}");
        let tool = &listing["result"]["tools"][listing["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .position(|tool| tool["name"] == "getOrder")
            .unwrap()];
        assert_eq!(tool.get("annotations").is_some(), version >= "2025-03-26", "{version}");
        assert_eq!(tool.get("outputSchema").is_some(), version >= "2025-06-18", "{version}");
        assert!(tool["inputSchema"]["properties"].get("Authorization").is_none(), "{tool}");
        let params = json!({ "name": "getOrder", "arguments": { "id": "a b" } });
        let (status, answer) = ask(&world, version, "tools/call", params).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["result"].get("structuredContent").is_some(), version >= "2025-06-18", "{version}");
        let text: Value = serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["path"], "/v1/orders/a%20b");
    }
    assert_eq!((api.fetches(), api.calls().len()), (1, 5), "the document is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_becomes_the_request_that_the_document_describes() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, "secret_headers = { \"x-api-key\" = { secret = \"api_key\" } }").await;
    let arguments = json!({ "id": "ü/1", "fields": ["a", "b&c"], "filter": { "state": "open" }, "X-Region": "eu" });
    let result = call(&world, "getOrder", arguments).await;
    assert_eq!(result["isError"], Value::Null, "{result}");
    let arguments = json!({ "body": { "item": "x", "count": 12345678901234567890_u64 } });
    let created = call(&world, "createOrder", arguments).await;
    assert_eq!(created["structuredContent"]["body"], r#"{"count":12345678901234567890,"item":"x"}"#);
    let calls = api.calls();
    let [got, posted] = calls.as_slice() else { panic!("two calls: {calls:?}") };
    assert_eq!((got.method.as_str(), got.path.as_str()), ("GET", "/v1/orders/%C3%BC%2F1"));
    assert_eq!(got.query, "fields=a&fields=b%26c&filter%5Bstate%5D=open");
    assert_eq!((got.header("x-region"), got.header("x-api-key")), ("eu", "the-key-of-the-api"));
    assert_eq!((posted.method.as_str(), posted.path.as_str()), ("POST", "/v1/orders"));
    assert_eq!(posted.header("content-type"), "application/json");
    for name in ["mcp-protocol-version", "mcp-method", "cookie", "authorization"] {
        assert_eq!(got.header(name), "", "{name}");
    }
    assert!(got.header("traceparent").len() > 50 && !got.header("x-request-id").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_answers_becomes_the_result_of_the_tool() {
    let api = RestDouble::start(&document()).await;
    let world = start(&api, "").await;
    api.answer_with(|received| {
        Some(match (received.method.as_str(), received.path.as_str()) {
            ("DELETE", _) => answer(204, "text/plain", Vec::new()),
            ("GET", "/v1/picture") => answer(200, "image/png", vec![0x89, b'P', 0, 255]),
            ("POST", _) => json_answer(422, &json!({ "error": "item is unknown" })),
            ("GET", "/v1/orders/large") => answer(200, "application/json", vec![b'1'; 3 << 20]),
            ("GET", "/v1/orders/bytes") => answer(200, "application/zip", vec![0, 1, 2]),
            ("GET", "/v1/orders/text") => answer(200, "text/plain; charset=utf-8", b"hello".to_vec()),
            ("GET", "/v1/orders/late") => answer(503, "text/html", vec![b'x'; 100_000]),
            ("GET", "/v1/orders") => {
                let mut page = json_answer(200, &json!([{ "item": "a" }]));
                let link = "<https://elsewhere.example/v1/orders?page=3&secret=x>; rel=\"next\", </v1/orders?page=1>; rel=\"prev\"";
                page.headers_mut().insert("link", link.parse().unwrap());
                page
            }
            _ => return None,
        })
    });
    let gone = call(&world, "deleteOrder", json!({ "id": "1" })).await;
    assert_eq!(gone["content"], json!([{ "type": "text", "text": "HTTP 204 No Content" }]));
    let picture = call(&world, "picture", json!({})).await;
    assert_eq!(picture["content"], json!([{ "type": "image", "data": "iVAA/w==", "mimeType": "image/png" }]));
    let refused = call(&world, "createOrder", json!({ "body": { "item": "x" } })).await;
    assert_eq!(refused["isError"], true);
    let text = refused["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "HTTP 422 Unprocessable Entity\n\n{\"error\":\"item is unknown\"}");
    let large = call(&world, "getOrder", json!({ "id": "large" })).await;
    assert!(large["isError"] == true && large["content"][0]["text"].as_str().unwrap().contains("larger"), "{large}");
    let bytes = call(&world, "getOrder", json!({ "id": "bytes" })).await;
    let resource = json!({ "uri": "rest:getOrder", "mimeType": "application/zip", "blob": "AAEC" });
    assert_eq!(bytes["content"][0]["resource"], resource);
    assert_eq!(bytes["structuredContent"], json!({}), "a tool with an output schema has structured content");
    let plain = call(&world, "getOrder", json!({ "id": "text" })).await;
    assert_eq!(plain["content"][0]["text"], "hello");
    let late = call(&world, "getOrder", json!({ "id": "late" })).await;
    assert_eq!(late["isError"], true);
    assert!(late["content"][0]["text"].as_str().unwrap().len() < 10_000, "an error is bounded");
    let page = call(&world, "listOrders", json!({})).await;
    assert_eq!(page["structuredContent"], json!({ "result": [{ "item": "a" }] }));
    let hint = page["content"][1]["text"].as_str().unwrap();
    assert!(hint.ends_with("{\"page\":3}") && !hint.contains("elsewhere"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_chosen_and_names_are_the_documents_own() {
    let api = RestDouble::start(&document()).await;
    let world =
        start(&api, "openapi_operations = [\"tag:orders\", \"!DELETE *\"]\nopenapi_output_schemas = false").await;
    let (_, listing) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
    let mut listed = names(&listing);
    listed.sort_unstable();
    assert_eq!(listed, ["createOrder", "getOrder", "listOrders"]);
    assert!(listing["result"]["tools"].as_array().unwrap().iter().all(|tool| tool.get("outputSchema").is_none()));
    let (status, answer) =
        ask(&world, "2025-11-25", "tools/call", json!({ "name": "deleteOrder", "arguments": { "id": "1" } })).await;
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-32602)), "{answer}");
    assert_eq!(api.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_rates_and_validation_apply_to_a_rest_api_as_to_a_server() {
    let api = RestDouble::start(&document()).await;
    let lines = r#"validate_arguments = true
rates = [{ per = "tool", tools = ["createOrder"], requests = 2, seconds = 600 }]
policy = [{ name = "read", tools = ["getOrder", "listOrders", "createOrder"] }]"#;
    let world = start(&api, lines).await;
    let (_, listing) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
    assert_eq!(names(&listing).len(), 3, "the listing has what the policy allows: {listing}");
    let (_, denied) =
        ask(&world, "2025-11-25", "tools/call", json!({ "name": "deleteOrder", "arguments": { "id": "1" } })).await;
    assert!(denied.get("error").is_some(), "{denied}");
    let wrong = call(&world, "createOrder", json!({ "body": { "item": "x", "count": "many" } })).await;
    assert_eq!(wrong["isError"], true, "{wrong}");
    assert_eq!(api.calls().len(), 0, "nothing that is refused reaches the API");
    let right = call(&world, "createOrder", json!({ "body": { "item": null, "count": 1 } })).await;
    assert_eq!(right["isError"], Value::Null, "{right}");
    assert_eq!(api.calls().len(), 1);
    let params = json!({ "name": "createOrder", "arguments": { "body": { "item": "y" } } });
    let (status, limited) = ask(&world, "2025-11-25", "tools/call", params).await;
    assert_eq!((status, api.calls().len()), (429, 1), "{limited}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_apis_and_their_likes_are_members_of_a_federation() {
    let (api, other) = (RestDouble::start(&document()).await, RestDouble::start(&document()).await);
    let (one, two) = (api.origin().to_owned(), other.origin().to_owned());
    let members = format!(
        "[[routes]]\npath = \"/mcp\"\nunauthenticated = \"allow\"\n[[routes.members]]\nprefix = \"a\"\nurl = \"{one}/v1\"\nopenapi = \"{one}/openapi.json\"\n\
         [[routes.members]]\nprefix = \"b\"\nurl = \"{two}/v2\"\nopenapi = \"{one}/openapi.json\"\nopenapi_operations = [\"getOrder\"]"
    );
    let world = AttackWorld::start_with(AttackSettings {
        document: Some(format!("public_url = \"{{public_url}}\"\n{{provider}}\n{members}\n")),
        upstream_origin: Some("http://127.0.0.1:*".to_owned()),
        ..AttackSettings::default()
    })
    .await;
    for version in ["2025-11-25", "2026-07-28"] {
        let (_, listing) = ask(&world, version, "tools/list", json!({})).await;
        let listed = names(&listing);
        assert_eq!(listed.len(), ALL.len() + 1, "{listed:?}");
        assert!(listed.contains(&"a_deleteOrder") && listed.contains(&"b_getOrder"), "{listed:?}");
        let (_, answer) =
            ask(&world, version, "tools/call", json!({ "name": "b_getOrder", "arguments": { "id": "1" } })).await;
        assert_eq!(answer["result"]["structuredContent"]["path"], "/v2/orders/1", "{answer}");
    }
    assert_eq!((api.calls().len(), other.calls().len(), other.fetches()), (0, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_kept_and_what_is_stale_is_used_where_it_cannot_be_had() {
    let api = RestDouble::start(&document()).await;
    let mut kept = json_answer(200, &document());
    kept.headers_mut().insert("cache-control", "max-age=600".parse().unwrap());
    api.set_document(kept);
    let world = start(&api, "").await;
    let list = async || names(&ask(&world, "2025-11-25", "tools/list", json!({})).await.1).len();
    assert_eq!((list().await, list().await, api.fetches()), (5, 5, 1));
    let mut smaller = document();
    smaller["paths"].as_object_mut().unwrap().remove("/picture");
    api.set_document(json_answer(200, &smaller));
    assert_eq!((list().await, api.fetches()), (5, 1), "it is fresh for ten minutes");
    world.gatehouse.clock.advance(601);
    assert_eq!((list().await, api.fetches()), (4, 2), "and then fetched anew");
    api.set_document(answer(500, "text/plain", b"no".to_vec()));
    world.gatehouse.clock.advance(3601);
    assert_eq!((list().await, list().await, api.fetches()), (4, 4, 3), "what is stale is used, and few ask");
    let said = call(&world, "getOrder", json!({ "id": "1" })).await;
    assert_eq!(said["structuredContent"]["path"], "/v1/orders/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_had_is_told_as_a_server_that_cannot_be_reached() {
    // More than is read of a document.
    let too_large = answer(200, "application/json", vec![b' '; 17 * 1024 * 1024]);
    let swagger = json_answer(200, &json!({ "swagger": "2.0", "paths": {} }));
    for (document, reason) in [(swagger, "Swagger 2.0"), (too_large, "the OpenAPI document cannot be fetched")] {
        let api = RestDouble::start(&json!({})).await;
        api.set_document(document);
        let world = start(&api, "").await;
        let before = world.store().await;
        for _ in 0..4 {
            let (status, answer) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
            assert_eq!((status, answer["result"].is_null()), (502, true), "{answer}");
            assert!(!answer.to_string().contains(&reason[1..]), "the log alone says why: {answer}");
        }
        // Three in half a minute, which may end meanwhile.
        assert!(api.fetches() <= 4, "{}", api.fetches());
        world.assert_only_changed(&before, &["rest-api-fetch"], reason).await;
        let log = world.gatehouse.log.lines().join("\n");
        assert!(log.contains(reason), "{log}");
        world.gatehouse.stop().await;
    }
}

/// `openapi = "@FILE"`: the tools are a part of the configuration, as `gatehouse check --compile` writes it and `gatehouse up` makes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_in_a_file_is_compiled_into_the_configuration_and_is_not_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let [file, text, compiled] =
        ["orders.json", "gatehouse.toml", "gatehouse.compiled"].map(|it| folder.path().join(it));
    for host in [HostKind::Embedded, HostKind::EmbeddedProcess] {
        let api = RestDouble::start(&json!({})).await;
        let (held, provider) = (HeldPort::take(), ScriptedProvider::start("test").await);
        fs::write(&file, document().to_string()).expect("the folder can be written");
        let (port, origin, sign_in) = (held.number(), api.origin(), provider.configuration());
        let written = format!(
            "public_url = \"http://127.0.0.1:{port}\"\n[identity_provider]\n{sign_in}\n[[routes]]\npath = \"/mcp\"\nurl = \"{origin}/v1\"\n\
             openapi = \"@{}\"\nopenapi_operations = [\"!tag:files\"]\nunauthenticated = \"allow\"\n",
            file.display()
        );
        fs::write(&text, &written).expect("the folder can be written");
        let document = if host == HostKind::Embedded {
            let mut check = Command::new(artefact("debug/gatehouse"));
            check.arg("check").arg(&text).args(["--compile", "--output"]).arg(&compiled);
            let output = check.output().await.expect("the program starts");
            assert!(output.status.success(), "{output:?}");
            fs::read_to_string(&compiled).expect("the compiled form")
        } else {
            written
        };
        let world = AttackWorld::start_at(
            held,
            AttackSettings {
                document: Some(document),
                providers: vec![provider],
                upstream_origin: Some(origin.to_owned()),
                host: Some(host),
                ..AttackSettings::default()
            },
        )
        .await;
        // Whatever becomes of the file.
        fs::remove_file(&file).expect("the folder can be written");
        for version in ["2025-11-25", "2026-07-28"] {
            let (status, listing) = ask(&world, version, "tools/list", json!({})).await;
            assert_eq!(status, 200, "{host:?}: {listing}");
            let mut listed = names(&listing);
            listed.sort_unstable();
            assert_eq!(listed, ["createOrder", "deleteOrder", "getOrder", "listOrders"], "{host:?} {version}");
        }
        let called = call(&world, "getOrder", json!({ "id": "a b", "fields": ["item", "count"] })).await;
        assert_eq!(called["isError"], Value::Null, "{called}");
        let calls = api.calls();
        assert_eq!((calls.len(), calls[0].path.as_str(), api.fetches()), (1, "/v1/orders/a%20b", 0), "{host:?}");
        world.gatehouse.stop().await;
    }
}

/// Without what `gatehouse check --compile` or `gatehouse up` adds, there are no tools, and the log says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_in_a_file_that_was_not_compiled_in_is_told_as_a_server_that_cannot_be_reached() {
    let api = RestDouble::start(&document()).await;
    let origin = api.origin();
    let world = AttackWorld::start_with(AttackSettings {
        document: Some(format!(
            "public_url = \"{{public_url}}\"\n{{provider}}\n[[routes]]\npath = \"/mcp\"\nurl = \"{origin}/v1\"\nopenapi = \"@orders.json\"\n\
             unauthenticated = \"allow\"\n"
        )),
        upstream_origin: Some(origin.to_owned()),
        ..AttackSettings::default()
    })
    .await;
    let (status, answer) = ask(&world, "2025-11-25", "tools/list", json!({})).await;
    assert_eq!((status, answer["result"].is_null()), (502, true), "{answer}");
    assert!(!answer.to_string().contains("compile"), "the log alone says why: {answer}");
    let log = world.gatehouse.log.lines().join("\n");
    assert!(log.contains("compile it with gatehouse check --compile"), "{log}");
    assert_eq!((api.calls().len(), api.fetches()), (0, 0));
    world.gatehouse.stop().await;
}
