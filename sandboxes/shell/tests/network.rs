//! curl and wget, before a server that answers inside of the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Response, StatusCode};
use sandbox_egress::{Egress, Failure, Origin, Room};
use sandbox_run::Limit;
use support::{Environment, Interpreter};

/// What the server has got: a method, a URL, and the headers and the body as one text.
type Received = Arc<Mutex<Vec<(String, String)>>>;

/// Answers with what it got, or as the path says.
fn answered(request: &http::Request<Vec<u8>>, room: Room) -> Result<Response<Vec<u8>>, Failure> {
    let path = request.uri().path();
    let mut response = Response::new(format!("{} {}\n", request.method(), path).into_bytes());
    let headers = response.headers_mut();
    headers.insert("content-type", "text/plain".parse().unwrap());
    let redirect = |response: &mut Response<Vec<u8>>, location: &str| {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert("location", location.parse().unwrap());
    };
    match path {
        "/missing" => *response.status_mut() = StatusCode::NOT_FOUND,
        "/moved" => redirect(&mut response, "/here"),
        "/away" => redirect(&mut response, "https://evil.example/"),
        "/other" => redirect(&mut response, "https://b.example/here"),
        "/loop" => redirect(&mut response, "/loop"),
        "/binary" => *response.body_mut() = vec![0, 255, 254, b'\n'],
        "/large" => return Err(Failure::AnswerTooLarge(room.bytes)),
        "/unresolved" => return Err(Failure::Unresolved),
        "/slow" => {
            // As a host does, which waits for an answer for as long as it may.
            std::thread::sleep(Duration::from_millis(room.milliseconds));
            return Err(Failure::TimedOut);
        }
        _ => {}
    }
    Ok(response)
}

fn environment(interpreter: &Interpreter) -> (Environment<'_>, Received) {
    let mut environment = Environment::new(interpreter);
    let hosts = ["https://a.example", "https://b.example", "http://127.0.0.1:8080"];
    let hosts = hosts.map(|host| Origin::parse(host).unwrap()).to_vec();
    environment.egress = Egress { hosts, requests: 20, request_bytes: 100, answer_bytes: 1000 };
    let received = Received::default();
    let log = Arc::clone(&received);
    environment.send = Arc::new(move |request, room| {
        let headers: String = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let all = format!("{headers}\n{}", String::from_utf8_lossy(request.body()));
        log.lock().unwrap().push((format!("{} {}", request.method(), request.uri()), all));
        answered(request, room)
    });
    (environment, received)
}

/// A command, and what it prints, writes to standard error (a part of it) and exits with.
const COMMANDS: [(&str, &str, &str, i32); 40] = [
    ("curl https://a.example/x", "GET /x\n", "", 0),
    ("curl -s http://127.0.0.1:8080/x?y", "GET /x\n", "", 0),
    ("curl -sSfL https://a.example/x | tr a-z A-Z", "GET /X\n", "", 0),
    ("curl -s https://a.example/missing", "GET /missing\n", "", 0),
    ("curl -sf https://a.example/missing", "", "", 22),
    ("curl -sSf https://a.example/missing", "", "curl: (22) The requested URL returned error: 404", 22),
    ("curl -s --fail-with-body https://a.example/missing", "GET /missing\n", "", 22),
    ("curl -s -o /dev/null -w '%{http_code}\\n' https://a.example/missing", "404\n", "", 0),
    ("curl -s -w '%{http_code}' https://evil.example/", "000", "", 7),
    ("curl -s https://a.example/moved", "GET /moved\n", "", 0),
    ("curl -sL -w '%{url_effective}' https://a.example/moved", "GET /here\nhttps://a.example/here", "", 0),
    (
        "curl -sSL https://a.example/away",
        "",
        "egress to https://evil.example is not allowed here: settings egress.hosts",
        7,
    ),
    ("curl -sL -w '%{num_redirects}' https://a.example/other", "GET /here\n1", "", 0),
    ("curl -sSL https://a.example/loop", "", "curl: (47)", 47),
    ("curl https://evil.example/", "", "curl: (7) egress to https://evil.example is not allowed", 7),
    ("curl http://a.example/", "", "egress to http://a.example is not allowed", 7),
    ("curl a.example", "", "egress to http://a.example is not allowed", 7),
    ("curl https://a.example:8443/", "", "egress to https://a.example:8443 is not allowed", 7),
    ("curl https://a.example@evil.example/", "", "must not have a user", 3),
    ("curl http://shell.spin.internal/run", "", "spin.internal", 3),
    ("curl ftp://a.example/", "", "curl: (1)", 1),
    ("curl file:///etc/passwd", "", "curl: (1)", 1),
    ("curl -sS https://a.example/large", "", "curl: (63) the answer has more than 1000 bytes", 63),
    ("curl -sS https://a.example/unresolved", "", "curl: (6)", 6),
    ("curl -sS -m 0.05 https://a.example/slow", "", "curl: (28)", 28),
    ("curl -k https://a.example/", "", "option -k", 2),
    ("curl -X TRACE https://a.example/", "", "the method is none of", 2),
    ("curl -H 'Host: internal.example' https://a.example/", "", "the header Host cannot be sent", 2),
    ("curl -d @nothing https://a.example/", "", "curl: (26) Failed to open nothing", 26),
    ("curl -d \"$(seq 100)\" https://a.example/", "", "more than 100 bytes: settings egress.request_bytes", 7),
    ("curl -s -I https://a.example/x | tr -d '\\r'", "HTTP/1.1 200 OK\ncontent-type: text/plain\n\nHEAD /x\n", "", 0),
    ("curl -s -i https://a.example/x | head -n 1 | tr -d '\\r'", "HTTP/1.1 200 OK\n", "", 0),
    ("curl -s -o out https://a.example/binary && od -An -tx1 out", " 00 ff fe 0a\n", "", 0),
    ("curl -s https://a.example/binary | wc -c", "4\n", "", 0),
    ("mkdir d; cd d; curl -sO https://a.example/e/f.txt?q && cat f.txt", "GET /e/f.txt\n", "", 0),
    ("curl -sSO https://a.example/", "", "curl: (23) Remote file name has no length", 23),
    ("wget -q https://a.example/e/f.txt && cat f.txt", "GET /e/f.txt\n", "", 0),
    ("wget -qO - https://a.example/moved", "GET /here\n", "", 0),
    ("wget https://a.example/missing", "", "server returned error 404", 8),
    ("wget https://evil.example/", "", "egress to https://evil.example is not allowed", 4),
];

#[test]
fn commands_print_what_they_print_elsewhere_and_say_why_they_cannot() {
    let mut failures = Vec::new();
    for (command, stdout, stderr, exit_code) in COMMANDS {
        let (mut environment, received) = environment(&Interpreter::Library);
        let answer = environment.run(command);
        let is_right = answer.stdout().trim_start() == stdout.trim_start()
            && answer.stderr().contains(stderr)
            && answer.stderr().is_empty() == stderr.is_empty()
            && answer.outcome().exit_code == exit_code;
        if !is_right {
            failures.push(format!("{command}\n  {:?} {:?} {:?}", answer.stdout(), answer.stderr(), answer.outcome()));
        }
        let all = received.lock().unwrap();
        assert!(all.iter().all(|(line, _)| !line.contains("evil") && !line.contains("spin")), "{command}: {all:?}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A command, and what the server gets: the method and the URL, and parts of the rest; `!` before what must not be there.
const REQUESTS: [(&str, &str, &[&str]); 16] = [
    (
        "curl -d a=1 -d b=2 https://a.example/",
        "POST https://a.example/",
        &["\n\na=1&b=2", "content-type: application/x-www-form-urlencoded"],
    ),
    (
        "curl --json '{\"a\":1}' https://a.example/",
        "POST https://a.example/",
        &["\n\n{\"a\":1}", "content-type: application/json", "accept: application/json"],
    ),
    (
        "curl -XPUT -H 'Content-Type: text/plain' -d x https://a.example/",
        "PUT https://a.example/",
        &["content-type: text/plain", "!urlencoded"],
    ),
    ("printf 'a\\nb\\n' > f; curl -d @f https://a.example/", "POST https://a.example/", &["\n\nab"]),
    ("printf 'a\\nb\\n' > f; curl --data-binary @f https://a.example/", "POST https://a.example/", &["\n\na\nb\n"]),
    ("printf 'a b' | curl --data-binary @- https://a.example/", "POST https://a.example/", &["\n\na b"]),
    ("curl -d @- https://a.example/ <<< 'here'", "POST https://a.example/", &["\n\nhere"]),
    ("curl --data-raw @x https://a.example/", "POST https://a.example/", &["\n\n@x"]),
    (
        "curl -G --data-urlencode 'q=a b&c' -d n=1 'https://a.example/s?x=0#f'",
        "GET https://a.example/s?x=0&q=a%20b%26c&n=1",
        &["!content-type"],
    ),
    ("curl -u me:secret https://a.example/", "GET https://a.example/", &["authorization: Basic bWU6c2VjcmV0"]),
    (
        "curl -H 'X-Key: k' -H 'Accept:' -H 'X-Empty;' https://a.example/",
        "GET https://a.example/",
        &["x-key: k", "!accept", "x-empty: \n"],
    ),
    (
        "curl -A me/1 -e https://r.example/ -b a=1 https://a.example/",
        "GET https://a.example/",
        &["user-agent: me/1", "referer: https://r.example/", "cookie: a=1"],
    ),
    ("printf body > f; curl -T f https://a.example/up", "PUT https://a.example/up", &["\n\nbody", "!content-type"]),
    ("curl -X DELETE https://a.example/x", "DELETE https://a.example/x", &["user-agent: curl (gatehouse-sandbox)"]),
    (
        "wget -qO- --post-data=a=1 --header='X-Key: k' https://a.example/",
        "POST https://a.example/",
        &["\n\na=1", "x-key: k"],
    ),
    ("curl 'https://a.example/ü{1}'", "GET https://a.example/%C3%BC%7B1%7D", &[]),
];

#[test]
fn options_make_the_request_that_they_make_elsewhere() {
    for (command, line, parts) in REQUESTS {
        let (mut environment, received) = environment(&Interpreter::Library);
        let answer = environment.run(command);
        assert_eq!(answer.outcome().exit_code, 0, "{command}: {}", answer.stderr());
        let received = received.lock().unwrap();
        assert_eq!(received.len(), 1, "{command}");
        assert_eq!(received[0].0, line, "{command}");
        for part in parts {
            let (wanted, part) = part.strip_prefix('!').map_or((true, *part), |part| (false, part));
            assert_eq!(received[0].1.contains(part), wanted, "{command}: {part:?} in {:?}", received[0].1);
        }
    }
}

#[test]
fn credentials_do_not_follow_to_another_origin() {
    let (mut environment, received) = environment(&Interpreter::Library);
    environment.run("curl -sL -u me:secret -b a=1 -H 'X-Key: k' https://a.example/other");
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 2);
    assert!(received[0].1.contains("authorization") && received[0].1.contains("cookie"));
    assert_eq!(received[1].0, "GET https://b.example/here");
    assert!(
        !received[1].1.contains("authorization")
            && !received[1].1.contains("cookie")
            && received[1].1.contains("x-key")
    );
}

#[test]
fn requests_are_counted_for_the_run_and_end_with_its_time() {
    let (mut environment, received) = environment(&Interpreter::Library);
    environment.egress.requests = 3;
    let answer = environment.run("for n in 1 2 3 4 5; do curl -s https://a.example/$n || echo no; done");
    assert_eq!(answer.stdout(), "GET /1\nGET /2\nGET /3\nno\nno\n");
    assert_eq!(received.lock().unwrap().len(), 3);
    assert_eq!(environment.run("curl -s https://a.example/again").stdout(), "GET /again\n");
    environment.limits.seconds = 1;
    let answer = environment.run("echo begun; x=after; curl -s https://a.example/slow; echo never");
    assert_eq!((answer.outcome().limit, answer.outcome().exit_code), (Some(Limit::Time), 124));
    assert!(answer.stdout().starts_with("begun\n"), "{:?}", answer.stdout());
    assert!(answer.took < Duration::from_secs(10), "{:?}", answer.took);
    assert!(answer.first.is_some_and(|first| first < Duration::from_millis(900)), "{:?}", answer.first);
}

#[test]
fn where_egress_is_off_there_is_no_network_and_nothing_is_sent() {
    let mut environment = Environment::new(&Interpreter::Library);
    for command in ["curl https://a.example/", "wget https://a.example/"] {
        let answer = environment.run(command);
        assert!(
            answer.outcome().exit_code != 0 && answer.stderr().contains("network"),
            "{command}: {:?}",
            answer.stderr()
        );
    }
}
