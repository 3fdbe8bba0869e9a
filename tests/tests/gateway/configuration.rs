//! The configuration, as a document and compiled: it means the same, and what is not whole serves nothing.

use gatehouse_tests::{AttackSettings, AttackWorld};
use serde_json::json;

use crate::echoing_upstream::EchoingUpstream;
use crate::isolation::User;
use crate::mcp::send;

const PATH: &str = "/second";

/// Three routes; a policy at the first two.
async fn world(upstream: &EchoingUpstream) -> AttackWorld {
    let reading = r#"policy = [{ name = "reading", tools = ["read_*"] }, { name = "none", effect = "deny", tools = ["read_secret"] }]"#;
    let route = |path: &str, policy: &str| {
        format!(
            "[[routes]]\npath = \"{path}\"\nurl = \"{}/mcp\"\nscopes = [\"mcp\"]\nsubject_header = \"x-subject\"\n{policy}\n",
            upstream.origin
        )
    };
    let tables = [route("/first", reading), route(PATH, reading), route("/third", "")].concat();
    let variables = vec![("upstream_origin".to_owned(), upstream.origin.clone())];
    AttackWorld::start_with(AttackSettings { tables, variables, ..AttackSettings::default() }).await
}

async fn call(user: &User, tool: &str) -> (u16, String) {
    let answer = send(user.stateless("tools/call", json!({ "name": tool, "arguments": {} }))).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_document_and_its_compiled_form_serve_alike() {
    let upstream = EchoingUpstream::start().await;
    let world = world(&upstream).await;
    let as_written = world.beside_adjusted(&[], |options| options.variables.prepared.clear()).await;
    let compiled = gatehouse_configuration::compile(world.gatehouse.variable("config")).unwrap();
    let by_hand = |options: &mut gatehouse_host::Options| options.variables.prepared.clear();
    let by_hand = world.beside_adjusted(&[("config", &compiled)], by_hand).await;
    let alice = User::sign_in(&world, PATH, "alice").await;
    for instance in [&world, &as_written, &by_hand] {
        let user = alice.at(instance, PATH);
        let (status, body) = call(&user, "read_file").await;
        assert!(status == 200 && body.contains("test:alice"), "{status} {body}");
        for denied in ["read_secret", "write_file"] {
            let (_, body) = call(&user, denied).await;
            assert!(body.contains("\"error\""), "{denied}: {body}");
        }
        let (status, _) = call(&alice.at(instance, "/third"), "read_file").await;
        assert_eq!(status, 401, "the token is for another route");
        let documents = ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/second"];
        for path in documents {
            let document = instance.get(path).await;
            assert_eq!((document.status, &document.body), (200, &world.get(path).await.body), "{path}");
        }
        for (path, status) in [("/healthz", 200), ("/fourth", 404), ("/.well-known/oauth-protected-resource/x", 404)] {
            assert_eq!(instance.get(path).await.status, status, "{path}");
        }
    }
}

#[tokio::test]
async fn a_compiled_form_that_is_not_whole_serves_nothing_and_the_log_says_why() {
    let upstream = EchoingUpstream::start().await;
    let world = world(&upstream).await;
    let alice = User::sign_in(&world, PATH, "alice").await;
    let compiled = gatehouse_configuration::compile(world.gatehouse.variable("config")).unwrap();
    let start = async |damaged: &str| {
        world.beside_adjusted(&[("config", damaged)], |options| options.variables.prepared.clear()).await
    };
    let cut = compiled.trim_end().strip_suffix('}').unwrap();
    let instance = start(cut).await;
    assert_eq!(call(&alice.at(&instance, PATH), "read_file").await.0, 503);
    for path in ["/healthz", "/readyz", "/.well-known/oauth-authorization-server", "/token", "/first"] {
        let status = instance.get(path).await.status;
        assert!(status == 503 || (path == "/token" && status == 405), "{path}: {status}");
    }
    instance.gatehouse.log.wait_for(|line| line.contains("bytes instead of")).await;

    // One of two routes was edited by hand, in what its rules say: the other one is whole.
    let place = compiled.rfind("read_").unwrap();
    let edited = format!("{}{}", &compiled[..place], compiled[place..].replacen("read_", "Read_", 1));
    let instance = start(&edited).await;
    assert_eq!(call(&alice.at(&instance, PATH), "read_file").await.0, 503);
    assert_eq!(call(&alice.at(&instance, "/first"), "read_file").await.0, 401, "it is asked for its own token");
    instance.gatehouse.log.wait_for(|line| line.contains("/second") && line.contains("is damaged")).await;
}
