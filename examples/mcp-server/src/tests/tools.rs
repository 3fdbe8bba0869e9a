use super::*;

const YEAR: u64 = 365 * 24 * 3600;

#[test]
fn hello_says_hello() {
    assert_eq!(Bench::new().call("demo:alice", "hello_mcp", json!({})), ("Hello I am MCPTool!".to_owned(), false));
}

#[test]
fn a_snippet_comes_back_as_it_was_saved_last() {
    let bench = Bench::new();
    for snippet in ["first", "", "zwei\n\u{0}\"<ünïcode>"] {
        let saved = bench.call("demo:alice", "save_snippet", json!({ "snippetname": "n", "snippet": snippet }));
        assert!(!saved.1, "{saved:?}");
        let got = bench.call("demo:alice", "get_snippet", json!({ "snippetname": "n" }));
        assert_eq!(got, (snippet.to_owned(), false));
    }
}

#[test]
fn the_snippets_of_two_users_are_apart() {
    let bench = Bench::new();
    bench.call("demo:alice", "save_snippet", json!({ "snippetname": "n", "snippet": "alice's" }));
    let none = bench.call("demo:bob", "get_snippet", json!({ "snippetname": "n" }));
    assert_eq!(none, ("There is no snippet \"n\".".to_owned(), true));
    bench.call("demo:bob", "save_snippet", json!({ "snippetname": "n", "snippet": "bob's" }));
    assert_eq!(bench.call("demo:alice", "get_snippet", json!({ "snippetname": "n" })).0, "alice's");
    assert_eq!(bench.call("demo:bob", "get_snippet", json!({ "snippetname": "n" })).0, "bob's");
    // Subject and name are not simply joined.
    assert!(bench.call("demo:alic", "get_snippet", json!({ "snippetname": "en" })).1);
}

#[test]
fn a_snippet_lives_for_a_year_at_least_and_two_at_most() {
    for start in [1_795_000_000 / YEAR * YEAR, 1_795_000_000, 1_795_000_000 / YEAR * YEAR + YEAR - 1] {
        let bench = Bench::new();
        bench.set_now(start);
        let get = || bench.call("demo:alice", "get_snippet", json!({ "snippetname": "n" }));
        bench.call("demo:alice", "save_snippet", json!({ "snippetname": "n", "snippet": "old" }));
        bench.set_now(start + YEAR);
        assert_eq!(get().0, "old");
        bench.call("demo:alice", "save_snippet", json!({ "snippetname": "n", "snippet": "new" }));
        assert_eq!(get().0, "new", "the newer one counts while the older one still stands");
        bench.set_now(start + 3 * YEAR);
        assert!(get().1);
    }
}

#[test]
fn arguments_that_do_not_fit_are_named_and_nothing_is_saved() {
    let bench = Bench::new();
    for (name, arguments, problem) in [
        ("hello_mcp", json!({ "x": 1 }), "x is not an argument"),
        ("save_snippet", json!({}), "snippetname is missing"),
        ("save_snippet", json!({ "snippetname": "n" }), "snippet is missing"),
        ("save_snippet", json!({ "snippetname": 3, "snippet": "s" }), "snippetname must be a string"),
        ("save_snippet", json!({ "snippetname": "n", "snippet": null }), "snippet must be a string"),
        ("save_snippet", json!({ "snippetname": "", "snippet": "s" }), "snippetname is empty"),
        ("save_snippet", json!({ "snippetname": "n".repeat(129), "snippet": "s" }), "longer than 128 characters"),
        ("save_snippet", json!({ "snippetname": "n", "snippet": "s".repeat(65_537) }), "longer than 65536 bytes"),
        ("save_snippet", json!({ "snippetname": "n", "snippet": "s", "owner": "bob" }), "owner is not an argument"),
        ("get_snippet", json!({}), "snippetname is missing"),
        ("get_snippet", json!({ "snippetname": ["n"] }), "snippetname must be a string"),
    ] {
        let (text, is_error) = bench.call("demo:alice", name, arguments.clone());
        assert!(is_error && text.contains(problem), "{name} {arguments:.80}: {text}");
    }
    assert!(bench.store.values().is_empty());
    let largest = json!({ "snippetname": "ü".repeat(128), "snippet": "s".repeat(65_536) });
    assert!(!bench.call("demo:alice", "save_snippet", largest).1);
}

#[test]
fn a_call_that_names_no_tool_has_invalid_params() {
    let bench = Bench::new();
    for params in [
        json!({}),
        json!({ "name": 3 }),
        json!({ "name": "rm" }),
        json!({ "name": "hello_mcp", "arguments": [] }),
        json!({ "name": "hello_mcp", "arguments": "x" }),
    ] {
        assert_eq!(bench.legacy("tools/call", params.clone())["error"]["code"], -32602, "{params}");
    }
    assert!(!bench.call("demo:alice", "hello_mcp", json!({})).1);
}

#[test]
fn a_store_that_fails_is_an_internal_error_whose_reason_only_the_log_gets() {
    let bench = Bench::new();
    bench.store.go_down();
    let params = json!({ "name": "get_snippet", "arguments": { "snippetname": "n" } });
    let answer = bench.legacy("tools/call", params);
    assert_eq!(answer["error"]["code"], -32603);
    assert!(!answer.to_string().contains("down"));
    assert_eq!(*bench.log.borrow(), ["the store is unavailable: down"]);
}
