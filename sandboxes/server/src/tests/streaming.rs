use super::*;

fn run_request(id: &str, token: Value, headers: &[(&str, &str)]) -> Request<Vec<u8>> {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
        "name": "runShellCommandInRemoteEnvironment",
        "arguments": { "environmentId": id, "shellCommand": "x" },
        "_meta": { "progressToken": token },
    } });
    request(headers, &body.to_string())
}

/// The messages of a stream of events.
fn messages(response: &Response<Vec<u8>>) -> Vec<Value> {
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    messages_in(response.body())
}

fn messages_in(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn output_comes_as_progress_and_the_result_is_the_same_as_without() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.interpreters(|_, _| {
        let err = Frame::Output { stream: Stream::Stderr, bytes: b"warning\n".to_vec() };
        // A character that is cut.
        let (one, two) = "one \u{20ac}".as_bytes().split_at(5);
        let part = |bytes: &[u8]| Frame::Output { stream: Stream::Stdout, bytes: bytes.to_vec() };
        whole(&[part(one), err, part(two), stdout(""), Frame::Ended(outcome())])
    });
    let response = bench.send(&run_request(&id, json!("t"), &[]));
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let messages = messages(&response);
    let told: Vec<_> = messages
        .iter()
        .filter(|message| message["method"] == "notifications/progress")
        .map(|message| {
            (message["params"]["progress"].as_u64().unwrap(), message["params"]["message"].as_str().unwrap())
        })
        .collect();
    // What is written at once comes at once, and what follows soon comes together.
    assert_eq!(told, [(5, "one "), (15, "warning\n\u{20ac}")]);
    assert!(messages[..2].iter().all(|message| message["params"]["progressToken"] == "t"));
    assert_eq!((messages.len(), &messages[2]["id"]), (3, &json!(7)));
    let streamed = messages[2]["result"].clone();
    assert_eq!(streamed["structuredContent"]["stdout"], "one \u{20ac}");
    assert_eq!(bench.shell("key:alice", &id, "x"), streamed);
}

#[test]
fn only_a_client_that_asks_for_progress_and_takes_events_gets_them() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    for (token, accept) in [
        (json!(null), "application/json, text/event-stream"),
        (json!({}), "application/json, text/event-stream"),
        (json!(1.5), "application/json, text/event-stream"),
        (json!(1), "application/json"),
        (json!(1), "*/*"),
    ] {
        let response = bench.send(&run_request(&id, token.clone(), &[("accept", accept)]));
        assert_eq!(json_of(&response)["result"]["isError"], false, "{token} {accept}");
    }
    let response = bench.send(&run_request(&id, json!(1), &[]));
    assert_eq!(messages(&response)[0]["params"]["progressToken"], 1);
    // A launch has nothing to tell, nor has a call that cannot be made.
    let launch =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"launchShell","_meta":{"progressToken":1}}}"#;
    assert!(json_of(&bench.post(launch, &[]))["result"].is_object());
}

#[test]
fn an_error_comes_as_the_only_event() {
    let bench = Bench::new();
    let response = bench.send(&run_request("none", json!(1), &[]));
    let messages = messages(&response);
    assert_eq!(messages.len(), 1);
    assert!(text_of(&messages[0]["result"]).starts_with("Environment not found"));
}

#[test]
fn a_client_that_leaves_ends_its_run_and_nothing_of_it_is_kept() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "before");
    let more = stdout(&"2".repeat(16 << 10));
    for (leaves_after, frames) in
        [(1, vec![stdout("1"), more, Frame::Ended(outcome())]), (1, vec![stdout("1")]), (0, vec![])]
    {
        bench.interpreters(move |_, _| {
            whole(&frames).into_iter().filter(|arrival| !matches!(arrival, Arrival::End(_))).collect()
        });
        let Answer::Stream(streamed) = bench.server(&bench.store).answer(&run_request(&id, json!(1), &[])) else {
            panic!()
        };
        let events = Collected { leaves_after: Cell::new(Some(leaves_after)), ..Collected::default() };
        let before = bench.host.elapsed();
        bench.server(&bench.store).stream(*streamed, &events);
        assert!(bench.host.elapsed() - before <= 1_000, "it is looked once a second");
        assert_eq!(bench.log().pop().unwrap()["reason"], "the client has gone");
    }
    bench.interpreters(|address, run| whole(&remembering(address, run)));
    let next = bench.shell("key:alice", &id, "next");
    assert_eq!(next["structuredContent"]["stdout"], "http://shell.example/run state before,next, files before;next;");
}

/// What a run wrote as it was told, message by message.
fn told(bench: &Bench, arrivals: impl Fn() -> Vec<Arrival> + 'static) -> Vec<String> {
    let id = bench.launch("key:alice");
    bench.interpreters(move |_, _| arrivals());
    let messages = messages(&bench.send(&run_request(&id, json!(1), &[])));
    let text = |message: &Value| message["params"]["message"].as_str().map(str::to_owned);
    messages.iter().filter_map(text).collect()
}

fn pieces(frames: &[Frame]) -> Vec<Arrival> {
    frames.iter().map(|one| Arrival::Piece(0, frame(one).unwrap())).collect()
}

#[test]
fn output_is_gathered_for_a_tenth_of_a_second_or_16_kib() {
    let bench = Bench::new();
    let in_time = told(&bench, || {
        let (first, second) = (pieces(&[stdout("a"), stdout("b"), stdout("c")]), pieces(&[stdout("d")]));
        let last = pieces(&[stdout("e"), Frame::Ended(outcome())]);
        let parts = [vec![head(200, FRAMES_TYPE)], first, vec![Arrival::Tick], second, vec![Arrival::Tick], last];
        parts.into_iter().flatten().collect()
    });
    assert_eq!(in_time, ["a", "bc", "d", "e"]);
    // As a program that writes byte by byte does, or an interpreter that means no good.
    let count = 100_000;
    let bytewise = told(&bench, move || {
        let frames = [vec![stdout("x"); count], vec![Frame::Ended(outcome())]].concat();
        whole(&frames)
    });
    assert_eq!(bytewise.iter().map(String::len).sum::<usize>(), count);
    assert!(bytewise.len() <= 2 + count / (16 << 10), "{}", bytewise.len());
}

#[test]
fn a_client_that_reads_slowly_or_not_at_all_delays_no_run_and_gets_everything_in_the_end() {
    for takes in [0, 10, 100] {
        let bench = Bench::new();
        let id = bench.launch("key:alice");
        bench.interpreters(|address, run| {
            let outputs =
                (0..20).flat_map(|number| pieces(&[stdout(&format!("{number} "))]).into_iter().chain([Arrival::Tick]));
            let (begin, mut end) = (vec![head(200, FRAMES_TYPE)], whole(&remembering(address, run)));
            begin.into_iter().chain(outputs).chain(end.drain(1..)).collect()
        });
        let Answer::Stream(streamed) = bench.server(&bench.store).answer(&run_request(&id, json!(1), &[])) else {
            panic!()
        };
        let events = Collected { takes: Some(takes), ..Collected::default() };
        let before = bench.host.elapsed();
        let last = bench.server(&bench.store).stream(*streamed, &events);
        assert!(bench.host.elapsed() - before <= 20_000, "the interpreter took as long");
        let messages = messages_in(&[events.bytes.take(), last].concat());
        let (result, told) = messages.split_last().unwrap();
        let told: String = told.iter().map(|message| message["params"]["message"].as_str().unwrap()).collect();
        assert_eq!(result["result"]["isError"], false, "{takes}: {result}");
        assert_eq!(result["result"]["structuredContent"]["stdout"], told.as_str());
        assert!(told.starts_with("0 1 2 ") && told.ends_with("files x;"), "{told}");
        bench.interpreters(|address, run| whole(&remembering(address, run)));
        let next = bench.shell("key:alice", &id, "next");
        assert_eq!(next["structuredContent"]["stdout"], "http://shell.example/run state x,next, files x;next;");
    }
}
