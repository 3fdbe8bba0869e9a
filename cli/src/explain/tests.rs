#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;

use clap::Parser;

use super::*;

const DOCUMENT: &str = r#"
    public_url = "https://gateway.example"

    [identity_provider]
    name = "main"
    issuer = "https://login.example"
    client_id = "gatehouse"

    [[routes]]
    path = "/files"
    url = "http://10.0.0.7:8080/mcp"
    policy = [
        { name = "readers", groups = ["engineering"], tools = ["read_*"], resources = ["file:///public/*"] },
        { name = "writers", groups = ["engineering"], scopes = ["files:write"], tools = ["write_*"] },
        { name = "no-machines", effect = "deny", providers = ["client"] },
    ]
"#;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    explain: Explain,
}

fn answer(document: &str, options: &[&str]) -> Result<(String, bool), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatehouse.toml");
    fs::write(&file, document).unwrap();
    let line = ["explain", file.to_str().unwrap()].into_iter().chain(options.iter().copied());
    Line::try_parse_from(line)
        .map_err(|error| error.to_string())?
        .explain
        .answer()
        .map_err(|error| format!("{error:#}"))
}

#[test]
fn a_question_is_answered_in_lines() {
    let (text, is_allowed) =
        answer(DOCUMENT, &["--subject", "main:alice", "--group", "engineering", "--tool", "write_file"]).unwrap();
    assert!(!is_allowed);
    assert_eq!(
        text,
        "\
No --scope is given: those that the route needs are assumed.
Who: main:alice through the client some-client
  scopes mcp
  tenant none; groups engineering; roles none
What: tools/call, tool write_file, at /files
Denied: no rule allows it
  It would be allowed with the scope files:write: the client is told to ask for it
Rule readers (allow) does not: it is about tools read_*; resources file:///public/*
Rule writers (allow) does not: the token lacks the scope files:write
Rule no-machines (deny) does not: it is for users of client
"
    );
}

#[test]
fn every_option_counts() {
    const ENGINEER: [&str; 2] = ["--group", "engineering"];
    for (options, expected) in [
        (["--tool", "read_a"].as_slice(), true),
        (&["--tool", "read_a", "--method", "tools/call", "--route", "/files"], true),
        (&["--tool", "write_a", "--scope", "mcp", "--scope", "files:write"], true),
        (&["--tool", "write_a", "--scope", "files:write"], false),
        (&["--resource", "file:///public/a"], true),
        (&["--resource", "file:///public/{a}", "--method", "completion/complete"], true),
        (&["--resource", "file:///{a}", "--method", "completion/complete"], false),
        (&["--resource", "file:///public/a", "--method", "resources/subscribe"], true),
        (&["--prompt", "greet"], false),
        (&["--method", "ping"], true),
        (&["--method", "ping", "--subject", "client:robot"], false),
        (&["--method", "tasks/get", "--client", "a", "--role", "b", "--tenant", "c"], false),
    ] {
        let options: Vec<_> = ENGINEER.into_iter().chain(options.iter().copied()).collect();
        assert_eq!(answer(DOCUMENT, &options).unwrap().1, expected, "{options:?}");
    }
}

#[test]
fn programs_get_json() {
    let (text, _) =
        answer(DOCUMENT, &["--json", "--role", "r", "--tenant", "t", "--client", "c", "--prompt", "p"]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["decision"], &json["target"]), (&"denied".into(), &"prompt p".into()));
    assert_eq!(
        (&json["subject"], &json["client"], &json["tenant"]),
        (&"main:somebody".into(), &"c".into(), &"t".into())
    );
    assert_eq!(json["rules"].as_array().unwrap().len(), 3);
}

#[test]
fn what_the_server_is_told_of_the_caller_is_explained_too() {
    let headers = "url = \"http://10.0.0.7:8080/mcp\"\nsubject_header = \"x-who\"\n\
                   identity_headers = { claims = { x-groups = \"groups\" } }";
    let document = DOCUMENT.replace("url = \"http://10.0.0.7:8080/mcp\"", headers);
    let (text, _) = answer(&document, &["--tool", "a"]).unwrap();
    let told = "The server http://10.0.0.7:8080/mcp is told of the caller: subject in x-who, groups in x-groups\n";
    assert!(text.ends_with(told), "{text}");
    let (json, _) = answer(&document, &["--tool", "a", "--json"]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["servers_told"][0]["told"], "subject in x-who, groups in x-groups");
    let (json, _) = answer(DOCUMENT, &["--tool", "a", "--json"]).unwrap();
    assert!(!json.contains("servers_told"));
}

#[test]
fn an_address_that_may_not_come_is_refused_whatever_the_rules_say() {
    let document =
        DOCUMENT.replace("policy = [", "networks = { allow = [\"192.0.2.0/24\"], deny = [\"192.0.2.9\"] }\npolicy = [");
    let ask = |address: &str, more: &[&str]| {
        let options = [&["--group", "engineering", "--tool", "read_a", "--address", address], more].concat();
        answer(&document, &options).unwrap()
    };
    let (text, is_allowed) = ask("192.0.2.1", &[]);
    assert!(is_allowed && text.contains("From 192.0.2.1: may come to the route\n"), "{text}");
    for (address, said) in [
        ("192.0.2.9", "the client's address is in 192.0.2.9/32, which networks deny"),
        ("::ffff:192.0.2.9", "the client's address is in 192.0.2.9/32, which networks deny"),
        ("2001:db8::1", "the client's address is in none of the ranges that networks allow"),
    ] {
        let (text, is_allowed) = ask(address, &[]);
        assert!(
            !is_allowed && text.contains(&format!("From {address}: refused before anything else: {said}\n")),
            "{text}"
        );
        let (text, _) = ask(address, &["--json"]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["decision"], &json["network"]), (&"denied".into(), &format!("refused: {said}").into()));
    }
    assert!(answer(&document, &["--tool", "read_a", "--address", "10.0.0.0/8"]).is_err());
}

#[test]
fn a_wrong_question_is_told_in_one_line() {
    let two = format!("{DOCUMENT}\n[[routes]]\npath = \"/b\"\nurl = \"http://10.0.0.8/\"");
    for (document, options, said) in [
        (DOCUMENT, ["--method", "tools/call"].as_slice(), "tools/call is done to something: --tool is missing"),
        (
            DOCUMENT,
            &["--method", "tools/call", "--prompt", "a"],
            "tools/call is done to something else: it goes with --tool",
        ),
        (DOCUMENT, &[], "say what the caller does: --tool, --resource, --prompt or --method"),
        (DOCUMENT, &["--route", "/c", "--tool", "a"], "there is no route /c; the routes are /files"),
        (&two, &["--tool", "a"], "--route is missing; the routes are /files, /b"),
        (
            DOCUMENT,
            &["--subject", "alice", "--tool", "a"],
            "--subject alice is not PROVIDER:ID; the providers are main",
        ),
        (
            DOCUMENT,
            &["--subject", "other:a", "--tool", "a"],
            "--subject other:a is not PROVIDER:ID; the providers are main",
        ),
        (DOCUMENT, &["--tool", "a", "--prompt", "b"], "cannot be used with"),
        (
            "public_url = 1",
            &["--tool", "a"],
            "gatehouse.toml: the configuration key `public_url` must be text in quotes",
        ),
    ] {
        let error = answer(document, options).unwrap_err();
        assert!(error.contains(said), "{options:?}: {error}");
    }
    let providers = DOCUMENT.replace("[identity_provider]", "[[identity_providers]]").replace(
        "[[routes]]",
        "[[identity_providers]]\nname = \"b\"\nissuer = \"https://b.example\"\nclient_id = \"b\"\n[[routes]]",
    );
    let providers = providers.replace("groups =", "providers = [\"main\"], groups =");
    let error = answer(&providers, &["--tool", "a"]).unwrap_err();
    assert_eq!(error, "--subject is missing; it says at which provider the user signs in: b:… or main:…");
    let missing = Line::try_parse_from(["explain", "no/such/file", "--tool", "a"]).unwrap().explain;
    assert!(format!("{:#}", missing.answer().unwrap_err()).starts_with("cannot read no/such/file: "));
}

/// docs/cases.md, O8.
#[test]
fn a_question_about_a_method_that_there_is_not_or_that_has_no_such_thing_is_refused() {
    for (options, said) in [
        (["--method", "tools/cal", "--tool", "x"], "MCP has no method tools/cal; did you mean tools/call?"),
        (["--method", "Tools/Call", "--tool", "x"], "MCP has no method Tools/Call; did you mean tools/call?"),
        (["--method", "resource/read", "--resource", "x:y"], "did you mean resources/read?"),
        (
            ["--method", "tools/list", "--tool", "x"],
            "tools/list is done to nothing in particular: leave out --tool, or leave out --method",
        ),
        (["--method", "ping", "--prompt", "x"], "ping is done to nothing in particular: leave out --prompt"),
        (["--method", "acme/run", "--tool", "x"], "acme/run is done to nothing in particular: leave out --tool"),
        (["--method", "subscriptions/listen", "--tool", "x"], "leave out --tool"),
    ] {
        let error = answer(DOCUMENT, &options).unwrap_err();
        assert!(error.contains(said), "{options:?}: {error}");
    }
    assert!(answer(DOCUMENT, &["--method", "tools/lisst"]).unwrap_err().contains("did you mean tools/list?"));
    let (text, _) = answer(DOCUMENT, &["--method", "acme/run"]).unwrap();
    assert!(text.contains("No version of MCP has a method acme/run; a server may have it."), "{text}");
    for right in ["tools/list", "ping", "notifications/progress", "subscriptions/listen"] {
        assert!(!answer(DOCUMENT, &["--method", right]).unwrap().0.contains("No version"), "{right}");
    }
    assert!(answer(DOCUMENT, &["--method", "subscriptions/listen", "--resource", "file:///a"]).is_ok());
}

#[test]
fn the_holder_of_an_api_key_is_explained_like_any_caller() {
    const KEYS: &str = r#"
        [routes.api_keys]
        session_pool = "pool"
        administrators = [{ label = "operations", secret = "administrator" }]
        [[routes.api_keys.keys]]
        label = "robot"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000001"
        scopes = ["mcp", "files:write"]
        [[routes.api_keys.keys]]
        label = "old"
        sha256 = "0000000000000000000000000000000000000000000000000000000000000002"
        expires = "2020-01-01"
    "#;
    let rules = DOCUMENT.replace(
        "groups = [\"engineering\"], scopes",
        "subjects = [\"key:robot\", \"key:old\"], providers = [\"key\"], scopes",
    );
    let document = format!("{rules}{KEYS}");
    let asked = |options: &[&str]| answer(&document, options);
    let (text, is_allowed) = asked(&["--key", "robot", "--tool", "write_a"]).unwrap();
    assert!(is_allowed && text.contains("Who: key:robot through the client key:robot"), "{text}");
    assert!(!asked(&["--key", "pool", "--tool", "write_a"]).unwrap().1, "a rule denies it");
    let listed = document.replacen("[[routes]]", "[[routes]]\nallowed_clients = [\"robot\", \"key:pool\"]", 1);
    let (text, is_allowed) = answer(&listed, &["--key", "robot", "--tool", "write_a"]).unwrap();
    assert!(!is_allowed && text.contains("the client key:robot is none of allowed_clients"), "{text}");
    let (text, is_allowed) = asked(&["--key", "old", "--tool", "write_a"]).unwrap();
    assert!(!is_allowed && text.contains("the API key old has expired"), "{text}");
    let (text, is_allowed) = asked(&["--subject", "main:alice", "--tool", "write_a", "--json"]).unwrap();
    assert!(!is_allowed && text.contains("no way in at /files: it takes the API keys robot, old, pool"), "{text}");
    let error = asked(&["--key", "nobody", "--tool", "a"]).unwrap_err();
    assert!(error.contains("its keys are robot, old, pool"), "{error}");
    assert!(answer(DOCUMENT, &["--key", "robot", "--tool", "a"]).unwrap_err().contains("takes no API keys"));
}

#[test]
fn the_checked_in_example_allows_everything() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gatehouse.toml");
    let (text, is_allowed) = answer(&fs::read_to_string(example).unwrap(), &["--tool", "a"]).unwrap();
    assert!(is_allowed && text.contains("Allowed: there are no rules at /mcp"), "{text}");
}

#[test]
fn who_does_not_come_as_far_as_the_rules_is_told_why() {
    let open = DOCUMENT.replacen("[[routes]]", "[[routes]]\nunauthenticated = \"allow\"", 1);
    let listed = DOCUMENT.replacen("[[routes]]", "[[routes]]\nallowed_clients = [\"desktop\"]", 1);
    assert_ne!(open, DOCUMENT);
    let (text, is_allowed) = answer(DOCUMENT, &["--subject", "nobody", "--tool", "a"]).unwrap();
    assert!(!is_allowed && text.contains("lets nobody in who shows nothing (unauthenticated)"), "{text}");
    let nobody = |document: &str| answer(document, &["--subject", "nobody", "--tool", "read_a"]).unwrap();
    assert!(!nobody(&open).1, "the rules name groups, and one denies something to some");
    let (before, rest) = open.split_once("policy = [").unwrap();
    let (_, after) = rest.rsplit_once(']').unwrap();
    let (text, is_allowed) = nobody(&format!("{before}policy = [{{ name = \"all\", tools = [\"read_*\"] }}]\n{after}"));
    assert!(is_allowed, "{text}");
    let (text, is_allowed) = answer(&listed, &["--client", "other", "--tool", "a"]).unwrap();
    assert!(!is_allowed && text.contains("the client other is none of allowed_clients of"), "{text}");
    assert!(!answer(&listed, &["--client", "desktop", "--tool", "a"]).unwrap().0.contains("allowed_clients"));
}

#[test]
fn the_bearer_of_another_issuers_token_comes_in_only_where_the_route_takes_it() {
    const OTHERS: &str = r#"
        [[token_issuers]]
        name = "partner"
        issuer = "https://login.partner.example"

        [[token_issuers]]
        name = "asked"
        introspection = { url = "https://asked.example/introspect", client_id = "gatehouse", client_secret = { secret = "asked_secret" } }

        [[routes]]
        path = "/partner"
        url = "http://10.0.0.8:8080/mcp"
        policy = [{ name = "readers", providers = ["partner"], tools = ["read_*"] }]
        tokens = [{ issuer = "partner", audiences = ["api://mcp"], client_application_ids = ["desktop"] }]

        [[routes]]
        path = "/both"
        url = "http://10.0.0.9:8080/mcp"
        own_tokens = true
        tokens = [{ issuer = "asked", audiences = ["api://mcp"] }]
    "#;
    // With several of whoever names groups, a rule says whose it means.
    let rules = DOCUMENT.replace("groups = [", "providers = [\"main\"], groups = [");
    let document = format!("{rules}{OTHERS}");
    let asked = |route: &str, subject: &str, more: &[&str]| {
        let question = ["--route", route, "--subject", subject, "--tool", "read_a"];
        answer(&document, &[&question, more].concat()).unwrap()
    };
    let (text, is_allowed) = asked("/partner", "partner:alice", &["--client", "partner:desktop"]);
    assert!(is_allowed && text.contains("Who: partner:alice through the client partner:desktop"), "{text}");
    assert!(!asked("/partner", "asked:alice", &["--client", "asked:desktop"]).1, "the route takes no such token");
    for (route, subject, more, reason) in [
        (
            "/partner",
            "partner:alice",
            ["--client", "partner:other"].as_slice(),
            "partner:other is none of client_application_ids for partner at /partner; write --client partner:ID",
        ),
        (
            "/partner",
            "partner:alice",
            &["--client", "desktop"],
            "desktop is none of client_application_ids for partner at /partner; write --client partner:ID",
        ),
        (
            "/partner",
            "main:alice",
            &[],
            "no way in at /partner: it takes tokens of partner for api://mcp, of the applications desktop, with the scopes mcp and \
             their own; main:alice can have none of these",
        ),
        (
            "/both",
            "partner:alice",
            &[],
            "no way in at /both: it takes Gatehouse's own access tokens; tokens of asked for api://mcp, with the scopes mcp and their \
             own, asked about once in 60 seconds; partner:alice can have none of these",
        ),
    ] {
        let (text, is_allowed) = asked(route, subject, more);
        assert!(!is_allowed);
        assert_eq!(text, format!("denied: {reason}\n"));
        let (json, _) = asked(route, subject, &[more, &["--json"]].concat());
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json, serde_json::json!({ "decision": "denied", "reason": reason }));
    }
    for subject in ["asked:alice", "main:alice"] {
        assert!(asked("/both", subject, &[]).1, "{subject}");
    }
}
