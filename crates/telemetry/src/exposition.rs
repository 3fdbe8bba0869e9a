//! The text that Prometheus reads (exposition format 0.0.4).

use std::fmt::Write as _;

use crate::label::Label;
use crate::metric::{Definition, Kind, Metric};
use crate::registry::{Distribution, Registry, Value};

/// Everything that is measured, as text. A metric without a series has only its head.
pub(crate) fn exposition(registry: &Registry) -> String {
    let mut text = String::with_capacity(16 * 1024);
    for metric in Metric::ALL {
        let definition = metric.definition();
        let kind = match definition.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let name = definition.prometheus;
        // Writing into a text cannot fail; the same below.
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", definition.help);
        for (labels, value) in registry.series(*metric) {
            match value {
                Value::Number(number) => {
                    let _ = writeln!(text, "{name}{} {number}", label_set(&definition, &labels, None));
                }
                Value::Distribution(distribution) => write_histogram(&mut text, &definition, &labels, &distribution),
            }
        }
    }
    text
}

fn write_histogram(text: &mut String, definition: &Definition, labels: &[Label], distribution: &Distribution) {
    let Kind::Histogram(bounds) = definition.kind else { return };
    let name = definition.prometheus;
    let mut so_far = 0;
    let bounds = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(&distribution.counts) {
        so_far += count;
        let _ = writeln!(text, "{name}_bucket{} {so_far}", label_set(definition, labels, Some(&bound)));
    }
    let labels = label_set(definition, labels, None);
    let _ = writeln!(text, "{name}_sum{labels} {}\n{name}_count{labels} {so_far}", distribution.sum);
}

/// The labels that have a value; to Prometheus, one that is empty and one that is not there are the same.
fn label_set(definition: &Definition, labels: &[Label], bound: Option<&str>) -> String {
    let named = definition.labels.iter().zip(labels).filter(|(_, value)| !value.is_empty());
    let mut set: Vec<_> =
        named.map(|(name, value)| format!("{}=\"{}\"", name.replace('.', "_"), escaped(value))).collect();
    set.extend(bound.map(|bound| format!("le=\"{bound}\"")));
    if set.is_empty() { String::new() } else { format!("{{{}}}", set.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_label_cannot_end_it_or_its_line() {
        let registry = Registry::new();
        registry.add(Metric::Limits, &["a\"b\\c\nd".into()], 2.0);
        let text = exposition(&registry);
        assert!(text.contains("gatehouse_limits_reached_total{gatehouse_limit=\"a\\\"b\\\\c\\nd\"} 2\n"), "{text}");
    }

    #[test]
    fn a_histogram_counts_upwards_to_infinity_and_leaves_out_what_it_does_not_know() {
        let registry = Registry::new();
        let labels = ["sqlite".into(), "get".into(), "".into()];
        registry.observe(Metric::StoreDuration, &labels, 0.000_2);
        registry.observe(Metric::StoreDuration, &labels, 20.0);
        let text = exposition(&registry);
        let name = "db_client_operation_duration_seconds";
        let labels = "db_system_name=\"sqlite\",db_operation_name=\"get\"";
        for line in [
            format!("# TYPE {name} histogram"),
            format!("{name}_bucket{{{labels},le=\"0.0001\"}} 0"),
            format!("{name}_bucket{{{labels},le=\"0.0005\"}} 1"),
            format!("{name}_bucket{{{labels},le=\"10\"}} 1"),
            format!("{name}_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("{name}_sum{{{labels}}} 20.0002"),
            format!("{name}_count{{{labels}}} 2"),
        ] {
            assert!(text.lines().any(|is| is == line), "{line}\n{text}");
        }
    }
}
