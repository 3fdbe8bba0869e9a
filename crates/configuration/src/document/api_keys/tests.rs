use gatehouse_protocol::{Scopes, UnixTime};

use crate::tests::{MINIMAL, problem_of};
use crate::{ApiKeys, Configuration, Part, Route, Source, compile};

const HASH: &str = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592";
const POOL: &str =
    "session_pool = \"code\"\nadministrators = [{ label = \"operations\", secret = \"api_keys_administrator\" }]";

fn with(lines: &str) -> String {
    format!("{MINIMAL}\n[routes.api_keys]\n{lines}\n")
}

fn key(more: &str) -> String {
    format!("[[routes.api_keys.keys]]\nlabel = \"nightly-report\"\nsha256 = \"{HASH}\"\n{more}")
}

fn read(lines: &str) -> ApiKeys {
    Configuration::parse(&with(lines)).unwrap().routes.remove(0).api_keys.unwrap()
}

#[test]
fn what_is_not_said_is_as_documented() {
    let keys = read(&format!("{POOL}\n{}", key("")));
    assert_eq!((keys.header.as_str(), keys.failures_per_minute), ("x-ms-apikey", 60));
    let pool = keys.session_pool.unwrap();
    assert_eq!((pool.name.as_str(), pool.validation_seconds, pool.failures_per_minute), ("code", 300, 60));
    assert_eq!((keys.keys[0].label.as_str(), keys.keys[0].expires), ("nightly-report", None));
    assert_eq!((keys.keys[0].scopes.to_string(), keys.scopes.to_string()), ("mcp".to_owned(), "mcp".to_owned()));
    assert_eq!(keys.keys[0].sha256.expose()[..3], [0xd7, 0xa8, 0xfb]);
}

#[test]
fn what_is_said_counts() {
    let lines = format!(
        "header = \"Ocp-Apim-Subscription-Key\"\nvalidation_seconds = 0\nscopes = [\"mcp\", \"files\"]\n{POOL}\n{}",
        key("expires = \"2027-11-30\"\nscopes = [\"mcp\", \"admin\"]")
    );
    let keys = read(&lines);
    assert_eq!(keys.header.as_str(), "ocp-apim-subscription-key");
    assert_eq!(keys.session_pool.unwrap().validation_seconds, 0);
    assert_eq!(keys.scopes, Scopes::parse("mcp files").unwrap());
    assert_eq!(keys.keys[0].scopes, Scopes::parse("mcp admin").unwrap());
    assert_eq!(keys.keys[0].expires, UnixTime::from_date("2027-11-30"));
}

#[test]
fn a_route_with_keys_takes_no_tokens_of_ours_unless_it_says_so() {
    for (line, expected) in [("", false), ("own_tokens = false", false), ("own_tokens = true", true)] {
        let text = with(POOL).replacen("[[routes]]", &format!("[[routes]]\n{line}"), 1);
        let configuration = Configuration::parse(&text).unwrap();
        assert_eq!(configuration.routes[0].own_tokens, expected, "{line}");
        assert_eq!(configuration.authorization_server.routes.len(), usize::from(expected), "{line}");
        let (path, pool) = &configuration.authorization_server.session_pools[0];
        assert_eq!(
            (path.as_str(), pool),
            ("/mcp", configuration.routes[0].api_keys.as_ref().unwrap().session_pool.as_ref().unwrap())
        );
    }
    let (key, problem) = problem_of(&MINIMAL.replacen("[[routes]]", "[[routes]]\nown_tokens = false", 1));
    assert!(key == "routes[0].own_tokens" && problem.contains("nobody could come in"), "{key} {problem}");
}

#[test]
fn what_would_let_nobody_in_or_somebody_too_many_is_refused() {
    let long = "a".repeat(65);
    let other = format!("[[routes.api_keys.keys]]\nlabel = \"other\"\nsha256 = \"{}\"", HASH.to_uppercase());
    for (lines, at, said) in [
        (String::new(), "keys", "there is no key"),
        (format!("header = \"authorization\"\n{POOL}"), "header", "tokens are there"),
        (format!("header = \"cookie\"\n{POOL}"), "header", "itself decides"),
        (format!("header = \"a b\"\n{POOL}"), "header", "not a header name"),
        ("session_pool = \"code\"".to_owned(), "administrators", "nobody could fetch"),
        (POOL.replace("session_pool = \"code\"", ""), "administrators", "nothing to fetch"),
        (POOL.replace("\"code\"", "\"a/b\""), "session_pool", "3 to 64"),
        (POOL.replace("operations", "op"), "administrators[0].label", "3 to 64"),
        (POOL.replace("api_keys_administrator", "A-B"), "administrators[0].secret", "must name a variable"),
        (format!("validation_seconds = 3601\n{POOL}"), "validation_seconds", "0 to 3600"),
        (format!("failures_per_minute = 0\n{POOL}"), "failures_per_minute", "1 to 10000"),
        (format!("scopes = [\"files\"]\n{POOL}"), "scopes", "that the route needs, which are: mcp"),
        (key("scopes = [\"files\"]"), "keys[0].scopes", "that the route needs, which are: mcp"),
        (key("expires = \"tomorrow\""), "keys[0].expires", "year-month-day"),
        (key("").replace("nightly-report", "a b c"), "keys[0].label", "3 to 64"),
        (key("").replace("nightly-report", &long), "keys[0].label", "3 to 64"),
        (key("").replace(HASH, "hunter2"), "keys[0].sha256", "64 hexadecimal"),
        (key("").replace("d7a8", "+7a8"), "keys[0].sha256", "64 hexadecimal"),
        (format!("{}\n{other}", key("")), "keys[1].sha256", "is that of another key"),
        (format!("{}\n{}", key(""), key("").replace("d7a8", "d7a9")), "keys[1].label", "for a second time"),
        (format!("{POOL}\n{}", key("").replace("nightly-report", "code")), "keys[1].label", "for a second time"),
    ] {
        let (key, problem) = problem_of(&with(&lines));
        assert!(key == format!("routes[0].api_keys.{at}") && problem.contains(said), "{lines}: {key} {problem}");
    }
}

#[test]
fn two_routes_share_neither_a_key_nor_a_pool() {
    let second = "[[routes]]\npath = \"/b\"\nurl = \"http://10.0.0.8/\"\n[routes.api_keys]\n";
    let (place, problem) = problem_of(&format!("{}\n{second}{}", with(&key("")), key("").replace("nightly", "other")));
    assert!(place == "routes[1].api_keys.keys[0].sha256" && problem.contains("another key"), "{place} {problem}");
    let pools = format!("{}\n{second}{}", with(POOL), POOL.replace("\"code\"", "\"CODE\""));
    let (place, problem) = problem_of(&pools);
    assert!(place == "routes[1].api_keys.session_pool" && problem.contains("another route"), "{place} {problem}");
}

#[test]
fn the_compiled_form_means_the_same_and_other_routes_carry_nothing_of_it() {
    let text =
        format!("{}\n[[routes]]\npath = \"/b\"\nurl = \"http://10.0.0.8/\"", with(&format!("{POOL}\n{}", key(""))));
    let whole = Configuration::parse(&text).unwrap();
    let source = Source::read(compile(&text).unwrap()).unwrap();
    assert_eq!(Configuration::of_source(&source).unwrap(), whole);
    assert_eq!(whole.gateway.api_key_headers, ["x-ms-apikey"]);
    let other = source.part(&Part::Route("/b")).unwrap().unwrap();
    assert!(!other.contains("api_keys") && Route::from_part(&other).unwrap().api_keys.is_none());
}

#[test]
fn rules_may_be_about_callers_with_keys_and_no_provider_is_called_like_them() {
    let rules = "policy = [{ name = \"reports\", providers = [\"key\"], subjects = [\"key:nightly-report\"], tools = [\"read\"] }]";
    let text = with(&key("")).replacen("[[routes]]", &format!("[[routes]]\n{rules}"), 1);
    assert!(Configuration::parse(&text).is_ok());
    let (key, problem) = problem_of(&MINIMAL.replacen("\"entra\"", "\"key\"", 1));
    assert!(key.ends_with(".name") && problem.contains("API key"), "{key} {problem}");
}
