use gatehouse_protocol::Scope;

use crate::{Configuration, Part, Route, Source, compile};

fn document(tokens: &str, more: &str) -> String {
    format!(
        "public_url = \"https://gateway.example\"\n[[token_issuers]]\nname = \"one\"\nissuer = \"https://one.example\"\n\
         [[token_issuers]]\nname = \"two\"\nissuer = \"https://two.example\"\n[[routes]]\npath = \"/mcp\"\n\
         url = \"https://server.example\"\ntokens = [{tokens}]\n{more}"
    )
}

const ONE: &str = r#"{ issuer = "one", audiences = ["api://mcp"] }"#;

fn route(tokens: &str, more: &str) -> Route {
    Configuration::parse(&document(tokens, more)).unwrap().routes[0].clone()
}

#[test]
fn a_route_with_tokens_takes_none_of_ours_unless_it_says_so_and_needs_no_provider() {
    assert!(!route(ONE, "").own_tokens);
    let refused = Configuration::parse(&document(ONE, "own_tokens = true")).unwrap_err().to_string();
    assert!(refused.contains("`identity_provider` is missing"), "{refused}");
}

#[test]
fn a_route_without_scopes_asks_for_none_of_others_and_one_with_scopes_does() {
    let granted = |route: Route| route.accepted_tokens.unwrap().granted_scopes;
    assert_eq!(granted(route(ONE, "")), ["mcp"]);
    assert_eq!(granted(route(ONE, "scopes = [\"files\"]")), Vec::<String>::new());
}

#[test]
fn published_scopes_are_what_a_client_asks_for() {
    let tokens = r#"{ issuer = "one", audiences = ["a"], published_scopes = ["api://x/read, api://x/write", "plain"], granted_scopes = ["mcp"] }"#;
    let accepted = route(tokens, "").accepted_tokens.unwrap();
    assert_eq!(accepted.published_scopes, ["api://x/read", "api://x/write", "plain"]);
    let asked = |scope: &str| accepted.asked_for(&Scope::parse(scope).unwrap()).map(str::to_owned);
    assert_eq!(asked("write").as_deref(), Some("api://x/write"));
    assert_eq!(asked("plain").as_deref(), Some("plain"));
    assert_eq!(asked("mcp"), None);
    assert_eq!(asked("other").as_deref(), Some("other"));
}

#[test]
fn what_could_not_be_meant_is_refused_by_its_key() {
    let long = format!(r#"{{ issuer = "one", audiences = ["a"], failed_message = "{}" }}"#, "x".repeat(201));
    for (tokens, key) in [
        (r#"{ issuer = "three", audiences = ["a"] }"#, "tokens[0].issuer"),
        (r#"{ issuer = "one", audiences = [] }"#, "tokens[0].audiences"),
        (r#"{ issuer = "one", audiences = [""] }"#, "tokens[0].audiences[0]"),
        (r#"{ issuer = "one", audiences = ["a"] }, { issuer = "one", audiences = ["b"] }"#, "tokens[1].issuer"),
        (r#"{ issuer = "one", audiences = ["a"], header_name = "cookie" }"#, "tokens[0].header_name"),
        (r#"{ issuer = "one", audiences = ["a"], scheme = "" }"#, "tokens[0].scheme"),
        (r#"{ issuer = "one", audiences = ["a"], scheme = "a b" }"#, "tokens[0].scheme"),
        (r#"{ issuer = "one", audiences = ["a"], failed_status = "404" }"#, "tokens[0].failed_status"),
        (&long, "tokens[0].failed_message"),
        (
            r#"{ issuer = "one", audiences = ["a"], required_claims = [{ name = "/" }] }"#,
            "tokens[0].required_claims[0].name",
        ),
        (
            r#"{ issuer = "one", audiences = ["a"], required_claims = [{ name = "a", separator = "" }] }"#,
            "tokens[0].required_claims[0].separator",
        ),
        (
            r#"{ issuer = "one", audiences = ["a"] }, { issuer = "two", audiences = ["b"], failed_status = "403" }"#,
            "tokens[1].failed_status",
        ),
    ] {
        let refused = Configuration::parse(&document(tokens, "")).unwrap_err().to_string();
        assert!(refused.contains(&format!("`routes[0].{key}`")), "{key}: {refused}");
    }
}

#[test]
fn a_compiled_route_has_its_tokens_and_a_change_of_meaning_has_another_sum() {
    let compiled = compile(&document(ONE, "")).unwrap();
    let source = Source::read(compiled).unwrap();
    let read = Route::from_part(&source.part(&Part::Route("/mcp")).unwrap().unwrap()).unwrap();
    assert_eq!(read, route(ONE, ""));
    let sum = |tokens: &str| route(tokens, "").accepted_tokens.unwrap().fingerprint;
    assert_eq!(sum(ONE), sum(r#"{ audiences = ["api://mcp"], issuer = "one", scheme = "Bearer" }"#));
    assert_ne!(sum(ONE), sum(r#"{ issuer = "one", audiences = ["api://mcp", "b"] }"#));
    assert_ne!(sum(ONE), sum(r#"{ issuer = "two", audiences = ["api://mcp"] }"#));
}

/// What is kept of a token of Entra without its groups are those that rules named then.
#[test]
fn a_group_that_a_rule_begins_to_name_makes_what_was_verified_before_count_no_more() {
    let fingerprint = |issuer: &str, group: &str| {
        let document = format!(
            "public_url = \"https://gateway.example\"\n[[token_issuers]]\nname = \"it\"\n{issuer}\n[[routes]]\npath = \"/mcp\"\n\
             url = \"https://server.example\"\ntokens = [{{ issuer = \"it\", audiences = [\"a\"] }}]\n\
             [[routes.policy]]\nname = \"rule\"\ngroups = [\"{group}\"]"
        );
        let configuration = Configuration::parse(&document).unwrap();
        configuration.routes[0].accepted_tokens.clone().unwrap().fingerprint
    };
    let entra = "profile = \"entra\"\ntenant = \"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10\"";
    assert_ne!(fingerprint(entra, "a"), fingerprint(entra, "b"));
    let other = "issuer = \"https://one.example\"";
    assert_eq!(fingerprint(other, "a"), fingerprint(other, "b"), "its tokens hold them all");
}

#[test]
fn every_route_knows_the_headers_in_which_tokens_are_shown_at_any() {
    let tokens = r#"{ issuer = "one", audiences = ["a"], header_name = "X-Token", scheme = "" }, { issuer = "two", audiences = ["a"] }"#;
    let text = document(
        tokens,
        "[[routes]]\npath = \"/other\"\nurl = \"https://other.example\"\nown_tokens = false\n\
                                 tokens = [{ issuer = \"one\", audiences = [\"a\"], header_name = \"x-other\" }]",
    );
    let whole = Configuration::parse(&text).unwrap();
    assert_eq!(whole.gateway.token_headers, ["x-other", "x-token"]);
    assert_eq!(Configuration::of_source(&Source::read(compile(&text).unwrap()).unwrap()).unwrap(), whole);
}

#[test]
fn keys_and_tokens_of_a_route_are_in_headers_that_no_server_takes_for_one() {
    let refused = |keys: &str, tokens: &str| {
        let tokens = format!(r#"{{ issuer = "one", audiences = ["a"], header_name = "{tokens}" }}"#);
        let keys = format!(
            "api_keys = {{ header = \"{keys}\", keys = [{{ label = \"robot\", sha256 = \"{}\" }}] }}",
            "0".repeat(64)
        );
        Configuration::parse(&document(&tokens, &keys)).err().map(|error| error.to_string())
    };
    for (keys, tokens) in [("x-token", "X-Token"), ("x_token", "x-token"), ("x-token", "x_token")] {
        let text = refused(keys, tokens).expect("refused");
        assert!(text.contains("`routes[0].api_keys.header`") && text.contains("tokens.header_name"), "{text}");
    }
    assert_eq!(refused("x-ms-apikey", "x-token"), None);
    assert_eq!(refused("x-ms-apikey", "authorization"), None);
}
