//! Keys that are none, and how many of them are answered.

use gatehouse_tests::{AttackWorld, raw};

use super::{FETCH, action, ask, call, call_with, configured_key, key_of, settings, subject, table, world};

/// The answer says nothing of why a key is not accepted, and the server sees nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_wrong_in_any_way_is_refused_in_one_way() {
    let second = format!(
        "[[routes]]\npath = \"/second\"\nurl = \"{{upstream}}/second-inside\"\nscopes = [\"mcp\"]\n[routes.api_keys]\n\
         session_pool = \"second-pool\"\nadministrators = [{{ label = \"operations\", secret = \"administrator_token\" }}]\n{}",
        table("neighbour", 2, "")
    );
    let mut given = settings("", "", &table("old", 3, "expires = \"2020-01-01\""));
    given.document = Some(document(&given.mcp_lines, &second));
    let world = AttackWorld::start_with(given).await;
    let good = configured_key(1);
    let issued = key_of(&world, FETCH).await;
    let bearer = format!("Bearer {}", super::ADMINISTRATOR);
    let neighbour = ask(&world, &action("second-pool", FETCH), Some(&bearer)).await.json();
    let neighbour = neighbour["apiKey"].as_str().unwrap();
    let (generation, secret) = (issued.split('_').nth(1).unwrap(), issued.rsplit('_').next().unwrap());
    let next = (generation.parse::<u64>().unwrap() + 1).to_string();
    let before = world.store().await;
    let upstream = world.upstream.requests().len();
    let answers = [
        ("never made", configured_key(9)),
        ("expired", configured_key(3)),
        ("of another route", configured_key(2)),
        ("issued for another route", neighbour.to_owned()),
        ("of another generation", issued.replacen(generation, &next, 1)),
        ("of another server key", issued.replacen("_test_", "_other_", 1)),
        ("the hash in place of the key", super::sha256(&good)),
        ("the secret without its form", secret.to_owned()),
        ("empty", String::new()),
        ("in upper case", good.to_uppercase()),
        ("with a word in front", format!("Bearer {good}")),
        ("in quotes", format!("\"{good}\"")),
        ("with a space in it", good.replace('_', " ")),
        ("two in one", format!("{good}, {good}")),
        ("padded", format!("{good}=")),
        ("a million characters", "x".repeat(10_000)),
    ];
    let mut bodies = std::collections::BTreeSet::new();
    for (what, key) in &answers {
        let answer = call(&world, key).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"/mcp\", header=\"x-ms-apikey\"", "{what}");
        bodies.insert(answer.body);
    }
    assert_eq!(bodies.len(), 1, "nobody is told why: {bodies:?}");
    assert_eq!(world.upstream.requests().len(), upstream);
    world.assert_only_changed(&before, &["failures"], "wrong keys").await;
    // Each is good where it belongs.
    assert_eq!(call_with(&world, "/second", &[("x-ms-apikey", neighbour)]).await.status, 200);
    assert_eq!(call_with(&world, "/second", &[("x-ms-apikey", &configured_key(2))]).await.status, 200);
    assert_eq!(subject(&call(&world, &good).await), "key:robot");
    world.gatehouse.stop().await;
}

/// The usual document with one route more.
fn document(mcp_lines: &str, more: &str) -> String {
    format!(
        "public_url = \"{{public_url}}\"\n[[clients]]\nclient_id = \"public\"\nclient_name = \"Public client\"\n\
         redirect_uris = [\"https://client.example/callback\"]\n{{provider}}\n[[routes]]\npath = \"/mcp\"\n\
         url = \"{{upstream}}/inside\"\nscopes = [\"mcp\", \"files\"]\n{mcp_lines}\n{more}\n[[routes]]\npath = \"/other\"\n\
         url = \"{{upstream}}/other-inside\"\nscopes = [\"mcp\"]\n"
    )
}

/// A key counts in one header of one request, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_anywhere_but_in_its_header_is_as_good_as_none() {
    let world = world().await;
    let key = configured_key(1);
    let before = world.store().await;
    let in_query = format!("/mcp?x-ms-apikey={key}&api_key={key}&subscription-key={key}&code={key}");
    assert_eq!(call_with(&world, &in_query, &[]).await.status, 401);
    let bearer = format!("Bearer {key}");
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("authorization", &format!("ApiKey {key}")),
        ("proxy-authorization", &bearer),
        ("cookie", &format!("x-ms-apikey={key}")),
        ("x-api-key", &key),
        ("x_ms_apikey", &key),
        ("x-ms-api-key", &key),
        ("ocp-apim-subscription-key", &key),
        ("x-functions-key", &key),
    ] {
        let answer = call_with(&world, "/mcp", &[(name, value)]).await;
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
    }
    for other in [&key, "other"] {
        let answer = call_with(&world, "/mcp", &[("x-ms-apikey", key.as_str()), ("x-ms-apikey", other)]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let split = format!(
        "POST /mcp HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\nx-ms-apikey : {key}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let answer = raw(&world.gatehouse.url, split.as_bytes()).await;
    assert_ne!(answer.status, Some(200), "{}", answer.text);
    assert!(world.upstream.requests().is_empty());
    world.assert_unchanged(&before, "keys in wrong places").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_at_keys_is_stopped_and_whoever_has_one_is_not() {
    let world = AttackWorld::start_with(settings("", "failures_per_minute = 20", "")).await;
    let issued = key_of(&world, FETCH).await;
    let before = world.store().await;
    let forged = issued.replacen("_test_", "_tset_", 1);
    for guess in 0..20 {
        let key = if guess % 2 == 0 { configured_key(100 + guess) } else { forged.clone() };
        assert_eq!(call(&world, &key).await.status, 401, "guess {guess}");
    }
    for guess in 0..5 {
        let answer = call(&world, &configured_key(200 + guess)).await;
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!(answer.status == 429 && (1..=60).contains(&seconds), "{answer:?}");
        assert_eq!(call(&world, &forged).await.status, 429);
        assert_eq!(call(&world, &configured_key(1)).await.status, 200, "the right key goes on");
        assert_eq!(call(&world, &issued).await.status, 200, "and the one that was fetched");
    }
    // What has not the form of a key is no guess: it is refused before anything is counted.
    assert_eq!(call(&world, "rubbish").await.status, 401);
    let changes = world.changes_since(&before).await;
    assert!(changes.len() <= 2 && changes.iter().all(|name| name.starts_with("failures.")), "{changes:?}");
    world.gatehouse.clock.advance(60);
    assert_eq!(call(&world, &configured_key(99)).await.status, 401, "the next minute");
    world.gatehouse.stop().await;
}
