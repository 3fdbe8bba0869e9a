use sandbox_run::Limit;

use shell_http::outbound::NoAnswer;

use super::*;

const SMALL: &str = "environments_per_subject = 2\nenvironments = 3\n[run]\nseconds = 5\noutput_bytes = 1024\nfile_bytes = 2048\nfiles = 3\nstate_bytes = 1024";

/// What a run says that hits a limit, and that nothing of it was kept.
fn hit(bench: &Bench, id: &str) -> Value {
    let result = bench.shell("key:alice", id, "too much");
    assert_eq!(result["isError"], true, "{result}");
    assert!(text_of(&result).ends_with("The environment is as it was before."), "{result}");
    bench.interpreters(|address, run| whole(&remembering(address, run)));
    let next = bench.shell("key:alice", id, "next");
    let stdout = next["structuredContent"]["stdout"].as_str().unwrap();
    assert!(stdout.ends_with("files before;next;") && stdout.contains("state before,next,"), "{stdout}");
    result
}

fn prepared() -> (Bench, String) {
    let bench = Bench::with_settings(SMALL);
    let id = bench.launch("key:alice");
    assert_eq!(bench.shell("key:alice", &id, "before")["isError"], false);
    (bench, id)
}

#[test]
fn an_interpreter_is_told_the_limits() {
    let (bench, id) = prepared();
    bench.interpreters(|_, run| whole(&[stdout(&format!("{:?}", run.limits)), Frame::Ended(outcome())]));
    let said = bench.shell("key:alice", &id, "x")["structuredContent"]["stdout"].as_str().unwrap().to_owned();
    assert_eq!(said, "Limits { seconds: 5, output_bytes: 1024, file_bytes: 2048, files: 3, state_bytes: 1024 }");
}

#[test]
fn an_interpreter_is_told_where_it_may_send_something_and_the_model_is_too() {
    for (settings, hosts, said, is_open) in [
        ("", "[]", "There is no network. There are no other programs.", false),
        (
            "egress.hosts = [\"API.example.com\", \"http://10.0.0.1:8080\"]\negress.requests = 3",
            "[\"https://api.example.com\", \"http://10.0.0.1:8080\"]",
            "to these origins: https://api.example.com, http://10.0.0.1:8080. There are no other programs.",
            true,
        ),
    ] {
        let bench = Bench::with_settings(settings);
        let id = bench.launch("key:alice");
        bench.interpreters(|_, run| {
            let hosts: Vec<String> = run.egress.hosts.iter().map(ToString::to_string).collect();
            whole(&[stdout(&format!("{hosts:?} {}", run.egress.requests)), Frame::Ended(outcome())])
        });
        let requests = if is_open { 3 } else { 20 };
        for result in [bench.shell("key:alice", &id, "x"), bench.python("key:alice", &id, "x")] {
            assert_eq!(result["structuredContent"]["stdout"], format!("{hosts} {requests}"), "{settings}");
        }
        let tools = crate::tools::definitions(
            crate::revision::Revision::UNNAMED,
            &sandbox_environments::Settings::parse(settings).unwrap(),
        );
        for tool in tools {
            assert!(tool["description"].as_str().unwrap().contains(said), "{tool}");
        }
    }
}

#[test]
fn a_limit_that_the_interpreter_says_is_told_with_what_was_written_and_nothing_is_kept() {
    for (limit, name, said) in [
        (Limit::Time, "time", "longer than 5 seconds"),
        (Limit::Compute, "compute", "computed for longer"),
        (Limit::Memory, "memory", "more memory"),
        (Limit::Output, "output", "more than 1024 bytes"),
        (Limit::Files, "files", "more than 3 files, or more than 2048 bytes"),
        (Limit::State, "state", "more than 1024 bytes"),
    ] {
        let (bench, id) = prepared();
        bench.interpreters(move |_, _| {
            let ended = Outcome { exit_code: 9, limit: Some(limit), changed: vec![file("new", b"x")], ..outcome() };
            whole(&[stdout("so far"), Frame::Ended(ended)])
        });
        let result = hit(&bench, &id);
        assert!(text_of(&result).contains(said), "{result}");
        let content = &result["structuredContent"];
        assert_eq!(
            (&content["limit"], &content["stdout"], &content["exitCode"]),
            (&json!(name), &json!("so far"), &json!(9))
        );
        assert_eq!(bench.log()[2]["limit"], name);
    }
}

#[test]
fn output_at_the_limit_passes_and_past_it_the_server_stops_the_run_itself() {
    let (bench, id) = prepared();
    bench.interpreters(|_, _| {
        let err = Frame::Output { stream: Stream::Stderr, bytes: vec![b'e'; 24] };
        whole(&[stdout(&"o".repeat(1_000)), err, Frame::Ended(outcome())])
    });
    assert_eq!(bench.shell("key:alice", &id, "x")["isError"], false);
    let (bench, id) = prepared();
    bench.interpreters(|_, _| {
        let err = Frame::Output { stream: Stream::Stderr, bytes: vec![b'e'; 25] };
        whole(&[stdout(&"o".repeat(1_000)), err, Frame::Ended(outcome())])
    });
    let result = hit(&bench, &id);
    let content = &result["structuredContent"];
    assert_eq!((&content["limit"], &content["exitCode"]), (&json!("output"), &json!(137)));
    assert_eq!(content["stderr"].as_str().map(str::len), Some(24), "what there was room for is told");
}

#[test]
fn files_and_state_at_the_limit_are_kept_and_past_it_nothing_is() {
    for (changed, state, limit) in [
        (vec![file("a", &[1; 2_041])], 1_024, None),
        (vec![file("a", b""), file("b", b"")], 0, None),
        (vec![file("a", &[1; 2_042])], 0, Some("files")),
        (vec![file("a", b""), file("b", b""), file("c", b"")], 0, Some("files")),
        (vec![], 1_025, Some("state")),
    ] {
        let (bench, id) = prepared();
        let ended = Outcome { changed, state: vec![7; state], ..outcome() };
        bench.interpreters(move |_, _| whole(&[Frame::Ended(ended.clone())]));
        match limit {
            None => assert_eq!(bench.shell("key:alice", &id, "x")["isError"], false),
            Some(limit) => assert_eq!(hit(&bench, &id)["structuredContent"]["limit"], limit),
        }
    }
}

#[test]
fn an_interpreter_that_does_not_end_is_left_two_seconds_after_the_limit() {
    for arrivals in [0_usize, 1, 2] {
        let (bench, id) = prepared();
        bench.interpreters(move |address, run| {
            whole(&remembering(address, run)).into_iter().take(arrivals.min(1)).collect()
        });
        let before = bench.host.elapsed();
        let result = hit(&bench, &id);
        assert_eq!(result["structuredContent"]["limit"], "time");
        assert_eq!(result["structuredContent"]["exitCode"], 124);
        assert_eq!(bench.host.elapsed() - before, 7_000);
    }
}

#[test]
fn a_subject_has_its_number_of_environments_and_all_have_theirs() {
    let bench = Bench::with_settings(SMALL);
    bench.launch("key:alice");
    bench.launch("key:alice");
    let full = bench.call("key:alice", "launchShell", json!({}));
    assert!(full["isError"] == true && text_of(&full).contains("You have 2 environments"), "{full}");
    bench.launch("key:bob");
    let full = bench.call("key:carol", "launchShell", json!({}));
    assert!(full["isError"] == true && text_of(&full).contains("as many environments as this server"), "{full}");
    assert_eq!(bench.log().iter().filter(|line| line["decision"] == "refused").count(), 2);
    bench.advance(600);
    bench.launch("key:carol");
}

#[test]
fn a_subject_has_its_number_of_runs_under_way_and_others_run_meanwhile() {
    let bench = Rc::new(Bench::with_settings("runs_per_subject = 1"));
    let (one, other, bobs) = (bench.launch("key:alice"), bench.launch("key:alice"), bench.launch("key:bob"));
    let (inner, seen) = (Rc::clone(&bench), Rc::new(RefCell::new(Vec::new())));
    let (told, second) = (Rc::clone(&seen), other.clone());
    bench.interpreters(move |address, run| {
        if run.code == "first" {
            let begin = inner.host.elapsed();
            told.borrow_mut().push(inner.shell("key:alice", &second, "second"));
            assert!((1_900..2_300).contains(&(inner.host.elapsed() - begin)), "it waits for a place");
            told.borrow_mut().push(inner.shell("key:bob", &bobs, "bob"));
        }
        whole(&remembering(address, run))
    });
    assert_eq!(bench.shell("key:alice", &one, "first")["isError"], false);
    let seen = seen.borrow();
    assert_eq!(seen[0]["isError"], true);
    assert!(text_of(&seen[0]).starts_with("You have 1 runs under way"), "{}", seen[0]);
    assert_eq!(seen[1]["isError"], false);
    assert_eq!(bench.host.sent.borrow().len(), 2, "the one that was refused asked no interpreter");
    assert_eq!(bench.log()[3]["reason"], "the subject has as many runs under way as allowed");
    // Whatever comes of a run, its place is given back.
    let never = "99999999-9999-9999-9999-999999999999";
    for arrivals in [|| vec![head(500, "text/plain")], || vec![head(404, "text/plain")], || Vec::new()] {
        bench.interpreters(move |_, _| arrivals());
        bench.shell("key:alice", &one, "x");
        bench.shell("key:alice", never, "x");
    }
    bench.interpreters(|address, run| whole(&remembering(address, run)));
    assert_eq!(bench.shell("key:alice", &other, "third")["isError"], false);
}

#[test]
fn a_run_for_which_the_host_has_no_room_is_tried_again_shortly() {
    for (times, is_made) in [(3, true), (1_000, false)] {
        let bench = Bench::new();
        let id = bench.launch("key:alice");
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        bench.interpreters(move |address, run| {
            count.set(count.get() + 1);
            let none = vec![Arrival::NoAnswer(0, NoAnswer::NoRoom)];
            if count.get() > times { whole(&remembering(address, run)) } else { none }
        });
        let begin = bench.host.elapsed();
        let result = bench.shell("key:alice", &id, "x");
        assert_eq!(result["isError"], !is_made, "{result}");
        let waited = bench.host.elapsed() - begin;
        assert!(if is_made { waited == 300 } else { (1_900..2_300).contains(&waited) }, "{waited}");
        if !is_made {
            assert!(
                text_of(&result).starts_with("There are as many runs under way as this server can make"),
                "{result}"
            );
        }
        bench.interpreters(|address, run| whole(&remembering(address, run)));
        assert_eq!(bench.shell("key:alice", &id, "y")["isError"], false, "nobody waits");
    }
}
