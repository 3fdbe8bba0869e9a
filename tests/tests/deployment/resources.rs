//! Resources of Kubernetes, SpinKube and wasmCloud.

use std::path::{Path, PathBuf};

use gatehouse_tests::{deployment_check, outcome, repository};
use serde_json::Value;

use crate::containerfile;
use crate::filled::filled;
use crate::program::Machine;

/// The newest version whose schemas are in the package, and the oldest that the file is for.
const KUBERNETES: [&str; 2] = ["1.37", "1.30"];
const DEPLOYMENT: &str = "kubernetes/gatehouse.yaml";
/// Resources that are no Kubernetes' own: the file, the schema, and the file of the definition in `GATEHOUSE_TEST_CRDS`.
const CUSTOM: [(&str, &str, &str); 2] = [
    ("spinkube/gatehouse.yaml", "spinapp.schema.json", "core.spinkube.dev_spinapps.yaml"),
    ("wasmcloud/gatehouse.yaml", "workload-deployment.schema.json", "runtime.wasmcloud.dev_workloaddeployments.yaml"),
];

/// The resources in a text, or why one of them is none.
async fn checked(text: &str, how: &str, by: &str) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("resources.yaml");
    std::fs::write(&file, text).expect("a file");
    let lines = outcome(deployment_check("kubernetes.py").args([how, by]).arg(file)).await?;
    Ok(lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

/// How a custom resource is checked: by its definition, where the operator has it, else by our schema.
fn schema_of(schema: &str, definition: &str) -> (&'static str, PathBuf) {
    match std::env::var_os("GATEHOUSE_TEST_CRDS") {
        Some(folder) => ("definition", Path::new(&folder).join(definition)),
        None => ("schema", repository().join("tests/deployment").join(schema)),
    }
}

async fn kubernetes() -> Vec<Value> {
    checked(&filled(DEPLOYMENT), "version", KUBERNETES[0]).await.unwrap()
}

/// The resource of this kind.
fn of_kind<'a>(resources: &'a [Value], kind: &str) -> &'a Value {
    resources.iter().find(|resource| resource["kind"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

#[tokio::test]
async fn the_lines_for_telemetry_on_wasmcloud_are_right_when_they_are_no_comment_any_more() {
    let (file, schema, definition) = CUSTOM[1];
    let text = filled(file).replace("\n        # - ", "\n        - ").replace("\n        #   ", "\n          ");
    let (how, by) = schema_of(schema, definition);
    let resources = checked(&text, how, by.to_str().expect("UTF-8")).await.unwrap();
    let interfaces = &resources[0]["spec"]["template"]["spec"]["hostInterfaces"];
    let otel = interfaces.as_array().expect("a list").iter().find(|interface| interface["package"] == "otel");
    assert_eq!(otel.expect("wasi:otel")["version"], "0.2.0-rc.2", "{interfaces:#}");
}

#[tokio::test]
async fn kubernetes_takes_every_resource_and_would_refuse_a_field_that_it_does_not_know() {
    let text = filled(DEPLOYMENT);
    for version in KUBERNETES {
        let kinds: Vec<_> = checked(&text, "version", version).await.unwrap();
        let kinds: Vec<_> = kinds.iter().map(|resource| resource["kind"].as_str().expect("a kind")).collect();
        assert_eq!(kinds, ["Deployment", "Service", "PodDisruptionBudget"], "{version}");
    }
    let wrong = text.replace("automountServiceAccountToken", "automountServiceAccountTokens");
    let refused = checked(&wrong, "version", KUBERNETES[0]).await.unwrap_err();
    assert!(refused.contains("automountServiceAccountTokens"), "{refused}");
}

#[tokio::test]
async fn spinkube_and_wasmcloud_take_their_resources_and_would_refuse_a_field_that_they_do_not_know() {
    for (file, schema, definition) in CUSTOM {
        let (how, by) = schema_of(schema, definition);
        let by = by.to_str().expect("UTF-8");
        let text = filled(file);
        assert_eq!(checked(&text, how, by).await.unwrap().len(), 1, "{file}");
        let wrong = text.replace("replicas:", "instances:");
        let refused = checked(&wrong, how, by).await.unwrap_err();
        assert!(refused.contains("instances"), "{file}: {refused}");
    }
}

#[test]
fn all_instances_run_the_version_that_this_is() {
    for file in [DEPLOYMENT, CUSTOM[0].0, CUSTOM[1].0] {
        let text = filled(file);
        let image = text.lines().find_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("image: "));
        let tag = image.expect("an image").rsplit_once(':').expect("a tag").1;
        assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{file}");
    }
}

#[tokio::test]
async fn pods_have_no_right_that_they_do_not_need_and_no_secret_in_their_environment() {
    let resources = kubernetes().await;
    let pod = &of_kind(&resources, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert!(container["resources"]["limits"]["memory"].is_string());
    assert!(container.get("env").is_none() && container.get("envFrom").is_none());
    // The user is that of the image, so that it may write where the image lets it.
    let user = pod["securityContext"]["runAsUser"].to_string();
    assert!(containerfile::text().contains(&format!("USER {user}")), "{user}");
}

#[tokio::test]
async fn probes_ask_where_gatehouse_answers_and_wait_as_long_as_it_may_take() {
    let resources = kubernetes().await;
    let container = &of_kind(&resources, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let path = |probe: &str| container[probe]["httpGet"]["path"].as_str().expect("a path").to_owned();
    assert_eq!(["startupProbe", "livenessProbe", "readinessProbe"].map(path), ["/healthz", "/healthz", "/readyz"]);
    // Looking at a server that does not answer takes ten seconds (docs/operations.md, "Probes").
    assert!(container["readinessProbe"]["timeoutSeconds"].as_u64() > Some(10));
    let spinkube = checked(&filled(CUSTOM[0].0), "schema", &schema_file(CUSTOM[0].1)).await.unwrap();
    let checks = &spinkube[0]["spec"]["checks"];
    assert_eq!(checks["readiness"]["httpGet"]["path"], "/readyz");
    assert!(checks["readiness"]["timeoutSeconds"].as_u64() > Some(10));
}

fn schema_file(name: &str) -> String {
    repository().join("tests/deployment").join(name).display().to_string()
}

#[tokio::test]
async fn a_service_and_a_budget_choose_the_pods_of_the_deployment_and_one_stays_when_nodes_are_drained() {
    let resources = kubernetes().await;
    let deployment = &of_kind(&resources, "Deployment")["spec"];
    let labels = &deployment["template"]["metadata"]["labels"];
    let budget = &of_kind(&resources, "PodDisruptionBudget")["spec"];
    for selector in [
        &deployment["selector"]["matchLabels"],
        &budget["selector"]["matchLabels"],
        &of_kind(&resources, "Service")["spec"]["selector"],
    ] {
        assert_eq!(selector, labels);
    }
    assert!(deployment["replicas"].as_u64() > budget["maxUnavailable"].as_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_understands_what_a_pod_starts_it_with() {
    let machine = Machine::new();
    machine.write("etc/gatehouse/runtime-config.toml", &filled("spin/runtime-config.toml"));
    let resources = kubernetes().await;
    let pod = &of_kind(&resources, "Deployment")["spec"]["template"]["spec"];
    // Every file that it reads is mounted where it reads it.
    let sources = pod["volumes"][0]["projected"]["sources"].as_array().expect("sources");
    let items = sources.iter().flat_map(|source| {
        let source = source.get("configMap").or_else(|| source.get("secret")).expect("a source");
        source["items"].as_array().expect("items").iter().map(|item| item["path"].as_str().expect("a path"))
    });
    let mounted: Vec<_> = items.map(|path| format!("/etc/gatehouse/{path}")).collect();
    let arguments = pod["containers"][0]["args"].as_array().expect("arguments");
    let arguments = arguments.iter().map(|word| word.as_str().expect("a word").to_owned());
    let words: Vec<String> = containerfile::entry_point().into_iter().chain(arguments).collect();
    for file in words.iter().filter_map(|word| Some(&word[word.find("/etc/gatehouse/")?..])) {
        assert!(mounted.iter().any(|path| path == file), "{file} is not mounted");
    }
    machine.serves(&words, &[]).await;
}
