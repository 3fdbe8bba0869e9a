//! The tables of the sandboxes, as Markdown.

use super::aims::number;
use super::sandboxes::{Sandboxes, Times};
use super::tables::table;

/// All of them, each with a sentence before it.
pub fn all(sandboxes: &Sandboxes) -> String {
    let times = sandboxes.calls.iter().map(|call| call.times).max().unwrap_or_default();
    format!(
        "Calls from end to end through Gatehouse with an API key, one caller, {times} of each by turns:\n\n{}\n\
         Programs that compute, in the sandbox and by the machine's own Python {}, by turns; both measure themselves, and the \
         factor is that of the medians:\n\n{}\n\
         Milliseconds from the start of the process; the first runs are one after the other:\n\n{}\n\
         Sizes, in bytes:\n\n{}",
        calls(sandboxes),
        sandboxes.native,
        programs(sandboxes),
        starts(sandboxes),
        sizes(sandboxes),
    )
}

fn calls(sandboxes: &Sandboxes) -> String {
    let rows = sandboxes.calls.iter().map(|call| {
        let above = sandboxes.static_p50_ms().filter(|_| call.id != "static");
        let above = above.map(|floor| number(call.p50_ms - floor)).unwrap_or_default();
        vec![call.name.clone(), number(call.files_mebibytes.into()), number(call.p50_ms), number(call.p90_ms), above]
    });
    let head = ["", "files, MiB", "p50, ms", "p90, ms", "p50 above that of the server that does nothing, ms"];
    table(&head, rows)
}

fn programs(sandboxes: &Sandboxes) -> String {
    let rows = sandboxes.programs.iter().map(|program| {
        let numbers = [program.sandbox_ms, program.native_ms, program.factor].map(number);
        std::iter::once(program.name.clone()).chain(numbers).collect()
    });
    table(&["", "in the sandbox, ms", "natively, ms", "factor"], rows)
}

fn starts(sandboxes: &Sandboxes) -> String {
    let row = |name: String, times: &Times| {
        let numbers = [times.answer_ms, times.shell_ms, times.python_ms].map(number);
        std::iter::once(name).chain(numbers).collect()
    };
    let rows = sandboxes.starts.iter().flat_map(|start| {
        [
            row(format!("{}, for the first time", start.host), &start.first),
            row(format!("{}, again", start.host), &start.again),
        ]
    });
    table(&["", "first answer of `sandbox`", "first run of the shell", "first run of Python"], rows)
}

fn sizes(sandboxes: &Sandboxes) -> String {
    let rows = sandboxes.artefacts.iter().map(|artefact| {
        let compiled = artefact.compiled_bytes.map(|bytes| number(bytes as f64)).unwrap_or_default();
        vec![format!("`{}`", artefact.name), number(artefact.bytes as f64), compiled]
    });
    table(&["", "artefact", "its compiled code"], rows)
}

#[cfg(test)]
mod tests {
    use super::super::sandboxes::{Artefact, Call, Program, Start};
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.lines().skip(2).collect()
    }

    #[test]
    fn a_call_is_told_beside_that_of_a_server_that_does_nothing() {
        let call = |id: &str, files_mebibytes, p50_ms| Call {
            id: id.to_owned(),
            name: id.to_owned(),
            files_mebibytes,
            times: 50,
            p50_ms,
            p90_ms: 2.0 * p50_ms,
        };
        let calls = vec![call("static", 0, 1.5), call("python", 7, 301.5)];
        let sandboxes = Sandboxes { calls, ..Sandboxes::default() };
        assert_eq!(
            lines(&super::calls(&sandboxes)),
            ["| static | 0 | 1.5 | 3 |  |", "| python | 7 | 302 | 603 | 300 |"]
        );
        assert!(all(&sandboxes).contains("one caller, 50 of each"));
    }

    #[test]
    fn programs_starts_and_sizes_have_a_line_each() {
        let program = Program { name: "loop".to_owned(), sandbox_ms: 600.0, native_ms: 200.0, factor: 3.0 };
        let times = |answer_ms| Times { answer_ms, shell_ms: answer_ms + 10.0, python_ms: answer_ms + 20.0 };
        let start = Start { host: "a host".to_owned(), first: times(9000.0), again: times(50.0) };
        let artefact = |compiled_bytes| Artefact { name: "a.wasm".to_owned(), bytes: 1_600_000, compiled_bytes };
        let sandboxes = Sandboxes {
            programs: vec![program],
            starts: vec![start],
            artefacts: vec![artefact(Some(6_000_000)), artefact(None)],
            ..Sandboxes::default()
        };
        assert_eq!(lines(&programs(&sandboxes)), ["| loop | 600 | 200 | 3 |"]);
        let expected = ["| a host, for the first time | 9,000 | 9,010 | 9,020 |", "| a host, again | 50 | 60 | 70 |"];
        assert_eq!(lines(&starts(&sandboxes)), expected);
        assert_eq!(lines(&sizes(&sandboxes)), ["| `a.wasm` | 1,600,000 | 6,000,000 |", "| `a.wasm` | 1,600,000 |  |"]);
    }
}
