//! The tables of the page, as Markdown.

use super::aims::{Aim, checkout_name, number};
use super::results::{Calls, Case, Counts, Curve, Host, Point, Start, Streams};
use super::sizes::Sizes;

/// The aims, with what was measured.
pub fn aims(aims: &[Aim]) -> String {
    let verdict = |met: bool| if met { "met" } else { "**not met**" };
    let rows = aims.iter().map(|aim| {
        let (measured, verdict) = match &aim.measured {
            Some((text, met)) => (text.as_str(), verdict(*met)),
            None => ("", "not measured"),
        };
        vec![aim.what.to_owned(), aim.aim.to_owned(), measured.to_owned(), verdict.to_owned()]
    });
    table(&["What", "Aim", "Measured", ""], rows)
}

/// The main table: what was measured.
pub fn calls(calls: &Calls) -> String {
    let row = |case: &Case| {
        let memory = case.memory_bytes / f64::from(1 << 20);
        let numbers =
            [case.per_second, case.p50_ms, case.p99_ms, case.alone_p50_ms, case.processor_us, memory].map(number);
        std::iter::once(case.name.clone()).chain(numbers).collect()
    };
    let head =
        ["", "requests/s", "p50, ms", "p99, ms", "p50 at one connection, ms", "processor, µs a request", "memory, MiB"];
    table(&head, calls.cases.iter().map(row))
}

/// The main table as ratios.
pub fn call_ratios(calls: &Calls) -> String {
    let row = |case: &Case| {
        let base = format!("{}-base", case.id);
        let columns = ["forwarder", base.as_str()].into_iter().flat_map(|other| {
            let to = calls.case(other).filter(|other| other.id != case.id);
            let rate = calls.ratios.iter().find(|ratio| ratio.of == case.id && ratio.to == other);
            let rate = rate.map(|ratio| format!("{} ± {:.0} %", number(ratio.median), ratio.half_width * 100.0));
            let ratio = |of: fn(&Case) -> f64| to.map(|to| number(of(case) / of(to))).unwrap_or_default();
            [rate.unwrap_or_default(), ratio(|case| case.alone_p50_ms), ratio(|case| case.processor_us)]
        });
        std::iter::once(case.name.clone()).chain(columns).collect()
    };
    let head = [
        "",
        "requests/s, of the forwarder",
        "p50 at one connection",
        "processor",
        "requests/s, of the base",
        "p50 at one connection",
        "processor",
    ];
    table(&head, calls.cases.iter().map(row))
}

/// The same call on other hosts.
pub fn hosts(hosts: &[Host]) -> String {
    let mut rows = Vec::new();
    for host in hosts {
        for case in &host.cases {
            let numbers = [case.per_second, case.p50_ms, case.p99_ms, case.alone_p50_ms, case.processor_us].map(number);
            let ratio = match case.id.as_str() {
                "gatehouse" => format!("{} ± {:.0} %", number(host.ratio), host.half_width * 100.0),
                _ => String::new(),
            };
            rows.push([vec![format!("{}: {}", host.name, case.name)], numbers.to_vec(), vec![ratio]].concat());
        }
        if host.cases.is_empty() {
            let empty = vec![String::new(); 5];
            rows.push([vec![host.name.clone(), "not run: the machine did not have it".to_owned()], empty].concat());
        }
    }
    let head = [
        "",
        "requests/s",
        "p50, ms",
        "p99, ms",
        "p50 at one connection, ms",
        "processor, µs a request",
        "requests/s, of the forwarder there",
    ];
    table(&head, rows.into_iter())
}

/// Operations of the store.
pub fn store(counts: &Counts) -> String {
    let rows = counts.store.iter().map(|kind| vec![kind.kind.clone(), number(kind.reads), number(kind.writes)]);
    table(&["A request", "reads", "writes"], rows)
}

/// System calls, by name; those that happen less than once in ten requests are only in the sums.
pub fn system_calls(counts: &Counts) -> String {
    if counts.system_calls.is_empty() {
        return "They were not counted: there was no strace, or it could not trace.\n".to_owned();
    }
    let mut names: Vec<(&str, bool)> = Vec::new();
    for call in counts.system_calls.iter().flat_map(|case| &case.calls).filter(|call| call.each >= 0.1) {
        if !names.iter().any(|(name, of_connections)| *name == call.name && *of_connections == call.of_connections) {
            names.push((&call.name, call.of_connections));
        }
    }
    names.sort_by_key(|(name, of_connections)| (*of_connections, name.to_owned()));
    let head: Vec<&str> =
        std::iter::once("").chain(counts.system_calls.iter().map(|case| case_name(&case.id))).collect();
    let sums = [("besides the connections", false), ("of the connections", true)];
    let mut rows = Vec::new();
    for (title, of_connections) in sums {
        let sum = |case: &super::results::SystemCalls| if of_connections { case.of_connections } else { case.others };
        let sums = counts.system_calls.iter().map(|case| format!("**{}**", number(sum(case))));
        rows.push(std::iter::once(format!("**{title}**")).chain(sums).collect());
        for (name, _) in names.iter().filter(|(_, of)| *of == of_connections) {
            let each = counts.system_calls.iter().map(|case| {
                let call = case.calls.iter().find(|call| call.name == *name && call.of_connections == of_connections);
                call.map(|call| number(call.each)).unwrap_or_default()
            });
            rows.push(std::iter::once(format!("`{name}`")).chain(each).collect());
        }
    }
    table(&head, rows.into_iter())
}

fn case_name(id: &str) -> &str {
    match id {
        "forwarder" => "forwarder",
        "small" => "Gatehouse",
        "forwarder-base" => "forwarder, base",
        "small-base" => "Gatehouse, base",
        "other-issuer" => "Gatehouse, another issuer's token",
        other => other,
    }
}

/// What a route costs that does more.
pub fn features(points: &[Point]) -> String {
    let rows = points.iter().map(|point| vec![point.name.clone(), number(point.per_second), number(point.ratio)]);
    table(&["", "requests/s", "of a plain route"], rows)
}

/// Starts.
pub fn start(starts: &[Start]) -> String {
    let rows = starts.iter().map(|start| {
        let numbers = [start.warm_ms, start.warm_processor_ms, start.cold_ms, start.cold_processor_ms].map(number);
        std::iter::once(checkout_name(&start.id).to_owned()).chain(numbers).collect()
    });
    table(&["", "compiled before, ms", "of a processor, ms", "for the first time, ms", "of a processor, ms"], rows)
}

/// What is built, and what a host makes of it.
pub fn sizes(sizes: &[Sizes], starts: &[Start]) -> String {
    let head: Vec<&str> = std::iter::once("").chain(sizes.iter().map(|one| checkout_name(&one.id))).collect();
    let compiled = |id: &str| starts.iter().find(|start| start.id == id).map(|start| start.compiled_bytes);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in sizes.iter().flat_map(|one| &one.numbers) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for name in names {
        let numbers = sizes.iter().map(|one| {
            let found = one.numbers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| number(*value as f64)).unwrap_or_default()
        });
        rows.push(std::iter::once(name.to_owned()).chain(numbers).collect());
    }
    let code = sizes.iter().map(|one| compiled(&one.id).map(|bytes| number(bytes as f64)).unwrap_or_default());
    rows.push(std::iter::once("bytes of compiled code".to_owned()).chain(code).collect());
    table(&head, rows.into_iter())
}

/// The growth curves, a line each.
pub fn growth(curves: &[Curve]) -> String {
    let rows = curves.iter().map(|curve| {
        let points: Vec<String> =
            curve.points.iter().map(|point| format!("{}: {}", number(point.x as f64), number(point.ratio))).collect();
        let first = curve.points.first().map(|point| number(point.per_second)).unwrap_or_default();
        vec![curve.x.clone(), first, points.join(" · ")]
    });
    table(&["More", "requests/s at first", "number: requests/s, of the first"], rows)
}

/// Event streams.
pub fn streams(streams: &[Streams]) -> String {
    let rows = streams.iter().map(|one| {
        let share = |share: Option<f64>| share.map_or("the machine cannot make so many".to_owned(), number);
        vec![
            checkout_name(&one.id).to_owned(),
            number(one.idle_bytes_each / 1024.0),
            number(one.idle_mapped_bytes_each / 1024.0),
            format!("{} / {}", number(one.delay.p50_ms), number(one.delay.p99_ms)),
            format!("{} / {}", number(one.direct_delay.p50_ms), number(one.direct_delay.p99_ms)),
            share(one.processor_share_in_all),
            share(one.processor_share_each),
        ]
    });
    let head = [
        "",
        "memory of an idle stream, KiB",
        "mapped by it, KiB",
        "an event through it, ms (p50 / p99)",
        "without it",
        "processors, 50 events/s in all",
        "processors, 50 events/s on each",
    ];
    table(&head, rows)
}

/// A table; the first column is text, the others are numbers.
pub fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rule: Vec<&str> = head.iter().enumerate().map(|(index, _)| if index == 0 { "---" } else { "---:" }).collect();
    let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head) + &format!("|{}|\n", rule.join("|"));
    for row in rows {
        text += &line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::results::{Ratio, SystemCall, SystemCalls};
    use super::*;

    fn case(id: &str, alone_p50_ms: f64) -> Case {
        Case { id: id.to_owned(), name: id.to_owned(), alone_p50_ms, processor_us: 100.0, ..Case::default() }
    }

    #[test]
    fn a_case_has_ratios_to_the_forwarder_and_to_its_own_base_and_none_to_itself() {
        let ratio =
            |of: &str, to: &str, median| Ratio { of: of.to_owned(), to: to.to_owned(), median, half_width: 0.02 };
        let calls = Calls {
            cases: vec![case("forwarder", 0.2), case("small", 0.4), case("small-base", 1.2)],
            ratios: vec![ratio("small", "forwarder", 0.5), ratio("small", "small-base", 3.0)],
            ..Calls::default()
        };
        let text = call_ratios(&calls);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines[0], "| forwarder |  |  |  |  |  |  |");
        assert_eq!(lines[1], "| small | 0.5 ± 2 % | 2 | 1 | 3 ± 2 % | 0.33 | 1 |");
        assert_eq!(lines[2], "| small-base |  | 6 | 1 |  |  |  |");
    }

    #[test]
    fn rare_system_calls_are_only_in_the_sums() {
        let call = |name: &str, of_connections, each| SystemCall { name: name.to_owned(), of_connections, each };
        let calls = vec![call("futex", false, 2.0), call("mprotect", false, 0.05), call("writev", true, 2.0)];
        let case = SystemCalls { id: "small".to_owned(), of_connections: 2.0, others: 2.05, calls };
        let text = system_calls(&Counts { system_calls: vec![case], ..Counts::default() });
        let lines: Vec<&str> = text.lines().skip(2).collect();
        let expected = [
            "| **besides the connections** | **2.05** |",
            "| `futex` | 2 |",
            "| **of the connections** | **2** |",
            "| `writev` | 2 |",
        ];
        assert_eq!(lines, expected);
    }
}
