use gatehouse_storage::memory::FailingStore;
use gatehouse_storage::{Key, KeyPage, StoreUnavailable};

use super::*;

/// A store in which something happens right before a certain read.
pub(super) struct Interrupted<'a> {
    pub(super) store: &'a MemoryStore,
    pub(super) reads: Cell<usize>,
    pub(super) before: usize,
    pub(super) happens: &'a dyn Fn(),
}

impl Store for Interrupted<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        if self.reads.replace(self.reads.get() + 1) == self.before {
            (self.happens)();
        }
        self.store.get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.store.put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.store.delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.store.increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.store.list(cursor)
    }
}

/// At every operation of the store at which an instance can die, or the store can be full.
#[test]
fn a_run_that_dies_at_any_step_leaves_the_former_state_or_the_new_one_whole() {
    let (mut former, mut new) = (0, 0);
    for steps in 0.. {
        let bench = Bench::new();
        let id = bench.launch("key:alice");
        bench.shell("key:alice", &id, "a");
        let arguments = json!({ "environmentId": id, "shellCommand": "b" });
        let dying = FailingStore::after(steps, &bench.store);
        let result = bench.call_in(&dying, "key:alice", "runShellCommandInRemoteEnvironment", arguments);
        let is_whole = result["isError"] == false;
        // When the root is written, two operations look whether an administrator has ended the environment, and two give the place among the subject's runs back. Whoever comes after an instance that has died waits until its right to run is over.
        bench.advance(120);
        let next = bench.shell("key:alice", &id, "c");
        let said = next["structuredContent"]["stdout"].as_str().unwrap_or_else(|| panic!("{steps}: {next}"));
        match said {
            "http://shell.example/run state a,c, files a;c;" => former += 1,
            "http://shell.example/run state a,b,c, files a;b;c;" => new += 1,
            other => panic!("{steps}: {other}"),
        }
        // What was said to be kept is kept, and what was said to be lost is not there.
        assert_eq!(is_whole, new > 0, "{steps}: {result}");
        if !is_whole {
            assert!(
                ["The store", "The run has ended, and then"].iter().any(|said| text_of(&result).starts_with(said)),
                "{result}"
            );
        }
        if is_whole && bench.log()[2]["reason"].is_null() {
            break;
        }
    }
    assert!(former > 5 && new == 5, "{former} {new}");
}

#[test]
fn a_launch_that_dies_is_told_and_the_next_one_is_none_the_worse() {
    for steps in 0..10 {
        let bench = Bench::with_settings("environments_per_subject = 1");
        let dying = FailingStore::after(steps, &bench.store);
        let result = bench.call_in(&dying, "key:alice", "launchShell", json!({}));
        assert!(result["isError"] == true && text_of(&result).contains("does not answer"), "{steps}: {result}");
        assert_eq!(bench.log()[0]["decision"], "failed");
        bench.advance(600);
        bench.launch("key:alice");
    }
}

#[test]
fn an_environment_that_lost_an_entry_is_said_to_be_lost_and_others_are_not() {
    let bench = Bench::new();
    let (id, other) = (bench.launch("key:alice"), bench.launch("key:alice"));
    let large =
        |_: &str, _: Run| whole(&[Frame::Ended(Outcome { changed: vec![file("big", &[7; 100_000])], ..outcome() })]);
    bench.interpreters(large);
    bench.shell("key:alice", &id, "x");
    bench.shell("key:alice", &other, "x");
    let keys = bench.store.list(None).unwrap().keys;
    let chunks: Vec<_> = keys.into_iter().filter(|key| key.kind() == "sandbox-chunk").collect();
    let mut lost = 0;
    for chunk in chunks {
        let value = bench.store.get(&chunk).unwrap().unwrap();
        bench.store.delete(&chunk).unwrap();
        for id in [&id, &other] {
            let result = bench.shell("key:alice", id, "y");
            if result["isError"] == true {
                lost += 1;
                assert!(text_of(&result).contains("cannot be read any more"), "{result}");
                let read = bench.read("key:alice", &format!("sandbox://{id}/big"));
                assert_eq!(read["error"]["code"], -32603);
            }
        }
        bench.store.put(&chunk, &value).unwrap();
    }
    assert_eq!(lost, 4);
}

#[test]
fn whoever_reads_while_a_run_replaces_what_is_read_gets_the_former_or_the_new_contents() {
    // The second run is in the same period, or moves everything to the next.
    for (later, path) in [(0, "big"), (290, "big"), (0, ""), (290, ""), (0, "listing"), (290, "listing")] {
        for before in 0.. {
            let bench = Bench::new();
            bench.advance(20);
            let id = bench.launch("key:alice");
            bench.interpreters(|_, run| {
                let bytes = run.code.repeat(100_000).into_bytes();
                // So many that the index is in chunks, too.
                let names = (0..300).map(|number| file(&format!("{}{number}", "n".repeat(200)), run.code.as_bytes()));
                let changed = names.chain([file("big", &bytes)]).collect();
                whole(&[Frame::Ended(Outcome { changed, ..outcome() })])
            });
            bench.shell("key:alice", &id, "1");
            bench.advance(later);
            let run = || assert_eq!(bench.shell("key:alice", &id, "22")["isError"], false);
            let store = Interrupted { store: &bench.store, reads: Cell::new(0), before, happens: &run };
            let (method, params) = match path {
                "listing" => ("resources/list", json!({})),
                path => ("resources/read", json!({ "uri": format!("sandbox://{id}/{path}") })),
            };
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
            let request = request(&[("mcp-protocol-version", "2025-11-25")], &body);
            let answer = json_of(&bench.send_to(&store, &request))["result"].to_string();
            let size = |size: usize| format!("\"size\":{size}");
            let is_one = match path {
                "big" => [100_000, 200_000].iter().any(|size| answer.len() > *size && answer.len() < size + 1_000),
                "" => ["100000", "200000"].iter().any(|size| answer.contains(size)),
                _ => [100_000, 200_000].iter().any(|bytes| answer.contains(&size(*bytes))),
            };
            assert!(is_one, "{later} {path} {before}: {}", &answer[..answer.len().min(300)]);
            if store.reads.get() <= before {
                assert!(before >= 3, "{before}");
                break;
            }
        }
    }
}

#[test]
fn a_store_that_is_down_is_no_environment_that_is_unknown() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.store.go_down();
    for result in [bench.shell("key:alice", &id, "x"), bench.call("key:alice", "launchShell", json!({}))] {
        assert!(result["isError"] == true && text_of(&result).contains("does not answer now"), "{result}");
        assert!(!result.to_string().contains("down"), "the reason is for the log");
    }
    assert_eq!(bench.read("key:alice", &format!("sandbox://{id}/"))["error"]["code"], -32603);
    assert_eq!(bench.ask("resources/list", json!({}))["error"]["code"], -32603);
    assert!(bench.log().iter().skip(1).all(|line| line["decision"] == "failed"));
}

#[test]
fn what_has_expired_is_removed_after_a_request_that_writes_and_after_no_other() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "x");
    let left = || bench.store.list(None).unwrap().keys.iter().filter(|key| key.has_expired(bench.host.now())).count();
    bench.advance(1_300);
    assert!(left() > 3);
    let sweeping = |body: &str| {
        let server = bench.server(&bench.store);
        let Answer::Whole(_) = server.answer(&request(&[], body)) else { panic!("no stream") };
        server.sweep();
    };
    sweeping(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    assert!(left() > 3);
    sweeping(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"launchShell"}}"#);
    assert_eq!(left(), 0);
}
