//! The files of `deploy/`, filled in as an operator does.

use gatehouse_tests::repository;

/// What is to be filled in, and with what. Longer names come first: one may begin as another does.
const PLACEHOLDERS: [(&str, &str); 6] = [
    ("PROVIDER-HOST", "accounts.example.com"),
    ("PUBLIC-HOST", "gateway.example.com"),
    ("REDIS-HOST", "redis.example.com"),
    ("REDIS-PASSWORD", "correct-horse"),
    ("REGISTRY", "registry.example.com/team"),
    ("SERVER-HOST", "mcp.example.com"),
];

/// A file of `deploy/` as it is.
pub fn as_it_is(path: &str) -> String {
    let file = repository().join("deploy").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A file of `deploy/`, filled in.
pub fn filled(path: &str) -> String {
    PLACEHOLDERS.iter().fold(as_it_is(path), |text, (name, value)| text.replace(name, value))
}

/// The words of capitals in a text that a reader takes for something to be filled in.
fn placeholders(text: &str) -> Vec<&str> {
    let words = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = words.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_'));
    let is_one = |word: &&str| {
        word.len() > 6 && !word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    };
    words.filter(is_one).collect()
}

#[test]
fn what_is_to_be_filled_in_is_named_and_nothing_else_is_left() {
    let files = [
        "kubernetes/gatehouse.yaml",
        "spin/runtime-config.toml",
        "spinkube/gatehouse.yaml",
        "systemd/environment",
        "systemd/gatehouse.service",
        "wasmcloud/gatehouse.yaml",
    ];
    for file in files {
        assert_eq!(placeholders(&filled(file)), Vec::<&str>::new(), "{file}");
        let text = as_it_is(file);
        let comment = text.lines().filter(|line| line.starts_with('#')).collect::<String>();
        if file.ends_with(".yaml") {
            for name in placeholders(&text) {
                assert!(comment.contains(name), "{file}: its first lines do not say that {name} is to be filled in");
            }
        }
    }
    assert!(placeholders(&as_it_is("systemd/gatehouse.service")).is_empty(), "the unit is used as it is");
}
