use proptest::prelude::*;

use crate::tests::{MINIMAL, problem_of};
use crate::{Configuration, Counted, Limits, Rate};

fn with(lines: &str) -> String {
    format!("{MINIMAL}\n{lines}")
}

fn limits(lines: &str) -> Limits {
    Configuration::parse(&with(&format!("[routes.limits]\n{lines}"))).unwrap().routes[0].limits
}

fn rates(lines: &str) -> Vec<Rate> {
    Configuration::parse(&with(lines)).unwrap().routes.remove(0).rates
}

#[test]
fn a_route_without_limits_of_its_own_has_the_documented_ones() {
    assert_eq!(
        limits(""),
        Limits {
            request_bytes: 4_194_304,
            json_depth: 64,
            headers: 100,
            streams_per_subject: 32,
            streams_per_route: 96,
            calls_per_subject: 32,
            calls_per_route: 96,
            stream_idle: 3_600,
            stream_total: 28_800,
        }
    );
    assert!(rates("").is_empty());
}

#[test]
fn every_limit_is_taken_at_both_its_edges_and_refused_past_them() {
    for (name, least, most, said) in [
        ("request_bytes", 1_u64, 16_777_216_u64, "must be 1 to 16777216 bytes (16 MiB)"),
        ("json_depth", 4, 127, "must be 4 to 127"),
        ("headers", 10, 1_000, "must be 10 to 1000"),
        ("streams_per_subject", 1, 10_000, "must be 1 to 10000"),
        ("streams_per_route", 1, 10_000, "must be 1 to 10000"),
        ("calls_per_subject", 1, 10_000, "must be 1 to 10000"),
        ("calls_per_route", 1, 10_000, "must be 1 to 10000"),
        ("stream_idle", 1, 604_800, "must be 1 to 604800 seconds"),
        ("stream_total", 1, 604_800, "must be 1 to 604800 seconds"),
    ] {
        for inside in [least, most] {
            let limits = limits(&format!("{name} = {inside}"));
            assert!(format!("{limits:?}").contains(&format!("{name}: {inside}")), "{name}: {limits:?}");
        }
        for outside in [least - 1, most + 1] {
            let refused = problem_of(&with(&format!("[routes.limits]\n{name} = {outside}")));
            assert_eq!(refused, (format!("routes[0].limits.{name}"), said.to_owned()));
        }
    }
}

#[test]
fn all_routes_together_have_a_limit_of_their_own() {
    let with = |lines: &str| format!("{lines}\n{MINIMAL}");
    assert_eq!(Configuration::parse(MINIMAL).unwrap().gateway.long_requests, 128);
    for inside in [1, 100_000] {
        let text = with(&format!("limits = {{ long_requests = {inside} }}"));
        assert_eq!(Configuration::parse(&text).unwrap().gateway.long_requests, inside);
    }
    for (all, of_subject) in [(1, 1), (4, 1), (5, 2), (40, 10), (128, 32)] {
        let text = with(&format!("limits = {{ long_requests = {all} }}"));
        assert_eq!(Configuration::parse(&text).unwrap().gateway.long_requests_of_subject(), of_subject);
    }
    for outside in [0, 100_001] {
        let refused = problem_of(&with(&format!("limits = {{ long_requests = {outside} }}")));
        assert_eq!(refused, ("limits.long_requests".to_owned(), "must be 1 to 100000".to_owned()));
    }
}

#[test]
fn what_is_no_number_or_no_limit_cannot_be_read() {
    for (line, key) in [
        ("request_bytes = -1", "request_bytes"),
        ("request_bytes = \"4 MiB\"", "request_bytes"),
        ("streams_per_subject = 4294967296", "streams_per_subject"),
        ("bytes = 1", "bytes"),
    ] {
        let refused = problem_of(&with(&format!("[routes.limits]\n{line}"))).0;
        assert_eq!(refused, format!("routes[0].limits.{key}"));
    }
}

#[test]
fn a_rate_counts_by_subject_client_route_or_tool() {
    let rates = rates(
        r#"
        [[routes.rates]]
        per = "subject"
        requests = 600
        seconds = 60
        [[routes.rates]]
        per = "client"
        requests = 1
        seconds = 1
        [[routes.rates]]
        per = "route"
        requests = 10000000
        seconds = 86400
        [[routes.rates]]
        per = "tool"
        tools = ["search", "expensive_*"]
        requests = 5
        seconds = 60
        "#,
    );
    let counted: Vec<_> = rates.iter().map(|rate| (&rate.per, rate.requests, rate.seconds)).collect();
    let [subject, client, route, tool] = counted.as_slice() else { panic!("{counted:?}") };
    assert_eq!(*subject, (&Counted::Subject, 600, 60));
    assert_eq!(*client, (&Counted::Client, 1, 1));
    assert_eq!(*route, (&Counted::Route, 10_000_000, 86_400));
    let (Counted::Tool(tools), 5, 60) = *tool else { panic!("{tool:?}") };
    assert!(tools.iter().any(|pattern| pattern.matches("expensive_query")));
    assert!(!tools.iter().any(|pattern| pattern.matches("cheap_query")));
}

#[test]
fn a_rate_that_counts_nothing_or_too_much_is_refused() {
    let rate =
        |line: &str| problem_of(&with(&format!("rates = [{{ per = \"route\", requests = 1, seconds = 1 }}, {line}]")));
    for (line, key, said) in [
        (r#"{ per = "user", requests = 1, seconds = 1 }"#, "per", "must be subject, client, route, tool or address"),
        (r#"{ per = "tool", requests = 1, seconds = 1 }"#, "tools", "is missing"),
        (r#"{ per = "subject", tools = ["a"], requests = 1, seconds = 1 }"#, "tools", "is only for per = \"tool\""),
        (
            r#"{ per = "tool", tools = ["a", ""], requests = 1, seconds = 1 }"#,
            "tools[1]",
            "must be a pattern of 1 to 256 characters",
        ),
        (r#"{ per = "client", requests = 0, seconds = 1 }"#, "requests", "must be 1 to 10000000"),
        (r#"{ per = "client", requests = 10000001, seconds = 1 }"#, "requests", "must be 1 to 10000000"),
        (r#"{ per = "client", requests = 1, seconds = 0 }"#, "seconds", "must be 1 to 86400"),
        (r#"{ per = "client", requests = 1, seconds = 86401 }"#, "seconds", "must be 1 to 86400"),
    ] {
        assert_eq!(rate(line), (format!("routes[0].rates[1].{key}"), said.to_owned()), "{line}");
    }
}

#[test]
fn a_route_has_at_most_64_rates() {
    let many = |number| with(&"[[routes.rates]]\nper = \"route\"\nrequests = 1\nseconds = 1\n".repeat(number));
    assert_eq!(Configuration::parse(&many(64)).unwrap().routes[0].rates.len(), 64);
    assert_eq!(problem_of(&many(65)), ("routes[0].rates".to_owned(), "has more than 64 tables".to_owned()));
}

proptest! {
    #[test]
    fn limits_and_rates_are_within_their_bounds_or_refused(
        limits in proptest::collection::vec((proptest::sample::select(
            &["request_bytes", "json_depth", "headers", "streams_per_subject", "stream_idle", "stream_total"][..]
        ), prop_oneof![0_u64..200, any::<u32>().prop_map(u64::from), any::<i64>().prop_map(i64::unsigned_abs)]), 0..3),
        per in "subject|client|route|tool|[a-z]{0,3}",
        tools in proptest::option::of("[a-z*?\\PC]{0,4}"),
        requests in any::<u32>(),
        seconds in 0_u32..100_000,
    ) {
        let lines: String = limits.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let tools = tools.map(|tool| format!("tools = [{}]\n", serde_json::Value::String(tool))).unwrap_or_default();
        let text = with(&format!(
            "[routes.limits]\n{lines}[[routes.rates]]\nper = \"{per}\"\n{tools}requests = {requests}\nseconds = {seconds}"
        ));
        if let Ok(configuration) = Configuration::parse(&text) {
            let route = &configuration.routes[0];
            prop_assert!((1..=33_554_432).contains(&route.limits.request_bytes));
            prop_assert!((4..=127).contains(&route.limits.json_depth));
            prop_assert!((1..=604_800).contains(&route.limits.stream_total));
            prop_assert!((1..=10_000_000).contains(&route.rates[0].requests) && (1..=86_400).contains(&route.rates[0].seconds));
        }
    }
}
