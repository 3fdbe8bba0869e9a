use http::HeaderValue;
use shell_http::outbound::NoAnswer;

use super::faults::Interrupted;
use super::*;

/// What an administrator asks.
fn asked(method: &str, target: &str, secret: Option<&str>) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(target);
    if let Some(secret) = secret {
        request = request.header("x-sandbox-administration", secret);
    }
    request.header("x-request-id", "0123456789abcdef0123456789abcdef").body(Vec::new()).unwrap()
}

impl Bench {
    fn administer(&self, method: &str, target: &str) -> Response<Vec<u8>> {
        self.send(&asked(method, target, Some(ADMINISTRATION)))
    }

    /// The first page of the list.
    fn listed(&self) -> Value {
        let response = self.administer("GET", "/environments");
        assert_eq!(response.status(), StatusCode::OK);
        json_of(&response)
    }

    /// The handle of the newest environment.
    fn newest(&self) -> String {
        let listed = self.listed();
        listed["environments"][0]["handle"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned()
    }

    fn end(&self, handle: &str) -> StatusCode {
        self.administer("DELETE", &format!("/environments/{handle}")).status()
    }
}

#[test]
fn an_administrator_sees_whose_environments_there_are_and_nothing_of_what_is_in_them() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    bench.advance(10);
    bench.shell("key:alice", &id, "needle");
    bench.launch("demo:bob");
    let listed = bench.listed();
    assert_eq!((&listed["count"], &listed["most"], &listed["next"]), (&json!(2), &json!(1000), &Value::Null));
    let of_alice = &listed["environments"][1];
    let expected = json!({
        "handle": of_alice["handle"],
        "name": of_alice["name"],
        "subject": "key:alice",
        "launchedAt": NOW,
        "usedAt": NOW + 10,
        "endsAt": NOW + 310,
        "runs": 1,
        "isRunning": false,
    });
    assert_eq!(of_alice, &expected);
    assert_eq!(listed["environments"][0]["subject"], "demo:bob");
    let text = listed.to_string();
    assert!(!text.contains(&id) && !text.contains("needle") && !text.contains("history"), "{text}");
    let handle = of_alice["handle"].as_str().unwrap();
    let unknown = bench.shell("key:alice", "99999999-9999-9999-9999-999999999999", "ls");
    assert_eq!(bench.shell("key:alice", handle, "ls"), unknown, "a handle opens nothing as an id");
    // The name in the log joins the two.
    let log = bench.log();
    let run = log.iter().find(|line| line["event"] == "run").unwrap();
    assert_eq!(of_alice["name"], run["environment"]);
}

#[test]
fn what_an_administrator_ends_is_to_its_owner_as_one_that_never_was() {
    let bench = Bench::new();
    let (stays, id) = (bench.launch("key:alice"), bench.launch("key:alice"));
    bench.shell("key:alice", &id, "a");
    let handle = bench.newest();
    let response = bench.administer("DELETE", &format!("/environments/{handle}"));
    assert_eq!((response.status(), json_of(&response)), (StatusCode::OK, json!({ "subject": "key:alice" })));
    let never = bench.shell("key:alice", "99999999-9999-9999-9999-999999999999", "b");
    assert_eq!(bench.shell("key:alice", &id, "b"), never);
    assert_eq!(bench.python("key:alice", &id, "b"), never);
    let resources = bench.ask("resources/list", json!({})).to_string();
    assert!(!resources.contains(&id) && resources.contains(&stays), "{resources}");
    assert_eq!((&bench.listed()["count"], bench.end(&handle)), (&json!(1), StatusCode::NOT_FOUND));
    assert_eq!(bench.shell("key:alice", &stays, "b")["isError"], false);
    let log = bench.log();
    let ended: Vec<_> = log.iter().filter(|line| line["event"] == "environment-end").collect();
    let told = |at: usize| (&ended[at]["decision"], &ended[at]["subject"], &ended[at]["request_id"]);
    let request_id = json!("0123456789abcdef0123456789abcdef");
    assert_eq!(told(0), (&json!("allowed"), &json!("key:alice"), &request_id));
    assert_eq!(told(1), (&json!("refused"), &Value::Null, &request_id));
    assert!(log.iter().any(|line| line["event"] == "environments-list" && line["decision"] == "allowed"));
}

#[test]
fn a_run_whose_environment_is_ended_before_any_read_is_told_that_there_is_none() {
    let (mut ended, mut ran) = (0, 0);
    // In the same period, and in the next one, to which everything moves.
    for later in [0, 290] {
        for before in 0.. {
            let bench = Bench::new();
            bench.advance(20);
            let id = bench.launch("key:alice");
            let large = |_: &str, run: Run| {
                let changed = vec![file("big", &run.code.repeat(100_000).into_bytes())];
                whole(&[stdout("said"), Frame::Ended(Outcome { changed, ..outcome() })])
            };
            bench.interpreters(large);
            bench.shell("key:alice", &id, "a");
            bench.advance(later);
            let never = bench.shell("key:alice", "99999999-9999-9999-9999-999999999999", "b");
            let end = || assert_eq!(bench.end(&bench.newest()), StatusCode::OK);
            let store = Interrupted { store: &bench.store, reads: Cell::new(0), before, happens: &end };
            let arguments = json!({ "environmentId": id, "shellCommand": "b" });
            let result = bench.call_in(&store, "key:alice", "runShellCommandInRemoteEnvironment", arguments);
            if store.reads.get() <= before {
                break;
            }
            if result["isError"] == true {
                assert_eq!(text_of(&result), text_of(&never), "{later} {before}");
                ended += 1;
                ran += usize::from(result["structuredContent"]["stdout"] == "said");
            }
            assert_eq!(bench.shell("key:alice", &id, "c"), never, "{later} {before}");
        }
    }
    assert!(ran > 3 && ended > ran + 3, "{ended} {ran}");
}

#[test]
fn a_run_that_does_not_end_well_in_an_environment_that_is_ended_is_told_both() {
    let bench = Rc::new(Bench::new());
    for (arrivals, said, limit) in [
        (vec![], "The run was stopped: it took longer than 30 seconds. ", json!("time")),
        (vec![Arrival::NoAnswer(0, NoAnswer::NotAllowed)], "", Value::Null),
    ] {
        let id = bench.launch("key:alice");
        let never = bench.shell("key:alice", "99999999-9999-9999-9999-999999999999", "b");
        let inner = Rc::clone(&bench);
        let arrivals = RefCell::new(arrivals);
        bench.interpreters(move |_, _| {
            assert_eq!(inner.end(&inner.newest()), StatusCode::OK);
            arrivals.take()
        });
        let result = bench.shell("key:alice", &id, "b");
        assert_eq!(text_of(&result), format!("{said}{}", text_of(&never)));
        assert_eq!(result["structuredContent"]["limit"], limit);
    }
}

#[test]
fn a_run_that_is_under_way_while_its_environment_is_ended_keeps_nothing_and_brings_nothing_back() {
    let bench = Rc::new(Bench::new());
    let id = bench.launch("key:alice");
    bench.shell("key:alice", &id, "a");
    let inner = Rc::clone(&bench);
    bench.interpreters(move |address, run| {
        let listed = inner.listed();
        assert_eq!(listed["environments"][0]["isRunning"], true);
        assert_eq!(inner.end(&inner.newest()), StatusCode::OK);
        whole(&remembering(address, run))
    });
    let result = bench.shell("key:alice", &id, "b");
    assert_eq!(result["isError"], true, "{result}");
    let unknown = bench.shell("key:alice", "99999999-9999-9999-9999-999999999999", "c");
    assert_eq!(text_of(&result), text_of(&unknown), "{result}");
    let stdout = result["structuredContent"]["stdout"].as_str().unwrap_or_default();
    assert!(stdout.ends_with("files a;b;"), "what it has written is told: {result}");
    let log = bench.log();
    let told = log.iter().filter(|line| line["event"] == "run").nth(1).unwrap();
    assert_eq!(told["reason"], "the environment is not there any more");
    bench.interpreters(|address, run| whole(&remembering(address, run)));
    for seconds in [0, 1, 60, 200, 300, 500] {
        bench.advance(seconds);
        assert_eq!(bench.shell("key:alice", &id, "c"), unknown, "{seconds}");
    }
    assert_eq!(bench.listed()["environments"], json!([]));
}

#[test]
fn no_secret_but_the_administrators_opens_the_list_and_theirs_opens_nothing_else() {
    let bench = Bench::new();
    let id = bench.launch("key:alice");
    let target = format!("/environments/{}", bench.newest());
    let before = bench.store.snapshot();
    for secret in
        [None, Some(""), Some(SECRET), Some("a-secret-of-administratorS"), Some("a-secret-of-administrators2")]
    {
        for (method, target) in [("GET", "/environments"), ("DELETE", target.as_str()), ("POST", target.as_str())] {
            let response = bench.send(&asked(method, target, secret));
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {secret:?}");
            assert!(!String::from_utf8_lossy(response.body()).contains("alice"));
        }
    }
    let mut twice = asked("DELETE", &target, Some(ADMINISTRATION));
    twice.headers_mut().append("x-sandbox-administration", HeaderValue::from_static(ADMINISTRATION));
    assert_eq!(bench.send(&twice).status(), StatusCode::UNAUTHORIZED);
    // The gateway's secret in its own header.
    let mut of_gateway = asked("DELETE", &target, None);
    of_gateway.headers_mut().insert("x-sandbox-key", HeaderValue::from_static(SECRET));
    assert_eq!(bench.send(&of_gateway).status(), StatusCode::UNAUTHORIZED);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let as_gateway = [("x-sandbox-key", ADMINISTRATION)];
    let alone = [("x-sandbox-key", ""), ("x-sandbox-administration", ADMINISTRATION)];
    for headers in [&as_gateway[..], &alone] {
        assert_eq!(bench.post(list, headers).status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bench.store.snapshot(), before);
    assert_eq!(bench.shell("key:alice", &id, "a")["isError"], false);
    let refused = bench.log();
    assert!(refused.iter().any(|line| line["event"] == "environment-end" && line["decision"] == "refused"));
}

#[test]
fn without_a_secret_of_administrators_the_path_is_not_there_and_nothing_is_written_for_them() {
    let mut bench = Bench::new();
    let without = |name: &str| setting(name, "").filter(|_| name != "administration_secret");
    bench.configuration = Configuration::read(|name| Ok(without(name))).unwrap();
    let id = bench.launch("key:alice");
    for (method, target) in [("GET", "/environments"), ("DELETE", "/environments/1.1.abcdefghijkl")] {
        for secret in [None, Some(""), Some(ADMINISTRATION)] {
            let response = bench.send(&asked(method, target, secret));
            let elsewhere = bench.send(&asked(method, "/elsewhere", secret));
            assert_eq!((response.status(), response.body()), (StatusCode::NOT_FOUND, elsewhere.body()));
        }
    }
    assert_eq!(bench.shell("key:alice", &id, "a")["isError"], false);
    assert!(!bench.store.snapshot().contains("sandbox-listed"));
}

#[test]
fn what_is_no_page_and_no_handle_and_no_method_is_told_so() {
    let bench = Bench::new();
    bench.launch("key:alice");
    let before = bench.store.snapshot();
    for (method, target, status) in [
        ("GET", "/environments?from=", StatusCode::BAD_REQUEST),
        ("GET", "/environments?from=a", StatusCode::BAD_REQUEST),
        ("GET", "/environments?from=99999999999.1", StatusCode::BAD_REQUEST),
        ("GET", "/environments?other=1", StatusCode::BAD_REQUEST),
        ("DELETE", "/environments/", StatusCode::NOT_FOUND),
        ("DELETE", "/environments/1.1.abcdefghijkl", StatusCode::NOT_FOUND),
        ("DELETE", "/environments/a/b", StatusCode::NOT_FOUND),
        ("POST", "/environments", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/environments/1.1.abcdefghijkl", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/environmentsx", StatusCode::NOT_FOUND),
        ("GET", "/Environments", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(bench.administer(method, target).status(), status, "{method} {target}");
    }
    assert_eq!(bench.store.snapshot(), before);
    assert_eq!(bench.listed()["count"], 1);
}

#[test]
fn a_store_that_does_not_answer_is_told_and_shows_nothing() {
    let bench = Bench::new();
    bench.launch("key:alice");
    let target = format!("/environments/{}", bench.newest());
    bench.store.go_down();
    for (method, target) in [("GET", "/environments"), ("DELETE", target.as_str())] {
        assert_eq!(bench.administer(method, target).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[test]
fn a_long_list_comes_in_pages() {
    let bench = Bench::with_settings("environments_per_subject = 200");
    for _ in 0..120 {
        bench.launch("key:alice");
    }
    let (mut target, mut handles) = ("/environments".to_owned(), std::collections::BTreeSet::new());
    loop {
        let page = json_of(&bench.administer("GET", &target));
        assert_eq!(page["count"], 120);
        let rows = page["environments"].as_array().unwrap();
        assert!(rows.len() < 100);
        handles.extend(rows.iter().map(|row| row["handle"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/environments?from={next}");
    }
    assert_eq!(handles.len(), 120);
}
