use crate::tests::{MINIMAL, problem_of};
use crate::{Configuration, Member, Prefix, Servers, Timeouts, Transport, Upstream};

const URL: &str = r#"url = "http://10.0.0.7:8080/mcp?x=y""#;
const SECRET_HEADERS: &str = r#"secret_headers = { "X-Functions-Key" = { secret = "upstream_secret" } }"#;

/// The document with these keys in place of the address of its route's server.
fn with(keys: &str) -> String {
    MINIMAL.replacen(URL, keys, 1).replacen(SECRET_HEADERS, "", 1)
}

fn upstream(keys: &str) -> Upstream {
    let route = Configuration::parse(&with(&format!("{URL}\n{keys}"))).unwrap().routes.remove(0);
    match route.servers {
        Servers::One(upstream) => upstream,
        Servers::Federated(members) => panic!("{members:?}"),
    }
}

fn members(keys: &str) -> Vec<Member> {
    match Configuration::parse(&with(keys)).unwrap().routes.remove(0).servers {
        Servers::Federated(members) => members,
        Servers::One(upstream) => panic!("{upstream:?}"),
    }
}

#[test]
fn a_server_speaks_streamable_http_unless_it_says_otherwise() {
    assert_eq!(upstream("").transport, Transport::StreamableHttp);
    assert_eq!(upstream(r#"transport = "streamable-http""#).transport, Transport::StreamableHttp);
    assert_eq!(upstream(r#"transport = "sse""#).transport, Transport::Sse);
    let refused = problem_of(&with(&format!("{URL}\ntransport = \"SSE\"")));
    assert_eq!(refused, ("routes[0].transport".to_owned(), "must be streamable-http or sse".to_owned()));
}

#[test]
fn time_limits_are_taken_at_both_their_edges_and_refused_past_them() {
    assert_eq!(upstream("").timeouts, Timeouts { connect: 5, answer: 600 });
    assert_eq!(upstream("timeouts = {}").timeouts, Timeouts { connect: 5, answer: 600 });
    for (connect, answer) in [(1, 1), (60, 3_600)] {
        let timeouts = upstream(&format!("timeouts = {{ connect = {connect}, answer = {answer} }}")).timeouts;
        assert_eq!(timeouts, Timeouts { connect, answer });
    }
    for (line, key, said) in [
        ("timeouts = { connect = 0 }", "connect", "must be 1 to 60 seconds"),
        ("timeouts = { connect = 61 }", "connect", "must be 1 to 60 seconds"),
        ("timeouts = { answer = 0 }", "answer", "must be 1 to 3600 seconds"),
        ("timeouts = { answer = 3601 }", "answer", "must be 1 to 3600 seconds"),
    ] {
        let refused = problem_of(&with(&format!("{URL}\n{line}")));
        assert_eq!(refused, (format!("routes[0].timeouts.{key}"), said.to_owned()), "{line}");
    }
}

#[test]
fn an_address_is_an_http_url_that_names_no_user() {
    for bad in [
        "",
        "/mcp",
        "mcp.example",
        "ftp://a.example/",
        "http://user@a.example/",
        "http://u:p@a.example/",
        "a b",
        "https://*.a.example/",
    ] {
        let refused = problem_of(&with(&format!("url = {bad:?}")));
        assert_eq!(
            refused,
            ("routes[0].url".to_owned(), "is not an http(s) URL with one host and without a user".to_owned()),
            "{bad}"
        );
    }
    assert_eq!(problem_of(&with("")), ("routes[0].url".to_owned(), "is missing".to_owned()));
}

#[test]
fn each_member_has_what_a_server_of_its_own_would_have() {
    let members = members(
        r#"
        [[routes.members]]
        prefix = "files"
        url = "https://files.example/mcp"
        subject_header = "x-user"
        secret_headers = { x-key = { secret = "files_key" } }
        identity_provider_token_header = "authorization"
        timeouts = { connect = 1, answer = 30 }

        [[routes.members]]
        url = "http://127.0.0.1:9000/"
        "#,
    );
    let [files, bare] = members.as_slice() else { panic!("{members:?}") };
    assert_eq!(files.prefix.as_ref().map(Prefix::as_str), Some("files"));
    assert_eq!(files.upstream.url, "https://files.example/mcp");
    assert_eq!(files.upstream.subject_header.as_ref().unwrap(), "x-user");
    assert_eq!(files.upstream.secret_headers[0].1.as_str(), "files_key");
    assert_eq!(files.upstream.identity_provider_token_header.as_ref().unwrap(), "authorization");
    assert_eq!(files.upstream.timeouts, Timeouts { connect: 1, answer: 30 });
    assert!(bare.prefix.is_none() && bare.upstream.secret_headers.is_empty());
    assert_eq!(bare.upstream.transport, Transport::StreamableHttp);
}

#[test]
fn a_problem_of_a_member_names_the_member() {
    let second = |keys: &str| {
        problem_of(&with(&format!(
            "[[routes.members]]\nprefix = \"a\"\nurl = \"https://a.example/\"\n[[routes.members]]\n{keys}"
        )))
    };
    for (keys, key, said) in [
        ("prefix = \"b\"", "url", "is missing"),
        ("url = \"b.example\"", "url", "is not an http(s) URL with one host and without a user"),
        ("prefix = \"a\"\nurl = \"https://b.example/\"", "prefix", "is \"a\" for a second time"),
        (
            "url = \"https://b.example/\"\nsubject_header = \"host\"",
            "subject_header",
            "is a header that the gateway itself decides on",
        ),
        ("url = \"https://b.example/\"\ntimeouts = { connect = 61 }", "timeouts.connect", "must be 1 to 60 seconds"),
        (
            "url = \"https://b.example/\"\nsecret_headers = { x-a = { secret = \"B\" } }",
            "secret_headers.x-a.secret",
            "must name a variable: lower-case letters, digits and _, starting with a letter",
        ),
        (
            "url = \"https://b.example/\"\nsubject_header = \"x_a\"\nidentity_provider_token_header = \"x-a\"",
            "identity_provider_token_header",
            "must not be subject_header",
        ),
    ] {
        assert_eq!(second(keys), (format!("routes[0].members[1].{key}"), said.to_owned()), "{keys}");
    }
}

#[test]
fn a_prefix_ends_at_the_first_underscore_and_never_looks_like_another() {
    let prefix = |prefix: &str| with(&format!("members = [{{ prefix = {prefix:?}, url = \"https://a.example/\" }}]"));
    for good in ["a", "files", "web-2", &"a".repeat(32)] {
        assert!(Configuration::parse(&prefix(good)).is_ok(), "{good}");
    }
    for bad in ["", "A", "1a", "-a", "a_b", "a+b", "a.b", "a b", "ä", &"a".repeat(33)] {
        let (key, said) = problem_of(&prefix(bad));
        assert_eq!(key, "routes[0].members[0].prefix", "{bad}");
        assert_eq!(said, "must be 1 to 32 lower-case letters, digits and -, and begin with a letter");
    }
}

#[test]
fn only_one_member_may_be_without_a_prefix() {
    let bare = "[[routes.members]]\nurl = \"https://a.example/\"\n";
    assert!(Configuration::parse(&with(bare)).is_ok());
    let refused = problem_of(&with(&bare.repeat(2)));
    assert_eq!(refused, ("routes[0].members[1].prefix".to_owned(), "is \"\" for a second time".to_owned()));
}

#[test]
fn a_route_has_at_most_32_members() {
    let member = |index| format!("[[routes.members]]\nprefix = \"m{index}\"\nurl = \"https://a.example/\"\n");
    let many = |number: usize| (0..number).map(member).collect::<String>();
    assert_eq!(members(&many(32)).len(), 32);
    assert_eq!(problem_of(&with(&many(33))), ("routes[0].members".to_owned(), "has more than 32 tables".to_owned()));
}

#[test]
fn headers_that_are_not_the_operators_to_set_are_refused_in_every_spelling() {
    let keys = |name: &str| {
        [
            ("subject_header", format!("subject_header = \"{name}\"")),
            ("identity_provider_token_header", format!("identity_provider_token_header = \"{name}\"")),
            ("secret_headers", format!("secret_headers = {{ \"{name}\" = {{ secret = \"a\" }} }}")),
        ]
    };
    for name in [
        "host",
        "Connection",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-type",
        "Content_Encoding",
        "content-md5",
        "cookie",
        "set-cookie",
        "accept",
        "accept-encoding",
        "via",
        "expect",
        "origin",
        "mcp-session-id",
        "mcp_method",
        "mcp-param-path",
        "last-event-id",
        "x-request-id",
        "traceparent",
        "X_Forwarded_For",
        "x-forwarded-host",
        "x-real-ip",
        "forwarded",
    ] {
        for (key, line) in keys(name) {
            let (refused, problem) = problem_of(&with(&format!("{URL}\n{line}")));
            assert!(refused.starts_with(&format!("routes[0].{key}")), "{line}: {refused}");
            assert_eq!(problem, "is a header that the gateway itself decides on", "{line}");
        }
    }
    for name in ["x-user", "X-Forwarded-User", "x-api-key", "mcp-api-key", "authorization-subject", "cookie-id"] {
        for (_, line) in keys(name) {
            upstream(&line);
        }
    }
    for name in ["authorization", "Authorization"] {
        let [(_, subject), (_, token), (_, secret)] = keys(name);
        let text = "must not be authorization: the server would take the subject for credentials";
        let refused = problem_of(&with(&format!("{URL}\n{subject}")));
        assert_eq!(refused, ("routes[0].subject_header".to_owned(), text.to_owned()));
        upstream(&token);
        upstream(&secret);
    }
}
