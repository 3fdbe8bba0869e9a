//! Writes `docs/performance.md` and its charts: a template of text, and what was measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::aims::aims;
use super::chart::{self, Bar, Panel};
use super::results::{Calls, Curve, Measured, Origin, Results};
use super::sandbox_tables;
use super::sizes::Sizes;
use super::tables;

/// The text of the page, with `{{NAME}}` where something measured comes in.
const TEMPLATE: &str = include_str!("performance.md");
/// The page, and the folder of its charts, in the repository.
const PAGE: &str = "docs/performance.md";
const CHARTS: &str = "docs/performance";

/// What stands where a part was not measured yet.
const NOT_YET: &str = "Not measured yet.\n";

/// Bars that are longer, as those of what does less, are cut off here.
const LONGEST_BAR: f64 = 1.6;

/// Writes the page and the charts; returns the paths of what was written.
pub fn write(root: &Path, results: &Results, sizes: &[Sizes]) -> Result<Vec<String>> {
    let mut written = vec![PAGE.to_owned()];
    put(root, PAGE, &fill(TEMPLATE, &values(results, sizes))?)?;
    for (name, svg) in charts(results) {
        let path = format!("{CHARTS}/{name}.svg");
        put(root, &path, &svg)?;
        written.push(path);
    }
    Ok(written)
}

fn put(root: &Path, path: &str, text: &str) -> Result<()> {
    let file = root.join(path);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The tables and other texts, by the names that the template has for them.
fn values(results: &Results, sizes: &[Sizes]) -> Vec<(&'static str, String)> {
    let starts = results.start.as_ref().map_or(&[][..], |part| &part.result);
    let of_most = results.origin().cloned().unwrap_or_default();
    let of_most = &of_most;
    vec![
        ("origin", origin(of_most)),
        ("aims", tables::aims(&aims(results))),
        (
            "calls",
            of(of_most, &results.calls, |calls| {
                format!("{}\n{}\n{}", how_many_turns(calls), tables::calls(calls), tables::call_ratios(calls))
            }),
        ),
        ("bars", image(results.calls.is_some(), "requests", "Requests a second, of the bare forwarder's")),
        ("store", of(of_most, &results.counts, tables::store)),
        ("system_calls", of(of_most, &results.counts, tables::system_calls)),
        ("features", of(of_most, &results.features, |points| tables::features(points))),
        ("sizes", tables::sizes(sizes, starts)),
        ("start", of(of_most, &results.start, |starts| tables::start(starts))),
        ("growth", of(of_most, &results.growth, |curves| tables::growth(curves))),
        ("curves", image(results.growth.is_some(), "growth", "Requests a second, of the first point's")),
        ("hosts", of(of_most, &results.hosts, |hosts| tables::hosts(hosts))),
        ("streams", of(of_most, &results.streams, |streams| tables::streams(streams))),
        ("sandboxes", of(of_most, &results.sandboxes, sandbox_tables::all)),
    ]
}

/// What was measured; with a line about when and where, if it is another one than most parts have.
fn of<T>(of_most: &Origin, part: &Option<Measured<T>>, text: impl FnOnce(&T) -> String) -> String {
    match part {
        None => NOT_YET.to_owned(),
        Some(part) if part.origin == *of_most => text(&part.result),
        Some(part) => format!("{}\n{}", origin(&part.origin), text(&part.result)),
    }
}

fn origin(origin: &Origin) -> String {
    if origin.commit.is_empty() {
        return NOT_YET.to_owned();
    }
    let base = origin.base.as_ref().map(|base| format!("; the base is {base}")).unwrap_or_default();
    format!("Measured: {}, commit {}{base}; {}; {}.\n", origin.date, origin.commit, origin.machine, origin.versions)
}

fn how_many_turns(calls: &Calls) -> String {
    let large = calls.case("large").and_then(|case| case.document_bytes);
    let small = calls.case("small").and_then(|case| case.document_bytes);
    let documents = small.zip(large);
    let documents = documents.map(|(small, large)| {
        format!(" The configuration has {small} bytes, the large one {}.", super::aims::number(large as f64))
    });
    format!(
        "{} turns of {} ms for each case, {} connections.{}\n",
        calls.turns,
        calls.turn_ms,
        calls.connections,
        documents.unwrap_or_default()
    )
}

fn image(is_there: bool, name: &str, text: &str) -> String {
    if is_there { format!("![{text}](performance/{name}.svg)\n") } else { String::new() }
}

fn charts(results: &Results) -> Vec<(&'static str, String)> {
    let bars = results.calls.as_ref().map(|part| ("requests", requests(&part.result)));
    let lines = results.growth.as_ref().map(|part| ("growth", growth(&part.result)));
    bars.into_iter().chain(lines).collect()
}

fn requests(calls: &Calls) -> String {
    let bar = |case: &super::results::Case| {
        let value = if case.id == "forwarder" { Some(1.0) } else { calls.ratio(&case.id, "forwarder") };
        let is_ours = ["small", "large", "refused", "measured"].contains(&case.id.as_str());
        Some(Bar { name: case.name.clone(), value: value?, is_ours })
    };
    let bars: Vec<Bar> = calls.cases.iter().filter_map(bar).collect();
    chart::bars("Requests a second, of the bare forwarder's", &bars, LONGEST_BAR)
}

fn growth(curves: &[Curve]) -> String {
    let panel = |curve: &Curve| Panel {
        title: curve.x.clone(),
        points: curve.points.iter().map(|point| (short(point.x), point.ratio)).collect(),
    };
    let panels: Vec<Panel> = curves.iter().map(panel).collect();
    chart::panels("Requests a second, of the first point's", &panels)
}

/// 10,000 as 10k.
fn short(value: u64) -> String {
    match value {
        0..10_000 => value.to_string(),
        10_000..1_000_000 => format!("{}k", value / 1000),
        _ => format!("{}M", value / 1_000_000),
    }
}

/// The template with a value for each `{{NAME}}`.
///
/// # Errors
/// Where the template has a name without a value, or lacks a name that has one.
fn fill(template: &str, values: &[(&str, String)]) -> Result<String> {
    let (mut text, mut rest, mut used) = (String::new(), template, Vec::new());
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").context("a `{{` of the template is not closed")?;
        let value = values.iter().find(|(known, _)| *known == name);
        let (known, value) = value.with_context(|| format!("the template has {{{{{name}}}}}, which has no value"))?;
        text += before;
        text += value.trim_end();
        used.push(*known);
        rest = after;
    }
    if let Some((name, _)) = values.iter().find(|(name, _)| !used.contains(name)) {
        bail!("the template lacks {{{{{name}}}}}");
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_can_be_written_before_anything_was_measured() {
        let page = fill(TEMPLATE, &values(&Results::default(), &[])).unwrap();
        assert!(page.contains(NOT_YET.trim_end()) && !page.contains("{{") && !page.contains("}}"), "{page}");
        assert!(charts(&Results::default()).is_empty());
    }

    #[test]
    fn every_name_of_the_template_must_have_a_value_and_every_value_a_name() {
        let values = [("a", "1\n".to_owned()), ("b", "{{a}}".to_owned())];
        // What comes in is not looked through again.
        assert_eq!(fill("x {{a}} y {{b}}.", &values).unwrap(), "x 1 y {{a}}.");
        assert!(fill("{{a}}", &values).unwrap_err().to_string().contains("lacks {{b}}"));
        assert!(fill("{{a}}{{b}}{{c}}", &values).unwrap_err().to_string().contains("{{c}}"));
        assert!(fill("{{a}}{{b}}{{", &values).is_err());
    }

    #[test]
    fn large_numbers_are_short_on_an_axis() {
        assert_eq!([0, 2000, 10_000, 1_000_000].map(short), ["0", "2000", "10k", "1M"]);
    }
}
