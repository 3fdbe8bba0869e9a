use super::*;

#[test]
fn somebody_elses_environment_is_answered_letter_by_letter_as_one_that_never_was() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "secret");
    let before = bench.store.snapshot();
    let never = "99999999-9999-9999-9999-999999999999";
    for other in ["key:bob", "demo:alice", "key:alic", "key:alice2"] {
        assert_eq!(bench.shell(other, &id, "ls"), bench.shell(other, never, "ls"));
        assert_eq!(bench.python(other, &id, "1"), bench.python(other, never, "1"));
        for path in ["", "history"] {
            let (theirs, none) = (format!("sandbox://{id}/{path}"), format!("sandbox://{never}/{path}"));
            let answer = bench.read(other, &theirs).to_string();
            assert_eq!(answer.replace(&theirs, "URI"), bench.read(other, &none).to_string().replace(&none, "URI"));
        }
    }
    assert_eq!(bench.shell("key:alice", never, "ls"), bench.shell("key:alice", "no id", "ls"));
    assert_eq!(bench.store.snapshot(), before, "nobody changed anything");
    assert_eq!(bench.host.sent.borrow().len(), 1, "no interpreter was asked");
    assert!(text_of(&bench.shell("key:bob", &id, "ls")).starts_with("Environment not found"));
}

#[test]
fn environments_of_one_subject_share_nothing() {
    let bench = Bench::new();
    let (one, other) = (bench.launch("key:alice"), bench.launch("key:alice"));
    bench.shell("key:alice", &one, "a");
    let result = bench.shell("key:alice", &other, "b");
    assert_eq!(result["structuredContent"]["stdout"], "http://shell.example/run state b, files b;");
}

#[test]
fn an_environment_that_has_cooled_down_is_one_that_never_was() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.advance(299);
    assert_eq!(bench.shell("key:alice", &id, "a")["isError"], false);
    bench.advance(299);
    assert_eq!(bench.shell("key:alice", &id, "b")["isError"], false, "a run prolongs it");
    // Reading does not.
    bench.advance(299);
    assert!(bench.read("key:alice", &format!("sandbox://{id}/history"))["result"].is_object());
    bench.advance(1);
    assert_eq!(
        bench.shell("key:alice", &id, "c"),
        bench.shell("key:alice", "99999999-9999-9999-9999-999999999999", "c")
    );
}

#[test]
fn a_run_that_lasts_past_the_end_of_the_cool_down_is_kept() {
    for begin in [0, 10, 150, 290] {
        let bench = Rc::new(Bench::new());
        bench.advance(begin);
        let id = bench.launch("key:alice");
        bench.shell("key:alice", &id, "a");
        bench.advance(280);
        let inner = Rc::clone(&bench);
        bench.interpreters(move |address, run| {
            inner.advance(25);
            whole(&remembering(address, run))
        });
        let slow = bench.shell("key:alice", &id, "slow");
        assert_eq!(slow["isError"], false, "{begin}: {slow}");
        bench.interpreters(|address, run| whole(&remembering(address, run)));
        bench.advance(299);
        let next = bench.shell("key:alice", &id, "b");
        let said = "http://shell.example/run state a,slow,b, files a;slow;b;";
        assert_eq!(next["structuredContent"]["stdout"], said, "{begin}");
    }
}

#[test]
fn the_store_holds_nothing_that_anybody_can_read() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "needle-needle");
    for value in bench.store.values() {
        assert!(!value.windows(6).any(|window| window == b"needle"));
    }
    let all = bench.store.snapshot();
    assert!(!all.contains(&id) && !all.contains("alice"));
}

#[test]
fn a_second_run_in_an_environment_waits_shortly_and_is_told() {
    let bench = Rc::new(Bench::new());
    let id = bench.launch("key:alice");
    let (inner, its_id) = (Rc::clone(&bench), id.clone());
    let second = Rc::new(RefCell::new(Value::Null));
    let seen = Rc::clone(&second);
    bench.interpreters(move |address, run| {
        if run.code == "first" {
            // While this one runs.
            *seen.borrow_mut() = inner.shell("key:alice", &its_id, "second");
        }
        whole(&remembering(address, run))
    });
    let before = bench.host.elapsed();
    let first = bench.shell("key:alice", &id, "first");
    assert_eq!(first["isError"], false);
    assert!(text_of(&second.borrow()).contains("busy"), "{second:?}");
    assert_eq!(second.borrow()["isError"], true);
    let waited = bench.host.elapsed() - before;
    assert!((1_900..2_300).contains(&waited), "{waited}");
    let third = bench.shell("key:alice", &id, "third");
    assert_eq!(third["structuredContent"]["stdout"], "http://shell.example/run state first,third, files first;third;");
    bench.interpreters(|_, _| Vec::new());
}

#[test]
fn runs_in_other_environments_go_on_meanwhile() {
    let bench = Rc::new(Bench::new());
    let (one, other) = (bench.launch("key:alice"), bench.launch("key:alice"));
    let (inner, second) = (Rc::clone(&bench), Rc::new(RefCell::new(Value::Null)));
    let seen = Rc::clone(&second);
    bench.interpreters(move |address, run| {
        if run.code == "first" {
            *seen.borrow_mut() = inner.shell("key:alice", &other, "second");
        }
        whole(&remembering(address, run))
    });
    assert_eq!(bench.shell("key:alice", &one, "first")["isError"], false);
    assert_eq!(second.borrow()["isError"], false);
    bench.interpreters(|_, _| Vec::new());
}
