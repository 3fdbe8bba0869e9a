//! Guests that are ended before they are done: what the log says of them, and of whose request.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gatehouse_host::{Application, CapturedLog, Options, Running, WallClock};
use gatehouse_testing_application::application_of_guest;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const COMPUTE: Duration = Duration::from_millis(200);
const REQUEST: &[u8] = b"GET /trap/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const FOR_EVER: &str = "(loop $again (br $again))";

async fn serve(directory: &tempfile::TempDir, change: impl FnOnce(&mut Options)) -> (Running, Arc<CapturedLog>) {
    let log = Arc::new(CapturedLog::new());
    let mut options = Options::new(directory.path().join("state"));
    options.cache_directory = Some(directory.path().join("cache"));
    options.log = log.clone();
    change(&mut options);
    let application = Application::load(directory.path(), options).await.unwrap();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    (application.serve(any_port).await.unwrap(), log)
}

async fn answer(running: &Running) -> String {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn line(log: &CapturedLog, part: &str) -> Value {
    serde_json::from_str(&log.wait_for(|line| line.contains(part)).await).unwrap()
}

/// What the lines about `request` say, in their order, but for the request's own line, which another task writes.
fn said(log: &CapturedLog, request: &Value) -> Vec<String> {
    let lines = log.lines();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let about = lines.filter(|line| line["request_id"] == *request && line["event"] != "request-ended");
    about.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_guest_that_computes_for_too_long_is_stopped_and_all_lines_about_it_have_its_requests_id() {
    let directory = application_of_guest("alice may\nbegin", FOR_EVER);
    let (running, log) = serve(&directory, |options| options.limits.compute = COMPUTE).await;
    let response = answer(&running).await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    let stopped = line(&log, "the component was stopped: it computed for more than 0.2 s").await;
    let answered = line(&log, "request-ended").await;
    assert_eq!((&answered["status"], &answered["request_id"]), (&Value::from(500), &stopped["request_id"]));
    assert_eq!(
        said(&log, &stopped["request_id"]),
        ["alice may", "begin", "the component was stopped: it computed for more than 0.2 s"]
    );
    assert!(running.shutdown(COMPUTE).await);
}

#[tokio::test]
async fn a_guest_that_traps_has_said_before_whose_request_it_was() {
    let directory = application_of_guest("alice may", "unreachable");
    let (running, log) = serve(&directory, |_| {}).await;
    let (first, second) = tokio::join!(answer(&running), answer(&running));
    assert!(first.starts_with("HTTP/1.1 500 ") && second.starts_with("HTTP/1.1 500 "));
    assert!(running.shutdown(COMPUTE).await);
    let lines: Vec<Value> = log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&Value> =
        lines.iter().filter(|line| line["event"] == "request-ended").map(|line| &line["request_id"]).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        let said = said(&log, id);
        assert_eq!(said[0], "alice may");
        assert!(said[1].starts_with("the component failed: wasm trap: ") && said.len() == 2, "{said:?}");
    }
}

#[tokio::test]
async fn a_guest_knows_the_id_of_its_request_and_the_answer_says_it() {
    // The value of the second variable. Each has four numbers: where its name and its value are, each with its length.
    let then = "(call $environment (i32.const 32))
        (local.set $i (i32.add (i32.load (i32.const 32)) (i32.const 16)))
        (call $say (i32.load offset=8 (local.get $i)) (i32.load offset=12 (local.get $i)))";
    let directory = application_of_guest("id ", then);
    let (running, log) = serve(&directory, |_| {}).await;
    let response = answer(&running).await;
    let answered = line(&log, "request-ended").await;
    let id = answered["request_id"].as_str().unwrap();
    assert!(response.contains(&format!("\r\nx-request-id: {id}\r\n")), "{response}");
    let of_guest = line(&log, &format!("\"message\":\"id {id}\"")).await;
    assert_eq!((&of_guest["request_id"], &of_guest["guest"]), (&answered["request_id"], &Value::from("trap")));
    assert!(running.shutdown(COMPUTE).await);
}

/// Each request has a sandbox of its own: whatever one has left in its memory, in pages that it added, or in a global
/// variable, no other finds, on the same connection or on the same place of the pool.
#[tokio::test]
async fn nothing_that_a_request_leaves_in_its_sandbox_is_found_by_a_later_one() {
    // Three digits: how often this memory was counted up, how many pages it has after one more, and whether the last word of
    // that page, and the global variable that an allocation moves, were as they are at the beginning.
    let then = "(local.set $i (i32.add (i32.load (i32.const 40000)) (i32.const 1)))
        (i32.store (i32.const 40000) (local.get $i))
        (i32.store8 (i32.const 128) (i32.add (i32.const 48) (local.get $i)))
        (drop (memory.grow (i32.const 1)))
        (i32.store8 (i32.const 129) (i32.add (i32.const 48) (memory.size)))
        (local.set $i (i32.or (i32.load (i32.const 131068)) (i32.ne (global.get $free) (i32.const 32768))))
        (i32.store8 (i32.const 130) (i32.add (i32.const 48) (local.get $i)))
        (i32.store (i32.const 131068) (i32.const 1))
        (global.set $free (i32.const 50000))
        (call $say (i32.const 128) (i32.const 3))";
    let directory = application_of_guest("left ", then);
    let (running, log) = serve(&directory, |_| {}).await;
    for _ in 0..8 {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(&[b"GET /trap/ HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST].concat()).await.unwrap();
        stream.read_to_string(&mut String::new()).await.unwrap();
    }
    assert!(running.shutdown(COMPUTE).await);
    let lines = log.lines();
    let left: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once("\"message\":\"left ")?.1)).collect();
    assert_eq!(left.len(), 16, "{lines:?}");
    assert!(left.iter().all(|left| left.starts_with("120\"")), "{left:?}");
}

#[tokio::test]
async fn a_guests_json_is_merged_into_the_hosts_line() {
    let says = r#"{"component":"gateway","event":"begun","subject":"demo:alice"}"#;
    let directory = application_of_guest(says, "unreachable");
    let (running, log) = serve(&directory, |_| {}).await;
    let _ = answer(&running).await;
    let failed = line(&log, "the component failed").await;
    let begun = line(&log, "begun").await;
    assert_eq!((&begun["component"], &begun["subject"]), (&Value::from("gateway"), &Value::from("demo:alice")));
    assert_eq!((&begun["request_id"], &begun["stream"]), (&failed["request_id"], &Value::from("stderr")));
    assert!(running.shutdown(COMPUTE).await);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_has_a_line() {
    let directory = application_of_guest("alice may\n", FOR_EVER);
    let (running, log) = serve(&directory, |_| {}).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let begun = line(&log, "alice may").await;
    drop(stream);
    let left = line(&log, "the connection ended before the answer began").await;
    let answered = line(&log, "request-ended").await;
    assert_eq!((&left["request_id"], &answered["request_id"]), (&begun["request_id"], &begun["request_id"]));
    assert_eq!((&answered["status"], &answered["complete"]), (&Value::Null, &Value::from(false)));
    let _ = running.shutdown(Duration::ZERO).await;
    assert!(said(&log, &begun["request_id"]).last().unwrap().starts_with("the component was stopped: "));
}

/// Keeps whoever asks for the time waiting while another thread computes for twice as long as a guest may: a machine
/// that has no time for this guest.
struct BusyMachine;

impl WallClock for BusyMachine {
    fn now(&self) -> Duration {
        let (done, computed) = mpsc::channel();
        thread::spawn(move || {
            let start = Instant::now();
            while start.elapsed() < COMPUTE * 2 {}
            done.send(())
        });
        computed.recv().unwrap();
        Duration::from_secs(1)
    }
}

#[tokio::test]
async fn a_guest_that_others_keep_waiting_in_the_middle_of_its_work_is_not_stopped_for_that() {
    // After the wait, enough turns of a loop for the host to look at what was spent.
    let then = "(call $now)
        (loop $again (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
        (call $say (i32.const 64) (i32.const 4))";
    let directory = application_of_guest("done", then);
    let change = |options: &mut Options| {
        options.limits.compute = COMPUTE;
        options.wall_clock = Arc::new(BusyMachine);
    };
    let (running, log) = serve(&directory, change).await;
    let _ = answer(&running).await;
    assert!(running.shutdown(COMPUTE).await);
    let answered = line(&log, "request-ended").await;
    assert_eq!(said(&log, &answered["request_id"]), ["donedone"]);
}
