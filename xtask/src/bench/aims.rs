//! What the numbers should be (issues 12, 14 and 16, "Done when"), and whether they are.

use super::results::{ARCHIVE, BASE, NOW, Results};
use super::sandboxes::Sandboxes;

/// An aim, and what was measured.
#[derive(Debug, PartialEq)]
pub struct Aim {
    pub what: &'static str,
    pub aim: &'static str,
    /// The number, and whether it is the aim; nothing where it was not measured.
    pub measured: Option<(String, bool)>,
}

/// All of them, in the order of the page.
pub fn aims(results: &Results) -> Vec<Aim> {
    let calls = results.calls.as_ref().map(|part| &part.result);
    let ratio = |of: &str, to: &str| calls.and_then(|calls| calls.ratio(of, to));
    let case = |id: &str| calls.and_then(|calls| calls.case(id));
    let counts = results.counts.as_ref().map(|part| &part.result);
    let start = |id: &str| results.start.as_ref().and_then(|part| part.result.iter().find(|start| start.id == id));
    let streams = results.streams.as_ref().and_then(|part| part.result.iter().find(|streams| streams.id == NOW));
    let sessions = results.growth.as_ref().and_then(|part| {
        let curve = part.result.iter().find(|curve| curve.id == "sessions")?;
        curve.points.last().map(|last| last.ratio)
    });
    let store = counts.and_then(|counts| counts.store.iter().find(|operations| operations.kind == "tools/call"));
    let others = counts.and_then(|counts| counts.system_calls("small")).map(|calls| calls.others);
    let other_issuer = results.features.as_ref().and_then(|part| {
        part.result.iter().find(|point| point.name == "another issuer's token, used again").map(|point| point.ratio)
    });
    let sandboxes = results.sandboxes.as_ref().map(|part| &part.result);
    let above_floor = case("small").zip(case("forwarder")).map(|(own, floor)| own.alone_p50_ms - floor.alone_p50_ms);
    let p50 = case("small").zip(case("workers-oauth-provider")).map(|(own, peer)| own.p50_ms / peer.p50_ms);
    vec![
        at_least("authenticated `tools/call`, to the base", "≥ 3", ratio("small", "small-base"), 3.0),
        at_least("authenticated `tools/call`, to the bare forwarder", "≥ 0.8", ratio("small", "forwarder"), 0.8),
        at_most(
            "p50 at one connection, above the bare forwarder",
            "≤ 150 µs",
            above_floor.map(|ms| ms * 1e3),
            150.0,
            "µs",
        ),
        at_least("to workers-oauth-provider", "≥ 5", ratio("small", "workers-oauth-provider"), 5.0),
        at_most("p50, to that of workers-oauth-provider", "≤ 0.25", p50, 0.25, ""),
        at_least("bare forwarder, to that of the base", "≥ 1.8", ratio("forwarder", "forwarder-base"), 1.8),
        at_most(
            "cost of 114 KB of configuration, to 500 bytes",
            "≤ 1.05",
            ratio("large", "small").map(|ratio| 1.0 / ratio),
            1.05,
            "",
        ),
        at_least("a bad token refused, to the authenticated call", "≥ 1.5", ratio("refused", "small"), 1.5),
        at_least(
            "authenticated `tools/call` with metrics, to the same without",
            "≥ 0.97",
            ratio("measured", "small"),
            0.97,
        ),
        at_most(
            "cost of a call with another issuer's token, used again, to one with ours",
            "≤ 1.1",
            other_issuer.map(|ratio| 1.0 / ratio),
            1.1,
            "",
        ),
        Aim {
            what: "store operations of an authenticated call",
            aim: "1 read, no write",
            measured: store.map(|store| {
                let text = format!("{} read, {} written", number(store.reads), number(store.writes));
                (text, store.reads <= 1.0 && store.writes <= 0.0)
            }),
        },
        at_most("system calls besides those of the connections", "≤ 6", others, 6.0, ""),
        at_most(
            "start to first answer, compiled before",
            "≤ 300 ms",
            start(NOW).map(|start| start.warm_ms),
            300.0,
            "ms",
        ),
        at_most(
            "start to first answer, for the first time, from the archive",
            "≤ 2 s",
            start(ARCHIVE).map(|start| start.cold_ms / 1e3),
            2.0,
            "s",
        ),
        at_most(
            "memory of an idle stream, of 1,000",
            "≤ 256 KiB",
            streams.map(|own| own.idle_bytes_each / 1024.0),
            256.0,
            "KiB",
        ),
        at_most("an event through Gatehouse, p99", "≤ 1 ms", streams.map(|own| own.delay.p99_ms), 1.0, "ms"),
        at_most(
            "processors for 200 streams with 50 events a second each",
            "< 1",
            streams.and_then(|own| own.processor_share_each),
            1.0,
            "",
        ),
        at_most(
            "growth of a request's cost from 10² to 10⁶ sessions",
            "< 10 %",
            sessions.map(|ratio| (1.0 / ratio - 1.0) * 100.0),
            10.0,
            "%",
        ),
        at_most(
            "`print(sum(range(10)))` in a sandbox, through the gateway, p50",
            "≤ 60 ms",
            sandboxes.and_then(Sandboxes::python_p50_ms),
            60.0,
            "ms",
        ),
        at_most(
            "time of five Python programs in a sandbox, to the machine's own Python: the worst",
            "≤ 4",
            sandboxes.and_then(Sandboxes::worst_factor),
            4.0,
            "",
        ),
    ]
}

fn at_least(what: &'static str, aim: &'static str, value: Option<f64>, least: f64) -> Aim {
    Aim { what, aim, measured: value.map(|value| (number(value), value >= least)) }
}

fn at_most(what: &'static str, aim: &'static str, value: Option<f64>, most: f64, unit: &str) -> Aim {
    let text = |value| format!("{} {unit}", number(value)).trim_end().to_owned();
    Aim { what, aim, measured: value.map(|value| (text(value), value <= most)) }
}

/// A number with the digits that mean something.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        large if large >= 1000.0 => with_separators(value),
        large if large >= 100.0 => format!("{value:.0}"),
        large if large >= 10.0 => trimmed(format!("{value:.1}")),
        large if large >= 0.1 => trimmed(format!("{value:.2}")),
        _ => trimmed(format!("{value:.3}")),
    }
}

fn trimmed(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn with_separators(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// What was measured, as the page names it.
pub fn checkout_name(id: &str) -> &str {
    match id {
        NOW => "this commit",
        ARCHIVE => "this commit, from its archive",
        BASE => "the base",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::{Calls, Origin, Point, Ratio, Run};
    use super::super::sandboxes;
    use super::*;

    fn aim<'a>(aims: &'a [Aim], what: &str) -> &'a Aim {
        aims.iter().find(|aim| aim.what == what).unwrap()
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        assert!(aims(&Results::default()).iter().all(|aim| aim.measured.is_none()));
    }

    #[test]
    fn a_ratio_is_met_at_its_aim_and_a_cost_is_the_ratio_the_other_way_round() {
        let ratio =
            |of: &str, to: &str, median| Ratio { of: of.to_owned(), to: to.to_owned(), median, half_width: 0.01 };
        let ratios =
            vec![ratio("small", "small-base", 3.0), ratio("small", "forwarder", 0.79), ratio("large", "small", 0.96)];
        let mut results = Results::default();
        results.take(Run { calls: Some(Calls { ratios, ..Calls::default() }), ..Run::default() }, &Origin::default());
        let aims = aims(&results);
        assert_eq!(aim(&aims, "authenticated `tools/call`, to the base").measured, Some(("3".to_owned(), true)));
        let to_floor = aim(&aims, "authenticated `tools/call`, to the bare forwarder");
        assert_eq!(to_floor.measured, Some(("0.79".to_owned(), false)));
        let large = aim(&aims, "cost of 114 KB of configuration, to 500 bytes");
        assert_eq!(large.measured, Some(("1.04".to_owned(), true)));
    }

    #[test]
    fn the_cost_of_another_issuers_token_is_that_of_a_plain_route_over_it() {
        let point = |name: &str, ratio| Point { name: name.to_owned(), x: 0, per_second: 1.0, ratio, half_width: 0.01 };
        for (ratio, measured) in [(0.92, ("1.09", true)), (0.9, ("1.11", false))] {
            let points = vec![point("a plain route", 1.0), point("another issuer's token, used again", ratio)];
            let mut results = Results::default();
            results.take(Run { features: Some(points), ..Run::default() }, &Origin::default());
            let cost = "cost of a call with another issuer's token, used again, to one with ours";
            let expected = Some((measured.0.to_owned(), measured.1));
            assert_eq!(aim(&aims(&results), cost).measured, expected);
        }
    }

    #[test]
    fn the_worst_of_the_programs_in_a_sandbox_must_meet_the_aim_and_the_run_of_python_is_that_without_files() {
        let call = |id: &str, files_mebibytes, p50_ms| sandboxes::Call {
            id: id.to_owned(),
            files_mebibytes,
            p50_ms,
            ..sandboxes::Call::default()
        };
        let program = |factor| sandboxes::Program { factor, ..sandboxes::Program::default() };
        let measured = Sandboxes {
            calls: vec![call("shell", 0, 9.0), call("python", 7, 300.0), call("python", 0, 60.0)],
            programs: vec![program(2.0), program(4.5), program(3.0)],
            ..Sandboxes::default()
        };
        let mut results = Results::default();
        results.take(Run { sandboxes: Some(measured), ..Run::default() }, &Origin::default());
        let aims = aims(&results);
        let python = aim(&aims, "`print(sum(range(10)))` in a sandbox, through the gateway, p50");
        assert_eq!(python.measured, Some(("60 ms".to_owned(), true)));
        let worst = aim(&aims, "time of five Python programs in a sandbox, to the machine's own Python: the worst");
        assert_eq!(worst.measured, Some(("4.5".to_owned(), false)));
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let texts = [12_345.6, 1_000.0, 999.4, 99.94, 10.0, 3.0, 0.567, 0.0, 0.01234, -2.5].map(number);
        assert_eq!(texts, ["12,346", "1,000", "999", "99.9", "10", "3", "0.57", "0", "0.012", "-2.5"]);
        assert_eq!(number(f64::NAN), "–");
    }
}
