use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{ClientId, Subject};
use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, KeyPage};

use super::*;
use crate::client_authentication::AuthenticationText;
use crate::example::{self, Counting};
use crate::registered_client::{RegisteredText, store_registered};

const DAY: u64 = 24 * 60 * 60;

fn provider(roles: &[&str]) -> IdentityProvider {
    let mut provider = example::configuration().identity_providers[0].clone();
    provider.operator_roles = roles.iter().map(|role| (*role).to_owned()).collect();
    provider
}

fn operator(name: &str, provider: &IdentityProvider, role: Option<&str>) -> SignedInUser {
    let subject = Subject::new(&provider.name, name).unwrap();
    SignedInUser::signed_in(subject, None, provider, example::START).with_operator_role(role)
}

fn with(provider: IdentityProvider) -> Configuration {
    Configuration { identity_providers: vec![provider], ..example::configuration() }
}

#[test]
fn an_operator_has_a_role_that_is_the_operators_now() {
    let provider = provider(&["Ops"]);
    for (role, roles, is_operator) in [
        (Some("Ops"), &["Ops"][..], true),
        (Some("Ops"), &["Other", "Ops"], true),
        (Some("ops"), &["Ops"], false),
        (None, &["Ops"], false),
        (Some("Ops"), &["Other"], false),
        (Some("Ops"), &[], false),
    ] {
        let now = self::provider(roles);
        assert_eq!(operator("a", &provider, role).is_operator(&with(now)), is_operator, "{role:?} {roles:?}");
    }
    let mut elsewhere = self::provider(&["Ops"]);
    elsewhere.name = "elsewhere".to_owned();
    assert!(!operator("a", &provider, Some("Ops")).is_operator(&with(elsewhere)), "of another provider");
}

#[test]
fn an_administrator_of_consents_is_no_operator_and_the_cookie_keeps_them_apart() {
    let (keys, provider) = (example::key_ring('a'), provider(&["Ops"]));
    let browser = Browser::generate(&mut Counting::default());
    let configuration = with(provider.clone());
    for (consents, role) in [(Some("Ops"), None), (None, Some("Ops"))] {
        let account = operator("a", &provider, role).with_administrator_role(consents);
        let cookie = account.cookie_value(&browser, &keys, &mut Counting::default()).unwrap();
        let opened = SignedInUser::open(cookie.expose(), &browser, &keys, example::START).unwrap();
        assert_eq!(opened, account);
        assert_eq!(opened.is_operator(&configuration), role.is_some());
    }
}

#[test]
fn a_form_counts_for_whom_and_where_its_page_was_shown() {
    let (keys, provider) = (example::key_ring('a'), provider(&["Ops"]));
    let mut entropy = Counting::default();
    let [browser, other] = [Browser::generate(&mut entropy), Browser::generate(&mut entropy)];
    let [alice, bob] = [operator("alice", &provider, Some("Ops")), operator("bob", &provider, Some("Ops"))];
    let ticket = ticket(&alice, &browser, &keys, example::START, &mut entropy).unwrap();
    let checked = |account: &SignedInUser, browser, now| check(account, &ticket, browser, &keys, now).map(drop);
    assert_eq!(checked(&alice, &browser, example::START), Ok(()));
    assert_eq!(checked(&bob, &browser, example::START), Err(PageRejection::Foreign));
    assert_eq!(checked(&alice, &other, example::START), Err(PageRejection::Foreign));
    assert_eq!(checked(&alice, &browser, example::START.plus(15 * 60)), Err(PageRejection::Expired));
    let of_account = alice.ticket(&browser, &keys, example::START, &mut entropy).unwrap();
    assert_eq!(
        check(&alice, &of_account, &browser, &keys, example::START),
        Err(PageRejection::Foreign),
        "of another page"
    );
}

#[test]
fn of_the_forms_of_one_page_one_changes_something() {
    let (keys, provider, store) = (example::key_ring('a'), provider(&["Ops"]), MemoryStore::at(example::START));
    let mut entropy = Counting::default();
    let browser = Browser::generate(&mut entropy);
    let account = operator("a", &provider, Some("Ops"));
    for _ in 0..2 {
        let ticket = ticket(&account, &browser, &keys, example::START, &mut entropy).unwrap();
        let returned = check(&account, &ticket, &browser, &keys, example::START).unwrap();
        let first = |_| is_first_change(&returned, &store).unwrap();
        assert_eq!([0; 3].map(first), [true, false, false]);
    }
    store.go_down();
    let ticket = ticket(&account, &browser, &keys, example::START, &mut entropy).unwrap();
    let returned = check(&account, &ticket, &browser, &keys, example::START).unwrap();
    assert!(is_first_change(&returned, &store).is_err());
}

fn registered(store: &MemoryStore, entropy: &mut Counting) -> ClientId {
    let text = RegisteredText {
        client_name: "Notes".to_owned(),
        redirect_uris: vec!["https://notes.example/callback".to_owned()],
        refreshable: true,
        authentication: AuthenticationText::None,
    };
    store_registered(&text, store, example::START, entropy).unwrap()
}

#[test]
fn a_registered_client_is_counted_found_and_removed() {
    let (store, mut entropy) = (MemoryStore::at(example::START), Counting::default());
    let (configuration, keys) = (example::configuration(), example::key_ring('a'));
    let find = |id: &ClientId, now| Client::find(id, &configuration, &keys, &store, now);
    let [used, unused] = [registered(&store, &mut entropy), registered(&store, &mut entropy)];
    assert_eq!(find(&used, example::START).unwrap().origin(), ClientOrigin::Registered { last_used: None });
    find(&used, example::START).unwrap().registration.unwrap().note_use(&store, example::START, &mut entropy).unwrap();

    let counts = EntryCounts::of(&store, example::START).unwrap();
    assert_eq!(
        (counts.used, counts.unused, counts.is_cut),
        (1, 2, false),
        "the used one has two entries in its first day"
    );
    let ClientOrigin::Registered { last_used: Some([from, until]) } = find(&used, example::START).unwrap().origin()
    else {
        panic!("it was used")
    };
    assert!(from <= example::START && example::START < until);
    assert_eq!(until.seconds() - from.seconds(), 45 * DAY);

    assert_eq!(find(&used, example::START).unwrap().remove(&store, example::START), Ok(true));
    assert!(find(&used, example::START).is_err(), "it is gone, whatever it was kept for");
    assert!(find(&unused, example::START).is_ok(), "the other one is there");
    assert_eq!(EntryCounts::of(&store, example::START).unwrap().used, 0);
}

#[test]
fn a_client_of_the_configuration_is_not_removed() {
    let store = MemoryStore::at(example::START);
    let configuration = example::configuration();
    let client = Client::from(&configuration.clients[0]);
    assert_eq!(client.origin(), ClientOrigin::Configured);
    assert_eq!(client.remove(&store, example::START), Ok(false));
}

/// A store whose list of names has so many pages, each with one client.
struct Pages(u32);

impl Store for Pages {
    fn get(&self, _: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        Ok(None)
    }

    fn put(&self, _: &Key, _: &[u8]) -> Result<(), StoreUnavailable> {
        Ok(())
    }

    fn delete(&self, _: &Key) -> Result<(), StoreUnavailable> {
        Ok(())
    }

    fn increment(&self, _: &Key, _: u64) -> Result<u64, StoreUnavailable> {
        Ok(0)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        let number: u32 = cursor.map_or(1, |cursor| cursor.parse().unwrap());
        let next = (number < self.0).then(|| (number + 1).to_string());
        Ok(KeyPage { keys: vec![Key::new(CLIENT, "x", example::START.plus(60)).unwrap()], next })
    }
}

#[test]
fn twenty_pages_of_names_are_counted_and_the_page_says_where_there_are_more() {
    for (pages, counted, is_cut) in [(1, 1, false), (20, 20, false), (21, 20, true), (1_000, 20, true)] {
        let counts = EntryCounts::of(&Pages(pages), example::START).unwrap();
        assert_eq!((counts.unused, counts.is_cut), (counted, is_cut), "{pages}");
    }
}
