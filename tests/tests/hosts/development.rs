//! The repository's `.wash/config.yaml` is what `wash dev` serves.

use gatehouse_tests::{Gatehouse, HeldPort, StoreKind, artefact, http, repository, serve_on_wash, wash_is_installed};

const DOCUMENT: &str = r#"
[identity_provider]
name = "demo"
issuer = "http://127.0.0.1:3001"
client_id = "gatehouse"
client_secret = { secret = "identity_provider_secret" }
[[routes]]
path = "/mcp"
url = "http://127.0.0.1:3002/mcp"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn wash_dev_serves_what_the_repositorys_file_says() {
    if !wash_is_installed(StoreKind::Memory) {
        return;
    }
    let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
    let text = std::fs::read_to_string(repository().join(".wash/config.yaml")).expect("the file");
    // Built before, at another port, and without a Redis.
    let built = artefact("gatehouse-wasmcloud.wasm");
    let replaced = [
        ("cargo xtask build", "'true'"),
        ("target/gatehouse-wasmcloud.wasm", built.to_str().expect("UTF-8")),
        ("127.0.0.1:3000", &format!("127.0.0.1:{port}")),
        ("  wasi_keyvalue_redis_url: redis://127.0.0.1:6379\n", ""),
    ];
    let text = replaced.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let write = |path: &str, content: &str| {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder can be written");
        std::fs::write(file, content).expect("the folder can be written");
    };
    write(".wash/config.yaml", &text);
    write(".gatehouse/wash/settings/config", &format!("public_url = \"http://127.0.0.1:{port}\"\n{DOCUMENT}"));
    write(".gatehouse/wash/secrets/server_keys", Gatehouse::SERVER_KEYS);
    write(".gatehouse/wash/secrets/identity_provider_secret", "secret");
    let mut program = serve_on_wash(port, "/healthz", folder.path()).await;
    let get = async |path: &str| http().get(format!("http://127.0.0.1:{port}{path}")).send().await.expect("an answer");
    assert_eq!(get("/healthz").await.status(), 200);
    let metadata = get("/.well-known/oauth-protected-resource/mcp").await.text().await.expect("a body");
    assert!(metadata.contains(&format!("http://127.0.0.1:{port}/mcp")), "{metadata}");
    program.interrupt().await;
}
