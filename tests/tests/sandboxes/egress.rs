//! Egress: a shell and Python before nginx, as the operator lets them, and as he does not.

use std::process::Stdio;
use std::time::Duration;

use gatehouse_tests::{HeldPort, StoreKind, is_listened_at, wash_is_installed};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::scene::{Caller, Scene, stdout};

/// nginx with a few files.
struct Nginx {
    origin: String,
    folder: TempDir,
    _process: Child,
}

impl Nginx {
    /// Starts it; `None`, with a word, where it is not installed.
    async fn start() -> Option<Self> {
        let Ok(program) = std::env::var("GATEHOUSE_TEST_NGINX") else {
            eprintln!("skipped: GATEHOUSE_TEST_NGINX does not say where nginx is; `cargo xtask test` does");
            return None;
        };
        let (folder, port) = (tempfile::tempdir().expect("a folder"), HeldPort::take().lend());
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir_all(at("files/folder")).expect("the folder can be written");
        for (name, text) in
            [("files/data.json", "{\"degrees\": [4, 19, 28]}\n"), ("files/folder/index.html", "index\n")]
        {
            std::fs::write(at(name), text).expect("the folder can be written");
        }
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", at(name)))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {};\nerror_log stderr;\nevents {{}}\n\
             http {{ log_format line '$request_method $uri $status $request_length'; access_log {} line;\n{temporary}\
             server {{ listen 127.0.0.1:{port}; root {};\n\
             location /method {{ return 200 \"$request_method $http_x_key $content_type\\n\"; }}\n\
             location /away {{ return 302 http://localhost:{port}/data.json; }} }} }}\n",
            at("pid"),
            at("access"),
            at("files")
        );
        std::fs::write(at("nginx.conf"), configuration).expect("the folder can be written");
        let mut command = Command::new(program);
        if let Ok(libraries) = std::env::var("GATEHOUSE_TEST_PROXY_LIBRARIES") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.arg("-e").arg("stderr").arg("-p").arg(folder.path()).arg("-c").arg(at("nginx.conf"));
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().expect("nginx starts");
        while !is_listened_at(&format!("127.0.0.1:{port}")) {
            tokio::task::yield_now().await;
        }
        Some(Self { origin: format!("http://127.0.0.1:{port}"), folder, _process: process })
    }

    /// The requests that it has answered.
    fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("access")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

fn stderr(result: &Value) -> &str {
    result["structuredContent"]["stderr"].as_str().unwrap_or_else(|| panic!("{result}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_languages_fetch_from_nginx_what_they_may_and_nothing_else() {
    let Some(nginx) = Nginx::start().await else { return };
    let origin = &nginx.origin;
    let settings = format!("[egress]\nhosts = [\"{origin}\"]\nanswer_bytes = 2000\n");
    // The host would let them go elsewhere as well: the settings do not.
    let other = origin.replace("127.0.0.1", "localhost");
    let scene = Scene::start_before(&settings, &[origin, &other]).await;
    let id = scene.launch(Caller::Alice).await;
    let shell = |command: String| {
        let (scene, id) = (&scene, &id);
        async move { scene.shell(Caller::Alice, id, &command).await }
    };
    let fetched = shell(format!("curl -sSfO {origin}/data.json && jq -c .degrees data.json")).await;
    assert_eq!(stdout(&fetched), "[4,19,28]\n");
    let said = shell(format!("curl -s -o /dev/null -w '%{{http_code}}' {origin}/missing")).await;
    assert_eq!(stdout(&said), "404");
    let posted = shell(format!("curl -s -H 'X-Key: k' --json '{{}}' {origin}/method")).await;
    assert_eq!(stdout(&posted), "POST k application/json\n");
    let followed = shell(format!("curl -sSL {origin}/folder; wget -qO- {origin}/folder")).await;
    assert_eq!(stdout(&followed), "index\nindex\n");
    let code = format!(
        r#"
import json, urllib.request, urllib.error
print(sum(json.load(urllib.request.urlopen("{origin}/data.json"))["degrees"]), open("/work/data.json").read().count("19"))
request = urllib.request.Request("{origin}/method", data=b"a=1", headers={{"X-Key": "p"}})
print(urllib.request.urlopen(request).read().decode().strip())
print(urllib.request.urlopen("{origin}/folder").geturl().removeprefix("{origin}"))
try:
    urllib.request.urlopen("{origin}/missing")
except urllib.error.HTTPError as error:
    print(error.code, b"nginx" in error.read())
"#
    );
    let ran = scene.python(Caller::Alice, &id, &code).await;
    assert_eq!(stdout(&ran), "51 1\nPOST p application/x-www-form-urlencoded\n/folder/\n404 True\n");

    let before = nginx.requests().len();
    let away = shell(format!("curl -sSL {origin}/away")).await;
    assert!(stderr(&away).contains(&format!("egress to {other} is not allowed here")), "{away}");
    let away = scene
        .python(Caller::Alice, &id, &format!("import urllib.request\nurllib.request.urlopen('{origin}/away')"))
        .await;
    assert!(
        stderr(&away).contains(&format!("URLError: <urlopen error egress to {other} is not allowed here")),
        "{away}"
    );
    let elsewhere = shell(format!("curl -sS {other}/data.json")).await;
    assert_eq!(elsewhere["structuredContent"]["exitCode"], 7, "{elsewhere}");
    let asked = nginx.requests().split_off(before);
    assert!(asked.len() == 2 && asked.iter().all(|line| line.starts_with("GET /away 302")), "{asked:?}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_two_lists_alone_lets_nothing_out() {
    let Some(nginx) = Nginx::start().await else { return };
    let origin = &nginx.origin;
    let hosts = format!("egress.hosts = [\"{origin}\"]\n");
    for (settings, allowed, shell_says, python_says) in [
        ("", &[origin.as_str()][..], "network", "egress is off here"),
        (hosts.as_str(), &[][..], "the host of this sandbox does not allow", "the host of this sandbox does not allow"),
    ] {
        let scene = Scene::start_before(settings, allowed).await;
        let id = scene.launch(Caller::Alice).await;
        let shell = scene.shell(Caller::Alice, &id, &format!("curl -sS {origin}/data.json")).await;
        assert!(stderr(&shell).contains(shell_says) && shell["structuredContent"]["exitCode"] != 0, "{shell}");
        let code = format!("import urllib.request\nurllib.request.urlopen('{origin}/data.json')");
        let python = scene.python(Caller::Alice, &id, &code).await;
        assert!(stderr(&python).contains(python_says) && python["structuredContent"]["exitCode"] == 1, "{python}");
        scene.stop().await;
    }
    assert_eq!(nginx.requests(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_a_server_ends_with_its_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let scene = Scene::start_before(&format!("egress.hosts = [\"{origin}\"]\n"), &[&origin]).await;
    let id = scene.launch(Caller::Alice).await;
    let command = format!("while true; do curl -s -m 20 {origin}/; done");
    let run = json!({
        "name": "runShellCommandInRemoteEnvironment", "_meta": { "progressToken": 1 },
        "arguments": { "environmentId": id, "shellCommand": command },
    });
    let arriving = async {
        let (mut held, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0; 4096];
        let read = held.read(&mut request).await.expect("a request");
        request.truncate(read);
        (held, request)
    };
    // Whoever asked leaves when the server has the request, which it never answers.
    let (mut held, request) = tokio::select! {
        answer = scene.ask(Caller::Alice, "tools/call", &run) => panic!("{answer}"),
        arrived = arriving => arrived,
    };
    assert!(request.starts_with(b"GET / HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&request));
    let ended = tokio::time::timeout(Duration::from_secs(10), held.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "the run goes on without its client");
    let next = scene.launch(Caller::Alice).await;
    assert_eq!(stdout(&scene.shell(Caller::Alice, &next, "echo served").await), "served\n");
    let again =
        tokio::select! { biased; again = listener.accept() => again.is_ok(), () = std::future::ready(()) => false };
    assert!(!again, "the program has asked again");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_wasmcloud_both_lists_decide_as_well() {
    if !wash_is_installed(StoreKind::Redis) {
        return;
    }
    let Some(nginx) = Nginx::start().await else { return };
    let origin = &nginx.origin;
    let settings = format!("egress.hosts = [\"{origin}\"]\n");
    let code =
        format!("import urllib.request\nprint(urllib.request.urlopen('{origin}/data.json').read().decode(), end='')");
    for (allowed, requests) in [(origin.as_str(), 2), ("http://127.0.0.1:1", 0)] {
        let before = nginx.requests().len();
        let scene = Scene::start_on_wash(&settings, allowed).await;
        let id = scene.launch(Caller::Alice).await;
        let shell = scene.shell(Caller::Alice, &id, &format!("curl -sS {origin}/data.json")).await;
        let python = scene.python(Caller::Alice, &id, &code).await;
        for result in [&shell, &python] {
            if requests > 0 {
                assert_eq!(stdout(result), "{\"degrees\": [4, 19, 28]}\n");
            } else {
                assert!(stderr(result).contains("the host of this sandbox does not allow"), "{result}");
            }
        }
        assert_eq!(nginx.requests().len() - before, requests, "{allowed}");
        scene.stop().await;
    }
}
