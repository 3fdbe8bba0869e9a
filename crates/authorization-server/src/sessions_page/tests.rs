use gatehouse_storage::memory::FailingStore;
use proptest::prelude::*;

use super::*;
use crate::example::{
    START, World, alice, bob, configuration_with, configuration_with_two_providers, key_ring,
    with_each_character_changed,
};
use crate::signed_out::note_sign_out;

impl World {
    fn signed_in(&self) -> SignedInUser {
        SignedInUser::signed_in(alice(), Some("Alice <a@b.example>"), self.provider(), START)
    }

    fn cookie(&mut self, account: &SignedInUser) -> String {
        account.cookie_value(&self.browser, &self.keys, &mut self.entropy).unwrap().expose().to_owned()
    }

    fn opened(&self, cookie: &str, browser: &Browser, now: UnixTime) -> Option<SignedInUser> {
        SignedInUser::open(cookie, browser, &self.keys, now)
    }
}

#[test]
fn an_account_comes_back_from_its_cookie_and_stores_nothing() {
    let mut world = World::new();
    let account = world.signed_in();
    let before = world.store.snapshot();
    let cookie = world.cookie(&account);
    assert_eq!(world.opened(&cookie, &world.browser, START), Some(account.clone()));
    assert_eq!(account.provider(&world.configuration).map(|it| it.name.as_str()), Some("demo"));
    assert_eq!(account.seconds_left(START.plus(60)), 840);
    assert_eq!(account.name(), "Alice <a@b.example>");
    assert_eq!(SignedInUser::signed_in(alice(), None, world.provider(), START).name(), "alice");
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_cookie_is_good_until_the_second_in_which_it_is_15_minutes_old() {
    let mut world = World::new();
    let account = world.signed_in();
    let cookie = world.cookie(&account);
    for (seconds, in_time) in [(0, true), (899, true), (900, false), (1_000_000, false)] {
        assert_eq!(world.opened(&cookie, &world.browser, START.plus(seconds)).is_some(), in_time, "{seconds}");
    }
}

#[test]
fn a_cookie_is_good_in_its_browser_only() {
    let mut world = World::new();
    let account = world.signed_in();
    let cookie = world.cookie(&account);
    let other = world.another_browser();
    assert_eq!(world.opened(&cookie, &other, START), None);
}

#[test]
fn who_has_signed_out_everywhere_since_the_sign_in_is_signed_in_no_longer_and_who_signs_in_anew_is() {
    let mut world = World::new();
    let out = START.plus(60);
    let at = |subject, now| SignedInUser::signed_in(subject, None, World::new().provider(), now);
    let before = [at(alice(), START), at(alice(), out)];
    let (after, of_bob) = (at(alice(), out.plus(1)), at(bob(), START));
    let has_signed_out = |world: &World, account: &SignedInUser| account.has_signed_out(&world.keys, &world.store);
    for account in &before {
        assert_eq!(has_signed_out(&world, account), Ok(false));
    }
    world.store.set_now(out);
    note_sign_out(&alice(), &world.keys, &world.store, out, &mut world.entropy).unwrap();
    for later in [0, 839] {
        world.store.set_now(out.plus(later));
        for account in &before {
            assert_eq!(has_signed_out(&world, account), Ok(true), "{later}");
        }
        assert_eq!(has_signed_out(&world, &after), Ok(false), "{later}");
        assert_eq!(has_signed_out(&world, &of_bob), Ok(false), "{later}");
    }
    let silent = FailingStore::after(0, &world.store);
    assert!(after.has_signed_out(&world.keys, &silent).is_err(), "the store does not answer");
}

#[test]
fn what_is_not_such_a_cookie_is_nobody() {
    let mut world = World::new();
    let account = world.signed_in();
    let cookie = world.cookie(&account);
    let ticket = account.ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    let sign_in = sign_in_ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    let foreign = account.cookie_value(&world.browser, &key_ring('B'), &mut world.entropy).unwrap();
    let mut forged = vec![String::new(), cookie[1..].to_owned(), format!("{cookie}A"), ticket, sign_in];
    forged.push(foreign.expose().to_owned());
    forged.extend(with_each_character_changed(&cookie));
    for forged in forged {
        assert_eq!(world.opened(&forged, &world.browser, START), None, "{forged}");
    }
}

#[test]
fn a_provider_that_was_removed_leaves_nobody_signed_in() {
    let world = World::new();
    let account = world.signed_in();
    let removed = configuration_with("name = \"demo\"", "name = \"another\"");
    assert!(account.provider(&removed).is_none());
    assert_eq!(account.provider(&configuration_with_two_providers()).map(|it| it.name.as_str()), Some("demo"));
}

#[test]
fn a_form_counts_for_the_account_that_its_page_showed() {
    let mut world = World::new();
    let account = world.signed_in();
    let ticket = account.ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    assert_eq!(account.check(&ticket, &world.browser, &world.keys, START.plus(899)), Ok(()));
    assert_eq!(account.check(&ticket, &world.browser, &world.keys, START.plus(900)), Err(PageRejection::Expired));
    let other_browser = world.another_browser();
    assert_eq!(account.check(&ticket, &other_browser, &world.keys, START), Err(PageRejection::Foreign));
    // Somebody else has signed in at the same browser since.
    let other = SignedInUser::signed_in(bob(), None, world.provider(), START);
    assert_eq!(other.check(&ticket, &world.browser, &world.keys, START), Err(PageRejection::Foreign));
    let cookie = world.cookie(&account);
    let sign_in = sign_in_ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    for forged in with_each_character_changed(&ticket).chain([String::new(), cookie, sign_in]) {
        assert_eq!(account.check(&forged, &world.browser, &world.keys, START), Err(PageRejection::Foreign), "{forged}");
    }
}

/// Login cross-site request forgery: else the victim would look at the attacker's account.
#[test]
fn a_sign_in_counts_in_the_browser_that_was_shown_its_page() {
    let mut world = World::new();
    let ticket = sign_in_ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    let check = |ticket: &str, browser: &Browser, now| check_sign_in(ticket, browser, &world.keys, now).map(|_| ());
    assert_eq!(check(&ticket, &world.browser, START.plus(899)), Ok(()));
    assert_eq!(check(&ticket, &world.browser, START.plus(900)), Err(PageRejection::Expired));
    let other = Browser::generate(&mut world.entropy);
    assert_eq!(check(&ticket, &other, START), Err(PageRejection::Foreign));
    let account = world.signed_in().ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    for forged in with_each_character_changed(&ticket).chain([String::new(), account]) {
        assert_eq!(check(&forged, &world.browser, START), Err(PageRejection::Foreign), "{forged}");
    }
}

#[test]
fn the_cookie_shows_nothing_of_whom_it_is_for() {
    use base64::Engine as _;
    let mut world = World::new();
    let account = world.signed_in();
    let cookie = world.cookie(&account);
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&cookie).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).to_lowercase().contains("alice"));
    assert!(!format!("{account:?}").contains("a@b.example"), "{account:?}");
    let name = |url| SignedInUser::cookie_name(&WebOrigin::parse(url).unwrap());
    assert_eq!(name("https://g.example"), "__Host-gatehouse-account");
    assert_eq!(name("http://127.0.0.1:3000"), "gatehouse-account");
}

proptest! {
    #[test]
    fn any_text_is_no_cookie_and_no_ticket(text in prop_oneof![".{0,100}", "[A-Za-z0-9_-]{0,200}"]) {
        let world = World::new();
        prop_assert_eq!(world.opened(&text, &world.browser, START), None);
        let account = world.signed_in();
        prop_assert_eq!(account.check(&text, &world.browser, &world.keys, START), Err(PageRejection::Foreign));
        prop_assert_eq!(check_sign_in(&text, &world.browser, &world.keys, START), Err(PageRejection::Foreign));
    }
}
