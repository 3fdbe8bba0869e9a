//! Programs that compute: in the sandbox, and by the machine's own `python3`.

use serde_json::{Value, json};
use tokio::process::Command;

use super::super::setup::Setup;
use super::super::statistics::median;
use super::client::python;
use super::scene::Application;

/// How often each is run on both sides, after a round that does not count.
const ROUNDS: usize = 7;

/// The programs. Each says what it has come to, which must be the same on both sides.
const PROGRAMS: [(&str, &str); 5] = [
    (
        "`fib(25)`, recursive",
        "
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(25))
",
    ),
    (
        "200,000 operations of a dictionary and of formatting",
        "
counts = {}
for i in range(200_000):
    key = f'k{i % 1000}'
    counts[key] = counts.get(key, 0) + i
print(len(counts), counts['k7'])
",
    ),
    (
        "3,000,000 additions in a loop",
        "
total = 0
for i in range(3_000_000):
    total += i * 2
print(total)
",
    ),
    (
        "`re`, `sha256`, `decimal`, `statistics`",
        r"
import decimal, hashlib, re, statistics
text = 'the quick brown fox 12345 ' * 2000
for _ in range(3):
    words = len(re.findall(r'\b[a-z]+\b', text))
digest = b'x'
for _ in range(10_000):
    digest = hashlib.sha256(digest).digest()
root = decimal.Decimal(2)
for _ in range(2_000):
    root = (root + decimal.Decimal(2) / root) / 2
numbers = [n * 7919 % 10_007 for n in range(10_000)]
print(words, digest.hex()[:8], round(root, 5), round(statistics.stdev(numbers), 3), statistics.median(numbers))
",
    ),
    (
        "sorting, JSON and classes",
        "
import json, random
class Point:
    def __init__(self, place, number):
        self.place = place
        self.number = number
chance = random.Random(1)
points = [Point(chance.random(), number) for number in range(30_000)]
points.sort(key=lambda point: point.place)
text = json.dumps([{'place': point.place, 'number': point.number} for point in points])
print(len(json.loads(text)), points[0].number, len(text))
",
    ),
];

/// Times of a program on both sides, in milliseconds.
#[derive(Default)]
struct Times {
    sandbox: Vec<f64>,
    native: Vec<f64>,
}

/// Measures them, by turns; and what the machine's Python is.
pub(super) async fn run(setup: &Setup, running: &Application) -> (String, Vec<Value>) {
    let client = running.direct();
    let id = client.launch().await.unwrap_or_else(|answer| panic!("no environment: {answer}"));
    let mut times: [Times; PROGRAMS.len()] = Default::default();
    for round in 0..=setup.turns.unwrap_or(ROUNDS).min(ROUNDS) {
        for ((name, program), times) in PROGRAMS.iter().zip(&mut times) {
            let code = timed(program);
            let (result, sandbox) = read(&client.output(python(&id, &code)).await);
            let (expected, native) = read(&by_the_machine(&["-c", &code]).await);
            assert_eq!(result, expected, "{name}");
            if round > 0 {
                times.sandbox.push(sandbox);
                times.native.push(native);
            }
        }
    }
    let native = by_the_machine(&["-c", "import platform\nprint(platform.python_version())"]).await;
    let results = PROGRAMS.iter().zip(&times).map(|((name, _), times)| {
        let (sandbox, native) = (median(&times.sandbox), median(&times.native));
        json!({ "name": name, "sandbox_ms": sandbox, "native_ms": native, "factor": sandbox / native })
    });
    (native.trim().to_owned(), results.collect())
}

/// A program that runs another one, with names of its own so that none is kept, and writes how many seconds it has taken.
fn timed(program: &str) -> String {
    // Every text of JSON that is ASCII is one of Python.
    format!(
        "import time\nbegun = time.perf_counter()\nexec(compile({}, 'program', 'exec'), {{}})\nprint(time.perf_counter() - begun)",
        json!(program)
    )
}

/// What a program has come to, and its time in milliseconds.
fn read(output: &str) -> (String, f64) {
    let lines = output.trim_end().rsplit_once('\n');
    let (result, seconds) = lines.unwrap_or_else(|| panic!("no time: {output:?}"));
    (result.to_owned(), seconds.parse::<f64>().unwrap_or_else(|_| panic!("no time: {output:?}")) * 1e3)
}

/// What the machine's Python writes.
async fn by_the_machine(arguments: &[&str]) -> String {
    let output = Command::new("python3").args(arguments).output().await.expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_time_and_what_is_before_it_the_result() {
        assert_eq!(read("75025\nmore\n0.25\n"), ("75025\nmore".to_owned(), 250.0));
    }

    #[tokio::test]
    async fn each_program_runs_with_names_of_its_own_and_says_how_long() {
        for (name, program) in PROGRAMS {
            let code = format!("{}\nprint(sorted(dir()))", timed(program));
            let output = by_the_machine(&["-c", &code]).await;
            let (before, names) = output.trim_end().rsplit_once('\n').unwrap();
            let (result, milliseconds) = read(before);
            assert!(!result.is_empty() && milliseconds > 0.0, "{name}: {output}");
            let own: Vec<&str> = names.split('\'').filter(|name| name.starts_with(char::is_alphabetic)).collect();
            assert_eq!(own, ["begun", "time"], "{name}");
        }
    }
}
