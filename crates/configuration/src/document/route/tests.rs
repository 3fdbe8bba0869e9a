use crate::Configuration;
use crate::tests::{MINIMAL, problem_of};

fn with(headers: &str) -> String {
    MINIMAL.replacen("secret_headers = { \"X-Functions-Key\" = { secret = \"upstream_secret\" } }", headers, 1)
}

#[test]
fn an_upstream_may_get_the_users_token_of_the_identity_provider() {
    for (written, header) in [("Authorization", "authorization"), ("X-User-Token", "x-user-token")] {
        let configuration =
            Configuration::parse(&with(&format!("identity_provider_token_header = {written:?}"))).unwrap();
        let given = configuration.routes[0].upstreams().next().unwrap().identity_provider_token_header.as_ref();
        assert_eq!(given.map(http::HeaderName::as_str), Some(header));
    }
    assert!(
        Configuration::parse(MINIMAL).unwrap().routes[0]
            .upstreams()
            .next()
            .unwrap()
            .identity_provider_token_header
            .is_none()
    );
}

#[test]
fn a_header_means_one_thing_to_the_upstream() {
    const SECRET: &str = r#"secret_headers = { "X-Key" = { secret = "upstream_secret" } }"#;
    const BEARER: &str = r#"secret_headers = { Authorization = { secret = "upstream_secret" } }"#;
    for (headers, key, said) in [
        ("identity_provider_token_header = \"cookie\"".to_owned(), "identity_provider_token_header", "itself decides"),
        ("identity_provider_token_header = \"a b\"".to_owned(), "identity_provider_token_header", "not a header name"),
        (
            "identity_provider_token_header = \"x-a\"\nsubject_header = \"X-A\"".to_owned(),
            "identity_provider_token_header",
            "is subject_header, too",
        ),
        (
            "identity_provider_token_header = \"x-a\"\nsubject_header = \"x_a\"".to_owned(),
            "identity_provider_token_header",
            "is subject_header, too",
        ),
        (
            format!("identity_provider_token_header = \"x-key\"\n{SECRET}"),
            "identity_provider_token_header",
            "secret_headers",
        ),
        (
            format!("identity_provider_token_header = \"authorization\"\n{BEARER}"),
            "identity_provider_token_header",
            "secret_headers",
        ),
        (
            format!("identity_provider_token_header = \"x-a\"\n{BEARER}"),
            "identity_provider_token_header",
            "two different",
        ),
        (format!("subject_header = \"X-Key\"\n{SECRET}"), "subject_header", "secret_headers"),
    ] {
        let (refused, problem) = problem_of(&with(&headers));
        assert_eq!(refused, format!("routes[0].{key}"), "{headers}");
        assert!(problem.contains(said), "{headers}: {problem}");
    }
    assert!(Configuration::parse(&with(BEARER)).is_ok(), "alone, it is a secret like any other");
}
