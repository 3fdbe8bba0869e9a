//! Who is told the key of a session pool.

use gatehouse_tests::{Answer, Person, artefact};
use reqwest::Method;

use super::{ADMINISTRATOR, FETCH, POOL, REGENERATE, action, ask, call, key_of, settings, subject, world};

/// The variable that `gatehouse keys api` reads where no file is named.
const TOKEN_VARIABLE: &str = "GATEHOUSE_ADMINISTRATOR_TOKEN";

/// Container Apps: `az rest --method POST --uri https://…/fetchMCPServerCredentials --uri-parameters api-version=…`.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_fetches_the_same_key_each_time_at_the_path_of_the_article() {
    let world = world().await;
    let beside = world.beside().await;
    let key = key_of(&world, FETCH).await;
    assert_eq!((key_of(&world, FETCH).await, key_of(&beside, FETCH).await), (key.clone(), key.clone()));
    assert_eq!(subject(&call(&beside, &key).await), format!("key:{POOL}"));
    // Names of resources have no case at Azure.
    let spelled = action(&POOL.to_uppercase(), FETCH).replace("resourceGroups", "resourcegroups");
    let answer = ask(&world, &spelled, Some("Bearer token-of-the-deputy-5d1f0c7a-0000")).await;
    assert_eq!(answer.json()["apiKey"], key.as_str());
    // Every act is in the log: who, and at which route, and never the key.
    for label in ["operations", "deputy"] {
        let client = format!("\"client_id\":\"{label}\"");
        let is_act =
            |line: &str| line.contains("\"fetch-api-key\"") && line.contains("completed") && line.contains(&client);
        world.gatehouse.log.wait_for(|line| is_act(line) && line.contains("\"route\":\"/mcp\"")).await;
    }
    beside.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_administrator_is_told_the_key_or_replaces_it() {
    let world = world().await;
    let key = key_of(&world, FETCH).await;
    let token = world.flow_of(&Person::new("alice"), world.public(), "/other").finish().await;
    let token = token["access_token"].as_str().unwrap();
    let before = world.store().await;
    let right = format!("Bearer {ADMINISTRATOR}");
    let wrong = [
        None,
        Some("Bearer wrong".to_owned()),
        Some(format!("Bearer {ADMINISTRATOR}x")),
        Some(format!("Bearer {}", &ADMINISTRATOR[1..])),
        Some(format!("Basic {ADMINISTRATOR}")),
        Some(ADMINISTRATOR.to_owned()),
        Some(format!("Bearer {token}")),
        Some(format!("Bearer {key}")),
    ];
    for what in [FETCH, REGENERATE] {
        for authorization in &wrong {
            let answer = ask(&world, &action(POOL, what), authorization.as_deref()).await;
            assert_eq!(answer.status, 401, "{authorization:?}: {answer:?}");
            assert!(answer.header("www-authenticate").starts_with("Bearer") && !answer.body.contains("apiKey"));
        }
        // Which pools there are, nobody is told.
        let unknown = ask(&world, &action("other-pool", what), Some(&right)).await;
        let known = ask(&world, &action(POOL, what), None).await;
        assert_eq!((unknown.status, &unknown.body), (known.status, &known.body));
    }
    for (method, path, status) in [
        (Method::GET, action(POOL, FETCH), 405),
        (Method::PUT, action(POOL, REGENERATE), 405),
        (Method::POST, action(POOL, "delete"), 404),
        (Method::POST, action(POOL, FETCH).replace("/providers", "/other"), 404),
        (Method::POST, action(POOL, FETCH).replace("Microsoft.App", "Microsoft.Web"), 404),
        (Method::POST, format!("/{}", action(POOL, FETCH)), 404),
        (Method::POST, action("..", FETCH), 401),
    ] {
        let request = gatehouse_tests::http().request(method.clone(), world.url(&path)).header("authorization", &right);
        let answer = Answer::of(request.send().await.unwrap()).await;
        // A client may resolve dots itself.
        assert!(answer.status == status || path.contains(".."), "{method} {path}: {answer:?}");
        assert!(answer.status >= 400 && !answer.body.contains("apiKey"), "{method} {path}: {answer:?}");
    }
    let with_key = gatehouse_tests::http().post(world.url(&action(POOL, FETCH))).header("x-ms-apikey", &key);
    assert_eq!(Answer::of(with_key.send().await.unwrap()).await.status, 401, "whoever has the key is no administrator");
    world.assert_only_changed(&before, &["failures"], "wrong administrators").await;
    assert_eq!(key_of(&world, FETCH).await, key);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_at_the_token_of_an_administrator_is_stopped_and_the_administrator_is_not() {
    let world = gatehouse_tests::AttackWorld::start_with(settings("", "failures_per_minute = 5", "")).await;
    let key = key_of(&world, FETCH).await;
    let before = world.store().await;
    for guess in 0..5 {
        assert_eq!(ask(&world, &action(POOL, FETCH), Some(&format!("Bearer {guess}"))).await.status, 401);
    }
    for guess in 5..8 {
        let answer = ask(&world, &action(POOL, REGENERATE), Some(&format!("Bearer {guess}"))).await;
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!(answer.status == 429 && (1..=60).contains(&seconds), "{answer:?}");
    }
    assert_eq!(key_of(&world, FETCH).await, key);
    assert_eq!(call(&world, &super::configured_key(9)).await.status, 401, "callers are counted apart");
    world.assert_only_changed(&before, &["failures"], "guesses").await;
    world.gatehouse.clock.advance(60);
    assert_eq!(ask(&world, &action(POOL, FETCH), Some("Bearer 9")).await.status, 401);
    world.gatehouse.stop().await;
}

/// An administrator whose token is not set, or could be guessed.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_without_a_token_that_nobody_can_guess_is_nobody() {
    for token in ["", "hunter2", &"x".repeat(31)] {
        let mut settings = settings("", "", "");
        settings.variables[0].1 = token.to_owned();
        let world = gatehouse_tests::AttackWorld::start_with(settings).await;
        for presented in [format!("Bearer {token}"), format!("Bearer {ADMINISTRATOR}")] {
            let answer = ask(&world, &action(POOL, FETCH), Some(&presented)).await;
            assert!([401, 503].contains(&answer.status), "{token:?}: {answer:?}");
        }
        assert_eq!(call(&world, &super::configured_key(1)).await.status, 200, "callers go on");
        world.gatehouse.stop().await;
    }
}

/// `gatehouse keys api`, as an operator calls it. The key is on standard output alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_fetches_and_replaces_the_key_and_says_what_is_wrong_without_it() {
    let world = world().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{ADMINISTRATOR}\n")).unwrap();
    let run = async |action: &str, pool: &str, token: Option<&str>| {
        let mut command = tokio::process::Command::new(artefact("debug/gatehouse"));
        command.args(["keys", "api", action, &world.gatehouse.url, pool]).env_remove(TOKEN_VARIABLE);
        match token {
            Some(token) => command.env(TOKEN_VARIABLE, token),
            None => command.arg("--token-file").arg(&file),
        };
        let output = command.output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let key = key_of(&world, FETCH).await;
    assert_eq!(run("fetch", POOL, None).await, (true, format!("{key}\n"), String::new()));
    let (is_done, replaced, errors) = run("regenerate", POOL, Some(ADMINISTRATOR)).await;
    assert!(is_done && errors.is_empty() && replaced != format!("{key}\n"), "{errors}");
    assert_eq!(replaced, format!("{}\n", key_of(&world, FETCH).await));
    for (pool, token) in [(POOL, "wrong"), ("other-pool", ADMINISTRATOR)] {
        let (is_done, out, errors) = run("fetch", pool, Some(token)).await;
        assert!(!is_done && out.is_empty() && errors.contains("the answer is 401"), "{errors}");
        assert!(errors.lines().count() == 1 && !errors.contains(ADMINISTRATOR), "{errors}");
    }
    world.gatehouse.stop().await;
}

/// Nobody signs in, so nothing of an authorization server is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_gatehouse_with_keys_alone_needs_no_identity_provider() {
    let mut given = settings("", "", "");
    given.document = Some(format!(
        "public_url = \"{{public_url}}\"\n[[routes]]\npath = \"/mcp\"\nurl = \"{{upstream}}/inside\"\n{}",
        given.mcp_lines
    ));
    let world = gatehouse_tests::AttackWorld::start_with(given).await;
    let key = key_of(&world, FETCH).await;
    assert_eq!(subject(&call(&world, &key).await), format!("key:{POOL}"));
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource", "/authorize"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
    world.gatehouse.stop().await;
}
