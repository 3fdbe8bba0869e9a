//! The log of the real binary, when nobody reads it, or its reader dies: standard error is a pipe of this process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use gatehouse_testing_application::{MANIFEST, application};
use serde_json::Value;

const HEALTH: &str = "/.well-known/spin/health";
/// More lines than a pipe of 64 KiB and the queue of these tests hold.
const MANY: usize = 400;

/// A host that runs, with a queue for 20 lines.
struct Host {
    process: Child,
    out: Lines<BufReader<ChildStdout>>,
    address: String,
    _directory: tempfile::TempDir,
}

impl Host {
    fn start(when_full: &str) -> Self {
        let directory = application(MANIFEST);
        let mut process = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
            .current_dir(directory.path())
            .args(["up", "--listen", "127.0.0.1:0", "--log-queue-lines", "20", "--when-log-is-full", when_full])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = out.next().unwrap().unwrap().strip_prefix("Serving http://").unwrap().to_owned();
        out.next().unwrap().unwrap();
        Self { process, out, address, _directory: directory }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // Without an answer the test fails, and does not wait for ever.
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// The status of a request that leads nowhere, and whose line is as long as lines get.
    fn status(&self) -> u16 {
        let response = self.get(&format!("/{}", "a".repeat(1000)));
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn terminate(&self) {
        assert!(Command::new("kill").arg(self.process.id().to_string()).status().unwrap().success());
    }

    fn next_line_of_output(&mut self) -> String {
        self.out.next().unwrap().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The numbers of requests' lines and of lines of the host that contain `part`.
fn count(lines: &[Value], part: &str) -> (usize, usize) {
    let of_requests = lines.iter().filter(|line| line["event"] == "request-ended").count();
    let of_host = lines.iter().filter(|line| line["event"] == "notice" && line.to_string().contains(part)).count();
    (of_requests, of_host)
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The number that the message of a line of the host begins with, for those that contain `part`, in all.
fn sum(lines: &[Value], part: &str) -> usize {
    let messages = lines.iter().filter_map(|line| line["message"].as_str()).filter(|message| message.contains(part));
    messages.map(|message| message.split(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[test]
fn a_log_that_nobody_reads_stops_no_answer_and_every_line_is_written_or_counted() {
    let mut host = Host::start("drop");
    for _ in 0..MANY {
        assert_eq!(host.status(), 404);
    }
    assert!(host.get(HEALTH).ends_with("\r\n\r\nOK"));
    host.terminate();
    let mut log = String::new();
    host.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
    let lines = parse(&log);
    let (requests, stopping) = count(&lines, "stopping");
    let dropped = sum(&lines, "lines were dropped here");
    assert!(dropped > 0);
    assert_eq!(requests + stopping + dropped, MANY + 2);
}

#[test]
fn where_the_operator_wants_every_line_requests_are_refused_until_the_log_is_read_and_none_is_lost() {
    let mut host = Host::start("refuse");
    let mut answered = 0;
    while host.status() == 404 {
        answered += 1;
        assert!(answered < MANY, "requests are answered although nobody reads the log");
    }
    let refused = host.get("/elsewhere");
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let health = host.get(HEALTH);
    assert!(health.starts_with("HTTP/1.1 503 ") && health.ends_with("\r\n\r\nthe log is full"), "{health}");

    let mut log = BufReader::new(host.process.stderr.take().unwrap()).lines();
    let mut lines = Vec::new();
    while sum(&lines, "requests were refused") == 0 {
        lines.push(serde_json::from_str::<Value>(&log.next().unwrap().unwrap()).unwrap());
    }
    assert!(host.get(HEALTH).ends_with("\r\n\r\nOK"));
    assert_eq!(host.status(), 404);
    host.terminate();
    lines.extend(log.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()));
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
    assert_eq!(count(&lines, "stopping"), (answered + 2, 1));
    assert_eq!((sum(&lines, "requests were refused"), sum(&lines, "lines were dropped")), (2, 0));
}

#[test]
fn a_log_whose_reader_is_gone_is_an_alarm_and_requests_go_on() {
    let mut host = Host::start("drop");
    drop(host.process.stderr.take());
    assert_eq!(
        host.next_line_of_output(),
        "gatehouse: nobody reads the log on standard error; requests go on without a log"
    );
    let health = host.get(HEALTH);
    assert!(health.starts_with("HTTP/1.1 503 ") && health.ends_with("\r\n\r\nthe log is closed"), "{health}");
    for _ in 0..MANY {
        assert_eq!(host.status(), 404);
    }
    host.terminate();
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
    assert!(host.out.next().is_none(), "it is said once");
}

#[test]
fn where_the_operator_wants_every_line_the_host_ends_when_the_logs_reader_is_gone() {
    let mut host = Host::start("refuse");
    drop(host.process.stderr.take());
    assert_eq!(host.next_line_of_output(), "gatehouse: nobody reads the log on standard error; the host stops");
    assert_eq!(host.process.wait().unwrap().code(), Some(1));
}

#[test]
fn a_host_that_is_to_end_does_not_wait_for_ever_for_its_logs_reader() {
    let mut host = Host::start("drop");
    for _ in 0..MANY {
        assert_eq!(host.status(), 404);
    }
    host.terminate();
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
    let line = host.next_line_of_output();
    assert!(line.ends_with(" lines of the log could not be written"), "{line}");
}
