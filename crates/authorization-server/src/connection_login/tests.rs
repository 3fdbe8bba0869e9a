use super::*;
use crate::example::{START, World, alice, bob, configuration_with};
use crate::login::PendingLogin;
use crate::signed_out::note_sign_out;
use gatehouse_storage::memory::{FailingStore, MemoryStore};

const CONNECTIONS: &str = r#"[[connections]]
name = "one"
client_id = "us"
authorization_endpoint = "https://one.example/a"
token_endpoint = "https://one.example/t"
[[connections]]
name = "two"
client_id = "us"
authorization_endpoint = "https://two.example/a"
token_endpoint = "https://two.example/t"
[[routes]]"#;

fn configuration() -> Configuration {
    configuration_with("[[routes]]", CONNECTIONS)
}

/// A link that alice has begun at the connection `one`: its state, and the browser.
fn begun(world: &mut World, configuration: &Configuration) -> (String, Browser) {
    let browser = world.browser.clone();
    let World { store, keys, entropy, .. } = world;
    let pending = PendingLink::begin(&alice(), keys, store, START, entropy).unwrap();
    let state = pending.state().to_owned();
    pending.keep(configuration.connection("one").unwrap(), &alice(), &browser, store, entropy).unwrap();
    (state, browser)
}

fn take<'c>(
    world: &World,
    configuration: &'c Configuration,
    state: &str,
    name: &str,
    browser: &Browser,
    subject: Option<&Subject>,
    now: UnixTime,
) -> Result<ReturnedLink<'c>, LinkRejection> {
    ReturnedLink::take(state, name, [browser], subject, &world.keys, configuration, &world.store, now)
}

fn entries(store: &MemoryStore) -> usize {
    store.list(None).unwrap().keys.len()
}

#[test]
fn a_link_is_finished_once_by_whoever_began_it_in_the_same_browser() {
    let (mut world, configuration) = (World::new(), configuration());
    let (state, browser) = begun(&mut world, &configuration);
    let alice = alice();
    let returned = take(&world, &configuration, &state, "one", &browser, Some(&alice), START).unwrap();
    assert_eq!(returned.connection.name, "one");
    assert!(returned.verifier.expose().len() >= 43);
    let again = take(&world, &configuration, &state, "one", &browser, Some(&alice), START);
    assert_eq!(again.unwrap_err(), LinkRejection::AlreadyFinished);
}

#[test]
fn an_answer_of_another_browser_user_or_server_counts_for_nothing_and_uses_nothing_up() {
    let (mut world, configuration) = (World::new(), configuration());
    let (state, browser) = begun(&mut world, &configuration);
    let (alice, bob, other) = (alice(), bob(), world.another_browser());
    let before = entries(&world.store);
    for (name, browser, subject, expected) in [
        ("one", &other, Some(&alice), LinkRejection::OtherBrowser),
        ("one", &browser, Some(&bob), LinkRejection::OtherUser),
        ("one", &browser, None, LinkRejection::OtherUser),
        ("two", &browser, Some(&alice), LinkRejection::OtherConnection),
        ("", &browser, Some(&alice), LinkRejection::OtherConnection),
    ] {
        let refused = take(&world, &configuration, &state, name, browser, subject, START).unwrap_err();
        assert_eq!(refused, expected, "{name}");
    }
    for forged in ["", "x", &state[1..], &format!("{state}A")] {
        let refused = take(&world, &configuration, forged, "one", &browser, Some(&alice), START).unwrap_err();
        assert_eq!(refused, LinkRejection::Unrecognised, "{forged}");
    }
    let late = START.plus(LOGIN_SECONDS);
    let refused = take(&world, &configuration, &state, "one", &browser, Some(&alice), late).unwrap_err();
    assert_eq!(refused, LinkRejection::Expired);
    assert_eq!(entries(&world.store), before);
    assert!(take(&world, &configuration, &state, "one", &browser, Some(&alice), START).is_ok());
}

#[test]
fn a_link_that_was_begun_before_its_user_signed_out_everywhere_is_not_finished() {
    let (mut world, configuration) = (World::new(), configuration());
    let (state, browser) = begun(&mut world, &configuration);
    let (alice, later) = (alice(), START.plus(60));
    world.store.set_now(later);
    note_sign_out(&alice, &world.keys, &world.store, later, &mut world.entropy).unwrap();
    let before = entries(&world.store);
    let refused = take(&world, &configuration, &state, "one", &browser, Some(&alice), later.plus(1)).unwrap_err();
    assert_eq!(refused, LinkRejection::SignedOut);
    assert_eq!(entries(&world.store), before);

    // What somebody else did ends nothing.
    let mut world = World::new();
    let (state, browser) = begun(&mut world, &configuration);
    note_sign_out(&bob(), &world.keys, &world.store, START, &mut world.entropy).unwrap();
    assert!(take(&world, &configuration, &state, "one", &browser, Some(&alice), START).is_ok());
}

#[test]
fn a_code_does_not_reach_a_server_that_was_given_the_name_meanwhile() {
    let (mut world, configuration) = (World::new(), configuration());
    let (state, browser) = begun(&mut world, &configuration);
    let moved =
        configuration_with("[[routes]]", &CONNECTIONS.replace("https://one.example/t", "https://evil.example/t"));
    let refused = take(&world, &moved, &state, "one", &browser, Some(&alice()), START).unwrap_err();
    assert_eq!(refused, LinkRejection::Withdrawn);
}

#[test]
fn whoever_begins_link_after_link_is_stopped_and_keeps_nobody_else_from_linking_or_signing_in() {
    let mut world = World::new();
    let World { store, keys, entropy, .. } = &mut world;
    let (alice, bob, ours) = (alice(), bob(), &*keys);
    for _ in 0..LINKS_PER_MINUTE {
        PendingLink::begin(&alice, ours, store, START, entropy).unwrap();
    }
    let before = entries(store);
    for _ in 0..3 {
        let refused = PendingLink::begin(&alice, ours, store, START, entropy).unwrap_err();
        assert!(matches!(refused, BeginRejection::TooMany { retry_after: 1..=60 }), "{refused}");
    }
    assert_eq!(entries(store), before);
    PendingLink::begin(&bob, ours, store, START, entropy).unwrap();
    let login = PendingLogin::generate(ours, START, entropy).unwrap();
    assert_eq!(login.count(1, store, START), Ok(()), "the first sign-in of this minute");
    assert!(PendingLink::begin(&alice, ours, store, START.plus(60), entropy).is_ok(), "a minute later");
    let silent = FailingStore::after(0, store);
    let refused = PendingLink::begin(&bob, ours, &silent, START, entropy).unwrap_err();
    assert!(matches!(refused, BeginRejection::Unavailable(_)), "{refused}");
}
