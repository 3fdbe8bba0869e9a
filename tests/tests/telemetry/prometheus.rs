//! Prometheus itself (Debian's): it scrapes, its `promtool` finds nothing to say, and the rules of `deploy/observability` load and fire
//! when they should.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gatehouse_tests::{HeldPort, http, outcome, repository};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::dashboard;
use crate::scene::{Scene, call, request};

/// The programs; `None`, with a word, where they are not there.
fn program(name: &str) -> Option<PathBuf> {
    let variable = "GATEHOUSE_TEST_PROMETHEUS";
    let Some(prometheus) = std::env::var_os(variable).map(PathBuf::from) else {
        println!("skipped: {variable} is not set; `cargo xtask test` sets it");
        return None;
    };
    Some(prometheus.with_file_name(name))
}

fn folder() -> PathBuf {
    repository().join("deploy/observability")
}

async fn promtool(arguments: &[&str]) -> Option<Result<String, String>> {
    let mut promtool = Command::new(program("promtool")?);
    Some(outcome(promtool.args(arguments).current_dir(folder())).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_the_rules_and_each_alert_fires_when_it_should() {
    let Some(checked) = promtool(&["check", "rules", "alerts.yaml"]).await else { return };
    checked.unwrap();
    let tested = promtool(&["test", "rules", "alerts.test.yaml"]).await.expect("it is there");
    tested.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_to_say_about_the_metrics() {
    let Some(promtool) = program("promtool") else { return };
    let scene = Scene::start("", &[]).await;
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &call("echo")).await;
    scene.until("the call", |samples| samples.sum("gatehouse_requests_total", &[]) >= 1.0).await;
    let exposition = scene.world.gatehouse.state_directory().join("exposition");
    std::fs::write(&exposition, scene.exposition().await).unwrap();
    let mut check = Command::new(promtool);
    check.args(["check", "metrics"]).stdin(std::fs::File::open(&exposition).unwrap());
    outcome(&mut check).await.unwrap();
    scene.world.gatehouse.stop().await;
}

/// A Prometheus of its own, which scrapes one address; it ends with the test.
struct Prometheus {
    url: String,
    _process: Child,
}

impl Prometheus {
    async fn start(scene: &Scene) -> Option<Self> {
        let program = program("prometheus")?;
        let folder = scene.world.gatehouse.state_directory().join("prometheus");
        std::fs::create_dir_all(&folder).unwrap();
        let target = scene.metrics.trim_start_matches("http://").trim_end_matches("/metrics");
        // As the document shows it, only more often.
        let shown = std::fs::read_to_string(self::folder().join("prometheus.yaml")).unwrap();
        let rules = self::folder().join("alerts.yaml");
        let configuration = shown
            .replace("127.0.0.1:9464", target)
            .replace("15s", "200ms")
            .replace("alerts.yaml", rules.to_str().unwrap());
        assert!(configuration.contains(target), "{configuration}");
        std::fs::write(folder.join("prometheus.yaml"), configuration).unwrap();
        let address = format!("127.0.0.1:{}", HeldPort::take().lend());
        let mut command = Command::new(program);
        let log = std::fs::File::create(folder.join("log")).unwrap();
        command.current_dir(&folder).stderr(log).kill_on_drop(true).args([
            "--config.file=prometheus.yaml",
            "--storage.tsdb.path=data",
            &format!("--web.listen-address={address}"),
        ]);
        let process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Some(Self { url: format!("http://{address}"), _process: process })
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = url::Url::parse_with_params(&format!("{}{path}", self.url), query).expect("a URL");
        let answer = http().get(url).send().await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    }

    /// What a query comes to.
    async fn query(&self, query: &str) -> Option<Value> {
        let answer = self.get("/api/v1/query", &[("query", query)]).await?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        Some(answer["data"]["result"].clone())
    }

    /// Waits until a query has this value.
    async fn until(&self, query: &str, value: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let result = self.query(query).await;
            if result.as_ref().is_some_and(|result| result[0]["value"][1] == value) {
                return;
            }
            assert!(Instant::now() < deadline, "{query}: {result:?}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_it_loads_the_rules_and_answers_every_query_of_the_dashboard() {
    let scene = Scene::start("", &[]).await;
    let Some(prometheus) = Prometheus::start(&scene).await else { return };
    let tokens = scene.sign_in("alice").await;
    scene.ask(&tokens, &request("tools/list", &json!({}))).await;
    scene.until("the listing", |samples| samples.sum("gatehouse_requests_total", &[]) >= 1.0).await;
    for _ in 0..3 {
        scene.ask(&tokens, &call("echo")).await;
    }
    prometheus.until("up{job=\"gatehouse\"}", "1").await;
    prometheus.until("sum(gatehouse_requests_total{gen_ai_tool_name=\"echo\"})", "3").await;
    let rules = prometheus.get("/api/v1/rules", &[]).await.expect("the rules");
    let groups = rules["data"]["groups"].as_array().expect("groups");
    let rules: Vec<_> =
        groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
    assert!(rules.len() >= 8, "{rules:?}");
    assert!(rules.iter().all(|rule| rule["health"] != "err"), "{rules:#?}");
    for query in dashboard::queries() {
        prometheus.query(&query).await.expect("an answer");
    }
    scene.world.gatehouse.stop().await;
}
