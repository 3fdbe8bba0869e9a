//! Headers that tell a server who calls, as a client would write them.

use gatehouse_tests::{AttackSettings, AttackWorld, Person, raw};
use serde_json::{Value, json};

const KEY: &str = include_str!("../../../crates/jose/test-keys/p256.pem");
const FORGED: &str = "admin-forged";

/// Every name that a server may read a caller from, here or at Azure.
const NAMES: [&str; 18] = [
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-ms-client-principal-idp",
    "x-ms-client-principal-roles",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
    "x-ms-token-aad-refresh-token",
    "x-ms-token-aad-expires-on",
    "x-ms-token-google-access-token",
    "x-ms-auth-token",
    "x-ms-auth-internal-user-id",
    "x-gatehouse-assertion",
    "x-gatehouse-subject",
    "x-caller-assertion",
    "x-user-groups",
    "x-who",
    "x-provider-token",
];

/// `/mcp` is told everything, `/other` nothing.
async fn world() -> AttackWorld {
    let mcp_lines = "subject_header = \"x-who\"\nidentity_provider_token_header = \"x-provider-token\"\n\
                     identity_headers = { app_service = true, assertion_header = \"x-caller-assertion\", \
                     claims = { x-user-groups = \"groups\" } }";
    let world = AttackWorld::start_with(AttackSettings {
        top: "caller_assertion_keys = { secret = \"caller_assertion_keys\" }".to_owned(),
        mcp_lines: mcp_lines.to_owned(),
        variables: vec![("caller_assertion_keys".to_owned(), KEY.to_owned())],
        ..AttackSettings::default()
    });
    let world = world.await;
    world.provider().script(|script| script.claims(|claims| claims["groups"] = json!(["staff"])));
    world
}

async fn token(world: &AttackWorld, resource: &str) -> String {
    let alice = Person::new("alice");
    let tokens: Value = world.flow_of(&alice, world.public(), resource).finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// The ways to write a name that some server reads as the same one.
fn spellings(name: &str) -> Vec<String> {
    let mixed = |character: (usize, char)| match character {
        (at, '-') if at % 2 == 0 => '_',
        (at, other) if at % 2 == 0 => other.to_ascii_uppercase(),
        (_, other) => other,
    };
    let last = name.rsplit_once('-').map(|(first, last)| format!("{first}_{last}")).unwrap();
    vec![
        name.to_owned(),
        name.to_ascii_uppercase(),
        name.replace('-', "_"),
        name.to_ascii_uppercase().replace('-', "_"),
        name.char_indices().map(mixed).collect(),
        name.replace('-', "."),
        last,
    ]
}

/// A message with these lines in its head, as bytes: a client library would write the names otherwise.
fn message(path: &str, token: &str, lines: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: gatehouse\r\nauthorization: Bearer {token}\r\n{lines}\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"
    )
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

fn whole(head: &str) -> String {
    format!("{head}content-length: {}\r\n\r\n{PING}", PING.len())
}

/// Nothing of what the server got last is the client's to say.
fn assert_nothing_forged(world: &AttackWorld, path: &str, what: &str) {
    let received = world.upstream.requests().pop().unwrap();
    for (name, value) in &received.headers {
        assert!(!String::from_utf8_lossy(value.as_bytes()).contains(FORGED), "{what} reached {path} as {name}");
    }
    let told =
        |name: &str| received.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    if path == "/mcp" {
        assert_eq!(told("x-ms-client-principal-id"), ["alice"], "{what}");
        assert_eq!(told("x-ms-client-principal-idp"), ["test"], "{what}");
        assert_eq!((told("x-who"), told("x-user-groups")), (vec!["test:alice"], vec![r#"["staff"]"#]), "{what}");
        assert_eq!((told("x-caller-assertion").len(), told("x-provider-token").len()), (1, 1), "{what}");
    } else {
        for name in NAMES {
            assert!(told(name).is_empty(), "{what}: {name} at a server that nobody tells anything");
        }
    }
}

/// oauth2-proxy CVE-2025-64484 and its kin: every spelling of every name, at a route that is told and at one that is not.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_identity_header_reaches_any_server() {
    let world = world().await;
    for path in ["/mcp", "/other"] {
        let token = token(&world, path).await;
        for name in NAMES {
            for spelling in spellings(name) {
                for lines in [
                    format!("{spelling}: {FORGED}\r\nconnection: close\r\n"),
                    format!("{spelling}: a\r\n{spelling}: {FORGED}\r\nconnection: close, {spelling}\r\n"),
                ] {
                    let answer = raw(&world.gatehouse.url, whole(&message(path, &token, &lines)).as_bytes()).await;
                    assert_eq!(answer.status, Some(200), "{spelling}: {}", answer.text);
                    assert_nothing_forged(&world, path, &spelling);
                }
            }
        }
    }
    world.gatehouse.stop().await;
}

/// A header of ours is not dropped because the client calls it hop-by-hop (CVE-2022-1388 and its kin), and none comes behind the
/// body.
#[tokio::test(flavor = "multi_thread")]
async fn neither_connection_nor_a_trailer_changes_who_calls() {
    let world = world().await;
    let token = token(&world, "/mcp").await;
    let all = NAMES.join(", ");
    for connection in [format!("connection: close, {all}\r\n"), format!("connection: {all}\r\nconnection: close\r\n")] {
        let answer = raw(&world.gatehouse.url, whole(&message("/mcp", &token, &connection)).as_bytes()).await;
        assert_eq!(answer.status, Some(200), "{}", answer.text);
        assert_nothing_forged(&world, "/mcp", "connection");
    }
    let before = world.upstream.requests().len();
    let head =
        message("/mcp", &token, &format!("connection: close\r\ntrailer: {all}\r\ntransfer-encoding: chunked\r\n"));
    let trailers: String = NAMES.iter().map(|name| format!("{name}: {FORGED}\r\n")).collect();
    let chunked = format!("{head}\r\n{:x}\r\n{PING}\r\n0\r\n{trailers}\r\n", PING.len());
    let answer = raw(&world.gatehouse.url, chunked.as_bytes()).await;
    if answer.status == Some(200) {
        assert_nothing_forged(&world, "/mcp", "a trailer");
    } else {
        assert_eq!(world.upstream.requests().len(), before, "{}", answer.text);
    }
    // A name that is broken over lines, or has a space before its colon, is no name at all.
    for line in
        [format!("x-ms-client-principal-id : {FORGED}\r\n"), format!("a: b\r\n x-ms-client-principal-id: {FORGED}\r\n")]
    {
        let before = world.upstream.requests().len();
        let lines = format!("{line}connection: close\r\n");
        let answer = raw(&world.gatehouse.url, whole(&message("/mcp", &token, &lines)).as_bytes()).await;
        assert_ne!(answer.status, Some(200), "{line:?}");
        assert_eq!(world.upstream.requests().len(), before, "{line:?}");
    }
    world.gatehouse.stop().await;
}

/// Who calls without a token, or with one of another resource, is told to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_are_no_credentials() {
    let world = world().await;
    let other = token(&world, "/other").await;
    let lines: String = NAMES.iter().map(|name| format!("{name}: {FORGED}\r\n")).collect();
    let (before, store) = (world.upstream.requests().len(), world.store().await);
    let without = whole(&message("/mcp", &other, &format!("{lines}connection: close\r\n")));
    for request in [without.replace(&format!("authorization: Bearer {other}\r\n"), ""), without] {
        assert_eq!(raw(&world.gatehouse.url, request.as_bytes()).await.status, Some(401));
    }
    assert_eq!(world.upstream.requests().len(), before);
    world.assert_unchanged(&store, "forged identities").await;
    world.gatehouse.stop().await;
}
