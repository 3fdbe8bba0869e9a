//! `docs/telemetry.md` has every metric with its kind, its labels and its meaning.

use gatehouse_telemetry::{Kind, Metric};
use gatehouse_tests::repository;

#[test]
fn the_document_has_every_metric_as_it_is_and_no_other() {
    let document = std::fs::read_to_string(repository().join("docs/telemetry.md")).expect("the document");
    let row = |metric: &Metric| {
        let definition = metric.definition();
        let kind = match definition.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<_> = definition.labels.iter().map(|label| format!("`{}`", label.replace('.', "_"))).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        format!("| `{}` | `{}` | {kind} | {labels} | {} |", definition.prometheus, definition.otlp, definition.help)
    };
    let expected: Vec<_> = Metric::ALL.iter().map(row).collect();
    let is_row = |line: &&str| line.starts_with("| `") && line.matches(" | ").count() == 4;
    let rows: Vec<_> = document.lines().filter(is_row).collect();
    assert_eq!(rows, expected, "the table of metrics should be:\n{}", expected.join("\n"));
}
