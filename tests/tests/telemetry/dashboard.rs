//! The dashboard and the alerts name metrics and labels that there are.

use std::collections::BTreeSet;

use gatehouse_telemetry::{Kind, Metric};
use gatehouse_tests::repository;
use serde_json::Value;

fn file(name: &str) -> String {
    std::fs::read_to_string(repository().join("deploy/observability").join(name)).expect("the file")
}

/// The queries of the dashboard, with values for Grafana's variables.
pub(crate) fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&file("dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let queries = targets.map(|target| target["expr"].as_str().expect("a query").to_owned());
    queries
        .map(|query| query.replace("$__rate_interval", "1m").replace("$route", ".*").replace("$instance", ".*"))
        .collect()
}

/// The names of series that there can be.
fn series() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["up".to_owned()]);
    for metric in Metric::ALL {
        let definition = metric.definition();
        match definition.kind {
            Kind::Histogram(_) => {
                names.extend(["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", definition.prometheus)));
            }
            Kind::Counter | Kind::Gauge => drop(names.insert(definition.prometheus.to_owned())),
        }
    }
    names
}

fn labels() -> BTreeSet<String> {
    let of_metrics = Metric::ALL.iter().flat_map(|metric| metric.definition().labels);
    let of_prometheus = ["le", "job", "instance"].map(str::to_owned);
    of_metrics.map(|label| label.replace('.', "_")).chain(of_prometheus).collect()
}

/// The words of a query that are neither PromQL's own nor values.
fn words(query: &str) -> BTreeSet<String> {
    const OWN: [&str; 16] = [
        "sum",
        "by",
        "rate",
        "increase",
        "histogram_quantile",
        "clamp_min",
        "max",
        "min",
        "without",
        "unless",
        "and",
        "or",
        "on",
        "time",
        "topk",
        "absent",
    ];
    // Every second part is a value in quotation marks.
    let outside: String = query.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let outside: String = outside
        .split('[')
        .map(|part| part.split_once(']').map_or(part, |(_, rest)| rest))
        .collect::<Vec<_>>()
        .join(" ");
    let words = outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    words.filter(is_name).filter(|word| !OWN.contains(word)).map(str::to_owned).collect()
}

fn assert_known(query: &str) {
    let (series, labels) = (series(), labels());
    let words = words(query);
    let unknown: Vec<_> = words.iter().filter(|word| !series.contains(*word) && !labels.contains(*word)).collect();
    assert!(unknown.is_empty(), "{unknown:?} in {query}");
    assert!(words.iter().any(|word| series.contains(word)), "no metric in {query}");
}

#[test]
fn every_query_of_the_dashboard_names_metrics_and_labels_that_there_are() {
    let queries = queries();
    assert!(queries.len() >= 15, "{}", queries.len());
    queries.iter().for_each(|query| assert_known(query));
}

#[test]
fn every_alert_names_metrics_and_labels_that_there_are() {
    let alerts = file("alerts.yaml");
    let queries: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(queries.len() >= 8, "{queries:?}");
    queries.iter().for_each(|query| assert_known(query));
    // Each has a test.
    let tests = file("alerts.test.yaml");
    for name in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no test");
    }
}
