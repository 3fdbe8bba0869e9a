//! `cargo xtask dist`: the archive has what it says, runs by itself, and its Containerfile's steps work.
//!
//! The steps run in a folder. With `GATEHOUSE_TEST_DEBIAN`, the folder of a minimal Debian (made by
//! `debootstrap --variant=minbase bookworm FOLDER`), they run in a copy of it, as root by chroot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatehouse_tests::{
    CLIENT_SECRET, Gatehouse, HeldPort, Program, artefact, deployment_check, http, outcome, repository, three_ports,
};
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs a command to its end; what it printed.
async fn done(command: &mut Command) -> String {
    let output = command.output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Packs the program that the other tests use, without what only a debugger needs.
async fn pack(folder: &Path) -> PathBuf {
    let program = folder.join("program");
    done(Command::new("strip").arg("-o").arg(&program).arg(artefact("debug/gatehouse"))).await;
    let mut dist = Command::new(artefact("debug/xtask"));
    dist.current_dir(repository()).args(["dist", "--no-build", "--output"]).arg(folder.join("dist"));
    packed(&done(dist.arg("--program").arg(&program)).await)
}

/// The archive that xtask says that it has packed.
fn packed(said: &str) -> PathBuf {
    let path = said.lines().find_map(|line| line.strip_prefix("Packed: ")).expect("the archive");
    repository().join(path)
}

/// Unpacks the archive; the folder that is in it.
async fn unpack(archive: &Path, folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    done(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder)).await;
    let mut entries = std::fs::read_dir(folder).unwrap();
    let only = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none(), "the archive has one folder");
    only
}

/// A command of the archive's program, in an environment in which nothing else is found.
fn alone(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", folder).env("PATH", "/nonexistent").current_dir(folder);
    command
}

async fn begins_a_session(url: &str) {
    let mut program = Program::client("token.mjs", &[url, "--user", "alice"]);
    let token = program.json().await["access_token"].as_str().unwrap().to_owned();
    program.finish().await;
    let client = serde_json::json!({ "name": "dist", "version": "1" });
    let parameters = serde_json::json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters });
    let request = gatehouse_tests::http().post(url).bearer_auth(token).header("content-type", "application/json");
    let request = request.header("accept", "application/json, text/event-stream").body(body.to_string());
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_whole_reproducible_and_runs_by_itself_and_in_a_container() {
    let folder = tempfile::tempdir().unwrap();
    let archive = pack(folder.path()).await;
    let first = std::fs::read(&archive).unwrap();
    let unpacked = unpack(&pack(folder.path()).await, &folder.path().join("unpacked")).await;
    assert!(first == std::fs::read(&archive).unwrap(), "the same program gives another archive");

    done(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&unpacked)).await;
    has_a_bill_of_all_that_is_linked(&unpacked).await;
    for file in ["gatehouse-wasmcloud.wasm", "deploy/systemd/gatehouse.service", "deploy/kubernetes/gatehouse.yaml"] {
        assert!(unpacked.join(file).is_file(), "{file}");
    }
    let program = unpacked.join("gatehouse");
    let meaning = done(alone(&program, &unpacked).args(["check", "gatehouse.toml"])).await;
    assert!(meaning.contains("Redirect URI"), "{meaning}");

    runs_as_its_readme_says(&program, &unpacked).await;
    runs_in_a_container(&unpacked, folder.path()).await;
}

/// A bill of materials, which CycloneDX' own validator takes.
async fn bill(file: &Path) -> Value {
    assert_eq!(outcome(deployment_check("cyclonedx_document.py").arg(file)).await.unwrap(), "valid\n");
    let bill: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(!bill.to_string().contains(repository().to_str().unwrap()), "the bill names this machine's folders");
    bill
}

/// That the bill names these packages, and the files of the archive that they are in.
fn names(bill: &Value, packages: &[(&str, &str)]) {
    let components = bill["components"].as_array().unwrap();
    for (name, part) in packages {
        let found = components.iter().find(|component| component["name"] == *name);
        let parts = found.unwrap_or_else(|| panic!("{name} is not in the bill"))["properties"].as_array().unwrap();
        assert!(parts.iter().any(|property| property["value"] == *part), "{name} is not said to be in {part}");
    }
}

/// The bill of materials names what is in the program and in each artefact.
async fn has_a_bill_of_all_that_is_linked(unpacked: &Path) {
    let packages = [
        ("wasmtime", "gatehouse"),
        ("gatehouse-host", "gatehouse"),
        ("gateway", "gatehouse.wasm"),
        ("authorization-server", "gatehouse.wasm"),
        ("adapter-spin", "gatehouse.wasm"),
        ("gatehouse-openid", "gatehouse-wasmcloud.wasm"),
        ("adapter-wasmcloud", "gatehouse-wasmcloud.wasm"),
        ("telemetry-otel", "gatehouse-otel.wasm"),
        ("gatehouse-telemetry", "gatehouse-wasmcloud-otel.wasm"),
    ];
    names(&bill(&unpacked.join("gatehouse.cdx.json")).await, &packages);
}

async fn runs_as_its_readme_says(program: &Path, unpacked: &Path) {
    let port = three_ports();
    let readme = std::fs::read_to_string(unpacked.join("README.md")).unwrap();
    assert!(readme.contains("./gatehouse up --upstream") && readme.lines().count() <= 16, "{readme}");
    let (_server, upstream) = Program::server("everything.mjs", &[], "url").await;
    let (_provider, issuer) = provider(port).await;
    let secret = unpacked.join("client-secret");
    std::fs::write(&secret, CLIENT_SECRET).unwrap();
    let mut up = alone(program, unpacked);
    up.args(["up", "--listen", &format!("127.0.0.1:{port}"), "--upstream", &upstream, "--issuer", &issuer]);
    up.args(["--client-id", "gateway", "--client-secret-file", "client-secret"]);
    let mut up = Program::start("gatehouse up", up);
    let url = loop {
        if let Some(url) = up.line().await.strip_prefix("Ready: ") {
            break url.to_owned();
        }
    };
    begins_a_session(&url).await;
    tokio::time::timeout(Duration::from_secs(60), up.interrupt()).await.expect("it ends");
}

/// An identity provider for a Gatehouse at `port`.
async fn provider(port: u16) -> (Program, String) {
    let callback = format!("http://127.0.0.1:{port}/callback");
    let arguments = ["--redirect-uri", &callback, "--client-secret", CLIENT_SECRET];
    Program::server("identity-provider.mjs", &arguments, "issuer").await
}

/// What a Containerfile makes of a folder.
struct Container {
    root: PathBuf,
    /// Whether there is a Debian in it.
    is_debian: bool,
    user: String,
    entrypoint: Vec<String>,
}

/// Does the steps of the archive's Containerfile.
async fn built(unpacked: &Path, folder: &Path) -> Container {
    let root = folder.join("root");
    let debian = std::env::var_os("GATEHOUSE_TEST_DEBIAN");
    match &debian {
        Some(debian) => {
            done(Command::new("cp").arg("-a").arg(debian).arg(&root)).await;
        }
        None => std::fs::create_dir(&root).unwrap(),
    }
    let mut container = Container { root, is_debian: debian.is_some(), user: String::new(), entrypoint: Vec::new() };
    let text = std::fs::read_to_string(unpacked.join("Containerfile")).unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (step, rest) = line.split_once(' ').unwrap();
        match step {
            "FROM" => assert_eq!(rest, "debian:bookworm-slim"),
            "RUN" if container.is_debian => {
                done(Command::new("chroot").arg(&container.root).args(["sh", "-c", rest])).await;
            }
            // Without a Debian, there is nothing that could be run in it.
            "RUN" | "VOLUME" | "EXPOSE" => {}
            "COPY" => {
                let mut files: Vec<&str> = rest.split(' ').collect();
                let to = container.root.join(files.pop().unwrap().trim_start_matches('/'));
                std::fs::create_dir_all(if rest.ends_with('/') { &to } else { to.parent().unwrap() }).unwrap();
                files.into_iter().for_each(|file| {
                    let to = if rest.ends_with('/') { to.join(file) } else { to.clone() };
                    std::fs::copy(unpacked.join(file), to).unwrap();
                });
            }
            "USER" => container.user = rest.to_owned(),
            "WORKDIR" => std::fs::create_dir_all(container.root.join(rest.trim_start_matches('/'))).unwrap(),
            "ENTRYPOINT" => container.entrypoint = serde_json::from_str(rest).unwrap(),
            other => panic!("the test does not know the step {other}"),
        }
    }
    container
}

impl Container {
    /// The entry point with these arguments: in the Debian as its user, else with paths of this machine.
    fn run(&self, arguments: &[String]) -> Command {
        let words = self.entrypoint.iter().chain(arguments);
        if self.is_debian {
            let mut command = Command::new("chroot");
            command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
            command.arg(format!("--userspec={}", self.user)).arg(&self.root).args(words);
            return command;
        }
        let root = self.root.display();
        let mapped = |word: &String| match word.split_once("@/") {
            Some((name, path)) => format!("{name}@{root}/{path}"),
            None if word.starts_with('/') => format!("{root}{word}"),
            None => word.clone(),
        };
        let mut command = alone(&self.root.join("usr/local/bin/gatehouse"), &self.root);
        command.args(words.skip(1).map(mapped));
        command
    }
}

async fn runs_in_a_container(unpacked: &Path, folder: &Path) {
    let container = built(unpacked, folder).await;
    let port = three_ports();
    let (_provider, issuer) = provider(port).await;
    let configuration = format!(
        "public_url = \"http://127.0.0.1:{port}\"\n[identity_provider]\nname = \"test\"\nissuer = \"{issuer}\"\n\
         client_id = \"gateway\"\nclient_secret = {{ secret = \"identity_provider_secret\" }}\n[[routes]]\n\
         path = \"/mcp\"\nurl = \"http://127.0.0.1:9/mcp\"\n"
    );
    let etc = container.root.join("etc/gatehouse");
    std::fs::create_dir_all(&etc).unwrap();
    for (name, text) in [
        ("gatehouse.toml", configuration.as_str()),
        ("server-keys", Gatehouse::SERVER_KEYS),
        ("client-secret", CLIENT_SECRET),
    ] {
        std::fs::write(etc.join(name), text).unwrap();
    }
    let mut arguments = vec![format!("--variable=identity_provider_origin={issuer}")];
    arguments.push("--variable=upstream_origin=http://127.0.0.1:9".to_owned());
    let mut container = container;
    // The container's own network is this machine's here.
    let listen = container.entrypoint.iter().position(|word| word == "0.0.0.0:3000").expect("it listens everywhere");
    container.entrypoint[listen] = format!("127.0.0.1:{port}");
    let mut up = Program::start("the container", container.run(&arguments));
    while !up.line().await.starts_with("Serving http://") {}
    let health = gatehouse_tests::http().get(format!("http://127.0.0.1:{port}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    tokio::time::timeout(Duration::from_secs(60), up.interrupt()).await.expect("it ends");
}

/// What the sandboxes' archive needs and the machine may not have.
const LICENSE_TEXTS: &str = "GATEHOUSE_TEST_LICENSE_TEXTS";
const SANDBOX_SECRET: &str = "secret-of-the-gateway-1a2b";

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_of_the_sandboxes_has_every_licence_and_its_manifest_runs() {
    if std::env::var_os(LICENSE_TEXTS).is_none() {
        eprintln!(
            "skipped: without Debian's licence texts there is no archive ({LICENSE_TEXTS}; cargo xtask test says why)"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut dist = Command::new(artefact("debug/xtask"));
    dist.current_dir(repository()).args(["dist", "--sandboxes", "--no-build", "--output"]).arg(folder.path());
    let archive = packed(&done(&mut dist).await);
    let first = std::fs::read(&archive).unwrap();
    done(&mut dist).await;
    assert!(first == std::fs::read(&archive).unwrap(), "the same components give another archive");
    let unpacked = unpack(&archive, &folder.path().join("unpacked")).await;
    done(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&unpacked)).await;
    assert!(unpacked.join("sandbox-wasmcloud.wasm").is_file());

    let bill = bill(&unpacked.join("gatehouse-sandboxes.cdx.json")).await;
    names(
        &bill,
        &[
            ("sandbox", "sandbox.wasm"),
            ("adapter-spin", "sandbox.wasm"),
            ("adapter-wasmcloud", "sandbox-wasmcloud.wasm"),
            ("bashkit", "sandbox-shell.wasm"),
            ("python-runner", "sandbox-python.wasm"),
            ("cpython", "sandbox-python.wasm"),
            ("cloudpickle", "sandbox-python.wasm"),
            ("componentize-py", "sandbox-python.wasm"),
            ("pyo3", "sandbox-python.wasm"),
        ],
    );
    says_every_licence(&bill, &unpacked);

    let port = HeldPort::take().lend();
    let mut up = Command::new(artefact("debug/gatehouse"));
    up.args(["up", "--from", "spin.toml", "--listen", &format!("127.0.0.1:{port}"), "--state-dir", "state"]);
    up.args(["--variable", &format!("gateway_secret={SANDBOX_SECRET}")]).current_dir(&unpacked);
    up.args(["--variable", &format!("server_keys={}", Gatehouse::SERVER_KEYS)]);
    let mut up = Program::start("the sandboxes of the archive", up);
    while !up.line().await.contains("Serving http://") {}
    let listed = answer(port, "tools/list", json!({})).await;
    let tools: Vec<&str> =
        listed["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert!(tools.contains(&"launchShell") && tools.contains(&"runPythonCodeInRemoteEnvironment"), "{tools:?}");
    has_the_versions_that_the_interpreter_tells(&bill, port).await;
    tokio::time::timeout(Duration::from_secs(60), up.interrupt()).await.expect("it ends");
}

/// `NOTICE` has a line for everything in the bill, and the texts those sentences by which the licences are known.
fn says_every_licence(bill: &Value, unpacked: &Path) {
    let read = |name: &str| std::fs::read_to_string(unpacked.join(name)).unwrap();
    let (notice, texts) = (read("NOTICE"), read("THIRD-PARTY-LICENSES"));
    for component in bill["components"].as_array().unwrap() {
        let (name, version) = (component["name"].as_str().unwrap(), component["version"].as_str().unwrap());
        let license = component["licenses"][0]["expression"].as_str().unwrap_or_else(|| panic!("{name}: no licence"));
        assert!(notice.contains(&format!("{name} {version}: {license} (in ")), "{name} is not in NOTICE");
        assert!(component["purl"].as_str().unwrap().starts_with("pkg:"), "{name}");
    }
    for sentence in [
        "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2",
        "Copyright (c) 1998, 1999, 2000 Thai Open Source Software Center Ltd",
        "Copyright (c) 2008-2020 Stefan Krah",
        "INRIA, CMU and Microsoft Corporation",
        "cloudpickle 3.1.3",
        "LLVM Exceptions to the Apache 2.0 License",
        "bashkit 0.20.2",
        "bzip2",
        "musl",
    ] {
        assert!(texts.contains(sentence), "{sentence} is not among the licences");
    }
}

/// The result of a request to the sandboxes at `port`.
async fn answer(port: u16, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let request = http().post(format!("http://127.0.0.1:{port}/mcp")).body(body);
    let request = request.header("content-type", "application/json").header("x-sandbox-key", SANDBOX_SECRET);
    let request =
        request.header("accept", "application/json, text/event-stream").header("x-gatehouse-subject", "key:dist");
    let answer = request.send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].clone()
}

/// Versions that a newer componentize-py brings make the bill wrong, and nothing else would notice.
async fn has_the_versions_that_the_interpreter_tells(bill: &Value, port: u16) {
    let launched = answer(port, "tools/call", json!({ "name": "launchShell", "arguments": {} })).await;
    let code = "import decimal, platform, pyexpat, sqlite3, zlib\n\
        print(platform.python_version(), pyexpat.EXPAT_VERSION.removeprefix('expat_'), decimal.__libmpdec_version__, \
        sqlite3.sqlite_version, zlib.ZLIB_RUNTIME_VERSION)";
    let environment = launched["structuredContent"]["environmentId"].clone();
    let arguments = json!({ "environmentId": environment, "pythonCode": code });
    let call = json!({ "name": "runPythonCodeInRemoteEnvironment", "arguments": arguments });
    let ran = answer(port, "tools/call", call).await;
    let version = |name: &str| {
        let components = bill["components"].as_array().unwrap();
        let found = components.iter().find(|component| component["name"] == name).unwrap();
        found["version"].as_str().unwrap().to_owned()
    };
    let billed = ["cpython", "expat", "mpdecimal", "sqlite", "zlib"].map(version).join(" ");
    assert_eq!(ran["structuredContent"]["stdout"].as_str().map(str::trim), Some(billed.as_str()), "{ran}");
}
