use shell_http::outbound::NoAnswer;

use super::*;

/// The environment goes on as it was before, at once, and what was written has been told.
fn check(arrivals: impl Fn() -> Vec<Arrival> + 'static, said: &str, reason: &str) {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "before");
    bench.interpreters(move |_, _| arrivals());
    let result = bench.shell("key:alice", &id, "x");
    assert!(result["isError"] == true && text_of(&result).contains(said), "{result}");
    let line = bench.log().pop().unwrap();
    assert!(line["reason"].as_str().is_some_and(|logged| logged.contains(reason)), "{line}");
    bench.interpreters(|address, run| whole(&remembering(address, run)));
    let before = bench.host.elapsed();
    let next = bench.shell("key:alice", &id, "next");
    assert_eq!(next["structuredContent"]["stdout"], "http://shell.example/run state before,next, files before;next;");
    assert_eq!(bench.host.elapsed(), before, "nobody waits");
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|one| frame(one).unwrap()).collect()
}

fn pieces(pieces: Vec<Vec<u8>>) -> Vec<Arrival> {
    let mut arrivals = vec![head(200, FRAMES_TYPE)];
    arrivals.extend(pieces.into_iter().map(|piece| Arrival::Piece(0, piece)));
    arrivals.push(Arrival::End(0));
    arrivals
}

#[test]
fn an_instance_that_is_ended_at_any_byte_of_its_answer_leaves_everything_as_it_was() {
    let all = bytes(&[stdout("written"), Frame::Ended(Outcome { changed: vec![file("new", b"new")], ..outcome() })]);
    for length in 0..all.len() {
        let cut = all[..length].to_vec();
        for last in [|| Arrival::End(0), || Arrival::Broken(0)] {
            let cut = cut.clone();
            let arrivals = move || vec![head(200, FRAMES_TYPE), Arrival::Piece(0, cut.clone()), last()];
            check(arrivals, "The run was stopped", "broke off");
        }
    }
    check(|| vec![head(500, "text/plain")], "computed for longer, or took more memory", "broke off");
    check(|| vec![head(502, "text/plain")], "The run was stopped", "broke off");
}

#[test]
fn an_answer_comes_in_any_pieces() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench
        .interpreters(|address, run| pieces(bytes(&remembering(address, run)).chunks(1).map(<[u8]>::to_vec).collect()));
    assert_eq!(
        bench.shell("key:alice", &id, "x")["structuredContent"]["stdout"],
        "http://shell.example/run state x, files x;"
    );
}

#[test]
fn answers_that_no_interpreter_gives_cannot_be_used() {
    let ended = || bytes(&[Frame::Ended(outcome())]);
    check(move || pieces(vec![[ended(), ended()].concat()]), "cannot be kept", "something follows");
    check(move || pieces(vec![[ended(), vec![0]].concat()]), "cannot be kept", "something follows");
    check(|| pieces(vec![[0, 0, 0, 2, 9, 9].to_vec()]), "cannot be kept", "a frame cannot be read");
    check(|| pieces(vec![[255, 255, 255, 255].to_vec()]), "cannot be kept", "larger than its limits");
    check(|| vec![head(200, "application/json"), Arrival::Piece(0, b"{}".to_vec())], "cannot be kept", "media type");
    let conflict = || bytes(&[Frame::Ended(Outcome { changed: vec![file("history/a", b"x")], ..outcome() })]);
    check(move || pieces(vec![conflict()]), "cannot be kept", "each other's place");
    let twice = || bytes(&[Frame::Ended(Outcome { changed: vec![file("a", b"x"), file("a", b"y")], ..outcome() })]);
    check(move || pieces(vec![twice()]), "cannot be kept", "each other's place");
}

#[test]
fn a_path_that_leads_out_of_the_tree_cannot_be_read() {
    for out in ["../../etc/x", "/tmp/abcdef", "a//bcdefghi", "a/./bcdefgh"] {
        let (inside, outside) = ("0123456789a", out);
        let forged = move || {
            let mut all = bytes(&[Frame::Ended(Outcome { changed: vec![file(inside, b"x")], ..outcome() })]);
            let at = all.windows(inside.len()).position(|window| window == inside.as_bytes()).unwrap();
            all[at..at + inside.len()].copy_from_slice(outside.as_bytes());
            pieces(vec![all])
        };
        check(forged, "cannot be kept", "a frame cannot be read");
    }
}

#[test]
fn an_endless_answer_is_left_at_the_limit_of_bytes_whatever_it_says() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    // Frames without a byte of output: they are no output, and cost all the same.
    bench.interpreters(|_, _| {
        let nothing = bytes(&[stdout("")]).repeat(10_000);
        pieces(vec![nothing; 2_000])
    });
    let result = bench.shell("key:alice", &id, "x");
    assert!(text_of(&result).contains("cannot be kept"), "{result}");
    assert!(bench.log()[1]["reason"].as_str().unwrap().contains("larger than its limits"));
}

#[test]
fn an_interpreter_that_cannot_be_reached_is_no_fault_of_the_code() {
    check(|| vec![Arrival::NoAnswer(0, NoAnswer::NotAllowed)], "cannot be reached", "allowed_outbound_hosts");
    check(|| vec![Arrival::NoAnswer(0, NoAnswer::Failed("refused".to_owned()))], "cannot be reached", "refused");
    check(|| vec![head(404, "text/plain")], "cannot be reached", "404");
    check(|| vec![Arrival::NoAnswer(0, NoAnswer::TimedOut)], "longer than 30 seconds", "a limit stopped it");
}

#[test]
fn notes_are_passed_on_in_bounds() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.interpreters(|_, _| whole(&[Frame::Ended(Outcome { notes: vec!["n".repeat(1_000); 100], ..outcome() })]));
    let result = bench.shell("key:alice", &id, "x");
    let notes = result["structuredContent"]["notes"].as_array().unwrap();
    assert!(notes.len() == 20 && notes.iter().all(|note| note.as_str().unwrap().len() == 300));
}
