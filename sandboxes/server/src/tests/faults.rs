use gatehouse_storage::memory::FailingStore;

use super::*;

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
        // Whoever comes after an instance that has died waits until its right to run is over.
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
    assert!(former > 5 && new == 1, "{former} {new}");
}

#[test]
fn a_launch_that_dies_is_told_and_the_next_one_is_none_the_worse() {
    for steps in 0..7 {
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
