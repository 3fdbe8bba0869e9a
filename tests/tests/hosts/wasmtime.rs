//! `wasmtime serve` has no store that lasts: the same file starts there, and grants nothing.

use gatehouse_tests::{HeldPort, Program, artefact, http, tool};
use tokio::process::Command;

/// The variable with the program.
const WASMTIME: &str = "GATEHOUSE_TEST_WASMTIME";

const DOCUMENT: &str = r#"
[identity_provider]
name = "demo"
issuer = "http://127.0.0.1:1"
client_id = "gatehouse"
[[routes]]
path = "/mcp"
url = "http://127.0.0.1:1/mcp"
[[clients]]
client_id = "public"
client_name = "Public client"
redirect_uris = ["https://client.example/callback"]
"#;

fn is_installed() -> bool {
    let answers = std::process::Command::new(tool(WASMTIME, "wasmtime")).arg("--version").output();
    let is_installed = answers.is_ok_and(|output| output.status.success());
    if !is_installed {
        eprintln!("there is no wasmtime: nothing was tested on it");
    }
    is_installed
}

#[tokio::test(flavor = "multi_thread")]
async fn on_wasmtime_the_artefact_starts_and_fails_closed() {
    if !is_installed() {
        return;
    }
    let port = HeldPort::take().lend();
    let url = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(tool(WASMTIME, "wasmtime"));
    command.args(["serve", "-Scli", "-Sconfig", "-Skeyvalue", "--addr", &format!("127.0.0.1:{port}")]);
    let document = format!("public_url = \"{url}\"\n{DOCUMENT}");
    for (name, value) in [
        // Not compiled: a comma would end the option.
        ("config", document),
        ("server_keys", gatehouse_tests::Gatehouse::SERVER_KEYS.to_owned()),
    ] {
        command.arg(format!("-Sconfig-var={name}={value}"));
    }
    command.arg(artefact("gatehouse-wasmcloud.wasm"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start_with_errors_in("wasmtime", command, &folder.path().join("log"));
    let get = async |path: &str| http().get(format!("{url}{path}")).send().await;
    while get("/healthz").await.is_err() {
        if program.has_ended() {
            panic!("wasmtime ended early:\n{}", program.errors().await);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(get("/healthz").await.expect("an answer").status(), 200);
    let metadata = get("/.well-known/oauth-authorization-server").await.expect("an answer");
    assert_eq!(metadata.status(), 200);
    // What needs the store is refused, and so is every token.
    let ready = get("/readyz").await.expect("an answer");
    assert_eq!(ready.status(), 503, "{}", ready.text().await.unwrap_or_default());
    let register = http().post(format!("{url}/register")).header("content-type", "application/json");
    let registered = register.body(r#"{"redirect_uris":["https://client.example/callback"]}"#).send().await;
    assert!(registered.expect("an answer").status().is_server_error());
    let token = format!("gha_{}", "A".repeat(86));
    let called = http().post(format!("{url}/mcp")).bearer_auth(token).body("{}").send().await.expect("an answer");
    assert!(!called.status().is_success(), "{}", called.status());
}
