use serde_json::{Value, json};

use super::*;

const URL: &str = "http://127.0.0.1:3010/environments";

fn answer(status: u16, body: &Value) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.to_string().into_bytes()).unwrap()
}

fn environment() -> Value {
    json!({
        "handle": "5984064.1.abcdefghijkl", "name": "abcdefghijkl", "subject": "key:alice",
        "launchedAt": 10, "usedAt": 20, "endsAt": 320, "runs": 3, "isRunning": true,
    })
}

fn page(environments: &[Value]) -> Value {
    json!({ "count": 2, "most": 1000, "environments": environments, "next": "5984064.1" })
}

#[test]
fn a_sandbox_is_asked_with_the_secret_in_a_header_and_nothing_of_others_in_the_url() {
    let (url, secret) = (URL.parse().unwrap(), SecretString::new("a-secret-of-administrators".to_owned()));
    let text = ReturnedText::parse("5984064.1.abc-_fghijkl").unwrap();
    for (request, method, asked) in [
        (list_request(&url, &secret, None), "GET", URL.to_owned()),
        (list_request(&url, &secret, Some(&text)), "GET", format!("{URL}?from=5984064.1.abc-_fghijkl")),
        (end_request(&url, &secret, &text), "DELETE", format!("{URL}/5984064.1.abc-_fghijkl")),
    ] {
        let request = request.unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string()), (method, asked));
        let header = &request.headers()["x-sandbox-administration"];
        assert!(header == "a-secret-of-administrators" && header.is_sensitive());
    }
    assert!(list_request(&url, &SecretString::new("two\nlines".to_owned()), None).is_none());
    let long = "a".repeat(101);
    for text in ["", ".", "..", "a/b", "a?b", "a#b", "a b", "a%2f", "\u{e4}", long.as_str()] {
        assert_eq!(ReturnedText::parse(text), None, "{text}");
    }
}

#[test]
fn a_page_is_read_whole() {
    let read = read_page(&answer(200, &page(&[environment()]))).unwrap();
    assert_eq!((read.count, read.most, read.next), (2, 1000, ReturnedText::parse("5984064.1")));
    let [environment] = read.environments.as_slice() else { panic!("one") };
    assert_eq!((environment.handle.as_str(), environment.subject.as_str()), ("5984064.1.abcdefghijkl", "key:alice"));
    let times = [environment.launched_at, environment.used_at, environment.ends_at].map(UnixTime::seconds);
    assert_eq!((times, environment.runs, environment.is_running), ([10, 20, 320], 3, true));
    let nothing = read_page(&answer(200, &json!({ "count": 0, "most": 5, "environments": [] }))).unwrap();
    assert!(nothing.environments.is_empty() && nothing.next.is_none());
}

#[test]
fn what_is_no_page_is_not_read_in_part() {
    let with = |name: &str, value: Value| {
        let mut changed = environment();
        changed[name] = value;
        page(&[environment(), changed])
    };
    for body in [
        json!([]),
        json!({ "count": 1 }),
        with("subject", json!("<script>")),
        with("subject", json!(null)),
        with("handle", json!("../elsewhere")),
        with("name", json!("a b")),
        with("launchedAt", json!(-1)),
        with("runs", json!("3")),
        json!({ "count": 1, "most": 2, "environments": [], "next": "a&b" }),
        page(&vec![environment(); 201]),
    ] {
        assert_eq!(read_page(&answer(200, &body)), Err(unreadable()), "{body}");
    }
    for status in [204, 302, 401, 404, 503] {
        let refused = read_page(&answer(status, &page(&[environment()])));
        assert_eq!(refused, Err(format!("the sandbox answers {status}")));
    }
}

#[test]
fn an_environment_has_ended_where_the_sandbox_says_whose_it_was() {
    let ended = read_ended(&answer(200, &json!({ "subject": "key:alice" }))).unwrap();
    assert_eq!(ended.as_ref().map(Subject::as_str), Some("key:alice"));
    assert_eq!(read_ended(&answer(404, &json!({}))), Ok(None));
    for (status, body) in [(200, json!({})), (200, json!({ "subject": "nobody" })), (401, json!({})), (503, json!({}))]
    {
        assert!(read_ended(&answer(status, &body)).is_err(), "{status} {body}");
    }
}
