//! Programs of others with a REST API and an OpenAPI document, in their default settings: the official SDKs list and call their operations.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use gatehouse_tests::{AttackSettings, AttackWorld, HeldPort, Program, artefact, repository, serve, tool};
use http::Response;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::servers::running::Running;

/// `alice:correct horse`.
const BASIC: &str = "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==";
const SDKS: [(&str, &str); 2] = [("legacy", "2025-11-25"), ("modern", "2026-07-28")];

/// The interpreter that has the programs.
fn interpreter() -> PathBuf {
    PathBuf::from(tool("GATEHOUSE_TEST_WORLD_REST_PYTHON", &artefact("world-rest/bin/python").to_string_lossy()))
}

/// Gatehouse before the API, with these lines in the route's table.
async fn world(lines: &str, variables: &[(&str, &str)]) -> AttackWorld {
    AttackWorld::start_with(AttackSettings {
        document: Some(format!(
            "public_url = \"{{public_url}}\"\n{{provider}}\n[[routes]]\npath = \"/mcp\"\nunauthenticated = \"allow\"\n{lines}\n"
        )),
        upstream_origin: Some("http://127.0.0.1:*".to_owned()),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..AttackSettings::default()
    })
    .await
}

/// What a client of this SDK has seen.
async fn seen(world: &AttackWorld, (sdk, version): (&str, &str), calls: &Value) -> (Vec<String>, Vec<Value>) {
    let arguments = [world.url("/mcp"), "--sdk".to_owned(), sdk.to_owned(), "--calls".to_owned(), calls.to_string()];
    let mut client = Program::client("rest-calls.mjs", &arguments.each_ref().map(String::as_str));
    let report = client.json().await;
    client.finish().await;
    assert_eq!(report["version"], version);
    let tools = report["tools"].as_array().expect("tools").iter().map(|name| name.as_str().expect("a name").to_owned());
    (tools.collect(), report["results"].as_array().expect("results").clone())
}

/// What is in a folder.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// rclone, with the document that is published for it (npm, `rclone-openapi`), behind its own authentication: the gateway has the password.
#[tokio::test(flavor = "multi_thread")]
async fn rclone_moves_files_for_the_clients_of_its_route() {
    let (folder, port) = (TempDir::new().expect("a folder"), HeldPort::take().lend());
    let files = folder.path().join("files");
    std::fs::create_dir_all(files.join("notes")).expect("a folder");
    std::fs::write(files.join("notes/a.txt"), "twelve bytes").expect("a file");
    let origin = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(interpreter().with_file_name("rclone"));
    command.args([
        "rcd",
        "--rc-addr",
        &format!("127.0.0.1:{port}"),
        "--rc-user",
        "alice",
        "--rc-pass",
        "correct horse",
    ]);
    command.arg("--config").arg(folder.path().join("rclone.conf")).stdin(Stdio::null());
    let mut rclone = Running::of("rclone", origin.clone(), command, TempDir::new().expect("a folder"));
    rclone.listens().await;
    let document = repository().join("tests/clients/node_modules/rclone-openapi/openapi.json");
    let document = std::fs::read_to_string(document).expect("the document");
    let documents = serve(move |_| {
        let answer = Response::builder().header("content-type", "application/json").body(Bytes::from(document.clone()));
        async move { answer.ok() }
    })
    .await;
    let lines = format!(
        "url = \"{origin}\"\nopenapi = \"{documents}/openapi.json\"\nsecret_headers = {{ authorization = {{ secret = \"rclone\" }} }}"
    );
    let world = world(&lines, &[("rclone", BASIC)]).await;
    let place = files.display().to_string();
    for sdk in SDKS {
        let made = format!("made-by-{}", sdk.0);
        let calls = json!([
            { "name": "coreVersion", "arguments": {} },
            { "name": "operationsList", "arguments": { "fs": place, "remote": "notes" } },
            { "name": "operationsMkdir", "arguments": { "fs": place, "remote": made } },
            { "name": "operationsCopyfile", "arguments": { "srcFs": place, "srcRemote": "notes/a.txt", "dstFs": place, "dstRemote": format!("{made}/b.txt") } },
            { "name": "operationsList", "arguments": { "fs": place, "remote": "nowhere" } },
        ]);
        let (tools, results) = seen(&world, sdk, &calls).await;
        assert_eq!(tools.len(), 101, "{sdk:?}");
        let [version, listed, mkdir, copied, failed] = results.as_slice() else { panic!("{results:?}") };
        assert_eq!(version["structuredContent"]["version"], "v1.75.2", "{version}");
        let file = &listed["structuredContent"]["list"][0];
        assert_eq!(
            (&file["Path"], &file["Size"], &file["IsDir"]),
            (&json!("notes/a.txt"), &json!(12), &json!(false)),
            "{listed}"
        );
        assert!(mkdir["isError"] != true && copied["isError"] != true, "{mkdir} {copied}");
        assert_eq!(names_in(&files.join(&made)), ["b.txt"]);
        assert_eq!(failed["isError"], true, "{failed}");
        assert!(failed["content"][0]["text"].as_str().expect("a text").contains("directory not found"), "{failed}");
    }
    // Without the password nothing happens there, and the client is not asked for one.
    let without =
        self::world(&lines.replace("authorization = { secret", "x-nothing = { secret"), &[("rclone", BASIC)]).await;
    let calls = json!([]);
    let (tools, _) = seen(&without, SDKS[0], &calls).await;
    assert_eq!(tools.len(), 101);
    assert_eq!(names_in(&files), ["made-by-legacy", "made-by-modern", "notes"]);
    without.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

/// Glances, which publishes its document itself, as applications with FastAPI do.
#[tokio::test(flavor = "multi_thread")]
async fn glances_tells_the_clients_of_its_route_how_the_machine_is() {
    let (folder, port) = (TempDir::new().expect("a folder"), HeldPort::take().lend());
    let origin = format!("http://127.0.0.1:{port}");
    let interpreter = interpreter();
    let mut command = Command::new(&interpreter);
    command.arg(interpreter.with_file_name("glances"));
    command.args(["--webserver", "--bind", "127.0.0.1", "--port", &port.to_string(), "--disable-check-update"]);
    command.env("HOME", folder.path()).stdin(Stdio::null());
    let mut glances = Running::of("glances", origin.clone(), command, folder);
    glances.listens().await;
    let lines = format!("url = \"{origin}\"\nopenapi = \"{origin}/openapi.json\"\nopenapi_operations = [\"GET *\"]");
    let world = world(&lines, &[]).await;
    for sdk in SDKS {
        let calls = json!([
            { "name": "api_status_api_4_status_get", "arguments": {} },
            { "name": "api_plugins_api_4_pluginslist_get", "arguments": {} },
            { "name": "api_api_4__plugin__get", "arguments": { "plugin": "mem" } },
            { "name": "api_api_4__plugin__get", "arguments": { "plugin": "no such plugin" } },
        ]);
        let (tools, results) = seen(&world, sdk, &calls).await;
        assert_eq!(tools.len(), 30, "{tools:?}");
        let [status, plugins, memory, unknown] = results.as_slice() else { panic!("{results:?}") };
        assert!(status["content"][0]["text"].as_str().expect("a text").contains("4.5.8"), "{status}");
        assert!(plugins["content"][0]["text"].as_str().expect("a text").contains("\"mem\""), "{plugins}");
        assert!(memory["content"][0]["text"].as_str().expect("a text").contains("\"total\""), "{memory}");
        assert_eq!(unknown["isError"], true, "{unknown}");
    }
    world.gatehouse.stop().await;
}
