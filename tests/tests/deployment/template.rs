//! The template for `spin new`, written as Spin writes it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use gatehouse_host::Manifest;
use gatehouse_tests::{artefact, deployment_check, outcome, repository};
use serde_json::{Map, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use toml::Table;

const FOLDER: &str = "deploy/templates/gatehouse";

/// What a developer answers, by the name of the parameter.
const ANSWERS: [(&str, &str); 5] = [
    ("project-description", "a gateway"),
    ("public-url", "https://gateway.example.com"),
    ("server-url", "http://10.0.0.7:8080/mcp"),
    ("issuer", "https://accounts.example.com/tenant"),
    ("client-id", "gatehouse"),
];
/// What Spin knows without asking for it.
const KNOWN: [(&str, &str); 2] = [("project-name", "My Gateway"), ("authors", "Ann <ann@example.com>")];

/// The template's own description.
fn description() -> Table {
    let file = repository().join(FOLDER).join("metadata/spin-template.toml");
    toml::from_str(&std::fs::read_to_string(file).expect("the file")).expect("TOML")
}

/// Writes the application that the template makes with these answers, or says why there is none.
async fn write(answers: &[(&str, &str)], application: &Path) -> Result<(), String> {
    let description = description();
    let parameter = |(name, value): &(&str, &str)| {
        let pattern = description["parameters"].get(name).and_then(|parameter| parameter.get("pattern")?.as_str());
        ((*name).to_owned(), json!({ "value": value, "pattern": pattern }))
    };
    let parameters: Map<_, _> = answers.iter().chain(&KNOWN).map(parameter).collect();
    let mut liquid = deployment_check("liquid_template.py");
    liquid.arg(repository().join(FOLDER).join("content")).arg(application);
    let mut running = liquid.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let input = serde_json::to_vec(&parameters).expect("JSON");
    running.stdin.take().expect("an input").write_all(&input).await.expect("it reads");
    let output = running.wait_with_output().await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// A folder of its own for an application.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let application = folder.path().join("application");
    (folder, application)
}

fn manifest(path: &Path) -> Manifest {
    Manifest::read(path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_template_says_what_spin_reads_and_asks_for_what_its_files_need() {
    let description = description();
    // Spin refuses a key that it does not know (`crates/templates/src/reader.rs` of its sources).
    let keys: Vec<_> = description.keys().map(String::as_str).collect();
    assert_eq!(keys, ["add_component", "description", "id", "manifest_version", "parameters", "tags"]);
    assert_eq!(description["manifest_version"].as_str(), Some("1"));
    assert_eq!(description["add_component"]["supported"].as_bool(), Some(false));
    let parameters = description["parameters"].as_table().expect("parameters");
    for (name, parameter) in parameters {
        let parameter = parameter.as_table().expect("a table");
        let known = ["type", "prompt", "default", "pattern", "allowed_values"];
        assert!(parameter.keys().all(|key| known.contains(&key.as_str())), "{name}");
        assert_eq!(parameter["type"].as_str(), Some("string"), "{name}");
        assert!(parameter["prompt"].is_str(), "{name}");
    }
    let mut asked: Vec<_> = parameters.keys().map(String::as_str).collect();
    let mut answered = ANSWERS.map(|(name, _)| name);
    asked.sort_unstable();
    answered.sort_unstable();
    assert_eq!(asked, answered);
}

#[tokio::test]
async fn what_the_template_writes_is_an_application_that_lacks_nothing_for_its_configuration() {
    let (_folder, application) = folder();
    write(&ANSWERS, &application).await.unwrap();
    let (made, shipped) = (manifest(&application), manifest(&repository().join("spin.toml")));
    assert_eq!(made.name, "my-gateway");
    // It declares what ours does, but for the origins: they are in the list itself.
    let [made, shipped] = [&made, &shipped].map(|manifest| &manifest.components["gatehouse"]);
    assert_eq!(made.variables, shipped.variables);
    assert_eq!(made.key_value_stores, shipped.key_value_stores);
    let hosts: Vec<_> = made.allowed_outbound_hosts.iter().map(|(host, _)| host.as_str()).collect();
    assert_eq!(hosts, ["https://accounts.example.com", "http://10.0.0.7:8080", "{{ client_document_origin }}"]);
    assert_eq!(made.source, application.join("gatehouse.wasm"));
    // The program itself finds nothing that is missing.
    let mut check = Command::new(artefact("debug/gatehouse"));
    check.current_dir(&application).args(["check", "gatehouse.toml", "--manifest", "spin.toml"]);
    let said = outcome(&mut check).await.unwrap();
    assert!(said.contains("https://gateway.example.com/callback"), "{said}");
    // What holds secrets is not committed.
    let ignored = std::fs::read_to_string(application.join(".gitignore")).expect("the file");
    for secret in ["client-secret", "runtime-config.toml", "server-keys"] {
        assert!(ignored.lines().any(|line| line == secret), "{secret}");
    }
}

#[tokio::test]
async fn an_answer_that_would_break_a_file_is_refused_and_nothing_is_written() {
    for (name, wrong) in [
        ("public-url", "https://gateway.example.com/path"),
        ("server-url", "http://10.0.0.7:8080/mcp\"\n"),
        ("issuer", "accounts.example.com"),
        ("client-id", "gate house"),
    ] {
        let answers = ANSWERS.map(|(asked, answer)| (asked, if asked == name { wrong } else { answer }));
        let (_folder, application) = folder();
        let refused = write(&answers, &application).await.unwrap_err();
        assert!(refused.contains(name), "{refused}");
        assert!(!application.exists());
    }
}
